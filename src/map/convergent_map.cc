#include "map/convergent_map.h"

#include <algorithm>
#include <utility>

#include "base/absl_bridge.h"
#include "base/overloaded.h"
#include "map/limits.h"
#include "map/merge_claims.h"

namespace cohort::map {
namespace {

ApplyResult Refused(absl::StatusCode code, const char* why) {
  ApplyResult result;
  result.status = MakeStatus(code, why);
  return result;
}

GroupTime MillisOf(uint64_t time) { return static_cast<GroupTime>(time >> 16); }

// What becomes of the life of an entry, said by the item itself or by the operation's stamp.
Life LifeOf(const ConvergentItem& item, const ConvergentStamp& stamp, size_t& next) {
  if (item.NeedsLife()) return stamp.lives[next++];
  const bool begins = item.kind == ConvergentItem::Kind::kReplace;
  return {begins ? Life::Kind::kBeginsAnew : Life::Kind::kNothing, {}};
}

// The registers that `item` writes, all with one stamp.
Registers DeltaOf(const ConvergentItem& item, const Life& life, const Stamp& stamp, uint64_t mark,
                  uint64_t view) {
  Registers delta;
  delta.view = view;
  const bool begins = life.kind == Life::Kind::kBegins || life.kind == Life::Kind::kBeginsAnew;
  if (item.kind == ConvergentItem::Kind::kErase || life.kind == Life::Kind::kBeginsAnew) {
    delta.floor = stamp;
  } else if (life.kind == Life::Kind::kBegins && mark != 0) {
    delta.floor = {mark, UINT64_MAX};
  }
  if (item.kind == ConvergentItem::Kind::kErase) return delta;
  delta.created = begins ? stamp : life.begun;
  if (item.sets_ttl || begins) {
    delta.ttl = {delta.created, stamp};
    delta.ttl_ms = item.sets_ttl ? item.ttl_ms : 0;
  }
  if (item.accessed_at != 0 || begins) {
    delta.access = {delta.created, stamp};
    delta.accessed_at = item.accessed_at != 0 ? item.accessed_at : MillisOf(stamp.time);
  }
  for (const ConvergentItem::Write& write : item.writes) {
    delta.Add({write.name, write.value, {delta.created, stamp}, view, write.absent});
  }
  return delta;
}

bool HaveSameAttributes(const Registers& a, const Registers& b) {
  return std::equal(a.attributes.begin(), a.attributes.end(), b.attributes.begin(),
                    b.attributes.end(), [](const Attribute& one, const Attribute& other) {
                      return one.name == other.name && one.mark == other.mark;
                    });
}

// Spec 11.18. To a third side, with whom this one parted later, what comes is news of `view`. What
// is here already is as old as it was: it must not seem to be written after what that side wrote.
void NoteNews(const std::optional<Registers>& ours, Registers& registers, uint64_t view) {
  for (Attribute& attribute : registers.attributes) {
    const Attribute* mine = ours.has_value() ? ours->Find(attribute.name) : nullptr;
    const bool is_here = mine != nullptr && mine->mark == attribute.mark &&
                         mine->absent == attribute.absent && mine->value == attribute.value;
    attribute.view = is_here ? mine->view : view;
  }
  registers.view = ours.has_value() ? ours->view : view;
  // Whatever of it is here by a write of this view, by that write is of this view, too.
  if (ours.has_value() && Join(*ours, registers) != *ours) registers.view = view;
}

// Its owner has written to it, and whose it is, and how long it lives, is as before.
bool GoesOn(const std::optional<Registers>& before, const Registers& after,
            const MemberId& writer) {
  return before.has_value() && before->IsAlive() && after.IsAlive() &&
         before->created == after.created && before->claim == after.claim &&
         before->ttl == after.ttl && IsWordOf(after.Owner(), writer);
}

Map::Options Convergent(Map::Options options) {
  options.settings.convergent = true;
  return options;
}

}  // namespace

ConvergentMap::ConvergentMap(std::string name, Options options)
    : Map(std::move(name), Convergent(options)) {}

ApplyResult ConvergentMap::Apply(const MapOp& op, const Place& place, Output& out) {
  ApplyResult result = std::visit(
      Overloaded{
          [&](const ConfigureOp& configure) { return ApplyConfigure(configure); },
          [&](const ExpireOp& expire) { return ApplyExpire(expire, op.hlc, place, out); },
          [&](const MergeOp& merge) { return ApplyMerge(merge, place, out); },
          [&](const PurgeOp& purge) { return ApplyPurge(purge, op.hlc, place); },
          [&](const ClaimOp& claim) { return ApplyClaim(claim, op.hlc, place, out); },
          [&](const DeltaOp& delta) { return ApplyDelta(delta, op.hlc, place, out); },
          [&](const auto&) {
            return Refused(absl::StatusCode::kFailedPrecondition,
                           "this is a convergent map: it has no place in the total order for a "
                           "write; the operation needs an ordered map");
          },
      },
      op.body);
  if (result.applied) ++stats_.applied;
  if (!result.status.ok()) ++stats_.refused;
  return result;
}

// Spec 11.8
absl::StatusOr<Life> ConvergentMap::LifeFor(const ConvergentItem& item, GroupTime now) const {
  const Entry* entry = Find(item.key);
  if (entry != nullptr && entry->IsVisible(now)) {
    const size_t before = entry->value.size() + entry->left_out;
    const auto fits = [&](const std::optional<Registers>& held) {
      return CheckEntrySize(item.key, SizeWith(item, held.value_or(Registers()), before), before);
    };
    // Others may have made it larger meanwhile. Seldom so much that it has to be read for that.
    if (!fits(std::nullopt).ok()) {
      if (absl::Status status = fits(RegistersOf(*entry)); !status.ok()) return status;
    }
    return Life{Life::Kind::kGoesOn, CreatedIn(entry->value)};
  }
  const bool may_begin =
      item.kind == ConvergentItem::Kind::kWrite && !item.if_present &&
      !std::all_of(item.writes.begin(), item.writes.end(), [](const auto& w) { return w.absent; });
  if (!may_begin) return absl::NotFoundError("the entry has gone before the write left");
  return Life{entry == nullptr ? Life::Kind::kBegins : Life::Kind::kBeginsAnew, {}};
}

absl::Status ConvergentMap::Resolve(const ConvergentOp& op, const MemberId& writer,
                                    const ConvergentMap* brought, ConvergentStamp& stamp) const {
  stamp.mark = state_.forgotten;
  stamp.lives.clear();
  for (const ConvergentItem& item : op.items) {
    if (item.by_owner && IsOwnedByAnother(item.key, writer, MillisOf(stamp.time))) {
      return MakeStatus(absl::StatusCode::kAborted,
                        "another member owns the entry; claim it before writing to it");
    }
    // What this side of the partition wrote after that claim is on its way here, and wins (11.26).
    if (item.by_owner && brought != nullptr && brought->HasLaterClaim(item.key, *this)) {
      return MakeStatus(absl::StatusCode::kAborted,
                        "this member still merges a later claim of the entry; claim it after that");
    }
    if (item.NeedsLife()) {
      const absl::StatusOr<Life> life = LifeFor(item, MillisOf(stamp.time));
      if (!life.ok()) return life.status();
      stamp.lives.push_back(*life);
    } else if (item.if_present && !Exists(item.key, MillisOf(stamp.time))) {
      return absl::NotFoundError("the entry has gone before the write left");
    }
  }
  return absl::OkStatus();
}

// Spec 11.9
ApplyResult ConvergentMap::Join(const ConvergentOp& op, const ConvergentStamp& given,
                                const ConvergentPlace& place, Output& out) {
  const Stamp stamp{given.time, WriterWord(place.writer)};
  ApplyResult result;
  if (given.lives.size() != op.Lives())
    return Refused(absl::StatusCode::kInvalidArgument, "the stamp does not fit the operation");
  result.version = stamp;
  if (op.clears) {
    result.number +=
        static_cast<int64_t>(JoinCleared(stamp, ChangeCause::kClear, place.writer, out));
    result.applied = true;
  }
  size_t next_life = 0;
  for (const ConvergentItem& item : op.items) {
    const Life life = LifeOf(item, given, next_life);
    const bool erases = item.kind == ConvergentItem::Kind::kErase;
    if (life.kind == Life::Kind::kNothing && !erases) continue;
    if (erases && Exists(item.key, MillisOf(stamp.time))) ++result.number;
    const Registers delta = DeltaOf(item, life, stamp, given.mark, place.view.num);
    const bool is_touch = item.kind == ConvergentItem::Kind::kTouch;
    result.applied |=
        JoinEntry(item.key, delta, is_touch ? Stamp() : stamp,
                  erases ? ChangeCause::kErase : ChangeCause::kPut, place.writer, out);
  }
  if (result.applied) ++stats_.applied;
  return result;
}

// Nothing but a tombstone, of which the clear mark says as much.
bool ConvergentMap::IsCleared(const Registers& registers, const Version& version) const {
  return !keeps_all_ && registers.IsEmpty() &&
         std::max(version, registers.Latest()) <= state_.cleared;
}

std::optional<Registers> ConvergentMap::RegistersOf(const Entry& entry) const {
  return ParseRegisters(entry.value);
}

// Spec 11.3
Registers ConvergentMap::JoinTo(const Entry* ours, const Registers& theirs,
                                std::optional<Registers>& held) const {
  if (ours == nullptr) return theirs;
  if (std::optional<Registers> joined = JoinIfOver(*ours, theirs)) return *std::move(joined);
  held = RegistersOf(*ours);
  return held.has_value() ? map::Join(*held, theirs) : theirs;
}

// Spec 11.3
bool ConvergentMap::JoinEntry(std::string_view key, const Registers& theirs, const Version& version,
                              ChangeCause cause, const MemberId& writer, Output& out) {
  const uint64_t hash = HashOf(key);
  const Entry* ours = FindHashed(hash, key);
  // Given back below, which is to write to it.
  if (ours != nullptr) __builtin_prefetch(ours->value.data(), 1);
  std::optional<Registers> held;
  Registers joined = JoinTo(ours, theirs, held);
  joined.RaiseFloor(state_.cleared);
  // A touch may come before the beginning of the life it touches, and has no version of its own;
  // nor has a claim.
  const Version known = std::max(version, joined.created);
  // What ends an entry is its last version, also where it is kept for a claim in it.
  const Version before = ours == nullptr ? Version() : ours->version;
  const Version latest = std::max({before, known, joined.floor});
  state_.greatest = std::max({state_.greatest, latest.time, theirs.Latest().time});
  if (IsCleared(joined, latest)) {
    if (ours == nullptr) return false;
    const Entry gone{.version = latest, .tombstone = true};
    Feed(key, ours, gone, cause, writer, out);
    Remove(hash, key);
    return true;
  }
  Entry entry = EntryOf(joined, latest);
  if (ours != nullptr && entry.Says(*ours)) return false;
  // Accesses and lifetimes are not fed, as in ordered maps.
  const bool same_contents = held.has_value() && held->IsAlive() && joined.IsAlive() &&
                             ours->version == latest && held->claim == joined.claim &&
                             HaveSameAttributes(*held, joined);
  Change* const change = same_contents ? nullptr : Feed(key, ours, entry, cause, writer, out);
  if (change != nullptr)
    change->by_owner = cause == ChangeCause::kPut && GoesOn(held, joined, writer);
  Store(hash, key, std::move(entry));
  return true;
}

Change* ConvergentMap::Feed(std::string_view key, const Entry* before, const Entry& after,
                            ChangeCause cause, const MemberId& writer, Output& out) const {
  if (!out.wants_changes) return nullptr;
  const bool was_there = before != nullptr && !before->tombstone;
  // A write to a life that has ended, or whose beginning has not arrived yet.
  const bool hides = cause == ChangeCause::kExpire || cause == ChangeCause::kEvict;
  const bool tells_end = cause != ChangeCause::kPut && !hides;
  if (!was_there && after.tombstone && !tells_end) return nullptr;
  Change& change = out.changes.emplace_back();
  change.map = id();
  change.cause = cause;
  if (cause == ChangeCause::kPut && after.tombstone) change.cause = ChangeCause::kErase;
  const bool ends = cause == ChangeCause::kErase || hides;
  if (ends && !after.tombstone) change.cause = ChangeCause::kPut;
  change.key = key;
  if (!after.tombstone) change.value = UnnamedValueOf(after.value);
  change.version = after.version;
  change.writer = writer;
  change.begins = !was_there && !after.tombstone;
  return &change;
}

// Spec 11.11. One change tells of it, and one of each entry that is left, with what is left of it.
uint64_t ConvergentMap::JoinCleared(const Version& cleared, ChangeCause cause,
                                    const MemberId& writer, Output& out) {
  if (cleared <= state_.cleared) return 0;
  state_.cleared = cleared;
  state_.greatest = std::max(state_.greatest, cleared.time);
  if (cause == ChangeCause::kClear && out.wants_changes) {
    out.changes.push_back({id(), ChangeCause::kClear, {}, {}, cleared, writer});
  }
  uint64_t removed = 0;
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
    std::vector<std::pair<std::string, Entry>> touched;
    for (const auto& [key, entry] : EntriesOf(bucket)) touched.emplace_back(*key, *entry);
    for (const auto& [key, entry] : touched) {
      std::optional<Registers> registers = RegistersOf(entry);
      if (!registers.has_value()) continue;
      const size_t attributes = registers->attributes.size();
      registers->RaiseFloor(cleared);
      const bool is_left = registers->IsAlive();
      removed += !entry.tombstone && !is_left ? 1 : 0;
      if (IsCleared(*registers, entry.version)) {
        if (cause != ChangeCause::kClear && !entry.tombstone && out.wants_changes) {
          out.changes.push_back({id(), cause, key, {}, cleared, writer});
        }
        Remove(HashOf(key), key);
        continue;
      }
      Entry after = EntryOf(*registers, std::max(entry.version, registers->floor));
      if (after.Says(entry)) continue;
      // A clear is told once for all, but what is left has to be told of after it.
      if (cause != ChangeCause::kClear) {
        const bool lost_some = registers->attributes.size() != attributes;
        if (is_left != !entry.tombstone || lost_some) Feed(key, &entry, after, cause, writer, out);
      } else if (is_left) {
        Feed(key, &entry, after, ChangeCause::kPut, writer, out);
      }
      Store(HashOf(key), key, std::move(after));
    }
  }
  return removed;
}

