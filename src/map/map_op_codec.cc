#include "map/map_op_codec.h"

#include <google/protobuf/io/coded_stream.h>

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "cohort/v1/map.pb.h"
#include "map/limits.h"
#include "map/validation.h"

namespace cohort::map {
namespace {

using google::protobuf::io::CodedInputStream;

constexpr int kTopLevelFieldsMax = 64;
// What a put of a large value has besides, generously; with more the parser copies the value.
constexpr size_t kRestMax = 2 * kKeyBytesMax;

void Set(v1::MapVersion* out, const Version& version) {
  out->set_time(version.time);
  out->set_writer(version.writer);
}

Version From(const v1::MapVersion& version) { return {version.time(), version.writer()}; }

void Fill(v1::MapPut* out, const PutOp& op) {
  out->set_key(op.key.data(), op.key.size());
  out->set_value(op.value.data(), op.value.size());
  out->set_ttl_ms(op.ttl_ms);
  out->set_keep_ttl(op.keep_ttl);
  out->set_condition(static_cast<uint32_t>(op.condition));
  if (op.condition == Condition::kVersion) Set(out->mutable_version(), op.version);
}

void Fill(v1::MapErase* out, const EraseOp& op) {
  out->set_key(op.key.data(), op.key.size());
  out->set_condition(static_cast<uint32_t>(op.condition));
  if (op.condition == Condition::kVersion) Set(out->mutable_version(), op.version);
}

void Fill(v1::MapIncrement* out, const IncrementOp& op) {
  out->set_key(op.key.data(), op.key.size());
  out->set_delta(op.delta);
  out->set_initial(op.initial);
  out->set_ttl_ms(op.ttl_ms);
}

void Fill(v1::MapAppend* out, const AppendOp& op) {
  out->set_key(op.key.data(), op.key.size());
  out->set_value(op.value.data(), op.value.size());
}

void Fill(v1::MapTouch* out, const TouchOp& op) {
  out->set_key(op.key.data(), op.key.size());
  out->set_mode(static_cast<uint32_t>(op.mode));
  out->set_ttl_ms(op.ttl_ms);
  out->set_expires_at(op.expires_at);
}

// A MapOperation and a MapBatchItem name these fields alike.
template <class Parent>
struct ItemFiller {
  Parent* out;
  void operator()(const PutOp& op) { Fill(out->mutable_put(), op); }
  void operator()(const EraseOp& op) { Fill(out->mutable_erase(), op); }
  void operator()(const IncrementOp& op) { Fill(out->mutable_increment(), op); }
  void operator()(const AppendOp& op) { Fill(out->mutable_append(), op); }
  void operator()(const TouchOp& op) { Fill(out->mutable_touch(), op); }
};

struct BodyFiller : ItemFiller<v1::MapOperation> {
  using ItemFiller<v1::MapOperation>::operator();
  void operator()(const BatchOp& op) {
    v1::MapBatch* batch = out->mutable_batch();
    for (const BatchItem& item : op.items) {
      std::visit(ItemFiller<v1::MapBatchItem>{batch->add_items()}, item);
    }
  }
  void operator()(const ClearOp&) { out->mutable_clear(); }
  void operator()(const ExpireOp& op) {
    v1::MapExpire* expire = out->mutable_expire();
    expire->set_evicts(op.evicts);
    expire->set_view(op.view);
    for (const ExpireOp::Key& key : op.keys) {
      v1::MapExpireKey* added = expire->add_keys();
      added->set_key(key.key.data(), key.key.size());
      Set(added->mutable_version(), key.version);
      if (key.life != Version()) Set(added->mutable_life(), key.life);
    }
  }
  void operator()(const MergeOp& op) {
    v1::MapMerge* merge = out->mutable_merge();
    merge->set_subgroup_num(op.subgroup.num);
    merge->set_subgroup_cid(op.subgroup.cid);
    merge->set_base(op.base);
    Set(merge->mutable_cleared(), op.cleared);
    merge->set_last(op.last);
    merge->set_convergent(op.convergent);
    for (const MergeEntry& entry : op.entries) {
      v1::MapMergeEntry* added = merge->add_entries();
      added->set_key(entry.key.data(), entry.key.size());
      added->set_value(entry.value.data(), entry.value.size());
      Set(added->mutable_version(), entry.version);
      added->set_expires_at(entry.expires_at);
      added->set_ttl_ms(entry.ttl_ms);
      added->set_tombstone(entry.tombstone);
      if (entry.replaces != Version::None()) Set(added->mutable_replaces(), entry.replaces);
    }
  }
  void operator()(const ConfigureOp& op) {
    v1::MapConfigure* configure = out->mutable_configure();
    configure->set_bytes_max(op.settings.bytes_max);
    configure->set_tombstones_max(op.settings.tombstones_max);
    configure->set_tombstone_bytes_max(op.settings.tombstone_bytes_max);
    configure->set_tombstone_horizon_ms(op.settings.tombstone_horizon_ms);
    configure->set_convergent(op.settings.convergent);
    configure->set_evicts(op.settings.evicts);
  }
  void operator()(const ClaimOp& op) {
    out->mutable_claim()->set_key(op.key.data(), op.key.size());
    out->mutable_claim()->set_epoch(op.epoch);
  }
  void operator()(const DeltaOp& op) {
    v1::MapDelta* delta = out->mutable_delta();
    delta->set_key(op.key.data(), op.key.size());
    delta->set_epoch(op.epoch);
    Set(delta->mutable_life(), op.life);
    delta->set_accessed_at(op.accessed_at);
    for (const DeltaOp::Write& write : op.writes) {
      v1::MapDeltaWrite* added = delta->add_writes();
      added->set_name(write.name.data(), write.name.size());
      added->set_value(write.value.data(), write.value.size());
      added->set_absent(write.absent);
      if (write.base == Version::None()) continue;
      Set(added->mutable_base(), write.base);
      added->set_size(write.size);
      added->set_hash(write.hash);
    }
  }
  void operator()(const PurgeOp& op) {
    out->mutable_purge()->set_upto(op.upto);
    out->mutable_purge()->set_contents(op.contents);
    out->mutable_purge()->set_view(op.view);
    out->mutable_purge()->set_epoch(op.epoch);
    for (const ClaimOp& claim : op.claims) {
      v1::MapClaim* added = out->mutable_purge()->add_claims();
      added->set_key(claim.key.data(), claim.key.size());
      added->set_epoch(claim.epoch);
    }
  }
};

// Numbers of enumerators beyond the known ones become one that ValidateOp refuses.
template <class Enum>
Enum ToEnum(uint32_t number) {
  return static_cast<Enum>(number > 255 ? 255 : number);
}

PutOp From(const v1::MapPut& op) {
  return {
      op.key(),           op.value(), op.ttl_ms(), op.keep_ttl(), ToEnum<Condition>(op.condition()),
      From(op.version()), {}};
}
EraseOp From(const v1::MapErase& op) {
  return {op.key(), ToEnum<Condition>(op.condition()), From(op.version())};
}
IncrementOp From(const v1::MapIncrement& op) {
  return {op.key(), op.delta(), op.initial(), op.ttl_ms()};
}
AppendOp From(const v1::MapAppend& op) { return {op.key(), op.value()}; }
TouchOp From(const v1::MapTouch& op) {
  return {op.key(), ToEnum<TouchOp::Mode>(op.mode()), op.ttl_ms(), op.expires_at()};
}

ConfigureOp From(const v1::MapConfigure& op) {
  return {{op.bytes_max(), op.tombstones_max(), op.tombstone_bytes_max(), op.tombstone_horizon_ms(),
           op.convergent(), op.evicts()}};
}

// False unless exactly one item is set.
template <class Parent, class Variant>
bool TakeItem(const Parent& in, Variant& out) {
  if (in.has_put()) out = From(in.put());
  if (in.has_erase()) out = From(in.erase());
  if (in.has_increment()) out = From(in.increment());
  if (in.has_append()) out = From(in.append());
  if (in.has_touch()) out = From(in.touch());
  return in.has_put() + in.has_erase() + in.has_increment() + in.has_append() + in.has_touch() == 1;
}

bool TakeBatch(const v1::MapBatch& in, MapOp& out) {
  BatchOp batch;
  batch.items.resize(static_cast<size_t>(in.items_size()));
  for (int i = 0; i < in.items_size(); ++i) {
    if (!TakeItem(in.items(i), batch.items[static_cast<size_t>(i)])) return false;
  }
  out.body = std::move(batch);
  return true;
}

ExpireOp From(const v1::MapExpire& in) {
  ExpireOp expire{.keys = {}, .evicts = in.evicts(), .view = in.view()};
  for (const v1::MapExpireKey& key : in.keys()) {
    expire.keys.push_back({key.key(), From(key.version()), From(key.life())});
  }
  return expire;
}

PurgeOp From(const v1::MapPurge& in) {
  PurgeOp purge{in.upto(), in.contents(), in.view(), in.epoch(), {}};
  for (const v1::MapClaim& claim : in.claims()) {
    purge.claims.push_back({claim.key(), claim.epoch()});
  }
  return purge;
}

DeltaOp From(const v1::MapDelta& in) {
  DeltaOp delta{in.key(), in.epoch(), From(in.life()), in.accessed_at(), {}};
  for (const v1::MapDeltaWrite& write : in.writes()) {
    delta.writes.push_back({write.name(), write.value(), write.absent(),
                            write.has_base() ? From(write.base()) : Version::None(), write.size(),
                            write.hash()});
  }
  return delta;
}

MergeOp From(const v1::MapMerge& in) {
  MergeOp merge;
  merge.subgroup = {in.subgroup_num(), in.subgroup_cid()};
  merge.base = in.base();
  merge.cleared = From(in.cleared());
  merge.last = in.last();
  merge.convergent = in.convergent();
  merge.entries.reserve(static_cast<size_t>(in.entries_size()));
  for (const v1::MapMergeEntry& entry : in.entries()) {
    merge.entries.push_back({entry.key(), entry.value(), From(entry.version()), entry.expires_at(),
                             entry.ttl_ms(), entry.tombstone(), From(entry.replaces())});
  }
  return merge;
}

// Counts the fields inside one repeated body; false when there are more than `max` or they are
// malformed.
bool CountInside(CodedInputStream& in, int& count, int max) {
  while (const uint32_t tag = in.ReadTag()) {
    uint32_t size = 0;
    uint64_t number = 0;
    if (++count > max) return false;
    switch (tag & 7) {
      case 0:
        if (!in.ReadVarint64(&number)) return false;
        break;
      case 1:
        if (!in.Skip(8)) return false;
        break;
      case 2:
        if (!in.ReadVarint32(&size) || size > kOpBytesMax || !in.Skip(static_cast<int>(size))) {
          return false;
        }
        break;
      case 5:
        if (!in.Skip(4)) return false;
        break;
      default:  // Groups: nothing of ours has them, and they nest.
        return false;
    }
  }
  return true;
}

// Bounds what parsing may allocate: an item of two bytes would become an object of a hundred.
bool CountsAreBounded(Bytes bytes) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  int fields = 0, items = 0;
  while (const uint32_t tag = in.ReadTag()) {
    const uint32_t field = tag >> 3;
    const bool is_repeated = field == v1::MapOperation::kBatchFieldNumber ||
                             field == v1::MapOperation::kExpireFieldNumber ||
                             field == v1::MapOperation::kMergeFieldNumber ||
                             field == v1::MapOperation::kPurgeFieldNumber ||
                             field == v1::MapOperation::kDeltaFieldNumber;
    uint32_t size = 0;
    if (++fields > kTopLevelFieldsMax) return false;
    if ((tag & 7) == 2) {
      if (!in.ReadVarint32(&size) || size > bytes.size()) return false;
      if (!is_repeated) {
        if (!in.Skip(static_cast<int>(size))) return false;
        continue;
      }
      const CodedInputStream::Limit limit = in.PushLimit(static_cast<int>(size));
      const int max = static_cast<int>(field == v1::MapOperation::kMergeFieldNumber
                                           ? kMergeEntriesMax + kTopLevelFieldsMax
                                           : kBatchItemsMax + kTopLevelFieldsMax);
      if (!CountInside(in, items, max) || in.BytesUntilLimit() != 0) return false;
      in.PopLimit(limit);
      continue;
    }
    uint64_t number = 0;
    if ((tag & 7) == 0 && in.ReadVarint64(&number)) continue;
    if ((tag & 7) == 1 && in.Skip(8)) continue;
    if ((tag & 7) == 5 && in.Skip(4)) continue;
    return false;
  }
  return in.ConsumedEntireMessage();
}

constexpr uint32_t LengthTag(int field) { return static_cast<uint32_t>(field) << 3 | 2; }

// What is left of a put when its value is taken out, and the value.
struct PutInPlace {
  std::string rest;
  Bytes value;
};

void AddVarint(std::string& to, uint64_t number) {
  for (; number >= 0x80; number >>= 7) to.push_back(static_cast<char>(number | 0x80));
  to.push_back(static_cast<char>(number));
}

// The place of the one field `field` of `bytes`; `rest` takes all the others. False when there are
// more, or it is none of ours: then the parser judges.
bool TakeField(std::string_view bytes, int field, std::string_view& inside, std::string& rest) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  int fields = 0;
  bool found = false;
  size_t before = 0;
  while (const uint32_t tag = in.ReadTag()) {
    uint32_t size = 0;
    uint64_t number = 0;
    if (++fields > kTopLevelFieldsMax) return false;
    if ((tag & 7) == 2 ? !in.ReadVarint32(&size) || size > bytes.size()
                       : (tag & 7) == 0 && !in.ReadVarint64(&number)) {
      return false;
    }
    if ((tag & 7) == 1 || (tag & 7) == 5) size = (tag & 7) == 1 ? 8 : 4;
    if ((tag & 7) == 3 || (tag & 7) == 4) return false;
    const auto at = static_cast<size_t>(in.CurrentPosition());
    if (!in.Skip(static_cast<int>(size))) return false;
    if (tag == LengthTag(field)) {
      if (std::exchange(found, true)) return false;
      inside = bytes.substr(at, size);
    } else {
      if (rest.size() + at + size - before > kRestMax) return false;
      rest.append(bytes.substr(before, at + size - before));
    }
    before = at + size;
  }
  return found && in.ConsumedEntireMessage();
}

