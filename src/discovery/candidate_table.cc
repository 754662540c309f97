#include "discovery/candidate_table.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace cohort::discovery {

bool RanksBefore(const Self& a, const Self& b) {
  return std::make_tuple(!a.carries_state, a.incarnation, a.id.instance) <
         std::make_tuple(!b.carries_state, b.incarnation, b.id.instance);
}

void CandidateTable::Heard(Instant now, const Self& self, bool echoed) {
  bool newest = true;
  Instant echoed_at = now;
  uint32_t unanswered = 0;
  std::erase_if(candidates_, [&](const Candidate& other) {
    if (other.self.id.instance == self.id.instance) {
      // Only an echo is an answer: a HELLO may be a replay.
      if (!echoed) {
        unanswered = other.unanswered;
        echoed_at = other.echoed_at;
      }
      echoed |= other.echoed;
      return true;
    }
    if (other.self.name != self.name) return false;
    if (other.self.incarnation > self.incarnation) newest = false;
    return other.self.incarnation < self.incarnation;
  });
  if (!newest) return;
  const auto place =
      std::upper_bound(candidates_.begin(), candidates_.end(), self,
                       [](const Self& a, const Candidate& b) { return RanksBefore(a, b.self); });
  if (candidates_.size() >= kCandidatesMax) {
    if (place == candidates_.end()) return;
    candidates_.insert(place, {self, echoed, unanswered, echoed_at});
    candidates_.pop_back();
    return;
  }
  candidates_.insert(place, {self, echoed, unanswered, echoed_at});
}

void CandidateTable::Forget(const InstanceId& instance) {
  std::erase_if(candidates_, [&](const Candidate& c) { return c.self.id.instance == instance; });
}

const CandidateTable::Candidate* CandidateTable::Best() const {
  const auto best = std::find_if(candidates_.begin(), candidates_.end(),
                                 [](const Candidate& c) { return c.self.may_form; });
  return best == candidates_.end() ? nullptr : &*best;
}

bool CandidateTable::NoteAsked(const InstanceId& instance) {
  const auto found = std::find_if(candidates_.begin(), candidates_.end(), [&](const Candidate& c) {
    return c.self.id.instance == instance;
  });
  if (found == candidates_.end()) return false;
  if (found->unanswered < kUnansweredAsksMax) {
    ++found->unanswered;
    return true;
  }
  candidates_.erase(found);
  return false;
}

size_t CandidateTable::EchoedNames(Instant from, const std::string& own) const {
  std::set<std::string> names;
  for (const Candidate& candidate : candidates_) {
    if (candidate.echoed && candidate.echoed_at >= from && candidate.self.name != own)
      names.insert(candidate.self.name);
  }
  return names.size();
}

const CandidateTable::Candidate* CandidateTable::EchoedCarrier(Instant now) {
  std::erase_if(candidates_, [now](const Candidate& c) {
    return c.echoed && c.self.carries_state && now - c.echoed_at > kCarrierSilenceMax;
  });
  const auto found = std::find_if(candidates_.begin(), candidates_.end(), [](const Candidate& c) {
    return c.echoed && c.self.carries_state;
  });
  return found == candidates_.end() ? nullptr : &*found;
}

}  // namespace cohort::discovery