// Spec 11.17
void ConvergentMap::NoteCaretaker(const MemberId& writer) {
  const uint64_t word = WriterWord(writer);
  if (std::exchange(state_.caretaker, word) != word) ++state_.epoch;
}

// Spec 11.15. Whatever is later than what the sender saw goes on. The version is the operation's
// time, because who writes what is not later has not applied it yet.
ApplyResult ConvergentMap::ApplyExpire(const ExpireOp& op, uint64_t hlc, const Place& place,
                                       Output& out) {
  ApplyResult result;
  NoteCaretaker(place.writer);
  // What is over stays so; but whether a map is full another view may see otherwise.
  if (op.evicts && op.view != place.view.num) return result;
  for (const ExpireOp::Key& expired : op.keys) {
    Registers end;
    end.expired = {expired.life, expired.version};
    end.view = place.view.num;
    const auto is_there = [&] {
      const Entry* ours = Find(expired.key);
      return ours != nullptr && !ours->tombstone;
    };
    const bool was_there = is_there();
    JoinEntry(expired.key, end, {hlc, 0}, op.evicts ? ChangeCause::kEvict : ChangeCause::kExpire,
              place.writer, out);
    if (was_there && !is_there()) ++result.number;
  }
  if (op.evicts) stats_.evicted += static_cast<uint64_t>(result.number);
  result.applied = result.number > 0;
  return result;
}