// So that a large value is looked at where it is. Empty when the bytes are not such a put.
std::optional<PutInPlace> TakePut(Bytes bytes) {
  PutInPlace taken;
  std::string_view put, value;
  std::string inside;
  if (!TakeField(AsText(bytes), v1::MapOperation::kPutFieldNumber, put, taken.rest) ||
      !TakeField(put, v1::MapPut::kValueFieldNumber, value, inside) ||
      value.size() < kValueInPlaceMin) {
    return std::nullopt;
  }
  AddVarint(taken.rest, LengthTag(v1::MapOperation::kPutFieldNumber));
  AddVarint(taken.rest, inside.size());
  taken.rest += inside;
  taken.value = AsBytes(value);
  return taken;
}

// The same bytes as the serializer's but for the order of the fields: what is large comes last, and
// is copied once.
Buffer EncodePut(const v1::MapOperation& message, const PutOp& op, size_t room) {
  PutOp small = op;
  small.value = {};
  v1::MapPut put;
  Fill(&put, small);
  std::string before = put.SerializeAsString();
  AddVarint(before, LengthTag(v1::MapPut::kValueFieldNumber));
  AddVarint(before, op.value.size());
  std::string head = message.SerializeAsString();
  AddVarint(head, LengthTag(v1::MapOperation::kPutFieldNumber));
  AddVarint(head, before.size() + op.value.size());
  head += before;
  Buffer bytes = Buffer::Allocate(room + head.size() + op.value.size());
  std::byte* to = bytes.Fill().data() + room;
  std::memcpy(to, head.data(), head.size());
  std::memcpy(to + head.size(), op.value.data(), op.value.size());
  return bytes;
}

}  // namespace

