// Messages that begin in one chunk and end in the next (Spec 5.2).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "frag/packer.h"
#include "frag/reassembler.h"

namespace cohort::frag {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::DataFrame;

constexpr uint8_t kUncut = DataFrame::kFirst | DataFrame::kLast;

Message Patterned(uint64_t id, size_t size, DeliveryClass cls = DeliveryClass::kAgreed) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 / 7 + id);
  Message message;
  message.id = id;
  message.cls = cls;
  message.payload = Buffer::CopyOf(text);
  return message;
}

// A packer and who unpacks what it makes.
class SpanningTest : public ::testing::Test {
 protected:
  void SetUp() override { reassembler_.OnView(1); }

  void Push(Message message) {
    pushed_.emplace_back(message.payload.text());
    ASSERT_TRUE(packer_.Push(std::move(message)).ok());
  }
  void PushMany(size_t count, size_t size) {
    for (size_t i = 0; i < count; ++i) Push(Patterned(pushed_.size(), size));
  }
  bool Next() {
    if (!packer_.Next(packed_)) return false;
    EXPECT_TRUE(packer_.IsConsistent());
    EXPECT_LE(packed_.payload.size(), packer_.chunk_max());
    flags_.push_back(packed_.flags);
    Unpack();
    return true;
  }
  void Unpack() {
    std::vector<Buffer> messages;
    reassembler_.OnChunk(0, packed_.cls, packed_.flags, packed_.payload, messages);
    EXPECT_TRUE(reassembler_.IsConsistent());
    EXPECT_THAT(messages, SizeIs(packed_.completed_ids.size()));
    for (const Buffer& message : messages) got_.emplace_back(message.text());
  }
  void Drain() {
    while (Next()) continue;
  }
  void ExpectAllCame() {
    EXPECT_TRUE(got_ == pushed_);
    EXPECT_EQ(reassembler_.stats().malformed_chunks, 0u);
    EXPECT_EQ(reassembler_.bytes_held(), 0u);
    EXPECT_EQ(packer_.bytes(), 0u);
  }

  Packer packer_;
  Reassembler reassembler_;
  Packed packed_;
  std::vector<std::string> pushed_, got_;
  std::vector<uint8_t> flags_;
};

TEST_F(SpanningTest, WhereMuchWaitsChunksAreFilledWhole) {
  PushMany(100, 1070);
  size_t full = 0;
  while (Next()) full += packed_.payload.size() == wire::kChunkPayloadMax ? 1 : 0;
  ExpectAllCame();
  EXPECT_LE(flags_.size(), (100 * (1070 + kLengthBytes)) / wire::kChunkPayloadMax + 4);
  EXPECT_GE(full, flags_.size() - 2);
}

TEST_F(SpanningTest, WhereLittleWaitsNoMessageIsCut) {
  PushMany(3, 1070);
  Drain();
  ExpectAllCame();
  EXPECT_THAT(flags_, ElementsAre(kUncut, kUncut, kUncut));
}

TEST_F(SpanningTest, AMessageALittleLargerThanAChunkTakesALittleMoreThanAChunk) {
  PushMany(100, wire::kChunkPayloadMax + 10);
  Drain();
  ExpectAllCame();
  EXPECT_LE(flags_.size(), 104u);
}

TEST_F(SpanningTest, TheFlagsTellWhereAMessageIsCut) {
  PushMany(6, 1000);
  ASSERT_TRUE(Next());
  EXPECT_EQ(packed_.flags, DataFrame::kFirst | DataFrame::kSpanning);
  EXPECT_THAT(packed_.completed_ids, ElementsAre(0));
  ASSERT_TRUE(Next());
  EXPECT_EQ(packed_.flags, DataFrame::kSpanning);
  EXPECT_THAT(packed_.completed_ids, ElementsAre(1));
  Drain();
  EXPECT_EQ(flags_.back() & DataFrame::kLast, DataFrame::kLast);
  ExpectAllCame();
}