// Spec 11.20. Claims and the number of them change in total order only, so all judge alike.
ApplyResult ConvergentMap::ApplyClaim(const ClaimOp& op, uint64_t hlc, const Place& place,
                                      Output& out) {
  const uint64_t epoch = ClaimOf(op.key).epoch;
  if (epoch != op.epoch) {
    return Refused(absl::StatusCode::kAborted,
                   "another member has claimed the entry meanwhile; look who owns it");
  }
  Registers claimed;
  claimed.claim = {epoch + 1, WriterWord(place.writer)};
  claimed.view = place.view.num;
  ApplyResult result;
  // No change of contents: what the owner before has written, and what is still on its way here,
  // is to be seen by the version, though it is older than the claim.
  result.applied = JoinEntry(op.key, claimed, Stamp(), ChangeCause::kPut, place.writer, out);
  state_.greatest = std::max(state_.greatest, hlc);
  const Entry* entry = Find(op.key);
  if (entry != nullptr) result.version = entry->version;
  result.number = static_cast<int64_t>(epoch + 1);
  return result;
}

// What was claimed stays so while it is not there, so that nobody makes it again by right.
bool ConvergentMap::IsOwnedByAnother(std::string_view key, const MemberId& member,
                                     GroupTime now) const {
  const Entry* entry = Find(key);
  if (entry == nullptr || (!HasClaim(entry->value) && !entry->IsVisible(now))) return false;
  return !IsWordOf(OwnerIn(entry->value), member);
}

