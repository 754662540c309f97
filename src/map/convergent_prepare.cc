// What a caller asks of a convergent map, turned into an operation. By the member that writes, from
// what it holds: nothing here has to be alike elsewhere. What depends on which life an entry is in
// is decided later, when the operation leaves (ConvergentMap::Resolve).
#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/absl_bridge.h"
#include "map/convergent_map.h"
#include "map/convergent_op_codec.h"
#include "map/limits.h"

namespace cohort::map {
namespace {

// An access within this of the one before, or within a tenth of the lifetime, is not sent.
constexpr GroupTime kAccessEveryMs = 5000;

absl::Status NeedsOrder(const char* what) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    std::string(what) +
                        " needs an ordered map: members of a convergent one would judge it "
                        "differently");
}

class Preparation {
 public:
  Preparation(const ConvergentMap& map, GroupTime now, const ConvergentFence& fence)
      : map_(map), now_(now), fence_(fence) {}

  absl::Status Add(const PutOp& op);
  absl::Status Add(const EraseOp& op);
  absl::Status Add(const IncrementOp&) { return NeedsOrder("an increment"); }
  absl::Status Add(const AppendOp&) { return NeedsOrder("an append"); }
  absl::Status Add(const TouchOp& op);
  absl::Status Add(const AttributesOp& op);
  absl::Status Add(const BatchOp& op) { return AddAll(op.items); }
  absl::Status Add(const ConvergentBatchOp& op) { return AddAll(op.items); }
  template <class Item>
  absl::Status AddAll(const std::vector<Item>& items) {
    is_batch_ = true;
    for (const Item& item : items) {
      absl::Status status = std::visit([this](const auto& one) { return this->Add(one); }, item);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  absl::Status Add(const ClearOp&) {
    op_.clears = true;
    return absl::OkStatus();
  }
  absl::StatusOr<ConvergentOp> Take() &&;
  // The entry of a put of one value is on its way to the processor's cache when the operation
  // leaves, a moment later; twice, as the second step needs what the first brought.
  void Foresee(const PutOp& put) { foreseen_ = map_.Foresee(put.key); }
  template <class Other>
  void Foresee(const Other&) {}

 private:
  using Kind = ConvergentItem::Kind;
  // The item for `key`: of several writes of one operation the last counts, as all have one stamp.
  ConvergentItem& ItemFor(std::string_view key) {
    if (!is_batch_) return op_.items.emplace_back(ConvergentItem{.key = key, .kind = Kind::kTouch});
    const auto [found, is_new] = items_.try_emplace(ToAbsl(key), op_.items.size());
    if (is_new) op_.items.push_back({.key = key, .kind = Kind::kTouch});
    return op_.items[found->second];
  }
  // As the items so far leave it.
  bool IsThere(const ConvergentItem& item) const {
    if (item.kind == Kind::kErase) return false;
    if (item.kind == Kind::kReplace || MayBegin(item)) return true;
    return map_.Exists(item.key, now_);
  }
  static bool MayBegin(const ConvergentItem& item) {
    return std::any_of(item.writes.begin(), item.writes.end(),
                       [](const ConvergentItem::Write& write) { return !write.absent; });
  }
  absl::Status NotThere() {
    op_.items.clear();
    return absl::NotFoundError("no such key");
  }
  absl::Status CheckSize(const ConvergentItem& item);
  bool FitsAnyway(const ConvergentItem& item, size_t before);
  void Grow(const ConvergentItem& item, size_t wanted, size_t before);
  bool MovesUse(const Entry& held) const;
  // The lifetime that the entry has, as `item` leaves it, for the life that `put` begins.
  void KeepTtl(const ConvergentItem& item, ConvergentItem& put) const;

  const ConvergentMap& map_;
  const GroupTime now_;
  const ConvergentFence fence_;
  ConvergentOp op_;
  Map::Foreseen foreseen_;
  bool is_batch_ = false;
  absl::flat_hash_map<absl::string_view, size_t> items_;  // Of a batch.
  int64_t growth_ = 0;
};

absl::Status Preparation::Add(const PutOp& op) {
  if (op.condition != Condition::kNone) return NeedsOrder("a conditional write");
  ConvergentItem& item = ItemFor(op.key);
  const bool keeps_ttl = op.keep_ttl && IsThere(item);
  ConvergentItem put;
  put.key = op.key;
  put.kind = Kind::kReplace;
  put.writes.push_back({{}, op.value, false});
  put.sets_ttl = true;
  put.ttl_ms = op.ttl_ms;
  put.accessed_at = now_;
  if (keeps_ttl) KeepTtl(item, put);
  put.if_present = item.if_present;
  item = std::move(put);
  return CheckSize(item);
}

void Preparation::KeepTtl(const ConvergentItem& item, ConvergentItem& put) const {
  const Entry* held = item.kind == Kind::kReplace ? nullptr : map_.Find(item.key);
  if (held != nullptr) {
    put.ttl_ms = held->ttl_ms;
    if (held->expires_at != 0)
      put.accessed_at =
          std::max<GroupTime>(1, held->expires_at - static_cast<GroupTime>(held->ttl_ms));
  }
  if (item.sets_ttl) put.ttl_ms = item.ttl_ms;
  if (item.accessed_at != 0) put.accessed_at = item.accessed_at;
}

absl::Status Preparation::Add(const EraseOp& op) {
  if (op.condition != Condition::kNone) return NeedsOrder("a conditional erase");
  ConvergentItem& item = ItemFor(op.key);
  if (fence_.if_present && !IsThere(item)) return NotThere();
  // What this operation begins itself is there.
  const bool asks = fence_.if_present && (item.kind == Kind::kTouch || item.kind == Kind::kWrite);
  item = {};
  item.key = op.key;
  item.kind = Kind::kErase;
  item.if_present = asks;
  return absl::OkStatus();
}

absl::Status Preparation::Add(const TouchOp& op) {
  ConvergentItem& item = ItemFor(op.key);
  if (!IsThere(item)) return NotThere();
  item.accessed_at = now_;
  switch (op.mode) {
    case TouchOp::Mode::kRearm:
      return absl::OkStatus();
    case TouchOp::Mode::kTtl:
      item.ttl_ms = op.ttl_ms;
      break;
    case TouchOp::Mode::kExpiresAt:
      item.ttl_ms = static_cast<uint64_t>(std::max<GroupTime>(1, op.expires_at - now_));
      break;
    case TouchOp::Mode::kPersist:
      item.ttl_ms = 0;
      break;
  }
  item.sets_ttl = true;
  return absl::OkStatus();
}

// Spec 11.8
absl::Status Preparation::Add(const AttributesOp& op) {
  ConvergentItem& item = ItemFor(op.key);
  const bool is_there = IsThere(item);
  const bool only_erases = std::all_of(op.writes.begin(), op.writes.end(),
                                       [](const auto& write) { return write.absent; });
  if (!is_there && (only_erases || fence_.if_present)) return NotThere();
  // What this operation erases itself must not show through.
  item.kind =
      item.kind == Kind::kErase || item.kind == Kind::kReplace ? Kind::kReplace : Kind::kWrite;
  for (const AttributesOp::Write& write : op.writes) {
    item.writes.push_back({write.name, write.value, write.absent});
  }
  // What this operation begins itself is there.
  item.if_present |= fence_.if_present && item.kind == Kind::kWrite;
  if (op.sets_ttl && !(op.keep_ttl && is_there)) {
    item.sets_ttl = true;
    item.ttl_ms = op.ttl_ms;
  }
  if (!op.keep_ttl || !is_there) item.accessed_at = now_;
  return CheckSize(item);
}

void Preparation::Grow(const ConvergentItem& item, size_t wanted, size_t before) {
  growth_ += static_cast<int64_t>(wanted) - static_cast<int64_t>(before);
  if (before == 0) growth_ += static_cast<int64_t>(item.key.size() + kEntryOverheadBytes);
}

// Whether it fits, whatever of the `before` bytes that the entry has it replaces: to find that out
// costs more than all the rest.
bool Preparation::FitsAnyway(const ConvergentItem& item, size_t before) {
  const uint64_t cap = map_.state().settings.bytes_max;
  // With room for all that one operation may bring, so that what others of it take is no matter.
  const uint64_t most = map_.Bytes() + map_.HiddenBytes() + 2 * kConvergentOpBytesMax;
  if (cap != 0 && most > cap / 2) return false;
  const size_t wanted = SizeWith(item, Registers(), before);
  if (!map_.CheckEntrySize(item.key, wanted, before).ok()) return false;
  Grow(item, wanted, before);
  return true;
}

absl::Status Preparation::CheckSize(const ConvergentItem& item) {
  // Nor is what a new value replaces looked up, as it is hardly ever in the processor's cache.
  const bool is_new_value = item.kind == ConvergentItem::Kind::kReplace;
  if (is_new_value && FitsAnyway(item, 0)) return absl::OkStatus();
  const Entry* held = map_.Find(item.key);
  if (held != nullptr && held->tombstone) held = nullptr;
  const size_t before = held == nullptr ? 0 : held->value.size() + held->left_out;
  if (!is_new_value && FitsAnyway(item, before)) return absl::OkStatus();
  const std::optional<Registers> registers =
      held == nullptr ? std::nullopt : ParseRegisters(held->value);
  const Registers none;
  const Registers& old = registers.has_value() ? *registers : none;
  const size_t wanted = SizeWith(item, old, before);
  absl::Status fits = map_.CheckEntrySize(item.key, wanted, before);
  if (!fits.ok()) return fits;
  Grow(item, wanted, before);
  // A map that evicts takes what comes meanwhile, up to a bound.
  const MapSettings& settings = map_.state().settings;
  const uint64_t cap =
      settings.bytes_max + (settings.evicts ? settings.bytes_max / kEvictionSlack : 0);
  const uint64_t grown = map_.Bytes() + static_cast<uint64_t>(std::max<int64_t>(growth_, 0));
  const bool hides_much =
      settings.evicts && grown + map_.HiddenBytes() > settings.bytes_max * kHiddenFactor;
  if (cap != 0 && growth_ > 0 && (grown > cap || hides_much)) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "the map holds as many bytes as its cap of " + std::to_string(cap) +
                          " allows; erase entries, give them a time to live, or raise the cap");
  }
  return absl::OkStatus();
}

