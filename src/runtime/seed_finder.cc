#include "runtime/seed_finder.h"

#include <optional>
#include <thread>
#include <utility>

#include "runtime/asio_driver.h"
#include "runtime/delivery_queue.h"
#include "runtime/mutex.h"

namespace cohort::runtime {

// Shared with the thread, which may be stuck in the resolver for longer than the member lives.
struct SeedFinder::State {
  explicit State(Options wanted) : options(std::move(wanted)) {}
  Mutex mutex;
  Options options ABSL_GUARDED_BY(mutex);
  bool stopped ABSL_GUARDED_BY(mutex) = false;
};

SeedFinder::SeedFinder(Options options) : state_(std::make_shared<State>(std::move(options))) {}
SeedFinder::~SeedFinder() { Stop(); }

void SeedFinder::Start() {
  {
    MutexLock lock(&state_->mutex);
    if (!state_->options.table.has_names()) return;
  }
  StartThread("cohort-seeds", [state = state_] { Run(state); }).detach();
}

bool SeedFinder::AwaitFirstRound(absl::Duration timeout) const {
  State& state = *state_;
  MutexLock lock(&state.mutex);
  const auto tried = [&state]()
                         ABSL_NO_THREAD_SAFETY_ANALYSIS { return state.options.table.all_tried(); };
  return state.mutex.AwaitWithTimeout(tried, timeout);
}

void SeedFinder::Stop() {
  MutexLock lock(&state_->mutex);
  state_->stopped = true;
}

void SeedFinder::Run(const std::shared_ptr<State>& state) {
  LookUp look_up;
  for (;;) {
    std::optional<size_t> due;
    Seed seed;
    {
      MutexLock lock(&state->mutex);
      const auto stopped = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return state->stopped; };
      while (!state->stopped && !(due = state->options.table.Due(SteadyNow()))) {
        const Duration wait = state->options.table.NextDue() - SteadyNow();
        state->mutex.AwaitWithTimeout(stopped, absl::FromChrono(wait));
      }
      if (state->stopped) return;
      seed = state->options.table.seed(*due);
      look_up = state->options.look_up;
    }
    const absl::StatusOr<std::vector<Address>> found = look_up(seed);
    MutexLock lock(&state->mutex);
    if (state->stopped) return;
    SeedTable::Output out;
    state->options.table.OnLookedUp(SteadyNow(), *due, found, out);
    // With the lock held, so that nothing is called once Stop has returned.
    if (out.addresses) state->options.on_addresses(*out.addresses);
    for (const std::string& text : out.troubles) state->options.on_trouble(text);
  }
}

}  // namespace cohort::runtime
