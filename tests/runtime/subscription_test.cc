#include <gtest/gtest.h>

#include "runtime/replicated_map_impl.h"

namespace cohort {
namespace {

TEST(SubscriptionTest, WhoWatchesSomeKeysIsToldOfTheirsAndOfWhatConcernsAll) {
  const auto wanted = [](std::string_view key) { return key.starts_with("user:"); };
  const auto is_told = [&](ChangeCause cause, std::string_view key) {
    Change change;
    change.cause = cause;
    change.key = key;
    return runtime::Concerns(change, wanted);
  };
  EXPECT_TRUE(is_told(ChangeCause::kPut, "user:1"));
  EXPECT_FALSE(is_told(ChangeCause::kPut, "other"));
  EXPECT_FALSE(is_told(ChangeCause::kExpire, "other"));
  EXPECT_TRUE(is_told(ChangeCause::kClear, ""));
  EXPECT_TRUE(is_told(ChangeCause::kSync, ""));
}

TEST(SubscriptionTest, OwnWritesAreToldOnlyOfTheKeysThatSubscribersAskFor) {
  runtime::DeliveryQueue queue(1024, [](engine::Upcall&) {});
  Group::Impl::OpenedMap map("m", queue);
  const MemberId self{.instance = {1, 1}};
  const MemberId other{.instance = {2, 2}};
  using Cause = engine::ChangeUpcall::Cause;
  const auto is_news = [&](const char* key, const MemberId& writer, Cause cause = Cause::kPut) {
    engine::ChangeUpcall change;
    change.key = key;
    change.writer = writer;
    change.cause = cause;
    return map.IsNews(change, self.instance);
  };
  EXPECT_TRUE(is_news("any", self));
  map.own_keys = [](std::string_view key) { return key == "told"; };
  EXPECT_FALSE(is_news("any", self));
  EXPECT_FALSE(is_news("any", self, Cause::kErase));
  EXPECT_TRUE(is_news("told", self));
  EXPECT_TRUE(is_news("any", other));
  // What a merge, a transfer or the end of a lifetime brings is nobody's own.
  for (const Cause cause :
       {Cause::kMerge, Cause::kSync, Cause::kClear, Cause::kExpire, Cause::kEvict})
    EXPECT_TRUE(is_news("any", self, cause));
  map.want_own = 1;
  EXPECT_TRUE(is_news("any", self));
}

TEST(SubscriptionTest, WhatAnOwnerGoesOnWritingIsToldOnlyWhileSomebodyWatchesIt) {
  runtime::DeliveryQueue queue(1024, [](engine::Upcall&) {});
  Group::Impl::OpenedMap map("m", queue);
  const MemberId self{.instance = {1, 1}};
  engine::ChangeUpcall change;
  change.key = "k";
  change.writer.instance = {2, 2};
  const auto is_news = [&] { return map.IsNews(change, self.instance); };
  EXPECT_TRUE(is_news());
  change.by_owner = true;
  EXPECT_FALSE(is_news());
  const auto watchers = std::make_shared<std::atomic<int>>(0);
  map.put_watchers.push_back(watchers);
  EXPECT_FALSE(is_news());
  *watchers = 1;
  EXPECT_TRUE(is_news());
  *watchers = 0;
  map.want_own = 1;
  EXPECT_TRUE(is_news()) << "it is a subscriber to all";
}

}  // namespace
}  // namespace cohort
