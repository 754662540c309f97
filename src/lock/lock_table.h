// Locks of one member on entries of an ordered map, as a state machine.
//
// Idea: a lock is held by who has an entry of its name in the map: its MemberId and a number of its
// own. Everything is a conditional write, so the total order decides. An entry whose owner is not
// in the view is as good as none: whoever wants the lock writes over it, and the coordinator
// removes it. That is safe because a MemberId that has left never comes back. A process that finds
// an entry of its own that it does not count on (it gave the lock up for lost, or did not learn
// that its write took effect) removes it.
//
// The map and the view are read together (Reader), as of one moment: who looks at an old view might
// take a new member for a dead one.
//
// Outputs are writes, which the driver makes without a time limit and answers with OnWritten, and
// what it is to tell its user. Owner: one driver, which locks it if it has threads. Limits:
// kLockWaitersMax.
#ifndef COHORT_LOCK_LOCK_TABLE_H_
#define COHORT_LOCK_LOCK_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/instant.h"
#include "cohort/ids.h"
#include "cohort/lock.h"
#include "cohort/view.h"

namespace cohort::lock {

// A lock's entry. In the map: the instance, the number of its joining and that of the hold, as
// "32 hexadecimal digits/decimal/decimal", so that it can be read with a Redis client.
struct Holding {
  MemberId owner;
  uint64_t number = 0;
  bool operator==(const Holding&) const = default;
};
std::string Encode(const Holding& holding);
std::optional<Holding> Decode(std::string_view value);

class LockTable {
 public:
  // What the map and the engine say at one moment.
  struct Seen {
    bool readable = false;  // The member is in a view and holds the whole state.
    bool in_place = false;  // The group lets it write, or would if it did not drain.
    View view;
    std::optional<std::string> value;
    Version version;
    bool draining = false;  // It takes releases, and no locks.
    bool HasPlace() const { return readable && in_place; }
  };
  using Reader = std::function<Seen(std::string_view name)>;

  struct Write {
    uint64_t ticket = 0;
    std::string name;
    Version expected;                  // PutIf or EraseIf the entry is at it.
    std::optional<std::string> value;  // Empty: erase.
  };
  struct Answer {  // Of Acquire and Release.
    uint64_t id = 0;
    absl::Status status;
    uint64_t hold = 0;  // Of an Acquire that got the lock; 0: it did not.
    Version fence;
  };
  struct Lost {
    uint64_t hold = 0;
    absl::Status why;
  };
  struct Output {
    std::vector<Write> writes;
    std::vector<Answer> answers;
    std::vector<Lost> lost;
  };
  struct Options {
    size_t waiters_max = kLockWaitersMax;
    // Of holds: above those of any earlier table of this process.
    uint64_t first_number = 1;
  };

  // One table for each instance and map: two would take each other's entries for their own.
  LockTable(const InstanceId& self, Reader read, const Options& options)
      : self_(self),
        read_(std::move(read)),
        options_(options),
        next_number_(options.first_number) {}

  // `try_once`: answered as soon as the lock is seen to be held by another member, or by a thread
  // of this one. `id` is the caller's, used once.
  void Acquire(Instant now, uint64_t id, std::string_view name, Instant deadline, bool try_once,
               Output& out);
  // Gives hold `hold` up; the answer comes when the map says so. Unknown, lost, or out of its
  // place: answered at once.
  void Release(Instant now, uint64_t id, uint64_t hold, Output& out);
  void OnWritten(Instant now, uint64_t ticket, const absl::Status& status, const Version& version,
                 Output& out);
  // The entry `name` changed, or may have: also for all entries after a view, a clear, a sync.
  void OnChange(Instant now, std::string_view name, Output& out) { Step(now, name, out); }
  // All that this table knows of.
  void OnChangeOfAll(Instant now, Output& out);
  // This member lost its place or the quorum: others may have its locks by now. Whoever waits for
  // this member's own writes is answered: they may be under way for as long as that lasts.
  void OnOut(Instant now, const absl::Status& why, Output& out);
  void OnTimer(Instant now, Output& out);
  Instant NextDeadline() const;
  void FailAll(const absl::Status& status, Output& out);

  // Whether the hold is good at this moment, as the map and the view say; also while this member
  // drains.
  bool IsHeld(uint64_t hold) const;
  // Whether an entry of this member may be there that nobody here counts on: whoever drives the
  // table goes on with it until this is over.
  bool HasLoose() const;
  // Who holds the lock, as this member sees it; nobody: empty.
  std::optional<LockOwner> Owner(std::string_view name) const;
  size_t waiters() const { return waiters_; }
  bool IsConsistent() const;

 private:
  struct Waiter {
    uint64_t id = 0;
    Instant deadline;
    bool try_once = false;
  };
  struct Hold {
    uint64_t number = 0;
    Holding holding;
    Version fence;
  };
  struct Pending {
    uint64_t ticket = 0;
    std::optional<Holding> taking;
    uint64_t release_id = 0;  // Of the Release it is for.
  };
  struct One {
    std::optional<Hold> hold;
    std::deque<Waiter> waiters;
    std::optional<Pending> pending;
    Instant retry_at = Instant::Infinite();
    bool clean_up = false;  // An entry of ours may be there that nobody counts on.
    bool IsIdle() const {
      return !hold && waiters.empty() && !pending && retry_at.is_infinite() && !clean_up;
    }
  };
  using All = std::map<std::string, One, std::less<>>;

  void Step(Instant now, std::string_view name, Output& out);
  void StepOne(Instant now, const std::string& name, One& one, Output& out);
  bool IsOldestWithData(const View& view) const;
  void StepTaken(const std::string& name, One& one, const Seen& seen, Output& out);
  bool IsGood(const Hold& hold, const Seen& seen) const;
  void Lose(One& one, absl::Status why, Output& out);
  void Take(const std::string& name, One& one, const Seen& seen, Output& out);
  void Erase(const std::string& name, One& one, const Version& version, uint64_t release_id,
             Output& out);
  void FailWaiters(One& one, const absl::Status& status, bool only_try_once, Output& out);
  void ForgetIfIdle(All::iterator it);

  const InstanceId self_;
  const Reader read_;
  const Options options_;
  All all_;
  std::map<uint64_t, std::string> tickets_;
  std::map<uint64_t, std::string> holds_;
  size_t waiters_ = 0;
  uint64_t next_ticket_ = 1;
  uint64_t next_number_;
};

}  // namespace cohort::lock

#endif  // COHORT_LOCK_LOCK_TABLE_H_
