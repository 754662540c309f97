// Hash commands, end to end, and what a program sees that reads the same map.
#include "cohort/group.h"
#include "gmock/gmock.h"
#include "hash_value.h"
#include "resp_test.h"

namespace cohort::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kWrongTypeReply =
    "-WRONGTYPE Operation against a key holding the wrong kind of value";

class RespHashTest : public RespTest {};

TEST_F(RespHashTest, FieldsThatWereSetAreThere) {
  EXPECT_EQ(Do({"HGET", "h", "f"}), "(nil)");
  EXPECT_EQ(Do({"HSET", "h", "b", "2", "a", "1"}), "2");
  EXPECT_EQ(Do({"HSET", "h", "b", "two", "c", ""}), "1");
  EXPECT_EQ(Do({"HGET", "h", "b"}), "two");
  EXPECT_EQ(Do({"HMGET", "h", "a", "none", "c"}), "[1, (nil), ]");
  EXPECT_EQ(Do({"HGETALL", "h"}), "[a, 1, b, two, c, ]");
  EXPECT_EQ(Do({"HKEYS", "h"}), "[a, b, c]");
  EXPECT_EQ(Do({"HVALS", "h"}), "[1, two, ]");
  EXPECT_EQ(Do({"HLEN", "h"}), "3");
  EXPECT_EQ(Do({"HEXISTS", "h", "c"}), "1");
  EXPECT_EQ(Do({"HEXISTS", "h", "d"}), "0");
  EXPECT_EQ(Do({"HSETNX", "h", "a", "x"}), "0");
  EXPECT_EQ(Do({"HSETNX", "h", "d", "4"}), "1");
  EXPECT_EQ(Do({"HSCAN", "h", "0", "MATCH", "[ad]", "COUNT", "1"}), "[0, [a, 1, d, 4]]");
  EXPECT_EQ(Do({"HDEL", "h", "a", "b", "none"}), "2");
  EXPECT_EQ(Do({"HGETALL", "h"}), "[c, , d, 4]");
  EXPECT_EQ(Do({"HGETALL", "none"}), "[]");
  EXPECT_EQ(Do({"HLEN", "none"}), "0");
  EXPECT_EQ(Do({"HSET", "h", "f"}), "-ERR wrong number of arguments for 'hset' command");
  EXPECT_EQ(Do({"HSET", "h", "f", "v", "g"}), "-ERR wrong number of arguments for 'hset' command");
  EXPECT_THAT(Do({"HELLO", "3"}), HasSubstr("proto: 3"));
  EXPECT_EQ(Do({"HGETALL", "h"}), "{c: , d: 4}");
}

TEST_F(RespHashTest, TheLastFieldTakesTheKeyWithIt) {
  Do({"HSET", "h", "a", "1", "b", "2"});
  EXPECT_EQ(Do({"HDEL", "h", "a", "b"}), "2");
  EXPECT_EQ(Do({"EXISTS", "h"}), "0");
  EXPECT_EQ(Do({"HDEL", "h", "a"}), "0");
  EXPECT_EQ(Do({"TYPE", "h"}), "none");
}

TEST_F(RespHashTest, FieldsCountAndRefuseWhatIsNoNumber) {
  EXPECT_EQ(Do({"HINCRBY", "h", "n", "5"}), "5");
  EXPECT_EQ(Do({"HINCRBY", "h", "n", "-7"}), "-2");
  Do({"HSET", "h", "t", "text", "max", "9223372036854775807"});
  EXPECT_EQ(Do({"HINCRBY", "h", "t", "1"}), "-ERR hash value is not an integer");
  EXPECT_EQ(Do({"HINCRBY", "h", "max", "1"}), "-ERR increment or decrement would overflow");
  EXPECT_EQ(Do({"HINCRBY", "h", "n", "x"}), "-ERR value is not an integer or out of range");
  EXPECT_EQ(Do({"HGETALL", "h"}), "[max, 9223372036854775807, n, -2, t, text]");
}

