#include "cohort/replicated_map.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "map/types.h"
#include "runtime/map_calls.h"
#include "runtime/map_writes.h"
#include "runtime/replicated_map_impl.h"

namespace cohort {

using runtime::AppendBody;
using runtime::BatchBody;
using runtime::ClearBody;
using runtime::EraseBody;
using runtime::ExpireBody;
using runtime::IncrementBody;
using runtime::MayAskOthers;
using runtime::NewAttributeErasure;
using runtime::NewAttributes;
using runtime::NewConvergentBatch;
using runtime::NewRead;
using runtime::PersistBody;
using runtime::PutBody;
using runtime::ToEntry;
using runtime::TouchBody;
using runtime::WritesAttributes;

namespace {

constexpr size_t kBucketsPerVisit = 64;  // Of a snapshot, copied out under one hold of the lock.

std::vector<std::string_view> ViewsOf(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

}  // namespace

ReplicatedMap::ReplicatedMap(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ReplicatedMap::ReplicatedMap(const ReplicatedMap&) = default;
ReplicatedMap::ReplicatedMap(ReplicatedMap&&) noexcept = default;
ReplicatedMap& ReplicatedMap::operator=(const ReplicatedMap&) = default;
ReplicatedMap& ReplicatedMap::operator=(ReplicatedMap&&) noexcept = default;
ReplicatedMap::~ReplicatedMap() = default;

const std::string& ReplicatedMap::name() const { return impl_->map.name; }

MapKind ReplicatedMap::kind() const {
  bool convergent = false;
  impl_->Read([&](const map::Map& map, const engine::Engine&, map::GroupTime) {
    convergent = map.convergent();
  });
  return convergent ? MapKind::kConvergent : MapKind::kOrdered;
}

// ---- Reads.

absl::StatusOr<Entry> ReplicatedMap::Get(std::string_view key) const {
  std::optional<map::Reading> reading;
  map::GroupTime time = 0;
  const bool complete =
      impl_->Read([&](const map::Map& map, const engine::Engine&, map::GroupTime now) {
        reading = map.GetWithMeta(key, now);
        time = now;
      });
  if (!complete) return absl::UnavailableError("this member has no complete state yet");
  if (!reading) return absl::NotFoundError("no such key");
  return ToEntry(*reading, time);  // Copies the value, outside the lock.
}

absl::StatusOr<Entry> ReplicatedMap::Get(std::string_view key, const ReadOptions& options) const {
  absl::StatusOr<Entry> here = Get(key);
  if (!MayAskOthers(here, options)) return here;
  absl::StatusOr<engine::ReadEntry> read = NewRead(name(), key, options);
  if (!read.ok()) return read.status();
  // The engine gives up by itself; its answer says what was missing.
  return ToEntry(
      impl_->group->Await([&](const engine::Engine&,
                              Instant) -> runtime::CallErrand::Command { return *std::move(read); },
                          absl::InfiniteDuration()));
}

absl::Status ReplicatedMap::GetAsync(std::string_view key, const ReadOptions& options,
                                     ReadCallback done) const {
  absl::StatusOr<engine::ReadEntry> read = NewRead(name(), key, options);
  if (!read.ok()) return read.status();
  runtime::CallTable::Callback told;
  if (done) {
    told = [done = std::move(done)](const engine::DoneUpcall& answer) { done(ToEntry(answer)); };
  }
  return impl_->group->CallAsync(*std::move(read), absl::InfiniteDuration(), std::move(told));
}

bool ReplicatedMap::Exists(std::string_view key) const {
  bool exists = false;
  impl_->Read([&](const map::Map& map, const engine::Engine&, map::GroupTime now) {
    exists = map.Exists(key, now);
  });
  return exists;
}

size_t ReplicatedMap::Size() const {
  size_t size = 0;
  impl_->Read(
      [&](const map::Map& map, const engine::Engine&, map::GroupTime) { size = map.Size(); });
  return size;
}

size_t ReplicatedMap::Expiring() const {
  size_t expiring = 0;
  impl_->Read([&](const map::Map& map, const engine::Engine&, map::GroupTime) {
    expiring = map.Expiring();
  });
  return expiring;
}

uint64_t ReplicatedMap::Bytes() const {
  uint64_t bytes = 0;
  impl_->Read(
      [&](const map::Map& map, const engine::Engine&, map::GroupTime) { bytes = map.Bytes(); });
  return bytes;
}

void ReplicatedMap::ForEach(
    const std::function<void(std::string_view, const Entry&)>& visit) const {
  ForEachWhile([&](std::string_view key, const Entry& entry) {
    visit(key, entry);
    return true;
  });
}

bool ReplicatedMap::ForEachWhile(
    const std::function<bool(std::string_view, const Entry&)>& visit) const {
  std::optional<map::Snapshot> snapshot;
  impl_->Read([&](const map::Map& map, const engine::Engine&, map::GroupTime) {
    snapshot = map.TakeSnapshot();
  });
  if (!snapshot) {
    for (uint64_t cursor = 0;;) {
      const ScanResult some = Scan(cursor, kBucketsPerVisit);
      for (const ScanResult::Item& item : some.items) {
        if (!visit(item.key, item.entry)) return false;
      }
      if (some.cursor == 0) return true;
      cursor = some.cursor;
    }
  }
  const absl::Cleanup give_back = [&] {
    impl_->group->driver().Read([&](const engine::Engine&, Instant) { snapshot.reset(); });
  };
  // Buckets are shared with the live map, so they are looked at under the lock only: a few at a
  // time, keys and references to values copied out.
  struct Copied {
    std::string key;
    map::Reading reading;
  };
  std::vector<Copied> copied;
  map::GroupTime time = 0;
  for (size_t bucket = 0; bucket < snapshot->buckets();) {
    copied.clear();
    impl_->group->driver().Read([&](const engine::Engine& engine, Instant now) {
      time = engine.GroupTimeMs(now);
      const size_t end = std::min(bucket + kBucketsPerVisit, snapshot->buckets());
      for (; bucket < end; ++bucket) {
        for (const auto& [key, entry] : snapshot->EntriesOf(bucket)) {
          if (entry->IsVisible(time)) copied.push_back({*key, snapshot->ReadingOf(*entry)});
        }
        snapshot->Release(bucket);
      }
    });
    for (const Copied& one : copied) {
      if (!visit(one.key, ToEntry(one.reading, time))) return false;
    }
  }
  return true;
}

ScanResult ReplicatedMap::Scan(uint64_t cursor, size_t count) const {
  map::Map::ScanResult found;
  map::GroupTime time = 0;
  impl_->Read([&](const map::Map& map, const engine::Engine&, map::GroupTime now) {
    found = map.Scan(cursor, count, now);
    time = now;
  });
  ScanResult result;
  result.cursor = found.next_cursor;
  result.items.reserve(found.entries.size());
  for (auto& [key, reading] : found.entries)
    result.items.push_back({std::move(key), ToEntry(reading, time)});
  return result;
}

MapDigest ReplicatedMap::Digest() const {
  MapDigest digest;
  impl_->Read([&](const map::Map& map, const engine::Engine& engine, map::GroupTime) {
    const map::Digest content = map.digest();
    digest.hi = content.hi;
    digest.lo = content.lo;
    digest.view = engine.view().id;
    digest.entries = map.Size();
  });
  return digest;
}

absl::StatusOr<std::string> ReplicatedMap::GetAttribute(std::string_view key,
                                                        std::string_view name) const {
  std::optional<Buffer> value;
  const absl::Status status =
      impl_->ReadConvergent([&](const map::ConvergentMap& map, map::GroupTime now) {
        value = map.GetAttribute(key, name, now);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  if (!value) return absl::NotFoundError("no such key, or no such attribute");
  return std::string(value->text());
}

absl::StatusOr<std::vector<Attribute>> ReplicatedMap::GetAttributes(std::string_view key) const {
  std::optional<map::ConvergentMap::Attributes> found;
  const absl::Status status =
      impl_->ReadConvergent([&](const map::ConvergentMap& map, map::GroupTime now) {
        found = map.GetAttributes(key, now);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return runtime::ToAttributes(std::move(found));
}

absl::StatusOr<Member> ReplicatedMap::OwnerOf(std::string_view key) const {
  return impl_->group->driver().Read([&](const engine::Engine& engine,
                                         Instant now) -> absl::StatusOr<Member> {
    const absl::StatusOr<const map::ConvergentMap*> found = runtime::FindConvergent(engine, name());
    if (!found.ok()) return found.status();
    return runtime::OwnerIn(engine, **found, key, engine.GroupTimeMs(now));
  });
}

std::string MapDigest::ToString() const { return map::Digest{hi, lo}.ToString(); }

// ---- Writes that wait.

WriteResult ReplicatedMap::Put(std::string_view key, std::string_view value,
                               const WriteOptions& options) {
  return impl_->Write(PutBody(key, value, options), options);
}
WriteResult ReplicatedMap::PutIf(std::string_view key, Version expected, std::string_view value,
                                 const WriteOptions& options) {
  return impl_->Write(PutBody(key, value, options, expected), options);
}
WriteResult ReplicatedMap::PutIfAbsent(std::string_view key, std::string_view value,
                                       const WriteOptions& options) {
  return impl_->Write(PutBody(key, value, options, Version::None()), options);
}
WriteResult ReplicatedMap::Erase(std::string_view key, const WriteOptions& options) {
  return impl_->Write(EraseBody(key), options);
}
WriteResult ReplicatedMap::EraseIf(std::string_view key, Version expected,
                                   const WriteOptions& options) {
  return impl_->Write(EraseBody(key, expected), options);
}
WriteResult ReplicatedMap::Increment(std::string_view key, int64_t delta,
                                     const WriteOptions& options) {
  return impl_->Write(IncrementBody(key, delta), options);
}
WriteResult ReplicatedMap::Append(std::string_view key, std::string_view suffix,
                                  const WriteOptions& options) {
  return impl_->Write(AppendBody(key, suffix), options);
}
WriteResult ReplicatedMap::Expire(std::string_view key, absl::Duration ttl,
                                  const WriteOptions& options) {
  return impl_->Write(ExpireBody(key, ttl), options);
}
WriteResult ReplicatedMap::Persist(std::string_view key, const WriteOptions& options) {
  return impl_->Write(PersistBody(key), options);
}
WriteResult ReplicatedMap::Touch(std::string_view key, const WriteOptions& options) {
  return impl_->Write(TouchBody(key), options);
}
WriteResult ReplicatedMap::PutAttributes(std::string_view key,
                                         const std::vector<Attribute>& attributes,
                                         const WriteOptions& options) {
  return impl_->WriteConvergent(NewAttributes(key, attributes, options), options);
}
WriteResult ReplicatedMap::EraseAttributes(std::string_view key,
                                           const std::vector<std::string>& names,
                                           const WriteOptions& options) {
  return impl_->WriteConvergent(NewAttributeErasure(key, ViewsOf(names), options), options);
}
WriteResult ReplicatedMap::Claim(std::string_view key, const WriteOptions& options) {
  return impl_->Claim(key, options);
}
WriteResult ReplicatedMap::Write(const WriteBatch& batch, const WriteOptions& options) {
  if (!WritesAttributes(batch)) return impl_->Write(BatchBody(batch), options);
  return impl_->WriteConvergent(NewConvergentBatch(batch, options), options);
}
WriteResult ReplicatedMap::Clear(const WriteOptions& options) {
  return impl_->Write(ClearBody(), options);
}

// ---- Writes with a callback.

absl::Status ReplicatedMap::PutAsync(std::string_view key, std::string_view value,
                                     const WriteOptions& options, WriteCallback done) {
  return impl_->WriteAsync(PutBody(key, value, options), options, std::move(done));
}
absl::Status ReplicatedMap::PutIfAsync(std::string_view key, Version expected,
                                       std::string_view value, const WriteOptions& options,
                                       WriteCallback done) {
  return impl_->WriteAsync(PutBody(key, value, options, expected), options, std::move(done));
}
absl::Status ReplicatedMap::PutIfAbsentAsync(std::string_view key, std::string_view value,
                                             const WriteOptions& options, WriteCallback done) {
  return impl_->WriteAsync(PutBody(key, value, options, Version::None()), options, std::move(done));
}
absl::Status ReplicatedMap::EraseAsync(std::string_view key, const WriteOptions& options,
                                       WriteCallback done) {
  return impl_->WriteAsync(EraseBody(key), options, std::move(done));
}
absl::Status ReplicatedMap::EraseIfAsync(std::string_view key, Version expected,
                                         const WriteOptions& options, WriteCallback done) {
  return impl_->WriteAsync(EraseBody(key, expected), options, std::move(done));
}
absl::Status ReplicatedMap::IncrementAsync(std::string_view key, int64_t delta,
                                           const WriteOptions& options, WriteCallback done) {
  return impl_->WriteAsync(IncrementBody(key, delta), options, std::move(done));
}
absl::Status ReplicatedMap::AppendAsync(std::string_view key, std::string_view suffix,
                                        const WriteOptions& options, WriteCallback done) {
  return impl_->WriteAsync(AppendBody(key, suffix), options, std::move(done));
}
absl::Status ReplicatedMap::ExpireAsync(std::string_view key, absl::Duration ttl,
                                        const WriteOptions& options, WriteCallback done) {
  return impl_->WriteAsync(ExpireBody(key, ttl), options, std::move(done));
}
absl::Status ReplicatedMap::PersistAsync(std::string_view key, const WriteOptions& options,
                                         WriteCallback done) {
  return impl_->WriteAsync(PersistBody(key), options, std::move(done));
}
absl::Status ReplicatedMap::TouchAsync(std::string_view key, const WriteOptions& options,
                                       WriteCallback done) {
  return impl_->WriteAsync(TouchBody(key), options, std::move(done));
}
absl::Status ReplicatedMap::PutAttributesAsync(std::string_view key,
                                               const std::vector<Attribute>& attributes,
                                               const WriteOptions& options, WriteCallback done) {
  return impl_->WriteConvergentAsync(NewAttributes(key, attributes, options), options,
                                     std::move(done));
}
absl::Status ReplicatedMap::EraseAttributesAsync(std::string_view key,
                                                 const std::vector<std::string>& names,
                                                 const WriteOptions& options, WriteCallback done) {
  return impl_->WriteConvergentAsync(NewAttributeErasure(key, ViewsOf(names), options), options,
                                     std::move(done));
}
absl::Status ReplicatedMap::ClaimAsync(std::string_view key, const WriteOptions& options,
                                       WriteCallback done) {
  return impl_->ClaimAsync(key, options, std::move(done));
}
absl::Status ReplicatedMap::WriteAsync(const WriteBatch& batch, const WriteOptions& options,
                                       WriteCallback done) {
  if (!WritesAttributes(batch))
    return impl_->WriteAsync(BatchBody(batch), options, std::move(done));
  return impl_->WriteConvergentAsync(NewConvergentBatch(batch, options), options, std::move(done));
}
absl::Status ReplicatedMap::ClearAsync(const WriteOptions& options, WriteCallback done) {
  return impl_->WriteAsync(ClearBody(), options, std::move(done));
}

// ---- Changes.

Subscription ReplicatedMap::Subscribe(std::function<void(const Change&)> on_change) {
  return impl_->Subscribe(nullptr, std::move(on_change));
}
Subscription ReplicatedMap::SubscribePrefix(std::string_view prefix,
                                            std::function<void(const Change&)> on_change) {
  return impl_->Subscribe(
      [wanted = std::string(prefix)](std::string_view key) { return key.starts_with(wanted); },
      std::move(on_change));
}
Subscription ReplicatedMap::SubscribeKey(std::string_view key,
                                         std::function<void(const Change&)> on_change) {
  return impl_->Subscribe(
      [wanted = std::string(key)](std::string_view changed) { return changed == wanted; },
      std::move(on_change));
}

}  // namespace cohort
