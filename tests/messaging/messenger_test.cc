#include "messaging/messenger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "messaging/frame.h"

namespace cohort::messaging {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using Verdict = Messenger::Verdict;
using enum AnswerState;

constexpr Instant kStart = Instant::FromNanos(1'000);

MemberId Id(char name, uint32_t join_no = 0) { return {{1, static_cast<uint64_t>(name)}, join_no}; }

// A view whose members are the letters of `names`; capital letters do not hold the state yet.
View ViewOf(uint64_t number, const std::string& names, uint64_t previous) {
  View view;
  view.id = {number, number};
  if (previous != 0) view.previous = {previous, previous};
  for (const char letter : names) {
    const char name = static_cast<char>(std::tolower(letter));
    view.members.push_back({Id(name), std::string(1, name), "", letter == name});
  }
  return view;
}

// Member a of the group {a, b, c}.
class MessengerTest : public ::testing::Test {
 protected:
  MessengerTest() { messenger_.OnView(ViewOf(1, "abc", 0), out_); }
  ~MessengerTest() override { EXPECT_TRUE(messenger_.requests().IsConsistent()); }

  uint64_t Ask(const RequestOptions& options, Messenger::NewRequest* sent = nullptr) {
    auto request = messenger_.Begin(DeadlineOf(kStart, options.timeout), "stock", "?", options);
    EXPECT_TRUE(request.ok()) << request.status();
    if (sent != nullptr) *sent = *request;
    return request->number;
  }
  // Asks, and delivers the request here.
  uint64_t AskAndDeliver(const RequestOptions& options) {
    Messenger::NewRequest sent;
    const uint64_t number = Ask(options, &sent);
    messenger_.OnFrame(Id('a'), sent.frame, out_);
    return number;
  }
  void AnswerFrom(char member, uint64_t number, uint8_t code = kCodeAnswered,
                  const std::string& payload = "") {
    const Buffer frame = Encode(AnswerFrame{Id('a').instance, number, code, payload});
    EXPECT_EQ(messenger_.OnFrame(Id(member), frame, out_), Verdict::kDrop);
  }
  Buffer RequestBy(const RequestFrame& frame, const std::vector<MemberId>& to = {}) {
    return Encode(frame, to);
  }
  std::vector<std::pair<std::string, AnswerState>> States() const {
    std::vector<std::pair<std::string, AnswerState>> states;
    for (const Answer& answer : out_.done.at(0).result.answers)
      states.emplace_back(answer.name, answer.state);
    return states;
  }
  absl::Status Outcome() const { return out_.done.at(0).result.status; }

  Messenger messenger_{{}, Id('a').instance};
  Messenger::Output out_;
};

// ---- Response modes.

TEST_F(MessengerTest, WhoAsksAllHearsOfEachMemberAndIsDoneWithTheLast) {
  const uint64_t number = AskAndDeliver({});
  EXPECT_FALSE(messenger_.IsHandled("stock"));  // So this member answered "no handler" at once.
  AnswerFrom('b', number, kCodeAnswered, "4");
  EXPECT_THAT(out_.done, IsEmpty());
  AnswerFrom('c', number, static_cast<uint8_t>(absl::StatusCode::kNotFound), "no lamps");
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(),
              ElementsAre(Pair("a", kNoHandler), Pair("b", kAnswered), Pair("c", kFailed)));
  const RequestResult& result = out_.done[0].result;
  EXPECT_EQ(result.answers[1].payload, "4");
  EXPECT_EQ(result.answers[2].status, absl::NotFoundError("no lamps"));
  EXPECT_EQ(result.view, (ViewId{1, 1}));
  EXPECT_TRUE(absl::IsUnavailable(result.status));
  EXPECT_THAT(std::string(result.status.message()), HasSubstr("1 of 3 answered"));
}

TEST_F(MessengerTest, WhoAsksAllOthersIsNotAskedItself) {
  const uint64_t number = AskAndDeliver({.include_self = false});
  AnswerFrom('b', number);
  AnswerFrom('c', number);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_TRUE(Outcome().ok()) << Outcome();
  EXPECT_THAT(States(), ElementsAre(Pair("b", kAnswered), Pair("c", kAnswered)));
}

TEST_F(MessengerTest, TheFirstAnswerIsEnoughAndAFailureIsNone) {
  const uint64_t number = AskAndDeliver({.await = Await::kFirst});
  AnswerFrom('c', number, 5, "failed");
  EXPECT_THAT(out_.done, IsEmpty());
  AnswerFrom('b', number);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_TRUE(Outcome().ok());
  AnswerFrom('b', number);
  EXPECT_THAT(out_.done, SizeIs(1)) << "twice";
  EXPECT_EQ(messenger_.Stats()["messaging.answers_late"], 1u);
}

TEST_F(MessengerTest, AMajorityIsMoreThanHalfOfThoseAsked) {
  const uint64_t number = AskAndDeliver({.include_self = false, .await = Await::kMajority});
  AnswerFrom('b', number);
  EXPECT_THAT(out_.done, IsEmpty()) << "one of two is no majority";
  AnswerFrom('c', number);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_TRUE(Outcome().ok());
}

TEST_F(MessengerTest, AMajorityThatCannotComeAnyMoreIsNotWaitedFor) {
  const uint64_t number = AskAndDeliver({.await = Await::kMajority});  // a has no handler.
  AnswerFrom('b', number, 13, "failed");
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_TRUE(absl::IsUnavailable(Outcome())) << Outcome();
  EXPECT_THAT(States(),
              ElementsAre(Pair("a", kNoHandler), Pair("b", kFailed), Pair("c", kUnawaited)));
}

TEST_F(MessengerTest, WhoAwaitsNothingKeepsNothing) {
  Messenger::NewRequest sent;
  EXPECT_EQ(Ask({.await = Await::kNone}, &sent), 0u);
  EXPECT_EQ(messenger_.requests().size(), 0u);
  EXPECT_EQ(messenger_.NextDeadline(), Instant::Infinite());
  messenger_.OnFrame(Id('a'), sent.frame, out_);
  EXPECT_THAT(out_.refusals, IsEmpty());
}

TEST_F(MessengerTest, NobodyToAskIsFineForAllAndUnavailableForTheFirst) {
  messenger_.OnView(ViewOf(2, "a", 1), out_);
  AskAndDeliver({.include_self = false});
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_TRUE(Outcome().ok());
  out_.done.clear();
  AskAndDeliver({.include_self = false, .await = Await::kFirst});
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_TRUE(absl::IsUnavailable(Outcome()));
}

TEST_F(MessengerTest, AnAnswerMayComeBeforeTheAskerHasDeliveredItsOwnRequest) {
  Messenger::NewRequest sent;
  const uint64_t number = Ask({.include_self = false, .delivery = DeliveryClass::kAgreed}, &sent);
  AnswerFrom('c', number, kCodeAnswered, "early");
  AnswerFrom('c', number, kCodeAnswered, "twice");
  AnswerFrom('x', number, kCodeAnswered, "was not asked");
  EXPECT_THAT(out_.done, IsEmpty());
  messenger_.OnFrame(Id('a'), sent.frame, out_);
  EXPECT_THAT(out_.done, IsEmpty());
  AnswerFrom('b', number);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(), ElementsAre(Pair("b", kAnswered), Pair("c", kAnswered)));
  EXPECT_EQ(out_.done[0].result.answers[1].payload, "early");
  messenger_.Release(out_.done[0]);
}

