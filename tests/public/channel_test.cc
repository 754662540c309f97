#include <cohort/asio.h>
#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/use_future.hpp>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum absl::StatusCode;
using enum AnswerState;

std::vector<AnswerState> States(const RequestResult& result) {
  std::vector<AnswerState> states;
  for (const Answer& answer : result.answers) states.push_back(answer.state);
  return states;
}

Channel Open(Group& group, std::string_view name) {
  absl::StatusOr<Channel> channel = group.OpenChannel(name);
  EXPECT_TRUE(channel.ok()) << channel.status();
  return *std::move(channel);
}

RequestHandler Echo() {
  return [](const ReceivedRequest& request, Responder responder) {
    responder.Answer("echo " + std::string(request.payload)).IgnoreError();
  };
}

TEST(ChannelTest, RequestsAreAnsweredByHandlersThatAreThereFromTheBeginning) {
  GroupOptions options = OnLoopback("channels", "");
  options.channels.push_back({.name = "stock", .on_request = Echo()});
  std::vector<Group> members = JoinMembers(3, options);
  ASSERT_EQ(members.size(), 3u);
  Channel stock = Open(members[1], "stock");
  const RequestResult result = stock.Request("lamps");
  ASSERT_TRUE(result.ok()) << result.status;
  EXPECT_EQ(result.view, members[1].view().id);
  ASSERT_EQ(result.answers.size(), 3u);
  for (const Answer& answer : result.answers) EXPECT_EQ(answer.payload, "echo lamps");
  EXPECT_EQ(result.answers[0].name, "a");
  EXPECT_EQ(stock.HandleRequests(Echo()).status().code(), kAlreadyExists);
  EXPECT_GE(members[0].stats().counters["messaging.requests_received"], 1u);
}

TEST(ChannelTest, ManyThreadsAskAtOnceAndEachGetsItsOwnAnswers) {
  GroupOptions options = OnLoopback("threads", "");
  options.channels.push_back({.name = "stock", .on_request = Echo()});
  std::vector<Group> members = JoinMembers(2, options);
  ASSERT_EQ(members.size(), 2u);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      Channel stock = Open(members[static_cast<size_t>(thread % 2)], "stock");
      for (int i = 0; i < 50; ++i) {
        const std::string text = std::to_string(thread) + "/" + std::to_string(i);
        const RequestResult result = stock.Request(text);
        if (!result.ok()) ++wrong;
        for (const Answer& answer : result.answers) wrong += answer.payload != "echo " + text;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ChannelTest, AHandlerMayAnswerFromAnotherThreadWhileOthersAreAnswered) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("later", ""));
  ASSERT_EQ(members.size(), 2u);
  Watched<std::vector<Responder>> kept;
  const Subscription slow =
      *Open(members[1], "slow").HandleRequests([&](const ReceivedRequest&, Responder responder) {
        kept.Update([&](auto& list) { list.push_back(std::move(responder)); });
      });
  const Subscription fast = *Open(members[1], "fast").HandleRequests(Echo());
  std::thread other([&] {
    ASSERT_TRUE(kept.WaitFor([](const auto& list) { return !list.empty(); }));
    // The slow one still waits; the delivery thread is free.
    EXPECT_TRUE(Open(members[0], "fast").Request("x", {.include_self = false}).ok());
    kept.Update([](auto& list) { EXPECT_TRUE(list[0].Answer("at last").ok()); });
  });
  const RequestResult result = Open(members[0], "slow").Request("?", {.include_self = false});
  other.join();
  ASSERT_TRUE(result.ok()) << result.status;
  EXPECT_EQ(result.answers[0].payload, "at last");
}

