// How large the datagrams are in which this member sends new chunks: small ones, until every other
// member of the view has shown that it gets large ones.
//
// Idea: a member offers what it takes, with its heartbeats. If all offer more than the small size,
// a probe of the least of it goes the way that chunks go, and each answers; only then it is used.
// While large chunks are sent the probes are repeated, so a path that has become narrower is
// noticed; but nothing rests on that, since what is sent again goes in small packets. Sources: RFC
// 8899 (packetization layer path MTU discovery for datagrams), without its search: there are two
// sizes. Protocol: docs/protocol/multicast.md, 5.24 to 5.27.
//
// Sans-I/O. Limits: in views of more than kSizedMembersMax members all stays small. Cost while
// large chunks are sent: one probe a second, and an answer of each member. Not thread-safe.
#ifndef COHORT_ENGINE_DATAGRAM_SIZE_H_
#define COHORT_ENGINE_DATAGRAM_SIZE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/flap_damper.h"
#include "base/instant.h"
#include "base/types.h"
#include "wire/frames.h"

namespace cohort::engine {

inline constexpr size_t kSizedMembersMax = 64;
inline constexpr unsigned kProbesUnanswered = 4;  // In a row: the path has become narrower.
inline constexpr uint32_t kProbesRemembered = 8;  // An answer to an earlier one is out of date.

class DatagramSize {
 public:
  static constexpr Duration kAnswerWithin = milliseconds(125);
  static constexpr Duration kRepeatEvery = seconds(1);  // While large chunks are sent.
  static constexpr Duration kRetryMax = seconds(30);    // While somebody has never answered.

  // Large datagrams do not reach `member` any more.
  struct Fall {
    Rank member = 0;
    size_t bytes = 0;  // What was sent until now.
    Duration held{0};  // For so long it stays small at least, because it has come and gone before.
    size_t times = 0;  // It fell, since it began to count.
  };

  // `own`: the largest datagram this member takes and sends.
  explicit DatagramSize(size_t own) : own_(own) {}

  void SetOwn(Instant now, size_t own);
  // Who stays keeps what it has shown. A probe under way is forgotten.
  void OnView(Instant now, Rank self, const std::vector<MemberInfo>& members);
  // What to say with a heartbeat, if there is anything.
  std::optional<wire::SizeOfferFrame> Offer() const;
  void OnOffer(Instant now, Rank from, const wire::SizeOfferFrame& offer);
  void OnAnswer(Instant now, Rank from, const wire::SizeAnswerFrame& answer);
  void OnSent();                   // A large chunk has left ...
  void OnAskedAgain(Instant now);  // ... or is asked for again: perhaps none gets through.

  Instant NextDeadline() const { return next_; }
  // `is_heard`: a member that is not says nothing about the path by its silence.
  std::optional<Fall> OnTimer(Instant now, absl::FunctionRef<bool(Rank)> is_heard,
                              std::vector<wire::OutFrame>& frames);

  // Of the datagrams with new chunks. kDatagramMax6 is the small size.
  size_t bytes() const { return bytes_; }
  uint64_t probes() const { return probes_; }
  uint64_t falls() const { return falls_; }

 private:
  struct Peer {
    MemberId id;
    size_t offered = 0;
    size_t shown = 0;         // The largest datagram that arrived there.
    uint32_t answered = 0;    // Nonce.
    unsigned unanswered = 0;  // Probes in a row.
  };

  size_t Target() const;
  bool IsShown() const;
  void Decide(Instant now);
  void Update(Instant now);
  void ProbeAt(Instant at);
  std::optional<Fall> Judge(Instant now, absl::FunctionRef<bool(Rank)> is_heard);

  size_t own_;
  bool has_offered_ = false;  // Large ones, before own_ became small: the others are told.
  Rank self_ = 0;
  std::vector<Peer> peers_;  // By rank; that of self is unused.
  size_t target_ = 0;        // What is to be shown; 0: nothing.
  size_t bytes_ = wire::kDatagramMax6;
  uint32_t nonce_ = 0;
  uint32_t oldest_nonce_ = 1;  // Answers to earlier probes say nothing any more.
  bool waiting_ = false;       // For answers, until next_.
  Instant next_ = Instant::Infinite();
  Instant probed_at_ = kNever;
  Instant held_until_ = kNever;
  Duration retry_ = kAnswerWithin;
  bool asked_again_ = false;  // A large chunk, during the probe under way.
  bool used_ = false;         // Large chunks were sent since the last probe.
  FlapDamper flaps_;
  uint64_t probes_ = 0;
  uint64_t falls_ = 0;

  static constexpr Instant kNever = Instant::FromNanos(-(int64_t{1} << 60));
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_DATAGRAM_SIZE_H_
