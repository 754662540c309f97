// Writes that do not wait, in maps of both kinds: who is told what, how often, and what a refusal
// leaves behind.
#include <cohort/cohort.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;

class AsyncWritesTest : public ::testing::TestWithParam<MapKind> {
 protected:
  void Open(const GroupOptions& options, const MapOptions& map_options) {
    members_ = JoinMembers(2, options);
    ASSERT_EQ(members_.size(), 2u);
    for (Group& member : members_) maps_.push_back(*member.OpenMap("m", map_options));
  }
  ReplicatedMap& map() { return maps_[0]; }
  // What was told, in order.
  WriteCallback Told() {
    return [this](const WriteResult& result) {
      told_.Update([&](auto& all) { all.push_back(result.status.code()); });
    };
  }
  std::vector<absl::StatusCode> AwaitTold(size_t count) {
    EXPECT_TRUE(told_.WaitFor([&](const auto& all) { return all.size() >= count; }));
    return told_.Get();
  }

  Watched<std::vector<absl::StatusCode>> told_;
  Watched<size_t> ended_;
  std::vector<Group> members_;
  std::vector<ReplicatedMap> maps_;
};

TEST_P(AsyncWritesTest, AreToldOnceAndInOrder) {
  Open(OnLoopback("async", ""), {.kind = GetParam()});
  ASSERT_TRUE(map().PutAsync("a", "1", {}, Told()).ok());
  ASSERT_TRUE(map().EraseAsync("a", {}, Told()).ok());
  ASSERT_TRUE(map().PutAsync("b", "2", {}, nullptr).ok());  // Nobody wants to know.
  const std::vector<absl::StatusCode> told = {kOk, kOk};
  EXPECT_EQ(AwaitTold(2), told);
  ASSERT_TRUE(map().Put("c", "3").ok());
  EXPECT_EQ(told_.Get(), told);  // Nothing more.
  EXPECT_TRUE(maps_[1].Exists("b"));
}

// That the map is full is an answer: it is where the write has its place that decides.
TEST_P(AsyncWritesTest, ToAFullMapAreToldThatItIsFull) {
  Open(OnLoopback("async-full", ""), {.kind = GetParam(), .bytes_max = 4 << 10});
  ASSERT_TRUE(map().PutAsync("a", std::string(3000, 'v'), {}, Told()).ok());
  EXPECT_EQ(AwaitTold(1), std::vector{kOk});
  ASSERT_TRUE(map().PutAsync("b", std::string(3000, 'v'), {}, Told()).ok());
  EXPECT_EQ(AwaitTold(2), (std::vector{kOk, kResourceExhausted}));
  EXPECT_FALSE(maps_[1].Exists("b"));
}

// What a callback holds may end with it, and look at the group then.
class Looks {
 public:
  Looks(const ReplicatedMap& map, Watched<size_t>& ended) : map_(map), ended_(ended) {}
  ~Looks() {
    if (map_.Size() < SIZE_MAX) ended_.Update([](size_t& count) { ++count; });
  }

 private:
  const ReplicatedMap map_;
  Watched<size_t>& ended_;
};

// That the send queue is full is not: nobody is told, the caller knows.
TEST_P(AsyncWritesTest, ThatFindTheSendQueueFullAreNotToldAndTheirCallbackEndsWithoutALock) {
  GroupOptions options = OnLoopback("async-queue", "");
  options.send_queue_bytes_max = 64 << 10;
  options.receive_buffer_bytes = 64 << 10;
  Open(options, {.kind = GetParam()});
  const std::string value(200 << 10, 'v');
  size_t accepted = 0;
  absl::Status status;
  while (status.ok()) {  // As often as it takes to be quicker than the network.
    auto looks = std::make_shared<const Looks>(map(), ended_);
    status = map().PutAsync(
        "k" + std::to_string(accepted % 100), value, {},
        [this, looks = std::move(looks)](const WriteResult& result) { Told()(result); });
    accepted += status.ok() ? 1 : 0;
  }
  EXPECT_EQ(status.code(), kResourceExhausted);
  EXPECT_EQ(AwaitTold(accepted).size(), accepted);
  EXPECT_TRUE(ended_.WaitFor([&](size_t count) { return count == accepted + 1; }));
}

// A lock that another thread held when the process was forked is held for ever in the child.
TEST_P(AsyncWritesTest, AndAllOthersAreRefusedInAChildOfForkWhoeverHeldTheLock) {
  Open(OnLoopback("async-fork", ""), {.kind = GetParam()});
  std::atomic<bool> stop = false;
  std::thread holds([&] {
    while (!stop) map().Size();
  });
  size_t refused = 0;
  constexpr size_t kForks = 30;
  for (size_t i = 0; i < kForks; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(10);
      const bool all = map().Put("k", "v").status.code() == kFailedPrecondition &&
                       map().PutAsync("k", "v", {}, nullptr).code() == kFailedPrecondition &&
                       map().Erase("k").status.code() == kFailedPrecondition;
      _exit(all ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (status != 0) break;
    ++refused;
  }
  stop = true;
  holds.join();
  EXPECT_EQ(refused, kForks);
}

INSTANTIATE_TEST_SUITE_P(Kinds, AsyncWritesTest,
                         ::testing::Values(MapKind::kOrdered, MapKind::kConvergent),
                         [](const auto& one) {
                           return one.param == MapKind::kOrdered ? "Ordered" : "Convergent";
                         });

}  // namespace
}  // namespace cohort::testing
