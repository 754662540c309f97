// What the seeds of a member stand for, as far as is known, and which of them is to be looked up
// again. Pure: time and randomness are passed in, and it is told what a look-up has brought.
//
// A name is looked up again every kSeedIntervalMin to kSeedIntervalMax, whatever its time to live
// says, so that members that come later are found; after a failure sooner, at intervals that
// double. What was found last stays until something else is found: a name server that is away for a
// while does no harm. Limits: discovery::kSeedsMax addresses; those beyond it are left out, which
// is told.
#ifndef COHORT_RUNTIME_SEED_TABLE_H_
#define COHORT_RUNTIME_SEED_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/instant.h"
#include "base/random.h"
#include "base/types.h"
#include "runtime/seed.h"

namespace cohort::runtime {

// Drawn anew each time, so that members started together do not ask together.
inline constexpr Duration kSeedIntervalMin = seconds(9);
inline constexpr Duration kSeedIntervalMax = seconds(11);
// After the first failure, and the most it grows to.
inline constexpr Duration kSeedRetryMin = seconds(1);
inline constexpr Duration kSeedRetryMax = kSeedIntervalMin;
// Between two events about one seed; doubles as long as it cannot be looked up.
inline constexpr Duration kSeedEventIntervalMin = seconds(10);
inline constexpr Duration kSeedEventIntervalMax = std::chrono::hours(1);

class SeedTable {
 public:
  struct Output {
    std::optional<std::vector<Address>> addresses;  // All of them, if that has changed.
    std::vector<std::string> troubles;              // For events.
  };

  // `own`: this member's address; itself it need not ask.
  SeedTable(std::vector<Seed> seeds, const Address& own, uint64_t random_seed);

  // Whether there is anything to look up, now or later.
  bool has_names() const;
  // The next one to look up now.
  std::optional<size_t> Due(Instant now) const;
  Instant NextDue() const;
  // Each name was looked up once at least.
  bool all_tried() const;
  const Seed& seed(size_t index) const { return entries_[index].seed; }
  void OnLookedUp(Instant now, size_t index, const absl::StatusOr<std::vector<Address>>& found,
                  Output& out);
  // Without names, and those of names as far as they are known.
  const std::vector<Address>& addresses() const { return addresses_; }

 private:
  struct Entry {
    Seed seed;
    bool tried = false;
    std::vector<Address> found;
    Instant due = Instant::Zero();
    Duration retry = kSeedRetryMin;
    Instant event_due = Instant::Zero();
    Duration event_interval = kSeedEventIntervalMin;
  };
  void OnFailed(Instant now, Entry& entry, const absl::Status& status, Output& out);
  void Merge(Output& out);

  const Address own_;
  Random random_;
  std::vector<Entry> entries_;
  std::vector<Address> addresses_;
  bool told_surplus_ = false;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_SEED_TABLE_H_
