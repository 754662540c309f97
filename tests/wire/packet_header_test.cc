#include "wire/packet_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "support/golden_file.h"

namespace cohort::wire {
namespace {

using ::cohort::testing::Golden;
using ::testing::ElementsAreArray;

PacketHeader MemberHeader() {
  return {.type = PacketType::kUnicast,
          .flags = 0,
          .key_slot = 0x21,
          .group_tag = 0x01020304,
          .view_tag = 0x11121314,
          .rank = 0x3132,
          .join_no = 0x4142,
          .packet_number = 0x5152535455565758,
          .length = 0,
          .instance = {}};
}

PacketHeader StrangerHeader() {
  return {.type = PacketType::kStranger,
          .flags = PacketHeader::kPlaintext | PacketHeader::kAddressed,
          .key_slot = 0x21,
          .group_tag = 0x01020304,
          .view_tag = 0,
          .rank = 0,
          .join_no = 0x41424344,
          .packet_number = 0x5152535455565758,
          .length = 0,
          .instance = {.hi = 0x6162636465666768, .lo = 0x7172737475767778}};
}

// Header and `length` bytes of body.
std::vector<std::byte> DatagramOf(const PacketHeader& header) {
  std::vector<std::byte> bytes(header.Size() + header.length);
  EXPECT_TRUE(SerializePacketHeader(header, bytes));
  return bytes;
}

TEST(PacketHeader, WritesAndReadsItsGoldenFiles) {
  const struct {
    std::string name;
    PacketHeader header;
  } kCases[] = {{"wire/header_member.hex", MemberHeader()},
                {"wire/header_stranger.hex", StrangerHeader()}};
  for (const auto& [name, header] : kCases) {
    const std::vector<std::byte> bytes = DatagramOf(header);
    const std::vector<std::byte> golden = Golden(name, ToString(header), bytes);
    EXPECT_THAT(bytes, ElementsAreArray(golden)) << name;
    const ParsedHeader parsed = ParsePacketHeader(golden);
    EXPECT_EQ(parsed.verdict, HeaderVerdict::kOk) << name;
    EXPECT_EQ(parsed.header, header) << name;
  }
}

TEST(PacketHeader, RefusesEveryDatagramTooShortForItsHeader) {
  for (const PacketHeader& header : {MemberHeader(), StrangerHeader()}) {
    const std::vector<std::byte> bytes = DatagramOf(header);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(ParsePacketHeader(Bytes(bytes).first(size)).verdict, HeaderVerdict::kMalformed)
          << size;
    }
  }
}

TEST(PacketHeader, RefusesALengthThatIsNotWhatFollows) {
  PacketHeader header = MemberHeader();
  header.length = 5;
  std::vector<std::byte> bytes = DatagramOf(header);
  EXPECT_EQ(ParsePacketHeader(bytes).verdict, HeaderVerdict::kOk);
  EXPECT_EQ(ParsePacketHeader(Bytes(bytes).first(bytes.size() - 1)).verdict,
            HeaderVerdict::kMalformed);
  bytes.push_back(std::byte{0});
  EXPECT_EQ(ParsePacketHeader(bytes).verdict, HeaderVerdict::kMalformed);
}

TEST(PacketHeader, RefusesADatagramLongerThanAnyWeSend) {
  PacketHeader header = MemberHeader();
  header.length = static_cast<uint16_t>(kJumboDatagramMax - kPacketHeaderBytes);
  EXPECT_EQ(ParsePacketHeader(DatagramOf(header)).verdict, HeaderVerdict::kOk);
  ++header.length;
  EXPECT_EQ(ParsePacketHeader(DatagramOf(header)).verdict, HeaderVerdict::kMalformed);
}

TEST(PacketHeader, AStrangersDatagramIsSmall) {
  PacketHeader header = StrangerHeader();
  header.length = static_cast<uint16_t>(kDatagramMax - kStrangerHeaderBytes);
  EXPECT_EQ(ParsePacketHeader(DatagramOf(header)).verdict, HeaderVerdict::kOk);
  ++header.length;
  EXPECT_EQ(ParsePacketHeader(DatagramOf(header)).verdict, HeaderVerdict::kMalformed);
}

TEST(PacketHeader, TellsAnotherVersionFromGarbage) {
  std::vector<std::byte> bytes = DatagramOf(MemberHeader());
  bytes[1] = std::byte{0x21};
  EXPECT_EQ(ParsePacketHeader(bytes).verdict, HeaderVerdict::kWrongVersion);
  bytes[0] = std::byte{0x00};
  EXPECT_EQ(ParsePacketHeader(bytes).verdict, HeaderVerdict::kMalformed);
}

TEST(PacketHeader, RefusesWhatThisVersionDoesNotDefine) {
  const auto with = [](const PacketHeader& header, size_t offset, int value) {
    std::vector<std::byte> bytes = DatagramOf(header);
    bytes[offset] = static_cast<std::byte>(value);
    return ParsePacketHeader(bytes).verdict;
  };
  EXPECT_EQ(with(MemberHeader(), 1, 0x13), HeaderVerdict::kMalformed) << "packet type";
  EXPECT_EQ(with(MemberHeader(), 2, 0x04), HeaderVerdict::kMalformed) << "flag";
  EXPECT_EQ(with(MemberHeader(), 2, PacketHeader::kAddressed), HeaderVerdict::kMalformed)
      << "members address by type";
  EXPECT_EQ(with(MemberHeader(), 26, 1), HeaderVerdict::kMalformed) << "reserved";
  EXPECT_EQ(with(MemberHeader(), 27, 1), HeaderVerdict::kMalformed) << "reserved";
  EXPECT_EQ(with(StrangerHeader(), 8, 1), HeaderVerdict::kMalformed) << "a stranger has no view";
}

TEST(PacketHeader, RefusesPacketNumberZeroInBothDirections) {
  PacketHeader header = MemberHeader();
  header.packet_number = 0;
  std::vector<std::byte> bytes(header.Size());
  EXPECT_FALSE(SerializePacketHeader(header, bytes));
  bytes = DatagramOf(MemberHeader());
  std::fill(bytes.begin() + 16, bytes.begin() + 24, std::byte{0});
  EXPECT_EQ(ParsePacketHeader(bytes).verdict, HeaderVerdict::kMalformed);
}

TEST(PacketHeader, DoesNotCutANumberThatDoesNotFit) {
  PacketHeader header = MemberHeader();
  header.join_no = 0x10000;
  std::vector<std::byte> bytes(header.Size());
  EXPECT_FALSE(SerializePacketHeader(header, bytes));
  header = MemberHeader();
  EXPECT_FALSE(SerializePacketHeader(header, MutableBytes(bytes).first(kPacketHeaderBytes - 1)));
}

TEST(PacketHeader, SaysItselfInWords) {
  EXPECT_EQ(ToString(StrangerHeader()),
            "stranger #5859837686836516696 from 61626364656667687172737475767778/1094861636, group "
            "tag 01020304, "
            "key slot 33, 0 bytes, plaintext, addressed");
}

}  // namespace
}  // namespace cohort::wire
