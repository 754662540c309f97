// Proofs over convergent maps: whole engines that write meanwhile, and who answers what.
#include "engine/marks.h"

#include <string>
#include <vector>

#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "map/convergent_map.h"
#include "map/convergent_op_codec.h"
#include "support/engine_net.h"

namespace cohort::engine {
namespace {

using testing_support::EngineNet;

class MarksTest : public ::testing::Test {
 protected:
  void Start(std::initializer_list<const char*> names) {
    for (const char* name : names) net_.Add(net_.Options(name));
    ASSERT_TRUE(net_.RunUntil([&] { return AllIn(names.size()); }));
    ASSERT_TRUE(
        net_.Execute(0, OpenMap{.id = next_, .name = "s", .bytes_max = 0, .convergent = true})
            .ok());
    ASSERT_TRUE(Awaits(next_++, 0));
    net_.RunFor(seconds(1));  // All have said that they hold the state.
  }
  bool AllIn(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (net_.engine(i).view().members.size() != count || !net_.engine(i).synced()) return false;
    }
    return true;
  }
  map::ConvergentMap& Map(size_t index) {
    return const_cast<map::ConvergentMap&>(
        *net_.engine(index).FindConvergent(*net_.engine(index).MapId("s")));
  }
  void Put(size_t index, std::string_view key, std::string_view value) {
    const auto op = map::PrepareConvergent(Map(index), map::PutOp{.key = key, .value = value},
                                           net_.engine(index).GroupTimeMs(net_.now()), {});
    ASSERT_TRUE(op.ok()) << op.status();
    ASSERT_TRUE(net_.Execute(index, MapWrite{.id = next_++,
                                             .operation = map::EncodeConvergentOp(*op),
                                             .ack = AckLevel::kLocal,
                                             .stamp_bytes = map::StampBytes(op->Lives())})
                    .ok());
  }
  uint64_t Ask(size_t index, uint16_t holders_min = 1, Duration within = seconds(5)) {
    EXPECT_TRUE(
        net_.Execute(index,
                     VerifyReplicas{.id = next_, .holders_min = holders_min, .within = within})
            .ok());
    return next_++;
  }
  bool Awaits(uint64_t id, size_t index, Duration limit = seconds(10)) {
    return net_.RunUntil([&] { return net_.host(index).done.contains(id); }, limit);
  }
  const DoneUpcall& Done(uint64_t id, size_t index) { return net_.host(index).done[id]; }

