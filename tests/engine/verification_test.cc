// Whether a member that asks what the others hold is told the truth, and always an answer.
#include "engine/verification.h"

#include <string>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/engine_net.h"

namespace cohort::engine {
namespace {

using testing_support::EngineNet;

class VerificationTest : public ::testing::Test {
 protected:
  void Start(std::initializer_list<const char*> names) {
    for (const char* name : names) net_.Add(net_.Options(name));
  }
  bool Awaits(uint64_t command, size_t index, Duration limit = seconds(10)) {
    return net_.RunUntil([&] { return net_.host(index).done.contains(command); }, limit);
  }
  EngineNet net_;
};

TEST_F(VerificationTest, AllWhoHoldTheStateAreProvenEqualWhileTheyWrite) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1, 2}); }));
  net_.RunFor(seconds(1));  // All have said that they hold the state.
  for (int round = 0; round < 20; ++round) {
    for (const size_t writer : {0, 1, 2}) net_.Put(writer, "main", "key", std::to_string(round));
    const size_t asker = static_cast<size_t>(round) % 3;
    const uint64_t id = 1'000'000 + static_cast<uint64_t>(round);
    ASSERT_TRUE(net_.Execute(asker, VerifyReplicas{.id = id}).ok());
    net_.RunFor(microseconds(70));
  }
  for (int round = 0; round < 20; ++round) {
    const size_t asker = static_cast<size_t>(round) % 3;
    const uint64_t id = 1'000'000 + static_cast<uint64_t>(round);
    ASSERT_TRUE(Awaits(id, asker));
    const DoneUpcall& done = net_.host(asker).done[id];
    EXPECT_TRUE(done.status.ok()) << done.status;
    EXPECT_EQ(done.number, 3);
    EXPECT_EQ(done.view, net_.engine(0).view().id);
  }
}

TEST_F(VerificationTest, WaitsUntilAnotherHoldsTheStateAndGivesUpInTime) {
  Start({"a"});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0}); }));
  ASSERT_TRUE(
      net_.Execute(0, VerifyReplicas{.id = 1'000'000, .holders_min = 2, .within = seconds(1)})
          .ok());
  EXPECT_FALSE(Awaits(1'000'000, 0, milliseconds(999)));
  ASSERT_TRUE(Awaits(1'000'000, 0));
  EXPECT_TRUE(absl::IsDeadlineExceeded(net_.host(0).done[1'000'000].status));
  ASSERT_TRUE(
      net_.Execute(0, VerifyReplicas{.id = 1'000'001, .holders_min = 2, .within = seconds(60)})
          .ok());
  net_.Add(net_.Options("b"));
  ASSERT_TRUE(Awaits(1'000'001, 0));
  EXPECT_TRUE(net_.host(0).done[1'000'001].status.ok());
  EXPECT_EQ(net_.host(0).done[1'000'001].number, 2);
}

TEST_F(VerificationTest, WhoDiesBeforeItHasAnsweredIsNotWaitedFor) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1, 2}); }));
  net_.RunFor(seconds(1));  // All have said that they hold the state.
  net_.host(2).is_mute = true;
  ASSERT_TRUE(net_.Execute(1, VerifyReplicas{.id = 1'000'000}).ok());
  net_.RunFor(milliseconds(50));
  EXPECT_FALSE(net_.host(1).done.contains(1'000'000));
  net_.Kill(2);
  ASSERT_TRUE(Awaits(1'000'000, 1));
  EXPECT_TRUE(net_.host(1).done[1'000'000].status.ok());
  EXPECT_EQ(net_.host(1).done[1'000'000].number, 2);
}