Ownership ConvergentMap::ClaimOf(std::string_view key) const {
  const Entry* entry = Find(key);
  return entry == nullptr ? Ownership() : ClaimIn(entry->value);
}

bool ConvergentMap::HasLaterClaim(std::string_view key, const ConvergentMap& than) const {
  return ClaimOf(key).epoch > than.ClaimOf(key).epoch;
}

std::optional<uint64_t> ConvergentMap::OwnerOf(std::string_view key, GroupTime now) const {
  const Entry* entry = Find(key);
  if (entry == nullptr || !entry->IsVisible(now)) return std::nullopt;
  return OwnerIn(entry->value);
}

// Spec 11.18
ApplyResult ConvergentMap::ApplyMerge(const MergeOp& op, const Place& place, Output& out) {
  if (op.last) out.merged.push_back({op.subgroup, place.writer});
  if (!op.convergent) {
    return Refused(
        absl::StatusCode::kFailedPrecondition,
        "the other side has opened this map as an ordered one: its entries are left out");
  }
  ApplyResult result;
  ++state_.epoch;
  result.number =
      static_cast<int64_t>(JoinCleared(op.cleared, ChangeCause::kMerge, place.writer, out));
  for (const MergeEntry& theirs : op.entries) {
    std::optional<Registers> registers = ParseRegisters(AsBytes(theirs.value));
    if (!registers.has_value()) {
      result.status = absl::InvalidArgumentError("a merged entry has malformed registers");
      continue;
    }
    const Entry* entry = Find(theirs.key);
    const std::optional<Registers> ours = entry == nullptr ? std::nullopt : RegistersOf(*entry);
    if (ours.has_value()) ReportLosses(theirs.key, *ours, *registers, op, out);
    registers->claim = SettleClaims(ClaimOf(theirs.key), registers->claim);  // Spec 11.26
    NoteNews(ours, *registers, place.view.num);
    if (JoinEntry(theirs.key, *registers, theirs.version, ChangeCause::kMerge, place.writer, out))
      ++result.number;
  }
  result.applied = result.number > 0;
  out.merge.CountTaken(static_cast<uint64_t>(result.number));
  return result;
}

