#include "map/merge_planner.h"

#include <algorithm>
#include <set>
#include <utility>

#include "map/convergent_entry.h"
#include "map/map_op_codec.h"
#include "map/merge_claims.h"

namespace cohort::map {
namespace {

// Fields of one merged entry on the wire, generously.
constexpr size_t kEntryFieldBytes = 80;

}  // namespace

MergePlanner::MergePlanner(const MapSet& carried, const ViewHistory& current, uint64_t horizon_ms,
                           size_t first_bucket, const Resolvers* resolvers, uint64_t joined_in)
    : carried_(&carried),
      base_(carried.history().CommonWith(current)),
      group_went_on_(
          current.HasBetween(base_.last.num, joined_in == 0 ? current.last().num : joined_in)),
      horizon_ms_(horizon_ms),
      first_bucket_(first_bucket % kBucketsPerMap),
      resolvers_(resolvers) {}

uint64_t MergePlanner::BaseNumber() const {
  return base_.kind == ViewHistory::Base::Kind::kKnown ? base_.last.num : 0;
}

// Spec 8.25
void MergePlanner::PlanEntry(const std::string& key, const Entry& theirs, const Entry* ours,
                             GroupTime now) {
  const bool left_alone = theirs.view.num < BaseNumber();
  if (left_alone) return;
  // Spec 8.27
  if (base_.kind == ViewHistory::Base::Kind::kForgotten && theirs.expires_at == 0) {
    const auto written = static_cast<GroupTime>(theirs.version.time >> 16);
    if (now > written && static_cast<uint64_t>(now - written) > horizon_ms_) {
      ++stats_.dropped_stale;
      return;
    }
  }
  // Erased and expired keys travel as tombstones, also where nobody has the key: a third side may
  // still bring an older value of it.
  if (theirs.tombstone || theirs.IsExpired(now)) {
    if (ours != nullptr && ours->tombstone && theirs.version <= ours->version) return;
    Entry erased;
    erased.version = theirs.version;
    erased.tombstone = true;
    ready_.push_back({key, std::move(erased)});
    return;
  }
  if (ours != nullptr && ours->version == theirs.version &&
      ours->value.text() == theirs.value.text() && ours->tombstone == theirs.tombstone) {
    return;
  }
  if (PlanResolved(key, theirs, ours, now)) return;
  ready_.push_back({key, theirs});
}

std::optional<std::string> MergePlanner::Resolve(const BothWritten& both) const {
  std::optional<std::string> value = (*resolver_)(both);
  if (value.has_value() && value->size() > kValueBytesMax) return std::nullopt;
  return value;
}

// Spec 8.28. Whether a resolver has settled it.
bool MergePlanner::PlanResolved(const std::string& key, const Entry& theirs, const Entry* ours,
                                GroupTime now) {
  if (resolver_ == nullptr || tries_ >= kResolveTriesMax || ours == nullptr || ours->tombstone ||
      ours->IsExpired(now) || ours->view.num < BaseNumber() ||
      ours->value.text() == theirs.value.text())
    return false;
  const uint64_t time = std::max(ours->version.time, theirs.version.time) + 1;
  const std::optional<std::string> value =
      Resolve({key, {}, ours->value.text(), theirs.value.text()});
  if (!value.has_value() || time >= kHlcMax) return false;
  // As another carrier of this side has settled it.
  if (*value == ours->value.text() && theirs.version < ours->version) return true;
  Entry entry = theirs.version < ours->version ? *ours : theirs;  // Its lifetime.
  entry.value = Buffer::CopyOf(*value);
  entry.version = {time, 0};
  ++stats_.resolved;
  ready_.push_back({key, std::move(entry), ours->version, tries_ + 1});
  return true;
}

// The same of attributes of one entry; returns the greatest stamp given. No version is asked for:
// what is written at the same moment is later, and stays.
Version MergePlanner::ResolveAttributes(const std::string& key, Registers& registers,
                                        const Registers& held, std::deque<std::string>& values) {
  Version greatest;
  for (Attribute& attribute : registers.attributes) {
    const Attribute* other = held.Find(attribute.name);
    if (other == nullptr || other->absent || attribute.absent || other->view < BaseNumber() ||
        attribute.view < BaseNumber() || other->value == attribute.value)
      continue;
    const bool is_held_later = IsLater(*other, attribute);
    const uint64_t time = std::max(other->mark.stamp.time, attribute.mark.stamp.time) + 1;
    std::optional<std::string> value =
        Resolve({key, attribute.name, other->value, attribute.value});
    if (!value.has_value() || time >= kHlcMax || (is_held_later && *value == other->value))
      continue;
    attribute.mark = {std::max(other->mark.life, attribute.mark.life), {time, 0}};
    attribute.value = values.emplace_back(*std::move(value));
    greatest = std::max(greatest, attribute.mark.stamp);
    ++stats_.resolved;
  }
  return greatest;
}

// What a resolver has made is applied, or its entry was written to before: then once more.
std::optional<Buffer> MergePlanner::NextAgain(const MapSet& current, uint64_t hlc) {
  const std::vector<Owned> sent = std::exchange(unsettled_, {});
  const Map* theirs = carried_->Find(unsettled_map_);
  const Map* ours = current.Find(unsettled_map_);
  if (theirs == nullptr || ours == nullptr) return std::nullopt;
  std::vector<Owned> later = std::exchange(ready_, {});
  const Resolver* of_later = std::exchange(resolver_, ResolverOf(unsettled_map_));
  for (const Owned& one : sent) {
    const Entry* held = ours->Find(one.key);
    const Entry* carried = theirs->Find(one.key);
    if (carried == nullptr || (held != nullptr && held->version == one.entry.version)) continue;
    tries_ = one.tries;
    PlanEntry(one.key, *carried, held, static_cast<GroupTime>(hlc >> 16));
  }
  tries_ = 0;
  resolver_ = of_later;
  const std::vector<Owned> again = std::exchange(ready_, std::move(later));
  if (again.empty()) return std::nullopt;
  return Encode(unsettled_map_, {.subgroup = carried_->history().last(), .base = BaseNumber()},
                again, hlc);
}

const Resolver* MergePlanner::ResolverOf(std::string_view map) const {
  if (resolvers_ == nullptr) return nullptr;
  const auto found = resolvers_->find(map);
  return found == resolvers_->end() ? nullptr : &found->second;
}

std::optional<Buffer> MergePlanner::Encode(const std::string& map, MergeOp merge,
                                           const std::vector<Owned>& taken, uint64_t hlc) {
  for (const Owned& owned : taken) {
    MergeEntry& entry = merge.entries.emplace_back();
    entry.key = owned.key;
    entry.value = owned.entry.value.text();
    entry.version = owned.entry.version;
    if (merge.convergent) continue;  // The registers say the rest.
    entry.expires_at = owned.entry.expires_at;
    entry.ttl_ms = owned.entry.ttl_ms;
    entry.tombstone = owned.entry.tombstone;
    entry.replaces = owned.replaces;
    if (owned.replaces != Version::None()) unsettled_.push_back(owned);
  }
  unsettled_map_ = map;
  stats_.published += taken.size();
  return EncodeMapOp({.map = map, .hlc = hlc, .body = std::move(merge)});
}

// Spec 11.18. The registers that this side wrote since the sides parted, or all of an entry that
// the other side does not know.
void MergePlanner::PlanRegisters(const std::string& key, const Entry& theirs, const Entry* ours,
                                 GroupTime now) {
  if (theirs.view.num < BaseNumber()) return;
  if (base_.kind == ViewHistory::Base::Kind::kForgotten && theirs.expires_at == 0) {
    const auto written = static_cast<GroupTime>(theirs.version.time >> 16);
    if (now > written && static_cast<uint64_t>(now - written) > horizon_ms_) {
      ++stats_.dropped_stale;
      return;
    }
  }
  if (ours != nullptr && ours->Says(theirs)) return;
  if (theirs.version == Version::None()) return;  // An access to what never came.
  std::optional<Registers> registers = ParseRegisters(theirs.value);
  if (!registers.has_value()) return;
  const std::optional<Registers> held =
      ours == nullptr ? std::nullopt : ParseRegisters(ours->value);
  Version version = theirs.version;
  // Of what is over there, or of what this side shall put into the place of another life, nothing
  // may be left when this arrives: it travels whole.
  const bool replaces = held.has_value() && held->claim.epoch < registers->claim.epoch &&
                        held->created != registers->created;
  if (held.has_value() && held->IsAlive() && !replaces)
    version = std::max(version, LeaveOutOld(theirs, *held, *registers));
  if (held.has_value() && held->claim.epoch > registers->claim.epoch) {
    const bool went_on = carried_->history().last().num > BaseNumber();
    Yield(*registers, *held, BaseNumber(), went_on);
  } else if (held.has_value() && held->claim.epoch < registers->claim.epoch) {
    Prevail(*registers, *held, BaseNumber(), group_went_on_);
    version = std::max(version, registers->Latest());
  }
  std::deque<std::string> values;
  if (resolver_ != nullptr && held.has_value() && held->IsAlive() && registers->IsAlive()) {
    version = std::max(version, ResolveAttributes(key, *registers, *held, values));
    if (!values.empty()) registers->created = std::max(registers->created, held->created);
  }
  ready_.push_back({key, EntryOf(*registers, version)});
}

// Leaves of the attributes those that this side wrote since the sides parted, and adds those that
// it must have erased: what the other side left alone and this one does not have, with or without a
// marker. Their stamps are just above the group's; returns the greatest.
Version MergePlanner::LeaveOutOld(const Entry& theirs, const Registers& held,
                                  Registers& registers) {
  Version inferred;
  auto& attributes = registers.attributes;
  const auto left_alone =
      std::remove_if(attributes.begin(), attributes.end(),
                     [this](const Attribute& attribute) { return attribute.view < BaseNumber(); });
  attributes.erase(left_alone, attributes.end());
  if (base_.kind != ViewHistory::Base::Kind::kKnown) return inferred;
  if (!registers.IsAlive()) return inferred;  // Its end says it.
  const std::optional<Registers> all = ParseRegisters(theirs.value);
  for (const Attribute& attribute : held.attributes) {
    if (attribute.absent || attribute.view >= BaseNumber() ||
        all->Find(attribute.name) != nullptr || attribute.mark.life < registers.floor)
      continue;
    Attribute erased = attribute;
    erased.value = {};
    erased.mark.stamp = {attribute.mark.stamp.time + 1, 0};
    inferred = std::max(inferred, erased.mark.stamp);
    erased.absent = true;
    registers.Add(erased);
    registers.view = std::max(registers.view, erased.view);
    ++stats_.inferred;
  }
  return inferred;
}

void MergePlanner::PlanBucket(size_t bucket, const Map& theirs, const Map* ours, GroupTime now) {
  if (ours != nullptr && ours->BucketDigest(bucket) == theirs.BucketDigest(bucket)) return;
  for (const auto& [key, entry] : theirs.EntriesOf(bucket)) {
    const Entry* held = ours == nullptr ? nullptr : ours->Find(*key);
    if (theirs.convergent()) {
      PlanRegisters(*key, *entry, held, now);
    } else {
      PlanEntry(*key, *entry, held, now);
    }
  }
  if (ours == nullptr || base_.kind != ViewHistory::Base::Kind::kKnown) return;
  // What this side left alone and the other one no longer has was erased there, with or without a
  // tombstone.
  for (const auto& [key, entry] : ours->EntriesOf(bucket)) {
    if (entry->tombstone || entry->view.num >= BaseNumber() || theirs.Find(*key) != nullptr)
      continue;
    Entry erased;
    // The least version above ours: whatever is written here meanwhile outlives it.
    erased.version = {entry->version.time + 1, 0};
    erased.tombstone = true;
    if (theirs.convergent()) {
      Registers end;
      end.floor = erased.version;
      erased = EntryOf(end, end.floor);
    }
    ready_.push_back({*key, std::move(erased)});
    ++stats_.inferred;
  }
}

// Fills `ready_` from the next bucket that has something to say; false when all maps are done.
bool MergePlanner::Advance(const MapSet& current, GroupTime now) {
  ready_.clear();
  ready_at_ = 0;
  for (; map_ < carried_->size(); ++map_, swept_ = 0) {
    const Map& theirs = *carried_->Get(map_);
    const Map* ours = current.Find(theirs.name());
    // One name, two kinds: nothing of this side's map can be in the other's.
    if (ours != nullptr && ours->convergent() != theirs.convergent()) continue;
    resolver_ = ResolverOf(theirs.name());
    // The clear travels with the first entries of its map, or alone.
    if (swept_ == 0 && NeedsCleared(theirs, ours)) clear_pending_ = true;
    while (swept_ < kBucketsPerMap) {
      PlanBucket((first_bucket_ + swept_) % kBucketsPerMap, theirs, ours, now);
      ++swept_;
      if (!ready_.empty()) return true;
    }
    if (clear_pending_) return true;
  }
  return false;
}

bool MergePlanner::NeedsCleared(const Map& theirs, const Map* ours) const {
  const Version cleared = theirs.state().cleared;
  return cleared != Version::None() && base_.kind != ViewHistory::Base::Kind::kForgotten &&
         (ours == nullptr || ours->state().cleared < cleared);
}

// Maps that only this side has opened, empty ones too: their users go on with them.
std::optional<Buffer> MergePlanner::NextConfigure(const MapSet& current, uint64_t hlc) {
  while (configured_ < carried_->size()) {
    const Map& theirs = *carried_->Get(configured_++);
    const Map* ours = current.Find(theirs.name());
    if (!theirs.state().configured || (ours != nullptr && ours->state().configured)) continue;
    return EncodeMapOp(
        {.map = theirs.name(), .hlc = hlc, .body = ConfigureOp{theirs.state().settings}});
  }
  return std::nullopt;
}

std::optional<Buffer> MergePlanner::Next(const MapSet& current, uint64_t hlc) {
  if (done_) return std::nullopt;
  if (std::optional<Buffer> configure = NextConfigure(current, hlc)) return configure;
  if (waits()) {
    if (std::optional<Buffer> again = NextAgain(current, hlc)) return again;
  }
  const auto now = static_cast<GroupTime>(hlc >> 16);
  MergeOp merge;
  merge.subgroup = carried_->history().last();
  merge.base = BaseNumber();
  std::vector<Owned> taken;
  std::string name;
  size_t bytes = 0;
  while (true) {
    if (ready_at_ == ready_.size() && !clear_pending_) {
      // Another map's entries go into another operation.
      const bool map_changes = !name.empty() && swept_ >= kBucketsPerMap;
      if (map_changes || !Advance(current, now)) break;
      if (!name.empty() && carried_->Get(map_)->name() != name) break;
    }
    name = carried_->Get(map_)->name();
    merge.convergent = carried_->Get(map_)->convergent();
    if (std::exchange(clear_pending_, false)) merge.cleared = carried_->Get(map_)->state().cleared;
    if (ready_at_ == ready_.size()) continue;
    Owned& next = ready_[ready_at_];
    const size_t size = next.key.size() + next.entry.value.size() + kEntryFieldBytes;
    if (!taken.empty() && (bytes + size > kMergeBytesAim || taken.size() >= kMergeEntriesMax))
      break;
    bytes += size;
    taken.push_back(std::move(next));
    ++ready_at_;
  }
  merge.last = name.empty();
  done_ = merge.last;
  if (merge.last) name = carried_->size() > 0 ? carried_->Get(0)->name() : "main";
  return Encode(name, std::move(merge), taken, hlc);
}

uint64_t MergePlanner::CountDropped(const MapSet& carried, const MapSet& current) {
  uint64_t dropped = 0;
  for (uint32_t id = 0; id < carried.size(); ++id) {
    const Map& theirs = *carried.Get(id);
    const Map* ours = current.Find(theirs.name());
    for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
      if (ours != nullptr && ours->BucketDigest(bucket) == theirs.BucketDigest(bucket)) continue;
      for (const auto& [key, entry] : theirs.EntriesOf(bucket)) {
        if (entry->tombstone) continue;
        const Entry* held = ours == nullptr ? nullptr : ours->Find(*key);
        if (held == nullptr || held->version != entry->version) ++dropped;
      }
    }
  }
  return dropped;
}

}  // namespace cohort::map