TEST_F(VerificationTest, ADrainingMemberTakesNoMoreWritesUntilItIsToldToGoOn) {
  Start({"a"});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0}); }));
  ASSERT_TRUE(net_.Execute(0, SetDraining{true}).ok());
  EXPECT_FALSE(net_.engine(0).writable());
  net_.Put(0, "main", "key", "value");
  EXPECT_TRUE(absl::IsFailedPrecondition(net_.last_status()));
  ASSERT_TRUE(net_.Execute(0, SetDraining{true}).ok());
  ASSERT_TRUE(net_.Execute(0, SetDraining{false}).ok());
  EXPECT_FALSE(net_.engine(0).writable()) << "the other one drains on";
  ASSERT_TRUE(net_.Execute(0, SetDraining{false}).ok());
  net_.Put(0, "main", "key", "value");
  EXPECT_TRUE(net_.last_status().ok());
  ASSERT_TRUE(net_.Execute(0, SetDraining{false}).ok());
  EXPECT_TRUE(net_.engine(0).writable()) << "one too many changes nothing";
}

TEST_F(VerificationTest, AQuestionLeavesInTheTurnThatAsksIt) {
  Start({"a"});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0}); }));
  ASSERT_TRUE(net_.Execute(0, VerifyReplicas{.id = 1'000'000}).ok());
  EXPECT_TRUE(net_.host(0).done.contains(1'000'000));
  net_.Add(net_.Options("b"));
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  ASSERT_TRUE(net_.Execute(1, VerifyReplicas{.id = 1'000'001}).ok());
  EXPECT_TRUE(Awaits(1'000'001, 1, milliseconds(2)));
}

// Equal maps prove nothing about what only this one holds and has yet to merge.
TEST_F(VerificationTest, WhoDrainsWaitsUntilWhatItBroughtAlongIsMerged) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1, 2}); }));
  net_.Split({0, 0, 1});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}) && net_.AllIn({2}); }));
  const std::string value(1 << 10, 'c');
  for (int i = 0; i < 1000; ++i) net_.Put(2, "main", "key" + std::to_string(i), value);
  net_.RunFor(seconds(1));
  ASSERT_TRUE(net_.Execute(2, SetDraining{}).ok());
  ASSERT_TRUE(
      net_.Execute(2, VerifyReplicas{.id = 1'000'000, .holders_min = 2, .within = seconds(30)})
          .ok());
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return net_.host(2).done.contains(1'000'000); }, seconds(30)));
  ASSERT_TRUE(net_.host(2).done[1'000'000].status.ok());
  net_.Kill(2);
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(net_.Get(0, "main", "key" + std::to_string(i)), value);
}

TEST_F(VerificationTest, TooManyAtOnceAreRefused) {
  Start({"a"});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0}); }));
  const auto ask = [&](uint64_t id) {
    return net_.Execute(0, VerifyReplicas{.id = id, .holders_min = 2});
  };
  for (uint64_t id = 1; id <= kVerificationsMax; ++id) EXPECT_TRUE(ask(1'000'000 + id).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(ask(2'000'000)));
}

// ---- The judge alone: what real replicas must never bring about.

class VerificationsTest : public ::testing::Test {
 protected:
  static MemberId Id(uint64_t number) { return {{number, number}, 1}; }
  static Proof Of(uint64_t digest) { return {{7, 7}, 40, {digest, digest}}; }
  const DoneUpcall& Done() { return std::get<DoneUpcall>(upcalls_.at(0)); }
  Verifications all_;
  std::vector<Upcall> upcalls_;
};

TEST_F(VerificationsTest, AnotherDigestOrAnotherPlaceIsDataLossAndNamesTheMember) {
  Proof elsewhere = Of(1);
  elsewhere.position = 41;
  for (const Proof& answer : {Of(2), elsewhere}) {
    upcalls_.clear();
    ASSERT_TRUE(all_.Add({}, 5, 1, seconds(5)).ok());
    const uint64_t number = *all_.TakeAskable(3);
    all_.OnAsked(number, Id(7), Of(1), {Id(8), Id(9)}, upcalls_);
    all_.OnProof(number, Id(8), Of(1), upcalls_);
    EXPECT_TRUE(upcalls_.empty());
    all_.OnProof(number, Id(9), answer, upcalls_);
    ASSERT_EQ(upcalls_.size(), 1u);
    EXPECT_TRUE(absl::IsDataLoss(Done().status));
    EXPECT_THAT(Done().status.message(), testing::HasSubstr(Id(9).ToString()));
    EXPECT_EQ(Done().number, 2);
  }
}