TEST_F(SpanningTest, WhatIsLeftOfAChunkIsNotFilledWithAFewBytes) {
  PushMany(8, wire::kChunkPayloadMax - 2 * kLengthBytes - 15);
  Drain();
  ExpectAllCame();
  EXPECT_THAT(flags_, Each(kUncut));
}

TEST_F(SpanningTest, OnlyAChunkInWhichASyncMessageEndsIsSync) {
  PushMany(1, 1000);
  Message sync = Patterned(1, 1000);
  sync.sync = true;
  Push(std::move(sync));
  PushMany(4, 1000);
  Drain();
  ExpectAllCame();
  std::vector<bool> is_sync;
  for (const uint8_t flags : flags_) is_sync.push_back((flags & DataFrame::kSync) != 0);
  EXPECT_THAT(is_sync, ElementsAre(false, true, false, false, false));
}

TEST_F(SpanningTest, AnotherClassAndABarrierBeginAChunkOfTheirOwn) {
  PushMany(4, 1000);
  Push(Patterned(4, 1000, DeliveryClass::kConv));
  Message barrier = Patterned(5, 1000, DeliveryClass::kConv);
  barrier.barrier = true;
  Push(barrier);
  Push(barrier);
  PushMany(8, 1000);
  std::vector<std::pair<uint64_t, DeliveryClass>> ends;
  while (Next()) {
    for (const uint64_t id : packed_.completed_ids) ends.emplace_back(id, packed_.cls);
    const bool is_barrier = (packed_.flags & DataFrame::kBarrier) != 0;
    for (const uint64_t id : packed_.completed_ids) EXPECT_EQ(is_barrier, id == 5);
  }
  for (const auto& [id, cls] : ends)
    EXPECT_EQ(cls, id == 4 || id == 5 ? DeliveryClass::kConv : DeliveryClass::kAgreed) << id;
  ExpectAllCame();
}

TEST_F(SpanningTest, AMessageThatHadBegunStartsOverWholeInTheNextView) {
  PushMany(6, 1000);
  ASSERT_TRUE(Next());
  ASSERT_THAT(got_, SizeIs(1));
  EXPECT_GT(reassembler_.bytes_held(), 0u);
  packer_.OnView();
  reassembler_.OnView(1);
  EXPECT_EQ(reassembler_.bytes_held(), 0u);
  Drain();
  ExpectAllCame();
}

TEST_F(SpanningTest, ALargeMessageAndWhatTheOthersSendDoNotMix) {
  PushMany(8, 1000);
  Message large = Patterned(8, kMessageMax + 1);
  const std::string text(large.payload.text());
  ASSERT_TRUE(packer_.Push(std::move(large)).ok());
  packer_.SetAdmitted(true);
  PushMany(8, 1000);
  bool had_large = false;
  while (packer_.Next(packed_)) {
    if (packed_.large) packer_.SetAdmitted(true);
    had_large |= packed_.large;
    Unpack();
  }
  EXPECT_TRUE(had_large);
  const auto at = std::find(got_.begin(), got_.end(), text);
  ASSERT_NE(at, got_.end());
  got_.erase(at);
  ExpectAllCame();
}

// Each stamp tells how many were written before it.
class NumberingStamper final : public Stamper {
 public:
  void Stamp(Bytes message, std::span<std::byte> stamp) override {
    std::fill(stamp.begin(), stamp.end(), static_cast<std::byte>(++written_));
    bytes_ = message.size();
  }
  size_t written() const { return static_cast<size_t>(written_); }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0;
  int written_ = 0;
};

