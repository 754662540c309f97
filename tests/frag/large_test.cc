// Large messages: their lane, their announcement, and who is admitted (Spec 5.20 to 5.23).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "frag/packer.h"
#include "frag/reassembler.h"

namespace cohort::frag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using wire::DataFrame;

constexpr auto kResourceExhausted = absl::StatusCode::kResourceExhausted;
constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr size_t kLarge = 10'000;  // Above message_max of these tests.

Message Write(uint64_t id, size_t size, Subjects subjects = {}) {
  Message message;
  message.id = id;
  message.cls = DeliveryClass::kAgreed;
  message.subjects = std::move(subjects);
  message.payload = Buffer::CopyOf(std::string(size, static_cast<char>('a' + id)));
  return message;
}

Packer::Options Options() {
  Packer::Options options;
  options.message_max = 5000;
  return options;
}

// A sender whose announcements are admitted at once, and its receiver: ids and messages as they
// become complete.
struct Pair {
  Packer packer{Options()};
  Reassembler reassembler;
  std::vector<uint64_t> sent;
  std::vector<std::string> received;

  Pair() { reassembler.OnView(1); }
  bool Step() {
    packer.SetAdmitted(reassembler.announcements(0) == packer.announcements() &&
                       reassembler.IsAdmitted(0));
    Packed packed;
    if (!packer.Next(packed)) return false;
    sent.insert(sent.end(), packed.completed_ids.begin(), packed.completed_ids.end());
    std::vector<Buffer> messages;
    reassembler.OnChunk(0, packed.cls, packed.flags, packed.payload, messages);
    for (const Buffer& message : messages) received.emplace_back(message.text());
    EXPECT_TRUE(packer.IsConsistent());
    EXPECT_TRUE(reassembler.IsConsistent());
    return true;
  }
  void Run() {
    while (Step()) {
    }
  }
};

std::vector<Buffer> Receive(Reassembler& reassembler, Rank origin, uint8_t flags,
                            const std::string& bytes) {
  std::vector<Buffer> messages;
  reassembler.OnChunk(origin, DeliveryClass::kAgreed,
                      static_cast<uint8_t>(flags | DataFrame::kLarge), Buffer::CopyOf(bytes),
                      messages);
  EXPECT_TRUE(reassembler.IsConsistent());
  return messages;
}

std::string Length(size_t total) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(total >> (8 * i)));
  return bytes;
}

TEST(LargeTest, SmallMessagesPassBetweenTheChunksOfALargeOne) {
  Pair pair;
  ASSERT_TRUE(pair.packer.Push(Write(1, kLarge, {10})).ok());
  ASSERT_TRUE(pair.Step());
  ASSERT_TRUE(pair.Step());
  ASSERT_TRUE(pair.packer.Push(Write(2, 20, {11})).ok());
  pair.Run();
  EXPECT_THAT(pair.sent, ElementsAre(2, 1));
  EXPECT_THAT(pair.received, ElementsAre(std::string(20, 'c'), std::string(kLarge, 'b')));
}

TEST(LargeTest, OneChunkInFourIsTheLargeOnesWhenOthersWait) {
  Pair pair;
  ASSERT_TRUE(pair.packer.Push(Write(1, kLarge)).ok());
  ASSERT_TRUE(pair.Step());  // Its announcement.
  for (uint64_t id = 2; id < 42; ++id) ASSERT_TRUE(pair.packer.Push(Write(id, 1300)).ok());
  pair.packer.SetPaced(true);
  pair.packer.SetAdmitted(true);
  std::string pattern;
  for (int i = 0; i < 12; ++i) {
    Packed packed;
    ASSERT_TRUE(pair.packer.Next(packed));
    pattern.push_back(packed.large ? 'L' : '.');
  }
  EXPECT_EQ(pattern, "...L...L...L");
}

