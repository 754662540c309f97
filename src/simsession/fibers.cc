#include "simsession/fibers.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/check.h"
#include "runtime/delivery_queue.h"
#include "runtime/mutex.h"

namespace cohort::simsession {

using runtime::MutexLock;

struct Fibers::Fiber {
  // Whose turn it is, between two threads.
  class Baton {
   public:
    void Give() {
      const MutexLock lock(&mutex_);
      given_ = true;
    }
    void Take() {
      const MutexLock lock(&mutex_);
      mutex_.Await([this] { return given_; });
      given_ = false;
    }

   private:
    runtime::Mutex mutex_;
    bool given_ = false;
  };

  HostIndex host = 0;
  std::function<bool()> is_so;
  Instant deadline;
  bool ended = false;
  Baton mine;
  Baton drivers;
  std::thread thread;
};

namespace {

thread_local void* current = nullptr;

}  // namespace

Fibers::Fibers() = default;

Fibers::~Fibers() {
  ending_ = true;
  while (!fibers_.empty()) Run(Instant::Zero(), [](HostIndex) { return true; });
}

void Fibers::Start(HostIndex host, std::function<void()> body) {
  auto fiber = std::make_unique<Fiber>();
  fiber->host = host;
  fiber->deadline = Instant::Zero();
  Fiber* const raw = fiber.get();
  fiber->thread = runtime::StartThread("fiber", [raw, body = std::move(body)] {
    raw->mine.Take();
    current = raw;
    body();
    raw->ended = true;
    raw->drivers.Give();
  });
  fibers_.push_back(std::move(fiber));
}

void Fibers::Park(std::function<bool()> is_so, Instant deadline) {
  Fiber* const fiber = static_cast<Fiber*>(current);
  COHORT_CHECK(fiber != nullptr);
  fiber->is_so = std::move(is_so);
  fiber->deadline = deadline;
  fiber->drivers.Give();
  fiber->mine.Take();
}

void Fibers::GiveTurn(Fiber& fiber) {
  fiber.mine.Give();
  fiber.drivers.Take();
}

void Fibers::Run(Instant now, const IsRunning& is_running) {
  for (bool ran = true; ran;) {
    ran = false;
    // A turn may start more.
    for (size_t i = 0; i < fibers_.size(); ++i) {
      Fiber& fiber = *fibers_[i];
      if (fiber.ended || !is_running(fiber.host)) continue;
      const bool is_ready = ending_ || fiber.deadline <= now || (fiber.is_so && fiber.is_so());
      if (!is_ready) continue;
      GiveTurn(fiber);
      ran = true;
    }
    if (ending_) break;
  }
  std::erase_if(fibers_, [](const auto& fiber) {
    if (fiber->ended) fiber->thread.join();
    return fiber->ended;
  });
}

Instant Fibers::NextDeadline(const IsRunning& is_running) const {
  Instant next = Instant::Infinite();
  for (const auto& fiber : fibers_) {
    if (is_running(fiber->host)) next = std::min(next, fiber->deadline);
  }
  return next;
}

}  // namespace cohort::simsession