TEST_F(MessengerTest, AnEarlyFirstAnswerEndsTheRequestAsItIsDelivered) {
  Messenger::NewRequest sent;
  const uint64_t number = Ask({.await = Await::kFirst}, &sent);
  AnswerFrom('c', number);
  messenger_.OnFrame(Id('a'), sent.frame, out_);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_TRUE(Outcome().ok());
}

// ---- Whom.

TEST_F(MessengerTest, OnlyThoseNamedAreAskedAndAStrangerHasLeft) {
  const uint64_t number = AskAndDeliver({.to = {Id('x'), Id('c'), Id('c', 9)}});
  AnswerFrom('b', number, kCodeAnswered, "nobody asked");
  EXPECT_THAT(out_.done, IsEmpty());
  AnswerFrom('c', number);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(), ElementsAre(Pair("c", kAnswered), Pair("", kLeft)));
  EXPECT_EQ(out_.done[0].result.answers[1].from, Id('x'));
}

TEST_F(MessengerTest, AMemberThatReceivesTheStateIsNotAskedUntilItHasIt) {
  messenger_.OnView(ViewOf(2, "abC", 1), out_);
  uint64_t number = AskAndDeliver({.include_self = false});
  AnswerFrom('b', number);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(), ElementsAre(Pair("b", kAnswered)));
  out_.done.clear();
  messenger_.NoteSynced(ViewOf(2, "abc", 1));
  number = AskAndDeliver({.include_self = false});
  AnswerFrom('b', number);
  EXPECT_THAT(out_.done, IsEmpty());
  AnswerFrom('c', number);
  EXPECT_THAT(out_.done, SizeIs(1));
}