TEST(LargeTest, WithEnoughInFlightALargeMessageWaitsThoughNothingElseDoes) {
  Pair pair;
  ASSERT_TRUE(pair.packer.Push(Write(1, kLarge)).ok());
  ASSERT_TRUE(pair.Step());
  pair.packer.SetPaced(true);
  EXPECT_FALSE(pair.Step());
  EXPECT_TRUE(pair.packer.empty());
  pair.packer.SetPaced(false);
  pair.Run();
  EXPECT_THAT(pair.sent, ElementsAre(1));
}

TEST(LargeTest, WhatSharesASubjectStaysBehindTheLargeOneAndNothingElseDoes) {
  Pair pair;
  ASSERT_TRUE(pair.packer.Push(Write(1, kLarge, {10})).ok());
  ASSERT_TRUE(pair.packer.Push(Write(2, 20, {10})).ok());
  ASSERT_TRUE(pair.packer.Push(Write(3, 20, {11})).ok());
  ASSERT_TRUE(pair.packer.Push(Write(4, 20, {12, 10})).ok());
  ASSERT_TRUE(pair.packer.Push(Write(5, 20, {12})).ok()) << "behind 4, which waits";
  ASSERT_TRUE(pair.packer.Push(Write(6, 20)).ok());
  pair.Run();
  EXPECT_THAT(pair.sent, ElementsAre(3, 6, 1, 2, 4, 5));
  ASSERT_TRUE(pair.packer.Push(Write(7, 20, {10})).ok());
  EXPECT_FALSE(pair.packer.GoesLarge(Write(8, 20, {10}))) << "the large one is gone";
}

TEST(LargeTest, ALargeMessageOvertakesNothingThatWasThereBeforeIt) {
  Pair pair;
  for (uint64_t id = 1; id < 31; ++id) ASSERT_TRUE(pair.packer.Push(Write(id, 1300, {id})).ok());
  ASSERT_TRUE(pair.packer.Push(Write(31, kLarge, {10})).ok());
  for (uint64_t id = 32; id < 35; ++id) ASSERT_TRUE(pair.packer.Push(Write(id, 1300)).ok());
  pair.Run();
  ASSERT_EQ(pair.sent.size(), 34u);
  EXPECT_EQ(pair.sent[29], 30u);
  EXPECT_EQ(pair.sent.back(), 31u);
}

TEST(LargeTest, WhatIsAboutEverythingStaysBehindAndHoldsWhatFollows) {
  Pair pair;
  ASSERT_TRUE(pair.packer.Push(Write(1, kLarge, {10})).ok());
  ASSERT_TRUE(pair.packer.Push(Write(2, 20, {kEverySubject})).ok());
  ASSERT_TRUE(pair.packer.Push(Write(3, 20, {11})).ok());
  pair.Run();
  EXPECT_THAT(pair.sent, ElementsAre(1, 2, 3));
}

TEST(LargeTest, NothingOfALargeMessageButItsLengthLeavesBeforeItIsAdmitted) {
  Packer packer(Options());
  ASSERT_TRUE(packer.Push(Write(1, kLarge)).ok());
  Packed packed;
  ASSERT_TRUE(packer.Next(packed));
  EXPECT_EQ(packed.payload.text(), Length(kLarge));
  EXPECT_EQ(packed.flags & (DataFrame::kFirst | DataFrame::kLast | DataFrame::kLarge),
            DataFrame::kFirst | DataFrame::kLarge);
  EXPECT_FALSE(packer.Next(packed));
  EXPECT_TRUE(packer.empty());
  packer.SetAdmitted(true);
  EXPECT_TRUE(packer.Next(packed));
}

TEST(LargeTest, AfterAViewALargeMessageStartsOverWithItsAnnouncement) {
  Pair pair;
  ASSERT_TRUE(pair.packer.Push(Write(1, kLarge)).ok());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(pair.Step());
  EXPECT_GT(pair.reassembler.large_bytes_held(), 0u);
  pair.packer.OnView();
  pair.reassembler.OnView(1);
  EXPECT_EQ(pair.reassembler.large_bytes_held(), 0u);
  pair.Run();
  EXPECT_THAT(pair.received, ElementsAre(std::string(kLarge, 'b')));
  EXPECT_EQ(pair.reassembler.announcements(0), 1u);
}

