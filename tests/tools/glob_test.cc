#include "glob.h"

#include <string>

#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

TEST(GlobTest, StarsQuestionMarksAndClassesMatchAsInRedis) {
  EXPECT_TRUE(GlobMatches("*", ""));
  EXPECT_TRUE(GlobMatches("session:*", "session:1"));
  EXPECT_FALSE(GlobMatches("session:*", "user:1"));
  EXPECT_TRUE(GlobMatches("h?llo", "hallo"));
  EXPECT_FALSE(GlobMatches("h?llo", "hllo"));
  EXPECT_TRUE(GlobMatches("h[ae]llo", "hello"));
  EXPECT_FALSE(GlobMatches("h[ae]llo", "hillo"));
  EXPECT_TRUE(GlobMatches("h[^e]llo", "hallo"));
  EXPECT_TRUE(GlobMatches("h[a-c]llo", "hbllo"));
  EXPECT_TRUE(GlobMatches("a\\*b", "a*b"));
  EXPECT_FALSE(GlobMatches("a\\*b", "axb"));
  EXPECT_TRUE(GlobMatches("*a*b*", "xxaxxbxx"));
  EXPECT_FALSE(GlobMatches("*a*b", "xxaxxbx"));
  EXPECT_TRUE(GlobMatches("[abc", "b"));
  EXPECT_FALSE(GlobMatches("", "a"));
}

TEST(GlobTest, APatternMadeToBeSlowIsNot) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(GlobMatches(pattern + "b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace cohort::tools
