// Reads at a member that has not got the state yet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "cohort/testing/sim_group.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;

class SimReadTest : public ::testing::Test {
 protected:
  SimReadTest() : group_({"a", "b", "c"}, {.seed = 5, .failed = [] { return HasFailure(); }}) {
    const std::string value(1000, 'v');
    for (int i = 0; i < 3000; ++i) EXPECT_TRUE(Put("filler" + std::to_string(i), value).ok());
    EXPECT_TRUE(group_.map("a", "main").Put("lamp", "on").ok());
  }
  WriteResult Put(const std::string& key, const std::string& value) {
    return group_.map("a", "main").Put(key, value, {.ack = Ack::kLocal});
  }
  // A new process of c, which is in the view and receives the state.
  void Begin() {
    group_.Kill("c");
    group_.RunFor(absl::Seconds(1));
    group_.Start("c");
    ASSERT_TRUE(group_.RunUntil(
        [&] { return group_.view("c").members.size() == 3 && !group_.synced("c"); }));
  }

  SimGroup group_;
  const SimMap at_c_ = group_.map("c", "main");  // To open it there would wait for the state.
};

TEST_F(SimReadTest, AnotherMemberAnswersWhileTheStateIsOnItsWay) {
  Begin();
  EXPECT_EQ(at_c_.Get("lamp").status().code(), kUnavailable);
  const absl::StatusOr<Entry> entry = at_c_.Get("lamp", {});
  EXPECT_FALSE(group_.synced("c"));
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->value, "on");
  EXPECT_EQ(entry->version, group_.map("a", "main").Get("lamp")->version);
  EXPECT_EQ(at_c_.Get("chair", {}).status().code(), kNotFound);
}

TEST_F(SimReadTest, WhoHasGotItMeanwhileAnswersItself) {
  Begin();
  std::optional<absl::StatusOr<Entry>> answer;
  group_.Cut("a", "c");  // Neither the state nor the answer can come.
  group_.Cut("b", "c");
  ASSERT_TRUE(at_c_
                  .GetAsync("lamp", {.ask_others = absl::Seconds(60)},
                            [&](const absl::StatusOr<Entry>& entry) { answer = entry; })
                  .ok());
  group_.RunFor(absl::Milliseconds(100));
  EXPECT_FALSE(answer.has_value());
  group_.Heal();
  ASSERT_TRUE(group_.RunUntil([&] { return answer.has_value(); }));
  ASSERT_TRUE(answer->ok()) << answer->status();
  EXPECT_EQ((*answer)->value, "on");
}

TEST_F(SimReadTest, WhoFindsNobodyInTimeIsTold) {
  Begin();
  group_.Cut("a", "c");
  group_.Cut("b", "c");
  const absl::Duration before = group_.now();
  const auto entry = at_c_.Get("lamp", {.ask_others = absl::Milliseconds(50)});
  EXPECT_THAT(entry.status().code(), ::testing::AnyOf(kDeadlineExceeded, kUnavailable));
  EXPECT_LE(group_.now() - before, absl::Milliseconds(51));  // Its own clock is not quite right.
  EXPECT_GE(group_.now() - before, absl::Milliseconds(49));
}

TEST_F(SimReadTest, OneThatAsksNobodyIsAnsweredAtOnce) {
  Begin();
  const absl::Duration before = group_.now();
  EXPECT_EQ(at_c_.Get("lamp", {.ask_others = absl::ZeroDuration()}).status().code(), kUnavailable);
  EXPECT_EQ(group_.now(), before);
}

TEST_F(SimReadTest, TheOneThatWasAskedDiesAndAnotherAnswers) {
  Begin();
  int answers = 0;
  for (int i = 0; i < 2; ++i) {  // One is asked of each.
    ASSERT_TRUE(at_c_
                    .GetAsync("lamp", {.ask_others = absl::Seconds(30)},
                              [&](const absl::StatusOr<Entry>& entry) {
                                answers += entry.ok() && entry->value == "on" ? 1 : 0;
                              })
                    .ok());
  }
  group_.Kill("b");
  EXPECT_TRUE(group_.RunUntil([&] { return answers == 2; }));
}

TEST_F(SimReadTest, AMemberThatHasTheStateAsksNobody) {
  const SimMap map = group_.map("b", "main");
  group_.RunUntilOneView();
  const absl::Duration before = group_.now();
  EXPECT_EQ(map.Get("lamp", {})->value, "on");
  EXPECT_EQ(group_.now(), before);
}

}  // namespace
}  // namespace cohort::testing
