// Checks the replicated map as its users see it: I12 acknowledged writes are where they were
// promised to be and stay, I19 removed keys do not come back, and every replica applies the same
// operations at the same places (I11).
//
// The idea: a ledger of acknowledgements beside a mirror of every process's map, kept from its
// change feed. A version names one write of one key and grows with every write of that key, so "w
// or something later is here" is a comparison.
//
// What is promised, and so what is checked:
//   - at the acknowledgement at kAll: every synced member of the acknowledger's view that is alive
//   has applied it;
//     at kOne: one other process has. Where the entry expired, or was evicted, before the write
//     came, nothing is fed: who has applied that operation has nothing to show of the write;
//   - at the end, Policy::kAvailable: if a process that was a synced member of that view still
//   lives, the entry is
//     there with this version or a greater one, or was removed by a later write. More: nothing a
//     living process has ever applied may have given way to anything older;
//   - at the end, Policy::kPrimary: the same for every write acknowledged at kAll. The faults are
//   limited to those that
//     spare a quorum and one synced member, which is where the promise ends.
// Not promised, not checked: writes acknowledged at kLocal whose processes died, and writes that
// failed.
#ifndef COHORT_SIM_CHECK_WRITES_H_
#define COHORT_SIM_CHECK_WRITES_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/checker.h"

namespace cohort::sim {

class WriteChecker : public Checker {
 public:
  struct Stats {
    uint64_t acknowledged_all = 0;
    uint64_t acknowledged_less = 0;
    uint64_t failed = 0;
    uint64_t conditions_not_held = 0;
    uint64_t promises_checked = 0;  // At the end.
    uint64_t promises_void = 0;     // No synced member of the view is left, or its time was over.
  };

  WriteChecker(Policy policy, Violations& violations) : policy_(policy), violations_(violations) {}

  void OnTrace(const Moment& moment, const TraceRecord& record) override;
  void OnUpcall(const Moment& moment, const engine::Upcall& upcall) override;
  void OnIssued(const Moment& moment, const IssuedCommand& command) override;
  void OnProcess(const Moment& moment, ProcessChange change) override;
  void AtEnd(const Moment& moment) override;

  // A transfer has replaced the state of this process; what it holds now follows as changes.
  void OnStateReplaced(const Moment& moment) {
    states_were_replaced_ = true;
    processes_[moment.process].before = std::exchange(processes_[moment.process].now, {});
    processes_[moment.process].replaced_at = moment.at;
  }
  // All that it holds now has followed. What it held before and does not any more was removed by
  // somebody, perhaps in what it replayed.
  void OnStateReread(const Moment& moment);

  // Tombstones are kept for less than partitions last: a merge may bring back what was removed
  // (8.16), which then is no violation.
  void RemovalsMayBeForgotten() { removals_may_be_forgotten_ = true; }
  // Groups that form apart then have clocks that differ, and a time to live that crosses their
  // merge may be over at once, as docs/status.md tells.
  void ClocksDiffer() { clocks_differ_ = true; }

  const Stats& stats() const { return stats_; }
  // Commands given to `process` that are not done yet.
  size_t Pending(ProcessNumber process) const;
  // What the change feed of `process` adds up to: a digest over (key, version, value), independent
  // of order.
  uint64_t MirrorDigest(ProcessNumber process) const;
  size_t MirrorSize(ProcessNumber process) const;
  static uint64_t EntryDigest(std::string_view key, const Version& version, Bytes value);

