// Looks up the seeds that are names, again and again, on a thread of its own ("cohort-seeds"): the
// system's resolver blocks, and nothing of a member may wait for it.
//
// Threads: any. The thread is there only while a seed is a name. It is not waited for: a look-up
// under way when Stop returns ends by itself, and nothing is called any more.
#ifndef COHORT_RUNTIME_SEED_FINDER_H_
#define COHORT_RUNTIME_SEED_FINDER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/types.h"
#include "runtime/seed.h"
#include "runtime/seed_table.h"

namespace cohort::runtime {

class SeedFinder {
 public:
  using LookUp = std::function<absl::StatusOr<std::vector<Address>>(const Seed& seed)>;
  struct Options {
    SeedTable table;
    LookUp look_up;
    // On the thread, holding no lock of the caller's. Short.
    std::function<void(const std::vector<Address>& addresses)> on_addresses;
    std::function<void(const std::string& text)> on_trouble;
  };

  explicit SeedFinder(Options options);
  ~SeedFinder();  // Stop().
  SeedFinder(const SeedFinder&) = delete;
  SeedFinder& operator=(const SeedFinder&) = delete;

  void Start();
  // Until every name was looked up once, successfully or not; at most `timeout`. Whether they were.
  bool AwaitFirstRound(absl::Duration timeout) const;
  // Idempotent.
  void Stop();

 private:
  struct State;
  static void Run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_SEED_FINDER_H_