TEST_F(SpanningTest, AStampIsWrittenWhenItsMessageEndsWhereverItIsCut) {
  for (const size_t stamp : {size_t{30}, kStampBytesMax}) {
    for (size_t size = stamp; size < 2900; size += 7) {
      NumberingStamper stamper;
      Packer packer(Packer::Options{}, &stamper);
      Reassembler reassembler;
      reassembler.OnView(1);
      for (uint64_t id = 0; id < 12; ++id) {
        Message message = Patterned(0, size);
        message.stamp_bytes = stamp;
        ASSERT_TRUE(packer.Push(std::move(message)).ok());
      }
      const std::string body(Patterned(0, size).payload.text().substr(0, size - stamp));
      std::vector<Buffer> messages;
      Packed packed;
      size_t ended = 0;
      while (packer.Next(packed)) {
        reassembler.OnChunk(0, packed.cls, packed.flags, packed.payload, messages);
        ended += packed.completed_ids.size();
        ASSERT_EQ(stamper.written(), ended);  // Not when it begins to leave.
        ASSERT_TRUE(ended == 0 || stamper.bytes() == size - stamp);
      }
      ASSERT_THAT(messages, SizeIs(12));
      for (size_t i = 0; i < 12; ++i) {
        ASSERT_TRUE(messages[i].text() == body + std::string(stamp, static_cast<char>(i + 1)))
            << "size " << size << ", stamp " << stamp << ", message " << i;
      }
    }
  }
}

TEST_F(SpanningTest, WhatStartsOverInTheNextViewIsStampedOnce) {
  NumberingStamper stamper;
  Packer packer(Packer::Options{}, &stamper);
  for (int i = 0; i < 6; ++i) {
    Message message = Patterned(0, 1000);
    message.stamp_bytes = 4;
    ASSERT_TRUE(packer.Push(std::move(message)).ok());
  }
  Packed packed;
  ASSERT_TRUE(packer.Next(packed));
  ASSERT_EQ(packed.flags & DataFrame::kLast, 0);  // The second has begun.
  packer.OnView();
  reassembler_.OnView(1);
  std::vector<Buffer> messages;
  while (packer.Next(packed))
    reassembler_.OnChunk(0, packed.cls, packed.flags, packed.payload, messages);
  EXPECT_THAT(messages, SizeIs(5));
  EXPECT_EQ(stamper.written(), 6u);
}

TEST_F(SpanningTest, AMessageWithALengthOfMoreThan16BitsDoesNotSpan) {
  PushMany(1, kSpanningMessageMax);
  Drain();
  ExpectAllCame();
  EXPECT_NE(flags_.front() & DataFrame::kSpanning, 0);
  flags_.clear();
  PushMany(1, kSpanningMessageMax + 1);
  PushMany(8, 1000);
  Drain();
  ExpectAllCame();
  EXPECT_EQ(flags_.front(), DataFrame::kFirst);
}

TEST_F(SpanningTest, MessagesOfRandomSizesComeBackWholeAndInTheirOrder) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Packer packer;
    Reassembler reassembler;
    reassembler.OnView(1);
    std::vector<std::string> pushed, got;
    Packed packed;
    const auto next = [&] {
      if (random.Chance(0.05))
        packer.SetChunkMax(random.Chance(0.5) ? wire::kJumboPayloadMax : wire::kChunkPayloadMax);
      if (!packer.Next(packed)) return false;
      std::vector<Buffer> messages;
      reassembler.OnChunk(0, packed.cls, packed.flags, packed.payload, messages);
      for (const Buffer& message : messages) got.emplace_back(message.text());
      EXPECT_TRUE(packer.IsConsistent() && reassembler.IsConsistent());
      return true;
    };
    for (uint64_t i = 0; i < 300; ++i) {
      const size_t max = random.Chance(0.1) ? 80'000 : random.Chance(0.5) ? 2000 : 300;
      Message message = Patterned(i, random.Below(max));
      pushed.emplace_back(message.payload.text());
      ASSERT_TRUE(packer.Push(std::move(message)).ok());
      if (random.Chance(0.3)) next();
    }
    while (next()) continue;
    EXPECT_TRUE(got == pushed);
    EXPECT_EQ(reassembler.stats().malformed_chunks, 0u);
  }
}

