#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;

class ConvergentMapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    members_ = JoinMembers(2, OnLoopback("convergent", ""));
    ASSERT_EQ(members_.size(), 2u);
    a_ = *members_[0].OpenMap("s", {.kind = MapKind::kConvergent});
    b_ = *members_[1].OpenMap("s", {.kind = MapKind::kConvergent});
  }
  std::vector<Group> members_;
  std::optional<ReplicatedMap> a_;
  std::optional<ReplicatedMap> b_;
};

TEST_F(ConvergentMapTest, AnAcknowledgedWriteIsReadByAll) {
  const WriteResult put = a_->Put("k", "v");
  ASSERT_TRUE(put.ok()) << put.status;
  EXPECT_EQ(put.replicas, 2u);
  EXPECT_EQ(b_->Get("k")->value, "v");
  EXPECT_EQ(b_->Get("k")->version, put.version);
  EXPECT_EQ(b_->Erase("k").number, 1);
  EXPECT_EQ(a_->Get("k").status().code(), kNotFound);
  EXPECT_EQ(a_->kind(), MapKind::kConvergent);
}

TEST_F(ConvergentMapTest, AttributesAreWrittenApart) {
  ASSERT_TRUE(a_->PutAttributes("s1", {{"user", "ann"}, {"cart", "1"}}).ok());
  ASSERT_TRUE(b_->PutAttributes("s1", {{"cart", "2"}}).ok());
  EXPECT_EQ(*a_->GetAttribute("s1", "user"), "ann");
  EXPECT_EQ(*a_->GetAttribute("s1", "cart"), "2");
  ASSERT_TRUE(a_->EraseAttributes("s1", {"user"}).ok());
  EXPECT_EQ(b_->GetAttribute("s1", "user").status().code(), kNotFound);
  const auto all = b_->GetAttributes("s1");
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ((*all)[0].name, "cart");
  EXPECT_EQ(b_->Get("s1")->value, "");
  EXPECT_EQ(a_->EraseAttributes("none", {"x"}).status.code(), kNotFound);
  EXPECT_EQ(a_->PutAttributes("s1", {}).status.code(), kInvalidArgument);
}

TEST_F(ConvergentMapTest, WhoClaimsAnEntryOwnsItAndTheOwnerBeforeIsRefused) {
  const WriteOptions by_right = {.by_owner = true};
  ASSERT_TRUE(a_->PutAttributes("s1", {{"n", "1"}}, by_right).ok());
  EXPECT_EQ(b_->OwnerOf("s1")->name, members_[0].view().members[0].name);
  EXPECT_EQ(b_->PutAttributes("s1", {{"n", "2"}}, by_right).status.code(), kAborted);
  const WriteResult claimed = b_->Claim("s1");
  ASSERT_TRUE(claimed.ok()) << claimed.status;
  EXPECT_EQ(claimed.number, 1);
  EXPECT_EQ(a_->OwnerOf("s1")->name, members_[0].view().members[1].name);
  EXPECT_TRUE(b_->PutAttributes("s1", {{"n", "2"}}, by_right).ok());
  EXPECT_EQ(a_->PutAttributes("s1", {{"n", "3"}}, by_right).status.code(), kAborted);
  EXPECT_EQ(*a_->GetAttribute("s1", "n"), "2");
  EXPECT_EQ(b_->Claim("s1").number, 1);                     // It is the owner already.
  EXPECT_TRUE(a_->PutAttributes("s1", {{"n", "4"}}).ok());  // Not by right.
  EXPECT_EQ(a_->Claim("none").status.code(), kNotFound);
}

TEST_F(ConvergentMapTest, WhatNeedsTheOtherKindIsRefused) {
  EXPECT_EQ(a_->PutIfAbsent("k", "v").status.code(), kFailedPrecondition);
  EXPECT_EQ(a_->Increment("k", 1).status.code(), kFailedPrecondition);
  EXPECT_EQ(a_->Append("k", "v").status.code(), kFailedPrecondition);
  EXPECT_EQ(members_[0].OpenMap("s").status().code(), kFailedPrecondition);
  absl::StatusOr<ReplicatedMap> ordered = members_[0].OpenMap("main");
  ASSERT_TRUE(ordered.ok());
  EXPECT_EQ(ordered->PutAttributes("k", {{"a", "1"}}).status.code(), kFailedPrecondition);
  EXPECT_EQ(ordered->GetAttributes("k").status().code(), kFailedPrecondition);
}

TEST_F(ConvergentMapTest, ATouchBeginsTheLifetimeAgain) {
  ASSERT_TRUE(a_->Put("k", "v", {.ttl = absl::Hours(1)}).ok());
  EXPECT_LE(b_->Get("k")->ttl, absl::Hours(1));
  EXPECT_GT(b_->Get("k")->ttl, absl::Minutes(59));
  EXPECT_TRUE(a_->Touch("k").ok());  // So soon it is not even sent.
  EXPECT_TRUE(a_->Expire("k", absl::Minutes(5)).ok());
  EXPECT_LE(b_->Get("k")->ttl, absl::Minutes(5));
  EXPECT_TRUE(a_->Persist("k").ok());
  EXPECT_EQ(b_->Get("k")->ttl, absl::InfiniteDuration());
  EXPECT_EQ(a_->Touch("none").status.code(), kNotFound);
}

TEST_F(ConvergentMapTest, AnAccessThatNeedNotBeSentIsCancelledAfterLeavingAsAnyWriteIs) {
  ASSERT_TRUE(a_->Put("k", "v", {.ttl = absl::Hours(1)}).ok());
  Watched<int> answers;
  const auto count = [&](const WriteResult&) { answers.Update([](int& n) { ++n; }); };
  ASSERT_TRUE(a_->TouchAsync("k", {}, count).ok());
  EXPECT_TRUE(answers.WaitFor([](int n) { return n == 1; }));
  ASSERT_TRUE(members_[0].Leave().ok());
  EXPECT_EQ(a_->TouchAsync("k", {}, count).code(), kCancelled);
  EXPECT_EQ(answers.Get(), 1);
}

