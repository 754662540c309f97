// Sends what the engine made: runs of equal-sized packets of one destination leave as one segmented
// datagram (UDP_SEGMENT), several runs in one system call. What the kernel has no room for is
// dropped and counted: the protocol repairs it, and a queue here would only hide the congestion
// from it.
//
// Threads: guarded by the driver's lock; the senders of one socket take turns at its gate, for one
// system call each.
#ifndef COHORT_RUNTIME_PACKET_SENDER_H_
#define COHORT_RUNTIME_PACKET_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/types.h"
#include "engine/io.h"
#include "runtime/mutex.h"

namespace cohort::runtime {

// What all who send from one socket must agree on.
struct SendGate {
  runtime::Mutex mutex;
  bool loop ABSL_GUARDED_BY(mutex) = true;  // IP_MULTICAST_LOOP, as the socket has it.
};

class PacketSender {
 public:
  static constexpr size_t kSegmentsMax = 64;  // Per segmented send: a limit of the kernel.
  static constexpr size_t kRunBytesMax =
      65'487;                             // 65535 less IPv6 and UDP headers; fits IPv4 as well.
  static constexpr size_t kRunsMax = 64;  // Per system call.

  struct Stats {
    uint64_t datagrams = 0;
    uint64_t bytes = 0;
    uint64_t batches = 0;  // System calls.
    uint64_t unsent = 0;   // Datagrams dropped: no room, no route, refused by a filter.
  };

  // Packets with `multicast` go to `multicast`, or, if that is none, to each of the peers.
  PacketSender(int fd, const Address& multicast, SendGate& gate)
      : fd_(fd), multicast_(multicast), gate_(gate) {}
  // Where packets for everybody go in a group without multicast: the other members.
  void SetPeers(std::vector<Address> peers) { peers_ = std::move(peers); }

  // Whether the kernel hands what goes to the multicast address to this host as well ("loops it
  // back"): to other members here, but also to this member, which is woken for nothing. It does
  // until told otherwise.
  void SetLoop(bool loop) { loop_ = loop; }

  void Send(const engine::Packets& packets);
  const Stats& stats() const { return stats_; }
  bool segments() const { return segments_; }
  void DisableSegments() { segments_ = false; }

 private:
  struct Run {  // Of consecutive packets.
    Address to;
    const std::byte* data = nullptr;
    size_t bytes = 0;
    uint16_t segment_bytes = 0;
    uint16_t count = 0;
  };
  void AddRun(const Run& run);
  void Flush();
  // Sends runs_[first ...] with one call; returns how many left, or -1 with errno.
  int SendSome(size_t first);
  void SetLoopAtGate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_.mutex);
  // What to do about errno `error` of run `first`: returns how many runs are dealt with.
  size_t OnError(size_t first, int error);

  int fd_;
  Address multicast_;
  SendGate& gate_;
  std::vector<Address> peers_;
  std::vector<Run> runs_;
  bool segments_ = true;
  bool loop_ = true;
  int retries_ = 0;
  Stats stats_;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_PACKET_SENDER_H_