Buffer EncodeMapOp(const MapOp& op, size_t room) {
  v1::MapOperation message;
  message.set_map(op.map.data(), op.map.size());
  message.set_hlc(op.hlc);
  const auto* put = std::get_if<PutOp>(&op.body);
  if (put != nullptr && put->value.size() >= kValueInPlaceMin)
    return EncodePut(message, *put, room);
  std::visit(BodyFiller{{&message}}, op.body);
  const size_t size = message.ByteSizeLong();
  Buffer bytes = Buffer::Allocate(room + size);
  if (size > 0) {
    COHORT_CHECK(message.SerializeToArray(bytes.Fill().data() + room, static_cast<int>(size)));
  }
  return bytes;
}

struct MapOpDecoder::Message {
  v1::MapOperation operation;
};

MapOpDecoder::MapOpDecoder() : message_(std::make_unique<Message>()) {}
MapOpDecoder::~MapOpDecoder() = default;
MapOpDecoder::MapOpDecoder(MapOpDecoder&&) noexcept = default;
MapOpDecoder& MapOpDecoder::operator=(MapOpDecoder&&) noexcept = default;

// Spec 8.4. False when the bytes are no operation, or hold more than is allowed.
bool MapOpDecoder::Parse(Bytes bytes) {
  v1::MapOperation& in = message_->operation;
  in_place_ = {};
  // The memory of single operations is kept from one to the next; that of a thousand items is not.
  if (in.has_batch()) delete in.release_batch();
  if (in.has_expire()) delete in.release_expire();
  if (in.has_merge()) delete in.release_merge();
  if (in.has_delta()) delete in.release_delta();
  // Nor that of a large value.
  if (keeps_large_) in = v1::MapOperation();
  keeps_large_ = false;
  if (bytes.size() > kOpBytesMax) return false;
  if (bytes.size() >= kValueInPlaceMin) {
    if (const std::optional<PutInPlace> put = TakePut(bytes)) {
      in_place_ = put->value;
      const Bytes rest = AsBytes(put->rest);
      return (rest.size() <= kCountFrom || CountsAreBounded(rest)) && in.ParseFromString(put->rest);
    }
  }
  keeps_large_ = bytes.size() > kConvergentOpBytesMax;
  return (bytes.size() <= kCountFrom || CountsAreBounded(bytes)) &&
         in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

absl::StatusOr<const MapOp*> MapOpDecoder::Decode(Bytes bytes, const Buffer* owner) {
  if (!Parse(bytes)) return absl::InvalidArgumentError("not a map operation");
  const v1::MapOperation& in = message_->operation;
  op_.map = in.map();
  op_.hlc = in.hlc();
  const int others = in.has_batch() + in.has_clear() + in.has_expire() + in.has_merge() +
                     in.has_configure() + in.has_purge() + in.has_claim() + in.has_delta();
  const bool is_item = TakeItem(in, op_.body);
  if (auto* put = std::get_if<PutOp>(&op_.body); is_item && put != nullptr && !in_place_.empty()) {
    put->value = AsText(in_place_);
    if (owner != nullptr) {
      put->shared =
          owner->Slice(static_cast<size_t>(in_place_.data() - owner->data()), in_place_.size());
    }
  }
  bool well_formed = is_item ? others == 0 : others == 1;
  if (!is_item) {
    // No item at all: two items would not pass TakeItem either, and then one of these must not help
    // them.
    well_formed = well_formed && !in.has_put() && !in.has_erase() && !in.has_increment() &&
                  !in.has_append() && !in.has_touch();
    if (in.has_batch()) well_formed = TakeBatch(in.batch(), op_) && well_formed;
    if (in.has_clear()) op_.body = ClearOp{};
    if (in.has_expire()) op_.body = From(in.expire());
    if (in.has_merge()) op_.body = From(in.merge());
    if (in.has_configure()) op_.body = From(in.configure());
    if (in.has_claim()) op_.body = ClaimOp{in.claim().key(), in.claim().epoch()};
    if (in.has_purge()) op_.body = From(in.purge());
    if (in.has_delta()) op_.body = From(in.delta());
  }
  if (!well_formed) return absl::InvalidArgumentError("a map operation has exactly one body");
  absl::Status valid = ValidateOp(op_);
  if (!valid.ok()) return valid;
  return &op_;
}

}  // namespace cohort::map