// A map that evicts wants to know what is used, also without a lifetime.
bool Preparation::MovesUse(const Entry& held) const {
  if (!map_.state().settings.evicts) return false;
  const std::optional<Registers> registers = ParseRegisters(held.value);
  return registers.has_value() && now_ - registers->accessed_at >= kAccessEveryMs;
}

absl::StatusOr<ConvergentOp> Preparation::Take() && {
  op_.map = map_.name();
  // Accesses that would hardly move the expiry stay here.
  const auto stays_here = [this](const ConvergentItem& item) {
    const bool only_access = item.kind == Kind::kTouch && !item.sets_ttl;
    const Entry* held = only_access ? map_.Find(item.key) : nullptr;
    if (held == nullptr) return only_access;
    if (held->expires_at == 0) return !MovesUse(*held);
    const auto ttl = static_cast<GroupTime>(held->ttl_ms);
    const GroupTime accessed = held->expires_at - ttl;
    return now_ - accessed < std::min(kAccessEveryMs, ttl / 10);
  };
  op_.items.erase(std::remove_if(op_.items.begin(), op_.items.end(), stays_here), op_.items.end());
  if (foreseen_.bucket != nullptr) foreseen_.bucket->PrefetchTags();
  if (absl::Status status = ValidateConvergentOp(op_); !status.ok()) return status;
  if (foreseen_.bucket != nullptr) foreseen_.bucket->PrefetchItem(foreseen_.hash);
  return std::move(op_);
}

}  // namespace

