#include "sim/check_writes.h"

#include <algorithm>
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
  process.pending.clear();
}

void WriteChecker::OnIssued(const Moment& moment, const IssuedCommand& command) {
  processes_[moment.process].pending[command.id] = command;
}

size_t WriteChecker::Pending(ProcessNumber process) const {
  const auto found = processes_.find(process);
  return found == processes_.end() ? 0 : found->second.pending.size();
}

void WriteChecker::OnTrace(const Moment& moment, const TraceRecord& record) {
  if (record.kind == TraceKind::kViewInstalled) {
    processes_[moment.process].self = record.subject;
    members_[record.subject] = moment.process;
    return;
  }
  if (record.kind != TraceKind::kApplied || record.digest == 0) return;
  const auto [found, fresh] =
      applied_.try_emplace({record.map, record.view, record.number}, record.digest);
  if (!fresh && found->second != record.digest) {
    violations_.Add("I11", moment,
                    "map " + std::to_string(record.map) + " applied another operation at place " +
                        std::to_string(record.number) + " of view " + Words(record.view) +
                        " than another replica");
  }
}

void WriteChecker::OnUpcall(const Moment& moment, const engine::Upcall& upcall) {
  if (const auto* change = std::get_if<engine::ChangeUpcall>(&upcall)) {
    OnChange(moment, *change);
  } else if (const auto* done = std::get_if<engine::DoneUpcall>(&upcall)) {
    OnDone(moment, *done);
  } else if (const auto* installed = std::get_if<engine::ViewUpcall>(&upcall)) {
    processes_[moment.process].members = installed->view.members;
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
  if (change.cause != Cause::kSync && change.version < now.version) {
    const bool returns = seen.present && !now.present;
    violations_.Add(returns ? "I19" : "I12", moment,
                    "key " + change.key + (returns ? " came back" : " went back") + " to version " +
                        Words(change.version) + " after " + Words(now.version));
  }
  now = seen;
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
  const IssuedCommand command = std::move(found->second);
  process.pending.erase(found);
  const bool write = !command.keys.empty();
  if (!write) return;
  if (!done.status.ok()) {
    ++(done.applied ? stats_.failed : stats_.conditions_not_held);
    return;
  }
  ++(command.ack == engine::AckLevel::kAll ? stats_.acknowledged_all : stats_.acknowledged_less);
  if (command.ack == engine::AckLevel::kLocal) return;
  engine::DoneUpcall known = done;
  if (known.version == Version::None()) {  // Removed: the change feed knows the version.
    const auto seen = process.now.find(command.keys.front());
    if (seen == process.now.end() || seen->second.present) return;
    known.version = seen->second.version;
  }
  OnAcknowledged(moment, command, known);
}

void WriteChecker::OnAcknowledged(const Moment& moment, const IssuedCommand& command,
                                  const engine::DoneUpcall& done) {
  const ProcessState& writer = processes_[moment.process];
  const bool all = command.ack == engine::AckLevel::kAll;
  Promise promise{done.version, {}, moment, done.command};
  size_t synced = 0;
  size_t others_with_it = 0;
  for (const Member& member : writer.members) {
    synced += member.synced ? 1 : 0;
    const auto found = members_.find(member.id);
    if (found == members_.end()) continue;
    if (member.synced) promise.holders.push_back(found->second);
    if (found->second == moment.process) continue;
    const ProcessState& other = processes_[found->second];
    const auto seen = other.highest.find(command.keys.front());
    const bool has = seen != other.highest.end() && seen->second.version >= done.version;
    others_with_it += has ? 1 : 0;
    if (all && member.synced && other.alive && !has) {
      violations_.Add("I12", moment,
                      "command " + std::to_string(done.command) + " is acknowledged by all, but " +
                          member.name + " has not applied key " + command.keys.front() +
                          " version " + Words(done.version));
    }
  }
  if (!all) {
    // Anybody will do: the one that acknowledged may have left the view since.
    if (others_with_it == 0 && synced >= 2) {
      const bool somewhere =
          std::any_of(processes_.begin(), processes_.end(), [&](const auto& entry) {
            const auto seen = entry.second.highest.find(command.keys.front());
            return entry.first != moment.process && seen != entry.second.highest.end() &&
                   seen->second.version >= done.version;
          });
      if (!somewhere) {
        violations_.Add("I12", moment,
                        "command " + std::to_string(done.command) +
                            " is acknowledged by one, but nobody else has applied key " +
                            command.keys.front());
      }
    }
    return;
  }
  for (const std::string& key : command.keys) promises_[key].push_back(promise);
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
  if (last == nullptr || !last->present) {
    // Gone: fine if anybody knows of a later removal, which a member that joined since need not.
    for (const auto& [number, process] : processes_) {
      const auto found = process.highest.find(key);
      if (found != process.highest.end() && !found->second.present &&
          found->second.version >= promise.version) {
        return;
      }
    }
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
  if (!present && !greatest->present) return;
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
