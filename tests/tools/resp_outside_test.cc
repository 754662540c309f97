// A node that is out of its group: replaced by a newer process of its name, it asks to be let in
// again and is refused. Until it is back its clients must not take it for a member.
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cohort/group.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "http_server.h"
#include "node.h"
#include "node_status.h"
#include "resp_client.h"
#include "resp_command.h"

namespace cohort::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

GroupOptions Options(const std::string& name) {
  GroupOptions options;
  options.group = "resp-outside-" + std::to_string(getpid());
  options.name = name;
  options.allow_plaintext = AllowPlaintext::kLoopback;
  return options;
}

class RespOutsideTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    NodeOptions options;
    options.group = Options("b");
    options.maps = {{"main", {}}};
    options.resp = *ParseEndpoint(":0");
    options.http = *ParseEndpoint(":0");
    options.events = EventFormat::kNone;
    node_ = std::make_unique<Node>(options);
    ASSERT_TRUE(node_->Start().ok());
    RespClient client(node_->resp_endpoint().port);
    ASSERT_EQ(client.Do({"SET", "k", "v"}), "OK");
    auto other = Group::Join(Options("a"));
    ASSERT_TRUE(other.ok()) << other.status();
    other_ = std::make_unique<Group>(*std::move(other));
    auto newer = Group::Join(Options("b"));
    ASSERT_TRUE(newer.ok()) << newer.status();
    newer_ = std::make_unique<Group>(*std::move(newer));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    std::string reply;
    do {
      reply = client.Do({"GET", "k"});
    } while (reply == "v" && std::chrono::steady_clock::now() < deadline);
    ASSERT_THAT(reply, StartsWith("-LOADING ")) << "the first answer that is not the value";
  }
  static void TearDownTestSuite() {
    node_.reset();
    newer_.reset();
    other_.reset();
  }
  std::string Do(const std::vector<std::string>& words) { return client_.Do(words); }
  std::string Http(const std::string& path) { return *HttpGet(node_->http_endpoint(), path); }

  static inline std::unique_ptr<Node> node_;
  static inline std::unique_ptr<Group> other_;
  static inline std::unique_ptr<Group> newer_;
  RespClient client_{node_->resp_endpoint().port};
};

TEST_F(RespOutsideTest, EveryCommandThatReadsOrWritesEntriesIsRefusedWithLoading) {
  size_t count = 0;
  for (const RespCommand& command : AllRespCommands()) {
    if ((command.flags & (RespCommand::kReadOnly | RespCommand::kWrite)) == 0) continue;
    std::vector<std::string> words = {command.name};
    while (words.size() < static_cast<size_t>(std::abs(command.arity))) words.push_back("1");
    const std::string name = command.name;
    if (name == "hscan") words[2] = "0";
    if (name == "flushdb" || name == "flushall") words.resize(1);
    EXPECT_THAT(Do(words), StartsWith("-LOADING ")) << name;
    ++count;
  }
  EXPECT_GT(count, 40u);
}

TEST_F(RespOutsideTest, SoIsATransaction) {
  for (const char* command : {"GET", "GETDEL"}) {
    EXPECT_EQ(Do({"MULTI"}), "OK");
    EXPECT_EQ(Do({command, "k"}), "QUEUED");
    EXPECT_THAT(Do({"EXEC"}), StartsWith("-LOADING ")) << command;
  }
  EXPECT_EQ(Do({"PING"}), "PONG");
}

TEST_F(RespOutsideTest, TheOldViewIsNotGivenForThePresentOne) {
  EXPECT_THAT(Do({"COHORT", "VIEW"}), StartsWith("-LOADING "));
  EXPECT_THAT(Do({"COHORT", "DIGEST"}), StartsWith("-LOADING "));
  EXPECT_THAT(Do({"COHORT", "EVENTS", "50"}), HasSubstr("excluded"));
  EXPECT_THAT(Do({"INFO", "persistence"}), HasSubstr("loading:1"));
}

TEST_F(RespOutsideTest, ItsStatusSaysThatTheViewIsNotCurrent) {
  const auto status = nlohmann::ordered_json::parse(Http("/status"));
  EXPECT_EQ(status["state"], "rejoining");
  EXPECT_EQ(status["view"]["current"], false);
  EXPECT_EQ(status["synced"], false);
  EXPECT_THAT(DescribeStatus(status),
              AllOf(HasSubstr(": rejoining\n"), HasSubstr("out of the group"),
                    HasSubstr("(not current)"), HasSubstr("main: not complete here")));
  EXPECT_THAT(Http("/metrics"), HasSubstr("cohort_joined 0\n"));
  EXPECT_THAT(std::string(HttpGet(node_->http_endpoint(), "/healthz").status().message()),
              HasSubstr("503"));
}

TEST_F(RespOutsideTest, NoNameInItsStatusHasASpace) {
  const auto status = nlohmann::ordered_json::parse(Http("/status"));
  for (const auto& [name, value] : status["stats"].items()) {
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_."), std::string::npos)
        << name;
  }
  EXPECT_THAT(status["stats"].dump(), HasSubstr("security.received_own"));
}

}  // namespace
}  // namespace cohort::tools
