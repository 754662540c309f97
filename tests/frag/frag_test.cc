#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "frag/packer.h"
#include "frag/reassembler.h"

namespace cohort::frag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using wire::DataFrame;

constexpr uint8_t kWhole = DataFrame::kFirst | DataFrame::kLast;

Message Text(uint64_t id, const std::string& text, DeliveryClass cls = DeliveryClass::kConv) {
  Message message;
  message.id = id;
  message.cls = cls;
  message.payload = Buffer::CopyOf(text);
  return message;
}

std::vector<std::string> Unpack(Reassembler& reassembler, const Packed& packed) {
  std::vector<Buffer> messages;
  reassembler.OnChunk(0, packed.cls, packed.flags, packed.payload, messages);
  std::vector<std::string> texts;
  for (const Buffer& message : messages) texts.emplace_back(message.text());
  return texts;
}

TEST(PackerTest, SmallMessagesOfOneClassShareAChunk) {
  Packer packer;
  Reassembler reassembler;
  reassembler.OnView(1);
  for (const auto& [id, text] : {std::pair{1, "one"}, {2, ""}, {3, "three"}}) {
    ASSERT_TRUE(packer.Push(Text(static_cast<uint64_t>(id), text)).ok());
  }
  Packed packed;
  ASSERT_TRUE(packer.Next(packed));
  EXPECT_EQ(packed.flags, kWhole);
  EXPECT_THAT(packed.completed_ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(Unpack(reassembler, packed), ElementsAre("one", "", "three"));
  EXPECT_FALSE(packer.Next(packed));
}

TEST(PackerTest, AnotherClassOrABarrierBeginsAnotherChunk) {
  Packer packer;
  Message barrier = Text(3, "c");
  barrier.barrier = true;
  ASSERT_TRUE(packer.Push(Text(1, "a")).ok());
  ASSERT_TRUE(packer.Push(Text(2, "b", DeliveryClass::kAgreed)).ok());
  ASSERT_TRUE(packer.Push(barrier).ok());
  ASSERT_TRUE(packer.Push(Text(4, "d")).ok());
  Packed packed;
  std::vector<uint8_t> flags;
  while (packer.Next(packed)) flags.push_back(packed.flags);
  EXPECT_THAT(flags, ElementsAre(kWhole, kWhole, kWhole | DataFrame::kBarrier, kWhole));
}

TEST(PackerTest, OneSyncMessageMakesTheChunkSync) {
  Packer packer;
  Message sync = Text(2, "b");
  sync.sync = true;
  ASSERT_TRUE(packer.Push(Text(1, "a")).ok());
  ASSERT_TRUE(packer.Push(sync).ok());
  Packed packed;
  ASSERT_TRUE(packer.Next(packed));
  EXPECT_EQ(packed.flags, kWhole | DataFrame::kSync);
}

TEST(PackerTest, MessagesOfEverySizeComeBackWhole) {
  Packer packer;
  Reassembler reassembler;
  reassembler.OnView(1);
  for (const size_t size :
       {size_t{0}, size_t{1}, kWholeMessageMax - 1, kWholeMessageMax, kWholeMessageMax + 1,
        size_t{2784}, size_t{2785}, size_t{100'000}, kMessageMax}) {
    SCOPED_TRACE(size);
    std::string text(size, 'x');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 / 7);
    ASSERT_TRUE(packer.Push(Text(size, text)).ok());
    Packed packed;
    std::vector<std::string> got;
    while (packer.Next(packed)) {
      EXPECT_LE(packed.payload.size(), wire::kChunkPayloadMax);
      for (std::string& message : Unpack(reassembler, packed)) got.push_back(std::move(message));
    }
    EXPECT_THAT(packed.completed_ids, IsEmpty());
    ASSERT_EQ(got.size(), 1u);
    EXPECT_TRUE(got[0] == text);
    EXPECT_EQ(packer.bytes(), 0u);
    EXPECT_EQ(reassembler.bytes_held(), 0u);
    EXPECT_TRUE(packer.IsConsistent());
  }
}

TEST(PackerTest, ChunksHaveTheSizeThatHoldsWhenTheyAreMade) {
  Packer packer;
  Reassembler reassembler;
  reassembler.OnView(1);
  const std::string text(30'000, 'z');
  for (uint64_t id = 0; id < 4; ++id) ASSERT_TRUE(packer.Push(Text(id, text.substr(id))).ok());
  std::vector<std::string> got;
  std::vector<size_t> sizes;
  Packed packed;
  for (bool large = true; packer.Next(packed); large = !large) {
    sizes.push_back(packed.payload.size());
    for (std::string& message : Unpack(reassembler, packed)) got.push_back(std::move(message));
    packer.SetChunkMax(large ? wire::kJumboPayloadMax : wire::kChunkPayloadMax);
    EXPECT_TRUE(packer.IsConsistent());
  }
  EXPECT_THAT(got, ElementsAre(text, text.substr(1), text.substr(2), text.substr(3)));
  EXPECT_EQ(sizes[0], wire::kChunkPayloadMax);
  EXPECT_EQ(sizes[1], wire::kJumboPayloadMax);
  EXPECT_EQ(sizes[2], wire::kChunkPayloadMax);
}

TEST(PackerTest, WhatIsBegunInFragmentsGoesOnSoThoughTheRestWouldFitALargeChunk) {
  Packer packer;
  Reassembler reassembler;
  reassembler.OnView(1);
  const std::string text(4000, 'z');
  ASSERT_TRUE(packer.Push(Text(1, text)).ok());
  ASSERT_TRUE(packer.Push(Text(2, "after")).ok());
  Packed packed;
  ASSERT_TRUE(packer.Next(packed));
  EXPECT_THAT(Unpack(reassembler, packed), IsEmpty());
  packer.SetChunkMax(wire::kJumboPayloadMax);
  ASSERT_TRUE(packer.Next(packed));
  EXPECT_EQ(packed.flags, DataFrame::kLast);
  EXPECT_THAT(Unpack(reassembler, packed), ElementsAre(text));
  ASSERT_TRUE(packer.Next(packed));
  EXPECT_THAT(Unpack(reassembler, packed), ElementsAre("after"));
}

TEST(PackerTest, ManySmallMessagesShareALargeChunk) {
  Packer packer;
  Reassembler reassembler;
  reassembler.OnView(1);
  packer.SetChunkMax(wire::kJumboPayloadMax);
  for (uint64_t id = 0; id < 8; ++id)
    ASSERT_TRUE(packer.Push(Text(id, std::string(1100, 'x'))).ok());
  Packed packed;
  ASSERT_TRUE(packer.Next(packed));
  EXPECT_EQ(packed.completed_ids.size(), 8u);
  EXPECT_EQ(Unpack(reassembler, packed).size(), 8u);
  EXPECT_TRUE(packer.empty());
}

TEST(PackerTest, OnlyTheLastFragmentIsSyncAndCompletesTheMessage) {
  Packer packer;
  Message message = Text(7, std::string(3000, 'x'));
  message.sync = true;
  ASSERT_TRUE(packer.Push(message).ok());
  Packed packed;
  std::vector<uint8_t> flags;
  std::vector<size_t> completed;
  while (packer.Next(packed)) {
    flags.push_back(packed.flags);
    completed.push_back(packed.completed_ids.size());
  }
  EXPECT_THAT(flags, ElementsAre(DataFrame::kFirst, 0, DataFrame::kLast | DataFrame::kSync));
  EXPECT_THAT(completed, ElementsAre(0, 0, 1));
}

TEST(PackerTest, AHalfSentMessageStartsOverWholeInTheNextView) {
  Packer packer;
  Reassembler reassembler;
  reassembler.OnView(1);
  const std::string text(5000, 'y');
  ASSERT_TRUE(packer.Push(Text(1, text)).ok());
  Packed packed;
  ASSERT_TRUE(packer.Next(packed));
  ASSERT_TRUE(packer.Next(packed));
  EXPECT_THAT(Unpack(reassembler, packed), IsEmpty());
  packer.OnView();
  reassembler.OnView(1);
  std::vector<std::string> got;
  while (packer.Next(packed)) {
    for (std::string& message : Unpack(reassembler, packed)) got.push_back(std::move(message));
  }
  EXPECT_THAT(got, ElementsAre(text));
}

// Writes how many stamps it has written before.
class CountingStamper final : public Stamper {
 public:
  void Stamp(Bytes message, std::span<std::byte> stamp) override {
    sizes_.push_back(message.size());
    std::fill(stamp.begin(), stamp.end(), static_cast<std::byte>('0' + sizes_.size()));
  }
  const std::vector<size_t>& sizes() const { return sizes_; }

 private:
  std::vector<size_t> sizes_;
};

TEST(PackerTest, AStampIsWrittenWhenTheLastChunkLeavesAndIsInItWhole) {
  for (size_t size = 100; size < 3 * kWholeMessageMax; size += size < 1300 ? 400 : 1) {
    CountingStamper stamper;
    Packer packer(Packer::Options{}, &stamper);
    Reassembler reassembler;
    reassembler.OnView(1);
    Message message = Text(1, std::string(size, 'x') + "????");
    message.stamp_bytes = 4;
    ASSERT_TRUE(packer.Push(message).ok());
    ASSERT_TRUE(packer.Push(message).ok());
    std::vector<std::string> texts;
    Packed packed;
    while (packer.Next(packed)) {
      for (std::string& text : Unpack(reassembler, packed)) texts.push_back(std::move(text));
      if (packed.completed_ids.empty()) {
        EXPECT_EQ(stamper.sizes().size(), texts.size());
      }
    }
    EXPECT_THAT(stamper.sizes(), ElementsAre(size, size));
    ASSERT_THAT(texts,
                ElementsAre(std::string(size, 'x') + "1111", std::string(size, 'x') + "2222"));
  }
}

TEST(PackerTest, RefusesWhatIsTooLargeTooMuchOrOfNoMessageClass) {
  Packer::Options options;
  options.queue_bytes_max = 100;
  options.queue_messages_max = 3;
  Packer packer(options);
  EXPECT_EQ(packer.Push(Text(1, std::string(kMessageMax + 1, 'x'))).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(packer.Push(Text(1, "x", DeliveryClass::kCtrl)).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(packer.Push(Text(1, std::string(99, 'x'))).ok());
  EXPECT_EQ(packer.Push(Text(2, "xx")).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(packer.Push(Text(2, "x")).ok());
  EXPECT_TRUE(packer.Push(Text(3, "")).ok());
  EXPECT_EQ(packer.Push(Text(4, "")).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(packer.backlog_chunks(), 1u);
  EXPECT_THAT(packer.Clear(), ElementsAre(1, 2, 3));
  EXPECT_EQ(packer.backlog_chunks(), 0u);
}

TEST(PackerTest, AnEmptyQueueTakesAMessageThatIsLargerThanTheQueue) {
  Packer::Options options;
  options.queue_bytes_max = 100;
  Packer packer(options);
  EXPECT_TRUE(packer.Push(Text(1, std::string(kMessageMax, 'x'))).ok());
  EXPECT_EQ(packer.Push(Text(2, "x")).code(), absl::StatusCode::kResourceExhausted);
  packer.Clear();
  EXPECT_TRUE(packer.Push(Text(3, "x")).ok());
  EXPECT_EQ(packer.Push(Text(4, std::string(100, 'x'))).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(PackerTest, TheEnginesOwnMessagesAreNeverRefusedAndTakeNobodysRoom) {
  Packer::Options options;
  options.queue_bytes_max = 10;
  options.queue_messages_max = 2;
  Packer packer(options);
  const auto push_own = [&](const std::string& text) {
    Message own = Text(9, text);
    own.exempt = true;
    return packer.Push(std::move(own));
  };
  EXPECT_TRUE(push_own(std::string(100, 'o')).ok());
  EXPECT_TRUE(packer.Push(Text(1, std::string(10, 'x'))).ok());
  EXPECT_TRUE(packer.Push(Text(2, "")).ok());
  EXPECT_FALSE(packer.Push(Text(3, "")).ok());
  EXPECT_TRUE(push_own("more").ok());
  EXPECT_EQ(packer.exempt_bytes(), 104u);
  EXPECT_TRUE(packer.IsConsistent());
  Packed packed;
  while (packer.Next(packed)) EXPECT_TRUE(packer.IsConsistent());
  EXPECT_EQ(packer.bytes() + packer.exempt_bytes(), 0u);
  EXPECT_TRUE(packer.Push(Text(3, std::string(10, 'x'))).ok());
}

class ReassemblerTest : public ::testing::Test {
 protected:
  void SetUp() override { reassembler_.OnView(2); }
  void Chunk(uint8_t flags, const std::string& bytes, DeliveryClass cls = DeliveryClass::kConv,
             Rank origin = 0) {
    reassembler_.OnChunk(origin, cls, flags, Buffer::CopyOf(bytes), messages_);
  }
  Reassembler reassembler_;
  std::vector<Buffer> messages_;
};

TEST_F(ReassemblerTest, LengthsThatDoNotAddUpYieldNothing) {
  using namespace std::string_literals;
  Chunk(kWhole, ""s);
  Chunk(kWhole, "\x01"s);
  Chunk(kWhole, "\x02\x00x"s);
  Chunk(kWhole, "\x01\x00x\x05\x00y"s);  // The first would be sound.
  EXPECT_THAT(messages_, IsEmpty());
  EXPECT_EQ(reassembler_.stats().malformed_chunks, 4u);
}

TEST_F(ReassemblerTest, FragmentsWithoutABeginningOrBeyondTheirLengthAreDropped) {
  using namespace std::string_literals;
  Chunk(0, "middle"s);
  Chunk(DataFrame::kLast, "end"s);
  Chunk(DataFrame::kFirst, "\x04\x00"s);
  Chunk(DataFrame::kFirst, "\x04\x00\x00\x00xx"s);
  Chunk(0, "yyy"s);  // Five of four.
  Chunk(DataFrame::kFirst, "\x04\x00\x00\x00xx"s);
  Chunk(DataFrame::kLast, "y"s);  // Ends early.
  Chunk(DataFrame::kFirst, "\x04\x00\x00\x00xx"s);
  Chunk(0, "yy"s);  // Whole, but no end.
  EXPECT_THAT(messages_, IsEmpty());
  EXPECT_EQ(reassembler_.stats().malformed_chunks, 6u);
  EXPECT_EQ(reassembler_.bytes_held(), 0u);
}

TEST_F(ReassemblerTest, AnAnnouncedLengthCostsNoMemoryAndOneTooLargeIsRefused) {
  using namespace std::string_literals;
  Chunk(DataFrame::kFirst, "\x00\x00\x10\x00x"s);  // 1 MiB.
  EXPECT_LE(reassembler_.bytes_held(), 16u << 10);
  Chunk(DataFrame::kFirst, "\x01\x00\x10\x00x"s);
  EXPECT_EQ(reassembler_.stats().messages_too_large, 1u);
  EXPECT_EQ(reassembler_.bytes_held(), 0u);
}

TEST_F(ReassemblerTest, AViewDropsWhatIsIncomplete) {
  using namespace std::string_literals;
  Chunk(DataFrame::kFirst, "\x02\x00\x00\x00"s + "a");
  reassembler_.OnView(2);
  EXPECT_EQ(reassembler_.bytes_held(), 0u);
  Chunk(DataFrame::kLast, "b");  // Of another sender, which has the rank now.
  EXPECT_THAT(messages_, IsEmpty());
}

TEST_F(ReassemblerTest, ClassesAndOriginsAreGatheredApart) {
  using namespace std::string_literals;
  Chunk(DataFrame::kFirst, "\x02\x00\x00\x00"s + "a");
  Chunk(DataFrame::kFirst, "\x02\x00\x00\x00"s + "b", DeliveryClass::kAgreed);
  Chunk(DataFrame::kFirst, "\x02\x00\x00\x00"s + "c", DeliveryClass::kConv, 1);
  Chunk(DataFrame::kFirst | DataFrame::kBarrier, "\x02\x00\x00\x00"s + "d");
  Chunk(DataFrame::kLast | DataFrame::kBarrier, "D");
  Chunk(DataFrame::kLast, "C", DeliveryClass::kConv, 1);
  Chunk(DataFrame::kLast, "B", DeliveryClass::kAgreed);
  Chunk(DataFrame::kLast, "A");
  std::vector<std::string> texts;
  for (const Buffer& message : messages_) texts.emplace_back(message.text());
  EXPECT_THAT(texts, ElementsAre("dD", "cC", "bB", "aA"));
}

TEST_F(ReassemblerTest, RandomChunksNeverBreakIt) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    for (int i = 0; i < 200; ++i) {
      std::string bytes(random.Below(40), '\0');
      for (char& byte : bytes) byte = static_cast<char>(random.Chance(0.5) ? 0 : random.Below(256));
      Chunk(static_cast<uint8_t>(random.Below(128)), bytes,
            static_cast<DeliveryClass>(random.Below(6)), static_cast<Rank>(random.Below(4)));
      ASSERT_TRUE(reassembler_.IsConsistent());
    }
    messages_.clear();
  }
}

}  // namespace
}  // namespace cohort::frag
