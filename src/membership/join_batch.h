// Join requests gathered so that many arrivals make one view: due 50 ms after the first, 25 ms
// after the latest, 300 ms after the first at most. Members of a side that merges are waited for
// until all of them have asked, for a while.
//
// Limits: kJoinersPerViewMax in one view; kPendingJoinsMax waiting, beyond which a request is
// refused.
#ifndef COHORT_MEMBERSHIP_JOIN_BATCH_H_
#define COHORT_MEMBERSHIP_JOIN_BATCH_H_

#include <algorithm>
#include <vector>

#include "base/instant.h"
#include "base/types.h"
#include "membership/lifeline_messages.h"

namespace cohort::membership {

inline constexpr size_t kJoinersPerViewMax = 512;
inline constexpr size_t kPendingJoinsMax = 1024;
inline constexpr size_t kExpectedSidesMax = 16;

class JoinBatch {
 public:
  // Spec 4.64
  static constexpr Duration kFirst = milliseconds(50);
  static constexpr Duration kMore = milliseconds(25);
  static constexpr Duration kCap = milliseconds(300);
  static constexpr Duration kStale = seconds(3);

  // False when there is no room. A later attempt of an instance takes the place of the earlier, and
  // so does a later process of a name.
  bool Add(Instant now, JoinRequest request) {
    Remove(request.member.id.instance, request.member.id.join_no);
    std::erase_if(requests_, [&](const JoinRequest& r) {
      return !r.member.name.empty() && r.member.name == request.member.name;
    });
    if (requests_.size() >= kPendingJoinsMax) return false;
    due_ = requests_.empty() ? now + kFirst : std::min(std::max(due_, now + kMore), first_ + kCap);
    if (requests_.empty()) first_ = now;
    if (requests_.size() + 1 >= kJoinersPerViewMax) due_ = now;
    latest_ = now;
    requests_.push_back(std::move(request));
    return true;
  }
  // Drops what `instance` asked in attempts up to `join_no`.
  void Remove(const InstanceId& instance, uint32_t join_no) {
    std::erase_if(requests_, [&](const JoinRequest& r) {
      return r.member.id.instance == instance && r.member.id.join_no <= join_no;
    });
  }
  // The side that ends in `view` comes with `members`, before `until`.
  void Expect(const ViewId& view, size_t members, Instant until) {
    std::erase_if(expected_, [&](const Side& side) { return side.view == view; });
    if (expected_.size() < kExpectedSidesMax) expected_.push_back({view, members, until});
  }
  // True when the batch should become a view now.
  bool IsDue(Instant now) const { return !requests_.empty() && NextDeadline() <= now; }
  Instant NextDeadline() const {
    if (requests_.empty()) return Instant::Infinite();
    Instant deadline = due_;
    for (const Side& side : expected_) {
      const auto asked = std::count_if(
          requests_.begin(), requests_.end(),
          [&](const JoinRequest& r) { return r.merging && r.came_from == side.view; });
      if (asked > 0 && static_cast<size_t>(asked) < side.members) {
        deadline = std::max(deadline, side.until);
      }
    }
    return deadline;
  }
  // At most kJoinersPerViewMax, in order of arrival. They stay until they are removed: a view
  // change may fail.
  const std::vector<JoinRequest>& requests() const { return requests_; }
  void ForgetExpected(Instant now) {
    std::erase_if(expected_, [&](const Side& side) { return side.until <= now; });
  }
  // Whoever asked so long ago has given up, and asks anew.
  void ForgetStale(Instant now) {
    if (now - latest_ > kStale) requests_.clear();
  }
  void Clear() {
    requests_.clear();
    expected_.clear();
  }

 private:
  struct Side {
    ViewId view;
    size_t members = 0;
    Instant until;
  };
  std::vector<JoinRequest> requests_;
  std::vector<Side> expected_;
  Instant first_;
  Instant latest_;
  Instant due_ = Instant::Infinite();
};

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_JOIN_BATCH_H_
