// Calls as errands: their commands are made and executed by whoever has the engine's lock.
//
// Threads: made by one, run by any.
#ifndef COHORT_RUNTIME_CALL_ERRAND_H_
#define COHORT_RUNTIME_CALL_ERRAND_H_

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runtime/call_table.h"
#include "runtime/delivery_queue.h"
#include "runtime/errand_queue.h"

namespace cohort::runtime {

// A call that waits: its answer, or what was thrown, wakes who made it.
class CallErrand final : public Errand {
 public:
  // The command, without its number, made under the lock; empty: there is nothing to do, and that
  // is the answer.
  using Command = absl::StatusOr<std::optional<engine::Command>>;
  using Prepare = absl::FunctionRef<Command(const engine::Engine& engine, Instant now)>;

  CallErrand(CallTable& calls, Prepare prepare) : calls_(calls), prepare_(prepare) {}

  void Run(engine::Engine& engine, Instant now, engine::Output& out) override {
    Command command = prepare_(engine, now);
    absl::Status status = command.status();
    if (status.ok() && command->has_value()) {
      const std::optional<uint64_t> number = calls_.AddWaiter(waiter_);
      if (number) {
        number_ = *number;
        engine::SetId(**command, number_);
        status = engine.Execute(now, **command, out);
        if (status.ok()) return;  // The table answers.
        calls_.Remove(std::exchange(number_, 0));
      } else {
        status = absl::ResourceExhaustedError("too many calls");
      }
    }
    Answer(std::move(status));
  }
  void Refuse() override { Answer(absl::CancelledError("the group was left")); }
  void Fail(std::exception_ptr thrown) override {
    // Else the table has answered.
    if (number_ != 0 && !calls_.Remove(std::exchange(number_, 0))) return;
    waiter_->thrown = std::move(thrown);
    Answer(absl::InternalError("the call has thrown an exception"));
  }

  // In the table, if it was executed; 0 else.
  uint64_t number() const { return number_; }
  CallTable::Waiter& waiter() { return *waiter_; }

 private:
  void Answer(absl::Status status) {
    const std::shared_ptr<CallTable::Waiter> waiter = waiter_;  // It lives longer than this may.
    waiter->done.status = std::move(status);
    waiter->notification.Notify();
  }

  CallTable& calls_;
  const Prepare prepare_;
  uint64_t number_ = 0;
  const std::shared_ptr<CallTable::Waiter> waiter_ = std::make_shared<CallTable::Waiter>();
};

// A call whose answer is told, always: that it could not be made, and what was thrown, is one, too.
// Belongs to itself, and ends when it was run. What `done` holds does not end under the lock.
class PostedCall final : public Errand {
 public:
  using Command = CallErrand::Command;
  using Prepare = std::function<Command(const engine::Engine& engine, Instant now)>;

  PostedCall(CallTable& calls, DeliveryQueue& queue, Prepare prepare, Instant deadline,
             WriteCallback done)
      : calls_(calls),
        queue_(queue),
        prepare_(std::move(prepare)),
        deadline_(deadline),
        done_(std::move(done)) {}

  void Run(engine::Engine& engine, Instant now, engine::Output& out) override {
    Command command = prepare_(engine, now);
    prepare_ = nullptr;  // While `done_` keeps what it has from ending here.
    absl::Status status = command.status();
    if (status.ok() && command->has_value()) {
      const std::optional<uint64_t> number = calls_.AddCallback(done_, deadline_);
      if (number) {
        number_ = *number;
        engine::SetId(**command, number_);
        status = engine.Execute(now, **command, out);
        // Else the table answers, or has.
        if (status.ok() || !calls_.Remove(number_, &done_)) return End();
      } else {
        status = absl::ResourceExhaustedError("too many calls");
      }
    }
    Answer(std::move(status));
  }
  void Refuse() override { Answer(absl::CancelledError("the group was left")); }
  Instant deadline() const override { return deadline_; }
  void Fail(std::exception_ptr) override {
    if (number_ != 0 && !calls_.Remove(number_, &done_)) return End();
    Answer(absl::InternalError("the call has thrown an exception"));
  }

 private:
  void Answer(absl::Status status) {
    CallTable::Answer answer{.callback = std::move(done_), .done = {}};
    answer.done.status = std::move(status);
    queue_.PushAnswer(std::move(answer));
    End();
  }
  void End() { delete this; }

  CallTable& calls_;
  DeliveryQueue& queue_;
  Prepare prepare_;
  const Instant deadline_;
  CallTable::Callback done_;
  uint64_t number_ = 0;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_CALL_ERRAND_H_
