// Messages of lifelines: what is written is read, and hostile bytes are refused.
#include <functional>
#include <memory>

#include "base/random.h"
#include "gtest/gtest.h"
#include "membership/join_batch.h"
#include "membership/lifeline_messages.h"

namespace cohort::membership {
namespace {

JoinRequest MakeRequest(uint64_t instance) {
  JoinRequest request;
  request.group = "shop";
  request.policy = Policy::kPrimary;
  request.member.id = {{instance, 2}, 3};
  request.member.name = "web-" + std::to_string(instance);
  request.member.address.family = 4;
  request.member.address.ip = {192, 0, 2, 1};
  request.member.address.port = 7600;
  request.member.incarnation = 77;
  request.member.without_data = instance == 1;
  request.member.votes = instance != 1;
  request.last_num = 12;
  request.carries_state = true;
  request.came_from = {12, 99};
  request.merging = true;
  return request;
}

Welcome MakeWelcome() {
  Welcome welcome;
  auto proposal = std::make_shared<Proposal>();
  proposal->previous = {4, 5};
  proposal->next = {5, 6};
  proposal->members = {MakeRequest(1).member, MakeRequest(2).member};
  proposal->trim = {1, 2};
  welcome.proposal = proposal;
  welcome.group_time_ms = 1234567890123;
  welcome.ancestors = {{4, 5}, {3, 1}};
  return welcome;
}

TEST(LifelineCodec, AJoinRequestIsReadAsItWasWritten) {
  const JoinRequest request = MakeRequest(1);
  const auto back = DecodeJoinRequest(Encode(request));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->group, request.group);
  EXPECT_EQ(back->policy, request.policy);
  EXPECT_EQ(back->member, request.member);
  EXPECT_EQ(back->last_num, request.last_num);
  EXPECT_EQ(back->came_from, request.came_from);
  EXPECT_TRUE(back->carries_state && back->merging && !back->leave);
}

TEST(LifelineCodec, AWelcomeIsReadAsItWasWritten) {
  const Welcome welcome = MakeWelcome();
  const auto back = DecodeWelcome(Encode(welcome));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back->proposal, *welcome.proposal);
  EXPECT_EQ(back->group_time_ms, welcome.group_time_ms);
  EXPECT_EQ(back->ancestors, welcome.ancestors);
}

TEST(LifelineCodec, AnAnswersTextLosesItsControlCharacters) {
  JoinAnswer answer;
  answer.kind = JoinAnswer::Kind::kRefused;
  answer.text = "no\x1b[2J\n";
  const auto back = DecodeJoinAnswer(Encode(answer));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->text, "no?[2J?");
}

TEST(LifelineCodec, ACarriersViewIsReadFromItsEvidence) {
  const ViewId view{17, 0xABCDEF0123456789};
  EXPECT_EQ(CarrierFrom(CarrierEvidence(view)), view);
  EXPECT_EQ(CarrierFrom("asked to join from 192.0.2.1:1"), std::nullopt);
  EXPECT_EQ(CarrierFrom(CarrierEvidence(view) + "x"), std::nullopt);
  EXPECT_EQ(CarrierFrom("brings the state of view 5"), std::nullopt);
}

TEST(LifelineCodec, ANumberBeyondAnyHistoryIsRefused) {
  JoinRequest request = MakeRequest(1);
  request.last_num = ~uint64_t{0};
  EXPECT_FALSE(DecodeJoinRequest(Encode(request)).has_value());
}

TEST(LifelineCodec, DamagedBytesAreRefusedOrWithinTheLimits) {
  const uint64_t seed = 20240608;
  SCOPED_TRACE(seed);
  Random random(seed);
  MergeMessage merge;
  merge.member = MakeRequest(1).member.id;
  merge.address = MakeRequest(1).member.address;
  const std::vector<Buffer> good = {Encode(MakeRequest(1)), Encode(MakeWelcome()), Encode(merge)};
  for (int i = 0; i < 6000; ++i) {
    std::string bad(good[random.Below(good.size())].text());
    bad[random.Below(bad.size())] = static_cast<char>(random.Next());
    if (random.Chance(0.2)) bad.resize(random.Below(bad.size()));
    if (const auto request = DecodeJoinRequest(AsBytes(bad))) {
      EXPECT_LE(request->last_num, kViewNumMax);
    }
    if (const auto welcome = DecodeWelcome(AsBytes(bad))) {
      EXPECT_NE(welcome->proposal, nullptr);
      EXPECT_LE(welcome->ancestors.size(), kAncestorsMax);
    }
    DecodeJoinAnswer(AsBytes(bad));
    DecodeMergeMessage(AsBytes(bad));
  }
}

TEST(JoinBatch, IsDueSoonAfterTheLastArrivalAndNeverLaterThanItsCap) {
  const Instant start = Instant::Zero() + seconds(1);
  JoinBatch batch;
  batch.Add(start, MakeRequest(1));
  EXPECT_EQ(batch.NextDeadline(), start + milliseconds(50));
  batch.Add(start + milliseconds(40), MakeRequest(2));
  EXPECT_EQ(batch.NextDeadline(), start + milliseconds(65));
  for (uint64_t i = 3; i < 30; ++i) {
    batch.Add(start + milliseconds(20 * static_cast<int64_t>(i)), MakeRequest(i));
  }
  EXPECT_EQ(batch.NextDeadline(), start + milliseconds(300));
}

TEST(JoinBatch, OfTwoProcessesOfOneNameTheLaterRequestStays) {
  JoinBatch batch;
  batch.Add(Instant::Zero(), MakeRequest(1));
  JoinRequest other = MakeRequest(2);
  other.member.name = MakeRequest(1).member.name;
  batch.Add(Instant::Zero(), other);
  ASSERT_EQ(batch.requests().size(), 1u);
  EXPECT_EQ(batch.requests()[0].member.id, other.member.id);
}

TEST(JoinBatch, WaitsForTheRestOfASideOnceOneOfItHasCome) {
  const Instant start = Instant::Zero() + seconds(1);
  JoinBatch batch;
  batch.Expect({12, 99}, 2, start + seconds(1));
  batch.Add(start, MakeRequest(1));
  EXPECT_EQ(batch.NextDeadline(), start + seconds(1));
  batch.Add(start + milliseconds(10), MakeRequest(2));
  EXPECT_EQ(batch.NextDeadline(), start + milliseconds(50));
}

TEST(JoinBatch, ALaterAttemptTakesThePlaceOfAnEarlierOne) {
  JoinBatch batch;
  JoinRequest again = MakeRequest(1);
  batch.Add(Instant::Zero(), again);
  ++again.member.id.join_no;
  batch.Add(Instant::Zero(), again);
  ASSERT_EQ(batch.requests().size(), 1u);
  EXPECT_EQ(batch.requests()[0].member.id.join_no, 4u);
}

}  // namespace
}  // namespace cohort::membership
