#include "session/replica.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/absl_bridge.h"
#include "cohort/write_batch.h"
#include "runtime/map_writes.h"

namespace cohort::session {
namespace {

constexpr std::string_view kMapPrefix = "session ";
static_assert(kMapPrefix.size() + kApplicationBytesMax == kNameBytesMax);
constexpr int kReadsMax = 4;       // Of one session that changes while it is read.
constexpr int kDeltaSkipMax = 64;  // Saves that go whole after deltas were of no use.

// What is left of the lifetime is all a map tells of accesses.
absl::Time AccessedAt(const InfoRecord& info, absl::Duration left, absl::Time now) {
  if (left == absl::InfiniteDuration()) return now;
  return now - std::max(absl::ZeroDuration(), info.EntryTtl() - left);
}

// Well mixed, and alike in every process.
uint64_t Weight(std::string_view id, const InstanceId& member) {
  uint64_t hash = member.hi ^ (member.lo * 0x9E3779B97F4A7C15u);
  for (const char byte : id) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001B3u;
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9u;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBu;
  return hash ^ (hash >> 31);
}

// The put begins the entry, so a batch that asks for another one to be there does not ask for this.
void AddContents(std::string_view id, const Contents& contents, WriteBatch& batch) {
  const std::string key = SessionKey(id);
  std::vector<Attribute> attributes;
  attributes.reserve(contents.attributes.size() + 2);
  attributes.push_back({std::string(kInfoName), Encode(contents.info)});
  if (!contents.metadata.empty())
    attributes.push_back({std::string(kMetadataName), contents.metadata});
  for (const auto& [name, value] : contents.attributes) {
    attributes.push_back({AttributeName(name), value});
  }
  batch.Put(key, "", contents.info.EntryTtl()).PutAttributes(key, std::move(attributes));
}

}  // namespace

absl::Status StillMerging() {
  return absl::UnavailableError(
      "the members are still merging what another side of the group held: ask again");
}

std::string MapNameOf(std::string_view application) {
  return std::string(kMapPrefix) + std::string(application);
}

absl::Time Replica::Reading::Accessed(absl::Time now) const {
  return AccessedAt(contents.info, left, now);
}

absl::StatusOr<std::shared_ptr<Replica>> Replica::Open(const Home& home,
                                                       const SessionStoreOptions& options,
                                                       const Environment& environment) {
  absl::StatusOr<std::shared_ptr<SessionMap>> map = home.open(MapNameOf(options.application));
  if (!map.ok()) return map.status();
  const auto first_number = static_cast<uint64_t>(absl::ToUnixNanos(environment.Now()));
  return std::make_shared<Replica>(home, *std::move(map), options, first_number);
}

Replica::Replica(const Home& home, std::shared_ptr<SessionMap> map,
                 const SessionStoreOptions& options, uint64_t first_number)
    : home_(home.key),
      group_(home.group),
      map_(std::move(map)),
      instance_(map_->self().instance),
      ack_(options.ack),
      timeout_(options.timeout),
      first_number_(first_number) {}

bool Replica::IsReadable() const { return !absl::IsUnavailable(Look({}).status()); }

size_t Replica::SuccessorPlace(std::string_view id) const {
  const View view = map_->view();
  const uint64_t weight = Weight(id, instance_);
  return static_cast<size_t>(
      std::count_if(view.members.begin(), view.members.end(), [&](const Member& member) {
        if (member.without_data) return false;  // It has no sessions to end.
        const uint64_t other = Weight(id, member.id.instance);
        return other > weight || (other == weight && member.id.instance > instance_);
      }));
}

absl::StatusOr<Replica::Glance> Replica::Look(std::string_view id) const {
  const absl::StatusOr<Entry> entry = map_->Get(SessionKey(id));
  if (!entry.ok()) return entry.status();
  return Glance{entry->version, entry->ttl};
}

bool Replica::AwaitsMerge(std::string_view id) const { return map_->AwaitsMerge(SessionKey(id)); }

absl::StatusOr<Replica::Reading> Replica::Read(std::string_view id) const {
  const std::string key = SessionKey(id);
  absl::StatusOr<Glance> before = Look(id);
  for (int i = 0;; ++i) {
    if (!before.ok()) return before.status();
    absl::StatusOr<std::vector<Attribute>> entry = map_->GetAttributes(key);
    if (!entry.ok()) return entry.status();
    // Before the last look: what is the same then was not awaiting anything.
    if (map_->AwaitsMerge(key)) return StillMerging();
    const absl::StatusOr<Glance> after = Look(id);
    // One that never rests is read with the older version: who compares it sees a change.
    const bool is_whole = after.ok() && after->version == before->version;
    if (is_whole || i + 1 == kReadsMax) {
      absl::StatusOr<Contents> contents = ContentsOf(*std::move(entry));
      if (!contents.ok()) return contents.status();
      return Reading{*std::move(contents), before->version, before->left};
    }
    before = after;
  }
}

Owner Replica::OwnerOf(std::string_view id) const {
  const absl::StatusOr<Member> owner = map_->OwnerOf(SessionKey(id));
  // It may join anew in between, by another number.
  if (owner.ok()) return owner->id.instance == instance_ ? Owner::kSelf : Owner::kOther;
  return absl::IsNotFound(owner.status()) ? Owner::kNoSession : Owner::kNotInView;
}

std::string Replica::NewIdOf(std::string_view id) const {
  absl::StatusOr<Entry> entry = map_->Get(NewIdKey(id));
  // Any member may have written it.
  if (!entry.ok() || entry->value.size() > kSessionIdBytesMax) return {};
  return std::move(entry->value);
}

void Replica::ForEach(const std::function<void(std::string_view, const Glance&)>& visit) const {
  map_->ForEach([&](std::string_view key, const Entry& entry) {
    if (const auto id = IdOfKey(key)) visit(*id, {entry.version, entry.ttl});
  });
}

WriteOptions Replica::ByRight() const {
  WriteOptions options;
  options.ack = ack_;
  options.by_owner = true;
  options.if_present = true;
  options.timeout = timeout_;
  return options;
}

std::string Replica::NewEndKey() {
  return EndKey(instance_.lo, first_number_ + ends_.fetch_add(1));
}

WriteResult Replica::Put(std::string_view id, const Contents& contents, bool replaces) {
  WriteBatch batch;
  AddContents(id, contents, batch);
  WriteOptions options = ByRight();
  options.by_owner = replaces;
  options.if_present = false;
  return map_->Write(batch, options);
}

WriteResult Replica::PutAttributes(const map::AttributesOp& op, const WriteOptions& options,
                                   DeltaHabit& deltas) {
  deltas.used = false;
  const bool at_rest = std::exchange(deltas.at_rest, false);
  const bool is_large = std::any_of(op.writes.begin(), op.writes.end(), [](const auto& write) {
    return write.value.size() >= runtime::kDeltaValueMin;
  });
  WriteResult result;
  if (!is_large || !at_rest || ack_ != Ack::kAll || deltas.skip > 0) {
    if (is_large && deltas.skip > 0) --deltas.skip;
    result = map_->PutAttributes(op, options);
  } else {
    result = map_->PutByDelta(op, options, deltas.used);
    deltas.next_skip =
        static_cast<uint8_t>(deltas.used ? 1 : std::min(kDeltaSkipMax, 2 * int{deltas.next_skip}));
    if (!deltas.used) deltas.skip = deltas.next_skip;
  }
  deltas.at_rest = result.ok() && ack_ == Ack::kAll;
  return result;
}

namespace {

// Borrows from all of them.
map::AttributesOp NewSave(std::string_view key, const std::vector<std::string>& names,
                          const SessionChanges& changes) {
  map::AttributesOp op{.key = key, .keep_ttl = !changes.touch};
  op.writes.reserve(changes.set.size() + 1);
  for (size_t i = 0; i < names.size(); ++i)
    op.writes.push_back({names[i], changes.set[i].value, false});
  if (changes.metadata) op.writes.push_back({kMetadataName, *changes.metadata, false});
  return op;
}

std::vector<std::string> NamesOf(const SessionChanges& changes) {
  std::vector<std::string> names;
  names.reserve(changes.set.size());
  for (const Attribute& attribute : changes.set) names.push_back(AttributeName(attribute.name));
  return names;
}

}  // namespace

WriteResult Replica::Save(std::string_view id, const SessionChanges& changes,
                          const InfoRecord& info, DeltaHabit& deltas) {
  if (!changes.erased.empty() || changes.max_inactive) return SaveAll(id, changes, info, deltas);
  const std::string key = SessionKey(id);
  const std::vector<std::string> names = NamesOf(changes);
  WriteOptions options = ByRight();
  options.keep_ttl = !changes.touch;
  return PutAttributes(NewSave(key, names, changes), options, deltas);
}

bool Replica::MayGoAsync(const SessionChanges& changes) {
  return changes.erased.empty() && !changes.max_inactive &&
         std::none_of(changes.set.begin(), changes.set.end(), [](const Attribute& attribute) {
           return attribute.value.size() >= runtime::kDeltaValueMin;
         });
}

absl::Status Replica::SaveAsync(std::string_view id, Leaving& leaving, DeltaHabit& deltas,
                                WriteCallback done) {
  deltas.used = deltas.at_rest = false;
  leaving.key = SessionKey(id);
  leaving.names = NamesOf(leaving.changes);
  leaving.request = NewSave(leaving.key, leaving.names, leaving.changes);
  WriteOptions options = ByRight();
  options.keep_ttl = !leaving.changes.touch;
  return map_->WriteAsync(leaving.request, options, std::move(done));
}

WriteResult Replica::SaveAll(std::string_view id, const SessionChanges& changes,
                             const InfoRecord& info, DeltaHabit& deltas) {
  const std::string key = SessionKey(id);
  std::vector<Attribute> set;
  set.reserve(changes.set.size() + 2);
  for (const Attribute& attribute : changes.set) {
    set.push_back({AttributeName(attribute.name), attribute.value});
  }
  if (changes.metadata) set.push_back({std::string(kMetadataName), *changes.metadata});
  WriteOptions options = ByRight();
  options.keep_ttl = !changes.touch;
  if (changes.max_inactive) {
    set.push_back({std::string(kInfoName), Encode(info)});
    options.ttl = info.EntryTtl();
  }
  deltas.used = deltas.at_rest = false;
  WriteBatch batch;
  if (!set.empty()) batch.PutAttributes(key, std::move(set), options.ttl);
  std::vector<std::string> erased;
  erased.reserve(changes.erased.size());
  for (const std::string& name : changes.erased) erased.push_back(AttributeName(name));
  if (!erased.empty()) batch.EraseAttributes(key, erased);
  // Also one without an end, or by a write that is no access.
  if (changes.max_inactive) {
    const absl::Duration ttl = info.EntryTtl();
    ttl == absl::InfiniteDuration() ? batch.Persist(key) : batch.Expire(key, ttl);
  }
  WriteResult result = map_->Write(batch, options);
  deltas.at_rest = result.ok() && ack_ == Ack::kAll;
  return result;
}

WriteResult Replica::Claim(std::string_view id) {
  return map_->Claim(SessionKey(id), {.timeout = timeout_});
}

WriteResult Replica::Rename(std::string_view old_id, std::string_view new_id,
                            const Contents& contents, const std::string& end_key) {
  WriteBatch batch;
  // First, so that who is told of the new id knows it already.
  batch.Put(end_key,
            Encode(EndRecord{EndCause::kRenamed, std::string(old_id), std::string(new_id)}),
            kEndRecordTtl);
  // Of an id that was used before, another member may own this entry, and the batch would be
  // refused for it: then the feed alone tells the new id.
  const std::string new_id_key = NewIdKey(old_id);
  const absl::StatusOr<Member> owner = map_->OwnerOf(new_id_key);
  if (absl::IsNotFound(owner.status()) || (owner.ok() && owner->id.instance == instance_))
    batch.Put(new_id_key, new_id, kEndRecordTtl);
  AddContents(new_id, contents, batch);
  batch.Erase(SessionKey(old_id));
  return map_->Write(batch, ByRight());
}

WriteResult Replica::End(std::string_view id, EndCause cause, const std::string& end_key) {
  WriteBatch batch;
  batch.Put(end_key, Encode(EndRecord{cause, std::string(id), {}}), kEndRecordTtl);
  batch.Erase(SessionKey(id));
  WriteResult ended = map_->Write(batch, ByRight());
  // A map that is full has no room for the record; it must have one for what frees some.
  if (!absl::IsResourceExhausted(ended.status)) return ended;
  return map_->Erase(SessionKey(id), ByRight());
}

absl::Status Replica::Touch(std::string_view id, absl::Duration ttl) {
  return map_->ExpireAsync(SessionKey(id), ttl, {.ack = Ack::kLocal});
}

}  // namespace cohort::session
