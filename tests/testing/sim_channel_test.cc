// Requests and channels in whole groups under faults: what the asker is told, and when.
#include "cohort/testing/sim_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cohort/testing/sim_group.h"
#include "testing/seed.h"

namespace cohort::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using enum absl::StatusCode;
using enum AnswerState;

std::map<std::string, AnswerState> States(const RequestResult& result) {
  std::map<std::string, AnswerState> states;
  for (const Answer& answer : result.answers) states[answer.name] = answer.state;
  return states;
}

MemberId IdOf(const SimGroup& group, const std::string& name) {
  for (const Member& member : group.view(name).members) {
    if (member.name == name) return member.id;
  }
  return {};
}

// A handler at one member: answers "MEMBER:payload", or keeps what it is asked.
struct Server {
  Server(SimGroup& group, const std::string& member, bool keeps = false) {
    handler = *group.channel(member, "stock")
                   .HandleRequests(
                       [this, member, keeps](const ReceivedRequest& request, Responder responder) {
                         seen.emplace_back(request.payload);
                         if (keeps) {
                           kept.push_back(std::move(responder));
                         } else {
                           const std::string answer = member + ":" + std::string(request.payload);
                           EXPECT_TRUE(responder.Answer(answer).ok());
                         }
                       });
  }
  std::vector<std::string> seen;
  std::vector<Responder> kept;
  Subscription handler;
};

TEST(SimChannelTest, AllMembersAnswerAndTheAskerIsOneOfThem) {
  SimGroup group({"a", "b", "c"}, Seed(1));
  const Server a(group, "a");
  const Server b(group, "b");
  const Server c(group, "c");
  const RequestResult result = group.channel("b", "stock").Request("lamps");
  ASSERT_TRUE(result.ok()) << result.status;
  EXPECT_EQ(result.view, group.view("b").id);
  std::vector<std::string> answers;
  for (const Answer& answer : result.answers) answers.push_back(answer.payload);
  EXPECT_THAT(answers, UnorderedElementsAre("a:lamps", "b:lamps", "c:lamps"));
}

TEST(SimChannelTest, OnlyTheMemberThatIsNamedHandlesARequest) {
  SimGroup group({"a", "b", "c"}, Seed(2));
  const Server b(group, "b");
  const Server c(group, "c");
  const RequestResult result =
      group.channel("a", "stock").Request("lamps", {.to = {IdOf(group, "c")}});
  ASSERT_TRUE(result.ok()) << result.status;
  EXPECT_EQ(result.answers.at(0).payload, "c:lamps");
  EXPECT_THAT(b.seen, IsEmpty());
}

TEST(SimChannelTest, AMemberWithoutAHandlerSaysSoWithoutWaiting) {
  SimGroup group({"a", "b"}, Seed(3));
  const Server a(group, "a");
  const absl::Duration asked = group.now();
  const RequestResult result = group.channel("a", "stock").Request("lamps");
  EXPECT_LT(group.now() - asked, absl::Milliseconds(20));
  EXPECT_THAT(States(result), ElementsAre(Pair("a", kAnswered), Pair("b", kNoHandler)));
  EXPECT_EQ(result.status.code(), kUnavailable);
}

TEST(SimChannelTest, AMemberThatDiesIsReportedAtTheViewChangeAndNotAtTheTimeLimit) {
  SimGroup group({"a", "b", "c"}, Seed(4));
  const Server b(group, "b");
  const Server c(group, "c", /*keeps=*/true);
  std::optional<RequestResult> result;
  const absl::Duration asked = group.now();
  ASSERT_TRUE(group.channel("a", "stock")
                  .RequestAsync("lamps", {.include_self = false, .timeout = absl::Hours(1)},
                                [&](const RequestResult& told) { result = told; })
                  .ok());
  ASSERT_TRUE(group.RunUntil([&] { return c.kept.size() == 1; }));
  group.Kill("c");
  ASSERT_TRUE(group.RunUntil([&] { return result.has_value(); }));
  EXPECT_LT(group.now() - asked, absl::Seconds(1));
  EXPECT_THAT(States(*result), ElementsAre(Pair("b", kAnswered), Pair("c", kLeft)));
  EXPECT_EQ(group.view("a").members.size(), 2u);
}