// ---- Views.

TEST_F(MessengerTest, AMemberThatLeavesTheViewIsReportedAtOnce) {
  const uint64_t number = AskAndDeliver({.include_self = false});
  AnswerFrom('b', number);
  messenger_.OnView(ViewOf(2, "ab", 1), out_);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(), ElementsAre(Pair("b", kAnswered), Pair("c", kLeft)));
}

TEST_F(MessengerTest, AViewWithoutLossesAndWithNewMembersChangesNothing) {
  const uint64_t number = AskAndDeliver({.include_self = false});
  messenger_.OnView(ViewOf(2, "abcd", 1), out_);
  EXPECT_THAT(out_.done, IsEmpty());
  AnswerFrom('d', number, kCodeAnswered, "was not asked");
  AnswerFrom('b', number);
  AnswerFrom('c', number);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(out_.done[0].result.answers, SizeIs(2));
}

TEST_F(MessengerTest, AMemberThatCameBackIsNotTheOneThatWasAsked) {
  AskAndDeliver({.to = {Id('b')}});
  View view = ViewOf(2, "abc", 1);
  view.members[1].id = Id('b', 1);
  messenger_.OnView(view, out_);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(), ElementsAre(Pair("b", kLeft)));
}

TEST_F(MessengerTest, AnAskerThatLostItsPlaceWaitsForNobodyButItself) {
  ASSERT_TRUE(messenger_.Open("stock").ok());
  messenger_.SetHandled("stock", true);
  const uint64_t number = AskAndDeliver({});
  messenger_.OnView(ViewOf(5, "bca", 0), out_);
  EXPECT_THAT(out_.done, IsEmpty());
  messenger_.AnswerSelf(number, kCodeAnswered, "mine", out_);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(), ElementsAre(Pair("a", kAnswered), Pair("b", kLeft), Pair("c", kLeft)));
  AnswerFrom('b', number);
  EXPECT_THAT(out_.done, SizeIs(1)) << "a late answer";
}

TEST_F(MessengerTest, ARequestThatWaitsToBeSentAsksTheMembersOfTheViewItIsSentIn) {
  Messenger::NewRequest sent;
  const uint64_t number = Ask({.include_self = false}, &sent);
  messenger_.OnView(ViewOf(2, "ab", 1), out_);
  messenger_.OnView(ViewOf(7, "xa", 0), out_);
  EXPECT_THAT(out_.done, IsEmpty());
  messenger_.OnFrame(Id('a'), sent.frame, out_);
  AnswerFrom('x', number);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(), ElementsAre(Pair("x", kAnswered)));
}

TEST_F(MessengerTest, ARequestThatWasLostWithTheViewFails) {
  const uint64_t number = Ask({.to = {Id('b')}});
  messenger_.OnFailed(number, absl::UnknownError("this member was excluded"), out_);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_TRUE(absl::IsUnavailable(Outcome())) << Outcome();
}

