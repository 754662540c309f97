#include "map/convergent_op_codec.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/absl_bridge.h"
#include "base/check.h"
#include "cohort/v1/convergent.pb.h"
#include "map/convergent_stamp.h"
#include "map/limits.h"
#include "map/validation.h"

namespace cohort::map {
namespace {

using google::protobuf::io::CodedOutputStream;

// Room for the stamp, which makes the rest of the message.
constexpr size_t kOpMax = kConvergentOpBytesMax - StampBytes(kOpLivesMax);

absl::Status ValidateItem(const ConvergentItem& item, size_t& writes, size_t& size) {
  if (absl::Status status = ValidateKey(item.key); !status.ok()) return status;
  if (absl::Status status = ValidateTtl(item.ttl_ms); !status.ok()) return status;
  if (item.accessed_at < 0 || item.accessed_at > kGroupTimeMaxMs) {
    return Invalid("an access must be between 0 and 2^47 Unix milliseconds");
  }
  const bool has_no_writes =
      item.kind == ConvergentItem::Kind::kErase || item.kind == ConvergentItem::Kind::kTouch;
  if (has_no_writes && !item.writes.empty()) return Invalid("such an item writes nothing");
  writes += item.writes.size();
  if (writes > kOpAttributesMax) {
    return Invalid("more than " + std::to_string(kOpAttributesMax) +
                   " attributes in one operation; send several");
  }
  size_t bytes = 0;
  for (const ConvergentItem::Write& write : item.writes) {
    if (write.name.size() > kAttributeNameBytesMax) {
      return Invalid("the attribute's name has " + std::to_string(write.name.size()) +
                     " bytes; at most " + std::to_string(kAttributeNameBytesMax) + " are allowed");
    }
    if (write.absent && !write.value.empty()) return Invalid("an erased attribute has no value");
    bytes += write.name.size() + write.value.size() + 16;
  }
  if (bytes > kRegistersBytesMax) {
    return Invalid("the entry would have about " + std::to_string(bytes) + " bytes; at most " +
                   std::to_string(kRegistersBytesMax) +
                   " are allowed in a convergent map, split it over several keys");
  }
  size += item.key.size() + bytes + 64;
  return absl::OkStatus();
}

// ---- Fields of protobuf: all numbers of ours are below 16, so a tag is one byte.

constexpr size_t kTagBytes = 1;

size_t TextSize(std::string_view text) {
  if (text.empty()) return 0;
  return kTagBytes + CodedOutputStream::VarintSize64(text.size()) + text.size();
}

size_t NumberSize(uint64_t number) {
  return number == 0 ? 0 : kTagBytes + CodedOutputStream::VarintSize64(number);
}

// Of a message inside of another one.
size_t PartSize(size_t bytes) { return kTagBytes + CodedOutputStream::VarintSize64(bytes) + bytes; }

size_t WriteSize(const ConvergentItem::Write& write) {
  return TextSize(write.name) + TextSize(write.value) + NumberSize(write.absent ? 1 : 0);
}

size_t ItemSize(const ConvergentItem& item) {
  size_t size = TextSize(item.key) + NumberSize(static_cast<uint64_t>(item.kind)) +
                NumberSize(item.sets_ttl ? 1 : 0) + NumberSize(item.ttl_ms) +
                NumberSize(static_cast<uint64_t>(item.accessed_at)) +
                NumberSize(item.by_owner ? 1 : 0) + NumberSize(item.if_present ? 1 : 0);
  for (const ConvergentItem::Write& write : item.writes) size += PartSize(WriteSize(write));
  return size;
}

// Leaves out what protobuf leaves out: empty texts, and zero.
class FieldWriter {
 public:
  explicit FieldWriter(std::byte* at) : at_(reinterpret_cast<uint8_t*>(at)) {}
  void Number(int field, uint64_t number) {
    if (number == 0) return;
    Tag(field, 0);
    at_ = CodedOutputStream::WriteVarint64ToArray(number, at_);
  }
  void Text(int field, std::string_view text) {
    if (text.empty()) return;
    Part(field, text.size());
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void Part(int field, size_t bytes) {
    Tag(field, 2);
    at_ = CodedOutputStream::WriteVarint64ToArray(bytes, at_);
  }
  const std::byte* at() const { return reinterpret_cast<const std::byte*>(at_); }

 private:
  void Tag(int field, int type) { *at_++ = static_cast<uint8_t>(field << 3 | type); }
  uint8_t* at_;
};

// What its fields are, the wire type included.
constexpr uint32_t NumberTag(int field) { return static_cast<uint32_t>(field) << 3; }
constexpr uint32_t TextTag(int field) { return static_cast<uint32_t>(field) << 3 | 2; }

// The fields of one message where they lie. Refuses whatever protobuf refuses; also groups, which
// nest and which nobody sends.
class FieldReader {
 public:
  explicit FieldReader(std::string_view in) : in_(in) {}
  // Takes the next field. False at the end of the message, and of what is none.
  bool Next() {
    if (in_.empty()) return false;
    malformed_ = !Take();
    return !malformed_;
  }
  bool malformed() const { return malformed_; }
  uint32_t tag() const { return tag_; }
  uint64_t number() const { return number_; }      // Where the tag is a NumberTag().
  std::string_view text() const { return text_; }  // Where it is a TextTag().