TEST(LargeTest, EachLargeMessageIsAnnouncedAnew) {
  Pair pair;
  ASSERT_TRUE(pair.packer.Push(Write(1, kLarge)).ok());
  ASSERT_TRUE(pair.packer.Push(Write(2, kLarge)).ok());
  pair.Run();
  EXPECT_THAT(pair.sent, ElementsAre(1, 2));
  EXPECT_EQ(pair.reassembler.announcements(0), 2u);
}

TEST(LargeTest, LargeMessagesAreAdmittedInOrderAsFarAsThereIsRoom) {
  Reassembler reassembler({.large_under_way_max = 30'000});
  reassembler.OnView(4);
  for (const auto& [origin, total] :
       {std::pair<Rank, size_t>{2, 20'000}, {0, 15'000}, {1, 5'000}, {3, 5'000}})
    Receive(reassembler, origin, DataFrame::kFirst, Length(total));
  EXPECT_TRUE(reassembler.IsAdmitted(2));
  EXPECT_FALSE(reassembler.IsAdmitted(0)) << "35 000 bytes";
  EXPECT_FALSE(reassembler.IsAdmitted(1)) << "it would fit, but 0 came first";
  EXPECT_THAT(Receive(reassembler, 2, 0, std::string(19'999, 'x')), IsEmpty());
  EXPECT_EQ(Receive(reassembler, 2, DataFrame::kLast, "x").size(), 1u);
  EXPECT_FALSE(reassembler.IsAdmitted(2));
  EXPECT_TRUE(reassembler.IsAdmitted(0));
  EXPECT_TRUE(reassembler.IsAdmitted(1));
  EXPECT_TRUE(reassembler.IsAdmitted(3));
}

TEST(LargeTest, OneThatIsLargerThanAllTheRoomIsAdmittedAlone) {
  Reassembler reassembler({.large_under_way_max = 1000});
  reassembler.OnView(2);
  Receive(reassembler, 0, DataFrame::kFirst, Length(5000));
  Receive(reassembler, 1, DataFrame::kFirst, Length(10));
  EXPECT_TRUE(reassembler.IsAdmitted(0));
  EXPECT_FALSE(reassembler.IsAdmitted(1));
}

TEST(LargeTest, PartsOfWhatIsNotAdmittedAreDroppedAndMakeRoomForOthers) {
  Reassembler reassembler({.large_under_way_max = 30'000});
  reassembler.OnView(3);
  for (Rank origin = 0; origin < 3; ++origin)
    Receive(reassembler, origin, DataFrame::kFirst, Length(20'000));
  Receive(reassembler, 1, 0, "before its time");
  EXPECT_EQ(reassembler.stats().malformed_chunks, 1u);
  EXPECT_EQ(reassembler.bytes_held(), 0u);
  Receive(reassembler, 0, 0, std::string(19'999, 'x'));
  Receive(reassembler, 0, DataFrame::kLast, "x");
  EXPECT_FALSE(reassembler.IsAdmitted(1));
  EXPECT_TRUE(reassembler.IsAdmitted(2));
}

TEST(LargeTest, BytesBeyondWhatWasAnnouncedAreDroppedWithTheMessage) {
  Reassembler reassembler;
  reassembler.OnView(1);
  Receive(reassembler, 0, DataFrame::kFirst, Length(10));
  EXPECT_THAT(Receive(reassembler, 0, DataFrame::kLast, "eleven byte"), IsEmpty());
  EXPECT_FALSE(reassembler.IsAdmitted(0));
  EXPECT_EQ(reassembler.bytes_held(), 0u);
}

TEST(LargeTest, AnnouncementsBeyondTheLimitAreNotAdmitted) {
  Reassembler reassembler;
  reassembler.OnView(1);
  Receive(reassembler, 0, DataFrame::kFirst, Length(kLargeMessageMax + 1));
  EXPECT_FALSE(reassembler.IsAdmitted(0));
  EXPECT_EQ(reassembler.stats().messages_too_large, 1u);
  Receive(reassembler, 0, DataFrame::kFirst, Length(kLargeMessageMax));
  EXPECT_TRUE(reassembler.IsAdmitted(0));
  // Not announced: at most kMessageMax.
  Receive(reassembler, 0, DataFrame::kFirst, Length(kMessageMax + 1) + "x");
  EXPECT_EQ(reassembler.stats().messages_too_large, 2u);
  EXPECT_FALSE(reassembler.IsAdmitted(0));
}

TEST(LargeTest, ChunksOfTheLaneAreAgreed) {
  Reassembler reassembler;
  reassembler.OnView(1);
  std::vector<Buffer> messages;
  reassembler.OnChunk(0, DeliveryClass::kConv, DataFrame::kFirst | DataFrame::kLarge,
                      Buffer::CopyOf(Length(kLarge)), messages);
  EXPECT_EQ(reassembler.stats().malformed_chunks, 1u);
  EXPECT_FALSE(reassembler.IsAdmitted(0));
}

TEST(LargeTest, TheQueueOfTheLaneIsBoundedApartAndTakesAnyOneMessage) {
  Packer::Options options = Options();
  options.large_bytes_max = 2 * kLarge;
  Packer packer(options);
  EXPECT_TRUE(packer.Push(Write(1, 5 * kLarge, {10})).ok());
  EXPECT_EQ(packer.Push(Write(2, kLarge)).code(), kResourceExhausted);
  EXPECT_EQ(packer.Push(Write(3, 20, {10})).code(), kResourceExhausted);
  EXPECT_TRUE(packer.Push(Write(4, 20, {11})).ok());
  Message own = Write(5, kLarge);
  own.exempt = true;
  EXPECT_TRUE(packer.Push(own).ok());
}

TEST(LargeTest, WhatIsTooLargeForItsClassIsRefusedInWordsThatSayWhatToDo) {
  Packer packer;
  EXPECT_TRUE(packer.Push(Write(1, kLargeMessageMax)).ok());
  EXPECT_EQ(packer.Push(Write(2, kLargeMessageMax + 1)).code(), kInvalidArgument);
  Message safe = Write(3, kMessageMax + 1);
  safe.cls = DeliveryClass::kSafe;
  const absl::Status status = packer.Push(safe);
  EXPECT_EQ(status.code(), kInvalidArgument);
  EXPECT_NE(std::string(status.message()).find("in parts"), std::string::npos);
}

TEST(LargeTest, ABacklogCountsLittleOfIt) {
  Packer packer;
  ASSERT_TRUE(packer.Push(Write(1, kLargeMessageMax)).ok());
  EXPECT_LE(packer.backlog_chunks(), 16u);
  ASSERT_TRUE(packer.Push(Write(2, 1000)).ok());
  EXPECT_LE(packer.backlog_chunks(), 17u);
}

// A member without data (Spec 4.88).
TEST(LargeTest, OfWhatIsNotKeptOnlyTheFirstByteIsHandedUp) {
  Reassembler::Options options;
  options.not_kept = uint64_t{1} << 2;
  Pair pair;
  pair.reassembler = Reassembler(options);
  pair.reassembler.OnView(1);
  for (const size_t size : {kLarge, size_t{3000}}) {
    for (const char kind : {2, 1}) {
      Message message = Write(1, size);
      message.payload.Fill()[0] = static_cast<std::byte>(kind);
      ASSERT_TRUE(pair.packer.Push(std::move(message)).ok());
      size_t held = 0;
      while (pair.Step()) held = std::max(held, pair.reassembler.bytes_held());
      ASSERT_FALSE(pair.received.empty());
      const std::string got = pair.received.back();
      EXPECT_EQ(got[0], kind);
      EXPECT_EQ(got.size(), kind == 2 ? 1 : size);
      EXPECT_EQ(held <= 1, kind == 2) << "bytes held: " << held;
    }
  }
  EXPECT_EQ(pair.received.size(), 4u);
}

}  // namespace
}  // namespace cohort::frag