TEST_F(MessengerTest, AnAnswerToWhoIsGoneNeedNotBeSent) {
  EXPECT_TRUE(messenger_.Reaches(Id('b')));
  EXPECT_TRUE(messenger_.Reaches(Id('b', 3))) << "the same process, come back";
  messenger_.OnView(ViewOf(2, "ac", 1), out_);
  EXPECT_FALSE(messenger_.Reaches(Id('b')));
}

// ---- Time.

TEST_F(MessengerTest, WhenTheTimeIsUpTheMissingAreNamed) {
  const uint64_t number = AskAndDeliver({.include_self = false, .timeout = absl::Milliseconds(10)});
  AnswerFrom('c', number);
  EXPECT_EQ(messenger_.NextDeadline(), kStart + milliseconds(10));
  messenger_.OnTimer(kStart + milliseconds(9), out_);
  EXPECT_THAT(out_.done, IsEmpty());
  messenger_.OnTimer(kStart + milliseconds(10), out_);
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(), ElementsAre(Pair("b", kTimedOut), Pair("c", kAnswered)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(Outcome()));
  EXPECT_THAT(std::string(Outcome().message()), HasSubstr("b timed out"));
  EXPECT_EQ(messenger_.NextDeadline(), Instant::Infinite());
}

TEST_F(MessengerTest, ARequestThatIsSentAfterItsTimeIsUpIsStillForThoseItWasFor) {
  ASSERT_TRUE(messenger_.Open("stock").ok());
  messenger_.SetHandled("stock", true);
  Messenger::NewRequest all;
  Messenger::NewRequest others;
  Ask({.timeout = absl::Milliseconds(1)}, &all);
  Ask({.include_self = false, .timeout = absl::Milliseconds(1)}, &others);
  messenger_.OnTimer(kStart + milliseconds(1), out_);
  EXPECT_THAT(out_.done, SizeIs(2));
  EXPECT_TRUE(absl::IsDeadlineExceeded(Outcome()));
  EXPECT_EQ(messenger_.OnFrame(Id('a'), all.frame, out_), Verdict::kRequest);
  EXPECT_EQ(messenger_.OnFrame(Id('a'), others.frame, out_), Verdict::kDrop);
}

TEST_F(MessengerTest, AtTheEndOfTheGroupEverythingFailsInTheOrderItWasAsked) {
  const uint64_t first = AskAndDeliver({});
  const uint64_t second = Ask({.timeout = absl::InfiniteDuration()});
  messenger_.FailAll(absl::CancelledError("left"), out_);
  ASSERT_THAT(out_.done, SizeIs(2));
  EXPECT_EQ(out_.done[0].number, first);
  EXPECT_EQ(out_.done[1].number, second);
  EXPECT_TRUE(absl::IsCancelled(Outcome()));
}

// ---- Channels.

TEST_F(MessengerTest, AMessageOfAChannelNobodyHearsIsCountedAndDropped) {
  const Buffer frame = Encode(MessageFrame{"news", "x"});
  EXPECT_EQ(messenger_.OnFrame(Id('b'), frame, out_), Verdict::kDrop);
  ASSERT_TRUE(messenger_.Open("news").ok());
  EXPECT_EQ(messenger_.OnFrame(Id('b'), frame, out_), Verdict::kDrop);
  messenger_.SetListeners("news", 1);
  EXPECT_EQ(messenger_.OnFrame(Id('b'), frame, out_), Verdict::kMessage);
  messenger_.SetListeners("news", 0);
  EXPECT_EQ(messenger_.OnFrame(Id('b'), frame, out_), Verdict::kDrop);
  EXPECT_EQ(messenger_.Stats()["messaging.unheard"], 3u);
  EXPECT_EQ(messenger_.Stats()["messaging.channels"], 1u) << "what others name takes no memory";
}

