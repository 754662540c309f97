#include "node_options.h"

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "commands.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<NodeOptions> Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "node");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  CLI::App app;
  NodeFlags flags;
  flags.AddTo(app);
  int exit_code = 0;
  if (!ParseCommandLine(app, static_cast<int>(argv.size()), argv.data(), exit_code)) {
    return absl::InvalidArgumentError("usage");
  }
  return flags.ToOptions();
}

TEST(NodeOptionsTest, AGroupAndAKeyAreEnough) {
  const auto options = Parse({"--group", "shop", "--key-file", "shop.key"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->group.group, "shop");
  EXPECT_EQ(options->maps.size(), 1u);
  EXPECT_EQ(options->maps[0].name, "main");
  EXPECT_EQ(options->resp_options.ack, Ack::kAll);
  EXPECT_FALSE(options->resp.has_value());
}

TEST(NodeOptionsTest, AMemberWithoutDataServesNoRedisClients) {
  const auto options = Parse({"--group", "shop", "-k", "f", "--without-data", "--http", ":0"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->group.without_data);
  const auto served = Parse({"--group", "shop", "-k", "f", "--without-data", "--resp", ":0"});
  EXPECT_THAT(std::string(served.status().message()), HasSubstr("--resp: a member without data"));
}

TEST(NodeOptionsTest, WithoutAKeyItSaysWhatToDo) {
  const auto options = Parse({"--group", "shop"});
  ASSERT_FALSE(options.ok());
  EXPECT_THAT(std::string(options.status().message()), HasSubstr("cohort keygen"));
}

TEST(NodeOptionsTest, PlaintextIsLoopbackUnlessTheNetworkIsNamed) {
  EXPECT_EQ(Parse({"--group", "a", "--allow-plaintext"})->group.allow_plaintext,
            AllowPlaintext::kLoopback);
  EXPECT_EQ(Parse({"--group", "a", "--allow-plaintext=network"})->group.allow_plaintext,
            AllowPlaintext::kNetwork);
  EXPECT_EQ(Parse({"--allow-plaintext", "--group", "a"})->group.allow_plaintext,
            AllowPlaintext::kLoopback);
  EXPECT_FALSE(Parse({"--group", "a", "--allow-plaintext=everywhere"}).ok());
}

TEST(NodeOptionsTest, MapsSeedsAndDoorsAreRead) {
  const auto options =
      Parse({"-g",       "a",           "-k",     "f",       "--map",         "one",
             "--map",    "two=ordered", "--seed", "h:1,i:2", "--resp",        ":0",
             "--http",   "unix:/tmp/h", "--ack",  "one",     "--ack-timeout", "250ms",
             "--events", "json"});
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->maps.size(), 2u);
  EXPECT_EQ(options->maps[1].name, "two");
  EXPECT_EQ(options->group.seeds.size(), 2u);
  EXPECT_EQ(options->resp->ToString(), "127.0.0.1:0");
  EXPECT_TRUE(options->http->IsUnix());
  EXPECT_EQ(options->resp_options.timeout, absl::Milliseconds(250));
  EXPECT_EQ(options->events, EventFormat::kJson);
}

TEST(NodeOptionsTest, TheEnvironmentCountsWhereNoFlagDoes) {
  setenv("COHORT_GROUP", "from-environment", 1);
  setenv("COHORT_NAME", "e", 1);
  const auto options = Parse({"--key-file", "f", "--name", "flag"});
  unsetenv("COHORT_GROUP");
  unsetenv("COHORT_NAME");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->group.group, "from-environment");
  EXPECT_EQ(options->group.name, "flag");
}

TEST(NodeOptionsTest, AConfigurationFileIsReadAndWrittenAlike) {
  CLI::App app;
  NodeFlags flags;
  flags.AddTo(app);
  std::vector<std::string> words = {"node",  "--group",   "shop",  "--map", "a",
                                    "--map", "b=ordered", "--ack", "one"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  int exit_code = 0;
  ASSERT_TRUE(ParseCommandLine(app, static_cast<int>(argv.size()), argv.data(), exit_code));
  const std::string path = ::testing::TempDir() + "/cohort_node_options_test.conf";
  std::ofstream(path) << app.config_to_str(true, true);
  const auto options = Parse({"--config", path, "--key-file", "k"});
  std::remove(path.c_str());
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->group.group, "shop");
  EXPECT_EQ(options->maps.size(), 2u);
  EXPECT_EQ(options->resp_options.ack, Ack::kOne);
  EXPECT_TRUE(options->group.seeds.empty());
}

