// Calls of a group: commands whose outcome somebody waits for, or is told of.
#include <utility>

#include "runtime/group_impl.h"

namespace cohort {

using runtime::CallTable;
using runtime::DeliveryQueue;

namespace {

Instant DeadlineAfter(Instant now, absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return Instant::Infinite();
  return now + Duration(absl::ToInt64Nanoseconds(timeout));
}

}  // namespace

absl::Status Group::Impl::InCallback() {
  return absl::FailedPreconditionError(
      "a blocking call in a callback would wait for its own thread: use the Async form");
}

absl::Status Group::Impl::Translate(const absl::Status& status) const {
  if (left_ && !status.ok()) return absl::CancelledError("the group was left");
  return status;
}

WriteResult Group::Impl::Call(engine::Command command, absl::Duration timeout) {
  return Call([&command](const engine::Engine&,
                         Instant) -> runtime::CallErrand::Command { return std::move(command); },
              timeout);
}

WriteResult Group::Impl::Call(Prepare prepare, absl::Duration timeout) {
  return runtime::ResultOf(Await(prepare, timeout));
}

engine::DoneUpcall Group::Impl::Await(Prepare prepare, absl::Duration timeout) {
  engine::DoneUpcall result;
  if (DeliveryQueue::OnDeliveryThread()) {
    result.status = InCallback();
    return result;
  }
  result.status = fork_guard().Check();
  if (!result.status.ok()) return result;
  runtime::CallErrand errand(calls_, prepare);
  driver_->Submit(errand);
  runtime::Notification& answered = errand.waiter().notification;
  if (!watch_.Wait(answered, timeout)) {
    driver_->RunErrands();  // What is not acknowledged in time is under way all the same.
    if (calls_.Remove(errand.number())) {
      result.status =
          absl::DeadlineExceededError("not acknowledged in time; the outcome is unknown");
      return result;
    }
    answered.WaitForNotification();  // It is being answered this very moment.
  }
  if (errand.waiter().thrown != nullptr)
    std::rethrow_exception(std::exchange(errand.waiter().thrown, nullptr));
  // Moved, so that the waker, which may let go of the waiter later, shares nothing of it.
  result = std::move(errand.waiter().done);
  if (errand.number() == 0) result.status = Translate(result.status);
  return result;
}

absl::Status Group::Impl::CallAsync(Prepare prepare, absl::Duration timeout, WriteCallback& done) {
  if (absl::Status status = fork_guard().Check(); !status.ok()) return status;
  std::optional<absl::Status> answer;
  CallTable::Callback callback;
  Instant deadline = Instant::Infinite();
  absl::Status status = driver_->ExecuteMade(
      [&](engine::Engine& engine, Instant now, engine::Output& out) -> absl::Status {
        runtime::CallErrand::Command command = prepare(engine, now);
        // That the map is full is an answer; that the send queue is, which Begin() says, is none.
        const bool is_full = absl::IsResourceExhausted(command.status());
        if (!command.ok() && !is_full) return command.status();
        if (is_full || !command->has_value()) {
          answer = command.status();
          return absl::OkStatus();
        }
        deadline = DeadlineAfter(now, timeout);
        callback = std::move(done);
        return Begin(engine, now, **command, callback, deadline, out);
      });
  if (!status.ok()) return Translate(status);
  if (!deadline.is_infinite()) driver_->WakeAt(deadline);
  return answer.has_value() ? Answer(std::move(done), *std::move(answer)) : absl::OkStatus();
}

absl::Status Group::Impl::Answer(WriteCallback done, absl::Status status) {
  if (!done) return absl::OkStatus();
  CallTable::Answer answer{.callback = std::move(done), .done = {}};
  answer.done.status = std::move(status);
  return queue.PushAnswer(std::move(answer)) ? absl::OkStatus()
                                             : absl::CancelledError("the group was left");
}

absl::Status Group::Impl::CallAsync(engine::Command command, absl::Duration timeout,
                                    CallTable::Callback done) {
  if (absl::Status status = fork_guard().Check(); !status.ok()) return status;
  Instant deadline;
  absl::Status status =
      driver_->ExecuteMade([&](engine::Engine& engine, Instant now, engine::Output& out) {
        deadline = DeadlineAfter(now, timeout);
        return Begin(engine, now, command, done, deadline, out);
      });
  if (!status.ok()) return Translate(status);
  if (!deadline.is_infinite()) driver_->WakeAt(deadline);
  return absl::OkStatus();
}

absl::Status Group::Impl::CallSoon(runtime::PostedCall::Prepare prepare, absl::Duration timeout,
                                   WriteCallback done) {
  if (absl::Status status = fork_guard().Check(); !status.ok()) return status;
  const Instant deadline = DeadlineAfter(runtime::SteadyNow(), timeout);
  auto call = std::make_unique<runtime::PostedCall>(calls_, queue, std::move(prepare), deadline,
                                                    std::move(done));
  driver_->SubmitLater(*call);
  static_cast<void>(call.release());  // It ends by itself.
  return absl::OkStatus();
}

absl::Status Group::Impl::Begin(engine::Engine& engine, Instant now, engine::Command& command,
                                CallTable::Callback& done, Instant deadline, engine::Output& out) {
  const std::optional<uint64_t> id = calls_.AddCallback(done, deadline);
  if (!id) return absl::ResourceExhaustedError("too many calls");
  engine::SetId(command, *id);
  absl::Status status = engine.Execute(now, command, out);
  // Whoever removes the call answers for it: not both.
  return status.ok() || calls_.Remove(*id, &done) ? status : absl::OkStatus();
}

absl::Status Group::Impl::Post(const engine::Command& command) {
  if (absl::Status status = fork_guard().Check(); !status.ok()) return status;
  return Translate(driver_->Execute(command));
}

}  // namespace cohort
