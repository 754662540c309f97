#include "wire/frame_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/golden_file.h"
#include "wire/golden_frames.h"

namespace cohort::wire {
namespace {

using ::cohort::testing::Golden;
using ::cohort::wire::testing::EncodeAll;
using ::cohort::wire::testing::EncodeOne;
using ::cohort::wire::testing::GoldenFrames;
using ::cohort::wire::testing::NamedFrame;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

std::vector<std::byte> Copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

ParseVerdict Parse(const std::vector<std::byte>& bytes) {
  std::vector<Frame> frames;
  const ParseResult result = ParseFrames(Buffer::CopyOf(Bytes(bytes)), frames);
  EXPECT_TRUE(result.ok() || frames.empty()) << "a refused packet yields no frames";
  return result.verdict;
}

// The encoded frame with one byte replaced.
std::vector<std::byte> With(const Frame& frame, size_t offset, int value) {
  std::vector<std::byte> bytes = Copy(EncodeOne(frame));
  bytes.at(offset) = static_cast<std::byte>(value);
  return bytes;
}

TEST(FrameCodec, WritesEveryFrameAsItsGoldenFileSays) {
  for (const NamedFrame& named : GoldenFrames()) {
    const Buffer bytes = EncodeOne(named.frame);
    EXPECT_EQ(bytes.size(), EncodedSize(named.frame));
    EXPECT_THAT(Copy(bytes), ElementsAreArray(Golden("wire/" + named.name + ".hex",
                                                     ToString(named.frame), bytes)))
        << named.name;
  }
}

TEST(FrameCodec, ReadsEveryGoldenFileAsTheFrameItWasWrittenFrom) {
  for (const NamedFrame& named : GoldenFrames()) {
    const Buffer bytes = Buffer::CopyOf(Bytes(
        Golden("wire/" + named.name + ".hex", ToString(named.frame), EncodeOne(named.frame))));
    std::vector<Frame> frames;
    ASSERT_TRUE(ParseFrames(bytes, frames).ok()) << named.name;
    ASSERT_EQ(frames.size(), 1u) << named.name;
    EXPECT_EQ(frames[0].index(), named.frame.index()) << named.name;
    EXPECT_EQ(ToString(frames[0]), ToString(named.frame));
    EXPECT_EQ(EncodeOne(frames[0]).text(), bytes.text()) << named.name;
  }
}

TEST(FrameCodec, ReadsSeveralFramesOfOnePacketInTheirOrder) {
  std::vector<Frame> sent;
  for (const NamedFrame& named : GoldenFrames()) sent.push_back(named.frame);
  std::vector<Frame> frames;
  ASSERT_TRUE(ParseFrames(EncodeAll(sent), frames).ok());
  ASSERT_EQ(frames.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(ToString(frames[i]), ToString(sent[i]));
}

TEST(FrameCodec, AnEmptyPacketHasNoFrames) { EXPECT_EQ(Parse({}), ParseVerdict::kOk); }

TEST(FrameCodec, PayloadsAreSlicesOfThePacket) {
  const Buffer packet = EncodeOne(DataFrame{.seq = 1, .payload = Buffer::CopyOf("payload")});
  std::vector<Frame> frames;
  ASSERT_TRUE(ParseFrames(packet, frames).ok());
  EXPECT_EQ(std::get<DataFrame>(frames[0]).payload.data(), packet.data() + kDataHeaderBytes);
}

TEST(FrameCodec, EveryFrameCutShortIsRefused) {
  for (const NamedFrame& named : GoldenFrames()) {
    const std::vector<std::byte> whole = Copy(EncodeOne(named.frame));
    for (size_t size = 1; size < whole.size(); ++size) {
      EXPECT_EQ(Parse({whole.begin(), whole.begin() + static_cast<long>(size)}),
                ParseVerdict::kTruncated)
          << named.name << " cut to " << size;
    }
  }
}

TEST(FrameCodec, ALengthThatRunsPastThePacketByOneIsRefused) {
  for (const NamedFrame& named : GoldenFrames()) {
    const int length = static_cast<int>(EncodedSize(named.frame) - kFrameHeaderBytes);
    EXPECT_EQ(Parse(With(named.frame, 2, length + 1)), ParseVerdict::kTruncated) << named.name;
  }
}

TEST(FrameCodec, AFixedBodyOfAnotherLengthIsRefused) {
  for (const NamedFrame& named : GoldenFrames()) {
    if (named.name.starts_with("data") || named.name == "control") continue;
    std::vector<std::byte> longer = Copy(EncodeOne(named.frame));
    longer.push_back(std::byte{0});
    longer[2] = static_cast<std::byte>(longer.size() - kFrameHeaderBytes);
    EXPECT_EQ(Parse(longer), ParseVerdict::kBadFrame) << named.name;
    std::vector<std::byte> shorter = Copy(EncodeOne(named.frame));
    shorter.pop_back();
    shorter[2] = static_cast<std::byte>(shorter.size() - kFrameHeaderBytes);
    EXPECT_EQ(Parse(shorter), ParseVerdict::kBadFrame) << named.name;
  }
}

TEST(FrameCodec, UnknownFlagsAndReservedBytesAreRefused) {
  for (const NamedFrame& named : GoldenFrames()) {
    EXPECT_EQ(Parse(With(named.frame, 1, 0x80)), ParseVerdict::kBadFrame) << named.name;
  }
  const DataFrame data{.seq = 1};
  for (const size_t offset : {13, 14, 15})
    EXPECT_EQ(Parse(With(data, offset, 1)), ParseVerdict::kBadFrame);
  for (const size_t offset : {5, 6, 7})
    EXPECT_EQ(Parse(With(ControlFrame{}, offset, 1)), ParseVerdict::kBadFrame);
  for (const size_t offset : {10, 11})
    EXPECT_EQ(Parse(With(PongFrame{}, offset, 1)), ParseVerdict::kBadFrame);
  for (const size_t offset : {10, 11})
    EXPECT_EQ(Parse(With(PingRequestFrame{}, offset, 1)), ParseVerdict::kBadFrame);
}

TEST(FrameCodec, EnumsAndSmallNumbersOutOfRangeAreRefused) {
  EXPECT_EQ(Parse(With(DataFrame{.seq = 1}, 12, 4)), ParseVerdict::kBadFrame) << "class";
  EXPECT_EQ(Parse(With(StatusFrame{}, 22, 9)), ParseVerdict::kBadFrame) << "local health";
  EXPECT_EQ(Parse(With(StatusFrame{}, 22, 0x30)), ParseVerdict::kBadFrame) << "member state";
  EXPECT_EQ(Parse(With(SuspectFrame{}, 6, 9)), ParseVerdict::kBadFrame) << "evidence";
  EXPECT_EQ(Parse(With(SuspectFrame{}, 7, 3)), ParseVerdict::kBadFrame) << "level";
  EXPECT_EQ(Parse(With(ControlFrame{}, 4, 3)), ParseVerdict::kBadFrame) << "control kind";
}

TEST(FrameCodec, CountsThatDisagreeWithTheLengthAreRefused) {
  EXPECT_EQ(Parse(With(StatusFrame{.received = {{1, 1}}}, 23, 2)), ParseVerdict::kBadFrame);
  EXPECT_EQ(Parse(With(StatusFrame{.received = {{1, 1}}}, 23, 0)), ParseVerdict::kBadFrame);
  EXPECT_EQ(Parse(With(NakFrame{.ranges = {{1, 1}}}, 6, 2)), ParseVerdict::kBadFrame);
  EXPECT_EQ(Parse(With(NakFrame{.ranges = {{1, 1}}}, 6, 0)), ParseVerdict::kBadFrame);
}

TEST(FrameCodec, AnEmptyNakRangeOrOneBeyondTheLastNumberIsRefused) {
  EXPECT_EQ(Parse(With(NakFrame{.ranges = {{1, 1}}}, 14, 0)), ParseVerdict::kBadFrame);
  EXPECT_EQ(Parse(With(NakFrame{.ranges = {{kSeqNoMax, 1}}}, 14, 2)), ParseVerdict::kBadFrame);
  EXPECT_EQ(Parse(With(NakFrame{.ranges = {{kSeqNoMax, 1}}}, 14, 1)), ParseVerdict::kOk);
}

TEST(FrameCodec, AnUnknownTypeDropsThePacketUnlessItMayBeSkipped) {
  std::vector<Frame> sent = {PingFrame{.nonce = 1}, PingFrame{.nonce = 2}, PingFrame{.nonce = 3}};
  std::vector<std::byte> bytes = Copy(EncodeAll(sent));
  const size_t second = EncodedSize(sent[0]);
  for (const int type : {0, 1, 9, 11, 19, 21, 127}) {
    bytes[second] = static_cast<std::byte>(type);
    EXPECT_EQ(Parse(bytes), ParseVerdict::kUnknownFrame) << type;
  }
  bytes[second] = std::byte{0x80 | 10};
  std::vector<Frame> frames;
  const ParseResult result = ParseFrames(Buffer::CopyOf(Bytes(bytes)), frames);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.skipped, 1);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(std::get<PingFrame>(frames[1]).nonce, 3u);
}

TEST(FrameCodec, APacketLongerThanTheLimitIsRefused) {
  std::vector<std::byte> bytes(kJumboFramesMax);
  for (size_t i = 0; i < bytes.size(); i += kFrameHeaderBytes) bytes[i] = std::byte{0x80};
  EXPECT_EQ(Parse(bytes), ParseVerdict::kOk);
  bytes.resize(kJumboFramesMax + kFrameHeaderBytes);
  bytes[kJumboFramesMax] = std::byte{0x80};
  EXPECT_EQ(Parse(bytes), ParseVerdict::kTooLong);
}

TEST(FrameCodec, AFrameThatBreaksALimitIsNotEncoded) {
  const std::vector<Frame> bad = {
      DataFrame{.seq = kSeqNoMax + 1},
      DataFrame{.seq = 1, .cls = static_cast<DeliveryClass>(4)},
      DataFrame{.seq = 1, .flags = 0x80},
      DataFrame{.seq = 1, .payload = Buffer::Allocate(kJumboPayloadMax + 1)},
      PieceFrame{.seq = 1, .total = kPieceBytes, .payload = Buffer::Allocate(kPieceBytes)},
      PieceFrame{.seq = 1, .total = 2000, .index = 1, .payload = Buffer::Allocate(607)},
      PieceFrame{.seq = 1, .total = 2000, .index = 2, .payload = Buffer::Allocate(1)},
      PieceFrame{.seq = 1, .total = kJumboPayloadMax + 1, .payload = Buffer::Allocate(kPieceBytes)},
      SizeProbeFrame{.nonce = 1, .bytes = 55},
      SizeProbeFrame{.nonce = 1, .bytes = kJumboDatagramMax6 + 1},
      SizeAnswerFrame{.nonce = 1, .bytes = 0},
      StatusFrame{.local_health = 9},
      StatusFrame{.member_state = 3},
      StatusFrame{.received = {{.rank = 0, .seq = kSeqNoMax + 1}}},
      StatusFrame{.received = absl::InlinedVector<VectorEntry, 8>(kStatusVectorMax + 1)},
      NakFrame{},
      NakFrame{.ranges = {{.start = 1, .length = 0}}},
      NakFrame{.ranges = {{.start = kSeqNoMax, .length = 2}}},
      NakFrame{.ranges = absl::InlinedVector<NakRange, 4>(kNakRangesMax + 1, NakRange{1, 1})},
      HeartbeatFrame{.high = kSeqNoMax + 1},
      HeartbeatFrame{.hears = absl::InlinedVector<uint64_t, 1>(kHearWordsMax + 1)},
      HeartbeatFrame{.hears = {1, 2}, .lost = {1}},
      SuspectFrame{.evidence = static_cast<Evidence>(9)},
      SuspectFrame{.level = 3},
      ControlFrame{.kind = static_cast<ControlKind>(3)},
      ControlFrame{.body = Buffer::Allocate(kControlBodyMax + 1)},
  };
  for (const Frame& frame : bad) {
    std::array<std::byte, 2 * kJumboDatagramMax> memory;
    ByteWriter writer(memory);
    EXPECT_EQ(EncodedSize(frame), 0u) << ToString(frame);
    EXPECT_FALSE(Encode(frame, writer)) << ToString(frame);
    EXPECT_EQ(writer.size(), 0u);
    EXPECT_TRUE(writer.ok()) << "the packet may go on without it";
  }
}

TEST(FrameCodec, TheLargestFramesFitTheirPacketsExactly) {
  Buffer payload = Buffer::Allocate(kChunkPayloadMax);
  std::memset(payload.Fill().data(), 0x5A, payload.size());
  EXPECT_EQ(EncodedSize(DataFrame{.seq = kSeqNoMax, .payload = payload}), kPacketFramesMax);
  EXPECT_EQ(EncodedSize(ControlFrame{.body = payload.Slice(0, kControlBodyMax)}),
            kStrangerFramesMax);
  const Buffer jumbo = Buffer::CopyOf(std::string(kJumboPayloadMax, 'x'));
  EXPECT_EQ(EncodedSize(DataFrame{.seq = 1, .payload = jumbo}), kJumboFramesMax);
  EXPECT_EQ(EncodedSize(SizeProbeFrame{.bytes = kJumboDatagramMax6}), kJumboFramesMax);
  EXPECT_EQ(EncodedSize(SizeProbeFrame{.bytes = kDatagramMax6}), kPacketFramesMax);
  EXPECT_EQ(EncodedSize(PieceFrame{.total = 2000, .payload = payload}), kPacketFramesMax);
  const std::vector<Frame> largest = {
      DataFrame{.seq = kSeqNoMax, .payload = jumbo},
      SizeProbeFrame{.bytes = kJumboDatagramMax6},
      PieceFrame{.total = 2000, .payload = payload},
      DataFrame{.seq = kSeqNoMax, .payload = payload},
      StatusFrame{.received = absl::InlinedVector<VectorEntry, 8>(kStatusVectorMax)},
      NakFrame{.ranges = absl::InlinedVector<NakRange, 4>(kNakRangesMax, NakRange{1, 0xFFFF})},
      HeartbeatFrame{.hears = absl::InlinedVector<uint64_t, 1>(kHearWordsMax, ~uint64_t{0})},
      HeartbeatFrame{.hears = absl::InlinedVector<uint64_t, 1>(kHearWordsMax, ~uint64_t{0}),
                     .lost = std::vector<uint64_t>(kHearWordsMax, ~uint64_t{0})},
  };
  for (const Frame& frame : largest) {
    std::vector<Frame> frames;
    ASSERT_TRUE(ParseFrames(EncodeOne(frame), frames).ok()) << ToString(frame);
    EXPECT_EQ(EncodeOne(frames[0]).text(), EncodeOne(frame).text());
  }
}

TEST(FrameCodec, AFrameThatDoesNotFitTheWriterLeavesItUntouched) {
  std::array<std::byte, 20> memory;
  ByteWriter writer(memory);
  EXPECT_TRUE(Encode(PingFrame{}, writer));
  EXPECT_FALSE(Encode(PingFrame{}, writer));
  EXPECT_EQ(writer.size(), 12u);
  EXPECT_TRUE(writer.ok());
}

TEST(FrameCodec, SaysAFrameInWords) {
  EXPECT_EQ(ToString(DataFrame{
                .seq = 12, .origin = 3, .cls = DeliveryClass::kAgreed, .flags = DataFrame::kFirst}),
            "DATA 3:12 agreed, 0 bytes first");
  EXPECT_EQ(ToString(NakFrame{.origin = 1, .ranges = {{5, 1}, {8, 3}}}), "NAK of 1 lacks 5 8..10");
  EXPECT_THAT(ToString(SuspectFrame{.subject = 4, .evidence = Evidence::kSilent, .silent_ms = 600}),
              HasSubstr("SUSPECT 4/0 suspected: silent, silent 600 ms"));
}

}  // namespace
}  // namespace cohort::wire
