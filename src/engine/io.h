// What goes into an Engine and what comes out: values only. The two drivers, runtime/ (sockets,
// threads) and sim/ (virtual time), speak nothing else.
#ifndef COHORT_ENGINE_IO_H_
#define COHORT_ENGINE_IO_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "base/buffer.h"
#include "base/types.h"
#include "cohort/events.h"

namespace cohort::engine {

// ---- Inputs -------------------------------------------------------------------------------------

// One received datagram. `bytes` is borrowed for the call. `multicast` tells which socket it came
// in on.
struct Datagram {
  Address from;
  bool multicast = false;
  Bytes bytes;
};

// A lifeline as the engine sees it: an ordered, authenticated, encrypted byte stream. TLS lives in
// the driver, and an event arrives only once the handshake is done.
using StreamId = uint64_t;  // Chosen by the opener: engine-made ids are odd, ids of accepted
                            // streams (driver-made) even.
struct StreamEvent {
  enum class Kind : uint8_t {
    kOpened,    // Our Open() succeeded.
    kAccepted,  // A peer opened `stream`; `from` is its address.
    kBytes,     // `bytes`, borrowed for the call.
    kWritable,  // The send queue of `stream` has drained below its low mark.
    kClosed,    // The peer ended it (FIN), or it broke (`reset`).
    kRefused,   // Our Open() or Probe() was answered by a reset: nobody listens there.
    kFailed,    // Our Open() or Probe() got no answer, or the handshake failed (wrong key); `text`
                // says which.
    kAnswered,  // Our Probe() was accepted by the peer's kernel: its host lives.
  };
  Kind kind = Kind::kBytes;
  StreamId stream = 0;
  Address from;
  Bytes bytes;
  bool reset = false;
  std::string text;
};

struct HostEvent {
  enum class Kind : uint8_t {
    kUnreachable,  // ICMP port unreachable for `peer`: a trigger to probe, never evidence.
    kInterfaceDown,
    kInterfaceUp,
    kSocketDrops,  // `count` datagrams lost to a full socket since the last report.
    kDatagramMax,  // The interface takes datagrams of `count` bytes now.
  };
  Kind kind = Kind::kInterfaceDown;
  Address peer;
  uint32_t count = 0;
};

// ---- Outputs ------------------------------------------------------------------------------------

// Sealed datagrams, back to back in one arena; consecutive ones of one destination and size may
// leave as one segmented send (UDP_SEGMENT).
struct Packets {
  struct One {
    bool multicast = false;  // To the group's multicast address (or fanned out to all known peers
                             // where there is none).
    Address to;              // Unicast destination otherwise.
    uint32_t offset = 0;
    uint32_t size = 0;
  };
  std::vector<std::byte> arena;
  std::vector<One> packets;
  bool for_strangers = false;  // One at least is for processes that are in no view of ours.
  void Clear() {
    arena.clear();
    packets.clear();
    for_strangers = false;
  }
};

// A stream on which more waits than this is ended by its driver: the peer does not read.
inline constexpr size_t kStreamQueueBytesMax = size_t{8} << 20;

struct StreamAction {
  enum class Kind : uint8_t {
    kOpen,   // Connect to `to`, TLS included; answers kOpened, kRefused or kFailed.
    kProbe,  // Connect to `to` without TLS and hang up; answers kAnswered, kRefused or kFailed
             // (after 1 s).
    kSend,   // Append `data` to the stream's send queue (bounded by what the engine keeps in
             // flight).
    kClose,  // Flush and end. No event follows.
  };
  Kind kind = Kind::kSend;
  StreamId stream = 0;
  Address to;
  Buffer data;
};

// Upcalls, in the order that matters: a VIEW after every delivery of the view before it.
struct MessageUpcall {
  MemberId from;
  DeliveryClass cls = DeliveryClass::kConv;
  Buffer payload;
  bool transitional = false;  // A SAFE message delivered by a view change: guaranteed only among
                              // installers of that view.
  bool channel = false;       // `payload` is a frame of channels (src/messaging).
};
struct ViewUpcall {
  View view;
};
struct EventUpcall {
  Event event;
};
// A command of this member has reached its acknowledgement level, or failed. Exactly one for each
// accepted command.
struct DoneUpcall {
  uint64_t command = 0;
  absl::Status status;
  Version version;     // Of the entry after a write.
  int64_t number = 0;  // Result of an increment; entries removed by a clear.
  bool applied =
      true;  // False: the condition of a conditional write did not hold (status is kAborted).
  uint16_t replicas = 0;  // Members known to have applied it, this one included.
  ViewId view;            // Of a verification: the place where it was made.
  uint64_t position = 0;
  Buffer value;         // Of a read, ...
  int64_t ttl_ms = -1;  // ... and what is left of the entry's lifetime; -1: it has none.
};
struct ChangeUpcall {
  // Of kSync: a map that was here, and that the received state does not have; `key` is its name.
  static constexpr uint32_t kNoMap = UINT32_MAX;

  uint32_t map = 0;
  enum class Cause : uint8_t {
    kPut,
    kErase,
    kExpire,
    kMerge,
    kClear,
    kSync,
    kEvict
  } cause = Cause::kPut;
  std::string key;
  std::optional<Buffer> value;  // Empty when the key went away.
  Version version;
  MemberId writer;
  bool begins = false;  // Of a convergent map: the entry was not there.
  // Of a convergent map: a put by who owned the entry before, which is all that it changes.
  bool by_owner = false;
};
using Upcall = std::variant<MessageUpcall, ViewUpcall, EventUpcall, DoneUpcall, ChangeUpcall>;

// Drained by the driver after every input. Packets and stream actions may leave at once; upcalls
// keep their order.
struct Output {
  Packets packets;
  std::vector<StreamAction> streams;
  std::vector<Upcall> upcalls;
  bool rejoin_multicast = false;  // The multicast address is to be left and joined again.
  bool IsEmpty() const {
    return packets.packets.empty() && streams.empty() && upcalls.empty() && !rejoin_multicast;
  }
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_IO_H_
