// Proof that replicas are equal: a member asks, in total order, and every member that holds the
// whole state answers with the digest of all its maps at that very place.
//
// Idea: digests kept up to date by each write cost nothing to read, and a place in the total order
// is the same moment everywhere, so nobody has to pause. Answers are CONV messages and come even
// across a view change; who leaves the view before it has answered proves nothing and is not waited
// for. Where there are convergent maps, each answers when their marks are here (marks.h). Protocol:
// docs/protocol/map.md 8.30.
//
// Limits: kVerificationsMax under way. Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_VERIFICATION_H_
#define COHORT_ENGINE_VERIFICATION_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "base/types.h"
#include "engine/io.h"
#include "map/types.h"

namespace cohort::engine {

inline constexpr size_t kVerificationsMax = 16;
inline constexpr Duration kAskAgainAfter = milliseconds(50);

// What a holder of the whole state has at one place of the order.
struct Proof {
  ViewId view;
  uint64_t position = 0;   // Of the last map operation before it, in that view.
  map::Digest digest;      // Of the ordered maps.
  map::Digest convergent;  // Of the others, at the marks (marks.h).
  bool operator==(const Proof&) const = default;
};

// Bodies of the two messages.
struct VerifyMessage {
  uint64_t number = 0;  // Of the asker.
};
struct ProofMessage {
  InstanceId asker;
  uint64_t number = 0;
  std::optional<Proof> proof;  // None: it cannot be told now.
};
Buffer Encode(const VerifyMessage& message);
Buffer Encode(const ProofMessage& message);
// Empty when `body` has another size.
std::optional<VerifyMessage> DecodeVerify(Bytes body);
std::optional<ProofMessage> DecodeProof(Bytes body);

class Verifications {
 public:
  // Command `id` wants to know whether at least `holders_min` members hold the same; it waits until
  // so many hold the whole state. kResourceExhausted: too many at once.
  absl::Status Add(Instant now, uint64_t id, uint16_t holders_min, Duration within);
  // The number of a verification that may be asked for now, with so many holders; it must be. What
  // is to be asked later is due when OnTimer() has said so.
  std::optional<uint64_t> TakeAskable(size_t holders);
  // Its question was delivered here; what this member has at the marks is yet to be known.
  void OnPlaced(uint64_t number);
  // This member, `self`, has `own`; `holders` are those that answer besides.
  void OnAsked(uint64_t number, const MemberId& self, const Proof& own,
               std::vector<MemberId> holders, std::vector<Upcall>& upcalls);
  // Its question came to no place that all agree on: it is asked again under another number.
  void AskAgain(uint64_t number);
  // The same, but a while later: `from`, one of those that answer, cannot tell.
  void OnRefused(Instant now, uint64_t number, const MemberId& from);
  void OnProof(uint64_t number, const MemberId& from, const Proof& proof,
               std::vector<Upcall>& upcalls);
  // A view of `members`: who is not among them does not answer any more. Whose marks had not all
  // come gives no answer either: what waits for marks is asked again.
  void OnView(const std::vector<MemberInfo>& members, std::vector<Upcall>& upcalls);
  // What was asked gets no answers any more; what was not asked waits on.
  void OnExcluded(std::vector<Upcall>& upcalls);
  void FailAll(const absl::Status& status, std::vector<Upcall>& upcalls);
  void OnTimer(Instant now, std::vector<Upcall>& upcalls);
  Instant NextDeadline() const;
  using Answers = std::vector<std::pair<MemberId, Proof>>;  // One of a member.
  // What was answered to a question that showed a difference; empty if there is no new one.
  Answers TakeDifferent() { return std::exchange(found_different_, {}); }

  size_t size() const { return all_.size(); }

 private:
  enum class Step : uint8_t { kWaits, kAsking, kPlaced, kAsked };
  struct One {
    uint64_t id = 0;
    uint64_t number = 0;
    uint16_t holders_min = 1;
    Instant give_up_at;
    Step step = Step::kWaits;
    bool by_marks = false;  // It was placed, and its answers wait for marks.
    std::optional<Instant> ask_at;
    Proof own;
    Answers early;  // That came before the question came to its place here.
    Answers answers;
    MemberId self;
    std::vector<MemberId> awaited;
    std::vector<MemberId> different;
    uint16_t equal = 0;  // Members, this one included.
  };

  One* Find(uint64_t number);
  static void Count(One& one, const MemberId& from, const Proof& proof);
  void FinishIfComplete(One& one, std::vector<Upcall>& upcalls);

  std::vector<One> all_;
  uint64_t next_number_ = 1;
  Answers found_different_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_VERIFICATION_H_
