#include "map/map_op_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "cohort/v1/map.pb.h"
#include "map/map_builders.h"
#include "map/validation.h"

namespace cohort::map {
namespace {

absl::StatusCode CodeOf(MapOpDecoder& decoder, std::string_view bytes) {
  return decoder.Decode(AsBytes(bytes)).status().code();
}

template <class Message>
std::string BytesOf(const Message& message) {
  return message.SerializeAsString();
}

v1::MapOperation Frame() {
  v1::MapOperation frame;
  frame.set_map("m");
  frame.set_hlc(1);
  return frame;
}

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(MapOpCodec, GivesBackEveryKindOfOperation) {
  MapOpDecoder decoder;
  BatchOp batch;
  batch.items = {PutOp{"k", "v", 5, true, Condition::kVersion, {3, 4}}, EraseOp{"e"},
                 IncrementOp{"i", -5, 7, 9}, AppendOp{"a", "x"},
                 TouchOp{"t", TouchOp::Mode::kExpiresAt, 0, 99}};
  MergeOp merge{
      ViewNo(4), 3, {7, 8}, true, {{"k", "v", {1, 2}, 5, 6, false}, {"t", "", {1, 2}, 0, 0, true}}};
  const std::vector<MapOp> ops = {OpOf(batch),
                                  OpOf(merge),
                                  OpOf(ClearOp{}),
                                  OpOf(ExpireOp{{{"k", {1, 2}}}}),
                                  OpOf(ConfigureOp{{1, 2, 3, 4}}),
                                  OpOf(PutOp{"k", std::string_view("v\0w", 3)})};
  for (const MapOp& op : ops) {
    const Buffer bytes = EncodeMapOp(op);
    const auto decoded = decoder.Decode(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ((*decoded)->map, "m");
    EXPECT_EQ((*decoded)->hlc, HlcAt(1000));
    EXPECT_EQ((*decoded)->body.index(), op.body.index());
    EXPECT_EQ(EncodeMapOp(**decoded).text(), bytes.text());
  }
}

TEST(MapOpCodec, NothingOfOneOperationLeaksIntoTheNext) {
  MapOpDecoder decoder;
  ASSERT_TRUE(
      decoder.Decode(EncodeMapOp(OpOf(PutOp{"k", "v", 5, true, Condition::kVersion, {3, 4}})))
          .ok());
  const auto next = decoder.Decode(EncodeMapOp(OpOf(PutOp{"l", ""})));
  ASSERT_TRUE(next.ok());
  const auto& put = std::get<PutOp>((*next)->body);
  EXPECT_EQ(put.key, "l");
  EXPECT_EQ(put.value, "");
  EXPECT_EQ(put.ttl_ms, 0u);
  EXPECT_FALSE(put.keep_ttl);
  EXPECT_EQ(put.condition, Condition::kNone);
  EXPECT_EQ(put.version, Version::None());
}

TEST(MapOpCodec, RefusesOperationsWithoutExactlyOneBody) {
  MapOpDecoder decoder;
  v1::MapOperation frame = Frame();
  EXPECT_EQ(CodeOf(decoder, BytesOf(frame)), kInvalid);
  frame.mutable_put()->set_key("k");
  EXPECT_TRUE(decoder.Decode(AsBytes(BytesOf(frame))).ok());
  frame.mutable_clear();
  EXPECT_EQ(CodeOf(decoder, BytesOf(frame)), kInvalid);
  frame = Frame();
  frame.mutable_put()->set_key("k");
  frame.mutable_erase()->set_key("k");
  EXPECT_EQ(CodeOf(decoder, BytesOf(frame)), kInvalid);
  frame.mutable_batch();
  EXPECT_EQ(CodeOf(decoder, BytesOf(frame)), kInvalid);
  frame = Frame();
  frame.mutable_batch()->add_items();
  EXPECT_EQ(CodeOf(decoder, BytesOf(frame)), kInvalid);
}

TEST(MapOpCodec, RefusesNumbersOutOfRange) {
  MapOpDecoder decoder;
  const auto with = [&decoder](auto change) {
    v1::MapOperation frame = Frame();
    frame.mutable_put()->set_key("k");
    change(frame);
    return CodeOf(decoder, BytesOf(frame));
  };
  EXPECT_EQ(with([](auto&) {}), absl::StatusCode::kOk);
  EXPECT_EQ(with([](auto& frame) { frame.set_hlc(0); }), kInvalid);
  EXPECT_EQ(with([](auto& frame) { frame.set_hlc(~uint64_t{0}); }), kInvalid);
  EXPECT_EQ(with([](auto& frame) { frame.clear_map(); }), kInvalid);
  EXPECT_EQ(with([](auto& frame) { frame.set_map(std::string(65, 'm')); }), kInvalid);
  EXPECT_EQ(with([](auto& frame) { frame.mutable_put()->set_condition(4); }), kInvalid);
  EXPECT_EQ(with([](auto& frame) { frame.mutable_put()->set_condition(256); }), kInvalid);
  EXPECT_EQ(with([](auto& frame) { frame.mutable_put()->set_ttl_ms(~uint64_t{0}); }), kInvalid);
  EXPECT_EQ(
      with([](auto& frame) { frame.mutable_put()->mutable_version()->set_time(~uint64_t{0}); }),
      kInvalid);
  EXPECT_EQ(with([](auto& frame) { frame.mutable_put()->clear_key(); }), kInvalid);
  const auto expiry = [&with](uint64_t time) {
    return with([time](auto& frame) {
      frame.clear_put();
      auto* const key = frame.mutable_expire()->add_keys();
      key->set_key("k");
      key->mutable_life()->set_time(time);
    });
  };
  EXPECT_EQ(expiry(5), absl::StatusCode::kOk);
  EXPECT_EQ(expiry(~uint64_t{0}), kInvalid);
  EXPECT_EQ(with([](auto& frame) { frame.mutable_put()->set_key(std::string(4097, 'k')); }),
            kInvalid);
  EXPECT_EQ(with([](auto& frame) {
              frame.mutable_put()->set_value(std::string(kValueBytesMax + 1, 'v'));
            }),
            kInvalid);
}

TEST(MapOpCodec, TakesTheLargestValueKeyAndName) {
  MapOpDecoder decoder;
  const std::string key(kKeyBytesMax, 'k'), value(kValueBytesMax, 'v'), name(kMapNameBytesMax, 'm');
  MapOp op =
      OpOf(PutOp{key, value, kTtlMaxMs, true, Condition::kVersion, {kHlcMax - 1, ~uint64_t{0}}});
  op.map = name;
  EXPECT_TRUE(ValidateOp(op).ok());
  const Buffer bytes = EncodeMapOp(op);
  EXPECT_LE(bytes.size(), kOpBytesMax);
  EXPECT_TRUE(decoder.Decode(bytes).ok());
  op.body = MergeOp{ViewNo(1), 1, {1, 1}, false, {{key, value, {kHlcMax - 1, 1}, 1, 1, false}}};
  EXPECT_TRUE(ValidateOp(op).ok());
  EXPECT_LE(EncodeMapOp(op).size(), kOpBytesMax);
}

TEST(MapOpCodec, ALargeValueIsNotCopiedOutOfTheBytesOfItsPut) {
  MapOpDecoder decoder;
  const std::string value(kValueInPlaceMin, 'v');
  const MapOp op = OpOf(PutOp{"k", value, 5, true, Condition::kVersion, {3, 4}});
  const Buffer message = EncodeMapOp(op, 3);
  const auto decoded = decoder.Decode(message.bytes().subspan(3), &message);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const auto& put = std::get<PutOp>((*decoded)->body);
  EXPECT_EQ(put.shared.text(), value);
  EXPECT_EQ(put.value.data(), put.shared.text().data());
  EXPECT_GE(put.shared.data(), message.data());
  EXPECT_LT(put.shared.data(), message.data() + message.size());
  EXPECT_EQ(put.key, "k");
  EXPECT_EQ(put.ttl_ms, 5u);
  EXPECT_TRUE(put.keep_ttl);
  EXPECT_EQ(put.version, (Version{3, 4}));
  EXPECT_EQ((*decoded)->map, "m");
  // Bytes that nobody keeps are borrowed only.
  const auto borrowed = decoder.Decode(message.bytes().subspan(3));
  ASSERT_TRUE(borrowed.ok());
  EXPECT_TRUE(std::get<PutOp>((*borrowed)->body).shared.empty());
  EXPECT_EQ(std::get<PutOp>((*borrowed)->body).value, value);
  // Nor does it leak into the next one.
  const auto next = decoder.Decode(EncodeMapOp(OpOf(PutOp{"l", ""})), &message);
  EXPECT_EQ(std::get<PutOp>((*next)->body).value, "");
  EXPECT_TRUE(std::get<PutOp>((*next)->body).shared.empty());
}

TEST(MapOpCodec, LargePutsAreJudgedAsTheParserJudgesThem) {
  MapOpDecoder decoder;
  v1::MapOperation frame = Frame();
  frame.mutable_put()->set_key("k");
  frame.mutable_put()->set_value(std::string(kValueInPlaceMin, 'v'));
  const std::string put = BytesOf(frame);
  const auto value = [&decoder](const std::string& bytes) {
    const auto decoded = decoder.Decode(AsBytes(bytes));
    if (!decoded.ok()) return std::string("refused");
    return std::string(std::get<PutOp>((*decoded)->body).value.substr(0, 3));
  };
  EXPECT_EQ(value(put), "vvv");
  EXPECT_EQ(value(put + BytesOf([] {
                    v1::MapOperation again;
                    again.mutable_put()->set_value("new");
                    return again;
                  }())),
            "new")
      << "two puts are one, of which the later value counts";
  frame.mutable_erase()->set_key("k");
  EXPECT_EQ(value(BytesOf(frame)), "refused");
  EXPECT_EQ(value(put + std::string(5000, '\x7b')), "refused");
  for (size_t cut : {size_t{1}, kValueInPlaceMin, put.size() - 1})
    EXPECT_EQ(value(put.substr(0, put.size() - cut)), "refused") << cut;
  v1::MapOperation nameless = Frame();
  nameless.mutable_put()->set_value(std::string(kValueInPlaceMin, 'v'));
  EXPECT_EQ(value(BytesOf(nameless)), "refused");
}

TEST(MapOpCodec, RefusesHugeCountsBeforeTheyCostMemory) {
  MapOpDecoder decoder;
  const auto repeated = [](int field, char inner) {
    std::string body;
    for (int i = 0; i < 300'000; ++i) body += {inner, '\0'};
    std::string bytes = BytesOf(Frame());
    bytes.push_back(static_cast<char>(field << 3 | 2));
    for (size_t size = body.size(); size != 0; size >>= 7) {
      bytes.push_back(static_cast<char>((size & 127) | (size >> 7 != 0 ? 128 : 0)));
    }
    return bytes + body;
  };
  for (int field : {8, 10, 11})
    EXPECT_EQ(CodeOf(decoder, repeated(field, '\x0a')), kInvalid) << field;
  std::string many = BytesOf(Frame());
  for (int i = 0; i < 300'000; ++i) many += std::string_view("\x42\0", 2);  // Empty batches.
  EXPECT_EQ(CodeOf(decoder, many), kInvalid);
  std::string groups = BytesOf(Frame()) + std::string(500'000, '\x7b');  // Unknown groups, nested.
  EXPECT_EQ(CodeOf(decoder, groups), kInvalid);
  EXPECT_EQ(CodeOf(decoder, BytesOf(Frame()) + std::string(4000, '\x7b')), kInvalid);
  v1::MapOperation frame = Frame();
  for (size_t i = 0; i <= kBatchItemsMax; ++i)
    frame.mutable_batch()->add_items()->mutable_erase()->set_key("k");
  EXPECT_EQ(CodeOf(decoder, BytesOf(frame)), kInvalid);
  frame.mutable_batch()->mutable_items()->RemoveLast();
  EXPECT_EQ(CodeOf(decoder, BytesOf(frame)), absl::StatusCode::kOk);
}

TEST(MapOpCodec, RefusesWhatIsCutShort) {
  MapOpDecoder decoder;
  const Buffer bytes =
      EncodeMapOp(OpOf(PutOp{"key", "value", 5, true, Condition::kVersion, {3, 4}}));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decoder.Decode(bytes.bytes().first(size)).ok()) << size;
  }
  EXPECT_EQ(CodeOf(decoder, std::string(kOpBytesMax + 1, '\0')), kInvalid);
}

TEST(MapOpCodec, RefusesMergedEntriesThatContradictThemselves) {
  EXPECT_FALSE(ValidateOp(OpOf(MergeOp{{}, 0, {}, false, {{"k", "v", {1, 1}, 0, 0, true}}})).ok());
  EXPECT_FALSE(ValidateOp(OpOf(MergeOp{{}, 0, {}, false, {{"k", "v", {0, 1}, 0, 0, false}}})).ok());
  EXPECT_FALSE(
      ValidateOp(OpOf(MergeOp{{}, 0, {}, false, {{"k", "v", {1, 1}, -1, 0, false}}})).ok());
}

TEST(Validation, SaysTheLimitAndWhatToDo) {
  const auto text = [](const absl::Status& status) { return status.ToString(); };
  EXPECT_NE(text(ValidateKey(std::string(5000, 'k'))).find("5000 bytes; at most 4096"),
            std::string::npos);
  EXPECT_NE(text(ValidateKey(std::string(5000, 'k'))).find("hash"), std::string::npos);
  EXPECT_NE(text(ValidateValue(std::string(kValueBytesMax + 1, 'v'))).find("split it"),
            std::string::npos);
  EXPECT_NE(text(ValidateMapName(std::string(65, 'm'))).find("at most 64"), std::string::npos);
  EXPECT_NE(text(ValidateTtl(kTtlMaxMs + 1)).find("139 years"), std::string::npos);
  EXPECT_TRUE(ValidateKey("k").ok() && ValidateValue("").ok() && ValidateMapName("m").ok());
}

TEST(Validation, RefusesABatchThatWouldNotFitAMessage) {
  const std::string value(25 << 20, 'v');
  BatchOp batch;
  batch.items = {PutOp{"a", value}, PutOp{"b", value}};
  EXPECT_TRUE(ValidateOp(OpOf(batch)).ok());
  batch.items.push_back(PutOp{"c", value});
  EXPECT_FALSE(ValidateOp(OpOf(batch)).ok());
}

}  // namespace
}  // namespace cohort::map