 private:
  static constexpr int kShortBytesMax = 5;  // Of a tag or a length.
  static constexpr int kNumberBytesMax = 10;

  bool Take() {
    uint64_t tag = 0;
    if (!TakeNumber(tag, kShortBytesMax)) return false;
    tag_ = static_cast<uint32_t>(tag);  // Bits beyond are dropped.
    if (tag_ >> 3 == 0) return false;
    switch (tag_ & 7) {
      case 0:
        return TakeNumber(number_, kNumberBytesMax);
      case 1:
        return TakeText(8);
      case 2: {
        uint64_t size = 0;
        return TakeNumber(size, kShortBytesMax) && TakeText(size);
      }
      case 5:
        return TakeText(4);
      default:
        return false;
    }
  }
  bool TakeText(uint64_t size) {
    if (size > in_.size()) return false;
    text_ = in_.substr(0, size);
    in_.remove_prefix(size);
    return true;
  }
  bool TakeNumber(uint64_t& number, int bytes_max) {
    number = 0;
    for (int i = 0; i < bytes_max && !in_.empty(); ++i) {
      const auto byte = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      number |= uint64_t{byte & 0x7Fu} << (7 * i);
      if (byte < 0x80) return true;
    }
    return false;
  }

  std::string_view in_;
  bool malformed_ = false;
  uint32_t tag_ = 0;
  uint64_t number_ = 0;
  std::string_view text_;
};

bool ReadWrite(std::string_view bytes, ConvergentItem::Write& write) {
  FieldReader in(bytes);
  while (in.Next()) {
    switch (in.tag()) {
      case TextTag(v1::ConvergentWrite::kNameFieldNumber):
        write.name = in.text();
        break;
      case TextTag(v1::ConvergentWrite::kValueFieldNumber):
        write.value = in.text();
        break;
      case NumberTag(v1::ConvergentWrite::kAbsentFieldNumber):
        write.absent = in.number() != 0;
        break;
      default:
        break;
    }
  }
  return !in.malformed();
}

// `item` is as new, but for the memory of its writes. `writes` counts those of the operation.
bool ReadItem(std::string_view bytes, ConvergentItem& item, size_t& writes) {
  uint32_t kind = 0;
  FieldReader in(bytes);
  while (in.Next()) {
    switch (in.tag()) {
      case TextTag(v1::ConvergentItem::kKeyFieldNumber):
        item.key = in.text();
        break;
      case NumberTag(v1::ConvergentItem::kKindFieldNumber):
        kind = static_cast<uint32_t>(in.number());
        break;
      case NumberTag(v1::ConvergentItem::kSetsTtlFieldNumber):
        item.sets_ttl = in.number() != 0;
        break;
      case NumberTag(v1::ConvergentItem::kTtlMsFieldNumber):
        item.ttl_ms = in.number();
        break;
      case NumberTag(v1::ConvergentItem::kAccessedAtFieldNumber):
        item.accessed_at = static_cast<GroupTime>(in.number());
        break;
      case TextTag(v1::ConvergentItem::kWritesFieldNumber):
        if (++writes > kOpAttributesMax || !ReadWrite(in.text(), item.writes.emplace_back()))
          return false;
        break;
      case NumberTag(v1::ConvergentItem::kByOwnerFieldNumber):
        item.by_owner = in.number() != 0;
        break;
      case NumberTag(v1::ConvergentItem::kIfPresentFieldNumber):
        item.if_present = in.number() != 0;
        break;
      default:
        break;
    }
  }
  item.kind = static_cast<ConvergentItem::Kind>(kind);
  return !in.malformed() && kind <= static_cast<uint32_t>(ConvergentItem::Kind::kTouch);
}

}  // namespace

absl::Status ValidateConvergentOp(const ConvergentOp& op) {
  if (absl::Status status = ValidateMapName(op.map); !status.ok()) return status;
  if (op.items.size() > kBatchItemsMax) {
    return Invalid("a batch has " + std::to_string(op.items.size()) + " items; at most " +
                   std::to_string(kBatchItemsMax) + " are allowed, send several");
  }
  size_t writes = 0;
  size_t lives = 0;
  size_t size = op.map.size() + 64;
  for (const ConvergentItem& item : op.items) {
    if (absl::Status status = ValidateItem(item, writes, size); !status.ok()) return status;
    lives += item.NeedsLife() ? 1 : 0;
  }
  if (lives > kOpLivesMax) {
    return Invalid("the batch writes attributes of " + std::to_string(lives) +
                   " entries or touches them; at most " + std::to_string(kOpLivesMax) +
                   " are allowed, send several");
  }
  if (size > kOpMax) {
    return Invalid("the operation has about " + std::to_string(size) + " bytes; at most " +
                   std::to_string(kOpMax) + " are allowed, send several smaller ones");
  }
  return absl::OkStatus();
}

// As protobuf writes it; without a message of its own, into which all values would be copied first.
Buffer EncodeConvergentOp(const ConvergentOp& op, size_t room_before, size_t room_after) {
  size_t size = TextSize(op.map) + NumberSize(op.clears ? 1 : 0);
  for (const ConvergentItem& item : op.items) size += PartSize(ItemSize(item));
  Buffer bytes = Buffer::Allocate(room_before + size + room_after);
  std::fill_n(bytes.Fill().begin(), room_before, std::byte{0});
  std::byte* const begin = bytes.Fill().data() + room_before;
  FieldWriter out(begin);
  out.Text(v1::ConvergentOperation::kMapFieldNumber, op.map);
  out.Number(v1::ConvergentOperation::kClearsFieldNumber, op.clears ? 1 : 0);
  for (const ConvergentItem& item : op.items) {
    out.Part(v1::ConvergentOperation::kItemsFieldNumber, ItemSize(item));
    out.Text(v1::ConvergentItem::kKeyFieldNumber, item.key);
    out.Number(v1::ConvergentItem::kKindFieldNumber, static_cast<uint64_t>(item.kind));
    out.Number(v1::ConvergentItem::kSetsTtlFieldNumber, item.sets_ttl ? 1 : 0);
    out.Number(v1::ConvergentItem::kTtlMsFieldNumber, item.ttl_ms);
    out.Number(v1::ConvergentItem::kAccessedAtFieldNumber, static_cast<uint64_t>(item.accessed_at));
    for (const ConvergentItem::Write& write : item.writes) {
      out.Part(v1::ConvergentItem::kWritesFieldNumber, WriteSize(write));
      out.Text(v1::ConvergentWrite::kNameFieldNumber, write.name);
      out.Text(v1::ConvergentWrite::kValueFieldNumber, write.value);
      out.Number(v1::ConvergentWrite::kAbsentFieldNumber, write.absent ? 1 : 0);
    }
    out.Number(v1::ConvergentItem::kByOwnerFieldNumber, item.by_owner ? 1 : 0);
    out.Number(v1::ConvergentItem::kIfPresentFieldNumber, item.if_present ? 1 : 0);
  }
  COHORT_CHECK(out.at() == begin + size);
  std::fill_n(bytes.Fill().end() - static_cast<std::ptrdiff_t>(room_after), room_after,
              std::byte{0});
  return bytes;
}

ConvergentItem& ConvergentOpDecoder::NextItem(size_t count) {
  if (count == op_.items.size()) return op_.items.emplace_back();
  ConvergentItem& item = op_.items[count];
  auto writes = std::move(item.writes);
  writes.clear();
  item = ConvergentItem();
  item.writes = std::move(writes);
  return item;
}

// As protobuf reads it; without a message of its own, into which all values would be copied first.
// What there may be of repeated fields is bounded before it takes memory.
bool ConvergentOpDecoder::Read(std::string_view bytes) {
  op_.map = {};
  op_.clears = false;
  size_t items = 0;
  size_t writes = 0;
  FieldReader in(bytes);
  while (in.Next()) {
    switch (in.tag()) {
      case TextTag(v1::ConvergentOperation::kMapFieldNumber):
        op_.map = in.text();
        break;
      case NumberTag(v1::ConvergentOperation::kClearsFieldNumber):
        op_.clears = in.number() != 0;
        break;
      case TextTag(v1::ConvergentOperation::kItemsFieldNumber):
        if (items == kBatchItemsMax || !ReadItem(in.text(), NextItem(items), writes)) return false;
        ++items;
        break;
      default:
        break;
    }
  }
  op_.items.resize(items);
  return !in.malformed();
}

// Spec 11.10
absl::StatusOr<const ConvergentOp*> ConvergentOpDecoder::Decode(Bytes bytes) {
  // The memory of small operations is kept from one to the next; that of a thousand items is not.
  if (op_.items.size() > kKeptItemsMax) op_ = ConvergentOp();
  if (bytes.size() > kConvergentOpBytesMax || !Read(AsText(bytes)))
    return absl::InvalidArgumentError("not a convergent operation");
  absl::Status valid = ValidateConvergentOp(op_);
  if (!valid.ok()) return valid;
  return &op_;
}

}  // namespace cohort::map