TEST_F(RespHashTest, AHashIsNoStringAndAStringNoHash) {
  Do({"HSET", "h", "f", "v"});
  Do({"SET", "s", "v"});
  EXPECT_EQ(Do({"TYPE", "h"}), "hash");
  EXPECT_EQ(Do({"TYPE", "s"}), "string");
  const std::vector<std::vector<std::string>> of_strings = {
      {"GET", "h"},         {"APPEND", "h", "x"},     {"STRLEN", "h"},
      {"INCR", "h"},        {"DECRBY", "h", "2"},     {"GETDEL", "h"},
      {"GETSET", "h", "x"}, {"SET", "h", "x", "GET"}, {"SET", "h", "x", "XX", "GET"}};
  for (const auto& words : of_strings) EXPECT_EQ(Do(words), kWrongTypeReply) << words[0];
  const std::vector<std::vector<std::string>> of_hashes = {
      {"HSET", "s", "f", "v"}, {"HSETNX", "s", "f", "v"}, {"HGET", "s", "f"},
      {"HMGET", "s", "f"},     {"HGETALL", "s"},          {"HDEL", "s", "f"},
      {"HLEN", "s"},           {"HEXISTS", "s", "f"},     {"HKEYS", "s"},
      {"HVALS", "s"},          {"HSCAN", "s", "0"},       {"HINCRBY", "s", "f", "1"}};
  for (const auto& words : of_hashes) EXPECT_EQ(Do(words), kWrongTypeReply) << words[0];
  EXPECT_EQ(Do({"HGETALL", "h"}), "[f, v]") << "untouched";
  EXPECT_EQ(Do({"GET", "s"}), "v");
  EXPECT_EQ(Do({"MGET", "h", "s"}), "[(nil), v]");
  EXPECT_EQ(Do({"SCAN", "0", "COUNT", "10000", "TYPE", "hash"}), "[0, [h]]");
  EXPECT_EQ(Do({"SCAN", "0", "COUNT", "10000", "TYPE", "string"}), "[0, [s]]");
  EXPECT_EQ(Do({"SCAN", "0", "COUNT", "10000", "TYPE", "list"}), "[0, []]");
  EXPECT_EQ(Do({"MULTI"}), "OK");
  Do({"INCR", "h"});
  Do({"HINCRBY", "h", "n", "1"});
  EXPECT_EQ(Do({"EXEC"}), std::string("[") + kWrongTypeReply + ", 1]");
  EXPECT_EQ(Do({"SETNX", "h", "x"}), "0");
  EXPECT_EQ(Do({"SET", "h", "x"}), "OK") << "SET overwrites whatever is there";
  EXPECT_EQ(Do({"TYPE", "h"}), "string");
}

TEST_F(RespHashTest, KeyCommandsWorkOnHashesToo) {
  Do({"HSET", "h", "f", "v"});
  EXPECT_EQ(Do({"EXPIRE", "h", "100"}), "1");
  EXPECT_EQ(Do({"HSET", "h", "g", "w"}), "1");
  EXPECT_NEAR(Number({"TTL", "h"}), 100, 1) << "a field changes, the lifetime stays";
  EXPECT_EQ(Do({"RENAME", "h", "i"}), "OK");
  EXPECT_EQ(Do({"HGETALL", "i"}), "[f, v, g, w]");
  EXPECT_NEAR(Number({"TTL", "i"}), 100, 1);
  EXPECT_EQ(Do({"DEL", "i"}), "1");
}

