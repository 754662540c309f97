// Puts frames into packets and packets into the arena: as many frames of one destination and view
// as fit, in the order they were added. A large chunk that is sent for the first time has a large
// packet of its own; sent again it is cut into pieces that fit small ones (Spec 5.26).
//
// In a view of two everything goes by unicast: there is one receiver, and the kernel tells when its
// port is gone. Where there is no multicast one sealed packet is listed once for each member, its
// bytes shared.
//
// Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_PACKETIZER_H_
#define COHORT_ENGINE_PACKETIZER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/trace.h"
#include "base/types.h"
#include "engine/io.h"
#include "security/security.h"
#include "wire/frame_codec.h"

namespace cohort::engine {

class Packetizer {
 public:
  struct Stats {
    uint64_t packets = 0;
    uint64_t copies = 0;  // Of them by unicast, to members whom multicast does not reach.
    uint64_t frames = 0;
    uint64_t large = 0;           // Packets with a large chunk.
    uint64_t pieces = 0;          // Frames with a part of one.
    uint64_t frames_refused = 0;  // Did not fit a packet, or for nobody.
  };
  Packetizer(security::Security& security, bool has_multicast, TraceSink* trace)
      : security_(security), has_multicast_(has_multicast), trace_(trace) {}

  // Where the members of a view are; `self` is our rank in it.
  struct Route {
    std::vector<Address> addresses;  // By rank.
    Rank self = kNoRank;
    MemberId self_id;  // For traces.
  };
  void SetRoutes(Route current, Route previous);  // And no copies.
  // Members of the current view that also get by unicast what is multicast to it.
  void SetCopies(std::vector<Rank> ranks) { copies_ = std::move(ranks); }

  // What a large packet to the whole view may hold; kPacketFramesMax: there are none.
  void SetGroupFramesMax(size_t bytes) { group_frames_max_ = bytes; }

  void Add(const wire::OutFrame& frame, Packets& packets);
  // One stranger packet: a discovery message to `to` (None: multicast).
  void AddStranger(const Address& to, const wire::Frame& frame, Packets& packets);
  // Seals what is still open.
  void Flush(Packets& packets);
  // True when a small multicast packet of the current view was sealed since the last call: it
  // counts as a heartbeat, which a large one does not, since it may not get through.
  bool TakeSentToGroup() { return std::exchange(sent_to_group_, false); }
  const Stats& stats() const { return stats_; }

 private:
  struct Lane {
    explicit Lane(size_t bytes = wire::kPacketFramesMax) : frames(bytes) {}
    std::vector<std::byte> frames;
    size_t used = 0;
  };
  using LaneKey = std::pair<bool, Rank>;  // Previous view?, destination.

  const Route& RouteOf(bool previous) const { return previous ? previous_ : current_; }
  bool IsCut(const wire::OutFrame& frame) const;
  void AddPieces(const wire::OutFrame& frame, Packets& packets);
  void Seal(const LaneKey& key, Lane& lane, Packets& packets);
  void TraceSealed(const LaneKey& key, Bytes packet);

  security::Security& security_;
  const bool has_multicast_;
  TraceSink* const trace_;
  Route current_;
  Route previous_;
  std::vector<Rank> copies_;
  std::map<LaneKey, Lane> lanes_;  // Ordered: its order reaches the wire.
  Lane large_{wire::kJumboFramesMax};
  size_t group_frames_max_ = wire::kPacketFramesMax;
  bool sent_to_group_ = false;
  Stats stats_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_PACKETIZER_H_