// What no packer makes.
class SpanningChunksTest : public ::testing::Test {
 protected:
  void SetUp() override { reassembler_.OnView(1); }
  void Chunk(uint8_t flags, const std::string& bytes) {
    reassembler_.OnChunk(0, DeliveryClass::kAgreed, flags, Buffer::CopyOf(bytes), messages_);
    EXPECT_TRUE(reassembler_.IsConsistent());
  }
  uint64_t malformed() const { return reassembler_.stats().malformed_chunks; }
  void ExpectDropped() {
    EXPECT_THAT(messages_, IsEmpty());
    EXPECT_EQ(reassembler_.bytes_held(), 0u);
  }
  static std::string Sized(size_t size, const std::string& bytes) {
    return {std::string{static_cast<char>(size), static_cast<char>(size >> 8)} + bytes};
  }
  static constexpr uint8_t kBegins = DataFrame::kFirst | DataFrame::kSpanning;
  static constexpr uint8_t kEnds = DataFrame::kLast | DataFrame::kSpanning;

  Reassembler reassembler_;
  std::vector<Buffer> messages_;
};

TEST_F(SpanningChunksTest, ASoundPairIsJoined) {
  Chunk(kBegins, Sized(1, "a") + Sized(4, "bc"));
  Chunk(kEnds, "de" + Sized(1, "f"));
  ASSERT_THAT(messages_, SizeIs(3));
  EXPECT_EQ(messages_[1].text(), "bcde");
  EXPECT_EQ(malformed(), 0u);
}

TEST_F(SpanningChunksTest, OfWhatIsNotKeptOnlyTheFirstByteIsHandedUp) {
  reassembler_ = Reassembler({.not_kept = uint64_t{1} << 7});
  reassembler_.OnView(1);
  Chunk(kBegins, Sized(1, "a") + Sized(4, "\x07"));
  Chunk(kEnds, "bcd" + Sized(2, "ef"));
  ASSERT_THAT(messages_, SizeIs(3));
  EXPECT_EQ(messages_[1].text(), "\x07");
  EXPECT_EQ(messages_[2].text(), "ef");
  Chunk(kBegins, Sized(2, "g"));
  Chunk(kEnds, "h");
  ASSERT_THAT(messages_, SizeIs(4));
  EXPECT_EQ(messages_[3].text(), "gh");
}

TEST_F(SpanningChunksTest, OneThatGoesOnWithNothingBegunIsDropped) {
  Chunk(kEnds, "de" + Sized(1, "f"));
  EXPECT_EQ(malformed(), 1u);
  ExpectDropped();
}

TEST_F(SpanningChunksTest, OneThatEndsEarlyOrTooLateIsDroppedWithWhatWasBegun) {
  Chunk(kBegins, Sized(4, "bc"));
  Chunk(kEnds, "d");  // One byte is missing.
  Chunk(kBegins, Sized(4, "bc"));
  Chunk(DataFrame::kSpanning, "de" + Sized(1, "f"));  // Nothing is cut, though it says so.
  Chunk(kBegins, Sized(4, "bc"));
  Chunk(kEnds, "de" + Sized(9, "f"));  // The other way round.
  Chunk(kBegins, Sized(4, "bc"));
  Chunk(kEnds, "");
  EXPECT_EQ(malformed(), 4u);
  ExpectDropped();
}

TEST_F(SpanningChunksTest, FragmentsOfTheOtherKindDoNotGoOnWithIt) {
  Chunk(kBegins, Sized(4, "bc"));
  Chunk(DataFrame::kLast, "de");
  EXPECT_EQ(malformed(), 1u);
  Chunk(DataFrame::kFirst, Sized(4, std::string(2, '\0') + "bc"));
  Chunk(kEnds, "de");
  EXPECT_EQ(malformed(), 2u);
  ExpectDropped();
}

TEST_F(SpanningChunksTest, FlagsThatContradictEachOtherAreRefused) {
  Chunk(kUncut | DataFrame::kSpanning, Sized(1, "a"));
  Chunk(kBegins, Sized(1, "a"));
  Chunk(kBegins, Sized(4, ""));  // Begins, but brings nothing.
  Chunk(kBegins | DataFrame::kLarge, Sized(4, "bc"));
  EXPECT_EQ(malformed(), 4u);
  ExpectDropped();
}

}  // namespace
}  // namespace cohort::frag
