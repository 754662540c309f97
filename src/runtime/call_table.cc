#include "runtime/call_table.h"

#include <utility>

#include "runtime/mutex.h"

namespace cohort::runtime {

namespace {

bool IsEmpty(const CallTable::Callback& callback) {
  return std::visit([](const auto& one) { return one == nullptr; }, callback);
}

}  // namespace

WriteResult ResultOf(const engine::DoneUpcall& done) {
  WriteResult result;
  result.status = done.status;
  result.version = done.version;
  result.number = done.number;
  result.replicas = done.replicas;
  return result;
}

void CallTable::Answer::Tell() const {
  if (const auto* const write = std::get_if<WriteCallback>(&callback))
    return (*write)(ResultOf(done));
  std::get<DoneCallback>(callback)(done);
}

std::optional<uint64_t> CallTable::Add(Call& call) {
  runtime::MutexLock lock(&mutex_);
  if (closed_ || calls_.size() >= kCallsMax) return std::nullopt;
  const Instant deadline = call.deadline;
  const uint64_t command = calls_.Add(std::move(call));
  if (!deadline.is_infinite()) deadlines_.emplace(deadline, command);
  return command;
}

std::optional<uint64_t> CallTable::AddWaiter(std::shared_ptr<Waiter> waiter) {
  Call call{.waiter = std::move(waiter)};
  return Add(call);
}

std::optional<uint64_t> CallTable::AddCallback(Callback& callback, Instant deadline) {
  Call call{.callback = std::move(callback), .deadline = deadline};
  const std::optional<uint64_t> command = Add(call);
  if (!command) callback = std::move(call.callback);
  return command;
}

bool CallTable::Remove(uint64_t command, Callback* untold) {
  std::optional<Call> call;
  runtime::MutexLock lock(&mutex_);
  call = calls_.Take(command);
  if (!call.has_value()) return false;
  deadlines_.erase({call->deadline, command});
  if (untold != nullptr) *untold = std::move(call->callback);
  return true;
}

CallTable::Completed CallTable::Complete(engine::DoneUpcall done) {
  std::optional<Call> call;
  {
    runtime::MutexLock lock(&mutex_);
    call = calls_.Take(done.command);
    if (!call.has_value()) return {};  // Its time was up.
    if (!call->deadline.is_infinite()) deadlines_.erase({call->deadline, done.command});
  }
  if (call->waiter != nullptr) {
    call->waiter->done = std::move(done);
    return {std::move(call->waiter), std::nullopt};
  }
  if (IsEmpty(call->callback)) return {};
  return {nullptr, Answer{std::move(call->callback), std::move(done)}};
}

std::vector<CallTable::Answer> CallTable::TakeExpired(Instant now) {
  std::vector<Answer> answers;
  runtime::MutexLock lock(&mutex_);
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const uint64_t command = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    std::optional<Call> call = calls_.Take(command);
    engine::DoneUpcall done;
    done.command = command;
    done.status = absl::DeadlineExceededError("not acknowledged in time; the outcome is unknown");
    if (call.has_value() && !IsEmpty(call->callback))
      answers.push_back({std::move(call->callback), std::move(done)});
  }
  return answers;
}

std::vector<CallTable::Answer> CallTable::FailAll(const absl::Status& status) {
  std::vector<std::pair<uint64_t, Call>> calls;
  {
    runtime::MutexLock lock(&mutex_);
    closed_ = true;
    calls = calls_.TakeAll();
    deadlines_.clear();
  }
  std::vector<Answer> answers;
  for (auto& [command, call] : calls) {
    engine::DoneUpcall done;
    done.command = command;
    done.status = status;
    if (call.waiter != nullptr) {
      call.waiter->done = std::move(done);
      call.waiter->notification.Notify();
    } else if (!IsEmpty(call.callback)) {
      answers.push_back({std::move(call.callback), std::move(done)});
    }
  }
  return answers;
}

Instant CallTable::NextDeadline() const {
  runtime::MutexLock lock(&mutex_);
  return deadlines_.empty() ? Instant::Infinite() : deadlines_.begin()->first;
}

size_t CallTable::size() const {
  runtime::MutexLock lock(&mutex_);
  return calls_.size();
}

}  // namespace cohort::runtime