TEST(SimChannelTest, AMemberThatStandsStillTimesOutOrIsExcludedWhicheverIsFirst) {
  SimGroup group({"a", "b", "c"}, Seed(5));
  const Server b(group, "b");
  const Server c(group, "c");
  group.Pause("c");
  RequestOptions options{.include_self = false, .timeout = absl::Milliseconds(500)};
  RequestResult result = group.channel("a", "stock").Request("lamps", options);
  EXPECT_EQ(result.status.code(), kDeadlineExceeded) << result.status;
  EXPECT_THAT(States(result), ElementsAre(Pair("b", kAnswered), Pair("c", kTimedOut)));
  options.timeout = absl::Minutes(1);
  const absl::Duration asked = group.now();
  result = group.channel("a", "stock").Request("lamps", options);
  EXPECT_LT(group.now() - asked, absl::Seconds(5));
  EXPECT_THAT(States(result), ElementsAre(Pair("b", kAnswered), Pair("c", kLeft)));
}

TEST(SimChannelTest, AnAnswerAfterTheTimeLimitIsDroppedAndTheNextRequestIsNotConfused) {
  SimGroup group({"a", "b"}, Seed(6));
  Server b(group, "b", /*keeps=*/true);
  const RequestOptions options{.include_self = false, .timeout = absl::Milliseconds(10)};
  SimChannel a = group.channel("a", "stock");
  EXPECT_EQ(a.Request("first", options).status.code(), kDeadlineExceeded);
  std::optional<RequestResult> second;
  ASSERT_TRUE(a.RequestAsync("second", {.include_self = false}, [&](const RequestResult& told) {
                 second = told;
               }).ok());
  ASSERT_TRUE(group.RunUntil([&] { return b.kept.size() == 2; }));
  EXPECT_TRUE(b.kept[0].Answer("late").ok());
  group.RunFor(absl::Milliseconds(50));
  EXPECT_FALSE(second.has_value());
  EXPECT_TRUE(b.kept[1].Answer("in time").ok());
  ASSERT_TRUE(group.RunUntil([&] { return second.has_value(); }));
  EXPECT_EQ(second->answers.at(0).payload, "in time");
}

TEST(SimChannelTest, WhatIsLostOnTheNetworkIsRepairedAndHandledOnce) {
  SimGroup group({"a", "b", "c"}, Seed(7));
  group.SetLoss(0.1);
  const Server b(group, "b");
  const Server c(group, "c");
  SimChannel a = group.channel("a", "stock");
  for (int i = 0; i < 50; ++i) {
    const RequestResult result = a.Request(std::to_string(i), {.include_self = false});
    ASSERT_TRUE(result.ok()) << result.status;
  }
  EXPECT_EQ(b.seen.size(), 50u);
  EXPECT_EQ(c.seen, b.seen);
}

TEST(SimChannelTest, RequestsInTotalOrderAreHandledInOneOrderByAll) {
  SimGroup group({"a", "b", "c"}, Seed(8));
  const Server a(group, "a");
  const Server b(group, "b");
  const Server c(group, "c");
  int over = 0;
  for (int i = 0; i < 20; ++i) {
    for (const char* member : {"a", "b", "c"}) {
      ASSERT_TRUE(group.channel(member, "stock")
                      .RequestAsync(member + std::to_string(i),
                                    {.delivery = DeliveryClass::kAgreed},
                                    [&](const RequestResult& result) {
                                      EXPECT_TRUE(result.ok()) << result.status;
                                      ++over;
                                    })
                      .ok());
    }
  }
  ASSERT_TRUE(group.RunUntil([&] { return over == 60; }));
  EXPECT_EQ(a.seen.size(), 60u);
  EXPECT_EQ(a.seen, b.seen);
  EXPECT_EQ(a.seen, c.seen);
}

TEST(SimChannelTest, RequestsAndAnswersOfTheLargestSizePass) {
  SimGroup group({"a", "b"}, Seed(9));
  const std::string largest(kAnswerBytesMax, 'z');
  const Subscription handler =
      *group.channel("b", "big")
           .HandleRequests([&](const ReceivedRequest& request, Responder responder) {
             EXPECT_EQ(request.payload.size(), kRequestBytesMax);
             EXPECT_FALSE(responder.Answer(largest + "z").ok());
             EXPECT_TRUE(responder.Answer(largest).ok());
           });
  SimChannel a = group.channel("a", "big");
  const RequestOptions others{.include_self = false};
  const RequestResult result = a.Request(std::string(kRequestBytesMax, 'r'), others);
  ASSERT_TRUE(result.ok()) << result.status;
  EXPECT_EQ(result.answers.at(0).payload, largest);
  EXPECT_EQ(a.Request(std::string(kRequestBytesMax + 1, 'r'), others).status.code(),
            kInvalidArgument);
}

// ---- Partitions.