// They are busy, or were written to by one of whom not all knew that it holds the state.
TEST_F(VerificationsTest, WhoCannotTellIsAskedAgainAWhileLater) {
  ASSERT_TRUE(all_.Add({}, 5, 1, seconds(5)).ok());
  const uint64_t first = *all_.TakeAskable(3);
  all_.OnPlaced(first);
  all_.OnRefused({}, first, Id(8));
  EXPECT_FALSE(all_.TakeAskable(3).has_value());
  EXPECT_EQ(all_.NextDeadline(), Instant() + kAskAgainAfter);
  all_.OnTimer(Instant() + kAskAgainAfter, upcalls_);
  const std::optional<uint64_t> second = all_.TakeAskable(3);
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(*second, first);
  all_.OnPlaced(*second);
  all_.OnAsked(*second, Id(7), Of(1), {Id(8)}, upcalls_);
  all_.OnRefused({}, *second, Id(9));  // Nobody had asked it.
  all_.OnProof(*second, Id(8), Of(1), upcalls_);
  ASSERT_EQ(upcalls_.size(), 1u);
  EXPECT_TRUE(Done().status.ok());
}

// Who goes on into another view gives up what it has gathered.
TEST_F(VerificationsTest, WhatWaitsForMarksIsAskedAgainInTheNextViewButADifferenceIsTold) {
  for (uint64_t id : {5, 6, 7}) ASSERT_TRUE(all_.Add({}, id, 1, seconds(5)).ok());
  const uint64_t placed = *all_.TakeAskable(3);
  const uint64_t asked = *all_.TakeAskable(3);
  const uint64_t different = *all_.TakeAskable(3);
  for (const uint64_t number : {placed, asked, different}) all_.OnPlaced(number);
  for (const uint64_t number : {asked, different})
    all_.OnAsked(number, Id(7), Of(1), {Id(8), Id(9)}, upcalls_);
  all_.OnProof(different, Id(8), Of(2), upcalls_);
  EXPECT_TRUE(upcalls_.empty());
  all_.OnView({{.id = Id(8)}, {.id = Id(9)}}, upcalls_);
  ASSERT_EQ(upcalls_.size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(Done().status));
  EXPECT_TRUE(all_.TakeAskable(3).has_value());
  EXPECT_TRUE(all_.TakeAskable(3).has_value());
  EXPECT_FALSE(all_.TakeAskable(3).has_value());
}

TEST_F(VerificationsTest, AnAnswerCountsOnceAndOnlyOfWhoWasAsked) {
  ASSERT_TRUE(all_.Add({}, 5, 1, seconds(5)).ok());
  const uint64_t number = *all_.TakeAskable(3);
  all_.OnAsked(number, Id(7), Of(1), {Id(8), Id(9)}, upcalls_);
  all_.OnProof(number, Id(8), Of(1), upcalls_);
  all_.OnProof(number, Id(8), Of(2), upcalls_);
  all_.OnProof(number, Id(7), Of(2), upcalls_);
  all_.OnProof(number + 1, Id(9), Of(2), upcalls_);
  EXPECT_TRUE(upcalls_.empty());
  all_.OnProof(number, Id(9), Of(1), upcalls_);
  EXPECT_TRUE(Done().status.ok());
  EXPECT_EQ(Done().number, 3);
}

