#include "runtime/map_calls.h"

#include <algorithm>
#include <string>
#include <utility>

#include "map/validation.h"
#include "runtime/map_writes.h"
#include "transfer/limits.h"

namespace cohort::runtime {

static_assert(kReadsElsewhereMax == transfer::kReadsMax &&
              kReadElsewhereBytesMax == transfer::kReadValueBytesMax);
constexpr absl::Duration kAskMax = absl::Hours(24 * 365);

namespace {

bool MayAskForPresence(const MapBody& body) {
  return std::holds_alternative<map::EraseOp>(body) || std::holds_alternative<map::BatchOp>(body);
}

absl::Status NeedsAttributes() {
  return absl::FailedPreconditionError(
      "if_present is for PutAttributes and Erase in a convergent map: use PutIf");
}

}  // namespace

absl::StatusOr<MapBody> PutBody(std::string_view key, std::string_view value,
                                const WriteOptions& options, std::optional<Version> expected) {
  absl::StatusOr<map::PutOp> put = NewPut(key, value, options);
  if (!put.ok()) return put.status();
  if (expected) {
    put->condition = map::Condition::kVersion;
    put->version = *expected;
  }
  return MapBody(*put);
}

absl::StatusOr<MapBody> ExpireBody(std::string_view key, absl::Duration ttl) {
  absl::StatusOr<map::TouchOp> touch = NewExpire(key, ttl);
  if (!touch.ok()) return touch.status();
  return MapBody(*touch);
}

absl::StatusOr<MapBody> BatchBody(const WriteBatch& batch) {
  absl::StatusOr<map::BatchOp> op = NewBatch(batch);
  if (!op.ok()) return op.status();
  return MapBody(*std::move(op));
}

MapBody EraseBody(std::string_view key, std::optional<Version> expected) {
  const auto condition = expected ? map::Condition::kVersion : map::Condition::kNone;
  return map::EraseOp{key, condition, expected.value_or(Version::None())};
}
MapBody IncrementBody(std::string_view key, int64_t delta) {
  return map::IncrementOp{.key = key, .delta = delta};
}
MapBody AppendBody(std::string_view key, std::string_view suffix) {
  return map::AppendOp{key, suffix};
}
MapBody PersistBody(std::string_view key) {
  return map::TouchOp{.key = key, .mode = map::TouchOp::Mode::kPersist};
}
MapBody TouchBody(std::string_view key) {
  return map::TouchOp{.key = key, .mode = map::TouchOp::Mode::kRearm};
}
MapBody ClearBody() { return map::ClearOp{}; }

absl::StatusOr<engine::MapWrite> NewWriteTo(const map::ConvergentMap& map, MapBody body,
                                            map::GroupTime now, const WriteOptions& options) {
  if (options.if_present && !MayAskForPresence(body)) return NeedsAttributes();
  absl::StatusOr<map::ConvergentRequest> request = ToConvergentRequest(std::move(body));
  if (!request.ok()) return request.status();
  return NewConvergentWrite(map, *request, now, options);
}

absl::Status CheckForOrdered(const WriteOptions& options) {
  if (options.if_present) return NeedsAttributes();
  if (!options.by_owner) return absl::OkStatus();
  return absl::FailedPreconditionError("entries of an ordered map have no owner: use PutIf");
}

absl::StatusOr<const map::ConvergentMap*> FindConvergent(const engine::Engine& engine,
                                                         std::string_view name) {
  const std::optional<uint32_t> id = engine.MapId(name);
  if (!id || engine.FindMap(*id) == nullptr)
    return absl::UnavailableError("this member has no complete state yet");
  const map::ConvergentMap* const found = engine.FindConvergent(*id);
  if (found == nullptr) return absl::FailedPreconditionError("attributes need a convergent map");
  return found;
}

absl::StatusOr<Member> OwnerIn(const engine::Engine& engine, const map::ConvergentMap& map,
                               std::string_view key, map::GroupTime now) {
  const std::optional<uint64_t> word = map.OwnerOf(key, now);
  if (!word) return absl::NotFoundError("no such key");
  const View& view = engine.view();
  const auto owner =
      std::find_if(view.members.begin(), view.members.end(),
                   [&](const Member& member) { return map::IsWordOf(*word, member.id); });
  if (owner != view.members.end()) return *owner;
  return absl::UnavailableError("the owner is not in the view; the entry can be claimed");
}

absl::StatusOr<std::vector<Attribute>> ToAttributes(
    std::optional<map::ConvergentMap::Attributes> found) {
  if (!found) return absl::NotFoundError("no such key");
  std::vector<Attribute> attributes;
  attributes.reserve(found->size());
  for (auto& [name, value] : *found)
    attributes.push_back({std::move(name), std::string(value.text())});
  return attributes;
}

bool Concerns(const Change& change, const std::function<bool(std::string_view)>& wanted) {
  const bool all_keys = change.cause == ChangeCause::kClear || change.cause == ChangeCause::kSync;
  return all_keys || wanted(change.key);
}

Entry ToEntry(const map::Reading& reading, map::GroupTime now) {
  Entry entry;
  entry.value = std::string(reading.value.text());
  entry.version = reading.version;
  if (reading.expires_at == 0) return entry;
  entry.ttl = absl::Milliseconds(reading.expires_at - now);
  // Group clocks of members differ by a little; nobody is to see more than was given.
  if (reading.ttl_ms != 0) {
    entry.ttl = std::min(entry.ttl, absl::Milliseconds(static_cast<int64_t>(reading.ttl_ms)));
  }
  return entry;
}

bool MayAskOthers(const absl::StatusOr<Entry>& here, const ReadOptions& options) {
  return absl::IsUnavailable(here.status()) && options.ask_others > absl::ZeroDuration();
}

absl::StatusOr<engine::ReadEntry> NewRead(std::string_view map, std::string_view key,
                                          const ReadOptions& options) {
  if (absl::Status status = map::ValidateKey(key); !status.ok()) return status;
  engine::ReadEntry read;
  read.map = map;
  read.key = key;
  const absl::Duration within = std::clamp(options.ask_others, absl::ZeroDuration(), kAskMax);
  read.within = Duration(absl::ToInt64Nanoseconds(within));
  return read;
}

absl::StatusOr<Entry> ToEntry(const engine::DoneUpcall& answer) {
  if (!answer.status.ok()) return answer.status;
  Entry entry;
  entry.value = std::string(answer.value.text());
  entry.version = answer.version;
  if (answer.ttl_ms >= 0) entry.ttl = absl::Milliseconds(answer.ttl_ms);
  return entry;
}

}  // namespace cohort::runtime
