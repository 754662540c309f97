// Checks what session stores promise their hosts (docs/session_store.md).
//
// The idea: every write of a session has a number, writes that number into the session, and names
// the one it was made on. So what is read at any time names a chain of writes, and an acknowledged
// one must be in it. What is promised, and so what is checked:
//   - S1 what is read is not older than the latest acknowledged write that this member had; nor is
//     what there is at the end older than any, unless all members that had it are dead.
//   - S2 nor has, by the end, another write overwritten one unseen, but for one that another side
//   of
//     a partition made. One side: both were asked for and answered in one view; or one was asked
//     for where the other was already.
//   - S3 what was acknowledged to have ended is not read again where it was known, nor at the end;
//     and what nobody has ended is there.
//   - S4 an end that was acknowledged is told `here` once; none is told twice at one store; nor at
//     two that have been in one view for longer than a write may take.
//   - S5 the two values that each write sets are never of two writes.
//   - S6 a write that was refused is never read.
// What a store is asked besides, at the end and in a healed group (users.h):
//   - S7 calls succeed, or are refused for a reason; every store is in its group.
//   - S8 a store keeps nothing of sessions that are not there.
//   - S9 all members read the same.
// Not promised, not checked: writes whose outcome is unknown; sessions that somebody took out of
// the group (`Excuse`).
#ifndef COHORT_SIMSESSION_CHECKER_H_
#define COHORT_SIMSESSION_CHECKER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "sim/checker.h"

namespace cohort::simsession {

using sim::Moment;
using sim::ProcessNumber;
using sim::Violations;

class SessionChecker {
 public:
  using Write = uint64_t;  // 0: none.
  enum class Outcome : uint8_t { kOk, kRefused, kUnknown };
  struct Stats {
    uint64_t acknowledged = 0;
    uint64_t refused = 0;
    uint64_t unknown = 0;
    uint64_t ends = 0;
    uint64_t reads = 0;
    uint64_t takeovers = 0;      // Acknowledged writes on what another process had written.
    uint64_t lost_by_sides = 0;  // At the end, as S1 excuses.
    uint64_t void_promises = 0;  // Likewise.
  };

  explicit SessionChecker(Violations& violations) : violations_(violations) {}

  void OnStarted(ProcessNumber process, const MemberId& member) { members_[member] = process; }
  void OnView(ProcessNumber process, Instant at, const View& view);
  void OnSynced(ProcessNumber process, const MemberId& subject);
  void OnProcessEnded(ProcessNumber process) { processes_[process].alive = false; }

  // A session begins (`base` 0), or a request writes it, having read `base`.
  Write Begin(const Moment& moment, const std::string& id, Write base);
  // The same contents under another id.
  Write BeginRename(const Moment& moment, const std::string& id, const std::string& new_id,
                    Write base);
  void Answered(const Moment& moment, Write write, Outcome outcome);
  // A request began to read at `since`. `torn`: what the second value says.
  void Read(const Moment& moment, Instant since, const std::string& id, Write write, Write torn);
  void ReadNothing(const Moment& moment, Instant since, const std::string& id);

  void BeginEnd(const Moment& moment, const std::string& id);
  void EndAnswered(const Moment& moment, const std::string& id, Outcome outcome);
  // A store's host was told that it has ended `here`, `told` in words.
  void Told(const Moment& moment, const std::string& id, const std::string& told);
  // It may be gone at any time: it has a short life, or a store makes room.
  void MayEnd(const std::string& id) { sessions_[id].may_end = true; }
  bool may_end(const std::string& id) { return sessions_[id].may_end; }
  // Nothing more is promised of it.
  void Excuse(const std::string& id) { sessions_[id].excused = true; }
  void ExcuseThose(absl::FunctionRef<bool(const std::string& id)> which) {
    for (auto& [id, session] : sessions_) session.excused |= which(id);
  }
  // Zero: not during a run.
  void SetEndsForgottenAfter(Duration time) { ends_forgotten_after_ = time; }

  // All is healed and quiet: what each session that is there holds.
  void AtEnd(const Moment& moment, const std::map<std::string, Write>& there);

  const Stats& stats() const { return stats_; }
  static std::string ToValue(Write write) { return std::to_string(write); }

 private:
  struct Node {  // A write.
    std::string id;
    Write base = 0;
    ProcessNumber process = 0;
    Instant begun;
    Instant answered = Instant::Infinite();
    ViewId view;           // When it was begun ...
    ViewId answered_view;  // ... and answered.
    std::set<ProcessNumber> holders;
    bool ok = false;
    bool refused = false;
    bool renames = false;
  };
  struct Process {
    bool alive = true;
    View view;
    Instant since;
  };
  struct TellingHere {
    Moment moment;
    ViewId view;
    Instant since;
  };
  struct Session {
    std::vector<Write> acknowledged;
    Write renamed_from = 0;  // The rename that began it.
    std::vector<Write> renames_away;
    bool may_end = false;
    bool excused = false;
    bool end_begun = false;
    Instant ended = Instant::Infinite();  // Acknowledged.
    ProcessNumber ended_by = 0;
    std::set<ProcessNumber> end_holders;
    std::vector<TellingHere> told;
  };

  std::set<ProcessNumber> HoldersNow(ProcessNumber process) const;
  bool AnyAlive(const std::set<ProcessNumber>& processes) const;
  bool IsIn(Write write, Write chain) const;
  // Whether `one` and `other`, made on one base, may both have been acknowledged.
  bool MayBoth(const Node& one, const Node& other) const;
  // Which promise is broken where what is read, `seen`, lacks `write`; null: none. `renamed`: see
  // Session::renamed_from.
  const char* Lack(Write seen, Write write, Write renamed) const;
  std::string Describe(Write write) const;
  void CheckSession(const Moment& moment, const std::string& id, const Session& session,
                    const std::map<std::string, Write>& there);
  bool MayHaveComeBack(const Session& session) const;
  void CheckLacking(const Moment& moment, const std::string& id, const Session& session,
                    Write seen);
  void CheckGone(const Moment& moment, const std::string& id, const Session& session,
                 const std::map<std::string, Write>& there);

  Violations& violations_;
  Duration ends_forgotten_after_{};
  std::vector<Node> writes_{1};
  std::map<std::string, Session> sessions_;
  std::map<ProcessNumber, Process> processes_;
  std::map<MemberId, ProcessNumber> members_;
  Stats stats_;
};

}  // namespace cohort::simsession

#endif  // COHORT_SIMSESSION_CHECKER_H_