TEST(SimChannelTest, TheOtherSideOfAPartitionHasLeftAndAnswersThatComeAfterTheMergeAreLate) {
  SimGroup group({"a", "b", "c", "d"}, Seed(10));
  const Server a(group, "a");
  const Server b(group, "b");
  const Server c(group, "c");
  Server d(group, "d", /*keeps=*/true);
  std::vector<RequestResult> results;
  const auto ask = [&](const char* member) {
    ASSERT_TRUE(group.channel(member, "stock")
                    .RequestAsync("lamps", {.timeout = absl::Hours(1)},
                                  [&](const RequestResult& told) { results.push_back(told); })
                    .ok());
  };
  ask("a");
  ask("c");
  ASSERT_TRUE(group.RunUntil([&] { return d.kept.size() == 2; }));
  group.RunFor(absl::Milliseconds(10));  // The others have answered.
  group.Partition({{"a", "b"}, {"c", "d"}});
  ASSERT_TRUE(group.RunUntil([&] { return group.view("a").members.size() == 2; }));
  ASSERT_TRUE(group.RunUntil([&] { return group.view("c").members.size() == 2; }));
  group.RunFor(absl::Milliseconds(1));
  // a has lost d; c goes on together with d, and still waits for it.
  ASSERT_EQ(results.size(), 1u);
  EXPECT_THAT(States(results[0]), ElementsAre(Pair("a", kAnswered), Pair("b", kAnswered),
                                              Pair("c", kAnswered), Pair("d", kLeft)));
  group.Heal();
  ASSERT_TRUE(group.RunUntilOneView());
  for (Responder& responder : d.kept) EXPECT_TRUE(responder.Answer("after the merge").ok());
  ASSERT_TRUE(group.RunUntil([&] { return results.size() == 2; }));
  group.RunFor(absl::Seconds(1));
  EXPECT_EQ(results.size(), 2u);
  const RequestResult again = group.channel("a", "stock").Request("x", {.await = Await::kMajority});
  EXPECT_TRUE(again.ok()) << again.status;
}

TEST(SimChannelTest, UnderPrimaryTheMinorityIsRefusedAndTheMajorityGoesOn) {
  SimGroup group({"a", "b", "c"}, Seed(11, Policy::kPrimary));
  const Server a(group, "a");
  const Server b(group, "b");
  const Server c(group, "c");
  group.Partition({{"a", "b"}, {"c"}});
  ASSERT_TRUE(group.RunUntil([&] { return group.view("a").members.size() == 2; }));
  ASSERT_TRUE(group.RunUntil([&] { return !group.writable("c"); }));
  EXPECT_TRUE(group.channel("a", "stock").Request("lamps").ok());
  EXPECT_FALSE(
      group.channel("c", "stock").Request("lamps", {.timeout = absl::Seconds(1)}).status.ok());
  group.Heal();
  ASSERT_TRUE(group.RunUntilOneView());
  const RequestResult all = group.channel("c", "stock").Request("lamps");
  EXPECT_TRUE(all.ok()) << all.status;
  EXPECT_EQ(all.answers.size(), 3u);
}

TEST(SimChannelTest, AnAskerThatStoodStillAndWasExcludedIsToldAndAsksAgain) {
  SimGroup group({"a", "b", "c"}, Seed(12));
  Server b(group, "b", /*keeps=*/true);
  Server c(group, "c", /*keeps=*/true);
  std::optional<RequestResult> result;
  ASSERT_TRUE(group.channel("a", "stock")
                  .RequestAsync("lamps", {.include_self = false, .timeout = absl::Hours(1)},
                                [&](const RequestResult& told) { result = told; })
                  .ok());
  ASSERT_TRUE(group.RunUntil([&] { return b.kept.size() == 1 && c.kept.size() == 1; }));
  group.Pause("a");
  ASSERT_TRUE(group.RunUntil([&] { return group.view("b").members.size() == 2; }));
  b.kept[0].Answer("to nobody").IgnoreError();
  group.Resume("a");
  ASSERT_TRUE(group.RunUntil([&] { return result.has_value(); }));
  EXPECT_THAT(States(*result), ElementsAre(Pair("b", kLeft), Pair("c", kLeft)));
  ASSERT_TRUE(group.RunUntilOneView());
  ASSERT_TRUE(group.channel("a", "stock")
                  .RequestAsync("again", {.include_self = false},
                                [&](const RequestResult& told) { result = told; })
                  .ok());
  result.reset();
  ASSERT_TRUE(group.RunUntil([&] { return b.kept.size() == 2 && c.kept.size() == 2; }));
  EXPECT_TRUE(b.kept[1].Answer("b").ok());
  EXPECT_TRUE(c.kept[1].Answer("c").ok());
  ASSERT_TRUE(group.RunUntil([&] { return result.has_value(); }));
  EXPECT_TRUE(result->ok()) << result->status;
}