TEST(NodeOptionsTest, AMisspeltLineOfAConfigurationFileIsRefused) {
  const std::string path = ::testing::TempDir() + "/cohort_node_options_misspelt.conf";
  std::ofstream(path) << "polcy = \"primary\"\n";
  const auto options = Parse({"--config", path, "--group", "shop", "--key-file", "k"});
  std::remove(path.c_str());
  EXPECT_FALSE(options.ok());
}

// What is said on standard error about a command line.
std::string Complaint(const std::vector<std::string>& words) {
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(Parse(words).ok());
  return ::testing::internal::GetCapturedStderr();
}

TEST(NodeOptionsTest, AMisspeltOptionIsToldWithTheOneThatWasMeant) {
  EXPECT_THAT(Complaint({"--goup", "shop"}),
              HasSubstr("there is no option --goup; did you mean --group?"));
  EXPECT_THAT(Complaint({"--group", "shop", "--stall-time=3s"}),
              HasSubstr("no option --stall-time; did you mean --stall-timeout?"));
  EXPECT_THAT(Complaint({"--group", "shop", "--colour", "red"}),
              HasSubstr("there is no option --colour\n"));
  EXPECT_THAT(Complaint({"shop"}), HasSubstr("shop"));
}

TEST(NodeOptionsTest, AMapOfNoKindIsToldWhichThereAre) {
  const absl::Status status = Parse({"-g", "a", "-k", "f", "--map", "carts=weird"}).status();
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(HasSubstr("'weird' is no kind of map"), HasSubstr("ordered")));
}

TEST(NodeOptionsTest, AMapIsGivenOnce) {
  const auto twice =
      Parse({"-g", "a", "-k", "f", "--map", "x", "--map", "y", "--map", "x=ordered"});
  ASSERT_FALSE(twice.ok());
  EXPECT_THAT(std::string(twice.status().message()), HasSubstr("--map: 'x' is given twice"));
}

TEST(NodeOptionsTest, ATimeWithoutAUnitIsSeconds) {
  EXPECT_EQ(Parse({"-g", "a", "-k", "f", "--stall-timeout", "3"})->group.stall_timeout,
            absl::Seconds(3));
  EXPECT_EQ(Parse({"-g", "a", "-k", "f", "--drain-timeout", "20s"})->drain_timeout,
            absl::Seconds(20));
  for (const char* time : {"3 s", "soon", "nan", "inf", "3sec", ""}) {
    const absl::Status status = Parse({"-g", "a", "-k", "f", "--stall-timeout", time}).status();
    EXPECT_THAT(std::string(status.message()),
                ::testing::AllOf(HasSubstr("--stall-timeout"), HasSubstr("2 for two seconds")))
        << time;
  }
}

TEST(NodeOptionsTest, AMapOfAKindThatIsNotThereIsRefusedBeforeAnythingIsJoined) {
  for (const char* map : {"m=causal", "m=sorted"}) {
    const auto options = Parse({"-g", "a", "-k", "f", "--map", map});
    ASSERT_FALSE(options.ok()) << map;
    EXPECT_THAT(options.status().message(), HasSubstr("--map"));
  }
}

TEST(NodeOptionsTest, ErrorsOfTheLibraryNameTheFlag) {
  EXPECT_EQ(WithFlagNames("seeds: 'h' lacks host or port"), "--seed: 'h' lacks host or port");
  EXPECT_EQ(WithFlagNames("key_file: x: no such file"), "--key-file: x: no such file");
  EXPECT_EQ(WithFlagNames("no view of the group: seeds"), "no view of the group: seeds");
  EXPECT_EQ(WithFlagNames("bind"), "bind");
}

TEST(NodeOptionsTest, WrongTimesAndEndpointsNameTheirOption) {
  EXPECT_THAT(
      std::string(Parse({"-g", "a", "-k", "f", "--join-timeout", "soon"}).status().message()),
      HasSubstr("--join-timeout"));
  EXPECT_THAT(std::string(Parse({"-g", "a", "-k", "f", "--resp", "nowhere"}).status().message()),
              HasSubstr("--resp"));
}

}  // namespace
}  // namespace cohort::tools
