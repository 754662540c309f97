#include "map/convergent_op_codec.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/absl_bridge.h"
#include "base/check.h"
#include "cohort/v1/convergent.pb.h"
#include "map/convergent_stamp.h"
#include "map/limits.h"
#include "map/validation.h"

namespace cohort::map {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

// Fields of a message besides repeated ones, generously.
constexpr int kFieldsMax = 64;
// Room for the stamp, which makes the rest of the message.
constexpr size_t kOpMax = kConvergentOpBytesMax - StampBytes(kOpLivesMax);

bool SkipField(CodedInputStream& in, uint32_t tag) {
  uint64_t number = 0;
  switch (tag & 7) {
    case 0:
      return in.ReadVarint64(&number);
    case 1:
      return in.Skip(8);
    case 5:
      return in.Skip(4);
    default:  // Sizes are handled by the callers; groups nest, and nothing of ours has them.
      return false;
  }
}

// Walks one item, counting the writes in it.
bool CountItem(CodedInputStream& in, size_t& writes) {
  int fields = 0;
  while (const uint32_t tag = in.ReadTag()) {
    if ((tag & 7) != 2) {
      if (++fields > kFieldsMax || !SkipField(in, tag)) return false;
      continue;
    }
    uint32_t size = 0;
    if (!in.ReadVarint32(&size) || size > kConvergentOpBytesMax ||
        !in.Skip(static_cast<int>(size))) {
      return false;
    }
    const bool is_write = (tag >> 3) == v1::ConvergentItem::kWritesFieldNumber;
    if (is_write ? ++writes > kOpAttributesMax : ++fields > kFieldsMax) return false;
  }
  return true;
}

// Bounds what parsing may allocate.
bool ItemsAreBounded(Bytes bytes) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  int fields = 0;
  size_t items = 0;
  size_t writes = 0;
  while (const uint32_t tag = in.ReadTag()) {
    if ((tag & 7) != 2) {
      if (++fields > kFieldsMax || !SkipField(in, tag)) return false;
      continue;
    }
    uint32_t size = 0;
    if (!in.ReadVarint32(&size) || size > bytes.size()) return false;
    if ((tag >> 3) != v1::ConvergentOperation::kItemsFieldNumber) {
      if (++fields > kFieldsMax || !in.Skip(static_cast<int>(size))) return false;
      continue;
    }
    if (++items > kBatchItemsMax) return false;
    const CodedInputStream::Limit limit = in.PushLimit(static_cast<int>(size));
    if (!CountItem(in, writes) || in.BytesUntilLimit() != 0) return false;
    in.PopLimit(limit);
  }
  return in.ConsumedEntireMessage();
}

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

struct ConvergentOpDecoder::Message {
  v1::ConvergentOperation operation;
};

ConvergentOpDecoder::ConvergentOpDecoder() : message_(std::make_unique<Message>()) {}
ConvergentOpDecoder::~ConvergentOpDecoder() = default;
ConvergentOpDecoder::ConvergentOpDecoder(ConvergentOpDecoder&&) noexcept = default;
ConvergentOpDecoder& ConvergentOpDecoder::operator=(ConvergentOpDecoder&&) noexcept = default;

// Spec 11.10
absl::StatusOr<const ConvergentOp*> ConvergentOpDecoder::Decode(Bytes bytes) {
  // The memory of small operations is kept from one to the next; that of a thousand items is not.
  if (message_->operation.items_size() > 8) message_ = std::make_unique<Message>();
  v1::ConvergentOperation& in = message_->operation;
  if (bytes.size() > kConvergentOpBytesMax ||
      (bytes.size() > kCountFrom && !ItemsAreBounded(bytes)) ||
      !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("not a convergent operation");
  }
  op_.map = in.map();
  op_.clears = in.clears();
  op_.items.resize(static_cast<size_t>(in.items_size()));
  for (int i = 0; i < in.items_size(); ++i) {
    const v1::ConvergentItem& item = in.items(i);
    ConvergentItem& out = op_.items[static_cast<size_t>(i)];
    out.key = item.key();
    if (item.kind() > static_cast<uint32_t>(ConvergentItem::Kind::kTouch))
      return absl::InvalidArgumentError("an item of no known kind");
    out.kind = static_cast<ConvergentItem::Kind>(item.kind());
    out.sets_ttl = item.sets_ttl();
    out.ttl_ms = item.ttl_ms();
    out.accessed_at = item.accessed_at();
    out.by_owner = item.by_owner();
    out.if_present = item.if_present();
    out.writes.clear();
    for (const v1::ConvergentWrite& write : item.writes()) {
      out.writes.push_back({write.name(), write.value(), write.absent()});
    }
  }
  absl::Status valid = ValidateConvergentOp(op_);
  if (!valid.ok()) return valid;
  return &op_;
}

}  // namespace cohort::map
