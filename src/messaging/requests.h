// The asker's side of requests: who was asked, who has answered, and when that is enough.
//
// Idea: a request is a message of the group, and its sender delivers it, too. That delivery is in
// the view in which everybody delivers it, so it says who was asked; from then on virtual synchrony
// decides: a member that is in the next view has the request, one that is not is not waited for.
// Nothing is resent, so nothing is handled twice.
//
// Inputs come in the order of the engine's upcalls. Owner: one Messenger. Not thread-safe. Limits:
// kRequestsMax, kAnswerBytesHeldMax; both count until Release, so that results nobody has taken
// yet count.
#ifndef COHORT_MESSAGING_REQUESTS_H_
#define COHORT_MESSAGING_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/instant.h"
#include "cohort/request.h"
#include "cohort/view.h"

namespace cohort::messaging {

class Requests {
 public:
  struct Limits {
    size_t requests_max = kRequestsMax;
    size_t answer_bytes_max = kAnswerBytesHeldMax;
  };
  // A request that is over. Release it once its result has been taken.
  struct Done {
    uint64_t number = 0;
    RequestResult result;
    size_t answer_bytes = 0;
  };
  struct Stats {
    uint64_t begun = 0;
    uint64_t answers = 0;          // That somebody waited for.
    uint64_t answers_late = 0;     // Nobody did, any more.
    uint64_t answers_dropped = 0;  // For want of room.
  };

  explicit Requests(const Limits& limits) : limits_(limits) {}

  // A new request, which will be over at `deadline` at the latest. kResourceExhausted.
  absl::StatusOr<uint64_t> Begin(const RequestOptions& options, Instant deadline);
  // It was refused: nothing was sent.
  void Forget(uint64_t number);
  // This member, `self`, delivered its own request in `view`: its members are asked.
  void OnDelivered(uint64_t number, const View& view, const InstanceId& self,
                   std::vector<Done>& done);
  void OnAnswer(uint64_t number, const InstanceId& from, uint8_t code, std::string_view payload,
                std::vector<Done>& done);
  // `fresh`: this member did not come from the view before together with others.
  void OnView(const View& view, const InstanceId& self, bool fresh, std::vector<Done>& done);
  // What was to be sent will not be: it fails with `status`, if it has not been delivered.
  void OnFailed(uint64_t number, const absl::Status& status, std::vector<Done>& done);
  void OnTimer(Instant now, std::vector<Done>& done);
  Instant NextDeadline() const;
  // Everything is over: `status`.
  void FailAll(const absl::Status& status, std::vector<Done>& done);
  void Release(const Done& done);

  // Begun and not released; those of them that are not over.
  size_t size() const { return unreleased_; }
  size_t under_way() const { return all_.size(); }
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;

 private:
  struct Target {
    Answer answer;
    bool over = false;
  };
  // An answer that was faster than this member's own delivery of the request: in the total order
  // others may be ahead.
  struct Early {
    InstanceId from;
    uint8_t code = 0;
    std::string payload;
  };
  struct One {
    std::vector<MemberId> to;
    bool include_self = true;
    Await await = Await::kAll;
    Instant deadline;
    bool delivered = false;
    ViewId view;
    std::vector<Target> targets;
    std::vector<Early> early;
    size_t answered = 0;
    size_t open = 0;
    size_t answer_bytes = 0;
  };
  using All = absl::flat_hash_map<uint64_t, One>;

  static size_t Needed(const One& one);
  static bool IsOver(const One& one);
  static absl::Status StatusOf(const One& one);
  void Add(One& one, const MemberId& id, std::string_view name, bool is_in_view);
  void Keep(One& one, const InstanceId& from, uint8_t code, std::string_view payload);
  void Apply(One& one, Target& target, uint8_t code, std::string_view payload);
  void Leave(One& one, Target& target, const char* why);
  void EndIfOver(All::iterator it, std::vector<Done>& done);
  void End(All::iterator it, absl::Status status, std::vector<Done>& done);

  const Limits limits_;
  All all_;
  std::set<std::pair<Instant, uint64_t>> deadlines_;
  std::set<uint64_t> delivered_;  // Those that a view may concern, in order.
  uint64_t next_ = 1;
  size_t unreleased_ = 0;
  size_t answer_bytes_ = 0;
  Stats stats_;
};

}  // namespace cohort::messaging

#endif  // COHORT_MESSAGING_REQUESTS_H_