TEST(ChannelTest, AHandlerThatThrowsFailsTheRequestAndNothingElse) {
  std::vector<Group> members = JoinMembers(1, OnLoopback("throws", ""));
  ASSERT_EQ(members.size(), 1u);
  Channel stock = Open(members[0], "stock");
  const Subscription handler =
      *stock.HandleRequests([](const ReceivedRequest& request, Responder responder) {
        if (request.payload == "throw") throw std::runtime_error("no lamps");
        responder.Answer("fine").IgnoreError();
      });
  const RequestResult result = stock.Request("throw");
  EXPECT_THAT(States(result), ElementsAre(kFailed));
  EXPECT_EQ(result.answers[0].status.code(), kInternal);
  EXPECT_THAT(std::string(result.answers[0].status.message()), HasSubstr("no lamps"));
  EXPECT_TRUE(stock.Request("again").ok());
}

TEST(ChannelTest, AMemberThatLeavesIsReportedAndOneThatLeftIsToldSo) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("leaves", ""));
  ASSERT_EQ(members.size(), 2u);
  Watched<std::vector<Responder>> kept;
  const Subscription handler =
      *Open(members[1], "stock").HandleRequests([&](const ReceivedRequest&, Responder responder) {
        kept.Update([&](auto& list) { list.push_back(std::move(responder)); });
      });
  Watched<std::vector<RequestResult>> results;
  const auto note = [&](const RequestResult& result) {
    results.Update([&](auto& list) { list.push_back(result); });
  };
  Channel of_a = Open(members[0], "stock");
  Channel of_b = Open(members[1], "stock");
  const RequestOptions others{.include_self = false, .timeout = absl::Hours(1)};
  ASSERT_TRUE(of_a.RequestAsync("?", others, note).ok());
  ASSERT_TRUE(kept.WaitFor([](const auto& list) { return list.size() == 1; }));
  EXPECT_TRUE(members[1].Leave().ok());
  ASSERT_TRUE(results.WaitFor([](const auto& list) { return list.size() == 1; }));
  EXPECT_THAT(States(results.Get()[0]), ElementsAre(kLeft));
  kept.Update([](auto& list) { EXPECT_FALSE(list[0].Answer("too late").ok()); });
  EXPECT_EQ(of_b.Request("?").status.code(), kCancelled);
  EXPECT_EQ(of_b.Send("?").code(), kCancelled);
  EXPECT_EQ(members[1].OpenChannel("x").status().code(), kCancelled);
}

TEST(ChannelTest, WhatWaitsWhenTheGroupIsLeftIsCancelled) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("cancel", ""));
  ASSERT_EQ(members.size(), 2u);
  Watched<std::vector<Responder>> kept;
  const Subscription handler =
      *Open(members[1], "stock").HandleRequests([&](const ReceivedRequest&, Responder responder) {
        kept.Update([&](auto& list) { list.push_back(std::move(responder)); });
      });
  Channel stock = Open(members[0], "stock");
  std::thread leaver([&] {
    ASSERT_TRUE(kept.WaitFor([](const auto& list) { return list.size() == 1; }));
    members[0].Leave().IgnoreError();
  });
  const RequestResult result =
      stock.Request("?", {.include_self = false, .timeout = absl::InfiniteDuration()});
  leaver.join();
  EXPECT_EQ(result.status.code(), kCancelled) << result.status;
}

TEST(ChannelTest, ABlockingRequestInACallbackIsRefusedInsteadOfWaitingForItself) {
  std::vector<Group> members = JoinMembers(1, OnLoopback("inside", ""));
  ASSERT_EQ(members.size(), 1u);
  Channel stock = Open(members[0], "stock");
  Watched<absl::StatusCode> code;
  const Subscription handler =
      *stock.HandleRequests([&](const ReceivedRequest&, Responder responder) {
        const absl::StatusCode inside = stock.Request("inside").status.code();
        code.Update([&](absl::StatusCode& value) { value = inside; });
        responder.Answer("").IgnoreError();
      });
  EXPECT_TRUE(stock.Request("go").ok());
  EXPECT_EQ(code.Get(), kFailedPrecondition);
}