// Spec 11.19. What was written on both sides since they parted, attribute by attribute.
void ConvergentMap::ReportLosses(std::string_view key, const Registers& ours,
                                 const Registers& theirs, const MergeOp& op, Output& out) {
  const auto report = [&](const Stamp& winner, bool winner_erased, const Attribute& loser,
                          bool loser_carried) {
    if (loser.view < op.base) return;
    out.merge.Add({.map = id(),
                   .key = std::string(key),
                   .winner = winner,
                   .loser = loser.mark.stamp,
                   .loser_bytes = loser.value.size(),
                   .loser_erased = loser.absent,
                   .winner_erased = winner_erased,
                   .loser_carried = loser_carried});
    ++stats_.conflicts;
  };
  for (const Attribute& mine : ours.attributes) {
    const Attribute* other = theirs.Find(mine.name);
    if (mine.mark.life < theirs.floor && (other == nullptr || other->value != mine.value)) {
      report(theirs.floor, other == nullptr, mine, false);
    } else if (other != nullptr && other->view >= op.base &&
               (other->absent != mine.absent || other->value != mine.value)) {
      const bool mine_wins = IsLater(mine, *other);
      const Attribute& winner = mine_wins ? mine : *other;
      report(winner.mark.stamp, winner.absent, mine_wins ? *other : mine, mine_wins);
    }
  }
  for (const Attribute& other : theirs.attributes) {
    if (ours.Find(other.name) == nullptr && other.mark.life < ours.floor)
      report(ours.floor, true, other, true);
  }
}

