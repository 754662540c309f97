#include "runtime/call_table.h"

#include <algorithm>

#include "runtime/mutex.h"

namespace cohort::runtime {

std::optional<uint64_t> CallTable::Add(Call&& call) {
  runtime::MutexLock lock(&mutex_);
  if (closed_ || calls_.size() >= kCallsMax) return std::nullopt;
  const uint64_t command = next_++;
  if (!call.deadline.is_infinite()) deadlines_.emplace(call.deadline, command);
  calls_.emplace(command, std::move(call));
  return command;
}

std::optional<uint64_t> CallTable::AddWaiter(std::shared_ptr<Waiter> waiter) {
  return Add({std::move(waiter), nullptr, Instant::Infinite()});
}

std::optional<uint64_t> CallTable::AddCallback(Callback callback, Instant deadline) {
  return Add({nullptr, std::move(callback), deadline});
}

bool CallTable::Remove(uint64_t command) {
  runtime::MutexLock lock(&mutex_);
  const auto it = calls_.find(command);
  if (it == calls_.end()) return false;
  deadlines_.erase({it->second.deadline, command});
  calls_.erase(it);
  return true;
}

CallTable::Completed CallTable::Complete(engine::DoneUpcall done) {
  Call call;
  {
    runtime::MutexLock lock(&mutex_);
    const auto it = calls_.find(done.command);
    if (it == calls_.end()) return {};  // Its time was up.
    call = std::move(it->second);
    if (!call.deadline.is_infinite()) deadlines_.erase({call.deadline, done.command});
    calls_.erase(it);
  }
  if (call.waiter != nullptr) {
    call.waiter->done = std::move(done);
    return {std::move(call.waiter), std::nullopt};
  }
  if (!call.callback) return {};
  return {nullptr, Answer{std::move(call.callback), std::move(done)}};
}

std::vector<CallTable::Answer> CallTable::TakeExpired(Instant now) {
  std::vector<Answer> answers;
  runtime::MutexLock lock(&mutex_);
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const uint64_t command = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    const auto it = calls_.find(command);
    engine::DoneUpcall done;
    done.command = command;
    done.status = absl::DeadlineExceededError("not acknowledged in time; the outcome is unknown");
    if (it->second.callback) answers.push_back({std::move(it->second.callback), std::move(done)});
    calls_.erase(it);
  }
  return answers;
}

std::vector<CallTable::Answer> CallTable::FailAll(const absl::Status& status) {
  std::vector<std::pair<uint64_t, Call>> calls;
  {
    runtime::MutexLock lock(&mutex_);
    closed_ = true;
    for (auto& [command, call] : calls_) calls.emplace_back(command, std::move(call));
    calls_.clear();
    deadlines_.clear();
  }
  // In the order they were made: the table's own order means nothing.
  std::sort(calls.begin(), calls.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Answer> answers;
  for (auto& [command, call] : calls) {
    engine::DoneUpcall done;
    done.command = command;
    done.status = status;
    if (call.waiter != nullptr) {
      call.waiter->done = std::move(done);
      call.waiter->notification.Notify();
    } else if (call.callback) {
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
