// A member without data, of the highest rank, and whom it convicts for silence. Spec 7.5, 4.88.
#include "failure/failure_detector.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::failure {
namespace {

class WithoutData : public ::testing::Test {
 protected:
  // Those from rank 1 on hold none.
  void Begin(size_t members, size_t with_data = 1) {
    std::vector<MemberInfo> infos(members);
    for (size_t i = 0; i < members; ++i) {
      infos[i].id = {{1, i + 1}, 1};
      infos[i].without_data = i >= with_data;
    }
    self_ = static_cast<Rank>(members - 1);
    detector_.OnView(now_, self_, infos, out_);
    for (Rank peer = 0; peer < self_; ++peer) detector_.OnLifelineOpened(now_, peer);
    for (int i = 0; i < 20; ++i) Pass(milliseconds(100), self_);
    out_ = {};
  }
  // Ranks below `heard` and not below `silent` are heard meanwhile.
  void Pass(Duration time, Rank heard, Rank silent = 0) {
    for (const Instant end = now_ + time; now_ < end;) {
      for (Rank peer = silent; peer < heard; ++peer) detector_.OnHeard(now_, peer, true);
      const Instant next = now_ + milliseconds(20);
      while (detector_.NextDeadline() <= next) {
        now_ = std::max(now_, detector_.NextDeadline());
        detector_.OnTimer(now_, out_);
        for (const Rank probed : std::exchange(out_.probes, {}))
          detector_.OnProbeResult(now_, probed, answer_, out_);
      }
      now_ = next;
    }
  }
  // Of the members from rank 1 on, those that are heard accuse rank 0, too.
  void OthersAccuse() {
    for (Rank peer = 1; peer < self_; ++peer) {
      detector_.OnSuspect(
          now_, peer,
          {.subject = 0, .subject_join_no = 1, .evidence = wire::Evidence::kStalled, .level = 1},
          out_);
    }
  }

  Instant now_ = Instant::FromNanos(5'000'000'000);
  Random random_{7};
  FailureDetector detector_{Options{}, random_};
  Output out_;
  Rank self_ = 0;
  ProbeResult answer_ = ProbeResult::kAnswered;
};

TEST_F(WithoutData, AccusesTheLastThatHoldsDataButWaitsTwelveSecondsForIt) {
  for (const ProbeResult answer : {ProbeResult::kAnswered, ProbeResult::kFailed}) {
    answer_ = answer;
    Begin(2);
    Pass(milliseconds(11'500), 0);
    EXPECT_EQ(out_.suspected.size(), 1u);
    EXPECT_TRUE(out_.convicted.empty());
    Pass(seconds(1), 0);
    EXPECT_EQ(out_.convicted.size(), 1u);
  }
}

TEST_F(WithoutData, OthersWithoutDataMakeItNoSooner) {
  Begin(4);
  for (int i = 0; i < 110; ++i) {
    Pass(milliseconds(100), self_, 1);
    OthersAccuse();
  }
  EXPECT_EQ(out_.suspected.size(), 1u);
  EXPECT_TRUE(out_.convicted.empty());
}

TEST_F(WithoutData, WaitsForNobodyWhileAnotherThatHoldsDataIsHeard) {
  Begin(3, 2);
  for (int i = 0; i < 25 && out_.convicted.empty(); ++i) {
    Pass(milliseconds(100), self_, 1);
    OthersAccuse();
  }
  EXPECT_EQ(out_.convicted.size(), 1u);
}

// A process that stands still keeps its lifelines: this one is gone, and another listens there.
TEST_F(WithoutData, DoesNotWaitForOneWhoseLifelineEnded) {
  Begin(2);
  detector_.OnLifelineClosed(now_, 0, out_);
  Pass(milliseconds(2500), 0);
  EXPECT_EQ(out_.convicted.size(), 1u);
}

TEST_F(WithoutData, DoesNotWaitForOneThatIsNotInThisViewAnyMore) {
  Begin(2);
  Pass(milliseconds(2500), 0);
  EXPECT_TRUE(out_.convicted.empty());
  detector_.OnParted(now_, 0);
  Pass(milliseconds(20), 0);
  EXPECT_EQ(out_.convicted.size(), 1u);
  Begin(2);
  Pass(milliseconds(2500), 0);
  EXPECT_TRUE(out_.convicted.empty()) << "what was told belongs to the view before";
}

// It is no evidence by itself.
TEST_F(WithoutData, HearsOnOneThatIsSaidNotToBeInThisView) {
  Begin(2);
  detector_.OnParted(now_, 0);
  Pass(milliseconds(2500), self_);
  EXPECT_TRUE(out_.suspected.empty());
  EXPECT_TRUE(out_.convicted.empty());
}

TEST_F(WithoutData, DoesNotWaitForAnotherWithoutData) {
  Begin(2, 0);
  Pass(milliseconds(2500), 0);
  EXPECT_EQ(out_.convicted.size(), 1u);
}

TEST_F(WithoutData, WhoHoldsDataWaitsForNobody) {
  Begin(2, 2);
  Pass(milliseconds(2500), 0);
  EXPECT_EQ(out_.convicted.size(), 1u);
}

}  // namespace
}  // namespace cohort::failure
