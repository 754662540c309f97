// Members that have gone on to a view without this one: they are asked outside the view, and their
// silence inside it is excused for a while. And those that another process has replaced. Spec 3.11,
// 7.2, 7.4.
#include <set>

#include "failure/failure_detector.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::failure {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ElsewhereTest : public ::testing::Test {
 protected:
  // This member has rank 0; the others are heard until the test begins.
  void Begin(size_t members) {
    std::vector<MemberInfo> infos(members);
    for (size_t i = 0; i < members; ++i) infos[i].id = {{1, i + 1}, 1};
    detector_.OnView(now_, 0, infos, out_);
    for (int i = 0; i < 20; ++i) {
      Hear(members);
      Pass(milliseconds(100));
    }
    Hear(members);
    out_ = {};
  }
  void Hear(size_t members) {
    for (Rank peer = 1; peer < members; ++peer) detector_.OnHeard(now_, peer, true);
  }
  void Pass(Duration time) {
    const Instant end = now_ + time;
    while (detector_.NextDeadline() <= end) {
      now_ = std::max(now_, detector_.NextDeadline());
      detector_.OnTimer(now_, out_);
      if (!out_.where.empty()) asked_.push_back(std::exchange(out_.where, {}));
    }
    now_ = end;
  }

  Instant now_ = Instant::FromNanos(5'000'000'000);
  Random random_{7};
  FailureDetector detector_{Options{}, random_};
  Output out_;
  std::vector<std::vector<Rank>> asked_;
};

TEST_F(ElsewhereTest, WhoIsSilentIsAskedWhereItIsFiveTimesASecond) {
  Begin(3);
  for (int i = 0; i < 14; ++i) {
    detector_.OnHeard(now_, 2, true);
    Pass(milliseconds(100));
  }
  EXPECT_EQ(asked_.size(), 6u) << "from 400 ms on";
  for (const std::vector<Rank>& ranks : asked_) EXPECT_THAT(ranks, ElementsAre(1));
}

TEST_F(ElsewhereTest, OfManyThatAreSilentFourAreAskedAtATimeAndNotAlwaysTheSame) {
  Begin(40);
  Pass(milliseconds(1500));
  ASSERT_GE(asked_.size(), 5u);
  std::set<Rank> all;
  for (const std::vector<Rank>& ranks : asked_) {
    EXPECT_EQ(ranks.size(), 4u);
    all.insert(ranks.begin(), ranks.end());
  }
  EXPECT_GE(all.size(), 10u);
}

TEST_F(ElsewhereTest, WhileAMemberSaysThatItIsElsewhereNobodyIsAccusedButForFiveSecondsAtMost) {
  Begin(2);
  Pass(milliseconds(600));
  for (int i = 0; i < 24; ++i) {
    detector_.OnElsewhere(now_);
    Pass(milliseconds(200));
  }
  EXPECT_THAT(out_.suspected, IsEmpty());
  for (int i = 0; i < 3; ++i) {
    detector_.OnElsewhere(now_);
    Pass(milliseconds(200));
  }
  EXPECT_EQ(out_.suspected.size(), 1u);
}

// It waited in the socket, so what it says of the way is how long this process stood still.
TEST_F(ElsewhereTest, AnEchoReadAfterAStopSaysNothingAboutTheRoundTrip) {
  Begin(3);
  wire::HeartbeatFrame echo;
  echo.hears = {7};
  echo.echo_rank = 0;
  for (const Duration stop : {Duration(0), Duration(seconds(3))}) {
    ++echo.number;
    echo.echo_us = static_cast<uint32_t>(now_.nanos() / 1000);
    now_ = now_ + stop + milliseconds(1);
    out_ = {};
    detector_.OnHeartbeat(now_, 1, echo, out_);
    EXPECT_EQ(out_.round_trips.size(), stop == Duration(0) ? 1u : 0u);
  }
  EXPECT_LT(detector_.peer_status(1).srtt, milliseconds(2));
}

TEST_F(ElsewhereTest, AHeartbeatReadAfterAStopIsNotEchoed) {
  Begin(3);
  wire::HeartbeatFrame theirs;
  theirs.hears = {7};
  for (const Duration stop : {Duration(0), Duration(seconds(3))}) {
    ++theirs.number;
    now_ = now_ + stop;
    detector_.OnHeartbeat(now_, 1, theirs, out_);
    out_ = {};
    while (out_.frames.empty()) Pass(milliseconds(5));
    const auto& mine = std::get<wire::HeartbeatFrame>(out_.frames.front().frame);
    EXPECT_EQ(mine.echo_rank == 1, stop == Duration(0));
    Hear(3);
  }
}

TEST_F(ElsewhereTest, WhoIsSilentAndReplacedAtItsAddressIsConvictedLongBeforeItsTime) {
  Begin(3);
  detector_.OnReplaced(now_, 2);
  Pass(milliseconds(340));
  EXPECT_THAT(out_.convicted, IsEmpty());
  Pass(milliseconds(40));
  ASSERT_THAT(out_.convicted, SizeIs(1));
  EXPECT_EQ(out_.convicted[0].subject, 2);
  EXPECT_EQ(out_.convicted[0].cause, ViewCause::kReplaced);
  EXPECT_TRUE(out_.convicted[0].authoritative);
}

// A process that stood still is patient with those who may stand still themselves.
TEST_F(ElsewhereTest, WhoHasPartedIsConvictedWithoutThePatienceForThoseWhoMayBeHeardAgain) {
  Begin(2);
  for (int i = 0; i < 20; ++i) {  // Late ticks.
    now_ = now_ + milliseconds(80);
    Hear(2);
    detector_.OnTimer(now_, out_);
  }
  ASSERT_EQ(detector_.local_health(), kLocalHealthMax);
  for (int i = 0; i < 15; ++i) {
    detector_.OnProbeResult(now_, 1, ProbeResult::kAnswered, out_);
    Pass(milliseconds(100));
  }
  EXPECT_THAT(out_.convicted, IsEmpty());
  detector_.OnParted(now_, 1);
  Pass(milliseconds(20));
  ASSERT_THAT(out_.convicted, SizeIs(1));
  EXPECT_EQ(out_.convicted[0].cause, ViewCause::kSilent);
}

TEST_F(ElsewhereTest, WhoIsHeardHasNotPartedWhateverIsReadOfItLate) {
  Begin(2);
  detector_.OnParted(now_, 1);
  detector_.OnHeard(now_, 1, true);
  for (int i = 0; i < 15; ++i) {
    detector_.OnProbeResult(now_, 1, ProbeResult::kAnswered, out_);
    Pass(milliseconds(100));
  }
  EXPECT_THAT(out_.convicted, IsEmpty());
}

TEST_F(ElsewhereTest, WhoIsHeardWasNotReplacedWhateverAsksToJoinFromItsAddress) {
  Begin(3);
  detector_.OnReplaced(now_, 2);
  detector_.OnHeard(now_, 2, true);
  Pass(milliseconds(500));
  EXPECT_THAT(out_.convicted, IsEmpty());
  detector_.OnReplaced(now_, 2);
  Pass(milliseconds(20));
  EXPECT_THAT(out_.convicted, SizeIs(1));
}

}  // namespace
}  // namespace cohort::failure
