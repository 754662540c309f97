#include "runtime/fork_guard.h"

#include <pthread.h>

#include <atomic>

namespace cohort::runtime {
namespace {

// How many forks lie between this process and the one that loaded the library.
std::atomic<uint32_t> forks{0};

}  // namespace

ForkGuard::ForkGuard() {
  static const int registered = pthread_atfork(nullptr, nullptr, [] { ++forks; });
  static_cast<void>(registered);
  forks_ = forks.load(std::memory_order_relaxed);
}

bool ForkGuard::InChild() const { return forks.load(std::memory_order_relaxed) != forks_; }

absl::Status ForkGuard::Check() const {
  if (!InChild()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "this process is a fork of the member: the group is its parent's; join again here");
}

}  // namespace cohort::runtime