TEST_F(MessengerTest, ARequestOfAChannelWithoutHandlerIsRefusedIfAnAnswerIsWanted) {
  RequestFrame request{.number = 3, .channel = "stock", .payload = "?"};
  EXPECT_EQ(messenger_.OnFrame(Id('b'), RequestBy(request), out_), Verdict::kDrop);
  ASSERT_THAT(out_.refusals, SizeIs(1));
  EXPECT_EQ(out_.refusals[0].asker, Id('b'));
  EXPECT_EQ(out_.refusals[0].number, 3u);
  EXPECT_EQ(out_.refusals[0].code, kCodeNoHandler);
  request.wanted = false;
  messenger_.OnFrame(Id('b'), RequestBy(request), out_);
  EXPECT_THAT(out_.refusals, SizeIs(1));
}

TEST_F(MessengerTest, ARequestForOthersIsNoneOfOurBusiness) {
  const RequestFrame request{.number = 3, .channel = "stock", .payload = "?"};
  EXPECT_EQ(messenger_.OnFrame(Id('b'), RequestBy(request, {Id('c')}), out_), Verdict::kDrop);
  EXPECT_THAT(out_.refusals, IsEmpty());
}

TEST_F(MessengerTest, WhatIsNoFrameIsCountedAndDropped) {
  EXPECT_EQ(messenger_.OnFrame(Id('b'), AsBytes("\x09garbage"), out_), Verdict::kDrop);
  EXPECT_EQ(messenger_.OnFrame(Id('b'), {}, out_), Verdict::kDrop);
  EXPECT_EQ(messenger_.Stats()["messaging.malformed"], 2u);
}

TEST_F(MessengerTest, AnAnswerToAnotherAskerIsNotTaken) {
  const uint64_t number = AskAndDeliver({.to = {Id('b')}});
  const Buffer other = Encode(AnswerFrame{Id('c').instance, number, kCodeAnswered, ""});
  messenger_.OnFrame(Id('b'), other, out_);
  EXPECT_THAT(out_.done, IsEmpty());
}

// ---- Limits.

class MessengerLimitsTest : public MessengerTest {
 protected:
  static Messenger::Limits Small() {
    return {.asking = {.requests_max = 2, .answer_bytes_max = 10},
            .channels_max = 2,
            .handled_max = 2,
            .refusals_max = 2};
  }
  MessengerLimitsTest() { small_.OnView(ViewOf(1, "abc", 0), out_); }
  Messenger small_{Small(), Id('a').instance};
};

TEST_F(MessengerLimitsTest, RequestsThatWaitAreLimitedUntilTheirResultsAreTaken) {
  const auto begin = [&] { return small_.Begin(kStart, "c", "", {.to = {Id('b')}}); };
  ASSERT_TRUE(begin().ok());
  ASSERT_TRUE(begin().ok());
  EXPECT_TRUE(absl::IsResourceExhausted(begin().status()));
  small_.OnTimer(kStart, out_);
  ASSERT_THAT(out_.done, SizeIs(2));
  EXPECT_FALSE(begin().ok()) << "nobody has taken the results";
  small_.Release(out_.done[0]);
  EXPECT_TRUE(begin().ok());
  EXPECT_FALSE(begin().ok());
}

TEST_F(MessengerLimitsTest, AnswersThatAreHeldAreLimitedAndTheSurplusIsSaidToBe) {
  const auto ask = [&] {
    const auto request = small_.Begin(kStart, "c", "", {.to = {Id('b'), Id('c')}});
    small_.OnFrame(Id('a'), request->frame, out_);
    return request->number;
  };
  const auto answer = [&](char member, uint64_t number, const std::string& payload) {
    const Buffer frame = Encode(AnswerFrame{Id('a').instance, number, kCodeAnswered, payload});
    small_.OnFrame(Id(member), frame, out_);
  };
  const uint64_t first = ask();
  answer('b', first, "1234567");
  answer('c', first, "1234");
  ASSERT_THAT(out_.done, SizeIs(1));
  EXPECT_THAT(States(), ElementsAre(Pair("b", kAnswered), Pair("c", kFailed)));
  EXPECT_TRUE(absl::IsResourceExhausted(out_.done[0].result.answers[1].status));
  small_.Release(out_.done[0]);
  out_.done.clear();
  const uint64_t second = ask();
  answer('b', second, "12345");
  answer('c', second, "12345");
  EXPECT_THAT(States(), ElementsAre(Pair("b", kAnswered), Pair("c", kAnswered)));
}