TEST(ChannelTest, TimeLimitsEndRequestsWithoutTrafficToo) {
  std::vector<Group> members = JoinMembers(1, OnLoopback("limits", ""));
  ASSERT_EQ(members.size(), 1u);
  Channel stock = Open(members[0], "stock");
  Watched<std::vector<Responder>> kept;
  const Subscription handler =
      *stock.HandleRequests([&](const ReceivedRequest&, Responder responder) {
        kept.Update([&](auto& list) { list.push_back(std::move(responder)); });
      });
  const RequestResult result = stock.Request("?", {.timeout = absl::Milliseconds(30)});
  EXPECT_EQ(result.status.code(), kDeadlineExceeded);
  EXPECT_THAT(States(result), ElementsAre(kTimedOut));
}

TEST(ChannelTest, MessagesOfAChannelReachItsSubscribersOnly) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("news", ""));
  ASSERT_EQ(members.size(), 2u);
  Watched<std::vector<std::string>> seen;
  const auto note = [&](const Message& message) {
    seen.Update([&](auto& list) { list.emplace_back(message.payload); });
  };
  const Subscription plain = members[1].SubscribeMessages(note);
  Subscription news = Open(members[1], "news").SubscribeMessages(note);
  EXPECT_TRUE(Open(members[0], "news").SendSync("1").ok());
  EXPECT_TRUE(Open(members[0], "sport").SendSync("nobody").ok());
  EXPECT_TRUE(members[0].SendSync("plain").ok());
  ASSERT_TRUE(seen.WaitFor([](const auto& list) { return list.size() == 2; }));
  EXPECT_THAT(seen.Get(), ElementsAre("1", "plain"));
  news.Cancel();
  EXPECT_TRUE(Open(members[0], "news").SendSync("2").ok());
  EXPECT_EQ(members[1].stats().counters["messaging.unheard"], 2u);
}

TEST(ChannelTest, AwaitingNothingReturnsAtOnceAndTheHandlerRunsAllTheSame) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("none", ""));
  ASSERT_EQ(members.size(), 2u);
  Watched<int> handled;
  const Subscription handler =
      *Open(members[1], "stock").HandleRequests([&](const ReceivedRequest&, Responder responder) {
        EXPECT_FALSE(responder.wanted());
        handled.Update([](int& count) { ++count; });
      });
  const RequestResult result = Open(members[0], "stock").Request("?", {.await = Await::kNone});
  EXPECT_TRUE(result.ok()) << result.status;
  EXPECT_TRUE(handled.WaitFor([](int count) { return count == 1; }));
}

TEST(ChannelTest, RequestsWithACompletionTokenEndInAFuture) {
  GroupOptions options = OnLoopback("token", "");
  options.channels.push_back({.name = "stock", .on_request = Echo()});
  std::vector<Group> members = JoinMembers(1, options);
  ASSERT_EQ(members.size(), 1u);
  std::future<RequestResult> answer =
      RequestAsync(Open(members[0], "stock"), "lamps", {}, asio::use_future);
  EXPECT_EQ(answer.get().answers.at(0).payload, "echo lamps");
  std::future<RequestResult> refused = RequestAsync(
      Open(members[0], "stock"), std::string(kRequestBytesMax + 1, 'x'), {}, asio::use_future);
  EXPECT_EQ(refused.get().status.code(), kInvalidArgument);
}

TEST(ChannelTest, ChannelsThatAreNamedTwiceOrWronglyAreRefusedByJoin) {
  GroupOptions options = OnLoopback("twice", "a");
  options.channels.push_back({.name = "stock", .on_request = Echo()});
  options.channels.push_back({.name = "stock", .on_request = Echo()});
  const absl::Status twice = Group::Join(options).status();
  EXPECT_EQ(twice.code(), kInvalidArgument);
  EXPECT_THAT(std::string(twice.message()), HasSubstr("stock"));
  options.channels.resize(1);
  options.channels[0].name = "";
  EXPECT_EQ(Group::Join(options).status().code(), kInvalidArgument);
}

}  // namespace
}  // namespace cohort::testing
