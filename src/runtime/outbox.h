// Packets on their way from the engine to the socket, so that nobody makes a system call while he
// holds the engine's lock.
//
// Idea: turns post, in their order, under the lock; after it each thread calls Send. One of them
// sends all that is there; the others leave theirs to him and go on. So what gathers while the
// kernel is busy leaves in one call.
//
// Threads: any. Post and SetPeers may be called under any lock; they wait for no system call.
// Limit: kOutboxBytesMax; packets beyond it are dropped and counted as unsent, as the kernel does
// with those for which it has no room.
#ifndef COHORT_RUNTIME_OUTBOX_H_
#define COHORT_RUNTIME_OUTBOX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/types.h"
#include "engine/io.h"
#include "runtime/mutex.h"
#include "runtime/packet_sender.h"

namespace cohort::runtime {

inline constexpr size_t kOutboxBytesMax = size_t{16} << 20;

class Outbox {
 public:
  // As PacketSender.
  Outbox(int fd, const Address& multicast) : sender_(fd, multicast) {}

  // Takes the packets, and leaves `packets` with any contents. `loop`: PacketSender::SetLoop.
  void Post(engine::Packets& packets, bool loop);
  // PacketSender::SetPeers, for what has not been sent yet.
  void SetPeers(std::vector<Address> peers);
  // When it returns, what this thread has posted is sent, or is being sent by another one.
  void Send();
  // Sends what is there, waits for who sends, and drops all that comes later: the socket may be
  // closed.
  void Close();
  PacketSender::Stats stats() const;

 private:
  // Memory that is kept for the next packets.
  static constexpr size_t kBytesKept = size_t{1} << 20;

  struct Waiting {
    engine::Packets packets;
    bool loop = false;
    std::optional<std::vector<Address>> peers;
  };
  void SendWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sending_);

  mutable Mutex sending_;  // Held by who sends. Before mutex_.
  PacketSender sender_ ABSL_GUARDED_BY(sending_);
  Waiting taken_ ABSL_GUARDED_BY(sending_);
  bool closed_ ABSL_GUARDED_BY(sending_) = false;

  mutable Mutex mutex_;
  Waiting waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<bool> posted_{false};  // Something waits.
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_OUTBOX_H_
