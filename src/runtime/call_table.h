// Calls of this member that wait for their acknowledgement: who gets the answer of which command.
//
// A blocking call is woken directly by whoever drives the engine, without a hop over the delivery
// thread; a call with a callback has its answer put into the delivery queue, in order with
// everything else. Each call is answered exactly once: by its DoneUpcall, by its deadline, or by
// the end of the group.
//
// Threads: any; one leaf lock of its own. Limit: kCallsMax waiting calls.
#ifndef COHORT_RUNTIME_CALL_TABLE_H_
#define COHORT_RUNTIME_CALL_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "base/instant.h"
#include "base/number_ring.h"
#include "cohort/map_options.h"
#include "engine/io.h"
#include "runtime/mutex.h"

namespace cohort::runtime {

inline constexpr size_t kCallsMax = size_t{1} << 20;

class CallTable {
 public:
  // Who is told, in the form that was asked for; nobody if it is empty.
  using DoneCallback = std::function<void(const engine::DoneUpcall&)>;
  using Callback = std::variant<DoneCallback, WriteCallback>;
  // One blocking call. Shared, because the waker may still touch it when the waiter has gone on.
  struct Waiter {
    runtime::Notification notification;
    engine::DoneUpcall done;
    std::exception_ptr thrown;  // By what was to execute the command.
  };
  // An answer for the delivery thread.
  struct Answer {
    Callback callback;
    engine::DoneUpcall done;
    void Tell() const;
  };

  // A new command's number, and its entry. Nothing when the table is full.
  std::optional<uint64_t> AddWaiter(std::shared_ptr<Waiter> waiter);
  // Takes what is in `callback`, but not when the table is full.
  std::optional<uint64_t> AddCallback(Callback& callback, Instant deadline);
  // The call is given up (its command was refused, or its waiter has waited long enough). False: it
  // was answered before. Its callback, which is not to be told, goes to `untold`: what it holds is
  // the user's, and ends where no lock is held.
  bool Remove(uint64_t command, Callback* untold = nullptr);
  // Answers a call. Returns who is to be woken, or what the delivery thread is to call.
  struct Completed {
    std::shared_ptr<Waiter> waiter;
    std::optional<Answer> answer;
  };
  Completed Complete(engine::DoneUpcall done);
  // Answers of the calls whose time is up.
  std::vector<Answer> TakeExpired(Instant now);
  // Everything still waiting fails; nothing can be added any more.
  std::vector<Answer> FailAll(const absl::Status& status);
  Instant NextDeadline() const;
  size_t size() const;

 private:
  struct Call {
    std::shared_ptr<Waiter> waiter;
    Callback callback;
    Instant deadline = Instant::Infinite();
  };
  std::optional<uint64_t> Add(Call& call);  // The same.

  mutable runtime::Mutex mutex_;
  NumberRing<Call> calls_ ABSL_GUARDED_BY(mutex_);  // By command.
  absl::btree_set<std::pair<Instant, uint64_t>> deadlines_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// What of it a caller of a write is told.
WriteResult ResultOf(const engine::DoneUpcall& done);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_CALL_TABLE_H_
