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
    return Concerns(change, wanted);
  };
  EXPECT_TRUE(is_told(ChangeCause::kPut, "user:1"));
  EXPECT_FALSE(is_told(ChangeCause::kPut, "other"));
  EXPECT_FALSE(is_told(ChangeCause::kExpire, "other"));
  EXPECT_TRUE(is_told(ChangeCause::kClear, ""));
  EXPECT_TRUE(is_told(ChangeCause::kSync, ""));
}

}  // namespace
}  // namespace cohort
