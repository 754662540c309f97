// COHORT LEAVE, COHORT DRAIN, and what a node does when it is asked to end.
#include <unistd.h>

#include <future>
#include <memory>
#include <string>

#include "cohort/group.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node.h"
#include "public/testing.h"
#include "resp_client.h"

namespace cohort::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class RespDrainTest : public ::testing::Test {
 protected:
  GroupOptions Options(const std::string& name) {
    GroupOptions options;
    options.group = "resp-drain-" + std::to_string(getpid()) + "-" +
                    ::testing::UnitTest::GetInstance()->current_test_info()->name();
    options.group.resize(std::min(options.group.size(), kGroupNameBytesMax));
    options.name = name;
    options.allow_plaintext = AllowPlaintext::kLoopback;
    return options;
  }
  std::unique_ptr<Node> NewNode(absl::Duration drain_timeout = absl::ZeroDuration()) {
    NodeOptions options;
    options.group = Options("a");
    options.maps = {{"main", {}}};
    options.resp = *ParseEndpoint(":0");
    options.events = EventFormat::kNone;
    options.drain_timeout = drain_timeout;
    auto node = std::make_unique<Node>(options);
    const absl::Status started = node->Start();
    EXPECT_TRUE(started.ok()) << started;
    return node;
  }
  // As RunNode does.
  static absl::Status WaitAndStop(Node& node) {
    node.WaitForStop();
    return node.Stop();
  }
};

TEST_F(RespDrainTest, ADrainIsAnsweredOnceTheOthersHoldEverythingAndThenTheNodeEnds) {
  const auto node = NewNode();
  absl::StatusOr<Group> other = Group::Join(Options("b"));
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_TRUE(testing::AwaitMembers(*other, 2));
  absl::StatusOr<ReplicatedMap> map = other->OpenMap("main");
  ASSERT_TRUE(map.ok()) << map.status();
  RespClient client(node->resp_endpoint().port);
  ASSERT_EQ(client.Do({"SET", "k", "v"}), "OK");
  auto ended = std::async(std::launch::async, [&] { return WaitAndStop(*node); });
  EXPECT_EQ(client.Do({"COHORT", "DRAIN"}), "OK");
  EXPECT_TRUE(ended.get().ok());
  EXPECT_EQ(client.Read(), "(closed)");
  EXPECT_EQ(map->Get("k")->value, "v");
}

TEST_F(RespDrainTest, ADrainThatNobodyCanTakeOverFailsAndTheNodeStaysAndTakesWrites) {
  const auto node = NewNode();
  RespClient client(node->resp_endpoint().port);
  EXPECT_THAT(client.Do({"COHORT", "DRAIN", "50"}), StartsWith("-TIMEOUT "));
  EXPECT_EQ(client.Do({"SET", "k", "v"}), "OK");
  EXPECT_THAT(client.Do({"COHORT", "DRAIN", "50"}), StartsWith("-TIMEOUT ")) << "again";
}

TEST_F(RespDrainTest, WhatIsNoTimeIsRefused) {
  const auto node = NewNode();
  RespClient client(node->resp_endpoint().port);
  for (const char* time : {"-1", "x", "3600001", "99999999999999999999"})
    EXPECT_THAT(client.Do({"COHORT", "DRAIN", time}), HasSubstr("milliseconds")) << time;
}

TEST_F(RespDrainTest, OneDrainAtATime) {
  const auto node = NewNode();
  RespClient first(node->resp_endpoint().port);
  RespClient second(node->resp_endpoint().port);
  ASSERT_EQ(second.Do({"SET", "k", "v"}), "OK");
  first.Send(RespClient::Encode({"COHORT", "DRAIN", "1500"}));
  std::string reply;
  do {
    reply = second.Do({"SET", "k", "v"});
  } while (reply == "OK");
  EXPECT_THAT(reply, StartsWith("-READONLY ")) << "a member that is being drained takes no writes";
  EXPECT_THAT(second.Do({"COHORT", "DRAIN", "0"}), HasSubstr("drained already"));
  EXPECT_EQ(second.Do({"GET", "k"}), "v");
  EXPECT_THAT(first.Read(), StartsWith("-TIMEOUT "));
  EXPECT_EQ(second.Do({"SET", "k", "w"}), "OK");
}

TEST_F(RespDrainTest, LeaveEndsTheNodeAtOnce) {
  const auto node = NewNode();
  RespClient client(node->resp_endpoint().port);
  auto ended = std::async(std::launch::async, [&] { return WaitAndStop(*node); });
  EXPECT_EQ(client.Do({"COHORT", "LEAVE"}), "OK");
  EXPECT_TRUE(ended.get().ok());
}

TEST_F(RespDrainTest, ASignalDrainsFirstIfThatWasAskedFor) {
  const auto node = NewNode(absl::Seconds(20));
  absl::StatusOr<Group> other = Group::Join(Options("b"));
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_TRUE(testing::AwaitMembers(*other, 2));
  absl::StatusOr<ReplicatedMap> map = other->OpenMap("main");
  ASSERT_TRUE(map.ok()) << map.status();
  RespClient client(node->resp_endpoint().port);
  ASSERT_EQ(client.Do({"SET", "k", "v"}), "OK");
  node->RequestStop(Node::Farewell::kDrain);
  EXPECT_TRUE(WaitAndStop(*node).ok());
  EXPECT_TRUE(testing::AwaitMembers(*other, 1));
  EXPECT_EQ(map->Get("k")->value, "v");
}

TEST_F(RespDrainTest, AMemberThatIsAloneHasNobodyToWaitFor) {
  const auto node = NewNode(absl::Hours(1));
  node->RequestStop(Node::Farewell::kDrain);
  EXPECT_TRUE(WaitAndStop(*node).ok());
}

}  // namespace
}  // namespace cohort::tools
