// Whether a server serves yet, asked by HTTP.
#include "health_checks.h"

#include <httplib.h>

#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr MemberId kFirst{{1, 1}, 1};
constexpr MemberId kSecond{{1, 1}, 2};

// A container that answers /shop/ping with `status`.
class Container {
 public:
  Container() {
    server_.Get("/shop/ping", [this](const httplib::Request&, httplib::Response& response) {
      response.status = status;
      response.set_content("words of it", "text/plain");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Container() {
    server_.stop();
    thread_.join();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  std::atomic<int> status{200};

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

// Of checks that are given back together with what they have told.
class News {
 public:
  void Add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  // Waits for another one; false after 30 s, which says "broken" and not "slow".
  bool Next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(30), [this] { return count_ > 0; }))
      return false;
    --count_;
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

TEST(HealthTest, WhoAnswersWithSuccessOrARedirectIsHealthy) {
  Container container;
  for (const int status : {200, 204, 302}) {
    container.status = status;
    EXPECT_TRUE(AskHealth(container.address(), "/shop/ping").ok()) << status;
  }
  for (const int status : {404, 500, 503}) {
    container.status = status;
    EXPECT_THAT(std::string(AskHealth(container.address(), "/shop/ping").message()),
                HasSubstr("answers " + std::to_string(status)));
  }
  EXPECT_THAT(std::string(AskHealth(container.address(), "/other").message()),
              HasSubstr("/other answers 404"));
}

TEST(HealthTest, WhoCannotBeReachedIsNot) {
  std::string gone;
  {
    const Container container;
    gone = container.address();
  }
  EXPECT_THAT(std::string(AskHealth(gone, "/").message()), HasSubstr("nobody accepts connections"));
  EXPECT_TRUE(absl::IsInvalidArgument(AskHealth("not an address", "/")));
}

class HealthChecksTest : public ::testing::Test {
 protected:
  void Await(const std::string& address, const MemberId& member = kFirst) {
    checks_.Await({{"n1", {address, member}}});
  }
  News news_;
  HealthChecks checks_{"/shop/ping", [this] { news_.Add(); }};
};

TEST_F(HealthChecksTest, AServerIsAskedUntilItIsHealthyAndItsFailureIsToldOnce) {
  Container container;
  container.status = 404;
  Await(container.address());
  ASSERT_TRUE(news_.Next());
  EXPECT_THAT(checks_.Healthy(), IsEmpty());
  EXPECT_THAT(checks_.TakeFailures(), ElementsAre(Pair("n1", HasSubstr("answers 404"))));
  EXPECT_THAT(checks_.TakeFailures(), IsEmpty());
  container.status = 200;
  ASSERT_TRUE(news_.Next());
  EXPECT_THAT(checks_.Healthy(), ElementsAre(Pair("n1", kFirst)));
  EXPECT_THAT(checks_.TakeFailures(), IsEmpty());
}

TEST_F(HealthChecksTest, OneThatDoesNotServeHoldsUpNoOther) {
  Container sick;
  sick.status = 503;
  const Container well;
  checks_.Await({{"n1", {sick.address(), kFirst}}, {"n2", {well.address(), kFirst}}});
  ASSERT_TRUE(news_.Next());
  ASSERT_TRUE(news_.Next());
  EXPECT_THAT(checks_.Healthy(), ElementsAre(Pair("n2", kFirst)));
}

TEST_F(HealthChecksTest, BeyondTheLimitServersTakeTurns) {
  Container crowd;
  crowd.status = 503;
  const Container last;
  std::map<std::string, HealthChecks::Target> targets{{"z", {last.address(), kFirst}}};
  for (size_t i = 0; i < kHealthThreadsMax; ++i)
    targets["n" + std::to_string(i)] = {crowd.address(), kFirst};
  checks_.Await(targets);
  // All of the crowd go on failing.
  for (size_t i = 0; i < targets.size(); ++i) ASSERT_TRUE(news_.Next());
  EXPECT_THAT(checks_.Healthy(), ElementsAre(Pair("z", kFirst)));
  crowd.status = 200;
  for (size_t i = 0; i < kHealthThreadsMax; ++i) ASSERT_TRUE(news_.Next());
  EXPECT_EQ(checks_.Healthy().size(), targets.size());
}

TEST_F(HealthChecksTest, WhatIsKnownOfOneThatIsNotAwaitedIsForgotten) {
  Container container;
  Await(container.address());
  ASSERT_TRUE(news_.Next());
  checks_.Await({});
  EXPECT_THAT(checks_.Healthy(), IsEmpty());
  container.status = 404;
  Await(container.address());
  ASSERT_TRUE(news_.Next());
  EXPECT_THAT(checks_.Healthy(), IsEmpty());
  EXPECT_THAT(checks_.TakeFailures(), ElementsAre(Pair("n1", HasSubstr("answers 404"))));
}

TEST_F(HealthChecksTest, AMemberThatIsBackIsAskedAnew) {
  Container container;
  Await(container.address());
  ASSERT_TRUE(news_.Next());
  container.status = 404;
  Await(container.address(), kSecond);
  EXPECT_THAT(checks_.Healthy(), IsEmpty());
  ASSERT_TRUE(news_.Next());
  EXPECT_THAT(checks_.TakeFailures(), ElementsAre(Pair("n1", HasSubstr("answers 404"))));
}

// Bytes without an end, and without a line.
TEST_F(HealthChecksTest, WhoNeverEndsItsAnswerFillsAndHoldsUpNobody) {
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 0});
  const std::string address = "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  std::thread answers([&] {
    asio::error_code error;
    asio::ip::tcp::socket socket = acceptor.accept(error);
    while (!error) asio::write(socket, asio::buffer("xxxxxxxx", 8), error);
  });
  EXPECT_THAT(std::string(AskHealth(address, "/shop/ping").message()),
              HasSubstr("it is none of HTTP"));
  answers.join();
  const Container well;
  checks_.Await({{"n1", {address, kFirst}}, {"n2", {well.address(), kFirst}}});
  while (checks_.Healthy().empty()) ASSERT_TRUE(news_.Next());
  EXPECT_THAT(checks_.Healthy(), ElementsAre(Pair("n2", kFirst)));
}

}  // namespace
}  // namespace cohort::tools
