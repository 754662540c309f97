#include "session/task_list.h"

namespace cohort::session {

using runtime::MutexLock;

SessionTask TaskList::Begin(SessionTaskKind kind, absl::Time now) {
  const MutexLock lock(&mutex_);
  SessionTask task;
  task.id = next_++;
  task.kind = kind;
  task.started = task.changed = now;
  tasks_.push_back(task);
  if (tasks_.size() > kSessionTasksKept) tasks_.pop_front();
  return task;
}

void TaskList::Update(const SessionTask& task) {
  const MutexLock lock(&mutex_);
  for (SessionTask& known : tasks_) {
    if (known.id == task.id) known = task;
  }
}

absl::Status TaskList::Await(uint64_t id, absl::Duration timeout) {
  const MutexLock lock(&mutex_);
  absl::Status result = absl::NotFoundError("no such task, or it is so old that it was forgotten");
  const auto is_over = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (const SessionTask& task : tasks_) {
      if (task.id != id) continue;
      result = task.status;
      return task.state == SessionTaskState::kDone || task.state == SessionTaskState::kFailed;
    }
    return true;
  };
  if (!mutex_.AwaitWithTimeout(is_over, timeout))
    return absl::DeadlineExceededError("the task is not over yet");
  return result;
}

std::vector<SessionTask> TaskList::All() const {
  const MutexLock lock(&mutex_);
  return {tasks_.begin(), tasks_.end()};
}

}  // namespace cohort::session
