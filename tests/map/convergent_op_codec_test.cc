#include "map/convergent_op_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "cohort/v1/convergent.pb.h"
#include "map/map_builders.h"

namespace cohort::map {
namespace {

ConvergentOp FullOp() {
  ConvergentOp op;
  op.map = "m";
  ConvergentItem put;
  put.key = "k";
  put.ends = put.creates = put.sets_ttl = true;
  put.ttl_ms = 5;
  put.accessed_at = 1000;
  put.writes.push_back({"", "v", false});
  op.items.push_back(put);
  ConvergentItem write;
  write.key = "s";
  write.life = {7, 9};
  write.floor_time = 3;
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
  EXPECT_EQ((*decoded)->items[1].life, (Version{7, 9}));
}

// The bytes are what members of other releases send: a change needs a decision.
TEST(ConvergentOpCodec, BytesStayAsTheyAre) {
  EXPECT_EQ(Hex(EncodeConvergentOp(FullOp()).text()),
            "0a016d"
            "1a130a016b1001180120012805"
            "30e807"
            "3a0312"
            "0176"
            "1a370a01733a0b0a046e616d65120376007"
            "73a0a0a06657261736564180141"
            "0700000000000000"
            "49"
            "0900000000000000"
            "51"
            "0300000000000000");
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
  EXPECT_FALSE(item.ends || item.creates || item.sets_ttl);
  EXPECT_TRUE(item.writes.empty());
  EXPECT_EQ(item.life, Version::None());
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
  EXPECT_TRUE(refused([](auto& op) { op.mutable_items(0)->set_life_time(~uint64_t{0}); }));
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

// Valid operations with bytes changed, cut, doubled and joined.
TEST(ConvergentOpFuzz, AnyBytesLeaveReplicasEqualAndConsistent) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    MapSet one(MapSet::Options{77, {}});
    MapSet two(MapSet::Options{77, {}});
    Output out;
    for (MapSet* maps : {&one, &two}) maps->CreateConvergent("m", out);
    const std::string valid(EncodeConvergentOp(FullOp()).text());
    size_t accepted = 0;
    for (int i = 0; i < 300; ++i) {
      std::string bytes = valid;
      for (uint64_t n = random.Below(4); n > 0 && !bytes.empty(); --n) {
        const size_t at = random.Below(bytes.size());
        switch (random.Below(4)) {
          case 0:
            bytes[at] = static_cast<char>(random.Below(256));
            break;
          case 1:
            bytes.resize(at);
            break;
          case 2:
            bytes += bytes.substr(at);
            break;
          default:
            bytes.insert(at, 1, static_cast<char>(random.Below(256)));
        }
      }
      const ConvergentPlace place{HlcAt(1000) + random.Below(500), Writer(random.Below(3) + 1),
                                  ViewNo(1)};
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
