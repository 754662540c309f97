#include "sim/check_writes.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "sim/words.h"

namespace cohort::sim {

void WriteChecker::OnProcess(const Moment& moment, ProcessChange change) {
  ProcessState& process = processes_[moment.process];
  process.host = moment.host;
  const bool ends = change == ProcessChange::kCrashed || change == ProcessChange::kPowerLost ||
                    change == ProcessChange::kLeft;
  if (!ends) return;
  process.alive = false;
  process.died_at = moment.at;
  process.pending.clear();
}

void WriteChecker::OnIssued(const Moment& moment, const IssuedCommand& command) {
  processes_[moment.process].pending[command.id] = {command, moment.at};
  if (command.expires) expiring_.insert(command.keys.begin(), command.keys.end());
}

size_t WriteChecker::Pending(ProcessNumber process) const {
  const auto found = processes_.find(process);
  return found == processes_.end() ? 0 : found->second.pending.size();
}

void WriteChecker::OnTrace(const Moment& moment, const TraceRecord& record) {
  ProcessState& process = processes_[moment.process];
  switch (record.kind) {
    case TraceKind::kWedged:
    case TraceKind::kExcluded:
      process.wedged = true;
      return;
    case TraceKind::kViewInstalled:
      for (const auto& [place, digest] : process.closing) {
        if (place.view == record.previous) OnApplied(moment, place, record.view, digest);
      }
      process.closing.clear();
      CheckClosed(moment, record);
      process.view = record.view;
      process.wedged = false;
      process.self = record.subject;
      members_[record.subject] = moment.process;
      return;
    case TraceKind::kApplied: {
      if (record.digest == 0) return;  // Replayed after a transfer.
      const Applied place{record.map, record.view, record.number};
      // What waited for the state through a view's end may be of its closing order, and sides of a
      // partition may close a view differently.
      if (record.view != process.view) return;
      if (process.wedged) {
        process.closing.emplace_back(place, record.digest);
      } else {
        OnApplied(moment, place, {}, record.digest);
        process.positions[place.view] = place.position;
      }
      return;
    }
    default:
      return;
  }
}

// Who go on together have joined the same operations.
void WriteChecker::CheckClosed(const Moment& moment, const TraceRecord& record) {
  if (record.previous.IsZero() || record.digest == 0) return;
  const auto [found, fresh] = closed_.try_emplace({record.previous, record.view}, record.digest);
  if (fresh || found->second == record.digest) return;
  violations_.Add("I18", moment,
                  "convergent maps differ from another member's at the end of view " +
                      Words(record.previous) + ", closed towards " + Words(record.view));
}

void WriteChecker::OnApplied(const Moment& moment, const Applied& place, const ViewId& next,
                             uint64_t digest) {
  const auto [found, fresh] = applied_.try_emplace({place, next}, digest);
  if (fresh || found->second == digest) return;
  violations_.Add("I11", moment,
                  "map " + std::to_string(place.map) + " applied another operation at place " +
                      std::to_string(place.position) + " of view " + Words(place.view) +
                      (next.IsZero() ? "" : ", closed towards " + Words(next) + ",") +
                      " than another replica");
}

void WriteChecker::OnUpcall(const Moment& moment, const engine::Upcall& upcall) {
  if (const auto* change = std::get_if<engine::ChangeUpcall>(&upcall)) {
    OnChange(moment, *change);
  } else if (const auto* done = std::get_if<engine::DoneUpcall>(&upcall)) {
    OnDone(moment, *done);
  } else if (const auto* installed = std::get_if<engine::ViewUpcall>(&upcall)) {
    processes_[moment.process].members = installed->view.members;
  } else if (const auto* event = std::get_if<engine::EventUpcall>(&upcall)) {
    if (event->event.kind != EventKind::kSynced) return;
    for (Member& member : processes_[moment.process].members) {
      member.synced |= member.id == event->event.subject;
    }
  }
}

uint64_t WriteChecker::EntryDigest(std::string_view key, const Version& version, Bytes value) {
  const uint64_t words[] = {version.time, version.writer, TraceDigest(value)};
  return TraceDigest(AsBytes(key), TraceDigest(std::as_bytes(std::span(words))));
}

void WriteChecker::OnChange(const Moment& moment, const engine::ChangeUpcall& change) {
  using Cause = engine::ChangeUpcall::Cause;
  ProcessState& process = processes_[moment.process];
  Seen seen{change.version, change.value.has_value(), 0};
  if (seen.present) seen.digest = EntryDigest(change.key, change.version, change.value->bytes());
  Seen& now = process.now[change.key];
  // State that arrives by transfer replaces what was there, whatever its version.
  const bool returns = seen.present && !now.present;
  // Whatever an older side brings where a removal was forgotten: its entry, or its older removal.
  const bool forgotten =
      removals_may_be_forgotten_ && !now.present && change.cause == Cause::kMerge;
  if (change.cause != Cause::kSync && change.version < now.version && !forgotten) {
    violations_.Add(returns ? "I19" : "I12", moment,
                    "key " + change.key + (returns ? " came back" : " went back") + " to version " +
                        Words(change.version) + " after " + Words(now.version));
  }
  const bool expires = change.cause == Cause::kExpire || change.cause == Cause::kEvict;
  const auto position = process.positions.find(process.view);
  if (expires && !process.wedged && position != process.positions.end()) {
    process.expired[change.key] = {process.view, position->second, now.version};
  }
  now = seen;
  if (change.cause == Cause::kErase && change.writer == process.self) {
    process.removed[change.key].push_back(change.version);
  }
  if (seen.present) {
    // Values begin with who wrote them: "process:command:".
    const std::string_view value = change.value->text();
    const size_t first = value.find(':');
    const size_t second = first == value.npos ? first : value.find(':', first + 1);
    if (second != value.npos && value.substr(0, first) == std::to_string(moment.process)) {
      const uint64_t command =
          std::strtoull(std::string(value.substr(first + 1, second)).c_str(), nullptr, 10);
      if (process.pending.contains(command)) {
        process.given[{command, change.key}] = change.version;
      }
    }
  }
  if (!seen.present) {
    Version& removed = process.removed_at[change.key];
    removed = std::max(removed, seen.version);
  }
  Seen& highest = process.highest[change.key];
  if (highest.version <= seen.version) highest = seen;
}

void WriteChecker::OnDone(const Moment& moment, const engine::DoneUpcall& done) {
  ProcessState& process = processes_[moment.process];
  const auto found = process.pending.find(done.command);
  if (found == process.pending.end()) {
    violations_.Add("I22", moment,
                    "command " + std::to_string(done.command) + " is done, but was not pending");
    return;
  }
  const IssuedCommand command = std::move(found->second.command);
  const Instant issued = found->second.since;
  process.pending.erase(found);
  const bool write = !command.keys.empty();
  if (!write) return;
  if (!done.status.ok()) {
    ++(done.applied ? stats_.failed : stats_.conditions_not_held);
    return;
  }
  ++(command.ack == engine::AckLevel::kAll ? stats_.acknowledged_all : stats_.acknowledged_less);
  for (const std::string& key : command.keys) {
    const Version version = VersionOf(process, command, done, key);
    if (command.kind == IssuedCommand::Kind::kPut && !command.expires && IsLatest(key, version))
      expiring_.erase(key);
    const bool removes = command.kind == IssuedCommand::Kind::kErase && done.number > 0;
    if (removes && version == Version::None()) NoteRemovalUnseen(moment, command, key, issued);
    if (command.ack != engine::AckLevel::kLocal && version != Version::None()) {
      CheckAcknowledged(moment, command, key, version, issued);
    }
  }
  process.given.erase(process.given.lower_bound({done.command, ""}),
                      process.given.lower_bound({done.command + 1, ""}));
}

// Where a member begins anew it applies what waited, and feeds no changes of it: a removal among
// that is of a version that nobody hears of, and its tombstone may be gone at once. But it is later
// than what the same process had written to the key before.
void WriteChecker::NoteRemovalUnseen(const Moment& moment, const IssuedCommand& command,
                                     const std::string& key, Instant issued) {
  ProcessState& process = processes_[moment.process];
  Version before;
  for (Promise& promise : promises_[key]) {
    if (promise.moment.process != moment.process || promise.command >= command.id) continue;
    promise.removed_after = true;
    if (process.replaced_at >= issued) before = std::max(before, promise.version);
  }
  // And than what it had applied of the key, whoever wrote that, and in whatever batch.
  const auto highest = process.highest.find(key);
  if (highest != process.highest.end()) before = std::max(before, highest->second.version);
  if (before == Version::None()) return;
  Version& removed = process.removed_at[key];
  removed = std::max(removed, before);
}

Version WriteChecker::VersionOf(ProcessState& process, const IssuedCommand& command,
                                const engine::DoneUpcall& done, const std::string& key) {
  // A write to a life that somebody ends meanwhile ends with it, also if it is the later one.
  if (command.kind == IssuedCommand::Kind::kAttributes) return Version::None();
  if (command.kind == IssuedCommand::Kind::kErase) {
    if (done.number == 0) return Version::None();              // Nothing was there.
    if (done.version != Version::None()) return done.version;  // In a convergent map.
    std::deque<Version>& removed = process.removed[key];
    if (removed.empty()) return Version::None();
    // With several under way, done in any order, nobody knows which is which, nor of those that
    // are left then.
    const Version version = removed.size() == 1 ? removed.front() : Version::None();
    removed.pop_front();
    std::fill(removed.begin(), removed.end(), Version::None());
    return version;
  }
  if (command.kind == IssuedCommand::Kind::kBatch) {
    const auto given = process.given.find({done.command, key});
    return given == process.given.end() ? Version::None() : given->second;
  }
  return done.version;
}

bool WriteChecker::Has(const ProcessState& process, const std::string& key, const Version& version,
                       Instant issued) const {
  const auto seen = process.highest.find(key);
  if (seen != process.highest.end() && seen->second.version >= version) return true;
  if (HadExpired(process, key, version)) return true;
  // A state that came by transfer shows what is there, not what was removed meanwhile.
  const auto now = process.now.find(key);
  return process.replaced_at >= issued && (now == process.now.end() || !now->second.present);
}

// In a convergent map a write may come after the EXPIRE that ends it (11.15), if its writer's clock
// lags: it is born hidden there. Whoever had applied the write before fed the end of it.
bool WriteChecker::HadExpired(const ProcessState& process, const std::string& key,
                              const Version& version) const {
  return std::any_of(processes_.begin(), processes_.end(), [&](const auto& entry) {
    const auto expired = entry.second.expired.find(key);
    if (expired == entry.second.expired.end() || expired->second.upto < version) return false;
    const auto position = process.positions.find(expired->second.view);
    return position != process.positions.end() && position->second >= expired->second.position;
  });
}

// A removal that is acknowledged when its marker is forgotten already (11.16): a side that did not
// know of it has brought back what it removed, and its writer has seen that.
bool WriteChecker::WasUndone(const ProcessState& writer, const IssuedCommand& command,
                             const std::string& key, const Version& version) const {
  if (!removals_may_be_forgotten_ || command.kind != IssuedCommand::Kind::kErase) return false;
  const auto now = writer.now.find(key);
  return now != writer.now.end() && now->second.present && now->second.version < version;
}

// Who must have it now, and a promise to be checked at the end.
void WriteChecker::CheckAcknowledged(const Moment& moment, const IssuedCommand& command,
                                     const std::string& key, const Version& version,
                                     Instant issued) {
  const ProcessState& writer = processes_[moment.process];
  if (WasUndone(writer, command, key, version)) return;
  const bool all = command.ack == engine::AckLevel::kAll;
  Promise promise{version, {}, moment, command.id, command.kind == IssuedCommand::Kind::kErase};
  size_t synced = 0;
  for (const Member& member : writer.members) {
    if (!member.synced) continue;
    ++synced;
    const auto found = members_.find(member.id);
    if (found == members_.end()) continue;
    promise.holders.push_back(found->second);
    const ProcessState& other = processes_[found->second];
    if (!all || found->second == moment.process || !other.alive) continue;
    if (Has(other, key, version, issued)) continue;
    violations_.Add("I12", moment,
                    "command " + std::to_string(command.id) + " is acknowledged by all, but " +
                        member.name + " has not applied key " + key + " version " + Words(version));
  }
  if (all) {
    promises_[key].push_back(std::move(promise));
    return;
  }
  // Anybody else will do: the one that acknowledged may have left the view since, or have died amid
  // the output that said so, before its user heard of the change.
  const bool somewhere = std::any_of(processes_.begin(), processes_.end(), [&](const auto& entry) {
    const ProcessState& other = entry.second;
    const bool died_since = !other.alive && other.died_at >= issued;
    return entry.first != moment.process && (died_since || Has(other, key, version, issued));
  });
  if (synced >= 2 && !somewhere) {
    violations_.Add("I12", moment,
                    "command " + std::to_string(command.id) +
                        " is acknowledged by one, but nobody else has applied key " + key);
  }
}

const WriteChecker::Seen* WriteChecker::Last(const std::string& key) const {
  for (const auto& [number, process] : processes_) {
    if (!process.alive) continue;
    const auto found = process.now.find(key);
    if (found != process.now.end()) return &found->second;
  }
  return nullptr;
}

void WriteChecker::AtEnd(const Moment& moment) {
  for (const auto& [key, promises] : promises_) {
    const Seen* last = Last(key);
    for (const Promise& promise : promises) CheckPromise(moment, key, promise, last);
  }
  if (policy_ != Policy::kAvailable) return;
  std::set<std::string> keys;
  for (const auto& [number, process] : processes_) {
    if (!process.alive) continue;
    for (const auto& [key, seen] : process.highest) keys.insert(key);
  }
  for (const std::string& key : keys) CheckNothingOlder(moment, key, Last(key));
}

void WriteChecker::CheckPromise(const Moment& moment, const std::string& key,
                                const Promise& promise, const Seen* last) {
  const bool binding =
      policy_ == Policy::kPrimary ||
      std::any_of(promise.holders.begin(), promise.holders.end(), [this](ProcessNumber holder) {
        const auto found = processes_.find(holder);
        return found != processes_.end() && found->second.alive;
      });
  if (!binding) {
    ++stats_.promises_void;
    return;
  }
  ++stats_.promises_checked;
  if (last != nullptr && last->version >= promise.version) return;
  if (promise.removes && (last == nullptr || !last->present)) return;
  const bool may_be_gone = last == nullptr || !last->present || removals_may_be_forgotten_;
  if (may_be_gone && (promise.removed_after || WasRemoved(key, promise.version))) return;
  if ((last == nullptr || !last->present) && MayBeOver(key)) {
    ++stats_.promises_void;
    return;
  }
  violations_.Add("I12", moment,
                  "LOST: key " + key + " version " + Words(promise.version) +
                      ", acknowledged by all at " + Words(promise.moment.at) + " to host " +
                      std::to_string(promise.moment.host) + " as command " +
                      std::to_string(promise.command) + "; at the end " +
                      (last == nullptr ? "nobody knows the key"
                       : last->present ? "it has version " + Words(last->version)
                                       : "it is gone since version " + Words(last->version)));
}

void WriteChecker::OnStateReread(const Moment& moment) {
  ProcessState& process = processes_[moment.process];
  for (const auto& [key, seen] : std::exchange(process.before, {})) {
    if (!removals_may_be_forgotten_ || !seen.present || process.now.contains(key)) continue;
    Version& removed = process.removed_at[key];
    removed = std::max(removed, seen.version);
  }
}

// Gone is fine if anybody ever applied a later removal: those who joined since need not know it.
bool WriteChecker::WasRemoved(const std::string& key, const Version& version) const {
  const auto knows = [&](const auto& entry) {
    const auto found = entry.second.removed_at.find(key);
    return found != entry.second.removed_at.end() && found->second >= version;
  };
  return std::any_of(processes_.begin(), processes_.end(), knows);
}

// Nothing later was seen of it anywhere, nor may anything that has a time to live become so.
bool WriteChecker::IsLatest(const std::string& key, const Version& version) const {
  return std::none_of(processes_.begin(), processes_.end(), [&](const auto& entry) {
    const ProcessState& process = entry.second;
    const auto highest = process.highest.find(key);
    if (highest != process.highest.end() && version < highest->second.version) return true;
    return std::any_of(process.pending.begin(), process.pending.end(), [&](const auto& issued) {
      const IssuedCommand& command = issued.second.command;
      const auto& keys = command.keys;
      return command.expires && std::find(keys.begin(), keys.end(), key) != keys.end();
    });
  });
}

bool WriteChecker::MayBeOver(const std::string& key) const {
  return clocks_differ_ && states_were_replaced_ && expiring_.contains(key);
}

// A living process once applied something greater than what the group has ended with: a merge lost
// it.
void WriteChecker::CheckNothingOlder(const Moment& moment, const std::string& key,
                                     const Seen* last) {
  const Seen* greatest = nullptr;
  ProcessNumber where = 0;
  for (const auto& [number, process] : processes_) {
    if (!process.alive) continue;
    const auto found = process.highest.find(key);
    if (found == process.highest.end()) continue;
    if (greatest == nullptr || greatest->version < found->second.version) {
      greatest = &found->second;
      where = number;
    }
  }
  if (greatest == nullptr) return;
  const bool present = last != nullptr && last->present;
  if (present && last->version >= greatest->version) return;
  const bool may_be_gone = !present || removals_may_be_forgotten_;
  if (may_be_gone && (!greatest->present || WasRemoved(key, greatest->version))) return;
  if (!present && MayBeOver(key)) return;
  violations_.Add(greatest->present ? "I12" : "I19", moment,
                  "key " + key + ": host " + std::to_string(processes_[where].host) +
                      " once applied version " + Words(greatest->version) +
                      (greatest->present ? "" : " (removed)") + ", but the group ends with " +
                      (present ? Words(last->version) : "nothing"));
}

uint64_t WriteChecker::MirrorDigest(ProcessNumber process) const {
  uint64_t digest = 0;
  const auto found = processes_.find(process);
  if (found == processes_.end()) return 0;
  for (const auto& [key, seen] : found->second.now) digest += seen.present ? seen.digest : 0;
  return digest;
}

size_t WriteChecker::MirrorSize(ProcessNumber process) const {
  const auto found = processes_.find(process);
  if (found == processes_.end()) return 0;
  return static_cast<size_t>(std::count_if(found->second.now.begin(), found->second.now.end(),
                                           [](const auto& entry) { return entry.second.present; }));
}

}  // namespace cohort::sim
