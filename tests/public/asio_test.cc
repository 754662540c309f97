#include <cohort/asio.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/deferred.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <thread>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;
using asio::use_awaitable;

class AsioTest : public ::testing::Test {
 protected:
  void SetUp() override {
    members_ = JoinMembers(2, OnLoopback("asio", ""));
    ASSERT_EQ(members_.size(), 2u);
    a_ = *members_[0].OpenMap("main");
    b_ = *members_[1].OpenMap("main");
  }
  // Runs a coroutine to its end on io_, whose outstanding work is only what the coroutine waits
  // for.
  template <class Result>
  Result Run(asio::awaitable<Result> coroutine) {
    std::optional<Result> result;
    asio::co_spawn(io_, std::move(coroutine),
                   [&](const std::exception_ptr& thrown, Result returned) {
                     EXPECT_FALSE(thrown);
                     result = std::move(returned);
                   });
    io_.restart();
    io_.run();
    EXPECT_TRUE(result) << "io_context::run() returned before the coroutine did";
    return result.value_or(Result());
  }
  // Holds the delivery thread of member a, so that no answer can come, while it lives.
  class Held {
   public:
    explicit Held(AsioTest& test)
        : subscription_(test.a_->SubscribeKey("hold", [this](const Change&) {
            holds_.count_down();
            released_.wait();
          })) {
      EXPECT_TRUE(test.b_->Put("hold", "").ok());
      holds_.wait();
    }
    ~Held() { released_.count_down(); }

   private:
    std::latch holds_{1};
    std::latch released_{1};
    Subscription subscription_;
  };

  asio::io_context io_;  // Outlives the groups, whose threads post to it.
  std::vector<Group> members_;
  std::optional<ReplicatedMap> a_;
  std::optional<ReplicatedMap> b_;
};

TEST_F(AsioTest, ACoroutineAwaitsEveryKindOfWriteInItsOwnThread) {
  const std::thread::id here = std::this_thread::get_id();
  const auto all = [&](ReplicatedMap map) -> asio::awaitable<absl::Status> {
    const WriteOptions options;
    const WriteResult put = co_await PutAsync(map, "k", "1", options, use_awaitable);
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_TRUE(put.ok()) << put.status;
    EXPECT_EQ(put.replicas, 2u);
    WriteResult result = co_await PutIfAbsentAsync(map, "k", "2", options, use_awaitable);
    EXPECT_EQ(result.status.code(), kAborted);
    EXPECT_EQ(result.version, put.version);
    result = co_await PutIfAsync(map, "k", put.version, "5", options, use_awaitable);
    EXPECT_TRUE(result.ok()) << result.status;
    result = co_await IncrementAsync(map, "k", 2, options, use_awaitable);
    EXPECT_EQ(result.number, 7);
    result = co_await AppendAsync(map, "k", "00", options, use_awaitable);
    EXPECT_EQ(result.number, 3);
    result = co_await ExpireAsync(map, "k", absl::Minutes(1), options, use_awaitable);
    EXPECT_TRUE(result.ok()) << result.status;
    result = co_await PersistAsync(map, "k", options, use_awaitable);
    EXPECT_TRUE(result.ok()) << result.status;
    EXPECT_EQ(map.Get("k")->value, "700");
    result = co_await EraseIfAsync(map, "k", put.version, options, use_awaitable);
    EXPECT_EQ(result.status.code(), kAborted);
    result = co_await EraseAsync(map, "k", options, use_awaitable);
    EXPECT_EQ(result.number, 1);
    WriteBatch batch;
    batch.Put("x", "1").Put("y", "2");
    result = co_await WriteAsync(map, batch, options, use_awaitable);
    EXPECT_TRUE(result.ok()) << result.status;
    result = co_await ClearAsync(map, options, use_awaitable);
    EXPECT_EQ(result.number, 2);
    EXPECT_EQ(std::this_thread::get_id(), here);
    co_return result.status;
  };
  EXPECT_TRUE(Run(all(*a_)).ok());
}

TEST_F(AsioTest, AMessageIsDeliveredByAllWhenItsSendIsAwaited) {
  Watched<std::vector<std::string>> delivered;
  const Subscription messages = members_[1].SubscribeMessages([&](const Message& message) {
    delivered.Update([&](auto& all) { all.emplace_back(message.payload); });
  });
  const auto send = [&]() -> asio::awaitable<absl::Status> {
    const absl::Status sent = co_await SendAsync(members_[0], "hello", DeliveryClass::kSafe,
                                                 absl::Seconds(5), use_awaitable);
    co_return sent;
  };
  const absl::Status status = Run(send());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(delivered.WaitFor([](const auto& all) { return all.size() == 1; }));
}

TEST_F(AsioTest, AFutureHasTheResultAndThrowsNothing) {
  std::future<WriteResult> put = PutAsync(*a_, "k", "v", {}, asio::use_future);
  EXPECT_TRUE(put.get().ok());
  EXPECT_EQ(b_->Get("k")->value, "v");
  std::future<WriteResult> refused = PutAsync(*a_, "", "v", {}, asio::use_future);
  EXPECT_EQ(refused.get().status.code(), kInvalidArgument);
}

TEST_F(AsioTest, ADeferredWriteOwnsItsArgumentsAndStartsWhenItIsCalled) {
  auto put = [&] {
    const std::string key = "a key that is longer than what a string keeps in itself";
    return PutAsync(*a_, key, std::string(2000, 'v'), {}, asio::experimental::deferred);
  }();
  EXPECT_EQ(a_->Size(), 0u);
  EXPECT_TRUE(std::move(put)(asio::use_future).get().ok());
  EXPECT_EQ(b_->Get("a key that is longer than what a string keeps in itself")->value.size(),
            2000u);
}