// Spec 11.16
ApplyResult ConvergentMap::ApplyPurge(const PurgeOp& op, uint64_t hlc, const Place& place) {
  ApplyResult result;
  NoteCaretaker(place.writer);
  // Somebody may be receiving the state now, or be about to.
  const bool is_late = op.view != place.view.num || op.epoch != state_.epoch;
  // What is settled may be later than all that this member has of this map, and earlier than what
  // the caretaker has: only what all know at this place may decide.
  const uint64_t latest = std::max(op.upto, op.contents);
  if (is_late || latest > hlc) return result;
  state_.greatest = std::max(state_.greatest, latest);
  result.applied = true;
  DropContents(op.contents);
  for (const ClaimOp& claim : op.claims) ForgetClaim(claim);
  if (op.upto == 0 || op.upto < state_.forgotten) return result;
  state_.forgotten = op.upto;
  while (!tombstones_.empty() && tombstones_.begin()->first.time <= op.upto) {
    const auto item = *tombstones_.begin();
    Remove(item.second, std::string(FindTombstone(item)));
    ++stats_.tombstones_dropped;
    ++result.number;
  }
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
    if (MarkedIn(bucket) == 0) continue;
    std::vector<std::pair<std::string, Entry>> touched;
    for (const auto& [key, entry] : EntriesOf(bucket)) {
      if (!HasMarkers(entry->value)) continue;
      std::optional<Registers> registers = RegistersOf(*entry);
      if (!registers.has_value()) continue;
      registers->ForgetAbsent(op.upto);
      touched.emplace_back(*key, EntryOf(*registers, entry->version));
    }
    for (auto& [key, entry] : touched) Store(HashOf(key), key, std::move(entry));
  }
  return result;
}

void ConvergentMap::DropContents(uint64_t upto) {
  while (!hidden_.empty() && hidden_.begin()->first.time <= upto) {
    const auto item = *hidden_.begin();
    const std::string key(FindTombstone(item));
    const Entry* entry = FindHashed(item.second, key);
    std::optional<Registers> registers =
        entry == nullptr || !HasContents(entry->value) ? std::nullopt : RegistersOf(*entry);
    if (!registers.has_value()) return;  // Two keys of one hash and time: they wait for the purge.
    registers->DropContents();
    Store(item.second, key, EntryOf(*registers, entry->version));
  }
}

// By name, since some members may hold the entry's next life already: claims, unlike lives, are
// alike everywhere at one place of the order.
void ConvergentMap::ForgetClaim(const ClaimOp& claim) {
  const uint64_t hash = HashOf(claim.key);
  const Entry* entry = FindHashed(hash, claim.key);
  std::optional<Registers> registers = entry == nullptr ? std::nullopt : RegistersOf(*entry);
  if (!registers.has_value() || registers->claim.epoch != claim.epoch) return;
  registers->claim = {};
  // As a CLEAR that comes after this would have left it.
  if (IsCleared(*registers, entry->version)) return Remove(hash, claim.key);
  Store(hash, claim.key, EntryOf(*registers, entry->version));
}

