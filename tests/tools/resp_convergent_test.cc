// Redis commands over a convergent map.
#include "gmock/gmock.h"
#include "resp_test.h"

namespace cohort::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class RespConvergentTest : public RespTest {
 protected:
  static void SetUpTestSuite() { StartNode({{"main", {.kind = MapKind::kConvergent}}}); }
};

TEST_F(RespConvergentTest, StringsAreSetReadAndErased) {
  EXPECT_EQ(Do({"SET", "k", "v"}), "OK");
  EXPECT_EQ(Do({"GET", "k"}), "v");
  EXPECT_EQ(Do({"MSET", "a", "1", "b", "2"}), "OK");
  EXPECT_EQ(Do({"MGET", "a", "b", "none"}), "[1, 2, (nil)]");
  EXPECT_EQ(Do({"EXPIRE", "k", "100"}), "1");
  EXPECT_EQ(Do({"TTL", "k"}), "100");
  EXPECT_EQ(Do({"EXPIRE", "none", "100"}), "0");
  EXPECT_EQ(Do({"SET", "k", "w", "KEEPTTL"}), "OK");
  EXPECT_EQ(Do({"TTL", "k"}), "100");
  EXPECT_EQ(Do({"DEL", "k"}), "1");
  EXPECT_EQ(Do({"DEL", "a", "b", "none"}), "2");
  EXPECT_EQ(Do({"DBSIZE"}), "0");
}

TEST_F(RespConvergentTest, FieldsOfAHashAreAttributes) {
  EXPECT_EQ(Do({"HSET", "h", "b", "2", "a", "1"}), "2");
  EXPECT_EQ(Do({"HSET", "h", "b", "two", "c", ""}), "1");
  EXPECT_EQ(Do({"HGETALL", "h"}), "[a, 1, b, two, c, ]");
  EXPECT_EQ(Do({"TYPE", "h"}), "hash");
  EXPECT_EQ(Do({"GET", "h"}), "-WRONGTYPE Operation against a key holding the wrong kind of value");
  EXPECT_EQ(Do({"HDEL", "h", "a", "none"}), "1");
  EXPECT_EQ(Do({"HLEN", "h"}), "2");
  EXPECT_EQ(Do({"HDEL", "h", "b", "c"}), "2");
  EXPECT_EQ(Do({"EXISTS", "h"}), "0");
  EXPECT_EQ(Do({"SET", "s", "v"}), "OK");
  EXPECT_EQ(Do({"HSET", "s", "f", "v"}),
            "-WRONGTYPE Operation against a key holding the wrong kind of value");
}

TEST_F(RespConvergentTest, WhatDependsOnWhatIsThereNeedsAnOrderedMap) {
  Do({"SET", "k", "1"});
  const std::vector<std::vector<std::string>> commands = {
      {"INCR", "k"},           {"APPEND", "k", "x"}, {"SETNX", "n", "v"},
      {"SET", "k", "v", "NX"}, {"GETSET", "k", "v"}, {"HINCRBY", "h", "f", "1"},
      {"RENAME", "k", "l"}};
  for (const std::vector<std::string>& command : commands) {
    EXPECT_THAT(Do(command), AllOf(StartsWith("-ERR "), HasSubstr("needs an ordered map")))
        << command[0];
  }
  EXPECT_EQ(Do({"GET", "k"}), "1");
}

}  // namespace
}  // namespace cohort::tools
