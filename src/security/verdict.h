// What Security makes of one received datagram.
#ifndef COHORT_SECURITY_VERDICT_H_
#define COHORT_SECURITY_VERDICT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "base/types.h"

namespace cohort::security {

enum class Verdict : uint8_t {
  kOk,
  kOwn,                // Sent by this very member and looped back.
  kMalformed,          // Not a packet of ours: too short, no magic number, bad length or flags.
  kWrongVersion,       // Of another wire version.
  kPlaintextMismatch,  // Encrypted while we are not, or the other way round.
  kForeignGroup,       // Another group's name or key.
  kUnknownKey,         // A key slot nobody told us about.
  kUnknownView,        // Of a view that is not ours (any more, or yet).
  kBadRank,            // That view has no such member, or it is another attempt of the member.
  kReplay,             // That number was opened before, or is too old to tell.
  kStrangerLimit,      // More packets of strangers than we care to look at.
  kForged,             // The AEAD says no.
  kCount,
};
const char* ToString(Verdict verdict);     // For people.
const char* CounterName(Verdict verdict);  // For programs: one lower-case word, with underscores.

// Which of the views Security knows a packet belongs to.
enum class ViewSlot : uint8_t {
  kNone,      // A stranger's packet.
  kCurrent,   // The installed view.
  kPrevious,  // The one before, for repairs.
  kAccepted,  // One that was agreed to, but is not installed yet.
};

// A view as Security needs it: whose packets, in which order.
struct ViewContext {
  ViewId id;
  std::vector<MemberId> members;  // By rank.
  Rank self = kNoRank;            // Our own rank in it.
};

// Who sent an opened packet, and in which context. Authentic, as far as holders of the key trust
// one another.
struct Origin {
  ViewSlot view = ViewSlot::kNone;
  ViewId view_id;       // Zero for a stranger.
  Rank rank = kNoRank;  // In that view; kNoRank for a stranger.
  MemberId member;      // Also a stranger's instance and join_no.
  bool direct =
      false;  // Sealed for us alone (unicast, or a stranger's addressed packet), not for everybody.
};

struct OpenResult {
  Verdict verdict = Verdict::kMalformed;
  Origin origin;  // Meaningful when kOk; as the header claims it otherwise, as far as it was looked
                  // at.
  Buffer plaintext;  // The frames; only when kOk.
  bool ok() const { return verdict == Verdict::kOk; }
};

struct Stats {
  std::array<uint64_t, static_cast<size_t>(Verdict::kCount)> received{};  // By verdict.
  uint64_t received_bytes = 0;  // Of packets that were kOk.
  uint64_t sealed_packets = 0;
  uint64_t sealed_bytes = 0;
  uint64_t seals_refused = 0;  // No such view or rank, frames too long, or a subkey used up.
  uint64_t Received(Verdict verdict) const { return received[static_cast<size_t>(verdict)]; }
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_VERDICT_H_
