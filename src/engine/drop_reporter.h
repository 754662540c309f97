// Turns dropped packets into events that an operator can act upon, and few of them.
//
// Each cause is told of at once when it is first met, and then at intervals that double, with how
// many there were since. Causes that are part of the protocol's life (late packets of old views,
// replays by the network) are only counted. Costs nothing to speak of, whatever comes in: no
// memory, no timer.
#ifndef COHORT_ENGINE_DROP_REPORTER_H_
#define COHORT_ENGINE_DROP_REPORTER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/address.h"
#include "base/instant.h"
#include "security/verdict.h"

namespace cohort::engine {

inline constexpr Duration kDropEventIntervalMin = std::chrono::seconds(10);
inline constexpr Duration kDropEventIntervalMax = std::chrono::hours(1);

class DropReporter {
 public:
  struct Report {
    std::string text;
    int64_t number = 0;  // Since the last report of this cause.
  };

  // One more was dropped. A report, if it is time for one.
  std::optional<Report> OnDrop(Instant now, security::Verdict verdict, const Address& from);

 private:
  struct Cause {
    int64_t count = 0;
    std::optional<Instant> next;  // None: never told.
    Duration interval = kDropEventIntervalMin;
  };
  std::array<Cause, static_cast<size_t>(security::Verdict::kCount)> causes_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_DROP_REPORTER_H_
