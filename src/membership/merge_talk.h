// What two coordinators have told each other about a merge: the question this one has asked, the
// promise it has given, and which of two sides gives way.
#ifndef COHORT_MEMBERSHIP_MERGE_TALK_H_
#define COHORT_MEMBERSHIP_MERGE_TALK_H_

#include <optional>
#include <tuple>

#include "base/group_sighting.h"
#include "base/instant.h"
#include "base/types.h"

namespace cohort::membership {

// Spec 4.80: true when `a` goes on and `b` gives way. A total order of different views: the side
// with a quorum, the one with more of the state's holders, the larger, the one with the longer
// history, the smaller random number.
inline bool IsStronger(const GroupSighting& a, const GroupSighting& b) {
  return std::make_tuple(!a.primary, ~a.weight, ~a.members, ~a.view.num, a.view.cid) <
         std::make_tuple(!b.primary, ~b.weight, ~b.members, ~b.view.num, b.view.cid);
}

class MergeTalk {
 public:
  // Spec 4.82
  static constexpr Duration kPromise = seconds(2);  // A side that said yes stays for so long.
  static constexpr Duration kAnswerWithin = seconds(1);
  static constexpr Duration kAskAgainAfter = milliseconds(300);

  struct Question {
    Address whom;
    ViewId own_view;  // The view in which it was asked.
    Instant until;
    bool descent = false;  // "Do you descend from my view?" instead of "may I join?"
  };

  bool MayAsk(Instant now) const { return !question_ && now >= ask_from_ && promise_until_ <= now; }
  void Ask(Instant now, const Address& whom, const ViewId& own_view, bool descent) {
    question_ = Question{whom, own_view, now + kAnswerWithin, descent};
  }
  const std::optional<Question>& question() const { return question_; }
  void EndQuestion(Instant now) {
    question_.reset();
    ask_from_ = now + kAskAgainAfter;
  }
  void Promise(Instant now) { promise_until_ = now + kPromise; }
  bool IsPromised(Instant now) const { return promise_until_ > now; }
  void Clear() { *this = {}; }

 private:
  std::optional<Question> question_;
  Instant ask_from_;
  Instant promise_until_;
};

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_MERGE_TALK_H_
