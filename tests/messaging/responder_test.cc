#include "messaging/responder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cohort::messaging {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr int kInternal = static_cast<int>(absl::StatusCode::kInternal);

class ResponderTest : public ::testing::Test {
 protected:
  void Handle(const RequestHandler& handler, bool wanted = true) {
    const auto place = std::make_shared<AnswerPlace>(
        wanted,
        [this](uint8_t code, std::string_view payload, bool) {
          if (full_) return absl::ResourceExhaustedError("full");
          sent_.emplace_back(code, payload);
          return absl::OkStatus();
        },
        [this] { ++ended_; });
    CallHandler(handler, {}, place);
  }
  bool full_ = false;
  std::vector<std::pair<int, std::string>> sent_;
  int ended_ = 0;
};

TEST_F(ResponderTest, AnAnswerIsSentOnceAndASecondOneIsRefused) {
  Handle([](const ReceivedRequest&, Responder responder) {
    EXPECT_TRUE(responder.wanted());
    EXPECT_TRUE(responder.Answer("first").ok());
    EXPECT_FALSE(responder.wanted());
    EXPECT_EQ(responder.Answer("second").code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_FALSE(responder.Fail(absl::NotFoundError("third")).ok());
  });
  EXPECT_THAT(sent_, ElementsAre(Pair(0, "first")));
  EXPECT_EQ(ended_, 1);
}

TEST_F(ResponderTest, AHandlerThatEndsWithoutAnAnswerFails) {
  Handle([](const ReceivedRequest&, Responder) {});
  EXPECT_THAT(sent_, ElementsAre(Pair(kInternal, "the handler ended without an answer")));
  EXPECT_EQ(ended_, 1);
}

TEST_F(ResponderTest, AHandlerThatThrowsFailsWithWhatItThrew) {
  Handle([](const ReceivedRequest&, Responder) { throw std::runtime_error("no lamps"); });
  Handle([](const ReceivedRequest&, Responder) { throw 7; });
  EXPECT_THAT(sent_, ElementsAre(Pair(kInternal, "the handler threw: no lamps"),
                                 Pair(kInternal, "the handler threw what is no std::exception")));
}

TEST_F(ResponderTest, WhatWasAnsweredBeforeTheThrowStands) {
  Handle([](const ReceivedRequest&, Responder responder) {
    responder.Answer("done").IgnoreError();
    throw std::runtime_error("too late");
  });
  EXPECT_THAT(sent_, ElementsAre(Pair(0, "done")));
}

TEST_F(ResponderTest, AResponderThatIsKeptAnswersLater) {
  std::vector<Responder> kept;
  Handle(
      [&](const ReceivedRequest&, Responder responder) { kept.push_back(std::move(responder)); });
  EXPECT_THAT(sent_, IsEmpty());
  EXPECT_EQ(ended_, 0);
  EXPECT_TRUE(kept[0].Answer("later").ok());
  kept.clear();
  EXPECT_THAT(sent_, ElementsAre(Pair(0, "later")));
  EXPECT_EQ(ended_, 1);
}

TEST_F(ResponderTest, AKeptResponderThatIsDroppedFails) {
  std::vector<Responder> kept;
  Handle(
      [&](const ReceivedRequest&, Responder responder) { kept.push_back(std::move(responder)); });
  kept.clear();
  EXPECT_THAT(sent_, ElementsAre(Pair(kInternal, "the handler ended without an answer")));
}

TEST_F(ResponderTest, WhereThereWasNoRoomForAnAnswerItMayBeTriedAgain) {
  std::vector<Responder> kept;
  Handle(
      [&](const ReceivedRequest&, Responder responder) { kept.push_back(std::move(responder)); });
  full_ = true;
  EXPECT_TRUE(absl::IsResourceExhausted(kept[0].Answer("large")));
  EXPECT_TRUE(kept[0].wanted());
  full_ = false;
  EXPECT_TRUE(kept[0].Answer("large").ok());
  EXPECT_THAT(sent_, ElementsAre(Pair(0, "large")));
}

TEST_F(ResponderTest, WhereNoAnswerIsWantedNoneIsSent) {
  Handle(
      [](const ReceivedRequest&, Responder responder) {
        EXPECT_FALSE(responder.wanted());
        EXPECT_TRUE(responder.Answer("for nobody").ok());
      },
      /*wanted=*/false);
  Handle([](const ReceivedRequest&, Responder) {}, /*wanted=*/false);
  EXPECT_THAT(sent_, IsEmpty());
  EXPECT_EQ(ended_, 2);
}

TEST_F(ResponderTest, AFailureThatIsOkOrAnAnswerThatIsTooLargeIsRefusedAndStillToBeGiven) {
  Handle([](const ReceivedRequest&, Responder responder) {
    EXPECT_FALSE(responder.Fail(absl::OkStatus()).ok());
    EXPECT_FALSE(responder.Answer(std::string(kAnswerBytesMax + 1, 'a')).ok());
    EXPECT_TRUE(responder.Fail(absl::NotFoundError("none")).ok());
  });
  EXPECT_THAT(sent_, ElementsAre(Pair(static_cast<int>(absl::StatusCode::kNotFound), "none")));
}

TEST_F(ResponderTest, AResponderThatWasMovedFromSaysSo) {
  Handle([](const ReceivedRequest&, Responder responder) {
    Responder other(std::move(responder));
    // NOLINTNEXTLINE(bugprone-use-after-move): that is the question.
    EXPECT_EQ(responder.Answer("").code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(other.Answer("x").ok());
  });
}

}  // namespace
}  // namespace cohort::messaging
