#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;

class ReplicatedMapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    members_ = JoinMembers(2, OnLoopback("map", ""));
    ASSERT_EQ(members_.size(), 2u);
    a_ = *members_[0].OpenMap("main");
    b_ = *members_[1].OpenMap("main");
  }
  std::vector<Group> members_;
  std::optional<ReplicatedMap> a_;
  std::optional<ReplicatedMap> b_;
};

TEST_F(ReplicatedMapTest, AConditionalWriteHappensOnlyAtTheExpectedVersion) {
  const WriteResult first = a_->PutIfAbsent("k", "1");
  ASSERT_TRUE(first.ok()) << first.status;
  const WriteResult refused = b_->PutIfAbsent("k", "2");
  EXPECT_EQ(refused.status.code(), kAborted);
  EXPECT_EQ(refused.version, first.version);
  const WriteResult second = b_->PutIf("k", first.version, "2");
  ASSERT_TRUE(second.ok()) << second.status;
  EXPECT_GT(second.version, first.version);
  EXPECT_EQ(a_->EraseIf("k", first.version).status.code(), kAborted);
  EXPECT_EQ(a_->Get("k")->value, "2");
  EXPECT_TRUE(a_->EraseIf("k", second.version).ok());
  EXPECT_FALSE(b_->Exists("k"));
}

TEST_F(ReplicatedMapTest, NumbersTextAndErasuresReportWhatTheyDid) {
  EXPECT_EQ(a_->Increment("n", 5).number, 5);
  EXPECT_EQ(b_->Increment("n", -7).number, -2);
  EXPECT_EQ(a_->Append("t", "ab").number, 2);
  EXPECT_EQ(b_->Append("t", "cde").number, 5);
  EXPECT_EQ(a_->Increment("t", 1).status.code(), kFailedPrecondition);
  EXPECT_EQ(a_->Erase("n").number, 1);
  EXPECT_EQ(a_->Erase("n").number, 0);
  EXPECT_EQ(b_->Get("n").status().code(), kNotFound);
}

TEST_F(ReplicatedMapTest, ABatchIsAllOrNothing) {
  ASSERT_TRUE(a_->Put("there", "1").ok());
  WriteBatch batch;
  batch.Put("x", "1").Increment("n", 3).PutIfAbsent("there", "2");
  EXPECT_EQ(b_->Write(batch).status.code(), kAborted);
  EXPECT_FALSE(b_->Exists("x"));
  batch.clear();
  batch.Put("x", "1").Increment("n", 3).Erase("there").Append("x", "2");
  ASSERT_TRUE(b_->Write(batch).ok());
  EXPECT_EQ(a_->Get("x")->value, "12");
  EXPECT_FALSE(a_->Exists("there"));
}

TEST_F(ReplicatedMapTest, ALifetimeIsSeenChangedAndEnded) {
  ASSERT_TRUE(a_->Put("k", "v", {.ttl = absl::Minutes(10)}).ok());
  const absl::Duration ttl = b_->Get("k")->ttl;
  EXPECT_GT(ttl, absl::Minutes(9));
  EXPECT_LE(ttl, absl::Minutes(10));
  ASSERT_TRUE(b_->Put("k", "w", {.keep_ttl = true}).ok());
  EXPECT_LE(a_->Get("k")->ttl, absl::Minutes(10));
  ASSERT_TRUE(b_->Persist("k").ok());
  EXPECT_EQ(a_->Get("k")->ttl, absl::InfiniteDuration());
  ASSERT_TRUE(a_->Expire("k", absl::Milliseconds(1)).ok());
  EXPECT_EQ(a_->Expire("none", absl::Minutes(1)).status.code(), kNotFound);
  EXPECT_EQ(a_->Put("k", "v", {.ttl = absl::ZeroDuration()}).status.code(), kInvalidArgument);
}

TEST_F(ReplicatedMapTest, AnExpiredEntryIsErasedEverywhereByAReplicatedWrite) {
  Watched<std::map<std::string, size_t>> expired;
  std::vector<Subscription> subscriptions;
  for (const auto& [name, map] : {std::pair("a", &*a_), std::pair("b", &*b_)}) {
    subscriptions.push_back(map->SubscribeKey("brief", [&expired, name](const Change& change) {
      if (change.cause == ChangeCause::kExpire) expired.Update([&](auto& seen) { ++seen[name]; });
    }));
  }
  ASSERT_TRUE(a_->Put("brief", "v", {.ttl = absl::Milliseconds(20)}).ok());
  EXPECT_TRUE(expired.WaitFor([](const auto& seen) { return seen.size() == 2; }));
  EXPECT_FALSE(a_->Exists("brief"));
  EXPECT_FALSE(b_->Exists("brief"));
}

TEST_F(ReplicatedMapTest, WhatIsBeyondALimitIsRefusedBeforeItIsSent) {
  EXPECT_EQ(a_->Put("", "v").status.code(), kInvalidArgument);
  EXPECT_EQ(a_->Put(std::string(kKeyBytesMax + 1, 'k'), "v").status.code(), kInvalidArgument);
  EXPECT_EQ(a_->Put("k", std::string(kValueBytesMax + 1, 'v')).status.code(), kInvalidArgument);
  EXPECT_EQ(a_->PutAsync("", "v", {}, nullptr).code(), kInvalidArgument);
  const WriteResult largest =
      a_->Put(std::string(kKeyBytesMax, 'k'), std::string(kValueBytesMax - 4096, 'v'),
              {.timeout = absl::Minutes(1)});
  EXPECT_TRUE(largest.ok()) << largest.status;
  EXPECT_EQ(members_[0].OpenMap(std::string(65, 'm')).status().code(), kInvalidArgument);
}

