#include "hash_value.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// Frozen: programs read and write it (docs/resp.md).
const std::string kGolden = std::string("\xff\0CohortHash1\0\xff\n", 16) +
                            std::string("\1\0\0\0a\0\0\0\0\2\0\0\0bc\3\0\0\0v\0w", 22);

TEST(HashValue, TheBytesAreThoseOfTheDocument) {
  HashValue hash;
  EXPECT_TRUE(hash.Set("bc", std::string_view("v\0w", 3)));
  EXPECT_TRUE(hash.Set("a", "old"));
  EXPECT_FALSE(hash.Set("a", ""));
  EXPECT_EQ(hash.Encode(), kGolden);
  EXPECT_EQ(hash.encoded_bytes(), kGolden.size());
  HashValue read;
  ASSERT_TRUE(read.Parse(kGolden));
  EXPECT_THAT(read.fields(), ElementsAre(Pair("a", ""), Pair("bc", std::string_view("v\0w", 3))));
  EXPECT_EQ(read.Find("bc"), std::string_view("v\0w", 3));
  EXPECT_EQ(read.Find("b"), std::nullopt);
}

TEST(HashValue, ErasingGivesBackWhatSettingTook) {
  HashValue hash;
  hash.Set("a", "1");
  const size_t one = hash.encoded_bytes();
  hash.Set("b", "a longer one");
  EXPECT_TRUE(hash.Erase("b"));
  EXPECT_FALSE(hash.Erase("b"));
  EXPECT_EQ(hash.encoded_bytes(), one);
  EXPECT_EQ(hash.Encode().size(), one);
}

TEST(HashValue, NothingElseIsTakenForAHash) {
  HashValue hash;
  EXPECT_FALSE(IsHash(""));
  EXPECT_FALSE(IsHash("CohortHash1"));
  EXPECT_FALSE(hash.Parse("text"));
  EXPECT_FALSE(hash.Parse(kHashMark)) << "no field";
  for (size_t size = kHashMark.size(); size < kGolden.size(); ++size) {
    const bool whole_field = size == kHashMark.size() + 9;
    EXPECT_EQ(hash.Parse(std::string_view(kGolden).substr(0, size)), whole_field) << size;
  }
  EXPECT_FALSE(hash.Parse(kGolden + "x"));
  const std::string field("\1\0\0\0a\0\0\0\0", 9);
  EXPECT_FALSE(hash.Parse(std::string(kHashMark) + field + field)) << "twice";
  EXPECT_FALSE(hash.Parse(kGolden + field)) << "out of order";
  EXPECT_FALSE(hash.Parse(std::string(kHashMark) + "\xff\xff\xff\xff"
                                                   "a"))
      << "a huge size";
}

}  // namespace
}  // namespace cohort::tools