TEST_F(RespHashTest, NoStringIsEverTakenForAHash) {
  const std::string mark(kHashMark);
  EXPECT_EQ(Do({"SET", "k", mark.substr(0, 15)}), "OK");
  EXPECT_EQ(Do({"GET", "k"}), mark.substr(0, 15)) << "exactly its bytes";
  const std::vector<std::vector<std::string>> forging = {{"SET", "k", mark},
                                                         {"SET", "k", mark + "x", "XX"},
                                                         {"SETNX", "new", mark},
                                                         {"SETEX", "k", "9", mark},
                                                         {"PSETEX", "k", "9", mark},
                                                         {"GETSET", "k", mark},
                                                         {"MSET", "a", "1", "b", mark},
                                                         {"APPEND", "k", "\n"}};
  for (const auto& words : forging) {
    EXPECT_THAT(Do(words), StartsWith("-ERR a string may not begin with the 16 bytes")) << words[0];
  }
  EXPECT_EQ(Do({"GET", "k"}), mark.substr(0, 15));
  EXPECT_EQ(Do({"DBSIZE"}), "1");
  EXPECT_EQ(Do({"APPEND", "k", "x"}), "16");
  EXPECT_EQ(Do({"SET", "k", "x" + mark}), "OK") << "elsewhere than at the beginning it is welcome";
}

TEST_F(RespHashTest, AHashIsBoundedAsAWholeAndStaysWhatItWas) {
  const std::string half(kHashBytesMax / 2, 'v');
  EXPECT_EQ(Do({"HSET", "h", "a", half}), "1");
  EXPECT_THAT(Do({"HSET", "h", "b", half}),
              AllOf(StartsWith("-ERR the hash would have 104"), HasSubstr("at most 1040384")));
  EXPECT_EQ(Do({"HKEYS", "h"}), "[a]");
  EXPECT_EQ(Do({"MULTI"}), "OK");
  for (int i = 0; i < 150; ++i) EXPECT_EQ(Do({"HINCRBY", "h", "n", "1"}), "QUEUED");
  EXPECT_THAT(Do({"EXEC"}), HasSubstr("more than 64 MiB")) << "each of them reads it all";
  EXPECT_EQ(Do({"HKEYS", "h"}), "[a]");
}

TEST_F(RespHashTest, TwoClientsThatCountInOneHashLoseNothing) {
  RespClient other = NewClient();
  std::string pipeline;
  for (int i = 0; i < 50; ++i) pipeline += RespClient::Encode({"HINCRBY", "h", "n", "1"});
  client_->Send(pipeline);
  other.Send(pipeline);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client_->Read(), ::testing::MatchesRegex("[0-9]+"));
    EXPECT_THAT(other.Read(), ::testing::MatchesRegex("[0-9]+"));
  }
  EXPECT_EQ(Do({"HGET", "h", "n"}), "100");
}

TEST_F(RespHashTest, AProgramReadsAndWritesTheSameEntry) {
  GroupOptions options;
  options.group = "resp-test-" + std::to_string(getpid());
  options.name = "program";
  options.allow_plaintext = AllowPlaintext::kLoopback;
  absl::StatusOr<Group> group = Group::Join(options);
  ASSERT_TRUE(group.ok()) << group.status();
  absl::StatusOr<ReplicatedMap> map = group->OpenMap("main");
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(Do({"HSET", "h", "b", "2", "a", "1"}), "2");
  const absl::StatusOr<Entry> entry = map->Get("h");
  ASSERT_TRUE(entry.ok());
  const std::string fields(
      "\1\0\0\0a\1\0\0\0"
      "1\1\0\0\0b\1\0\0\0"
      "2",
      20);
  EXPECT_EQ(entry->value, std::string(kHashMark) + fields);
  EXPECT_TRUE(map->Put("i", entry->value).ok());
  EXPECT_EQ(Do({"HGETALL", "i"}), "[a, 1, b, 2]");
  EXPECT_TRUE(map->Append("i", "x").ok());
  EXPECT_THAT(Do({"HGETALL", "i"}), StartsWith("-ERR the hash is malformed"));
  EXPECT_EQ(Do({"TYPE", "i"}), "hash");
  EXPECT_EQ(Do({"SET", "i", "v"}), "OK");
  EXPECT_TRUE(group->Leave().ok());
}

}  // namespace
}  // namespace cohort::tools
