// The other searchers heard of during one search, and which of all would be the best to begin the
// group.
//
// Order: who carries state goes first, then the older process, then the smaller instance id.
// Everybody who hears the same HELLOs names the same one. A candidate that does not answer
// kUnansweredAsksMax questions is forgotten; one that others wait for because it carries state,
// only after kCarrierSilenceMax. Limits: kCandidatesMax candidates; beyond them the newcomer is
// ignored unless it ranks before the worst.
#ifndef COHORT_DISCOVERY_CANDIDATE_TABLE_H_
#define COHORT_DISCOVERY_CANDIDATE_TABLE_H_

#include <cstdint>
#include <vector>

#include "base/instant.h"
#include "base/types.h"
#include "discovery/message.h"

namespace cohort::discovery {

inline constexpr size_t kCandidatesMax = 1024;
inline constexpr uint32_t kUnansweredAsksMax = 3;
// Long, because a group begun beside a carrier that lives loses what it carries.
inline constexpr Duration kCarrierSilenceMax = seconds(10);
// For so long an echo shows that its sender is there; longer where so many are waited for that not
// all of their questions are answered (AnswerLimiter).
inline constexpr Duration kEchoCountsFor = seconds(10);
inline constexpr Duration kEchoCountsForEach = milliseconds(100);

// True when `a` should begin the group rather than `b`.
bool RanksBefore(const Self& a, const Self& b);

class CandidateTable {
 public:
  struct Candidate {
    Self self;
    bool echoed = false;  // It repeated this search's nonce: it lives now.
    uint32_t unanswered = 0;
    Instant echoed_at;  // Last, if it did.
  };

  void Clear() { candidates_.clear(); }
  // A HELLO or ECHO came from it. A newer process of one name takes the place of the older.
  void Heard(Instant now, const Self& self, bool echoed);
  void Forget(const InstanceId& instance);
  // The best of those allowed to begin a group; nullptr when there is none.
  const Candidate* Best() const;
  // Notes a question to it; false when it left too many unanswered and is forgotten.
  bool NoteAsked(const InstanceId& instance);
  // Names of those that echoed since `from`, without `own`.
  size_t EchoedNames(Instant from, const std::string& own) const;
  // One that echoed and carries state; nullptr when there is none. Forgets those that have not
  // echoed for kCarrierSilenceMax.
  const Candidate* EchoedCarrier(Instant now);
  size_t size() const { return candidates_.size(); }

 private:
  std::vector<Candidate> candidates_;  // Sorted by RanksBefore.
};

}  // namespace cohort::discovery

#endif  // COHORT_DISCOVERY_CANDIDATE_TABLE_H_
