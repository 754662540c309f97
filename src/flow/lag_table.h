// How far each member of the view is behind the others, in time: who slows the group down, by how
// much, and for how long.
//
// Idea: fifty times a second the table notes how many chunks more than half of the others hold. A
// member that has come only as far as they were t ago is t behind; what counts is the mean of about
// a second. So the measure does not depend on how fast the group writes, a group without traffic
// has no lag, and members that are slow together are not taken for the rest. Every member reads the
// same acknowledgements, so all come to about the same. Protocol: docs/protocol/multicast.md, 5.19.
//
// Memory: kLagSamplesMax numbers a member. Cost: members cubed a sample, so above kLagMembersMax
// nobody is judged. Threads: none; the caller serialises.
#ifndef COHORT_FLOW_LAG_TABLE_H_
#define COHORT_FLOW_LAG_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/instant.h"
#include "base/types.h"
#include "wire/ack_table.h"

namespace cohort::flow {

inline constexpr size_t kLagSamplesMax = 100;  // Two seconds; a longer lag counts as that.
inline constexpr size_t kLagMembersMax = 64;

class LagTable {
 public:
  struct Options {
    Duration sample_every = milliseconds(20);
    Duration behind_from = milliseconds(50);    // A mean lag from here on, and ...
    int behind_times = 4;                       // ... so many times that of the others: behind.
    Duration degraded_after = seconds(2);       // Behind for so long is worth telling.
    Duration recovered_after = seconds(1);      // Not behind for so long: it has caught up.
    Duration too_slow_after = Duration::max();  // Degraded, and writers waited, for so long.
  };
  struct Change {
    Rank member = 0;
    bool degraded = false;
    Duration lag{0};  // The mean; of one that has caught up the greatest it was.
  };

  explicit LagTable(const Options& options) : options_(options) {}

  // `before`: for each member of the new view the rank it had in the one before, if it was in it.
  // Of those nothing is kept but that they are degraded.
  void OnView(const std::vector<std::optional<Rank>>& before);
  Instant NextDeadline() const { return next_; }
  // Looks at the table, if it is time to. `writers_wait`: somebody has more to send than the window
  // lets pass. After a gap (this process stood still) it begins anew.
  void Sample(Instant now, const wire::AckTable& acks, bool writers_wait,
              std::vector<Change>& changes);

  // Zero where nobody is judged.
  Duration lag(Rank member) const {
    return member < rows_.size() ? rows_[member].mean : Duration(0);
  }
  Duration worst() const;  // The greatest lag of any member, now.
  // It has been degraded for Options::too_slow_after, counting only the time in which writers
  // waited.
  bool IsTooSlow(Rank member) const {
    return member < rows_.size() && rows_[member].degraded &&
           rows_[member].held_back >= options_.too_slow_after;
  }

 private:
  struct Row {
    std::deque<uint64_t> reached;  // By sample, oldest first: how far the others were.
    Duration mean{0};
    Duration worst{0};      // Since it is degraded.
    Duration held_back{0};  // How long writers waited since then.
    bool behind = false;
    bool degraded = false;
    Instant since;  // Of `behind`, or of not being it.
  };
  void Begin(Instant now);
  void Release(std::vector<Change>& changes);
  uint64_t ReachedByOthers(const wire::AckTable& acks, Rank member);
  void Measure(Rank member, const wire::AckTable& acks);
  Duration MeanOfOthers(Rank member) const;
  void Judge(Instant now, Rank member, bool writers_wait, std::vector<Change>& changes);

  const Options options_;
  std::vector<Row> rows_;
  std::vector<SeqNo> scratch_;
  Instant next_;
  std::optional<Instant> last_;  // None yet in this view.
};

}  // namespace cohort::flow

#endif  // COHORT_FLOW_LAG_TABLE_H_
