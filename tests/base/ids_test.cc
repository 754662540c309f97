#include "cohort/ids.h"

#include <gtest/gtest.h>

#include <string>

#include "cohort/events.h"
#include "cohort/view.h"

namespace cohort {
namespace {

TEST(Ids, AnInstanceIs32Digits) {
  EXPECT_EQ((InstanceId{.hi = 0xA1, .lo = 2}.ToString()), "00000000000000a10000000000000002");
}

TEST(Ids, AMemberIsTheStartOfItsInstanceAndItsAttempt) {
  EXPECT_EQ((MemberId{.instance = {.hi = 0x0123456789ABCDEF, .lo = 2}, .join_no = 7}.ToString()),
            "01234567/7");
}

TEST(Ids, AViewIsItsNumberAndTheStartOfItsName) {
  EXPECT_EQ((ViewId{.num = 12, .cid = 0xABCDEF0123456789}.ToString()), "12-abcdef");
}

TEST(Ids, AVersionIsItsTimeAndWriter) {
  EXPECT_EQ((Version{.time = 1700000000000ull << 16 | 3, .writer = 0xAB}.ToString()),
            "1700000000000.3@ab");
  EXPECT_EQ(Version::None().ToString(), "none");
}

TEST(Names, EveryEnumeratorHasOneOfItsOwn) {
  for (int i = 0; i <= static_cast<int>(ViewCause::kSynced); ++i) {
    for (int j = 0; j < i; ++j) {
      EXPECT_STRNE(ToString(static_cast<ViewCause>(i)), ToString(static_cast<ViewCause>(j)));
    }
    EXPECT_STRNE(ToString(static_cast<ViewCause>(i)), "?");
  }
  for (int i = 0; i <= static_cast<int>(EventKind::kWarning); ++i) {
    EXPECT_STRNE(ToString(static_cast<EventKind>(i)), "?");
  }
  EXPECT_STREQ(ToString(Policy::kPrimary), "primary");
}

}  // namespace
}  // namespace cohort