TEST_F(ConvergentMapTest, AWriteThatAsksForTheEntryBeginsNone) {
  const WriteOptions if_present = {.if_present = true};
  EXPECT_EQ(a_->PutAttributes("k", {{"x", "1"}}, if_present).status.code(), kNotFound);
  EXPECT_EQ(a_->Erase("k", if_present).status.code(), kNotFound);
  EXPECT_FALSE(b_->Exists("k"));
  ASSERT_TRUE(a_->PutAttributes("k", {{"x", "1"}}).ok());
  EXPECT_TRUE(b_->PutAttributes("k", {{"x", "2"}}, if_present).ok());
  EXPECT_EQ(a_->GetAttribute("k", "x").value_or(""), "2");
  EXPECT_TRUE(b_->Erase("k", if_present).ok());
  EXPECT_EQ(b_->PutAttributes("k", {{"x", "3"}}, if_present).status.code(), kNotFound);
  // Where nobody looks for it, it is not taken for granted.
  EXPECT_EQ(a_->Put("k", "v", if_present).status.code(), kFailedPrecondition);
}

TEST_F(ConvergentMapTest, ABatchMovesAnEntryToAnotherKeyAtOneMoment) {
  ASSERT_TRUE(a_->PutAttributes("old", {{"x", "1"}, {"y", "2"}}).ok());
  WriteBatch move;
  move.Erase("old").PutAttributes("new", {{"x", "1"}, {"y", "2"}}).EraseAttributes("new", {"y"});
  Watched<std::vector<std::string>> told;
  const Subscription subscription = b_->Subscribe([&](const Change& change) {
    told.Update([&](std::vector<std::string>& all) {
      all.push_back(std::string(change.key) + (change.value.has_value() ? "" : " gone"));
    });
  });
  ASSERT_TRUE(a_->Write(move).ok());
  EXPECT_TRUE(told.WaitFor([](const std::vector<std::string>& all) {
    return all == std::vector<std::string>{"old gone", "new"};
  }));
  EXPECT_FALSE(b_->Exists("old"));
  EXPECT_EQ(b_->GetAttribute("new", "x").value_or(""), "1");
  EXPECT_EQ(b_->GetAttribute("new", "y").status().code(), kNotFound);
  // All or nothing: the entry that is asked for is gone.
  EXPECT_EQ(a_->Write(WriteBatch().Erase("old").PutAttributes("third", {{"x", "1"}}),
                      {.if_present = true})
                .status.code(),
            kNotFound);
  EXPECT_FALSE(a_->Exists("third"));
}

TEST_F(ConvergentMapTest, ABatchOfAttributesMayLeaveTheLifetimeAsItIs) {
  ASSERT_TRUE(a_->PutAttributes("k", {{"x", "1"}, {"y", "2"}}, {.ttl = absl::Hours(1)}).ok());
  const absl::Duration before = a_->Get("k")->ttl;
  // Until the lifetime is seen to run.
  while (a_->Get("k")->ttl == before) std::this_thread::yield();
  const WriteBatch batch =
      WriteBatch().PutAttributes("k", {{"x", "3"}}).EraseAttributes("k", {"y"});
  ASSERT_TRUE(a_->Write(batch, {.keep_ttl = true}).ok());
  EXPECT_LT(a_->Get("k")->ttl, before);
}

TEST_F(ConvergentMapTest, AMapThatIsFullDropsWhatWasUsedTheLongestAgoOnAllMembers) {
  for (const MapKind kind : {MapKind::kConvergent, MapKind::kOrdered}) {
    const MapOptions options{
        .kind = kind, .bytes_max = 64 << 10, .when_full = WhenFull::kEvictLeastRecentlyUsed};
    const std::string name = kind == MapKind::kOrdered ? "ordered" : "convergent";
    absl::StatusOr<ReplicatedMap> a = members_[0].OpenMap(name, options);
    absl::StatusOr<ReplicatedMap> b = members_[1].OpenMap(name, options);
    ASSERT_TRUE(a.ok() && b.ok());
    Watched<size_t> evicted;
    const Subscription subscription = b->Subscribe([&](const Change& change) {
      if (change.cause == ChangeCause::kEvict) evicted.Update([](size_t& count) { ++count; });
    });
    const std::string value(1000, 'x');
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(a->Put("k" + std::to_string(i), value).ok()) << name << " " << i;
    }
    EXPECT_TRUE(evicted.WaitFor([](size_t count) { return count >= 36; })) << name;
    EXPECT_TRUE(b->Exists("k99"));
    EXPECT_FALSE(b->Exists("k0"));
    // In a convergent map the last eviction may be on its way.
    EXPECT_LE(b->Bytes(), options.bytes_max * 9 / 8);
  }
}

TEST_F(ConvergentMapTest, SubscribersAreToldWhatOthersWrite) {
  Watched<std::vector<std::string>> told;
  const Subscription subscription = b_->Subscribe([&](const Change& change) {
    told.Update([&](std::vector<std::string>& all) {
      all.push_back(std::string(change.key) + "=" + std::string(change.value.value_or("gone")));
    });
  });
  ASSERT_TRUE(a_->Put("k", "1").ok());
  ASSERT_TRUE(a_->Erase("k").ok());
  EXPECT_TRUE(told.WaitFor([](const std::vector<std::string>& all) {
    return all == std::vector<std::string>{"k=1", "k=gone"};
  }));
}

}  // namespace
}  // namespace cohort::testing
