// What counts as a change of a key.
#include "runtime/change_counts.h"

#include <gtest/gtest.h>

namespace cohort::runtime {
namespace {

using Cause = engine::ChangeUpcall::Cause;

constexpr InstanceId kSelf{1, 1};
constexpr InstanceId kOther{2, 2};

engine::ChangeUpcall Change(Cause cause, const std::string& key, const InstanceId& writer) {
  engine::ChangeUpcall change;
  change.cause = cause;
  change.key = key;
  change.writer.instance = writer;
  return change;
}

TEST(ChangeCountsTest, WhatThisMemberPutsIsNoNewsUnlessItBeginsTheEntry) {
  ChangeCounts counts;
  const uint64_t before = counts.Of("k");
  engine::ChangeUpcall put = Change(Cause::kPut, "k", kSelf);
  counts.NoteChange(put, kSelf);
  EXPECT_EQ(counts.Of("k"), before);
  put.begins = true;
  counts.NoteChange(put, kSelf);
  EXPECT_NE(counts.Of("k"), before);
}

TEST(ChangeCountsTest, WhateverElseHappensToAKeyIsCountedAndForNoOther) {
  ChangeCounts counts;
  const uint64_t other_before = counts.Of("another key");
  uint64_t before = counts.Of("k");
  for (const auto& [cause, writer] : {std::pair(Cause::kPut, kOther),
                                      {Cause::kErase, kSelf},
                                      {Cause::kErase, kOther},
                                      {Cause::kExpire, kSelf},
                                      {Cause::kMerge, kSelf},
                                      {Cause::kEvict, kSelf}}) {
    counts.NoteChange(Change(cause, "k", writer), kSelf);
    EXPECT_NE(counts.Of("k"), before) << static_cast<int>(cause);
    before = counts.Of("k");
  }
  EXPECT_EQ(counts.Of("another key"), other_before);
}

TEST(ChangeCountsTest, WhatConcernsTheWholeMapCountsForAllKeys) {
  ChangeCounts counts;
  uint64_t before = counts.Of("k");
  for (const Cause cause : {Cause::kClear, Cause::kSync}) {
    counts.NoteChange(Change(cause, "", kSelf), kSelf);
    EXPECT_NE(counts.Of("k"), before);
    before = counts.Of("k");
  }
  counts.NoteAll();
  EXPECT_NE(counts.Of("k"), before);
}

}  // namespace
}  // namespace cohort::runtime