  EngineNet net_;
  uint64_t next_ = 1'000'000;
};

TEST_F(MarksTest, AllWhoHoldTheStateAreProvenEqualWhileTheyWriteWithoutAPause) {
  Start({"a", "b", "c"});
  std::vector<uint64_t> asked;
  size_t differed = 0;
  for (int round = 0; round < 100; ++round) {
    for (const size_t writer : {0, 1, 2})
      Put(writer, "key" + std::to_string(round % 7), std::to_string(round));
    if (round % 5 == 0) asked.push_back(Ask(static_cast<size_t>(round / 5) % 3));
    net_.RunFor(microseconds(30));
    differed += Map(0).digest() != Map(1).digest() ? 1 : 0;
  }
  EXPECT_GT(differed, 50u) << "the members never differ, so the test shows nothing";
  for (size_t i = 0; i < asked.size(); ++i) {
    ASSERT_TRUE(Awaits(asked[i], i % 3));
    EXPECT_TRUE(Done(asked[i], i % 3).status.ok()) << Done(asked[i], i % 3).status;
    EXPECT_EQ(Done(asked[i], i % 3).number, 3);
  }
}

TEST_F(MarksTest, AnEntryThatOneMemberHoldsAloneIsFound) {
  Start({"a", "b", "c"});
  Put(0, "k", "v");
  net_.RunFor(milliseconds(10));
  ASSERT_TRUE(Map(2).Restore("alien", *Map(2).Find("k")));
  const uint64_t asked = Ask(0);
  ASSERT_TRUE(Awaits(asked, 0));
  EXPECT_TRUE(absl::IsDataLoss(Done(asked, 0).status)) << Done(asked, 0).status;
  EXPECT_THAT(Done(asked, 0).status.message(),
              testing::HasSubstr(net_.engine(2).self().ToString()));
  EXPECT_EQ(Done(asked, 0).number, 2);
}

TEST_F(MarksTest, ItTakesAFewHopsThoughNobodyElseSendsAnything) {
  Start({"a", "b", "c"});
  for (const size_t asker : {0, 1, 2}) {
    const uint64_t asked = Ask(asker);
    EXPECT_TRUE(Awaits(asked, asker, milliseconds(2))) << asker;
  }
}

TEST_F(MarksTest, AMemberAloneIsAnsweredInTheTurnThatAsks) {
  Start({"a"});
  const uint64_t asked = Ask(0);
  EXPECT_TRUE(net_.host(0).done.contains(asked));
}

TEST_F(MarksTest, ManyAtOnceAreAllAnsweredThoughFewCanBeUnderWay) {
  Start({"a", "b", "c"});
  std::vector<std::pair<uint64_t, size_t>> asked;
  for (size_t i = 0; i < 3 * kVerificationsMax; ++i) asked.emplace_back(Ask(i % 3), i % 3);
  for (const auto& [id, asker] : asked) {
    ASSERT_TRUE(Awaits(id, asker));
    EXPECT_TRUE(Done(id, asker).status.ok()) << Done(id, asker).status;
  }
}

TEST_F(MarksTest, WhoDiesBeforeItHasMarkedIsNotWaitedForInTheNextView) {
  Start({"a", "b", "c"});
  net_.host(2).is_mute = true;
  const uint64_t asked = Ask(1);
  net_.RunFor(milliseconds(50));
  EXPECT_FALSE(net_.host(1).done.contains(asked));
  net_.Kill(2);
  ASSERT_TRUE(Awaits(asked, 1));
  EXPECT_TRUE(Done(asked, 1).status.ok()) << Done(asked, 1).status;
  EXPECT_EQ(Done(asked, 1).number, 2);
}

TEST_F(MarksTest, WithoutTheMarksOfAllItGivesUpInTimeAndSaysWhy) {
  Start({"a", "b"});
  net_.host(1).is_mute = true;
  const uint64_t asked = Ask(0, 1, milliseconds(100));
  ASSERT_TRUE(Awaits(asked, 0));
  EXPECT_TRUE(absl::IsDeadlineExceeded(Done(asked, 0).status)) << Done(asked, 0).status;
}

TEST_F(MarksTest, AMemberThatComesMeanwhileIsNotAskedAndMayWriteAtOnce) {
  Start({"a", "b"});
  for (int i = 0; i < 2000; ++i) Put(0, "key" + std::to_string(i), std::string(1000, 'v'));
  net_.RunFor(seconds(1));
  net_.Add(net_.Options("c"));
  std::vector<uint64_t> asked;
  bool has_written = false;
  for (int round = 0; round < 20'000 && !(AllIn(3) && asked.size() > 30); ++round) {
    if (round % 50 == 0 && asked.size() < 10 + (AllIn(3) ? 30 : 0)) asked.push_back(Ask(1));
    Put(0, "key" + std::to_string(round % 7), "w");
    if (net_.engine(2).synced()) {
      Put(2, "key" + std::to_string(round % 7), "x");
      has_written = true;
    }
    net_.RunFor(microseconds(200));
    for (const uint64_t id : asked) {
      if (net_.host(1).done.contains(id)) {
        EXPECT_TRUE(Done(id, 1).status.ok()) << Done(id, 1).status;
      }
    }
  }
  EXPECT_TRUE(has_written);
  for (const uint64_t id : asked) ASSERT_TRUE(Awaits(id, 1));
  EXPECT_EQ(Done(asked.back(), 1).number, 3);
}

// ---- The table alone.

class MarksTableTest : public ::testing::Test {
 protected:
  static Marks::Question Of(uint64_t number) { return {{7, 7}, number}; }
  void Ask(uint64_t number, std::vector<Rank> holders = {0, 1}) {
    marks_.OnQuestion(Of(number), 5, {{1, 1}, 3, {}, {}}, std::move(holders), maps_);
  }
  map::MapSet maps_{map::MapSet::Options{77, {}}};
  Marks marks_;
};

TEST_F(MarksTableTest, AMarkIsDueOnceWhenAllHaveComeToThePlace) {
  Ask(1);
  EXPECT_TRUE(marks_.TakeDue(4).empty());
  EXPECT_THAT(marks_.TakeDue(5), testing::ElementsAre(Of(1)));
  EXPECT_TRUE(marks_.TakeDue(6).empty());
}

TEST_F(MarksTableTest, TheAnswerComesWithTheLastMarkAndMarksCountOnce) {
  Ask(1);
  marks_.OnMark(0, Of(1));
  marks_.OnMark(0, Of(1));
  marks_.OnMark(2, Of(1));
  marks_.OnMark(1, Of(2));
  EXPECT_TRUE(marks_.TakeAnswers().empty());
  marks_.OnMark(1, Of(1));
  const std::vector<Marks::Answer> answers = marks_.TakeAnswers();
  ASSERT_EQ(answers.size(), 1u);
  ASSERT_TRUE(answers[0].proof.has_value());
  EXPECT_EQ(answers[0].proof->position, 3u);
  EXPECT_EQ(answers[0].holders, (std::vector<Rank>{0, 1}));
  EXPECT_TRUE(marks_.empty());
}

// The others could never answer if it did not.
TEST_F(MarksTableTest, WhatIsRefusedIsMarkedAllTheSame) {
  for (uint64_t number = 1; number <= kMarkedMax + 1; ++number) Ask(number);
  const std::vector<Marks::Answer> answers = marks_.TakeAnswers();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].question, Of(kMarkedMax + 1));
  EXPECT_FALSE(answers[0].proof.has_value());
  EXPECT_EQ(marks_.TakeDue(5).size(), kMarkedMax + 1);
  for (const Rank rank : {0, 1}) marks_.OnMark(rank, Of(kMarkedMax + 1));
  EXPECT_TRUE(marks_.TakeAnswers().empty()) << "it was answered already";
  for (const Rank rank : {0, 1}) marks_.OnMark(rank, Of(1));
  Ask(kMarkedMax + 2);
  ASSERT_EQ(marks_.TakeAnswers().size(), 1u);
}

TEST_F(MarksTableTest, WhatAMemberWroteThatIsNoHolderYetMakesItRefuse) {
  marks_.OnOperation(2, {}, {});
  Ask(1, {0, 1, 2});
  EXPECT_TRUE(marks_.TakeAnswers().empty());
  Ask(2, {0, 1});
  const std::vector<Marks::Answer> answers = marks_.TakeAnswers();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_FALSE(answers[0].proof.has_value());
  marks_.Clear();
  Ask(3, {0, 1});
  EXPECT_TRUE(marks_.TakeAnswers().empty()) << "ranks mean others in another view";
}

TEST_F(MarksTableTest, QuestionsWithoutEndAreNotKept) {
  for (uint64_t number = 1; number <= 2 * kQuestionsMax; ++number) Ask(number);
  EXPECT_EQ(marks_.TakeDue(5).size(), kQuestionsMax);
}

}  // namespace
}  // namespace cohort::engine
