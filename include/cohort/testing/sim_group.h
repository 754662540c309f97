// SimGroup: a whole group in one process and in virtual time, for tests of your own.
//
// The members are real: each is the engine that runs in production, with its own process, clock,
// sockets and maps. What is simulated is the world round them: the network, the kernel, time. So a
// partition of a minute takes milliseconds, a crash comes exactly where you want it, and one
// number, the seed, decides everything else: the same calls with the same seed do the same, event
// by event.
//
// ```cpp
// TEST(StockTest, AReservationOutlivesTheMemberThatMadeIt) {
//   SimGroup group({"a", "b", "c"}, {.seed = 7, .failed = ::testing::Test::HasFailure});
//   Stock at_a(group.map("a", "stock"));
//   ASSERT_TRUE(at_a.Reserve("lamp", "ann").ok());
//   group.Kill("a");
//   Stock at_b(group.map("b", "stock"));
//   EXPECT_EQ(at_b.ReservedBy("lamp"), "ann");
//   EXPECT_EQ(at_b.Reserve("lamp", "bob").code(), absl::StatusCode::kAborted);
// }
// ```
//
// A class under test takes the type of its map as a template parameter, since SimMap is not a
// ReplicatedMap: that one has threads, and they have no place in virtual time.
//
// Time passes only in RunFor, RunUntil..., and in calls that wait: a Put lasts as long as the
// simulated network needs. Callbacks run inside those, one at a time; what waits fails there with
// kFailedPrecondition, as in a real group.
//
// Threads: one. What is asked of a member that is not there, or names that are none, is a mistake
// in the test: it ends the process with a message.
#ifndef COHORT_TESTING_SIM_GROUP_H_
#define COHORT_TESTING_SIM_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/events.h"
#include "cohort/options.h"
#include "cohort/testing/sim_channel.h"  // IWYU pragma: export
#include "cohort/testing/sim_lock.h"     // IWYU pragma: export
#include "cohort/testing/sim_map.h"      // IWYU pragma: export
#include "cohort/view.h"

namespace cohort::testing {

inline constexpr size_t kSimMembersMax = 16;
inline constexpr size_t kSimEventsMax = 10'000;         // Kept of each process; then the oldest go.
inline constexpr size_t kSimTimelineLinesMax = 10'000;  // Kept; then the oldest go.

struct SimOptions {
  uint64_t seed = 1;
  // Under kPrimary the first view waits for all members.
  Policy policy = Policy::kAvailable;
  FailureProfile failure_profile = FailureProfile::kDefault;
  // As MapOptions::resolver, of all maps at all members that have opened them.
  MergeResolver resolver{};
  // Asked at the group's end: if it says yes, the timeline goes to standard error, with the seed
  // that replays it. Of GoogleTest: ::testing::Test::HasFailure.
  std::function<bool()> failed{};
};

class SimGroup {
 public:
  // Starts a process for each name (1 to 64 bytes, all different; at most kSimMembersMax) and
  // returns once all are in one view and hold the whole state.
  explicit SimGroup(const std::vector<std::string>& names, const SimOptions& options = {});
  SimGroup(const std::vector<std::string>& names, uint64_t seed)
      : SimGroup(names, SimOptions{.seed = seed, .failed = {}}) {}
  ~SimGroup();
  SimGroup(const SimGroup&) = delete;
  SimGroup& operator=(const SimGroup&) = delete;

  // ---- Time, in virtual seconds since the first process began to start.
  absl::Duration now() const;
  void RunFor(absl::Duration duration);
  // Runs until `condition` holds; it is asked after every event. False: it did not within
  // `timeout`.
  bool RunUntil(const std::function<bool()>& condition, absl::Duration timeout = absl::Seconds(30));
  // Until all processes that live are in one view, are all it has, hold the whole state, and have
  // merged what they brought back from a partition; under kPrimary also until each has its vote.
  bool RunUntilOneView(absl::Duration timeout = absl::Seconds(30));

  // ---- Members.
  bool alive(std::string_view member) const;  // Has a process, maybe a paused one.
  View view(std::string_view member) const;   // Without members: none yet, or no process.
  bool synced(std::string_view member) const;
  bool writable(std::string_view member) const;
  // What the process that runs, or ran last, told its user; views aside.
  const std::vector<Event>& events(std::string_view member) const;
  // The map `name` at this member, opened if it was not. The handle works for later processes of
  // this name too. Opening may fail, in a minority for example; writes then say kUnavailable.
  // `options` count where the group has no such map yet; `options.resolver` in any case, in place
  // of that of SimOptions.
  SimMap map(std::string_view member, std::string_view name, const MapOptions& options = {});

  // The channel `name` at this member; works for later processes of this name too.
  SimChannel channel(std::string_view member, std::string_view name);
  // The locks of this member in the map `map`, which is opened if it was not; works for later
  // processes of this name too.
  SimLockService locks(std::string_view member, std::string_view map = "locks");

  // ---- Faults. None of them takes time by itself; what they cause does.
  // As kill -9: the process is gone, its kernel closes its connections within 2 ms.
  void Kill(std::string_view member);
  // A new process of this name, where there is none.
  void Start(std::string_view member);
  // As SIGSTOP and SIGCONT: it does not run, while its kernel goes on to receive for it.
  void Pause(std::string_view member);
  void Resume(std::string_view member);
  // Nothing passes between these two, in either direction.
  void Cut(std::string_view one, std::string_view other);
  // Nothing passes between members of different sides; whoever is not named is on one more side.
  // Takes the place of all cuts before.
  void Partition(const std::vector<std::vector<std::string>>& sides);
  // The share of datagrams that every link loses, 0 to 1. (Lifelines are TCP: they become slow.)
  void SetLoss(double share);
  void Heal();  // No cuts, no loss.

  // What happened, one line an event, as docs/testing.md explains it. Oldest first.
  std::string timeline() const;

 private:
  std::shared_ptr<SimWorld> world_;
};

}  // namespace cohort::testing

#endif  // COHORT_TESTING_SIM_GROUP_H_
