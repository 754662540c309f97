// The frames of a packet, as values. What they look like in bytes is frame_codec.h and
// docs/wire_format.md.
//
// A frame that parsed is well formed: counts are within the limits below, ranges are not empty,
// numbers fit their fields. Whether a rank exists in the view and a number makes sense is the
// receiving layer's to judge.
#ifndef COHORT_WIRE_FRAMES_H_
#define COHORT_WIRE_FRAMES_H_

#include <cstdint>
#include <variant>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/buffer.h"
#include "base/types.h"
#include "wire/limits.h"

namespace cohort::wire {

// One chunk: the unit of sequence, loss, repair, order and stability.
struct DataFrame {
  enum Flag : uint8_t {
    kFirst = 1 << 0,     // Begins a message ...
    kLast = 1 << 1,      // ... and ends one; a chunk of whole messages has both.
    kSync = 1 << 2,      // The sender waits: acknowledge at the end of the turn that applies it.
    kRepair = 1 << 3,    // Sent again, in a new packet, by any holder.
    kBarrier = 1 << 4,   // A CONV chunk that waits for the AGREED ones before it.
    kLarge = 1 << 5,     // Of the lane of large messages (Spec 5.20).
    kSpanning = 1 << 6,  // Its first message began, or its last ends, in another chunk (Spec 5.2).
  };
  SeqNo seq = 0;
  Rank origin = 0;  // The sender of the chunk; of a repair not the sender of the packet.
  DeliveryClass cls = DeliveryClass::kConv;
  uint8_t flags = 0;
  Buffer payload;  // Messages as frag packs them, or control records (class kCtrl). At most
                   // kJumboPayloadMax bytes.
};

// A part of a chunk of more than kChunkPayloadMax bytes that is sent again (Spec 5.26): bytes
// `index` * kPieceBytes and on, kPieceBytes of them or what is left.
struct PieceFrame {
  SeqNo seq = 0;
  Rank origin = 0;
  DeliveryClass cls = DeliveryClass::kConv;
  uint8_t flags = 0;   // Of the chunk, as in DataFrame.
  uint16_t total = 0;  // Bytes of the chunk.
  uint8_t index = 0;
  Buffer payload;
};

// An entry of a STATUS vector: everything of `rank` up to `seq` was received (and, CONV, applied).
struct VectorEntry {
  Rank rank = 0;
  SeqNo seq = 0;
  bool operator==(const VectorEntry&) const = default;
};

struct StatusFrame {
  uint32_t status_no = 0;  // Grows; an older STATUS that arrives later is ignored.
  CutNo applied_cut = 0;   // Last cut wholly applied here.
  uint16_t credit_packets =
      0;  // How many more packets the sender of this STATUS can take from everybody together.
  uint16_t backlog_packets = 0;  // Chunks waiting to be sent here.
  uint16_t queue_drops = 0;  // Packets this host's socket dropped for want of room, modulo 2^16.
  uint8_t local_health = 0;  // 0 (well) to 8, see failure.
  uint8_t member_state = 0;  // 0 normal, 1 syncing, 2 leaving.
  // Always includes the sender's own rank with its highest assigned number, so a lost tail is
  // noticed.
  absl::InlinedVector<VectorEntry, 8> received;
};

struct NakRange {
  SeqNo start = 0;
  uint16_t length = 0;  // At least 1.
  bool operator==(const NakRange&) const = default;
};
struct NakFrame {
  Rank origin = 0;  // Whose chunks are missing; the NAK may go to any holder.
  absl::InlinedVector<NakRange, 4> ranges;
};

// Sent when nothing else was. Echo fields let the receiver measure the round trip.
struct HeartbeatFrame {
  uint32_t number = 0;
  uint32_t send_us = 0;        // Sender's clock, modulo 2^32 microseconds.
  SeqNo high = 0;              // Sender's highest assigned chunk.
  Rank echo_rank = kNoRank;    // Whose heartbeat is echoed, kNoRank for none ...
  uint16_t echo_delay_us = 0;  // ... how long it was held (saturated) ...
  uint32_t echo_us = 0;        // ... and its send_us.
  uint16_t progress = 0;       // Coordinator: grows while the view change it runs makes progress.
  absl::InlinedVector<uint64_t, 1>
      hears;                   // Bit r: this member heard rank r lately. ceil(n / 64) words.
  std::vector<uint64_t> lost;  // Bit r: rank r is heard, but nothing that it multicasts.
                               // As many words as `hears`, or none.
};

struct PingFrame {
  uint32_t nonce = 0;
  uint32_t send_us = 0;
};
struct PongFrame {
  uint32_t nonce = 0;
  Rank target = kNoRank;
  uint32_t send_us = 0;
};  // target: whom an indirect probe reached.
struct PingRequestFrame {
  uint32_t nonce = 0;
  Rank target = 0;
};

// "I take datagrams of so many bytes", from a member that takes large ones (Spec 5.24).
struct SizeOfferFrame {
  uint16_t bytes = 0;
};
// As many zeros as make a datagram of `bytes` bytes, alone in a sealed packet: who gets it says so.
struct SizeProbeFrame {
  uint32_t nonce = 0;
  uint16_t bytes = 0;
};
struct SizeAnswerFrame {
  uint32_t nonce = 0;
  uint16_t bytes = 0;
};

enum class Evidence : uint8_t {
  kNone = 0,
  kLeft = 1,
  kRefused = 2,
  kReplaced = 3,
  kSilent = 4,
  kStalled = 5,
  kBadLink = 6,
  kSlow = 7,
  kViewStall = 8,
};
// "I hold this member for dead, for this reason." Repeated until the view changes; level 0
// withdraws.
struct SuspectFrame {
  Rank subject = 0;
  uint32_t subject_join_no = 0;
  Evidence evidence = Evidence::kNone;
  uint8_t level = 1;  // 0 withdrawn, 1 suspected, 2 convicted here.
  uint32_t silent_ms = 0;
};

// A control message in Protocol Buffers (proto/cohort/v1): view changes among members, discovery
// among strangers. `kind` tells which message it is, so that a layer parses only its own.
enum class ControlKind : uint8_t { kViewChange = 1, kDiscovery = 2 };
struct ControlFrame {
  ControlKind kind = ControlKind::kViewChange;
  Buffer body;  // At most kControlBodyMax bytes in a datagram; larger ones travel on a lifeline.
};

using Frame = std::variant<DataFrame, StatusFrame, NakFrame, HeartbeatFrame, PingFrame, PongFrame,
                           PingRequestFrame, SuspectFrame, ControlFrame, SizeOfferFrame,
                           SizeProbeFrame, SizeAnswerFrame, PieceFrame>;

// A frame on its way out. `to` is a rank of the current view, or kAllRanks for multicast.
struct OutFrame {
  Rank to = kAllRanks;
  bool previous_view =
      false;  // Seal it for the view before the current one (repairs for those still in it).
  Frame frame;
};

}  // namespace cohort::wire

#endif  // COHORT_WIRE_FRAMES_H_
