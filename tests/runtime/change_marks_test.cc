// What moves the mark of a key.
#include "runtime/change_marks.h"

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

TEST(ChangeMarksTest, WhatThisMemberPutsIsNoNewsUnlessItBeginsTheEntry) {
  ChangeMarks marks;
  const uint64_t before = marks.Of("k");
  engine::ChangeUpcall put = Change(Cause::kPut, "k", kSelf);
  marks.NoteChange(put, kSelf);
  EXPECT_EQ(marks.Of("k"), before);
  put.begins = true;
  marks.NoteChange(put, kSelf);
  EXPECT_NE(marks.Of("k"), before);
}

TEST(ChangeMarksTest, WhateverElseHappensToAKeyMovesItsMarkAndNoOther) {
  ChangeMarks marks;
  const uint64_t other_before = marks.Of("another key");
  uint64_t before = marks.Of("k");
  for (const auto& [cause, writer] : {std::pair(Cause::kPut, kOther),
                                      {Cause::kErase, kSelf},
                                      {Cause::kErase, kOther},
                                      {Cause::kExpire, kSelf},
                                      {Cause::kMerge, kSelf},
                                      {Cause::kEvict, kSelf}}) {
    marks.NoteChange(Change(cause, "k", writer), kSelf);
    EXPECT_NE(marks.Of("k"), before) << static_cast<int>(cause);
    before = marks.Of("k");
  }
  EXPECT_EQ(marks.Of("another key"), other_before);
}

TEST(ChangeMarksTest, WhatConcernsTheWholeMapMovesAllMarks) {
  ChangeMarks marks;
  uint64_t before = marks.Of("k");
  for (const Cause cause : {Cause::kClear, Cause::kSync}) {
    marks.NoteChange(Change(cause, "", kSelf), kSelf);
    EXPECT_NE(marks.Of("k"), before);
    before = marks.Of("k");
  }
  marks.NoteAll();
  EXPECT_NE(marks.Of("k"), before);
}

}  // namespace
}  // namespace cohort::runtime
