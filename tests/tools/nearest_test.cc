#include "nearest.h"

#include <vector>

#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

const std::vector<std::string> kKnown = {"--group", "--name", "--map", "--map-bytes-max",
                                         "--stall-timeout"};

TEST(NearestTest, AMistypedWordIsFound) {
  EXPECT_EQ(Nearest("--goup", kKnown), "--group");
  EXPECT_EQ(Nearest("--gruop", kKnown), "--group");
  EXPECT_EQ(Nearest("--nam", kKnown), "--name");
  EXPECT_EQ(Nearest("--stal-time-out", kKnown), "--stall-timeout");
  EXPECT_EQ(Nearest("--maps", kKnown), "--map");
}

TEST(NearestTest, AWordThatIsLikeNoneIsNotGuessed) {
  EXPECT_EQ(Nearest("--colour", kKnown), "");
  EXPECT_EQ(Nearest("--x", kKnown), "");
  EXPECT_EQ(Nearest("", kKnown), "");
  EXPECT_EQ(Nearest("--", kKnown), "");
  EXPECT_EQ(Nearest(std::string(10'000, 'x'), kKnown), "");
}

}  // namespace
}  // namespace cohort::tools
