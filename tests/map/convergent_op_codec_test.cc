#include "map/convergent_op_codec.h"

#include <gmock/gmock.h>
#include <google/protobuf/wire_format_lite.h>
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "cohort/v1/convergent.pb.h"
#include "map/convergent_stamp.h"
#include "map/map_builders.h"

namespace cohort::map {
namespace {

using namespace std::string_view_literals;

ConvergentOp FullOp() {
  ConvergentOp op;
  op.map = "m";
  ConvergentItem put;
  put.key = "k";
  put.sets_ttl = true;
  put.ttl_ms = 5;
  put.accessed_at = 1000;
  put.writes.push_back({"", "v", false});
  op.items.push_back(put);
  ConvergentItem write;
  write.key = "s";
  write.kind = ConvergentItem::Kind::kWrite;
  write.writes.push_back({"name", std::string_view("v\0w", 3), false});
  write.writes.push_back({"erased", "", true});
  op.items.push_back(write);
  return op;
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

TEST(ConvergentOpCodec, GivesBackEveryField) {
  ConvergentOpDecoder decoder;
  const Buffer bytes = EncodeConvergentOp(FullOp());
  const auto decoded = decoder.Decode(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(EncodeConvergentOp(**decoded).text(), bytes.text());
  EXPECT_EQ((*decoded)->items[1].writes[0].value.size(), 3u);
  EXPECT_EQ((*decoded)->items[1].kind, ConvergentItem::Kind::kWrite);
}

// The bytes are what members of other releases send: a change needs a decision.
TEST(ConvergentOpCodec, BytesStayAsTheyAre) {
  EXPECT_EQ(Hex(EncodeConvergentOp(FullOp()).text()),
            "0a016d"
            "1a0f0a016b1801200528e807"
            "3203120176"
            "1a1e0a01731002"
            "320b0a046e616d651203760077"
            "320a0a066572617365641801");
}

TEST(ConvergentOpCodec, BytesAreThoseThatProtobufWrites) {
  ConvergentOp op = FullOp();
  op.clears = true;
  ConvergentItem touch;
  touch.key = std::string_view("");
  touch.kind = ConvergentItem::Kind::kTouch;
  touch.accessed_at = kGroupTimeMaxMs;
  touch.ttl_ms = uint64_t{1} << 40;
  touch.by_owner = touch.if_present = true;
  op.items.push_back(touch);
  const std::string large(300, 'v');
  op.items[1].writes.push_back({"large", large, false});
  const std::string bytes(EncodeConvergentOp(op).text());
  v1::ConvergentOperation message;
  ASSERT_TRUE(message.ParseFromString(bytes));
  EXPECT_EQ(message.SerializeAsString(), bytes);
  ASSERT_EQ(message.items_size(), 3);
  EXPECT_TRUE(message.clears());
  EXPECT_EQ(message.items(1).writes(2).value(), large);
  EXPECT_EQ(message.items(2).accessed_at(), kGroupTimeMaxMs);
  EXPECT_EQ(message.items(2).ttl_ms(), uint64_t{1} << 40);
  EXPECT_TRUE(message.items(2).by_owner());
  EXPECT_TRUE(message.items(2).if_present());
}

// What protobuf reads in the same bytes.
void ExpectSame(const ConvergentOp& op, const v1::ConvergentOperation& message) {
  EXPECT_EQ(op.map, message.map());
  EXPECT_EQ(op.clears, message.clears());
  ASSERT_EQ(op.items.size(), static_cast<size_t>(message.items_size()));
  for (int i = 0; i < message.items_size(); ++i) {
    const ConvergentItem& one = op.items[static_cast<size_t>(i)];
    const v1::ConvergentItem& other = message.items(i);
    EXPECT_EQ(one.key, other.key());
    EXPECT_EQ(static_cast<uint32_t>(one.kind), other.kind());
    EXPECT_EQ(one.sets_ttl, other.sets_ttl());
    EXPECT_EQ(one.ttl_ms, other.ttl_ms());
    EXPECT_EQ(one.accessed_at, other.accessed_at());
    EXPECT_EQ(one.by_owner, other.by_owner());
    EXPECT_EQ(one.if_present, other.if_present());
    ASSERT_EQ(one.writes.size(), static_cast<size_t>(other.writes_size()));
    for (int w = 0; w < other.writes_size(); ++w) {
      const ConvergentItem::Write& write = one.writes[static_cast<size_t>(w)];
      EXPECT_EQ(write.name, other.writes(w).name());
      EXPECT_EQ(write.value, other.writes(w).value());
      EXPECT_EQ(write.absent, other.writes(w).absent());
    }
  }
}

// What protobuf read in the bytes, judged by our limits.
bool IsWithinLimits(const v1::ConvergentOperation& message) {
  ConvergentOp op;
  op.map = message.map();
  for (const v1::ConvergentItem& from : message.items()) {
    ConvergentItem& item = op.items.emplace_back();
    if (from.kind() > static_cast<uint32_t>(ConvergentItem::Kind::kTouch)) return false;
    item.key = from.key();
    item.kind = static_cast<ConvergentItem::Kind>(from.kind());
    item.ttl_ms = from.ttl_ms();
    item.accessed_at = from.accessed_at();
    for (const v1::ConvergentWrite& write : from.writes())
      item.writes.push_back({write.name(), write.value(), write.absent()});
  }
  return ValidateConvergentOp(op).ok();
}

constexpr auto kText = google::protobuf::internal::WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
constexpr std::array kMessagesIn = {int{v1::ConvergentOperation::kItemsFieldNumber},
                                    int{v1::ConvergentItem::kWritesFieldNumber}};

// In bytes that protobuf takes: in an operation, its items, or their writes.
bool HasGroup(std::string_view bytes, std::span<const int> messages_in = kMessagesIn) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_START_GROUP) return true;
    const auto begin = static_cast<size_t>(in.CurrentPosition());
    if (!WireFormatLite::SkipField(&in, tag)) return false;
    if (messages_in.empty() || tag != WireFormatLite::MakeTag(messages_in.front(), kText)) continue;
    std::string_view field = bytes.substr(begin, static_cast<size_t>(in.CurrentPosition()) - begin);
    while ((field.front() & 0x80) != 0) field.remove_prefix(1);  // Of the length.
    if (HasGroup(field.substr(1), messages_in.subspan(1))) return true;
  }
  return false;
}

// Unknown fields, fields of another type, and fields given twice included.
TEST(ConvergentOpCodec, ReadsWhateverProtobufReadsAsProtobufDoes) {
  size_t both = 0;
  ConvergentOpDecoder decoder;  // Of all of them.
  const std::string op(EncodeConvergentOp(FullOp()).text());
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    Random random(seed);
    const std::string bytes = Mutated(op, random);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + Hex(bytes));
    const auto decoded = decoder.Decode(AsBytes(bytes));
    v1::ConvergentOperation message;
    if (!message.ParseFromString(bytes)) {
      ASSERT_FALSE(decoded.ok());
      continue;
    }
    ASSERT_EQ(decoded.ok(), IsWithinLimits(message) && !HasGroup(bytes)) << decoded.status();
    if (!decoded.ok()) continue;
    both += bytes == op ? 0 : 1;
    ExpectSame(**decoded, message);
    if (HasFailure()) return;
  }
  EXPECT_GT(both, 1000u);  // Of what was changed.
}