// The others may have the ORDER before the asker has it.
TEST_F(VerificationsTest, AnAnswerMayComeBeforeTheQuestionComesToItsPlaceHere) {
  ASSERT_TRUE(all_.Add({}, 5, 1, seconds(5)).ok());
  const uint64_t number = *all_.TakeAskable(3);
  all_.OnProof(number, Id(8), Of(1), upcalls_);
  all_.OnProof(number, Id(8), Of(2), upcalls_);
  all_.OnAsked(number, Id(7), Of(1), {Id(8), Id(9)}, upcalls_);
  EXPECT_TRUE(upcalls_.empty());
  all_.OnProof(number, Id(9), Of(1), upcalls_);
  ASSERT_EQ(upcalls_.size(), 1u);
  EXPECT_TRUE(Done().status.ok());
  EXPECT_EQ(Done().number, 3);
}

TEST_F(VerificationsTest, WhenTooFewAreLeftItAsksAgain) {
  ASSERT_TRUE(all_.Add({}, 5, 2, seconds(5)).ok());
  EXPECT_FALSE(all_.TakeAskable(1).has_value());
  const uint64_t first = *all_.TakeAskable(2);
  all_.OnAsked(first, Id(7), Of(1), {Id(8)}, upcalls_);
  all_.OnView({}, upcalls_);
  EXPECT_TRUE(upcalls_.empty());
  const std::optional<uint64_t> second = all_.TakeAskable(2);
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(*second, first);
}

// Sides of a partition end a view each in its own order.
TEST_F(VerificationsTest, WhatWasAnsweredElsewhereDoesNotCountWhenItIsAskedAgain) {
  ASSERT_TRUE(all_.Add({}, 5, 1, seconds(5)).ok());
  const uint64_t first = *all_.TakeAskable(3);
  all_.OnProof(first, Id(8), Of(2), upcalls_);
  all_.AskAgain(first);
  const std::optional<uint64_t> second = all_.TakeAskable(3);
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(*second, first);
  all_.OnAsked(*second, Id(7), Of(1), {Id(8)}, upcalls_);
  all_.OnProof(first, Id(8), Of(2), upcalls_);
  EXPECT_TRUE(upcalls_.empty());
  all_.OnProof(*second, Id(8), Of(1), upcalls_);
  ASSERT_EQ(upcalls_.size(), 1u);
  EXPECT_TRUE(Done().status.ok());
}

TEST_F(VerificationsTest, AfterAnExclusionWhatWasAskedFailsAndWhatWaitsWaitsOn) {
  ASSERT_TRUE(all_.Add({}, 5, 1, seconds(5)).ok());
  ASSERT_TRUE(all_.Add({}, 6, 3, seconds(5)).ok());
  ASSERT_TRUE(all_.TakeAskable(2).has_value());
  all_.OnExcluded(upcalls_);
  ASSERT_EQ(upcalls_.size(), 1u);
  EXPECT_EQ(Done().command, 5u);
  EXPECT_TRUE(absl::IsUnavailable(Done().status));
  EXPECT_EQ(all_.size(), 1u);
}

TEST_F(VerificationsTest, MessagesOfAnotherSizeAreNoMessages) {
  const ProofMessage proof{{1, 2}, 3, Of(4)};
  const Buffer bytes = Encode(proof);
  ASSERT_TRUE(DecodeProof(bytes).has_value());
  EXPECT_EQ(DecodeProof(bytes)->proof, proof.proof);
  EXPECT_EQ(DecodeProof(bytes)->asker, proof.asker);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(DecodeProof(Bytes(bytes).first(size)).has_value());
  const Buffer refusal = Encode(ProofMessage{{1, 2}, 3, std::nullopt});
  ASSERT_TRUE(DecodeProof(refusal).has_value());
  EXPECT_FALSE(DecodeProof(refusal)->proof.has_value());
  EXPECT_FALSE(DecodeProof(Bytes(refusal).first(refusal.size() - 1)).has_value());
  EXPECT_EQ(DecodeVerify(Encode(VerifyMessage{77}))->number, 77u);
  EXPECT_FALSE(DecodeVerify(bytes).has_value());
}

}  // namespace
}  // namespace cohort::engine