TEST_F(ReplicatedMapTest, AsyncWritesAreAnsweredOnceEachOnTheDeliveryThread) {
  constexpr size_t kWrites = 2000;
  Watched<std::pair<size_t, size_t>> answers;  // OK, all.
  for (size_t i = 0; i < kWrites;) {
    const absl::Status status =
        a_->PutAsync("k" + std::to_string(i), "v", {}, [&](const WriteResult& result) {
          answers.Update([&](auto& counts) {
            counts.first += result.ok() ? 1 : 0;
            ++counts.second;
          });
        });
    if (status.ok()) {
      ++i;
    } else {
      ASSERT_EQ(status.code(), kResourceExhausted);
    }
  }
  ASSERT_TRUE(answers.WaitFor([&](const auto& counts) { return counts.second == kWrites; }));
  EXPECT_EQ(answers.Get().first, kWrites);
  EXPECT_EQ(b_->Size(), kWrites);
  EXPECT_EQ(a_->Digest().ToString(), b_->Digest().ToString());
}

TEST_F(ReplicatedMapTest, VisitsAndScansSeeEveryEntry) {
  std::map<std::string, std::string> expected;
  WriteBatch batch;
  for (int i = 0; i < 500; ++i) {
    expected["k" + std::to_string(i)] = std::to_string(i);
    batch.Put("k" + std::to_string(i), std::to_string(i));
  }
  ASSERT_TRUE(a_->Write(batch).ok());
  std::map<std::string, std::string> visited;
  b_->ForEach(
      [&](std::string_view key, const Entry& entry) { visited[std::string(key)] = entry.value; });
  EXPECT_EQ(visited, expected);
  // More often than there may be snapshots: one that is not seen to its end is given back, too.
  for (int visit = 0; visit < 10; ++visit) {
    size_t seen = 0;
    EXPECT_FALSE(b_->ForEachWhile([&](std::string_view, const Entry&) { return ++seen < 7; }));
    EXPECT_EQ(seen, 7U);
  }
  // So the next one has a snapshot, in which what is written meanwhile is not seen.
  WriteBatch later;
  for (const auto& [key, value] : expected) later.Put(key, "later");
  visited.clear();
  EXPECT_TRUE(b_->ForEachWhile([&](std::string_view key, const Entry& entry) {
    EXPECT_TRUE(!visited.empty() || b_->Write(later).ok());
    visited[std::string(key)] = entry.value;
    return true;
  }));
  EXPECT_EQ(visited, expected);
  EXPECT_TRUE(b_->Write(batch).ok());
  std::map<std::string, std::string> scanned;
  uint64_t cursor = 0;
  do {
    ScanResult some = b_->Scan(cursor, 50);
    for (auto& item : some.items) scanned[item.key] = item.entry.value;
    cursor = some.cursor;
  } while (cursor != 0);
  EXPECT_EQ(scanned, expected);
  EXPECT_EQ(b_->Clear().number, 500);
  EXPECT_EQ(a_->Size(), 0u);
}

TEST_F(ReplicatedMapTest, ChangesArriveInOrderAndOnlyThoseAskedFor) {
  Watched<std::vector<std::string>> all;
  Watched<std::vector<std::string>> users;
  const auto to = [](Watched<std::vector<std::string>>& list) {
    return [&list](const Change& change) {
      list.Update([&](auto& seen) {
        seen.push_back(std::string(change.key) + "=" +
                       std::string(change.value.value_or("(gone)")));
      });
    };
  };
  const Subscription every = b_->Subscribe(to(all));
  const Subscription some = b_->SubscribePrefix("user:", to(users));
  ASSERT_TRUE(a_->Put("user:1", "x").ok());
  ASSERT_TRUE(a_->Put("other", "y").ok());
  ASSERT_TRUE(b_->Erase("user:1").ok());
  ASSERT_TRUE(all.WaitFor([](const auto& seen) { return seen.size() == 3; }));
  // One after the other: the last change may still be on its way to the second subscriber.
  ASSERT_TRUE(users.WaitFor([](const auto& seen) { return seen.size() == 2; }));
  EXPECT_THAT(all.Get(), ::testing::ElementsAre("user:1=x", "other=y", "user:1=(gone)"));
  EXPECT_THAT(users.Get(), ::testing::ElementsAre("user:1=x", "user:1=(gone)"));
}

TEST_F(ReplicatedMapTest, AMemberThatJoinsLaterHasWhatWasWrittenBefore) {
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(a_->Put("k" + std::to_string(i), std::string(1000, 'v')).ok());
  absl::StatusOr<Group> late = Group::Join(OnLoopback("map", "late"));
  ASSERT_TRUE(late.ok()) << late.status();
  absl::StatusOr<ReplicatedMap> map = late->OpenMap("main");
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->Size(), 100u);
  EXPECT_EQ(map->Digest().ToString(), a_->Digest().ToString());
}

TEST_F(ReplicatedMapTest, AfterLeavingReadsAnswerAndWritesAreCancelled) {
  ASSERT_TRUE(a_->Put("k", "v").ok());
  ASSERT_TRUE(members_[0].Leave().ok());
  EXPECT_EQ(a_->Get("k")->value, "v");
  EXPECT_EQ(a_->Put("k", "w").status.code(), kCancelled);
  EXPECT_EQ(a_->PutAsync("k", "w", {}, nullptr).code(), kCancelled);
}

}  // namespace
}  // namespace cohort::testing
