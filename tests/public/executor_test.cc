// Callbacks on threads of the host's.
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cohort/group.h"
#include "cohort/replicated_map.h"
#include "public/testing.h"

namespace cohort {
namespace {

using testing::AwaitMembers;
using testing::OnLoopback;
using testing::Watched;

TEST(ExecutorTest, CallbacksRunOnTheHostsLoopWhichMayLeaveItsOwnGroup) {
  asio::io_context io;
  GroupOptions options = OnLoopback("executor", "a");
  options.executor = [&io](std::function<void()> f) { asio::post(io, std::move(f)); };
  std::vector<std::thread::id> callers;
  options.on_view = [&](const View&) { callers.push_back(std::this_thread::get_id()); };
  absl::StatusOr<Group> group = Group::Join(options);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_TRUE(callers.empty()) << "nobody runs the loop yet";
  absl::StatusOr<ReplicatedMap> map = group->OpenMap("m");
  ASSERT_TRUE(map.ok()) << map.status();
  WriteResult written;
  ASSERT_TRUE(map->PutAsync("key", "value", {},
                            [&](const WriteResult& result) {
                              callers.push_back(std::this_thread::get_id());
                              written = result;
                              EXPECT_EQ(group->Leave().code(),
                                        absl::StatusCode::kFailedPrecondition);
                              io.stop();
                            })
                  .ok());
  auto work = asio::make_work_guard(io);
  io.run();
  EXPECT_TRUE(written.ok()) << written.status;
  EXPECT_TRUE(group->Leave().ok());
  const size_t calls = callers.size();
  EXPECT_GE(calls, 2u);
  for (const std::thread::id& caller : callers) EXPECT_EQ(caller, std::this_thread::get_id());
  work.reset();
  io.restart();
  io.run();  // What it still holds does nothing.
  EXPECT_EQ(callers.size(), calls);
}

TEST(ExecutorTest, OnAPoolOfThreadsTheyStillRunOneAfterTheOtherInTheirOrder) {
  constexpr int kWrites = 2000;
  asio::thread_pool pool(4);
  GroupOptions options = OnLoopback("executor pool", "a");
  options.executor = [&pool](std::function<void()> f) { asio::post(pool, std::move(f)); };
  absl::StatusOr<Group> group = Group::Join(options);
  ASSERT_TRUE(group.ok()) << group.status();
  absl::StatusOr<ReplicatedMap> map = group->OpenMap("m");
  ASSERT_TRUE(map.ok()) << map.status();
  std::atomic<int> inside{0};
  std::vector<std::string> values;
  Watched<size_t> seen;
  const Subscription subscription = map->Subscribe([&](const Change& change) {
    EXPECT_EQ(++inside, 1);
    values.emplace_back(*change.value);
    seen.Update([&](size_t& count) { count = values.size(); });
    --inside;
  });
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_TRUE(map->PutAsync("key", std::to_string(i), {}, [](const WriteResult&) {}).ok());
  }
  ASSERT_TRUE(seen.WaitFor([](size_t count) { return count == kWrites; }));
  EXPECT_TRUE(group->Leave().ok());
  for (int i = 0; i < kWrites; ++i) EXPECT_EQ(values[static_cast<size_t>(i)], std::to_string(i));
  pool.join();
}

TEST(ExecutorTest, AGroupMayEndWhileTheExecutorIsBusyWithSomethingElse) {
  asio::thread_pool pool(1);
  std::optional<absl::StatusOr<Group>> group;
  GroupOptions options = OnLoopback("executor busy", "a");
  options.executor = [&pool](std::function<void()> f) { asio::post(pool, std::move(f)); };
  group.emplace(Group::Join(options));
  ASSERT_TRUE(group->ok()) << group->status();
  Watched<bool> may_go;
  asio::post(pool, [&] { may_go.WaitFor([](bool go) { return go; }); });
  EXPECT_TRUE((*group)->Leave().ok());
  group.reset();
  may_go.Update([](bool& go) { go = true; });
  pool.join();
}

}  // namespace
}  // namespace cohort
