#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/check_counters.h"
#include "sim/check_detection.h"
#include "sim/check_limits.h"
#include "sim/check_messages.h"
#include "sim/check_nonces.h"
#include "tests/sim/story.h"

namespace cohort::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Three increments of one counter: what was told of each, and what is there in the end.
std::vector<std::string> JudgeCounter(std::vector<int64_t> told, const char* value) {
  Violations violations;
  CounterChecker checker(violations);
  const Moment moment{Instant::Zero(), 1, 1};
  for (uint64_t id = 1; id <= 3; ++id) {
    IssuedCommand issued;
    issued.kind = IssuedCommand::Kind::kIncrement;
    issued.id = id;
    issued.keys = {"counter/0"};
    checker.OnIssued(moment, issued);
  }
  for (uint64_t id = 1; id <= told.size(); ++id) {
    checker.OnUpcall(moment, engine::DoneUpcall{.command = id, .number = told[id - 1]});
  }
  engine::ChangeUpcall change;
  change.key = "counter/0";
  change.value = Buffer::CopyOf(std::string_view(value));
  checker.OnUpcall(moment, change);
  checker.AtEnd(moment);
  return Invariants(violations);
}

TEST(CounterChecker, SeesAnIncrementThatIsLostDoubledOrMistold) {
  EXPECT_THAT(JudgeCounter({1, 2, 3}, "3"), IsEmpty());
  EXPECT_THAT(JudgeCounter({1, 3}, "3"), IsEmpty()) << "the outcome of one is unknown";
  EXPECT_THAT(JudgeCounter({1, 2, 3}, "2"), ElementsAre("I12"));
  EXPECT_THAT(JudgeCounter({1, 2, 3}, "4"), ElementsAre("I12"));
  EXPECT_THAT(JudgeCounter({1, 1, 2}, "3"), ElementsAre("I12"));
}

TEST(NonceChecker, SeesANumberSealedTwiceByWhomever) {
  Violations violations;
  NonceChecker checker(violations);
  Story story(checker);
  TraceRecord record = story.Make(TraceKind::kSealed, {});
  record.subkey = 5;
  for (const uint64_t packet : {1, 2, 5000}) {
    record.packet = packet;
    story.Tell(1, record);
  }
  EXPECT_THAT(Invariants(violations), IsEmpty());
  record.packet = 2;
  story.Tell(2, record);
  EXPECT_THAT(Invariants(violations), ElementsAre("I20"));
}

TEST(NonceChecker, SeesAReplayButNotTwoReceiversOfOnePacket) {
  Violations violations;
  NonceChecker checker(violations);
  Story story(checker);
  TraceRecord record = story.Make(TraceKind::kOpened, {});
  record.packet = 3;
  story.Tell(1, record);
  story.Tell(2, record);
  EXPECT_THAT(Invariants(violations), IsEmpty());
  story.Tell(1, record);
  EXPECT_THAT(Invariants(violations), ElementsAre("I21"));
}

TEST(LimitChecker, SeesABufferBeyondItsCap) {
  Violations violations;
  LimitChecker checker(violations);
  Story story(checker);
  TraceRecord record = story.Make(TraceKind::kBuffers, {});
  record.limit = record.number = 10;
  story.Tell(1, record);
  record.number = 11;
  story.Tell(1, record);
  EXPECT_THAT(Invariants(violations), ElementsAre("I17"));
}

class DetectionCheckerTest : public ::testing::Test {
 protected:
  DetectionCheckerTest() {
    for (const ProcessNumber process : {1, 2}) {
      story_.Process(process, ProcessChange::kStarted);
      story_.Install(process, Story::View(1), {}, {1, 2});
    }
  }
  void Convict(ProcessNumber by, ProcessNumber subject) {
    TraceRecord record = story_.Make(TraceKind::kConvicted, Story::View(1));
    record.subject = Story::Id(subject);
    record.cause = ViewCause::kSilent;
    story_.Tell(by, record);
  }

  Violations violations_;
  DetectionChecker checker_{violations_, false};
  Story story_{checker_};
};

TEST_F(DetectionCheckerTest, SeesALivingMemberConvicted) {
  Convict(1, 2);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I23"));
}