// ---- The ends of processes, and of handlers.

TEST(SimChannelTest, AProcessThatIsKilledHearsOfItsRequestsNoMoreAndItsNextOneStartsAfresh) {
  SimGroup group({"a", "b"}, Seed(13));
  Server b(group, "b", /*keeps=*/true);
  bool told = false;
  ASSERT_TRUE(group.channel("a", "stock")
                  .RequestAsync("lamps", {.include_self = false},
                                [&](const RequestResult&) { told = true; })
                  .ok());
  ASSERT_TRUE(group.RunUntil([&] { return b.kept.size() == 1; }));
  group.Kill("a");
  EXPECT_EQ(group.channel("a", "stock").Request("x").status.code(), kCancelled);
  group.Start("a");
  ASSERT_TRUE(group.RunUntilOneView());
  EXPECT_TRUE(b.kept[0].Answer("for the process before").ok());
  group.RunFor(absl::Seconds(6));
  EXPECT_FALSE(told);
}

TEST(SimChannelTest, AChannelHasOneHandlerAtAMemberUntilThatOneEnds) {
  SimGroup group({"a", "b"}, Seed(14));
  SimChannel stock = group.channel("b", "stock");
  const auto answer_one = [](const ReceivedRequest&, Responder responder) {
    responder.Answer("1").IgnoreError();
  };
  absl::StatusOr<Subscription> first = stock.HandleRequests(answer_one);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(stock.HandleRequests(answer_one).status().code(), kAlreadyExists);
  first->Cancel();
  const RequestOptions to_b{.to = {IdOf(group, "b")}};
  EXPECT_THAT(States(group.channel("a", "stock").Request("?", to_b)),
              ElementsAre(Pair("b", kNoHandler)));
  const absl::StatusOr<Subscription> second = stock.HandleRequests(answer_one);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(group.channel("a", "stock").Request("?", to_b).ok());
}

TEST(SimChannelTest, AHandlerMayAskOthersBeforeItAnswers) {
  SimGroup group({"a", "b", "c"}, Seed(15));
  const Server c(group, "c");
  SimChannel front = group.channel("b", "front");
  SimChannel stock = group.channel("b", "stock");
  const MemberId id_of_c = IdOf(group, "c");
  const Subscription handler =
      *front.HandleRequests([&](const ReceivedRequest& request, Responder responder) {
        EXPECT_EQ(stock.Request("?").status.code(), kFailedPrecondition);
        const auto kept = std::make_shared<Responder>(std::move(responder));
        EXPECT_TRUE(
            stock
                .RequestAsync(request.payload, {.to = {id_of_c}},
                              [kept](const RequestResult& result) {
                                kept->Answer("via b: " + result.answers[0].payload).IgnoreError();
                              })
                .ok());
      });
  const RequestResult result =
      group.channel("a", "front").Request("lamps", {.to = {IdOf(group, "b")}});
  ASSERT_TRUE(result.ok()) << result.status;
  EXPECT_EQ(result.answers[0].payload, "via b: c:lamps");
}

// ---- Messages.

TEST(SimChannelTest, AMessageReachesTheSubscribersOfItsChannelAtAllMembersAndNobodyElse) {
  SimGroup group({"a", "b"}, Seed(16));
  std::vector<std::string> news;
  std::vector<std::string> sport;
  const auto note = [](std::vector<std::string>& list) {
    return [&list](const Message& message) { list.emplace_back(message.payload); };
  };
  const Subscription at_a = group.channel("a", "news").SubscribeMessages(note(news));
  const Subscription at_b = group.channel("b", "news").SubscribeMessages(note(news));
  const Subscription other = group.channel("b", "sport").SubscribeMessages(note(sport));
  EXPECT_TRUE(group.channel("b", "news").SendSync("hello").ok());
  EXPECT_TRUE(group.channel("a", "weather").SendSync("nobody listens").ok());
  EXPECT_TRUE(group.channel("a", "sport").Send("1:0").ok());
  ASSERT_TRUE(group.RunUntil([&] { return sport.size() == 1; }));
  EXPECT_THAT(news, ElementsAre("hello", "hello"));
  EXPECT_EQ(group.channel("a", "").Send("x").code(), kInvalidArgument);
}

}  // namespace
}  // namespace cohort::testing
