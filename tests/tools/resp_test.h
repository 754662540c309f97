// A group of one member on loopback with two maps, its RESP door, and a client, for tests of
// commands.
#ifndef COHORT_TESTS_TOOLS_RESP_TEST_H_
#define COHORT_TESTS_TOOLS_RESP_TEST_H_

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "node.h"
#include "resp_client.h"

namespace cohort::tools {

class RespTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { StartNode({{"main", {}}, {"other", {}}}); }
  static void StartNode(std::vector<MapSpec> maps) {
    NodeOptions options;
    options.group.group = "resp-test-" + std::to_string(getpid());
    options.group.name = "a";
    options.group.allow_plaintext = AllowPlaintext::kLoopback;
    databases_ = maps.size();
    options.maps = std::move(maps);
    options.resp = *ParseEndpoint(":0");
    options.http = *ParseEndpoint(":0");
    options.events = EventFormat::kNone;
    node_ = std::make_unique<Node>(options);
    const absl::Status started = node_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  static void TearDownTestSuite() { node_.reset(); }
  void SetUp() override {
    ASSERT_NE(node_, nullptr);
    client_.emplace(node_->resp_endpoint().port);
    // What the tests before have left, whichever they were. Ends with the first one.
    for (size_t database = databases_; database-- > 0;) {
      ASSERT_EQ(Do({"SELECT", std::to_string(database)}), "OK");
      ASSERT_EQ(Do({"FLUSHDB"}), "OK");
    }
  }
  RespClient NewClient() { return RespClient(node_->resp_endpoint().port); }
  std::string Do(const std::vector<std::string>& words) { return client_->Do(words); }
  int64_t Number(const std::vector<std::string>& words) { return std::atoll(Do(words).c_str()); }

  static inline std::unique_ptr<Node> node_;
  static inline size_t databases_ = 0;
  std::optional<RespClient> client_;
};

}  // namespace cohort::tools

#endif  // COHORT_TESTS_TOOLS_RESP_TEST_H_