TEST_F(AsioTest, ACallbackRunsOnItsExecutorWhichWaitsForIt) {
  auto strand = asio::make_strand(io_);
  std::optional<WriteResult> result;
  auto moved_only = std::make_unique<int>(7);
  PutAsync(*a_, "k", "v", {},
           asio::bind_executor(strand, [&, moved = std::move(moved_only)](WriteResult written) {
             EXPECT_TRUE(strand.running_in_this_thread());
             EXPECT_EQ(*moved, 7);
             result = std::move(written);
           }));
  io_.run();  // Has no other work.
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->ok()) << result->status;
}

TEST_F(AsioTest, APlainCallbackRunsOnTheDeliveryThread) {
  Watched<std::optional<absl::Status>> nested;
  PutAsync(*a_, "k", "v", {}, [&](const WriteResult& result) {
    EXPECT_TRUE(result.ok()) << result.status;
    nested.Update([&](auto& status) { status = a_->Put("x", "y").status; });
  });
  ASSERT_TRUE(nested.WaitFor([](const auto& status) { return status.has_value(); }));
  EXPECT_EQ(nested.Get()->code(), kFailedPrecondition);  // It may not block there.
}

TEST_F(AsioTest, ARefusalNeverComesInsideTheCall) {
  bool called = false;
  asio::post(io_, [&] {  // Where its executor could run it at once.
    PutAsync(*a_, "", "v", {}, asio::bind_executor(io_, [&](const WriteResult& result) {
      EXPECT_EQ(result.status.code(), kInvalidArgument);
      called = true;
    }));
    EXPECT_FALSE(called);
  });
  io_.run();
  EXPECT_TRUE(called);
}

TEST_F(AsioTest, ACancelledWaitEndsAtOnceAndTheWriteTakesEffectAllTheSame) {
  std::optional<WriteResult> result;
  int calls = 0;
  {
    const Held held(*this);
    asio::cancellation_signal signal;
    PutAsync(*a_, "k", "v", {},
             asio::bind_cancellation_slot(signal.slot(),
                                          asio::bind_executor(io_, [&](WriteResult written) {
                                            ++calls;
                                            result = std::move(written);
                                          })));
    signal.emit(asio::cancellation_type::total);  // Asks for what cannot be done.
    io_.poll();
    EXPECT_FALSE(result);
    asio::post(io_, [&] {
      signal.emit(asio::cancellation_type::terminal);
      EXPECT_FALSE(result);  // Not inside emit().
    });
    io_.run();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status.code(), kCancelled);
    signal.emit(asio::cancellation_type::terminal);  // Nobody waits any more.
  }
  EXPECT_TRUE(a_->Put("after", "").ok());  // What was on its way before it has arrived.
  EXPECT_EQ(a_->Get("k")->value, "v");
  io_.restart();
  io_.run();
  EXPECT_EQ(calls, 1);
}

TEST_F(AsioTest, TheFirstOfTwoWaitsCancelsTheOther) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: operators only.
  const Held held(*this);
  const auto either = [&]() -> asio::awaitable<size_t> {
    const auto first = co_await (PutAsync(*a_, "held", "1", {}, use_awaitable) ||
                                 PutAsync(*b_, "free", "2", {}, use_awaitable));
    co_return first.index();
  };
  EXPECT_EQ(Run(either()), 1u);
}

TEST_F(AsioTest, LeavingTheGroupAnswersEverybodyWhoWaits) {
  constexpr int kWrites = 200;
  int answers = 0;
  const auto put = [&](auto&& then) {
    PutAsync(*a_, "k", "v", {},
             asio::bind_executor(io_, [&answers, then](const WriteResult& result) {
               ++answers;
               then(result.status);
             }));
  };
  for (int i = 0; i < kWrites; ++i) {
    put([](const absl::Status&) {});  // It may have been in time or not.
  }
  members_[0].Leave().IgnoreError();
  io_.run();
  EXPECT_EQ(answers, kWrites);
  put([](const absl::Status& status) { EXPECT_EQ(status.code(), kCancelled) << status; });
  io_.restart();
  io_.run();
  EXPECT_EQ(answers, kWrites + 1);
}

TEST_F(AsioTest, CancellationsAndAnswersMayRace) {
  constexpr int kWrites = 500;
  int answered = 0;
  int cancelled = 0;
  std::vector<asio::cancellation_signal> signals(kWrites);
  const auto work = asio::make_work_guard(io_);
  for (int i = 0; i < kWrites; ++i) {
    PutAsync(*a_, "k" + std::to_string(i), "v", {},
             asio::bind_cancellation_slot(
                 signals[i].slot(), asio::bind_executor(io_, [&](const WriteResult& result) {
                   ++(result.ok() ? answered : cancelled);
                   EXPECT_TRUE(result.ok() || result.status.code() == kCancelled);
                 })));
    // The answers of some have come by now, those of others are under way.
    if (i >= 5) signals[i - 5].emit(asio::cancellation_type::terminal);
    io_.poll();
  }
  while (answered + cancelled < kWrites) io_.run_one();
  EXPECT_EQ(answered + cancelled, kWrites);
}

}  // namespace
}  // namespace cohort::testing
