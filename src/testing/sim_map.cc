#include "cohort/testing/sim_map.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/map_writes.h"
#include "testing/sim_world.h"

namespace cohort::testing {

using runtime::AppendBody;
using runtime::BatchBody;
using runtime::ClearBody;
using runtime::EraseBody;
using runtime::ExpireBody;
using runtime::IncrementBody;
using runtime::NewAttributeErasure;
using runtime::NewAttributes;
using runtime::NewConvergentBatch;
using runtime::PersistBody;
using runtime::PutBody;
using runtime::ToEntry;
using runtime::TouchBody;
using runtime::WritesAttributes;

namespace {

constexpr size_t kScanCount = 1000;  // Entries that ForEach copies at once.

std::vector<std::string_view> ViewsOf(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

}  // namespace

MapKind SimMap::kind() const {
  bool convergent = false;
  world_->Read(HostOf(member_), name_,
               [&](const map::Map& map, const engine::Engine&, map::GroupTime) {
                 convergent = map.convergent();
               });
  return convergent ? MapKind::kConvergent : MapKind::kOrdered;
}

// ---- Reads.

absl::StatusOr<Entry> SimMap::Get(std::string_view key) const {
  std::optional<Entry> entry;
  const bool complete = world_->Read(
      HostOf(member_), name_, [&](const map::Map& map, const engine::Engine&, map::GroupTime now) {
        if (const auto reading = map.GetWithMeta(key, now)) entry = ToEntry(*reading, now);
      });
  if (!complete) return absl::UnavailableError("this member has no complete state yet");
  if (!entry) return absl::NotFoundError("no such key");
  return *std::move(entry);
}

absl::StatusOr<Entry> SimMap::Get(std::string_view key, const ReadOptions& options) const {
  absl::StatusOr<Entry> here = Get(key);
  if (!runtime::MayAskOthers(here, options)) return here;
  if (world_->in_callback())
    return absl::FailedPreconditionError("what waits would stop time inside a callback");
  std::optional<absl::StatusOr<Entry>> answer;
  absl::Status status =
      Ask(key, options, true, [&answer](const absl::StatusOr<Entry>& entry) { answer = entry; });
  if (!status.ok()) return status;
  world_->StepUntil([&answer] { return answer.has_value(); });
  return *std::move(answer);
}

absl::Status SimMap::GetAsync(std::string_view key, const ReadOptions& options,
                              ReadCallback done) const {
  return Ask(key, options, false, std::move(done));
}

absl::Status SimMap::Ask(std::string_view key, const ReadOptions& options, bool waits,
                         ReadCallback done) const {
  absl::StatusOr<engine::ReadEntry> read = runtime::NewRead(name_, key, options);
  if (!read.ok()) return read.status();
  return world_->Ask(HostOf(member_), *std::move(read), kSimWaitMax, waits,
                     [done = std::move(done)](const engine::DoneUpcall& answer) {
                       if (done) done(runtime::ToEntry(answer));
                     });
}

bool SimMap::Exists(std::string_view key) const { return Get(key).ok(); }

size_t SimMap::Size() const {
  size_t size = 0;
  world_->Read(
      HostOf(member_), name_,
      [&](const map::Map& map, const engine::Engine&, map::GroupTime) { size = map.Size(); });
  return size;
}

size_t SimMap::Expiring() const {
  size_t expiring = 0;
  world_->Read(HostOf(member_), name_,
               [&](const map::Map& map, const engine::Engine&, map::GroupTime) {
                 expiring = map.Expiring();
               });
  return expiring;
}

absl::StatusOr<std::string> SimMap::GetAttribute(std::string_view key,
                                                 std::string_view name) const {
  std::optional<Buffer> value;
  const absl::Status status = world_->ReadConvergent(
      HostOf(member_), name_,
      [&](const map::ConvergentMap& map, const engine::Engine&, map::GroupTime now) {
        value = map.GetAttribute(key, name, now);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  if (!value) return absl::NotFoundError("no such key, or no such attribute");
  return std::string(value->text());
}

absl::StatusOr<std::vector<Attribute>> SimMap::GetAttributes(std::string_view key) const {
  std::optional<map::ConvergentMap::Attributes> found;
  const absl::Status status = world_->ReadConvergent(
      HostOf(member_), name_,
      [&](const map::ConvergentMap& map, const engine::Engine&, map::GroupTime now) {
        found = map.GetAttributes(key, now);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return runtime::ToAttributes(std::move(found));
}

absl::StatusOr<Member> SimMap::OwnerOf(std::string_view key) const {
  absl::StatusOr<Member> owner = Member();
  const absl::Status status = world_->ReadConvergent(
      HostOf(member_), name_,
      [&](const map::ConvergentMap& map, const engine::Engine& engine, map::GroupTime now) {
        owner = runtime::OwnerIn(engine, map, key, now);
        return owner.status();
      });
  if (!status.ok()) return status;
  return owner;
}

uint64_t SimMap::Bytes() const {
  uint64_t bytes = 0;
  world_->Read(
      HostOf(member_), name_,
      [&](const map::Map& map, const engine::Engine&, map::GroupTime) { bytes = map.Bytes(); });
  return bytes;
}

void SimMap::ForEach(
    const std::function<void(std::string_view key, const Entry& entry)>& visit) const {
  ForEachWhile([&](std::string_view key, const Entry& entry) {
    visit(key, entry);
    return true;
  });
}

// All are copied first, so that `visit` may let time pass.
bool SimMap::ForEachWhile(
    const std::function<bool(std::string_view key, const Entry& entry)>& visit) const {
  std::vector<ScanResult::Item> items;
  uint64_t cursor = 0;
  do {
    ScanResult some = Scan(cursor, kScanCount);
    for (ScanResult::Item& item : some.items) items.push_back(std::move(item));
    cursor = some.cursor;
  } while (cursor != 0);
  return std::all_of(items.begin(), items.end(),
                     [&](const ScanResult::Item& item) { return visit(item.key, item.entry); });
}

ScanResult SimMap::Scan(uint64_t cursor, size_t count) const {
  ScanResult result;
  world_->Read(HostOf(member_), name_,
               [&](const map::Map& map, const engine::Engine&, map::GroupTime now) {
                 auto found = map.Scan(cursor, count, now);
                 result.cursor = found.next_cursor;
                 for (auto& [key, reading] : found.entries)
                   result.items.push_back({std::move(key), ToEntry(reading, now)});
               });
  return result;
}

MapDigest SimMap::Digest() const {
  MapDigest digest;
  world_->Read(HostOf(member_), name_,
               [&](const map::Map& map, const engine::Engine& engine, map::GroupTime) {
                 digest.hi = map.digest().hi;
                 digest.lo = map.digest().lo;
                 digest.view = engine.view().id;
                 digest.entries = map.Size();
               });
  return digest;
}

// ---- Writes that wait.

WriteResult SimMap::Put(std::string_view key, std::string_view value, const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, PutBody(key, value, options), options);
}
WriteResult SimMap::PutIf(std::string_view key, Version expected, std::string_view value,
                          const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, PutBody(key, value, options, expected), options);
}
WriteResult SimMap::PutIfAbsent(std::string_view key, std::string_view value,
                                const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, PutBody(key, value, options, Version::None()),
                       options);
}
WriteResult SimMap::Erase(std::string_view key, const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, EraseBody(key), options);
}
WriteResult SimMap::EraseIf(std::string_view key, Version expected, const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, EraseBody(key, expected), options);
}
WriteResult SimMap::Increment(std::string_view key, int64_t delta, const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, IncrementBody(key, delta), options);
}
WriteResult SimMap::Append(std::string_view key, std::string_view suffix,
                           const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, AppendBody(key, suffix), options);
}
WriteResult SimMap::Expire(std::string_view key, absl::Duration ttl, const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, ExpireBody(key, ttl), options);
}
WriteResult SimMap::Persist(std::string_view key, const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, PersistBody(key), options);
}
WriteResult SimMap::Touch(std::string_view key, const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, TouchBody(key), options);
}
WriteResult SimMap::PutAttributes(std::string_view key, const std::vector<Attribute>& attributes,
                                  const WriteOptions& options) {
  return world_->WriteConvergent(HostOf(member_), name_, NewAttributes(key, attributes, options),
                                 options);
}
WriteResult SimMap::EraseAttributes(std::string_view key, const std::vector<std::string>& names,
                                    const WriteOptions& options) {
  return world_->WriteConvergent(HostOf(member_), name_,
                                 NewAttributeErasure(key, ViewsOf(names), options), options);
}
WriteResult SimMap::Claim(std::string_view key, const WriteOptions& options) {
  return world_->Claim(HostOf(member_), name_, key, options);
}
WriteResult SimMap::Write(const WriteBatch& batch, const WriteOptions& options) {
  if (!WritesAttributes(batch))
    return world_->Write(HostOf(member_), name_, BatchBody(batch), options);
  return world_->WriteConvergent(HostOf(member_), name_, NewConvergentBatch(batch, options),
                                 options);
}
WriteResult SimMap::Clear(const WriteOptions& options) {
  return world_->Write(HostOf(member_), name_, ClearBody(), options);
}