 private:
  struct Seen {
    Version version;
    bool present = false;
    uint64_t digest = 0;
  };
  struct Applied {
    uint32_t map = 0;
    ViewId view;
    uint64_t position = 0;
    auto operator<=>(const Applied&) const = default;
  };
  // The feed of one process: what it had of a key expired, or was evicted.
  struct Expired {
    ViewId view;
    uint64_t position = 0;  // Of the operation, or later, in the total order of the view.
    Version upto;           // What it had; an earlier write shows nobody anything from there on.
  };
  struct Issued {
    IssuedCommand command;
    Instant since;
  };
  struct ProcessState {
    HostIndex host = 0;
    bool alive = true;
    Instant died_at;
    MemberId self;
    std::vector<Member> members;                // Of its view.
    Instant replaced_at;                        // When its state last came from elsewhere.
    std::map<std::string, Seen> now;            // The mirror, removed keys too.
    std::map<std::string, Seen> before;         // A transfer replaced its state.
    std::map<std::string, Seen> highest;        // The greatest version ever applied here.
    std::map<std::string, Version> removed_at;  // The greatest version of a removal.
    std::map<ViewId, uint64_t> positions;       // Up to which it has applied, before the end.
    std::map<std::string, Expired> expired;     // Of each key the last time.
    std::map<uint64_t, Issued> pending;
    // Versions that pending commands have given to their keys, as the feed told.
    std::map<std::pair<uint64_t, std::string>, Version> given;
    // Versions that removals by this process have given to a key, oldest first, until their
    // commands are done.
    std::map<std::string, std::deque<Version>> removed;
    ViewId view;
    bool wedged = false;
    std::vector<std::pair<Applied, uint64_t>> closing;  // Applied since, with digests.
  };
  struct Promise {
    Version version;
    std::vector<ProcessNumber> holders;  // Synced members of the view that acknowledged.
    Moment moment;
    uint64_t command = 0;
    bool removes = false;
    bool removed_after = false;  // By the same process, in a version that nobody heard of.
  };

  void OnApplied(const Moment& moment, const Applied& place, const ViewId& next, uint64_t digest);
  void CheckClosed(const Moment& moment, const TraceRecord& record);
  void OnChange(const Moment& moment, const engine::ChangeUpcall& change);
  void OnDone(const Moment& moment, const engine::DoneUpcall& done);
  // The version `command` gave to `key`; None() if that cannot be told.
  void NoteRemovalUnseen(const Moment& moment, const IssuedCommand& command, const std::string& key,
                         Instant issued);
  static Version VersionOf(ProcessState& process, const IssuedCommand& command,
                           const engine::DoneUpcall& done, const std::string& key);
  void CheckAcknowledged(const Moment& moment, const IssuedCommand& command, const std::string& key,
                         const Version& version, Instant issued);
  bool Has(const ProcessState& process, const std::string& key, const Version& version,
           Instant issued) const;
  bool HadExpired(const ProcessState& process, const std::string& key,
                  const Version& version) const;
  bool WasUndone(const ProcessState& writer, const IssuedCommand& command, const std::string& key,
                 const Version& version) const;
  void CheckPromise(const Moment& moment, const std::string& key, const Promise& promise,
                    const Seen* last);
  bool WasRemoved(const std::string& key, const Version& version) const;
  bool MayBeOver(const std::string& key) const;  // At once, after a merge.
  bool IsLatest(const std::string& key, const Version& version) const;
  void CheckNothingOlder(const Moment& moment, const std::string& key, const Seen* last);
  // The final state of `key`, as the longest-lived process has it; null if nobody knows the key.
  const Seen* Last(const std::string& key) const;

  Policy policy_;
  bool removals_may_be_forgotten_ = false;
  bool clocks_differ_ = false;
  bool states_were_replaced_ = false;  // As merges do.
  std::set<std::string> expiring_;     // Keys that were given a time to live, and kept it.
  Violations& violations_;
  std::map<ProcessNumber, ProcessState> processes_;
  std::map<MemberId, ProcessNumber> members_;
  std::map<std::string, std::vector<Promise>> promises_;
  // Digests of operations by place and, of those in a closing order, by the view it led to: sides
  // of a partition may close a view differently.
  std::map<std::pair<Applied, ViewId>, uint64_t> applied_;
  // Digests of convergent maps at the end of a view, by it and the next one.
  std::map<std::pair<ViewId, ViewId>, uint64_t> closed_;
  Stats stats_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECK_WRITES_H_