size_t SizeWith(const ConvergentItem& item, const Registers& held, size_t held_bytes) {
  const bool replaces = item.kind == ConvergentItem::Kind::kReplace;
  size_t wanted = replaces || held_bytes == 0 ? kRegistersHeaderBytes : held_bytes;
  for (const ConvergentItem::Write& write : item.writes) {
    wanted += write.name.size() + write.value.size() + kAttributeBytes;
    const Attribute* old = replaces ? nullptr : held.Find(write.name);
    // What a write replaces is not counted twice.
    if (old != nullptr)
      wanted -= std::min(wanted, old->name.size() + old->value.size() + kAttributeBytes);
  }
  return wanted;
}

// Spec 11.10, 11.22
absl::Status ConvergentMap::CheckEntrySize(std::string_view key, size_t wanted,
                                           size_t before) const {
  if (wanted <= before) return absl::OkStatus();
  if (wanted > kRegistersBytesMax) {
    return MakeStatus(absl::StatusCode::kInvalidArgument,
                      "the entry would have about " + std::to_string(wanted) + " bytes; at most " +
                          std::to_string(kRegistersBytesMax) +
                          " are allowed in a convergent map, split it over several keys");
  }
  const MapSettings& settings = state_.settings;
  const uint64_t cost = key.size() + wanted + kEntryOverheadBytes;
  if (!settings.evicts || settings.bytes_max == 0 || cost <= settings.bytes_max)
    return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kResourceExhausted,
                    "the entry alone would have " + std::to_string(cost) +
                        " bytes, more than the map's cap of " + std::to_string(settings.bytes_max));
}

absl::StatusOr<ConvergentOp> PrepareConvergent(const ConvergentMap& map,
                                               const ConvergentRequest& request, GroupTime now,
                                               const ConvergentFence& fence) {
  Preparation preparation(map, now, fence);
  absl::Status status = std::visit(
      [&preparation](const auto& body) {
        preparation.Foresee(body);
        return preparation.Add(body);
      },
      request);
  if (!status.ok()) return status;
  absl::StatusOr<ConvergentOp> op = std::move(preparation).Take();
  if (op.ok()) {
    if (fence.by_owner && op->clears)
      return MakeStatus(absl::StatusCode::kInvalidArgument, "a clear asks for no owner");
    for (ConvergentItem& item : op->items) item.by_owner = fence.by_owner;
  }
  return op;
}

}  // namespace cohort::map