// ---- Writes with a callback.

absl::Status SimMap::PutAsync(std::string_view key, std::string_view value,
                              const WriteOptions& options, WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, PutBody(key, value, options), options,
                            std::move(done));
}
absl::Status SimMap::PutIfAsync(std::string_view key, Version expected, std::string_view value,
                                const WriteOptions& options, WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, PutBody(key, value, options, expected), options,
                            std::move(done));
}
absl::Status SimMap::PutIfAbsentAsync(std::string_view key, std::string_view value,
                                      const WriteOptions& options, WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, PutBody(key, value, options, Version::None()),
                            options, std::move(done));
}
absl::Status SimMap::EraseAsync(std::string_view key, const WriteOptions& options,
                                WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, EraseBody(key), options, std::move(done));
}
absl::Status SimMap::EraseIfAsync(std::string_view key, Version expected,
                                  const WriteOptions& options, WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, EraseBody(key, expected), options,
                            std::move(done));
}
absl::Status SimMap::IncrementAsync(std::string_view key, int64_t delta,
                                    const WriteOptions& options, WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, IncrementBody(key, delta), options,
                            std::move(done));
}
absl::Status SimMap::AppendAsync(std::string_view key, std::string_view suffix,
                                 const WriteOptions& options, WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, AppendBody(key, suffix), options,
                            std::move(done));
}
absl::Status SimMap::ExpireAsync(std::string_view key, absl::Duration ttl,
                                 const WriteOptions& options, WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, ExpireBody(key, ttl), options, std::move(done));
}
absl::Status SimMap::PersistAsync(std::string_view key, const WriteOptions& options,
                                  WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, PersistBody(key), options, std::move(done));
}
absl::Status SimMap::TouchAsync(std::string_view key, const WriteOptions& options,
                                WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, TouchBody(key), options, std::move(done));
}
absl::Status SimMap::PutAttributesAsync(std::string_view key,
                                        const std::vector<Attribute>& attributes,
                                        const WriteOptions& options, WriteCallback done) {
  return world_->WriteConvergentAsync(
      HostOf(member_), name_, NewAttributes(key, attributes, options), options, std::move(done));
}
absl::Status SimMap::EraseAttributesAsync(std::string_view key,
                                          const std::vector<std::string>& names,
                                          const WriteOptions& options, WriteCallback done) {
  return world_->WriteConvergentAsync(HostOf(member_), name_,
                                      NewAttributeErasure(key, ViewsOf(names), options), options,
                                      std::move(done));
}
absl::Status SimMap::ClaimAsync(std::string_view key, const WriteOptions& options,
                                WriteCallback done) {
  return world_->ClaimAsync(HostOf(member_), name_, key, options, std::move(done));
}
absl::Status SimMap::WriteAsync(const WriteBatch& batch, const WriteOptions& options,
                                WriteCallback done) {
  if (!WritesAttributes(batch)) {
    return world_->WriteAsync(HostOf(member_), name_, BatchBody(batch), options, std::move(done));
  }
  return world_->WriteConvergentAsync(HostOf(member_), name_, NewConvergentBatch(batch, options),
                                      options, std::move(done));
}
absl::Status SimMap::ClearAsync(const WriteOptions& options, WriteCallback done) {
  return world_->WriteAsync(HostOf(member_), name_, ClearBody(), options, std::move(done));
}

// ---- Changes.

Subscription SimMap::Subscribe(std::function<void(const Change&)> on_change) {
  return world_->Subscribe(HostOf(member_), {name_, nullptr, std::move(on_change), false});
}
Subscription SimMap::SubscribePrefix(std::string_view prefix,
                                     std::function<void(const Change&)> on_change) {
  return world_->Subscribe(HostOf(member_), {name_,
                                             [wanted = std::string(prefix)](std::string_view key) {
                                               return key.starts_with(wanted);
                                             },
                                             std::move(on_change), false});
}
Subscription SimMap::SubscribeKey(std::string_view key,
                                  std::function<void(const Change&)> on_change) {
  return world_->Subscribe(
      HostOf(member_),
      {name_, [wanted = std::string(key)](std::string_view changed) { return changed == wanted; },
       std::move(on_change), false});
}

}  // namespace cohort::testing