TEST_F(DetectionCheckerTest, AcceptsTheConvictionOfTheDeadAndTheStopped) {
  story_.Process(2, ProcessChange::kPaused);
  Convict(1, 2);
  story_.Process(2, ProcessChange::kResumed);
  Convict(1, 2);  // What was decided while it stood still.
  story_.Process(2, ProcessChange::kCrashed);
  Convict(1, 2);
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(DetectionCheckerTest, ExcusesWhoStoodStillOnlyWhereItIsToldTo) {
  story_.Process(1, ProcessChange::kPaused);
  story_.Process(1, ProcessChange::kResumed);
  Convict(1, 2);
  EXPECT_THAT(Invariants(violations_), IsEmpty());
  DetectionChecker strict(violations_, true);
  Story story{strict};
  for (const ProcessNumber process : {1, 2}) {
    story.Process(process, ProcessChange::kStarted);
    story.Install(process, Story::View(1), {}, {1, 2});
  }
  story.Process(1, ProcessChange::kPaused);
  story.Process(1, ProcessChange::kResumed);
  TraceRecord record = story.Make(TraceKind::kConvicted, Story::View(1));
  record.subject = Story::Id(2);
  record.cause = ViewCause::kSilent;
  story.Tell(1, record);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I23"));
}

class StrictDetectionTest : public DetectionCheckerTest {
 protected:
  StrictDetectionTest() : strict_(violations_, true), strict_story_(strict_) {
    for (const ProcessNumber process : {1, 2}) {
      strict_story_.Process(process, ProcessChange::kStarted);
      strict_story_.Install(process, Story::View(1), {}, {1, 2});
    }
  }
  void Exclude(ProcessNumber process) {
    strict_story_.Tell(process, strict_story_.Make(TraceKind::kExcluded, Story::View(1)));
  }
  void Accuse(ProcessNumber by, ProcessNumber subject, Duration after = Duration(0)) {
    Event event;
    event.kind = EventKind::kSuspected;
    event.subject = Story::Id(subject);
    strict_.OnUpcall({Instant::Zero() + seconds(60) + after, by, by}, engine::EventUpcall{event});
  }

  DetectionChecker strict_;
  Story strict_story_;
};

TEST_F(StrictDetectionTest, SeesALivingMemberExcluded) {
  Exclude(2);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I23"));
}

TEST_F(StrictDetectionTest, AcceptsTheExclusionOfOneThatStoodStill) {
  strict_story_.Process(2, ProcessChange::kPaused);
  strict_story_.Process(2, ProcessChange::kResumed);
  Exclude(2);
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(StrictDetectionTest, SeesAMereAccusationOfALivingMember) {
  Accuse(1, 2);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I23"));
}

TEST_F(StrictDetectionTest, AcceptsTheAccusationOfOneThatStandsStill) {
  strict_story_.Process(2, ProcessChange::kPaused);
  Accuse(1, 2);
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(StrictDetectionTest, CountsWhatFollowsFromOneMistakeOnce) {
  Accuse(1, 2);
  Accuse(1, 2, seconds(3));
  Accuse(2, 1, seconds(6));
  EXPECT_EQ(strict_.incidents(), 1u);
  Accuse(1, 2, seconds(20));
  EXPECT_EQ(strict_.incidents(), 2u);
  EXPECT_EQ(violations_.count(), 4u);
}

class MessageCheckerTest : public ::testing::Test {
 protected:
  static Buffer Payload(uint64_t process, uint64_t number, std::string_view text) {
    Buffer payload = Buffer::Allocate(sizeof(MessageHeader) + text.size());
    const MessageHeader header{process, number};
    std::memcpy(payload.Fill().data(), &header, sizeof(header));
    std::memcpy(payload.Fill().data() + sizeof(header), text.data(), text.size());
    return payload;
  }
  void Send(uint64_t process, uint64_t number, std::string_view text) {
    IssuedCommand command;
    command.id = number;
    command.digest = TraceDigest(Payload(process, number, text).bytes());
    checker_.OnIssued(story_.At(static_cast<ProcessNumber>(process)), command);
  }
  void Receive(ProcessNumber at, uint64_t process, uint64_t number, std::string_view text) {
    engine::MessageUpcall message;
    message.payload = Payload(process, number, text);
    checker_.OnUpcall(story_.At(at), message);
  }

  Violations violations_;
  MessageChecker checker_{violations_};
  Story story_{checker_};
};

TEST_F(MessageCheckerTest, AcceptsGapsAsAfterAnExclusion) {
  for (uint64_t number = 1; number <= 3; ++number) Send(1, number, "hello");
  Receive(2, 1, 1, "hello");
  Receive(2, 1, 3, "hello");
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(MessageCheckerTest, SeesOtherBytesDuplicatesAndTheWrongOrder) {
  Send(1, 1, "hello");
  Send(1, 2, "hello");
  Receive(2, 1, 2, "hellO");
  Receive(2, 1, 2, "hello");
  Receive(2, 1, 2, "hello");
  Receive(2, 1, 1, "hello");
  EXPECT_THAT(Invariants(violations_), ElementsAre("I6", "I7", "I9"));
}

}  // namespace
}  // namespace cohort::sim