TEST_F(MessengerLimitsTest, RequestsBeingHandledAreLimitedAndTheSurplusIsRefused) {
  ASSERT_TRUE(small_.Open("c").ok());
  small_.SetHandled("c", true);
  const Buffer frame = RequestBy({.number = 3, .channel = "c", .payload = "?"});
  EXPECT_EQ(small_.OnFrame(Id('b'), frame, out_), Verdict::kRequest);
  EXPECT_EQ(small_.OnFrame(Id('b'), frame, out_), Verdict::kRequest);
  EXPECT_EQ(small_.OnFrame(Id('b'), frame, out_), Verdict::kDrop);
  ASSERT_THAT(out_.refusals, SizeIs(1));
  EXPECT_EQ(out_.refusals[0].code, kCodeBusy);
  small_.OnHandled();
  EXPECT_EQ(small_.OnFrame(Id('b'), frame, out_), Verdict::kRequest);
  small_.RefuseAccepted(Id('b'), 3, true, kCodeBusy, out_);
  EXPECT_THAT(out_.refusals, SizeIs(2));
  EXPECT_EQ(small_.handling(), 1u);
}

TEST_F(MessengerLimitsTest, RefusalsThatWaitToBeSentAreLimited) {
  const Buffer frame = RequestBy({.number = 3, .channel = "c", .payload = "?"});
  for (int i = 0; i < 3; ++i) small_.OnFrame(Id('b'), frame, out_);
  EXPECT_THAT(out_.refusals, SizeIs(2));
  EXPECT_EQ(small_.Stats()["messaging.refusals_dropped"], 1u);
  small_.OnRefused();
  small_.OnFrame(Id('b'), frame, out_);
  EXPECT_THAT(out_.refusals, SizeIs(3));
}

TEST_F(MessengerLimitsTest, ChannelsAreLimited) {
  EXPECT_TRUE(small_.Open("1").ok());
  EXPECT_TRUE(small_.Open("2").ok());
  EXPECT_TRUE(small_.Open("1").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(small_.Open("3")));
}

TEST(ValidationTest, WhatIsOutOfItsLimitsIsRefusedWithTheLimit) {
  EXPECT_FALSE(ValidateChannelName("").ok());
  EXPECT_TRUE(ValidateChannelName(std::string(64, 'n')).ok());
  EXPECT_THAT(std::string(ValidateChannelName(std::string(65, 'n')).message()), HasSubstr("64"));
  EXPECT_TRUE(ValidateRequest(std::string(kRequestBytesMax, 'r'), {}).ok());
  EXPECT_THAT(std::string(ValidateRequest(std::string(kRequestBytesMax + 1, 'r'), {}).message()),
              HasSubstr("several"));
  RequestOptions many;
  many.to.resize(kRequestTargetsMax + 1);
  EXPECT_THAT(std::string(ValidateRequest("", many).message()), HasSubstr("256"));
  EXPECT_FALSE(ValidateRequest("", {.delivery = DeliveryClass::kCtrl}).ok());
  EXPECT_FALSE(ValidateRequest("", {.timeout = absl::Seconds(-1)}).ok());
  EXPECT_TRUE(ValidateAnswer(std::string(kAnswerBytesMax, 'a')).ok());
  EXPECT_FALSE(ValidateAnswer(std::string(kAnswerBytesMax + 1, 'a')).ok());
  EXPECT_FALSE(ValidateFailure(absl::OkStatus()).ok());
  EXPECT_EQ(FailureText(absl::InternalError(std::string(5000, 'x'))).size(), kFailureTextBytesMax);
}

}  // namespace
}  // namespace cohort::messaging