// Lengths of one, two and three bytes.
TEST(ConvergentOpCodec, ReadsLengthsAsProtobufDoes) {
  ConvergentOpDecoder decoder;
  for (const size_t size : {127, 128, 300, 16'383, 16'384, 70'000}) {
    v1::ConvergentOperation message;
    message.set_map("m");
    v1::ConvergentItem* const item = message.add_items();
    item->set_key(std::string(std::min<size_t>(size, 4000), 'k'));
    item->set_kind(2);
    v1::ConvergentWrite* const write = item->add_writes();
    write->set_name(std::string(std::min<size_t>(size, 200), 'n'));
    write->set_value(std::string(size, 'v'));
    const std::string bytes = message.SerializeAsString();
    const auto decoded = decoder.Decode(AsBytes(bytes));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    ExpectSame(**decoded, message);
  }
}

// Of numbers whose lowest byte is 0, or that are too large, and of a number with bits beyond
// its 64.
TEST(ConvergentOpCodec, ReadsNumbersAsProtobufDoes) {
  const std::string_view op(
      "\x0a\x01m\x10\x80\x02"
      "\x1a\x38\x0a\x01k\x10\x82\x80\x80\x80\x10\x18\x80\x02\x20\x80\x80\x80\x80\x20"
      "\x28\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7e\x28\x80\x80\x80\x80\x80\x20"
      "\x32\x08\x0a\x01n\x12\x00\x18\x80\x02\x38\x80\x80\x80\x80\x80\x01\x40\x80\x02"sv);
  v1::ConvergentOperation message;
  ASSERT_TRUE(message.ParseFromArray(op.data(), static_cast<int>(op.size())));
  ConvergentOpDecoder decoder;
  const auto decoded = decoder.Decode(AsBytes(op));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ExpectSame(**decoded, message);
  const ConvergentItem& item = (*decoded)->items.at(0);
  EXPECT_EQ(item.kind, ConvergentItem::Kind::kWrite);
  EXPECT_TRUE((*decoded)->clears && item.sets_ttl && item.writes.at(0).absent && item.by_owner &&
              item.if_present);
}

// And which bytes are refused that protobuf takes: groups.
TEST(ConvergentOpCodec, SkipsUnknownFieldsButGroups) {
  ConvergentOpDecoder decoder;
  const std::string op(EncodeConvergentOp(FullOp()).text());
  const auto taken = [&](std::string_view more) {
    return decoder.Decode(AsBytes(op + std::string(more))).ok();
  };
  EXPECT_TRUE(taken("\x78\x05"sv));                         // Field 15, a number,
  EXPECT_TRUE(taken("\x79qwertyui"sv));                     // eight bytes,
  EXPECT_TRUE(taken("\x7a\x02xx"sv));                       // a text,
  EXPECT_TRUE(taken("\x7dqwer"sv));                         // four bytes,
  EXPECT_TRUE(taken("\x12\x02xx"sv));                       // `clears` as a text,
  EXPECT_TRUE(taken("\xf8\x80\x80\x80\x10\x05"sv));         // a tag with bits beyond its 32.
  EXPECT_FALSE(taken("\x7b\x7c"sv));                        // A group,
  EXPECT_FALSE(taken("\xf8\x80\x80\x80\x80\x00\x05"sv));    // a tag in six bytes,
  EXPECT_FALSE(taken("\x7a\x82\x80\x80\x80\x80\x00xx"sv));  // a length in six.
  EXPECT_FALSE(taken("\x7a\x03xx"sv));                      // More than there is,
  EXPECT_FALSE(taken("\x79qwertyu"sv));
  EXPECT_FALSE(taken("\x7dqwe"sv));
  EXPECT_FALSE(taken("\x7f"sv));                                              // no wire type,
  EXPECT_FALSE(taken("\x00\x05"sv));                                          // no field,
  EXPECT_FALSE(taken("\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv));  // no number.
}

TEST(ConvergentOpCodec, TheRoomAroundTheBytesIsZero) {
  const Buffer bytes = EncodeConvergentOp(FullOp());
  const Buffer roomy = EncodeConvergentOp(FullOp(), 2, 3);
  EXPECT_EQ(roomy.text(), std::string(2, '\0') + std::string(bytes.text()) + std::string(3, '\0'));
}

TEST(ConvergentOpCodec, NothingOfOneOperationLeaksIntoTheNext) {
  ConvergentOpDecoder decoder;
  ASSERT_TRUE(decoder.Decode(EncodeConvergentOp(FullOp())).ok());
  ConvergentOp op;
  op.map = "n";
  op.items.emplace_back().key = "l";
  const auto next = decoder.Decode(EncodeConvergentOp(op));
  ASSERT_TRUE(next.ok());
  ASSERT_EQ((*next)->items.size(), 1u);
  const ConvergentItem& item = (*next)->items[0];
  EXPECT_EQ(item.kind, ConvergentItem::Kind::kReplace);
  EXPECT_FALSE(item.sets_ttl);
  EXPECT_TRUE(item.writes.empty());
}

TEST(ConvergentOpCodec, RefusesWhatIsBeyondALimit) {
  ConvergentOpDecoder decoder;
  const auto refused = [&decoder](auto change) {
    v1::ConvergentOperation op;
    op.set_map("m");
    op.add_items()->set_key("k");
    change(op);
    return !decoder.Decode(AsBytes(op.SerializeAsString())).ok();
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& op) { op.clear_map(); }));
  EXPECT_TRUE(refused([](auto& op) { op.mutable_items(0)->clear_key(); }));
  EXPECT_TRUE(refused([](auto& op) { op.mutable_items(0)->set_key(std::string(4097, 'k')); }));
  EXPECT_TRUE(refused([](auto& op) { op.mutable_items(0)->set_ttl_ms(~uint64_t{0}); }));
  EXPECT_TRUE(refused([](auto& op) { op.mutable_items(0)->set_accessed_at(-1); }));
  EXPECT_TRUE(refused([](auto& op) { op.mutable_items(0)->set_kind(4); }));
  EXPECT_TRUE(refused([](auto& op) {
    op.mutable_items(0)->set_kind(1);
    op.mutable_items(0)->add_writes();
  }));
  EXPECT_TRUE(refused([](auto& op) {
    for (size_t i = 0; i < kOpLivesMax; ++i) {
      op.add_items()->set_key("k" + std::to_string(i));
      op.mutable_items(static_cast<int>(i))->set_kind(3);
    }
    op.mutable_items(static_cast<int>(kOpLivesMax))->set_kind(2);
  }));
  EXPECT_TRUE(refused(
      [](auto& op) { op.mutable_items(0)->add_writes()->set_name(std::string(4097, 'n')); }));
  EXPECT_TRUE(refused([](auto& op) {
    op.mutable_items(0)->add_writes()->set_value(std::string(kRegistersBytesMax, 'v'));
  }));
  EXPECT_TRUE(refused([](auto& op) {
    for (size_t i = 0; i < kBatchItemsMax; ++i) op.add_items()->set_key("k");
  }));
  EXPECT_TRUE(refused([](auto& op) {
    for (size_t i = 0; i <= kOpAttributesMax; ++i) op.mutable_items(0)->add_writes();
  }));
}

std::string WithStamp(const Buffer& op, uint64_t time) {
  ConvergentStamp stamp{.time = time, .mark = 3, .lives = {{Life::Kind::kGoesOn, {7, 9}}}};
  std::string bytes(op.text());
  const size_t size = bytes.size();
  bytes.resize(size + StampBytes(1));
  EncodeStamp(stamp, std::as_writable_bytes(std::span(bytes)).subspan(size));
  return bytes;
}

// The bytes are what members of other releases send, as above.
TEST(ConvergentStamp, BytesStayAsTheyAre) {
  const std::string bytes = WithStamp(Buffer::CopyOf("op"), 5);
  EXPECT_EQ(Hex(bytes),
            "6f70"
            "0107000000000000000900000000000000"
            "0300000000000000"
            "0500000000000000"
            "0100");
  const auto parts = ParseStamp(AsBytes(bytes));
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(parts->first.size(), 2u);
  EXPECT_EQ(parts->second.time, 5u);
  EXPECT_EQ(parts->second.mark, 3u);
  EXPECT_THAT(parts->second.lives, ::testing::ElementsAre(Life{Life::Kind::kGoesOn, {7, 9}}));
}

TEST(ConvergentStamp, RefusesWhatMakesNoSense) {
  const std::string good = WithStamp(Buffer::CopyOf("op"), 5);
  const auto refused = [&](size_t at, char byte) {
    std::string bytes = good;
    bytes[at] = byte;
    return !ParseStamp(AsBytes(bytes)).has_value();
  };
  EXPECT_TRUE(refused(2, 4));                                    // A life of no known kind,
  EXPECT_TRUE(refused(2, 2));                                    // one that begins, and had begun,
  EXPECT_TRUE(refused(3, 0));                                    // one that goes on from nowhere,
  EXPECT_TRUE(refused(good.size() - 2, 2));                      // more lives than there are bytes,
  EXPECT_TRUE(refused(good.size() - 2, char{kOpLivesMax + 1}));  // or than allowed,
  EXPECT_TRUE(refused(good.size() - 3, '\xff'));                 // a time beyond the limit.
  EXPECT_FALSE(ParseStamp(AsBytes(good).last(kStampFixedBytes - 1)).has_value());
}

// Valid operations with bytes changed, cut, doubled and joined.
TEST(ConvergentOpFuzz, AnyBytesLeaveReplicasEqualAndConsistent) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    MapSet one(MapSet::Options{77, {}});
    MapSet two(MapSet::Options{77, {}});
    Output out;
    for (MapSet* maps : {&one, &two}) maps->CreateConvergent("m", out);
    const std::string valid = WithStamp(EncodeConvergentOp(FullOp()), HlcAt(1000));
    size_t accepted = 0;
    for (int i = 0; i < 300; ++i) {
      const std::string bytes = Mutated(valid, random);
      const ConvergentPlace place{Writer(random.Below(3) + 1), ViewNo(1)};
      const ApplyResult a = one.Join(AsBytes(bytes), place, out);
      const ApplyResult b = two.Join(AsBytes(bytes), place, out);
      ASSERT_EQ(a.status, b.status) << "seed " << seed;
      ASSERT_EQ(one.ConvergentDigest(), two.ConvergentDigest()) << "seed " << seed;
      accepted += a.status.ok() ? 1 : 0;
    }
    EXPECT_GT(accepted, 60u) << "seed " << seed;
    EXPECT_TRUE(one.IsConsistent()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cohort::map