PurgeOp ConvergentMap::DueForPurge(uint64_t settled, GroupTime now) const {
  PurgeOp due{.epoch = state_.epoch};
  if (!hidden_.empty() && hidden_.begin()->first.time <= settled)
    due.contents = std::min(settled, state_.greatest);
  due.upto = std::min(DueUpTo(settled, now), state_.greatest);
  size_t bytes = 0;
  for (const TombstoneItem& item : claimed_) {
    if (due.claims.size() == kPurgeClaimsMax || item.first.time > settled ||
        !IsOld(item.first.time, now))
      break;
    const std::string_view key = FindTombstone(item);
    due.claims.push_back({key, ClaimOf(key).epoch});
    bytes += key.size();
    if (bytes > kPurgeClaimBytesAim) break;
  }
  return due;
}

bool ConvergentMap::IsOld(uint64_t time, GroupTime now) const {
  const GroupTime ended_at = MillisOf(time);
  return now > ended_at &&
         static_cast<uint64_t>(now - ended_at) > state_.settings.tombstone_horizon_ms;
}

uint64_t ConvergentMap::DueUpTo(uint64_t settled, GroupTime now) const {
  uint64_t upto = 0;
  size_t left = tombstones_.size();
  uint64_t bytes = tombstone_bytes_;
  for (const auto& [version, hash] : tombstones_) {
    const bool is_old = IsOld(version.time, now);
    const bool is_full =
        left > state_.settings.tombstones_max || bytes > state_.settings.tombstone_bytes_max;
    if ((!is_old && !is_full) || version.time > settled) break;
    upto = version.time;
    --left;
    // About: what the keys of this length cost on average.
    bytes -= std::min(bytes, tombstone_bytes_ / tombstones_.size());
  }
  // Markers of erased attributes go by age alone; an entry's size bounds how many there are.
  const uint64_t horizon = state_.settings.tombstone_horizon_ms << 16;
  const uint64_t line = (static_cast<uint64_t>(now) << 16) - horizon;
  const bool has_markers = marked_ > 0 && static_cast<uint64_t>(now) << 16 > horizon;
  if (has_markers && line > state_.forgotten + horizon / 4)
    upto = std::max(upto, std::min(settled, line));
  return upto == 0 ? 0 : std::max(upto, state_.forgotten);
}

void ConvergentMap::Absorb(const ConvergentMap& other, Output& out) {
  JoinCleared(other.state().cleared, ChangeCause::kClear, {}, out);
  state_.greatest = std::max(state_.greatest, other.state().greatest);
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
    for (const auto& [key, entry] : other.EntriesOf(bucket)) {
      const std::optional<Registers> registers = RegistersOf(*entry);
      if (registers.has_value())
        JoinEntry(*key, *registers, entry->version, ChangeCause::kPut, {}, out);
    }
  }
}

std::optional<Buffer> ConvergentMap::GetAttribute(std::string_view key, std::string_view name,
                                                  GroupTime now) const {
  const Entry* entry = Find(key);
  if (entry == nullptr || !entry->IsVisible(now)) return std::nullopt;
  const std::optional<Registers> registers = RegistersOf(*entry);
  const Attribute* found = registers.has_value() ? registers->Find(name) : nullptr;
  if (found == nullptr || found->absent) return std::nullopt;
  return ValueOf(*found, entry->value);
}

std::optional<ConvergentMap::Attributes> ConvergentMap::GetAttributes(std::string_view key,
                                                                      GroupTime now) const {
  const Entry* entry = Find(key);
  if (entry == nullptr || !entry->IsVisible(now)) return std::nullopt;
  const std::optional<Registers> registers = RegistersOf(*entry);
  Attributes attributes;
  if (!registers.has_value()) return attributes;
  for (const Attribute& attribute : registers->attributes) {
    if (attribute.absent || attribute.name.empty()) continue;
    attributes.emplace_back(attribute.name, ValueOf(attribute, entry->value));
  }
  return attributes;
}

}  // namespace cohort::map
