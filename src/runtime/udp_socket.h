// One UDP socket, non-blocking, by native calls: what Asio does not offer (segmentation offload,
// batches, error queue, drop counter) is the greater part of what a member's throughput rests on.
//
// Source: Linux udp(7), ip(7), "UDP GSO" (de Bruijn, Linux Plumbers 2018).
// Threads: Receive and DrainErrors by one thread at a time, sends by any under the driver's lock.
#ifndef COHORT_RUNTIME_UDP_SOCKET_H_
#define COHORT_RUNTIME_UDP_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/types.h"
#include "engine/io.h"
#include "runtime/file_descriptor.h"

namespace cohort::runtime {

// Room for one batch of received datagrams: what one system call fills. Reused from batch to batch.
class DatagramBatch {
 public:
  static constexpr size_t kMessages = 16;
  static constexpr size_t kMessageBytes =
      65536;  // The kernel may glue up to 64 KiB of segments (UDP_GRO).

  DatagramBatch();
  const std::vector<engine::Datagram>& datagrams() const { return datagrams_; }
  // Datagrams the kernel threw away since the last batch, because the socket was full.
  uint32_t drops() const { return drops_; }
  // A system call that came back full: more may be waiting.
  bool full() const { return full_; }
  size_t bytes() const { return bytes_; }

 private:
  friend class UdpSocket;
  struct Slots;  // The kernel's structures.
  std::shared_ptr<Slots> slots_;
  std::vector<engine::Datagram> datagrams_;
  uint32_t drops_ = 0;
  bool full_ = false;
  size_t bytes_ = 0;
};

class UdpSocket {
 public:
  struct Options {
    size_t receive_buffer_bytes = size_t{8} << 20;
    size_t send_buffer_bytes = size_t{4} << 20;
    uint32_t interface_index = 0;  // Multicast goes out of it and is received on it.
    int multicast_ttl = 1;
  };
  // A socket that others reach at `local` (port 0: the kernel chooses) and that sends everything,
  // multicast too.
  static absl::StatusOr<UdpSocket> OpenUnicast(const Address& local, const Options& options);
  // A socket that hears `group` on the interface, and nothing else. Many members of one host may
  // share it.
  static absl::StatusOr<UdpSocket> OpenMulticast(const Address& group, const Options& options);

  int fd() const { return fd_.get(); }
  void Close() { fd_.Close(); }
  const Address& local() const { return local_; }
  // As the kernel counts it (twice what was granted, to allow for its own overhead).
  size_t receive_buffer_bytes() const { return receive_buffer_bytes_; }
  bool segments_received() const { return segments_received_; }  // UDP_GRO is on.

  // Reads what is there, at most one system call's worth, without waiting. The datagrams are valid
  // until the next call with this batch. Returns false if there was nothing; then DrainErrors may
  // have something.
  bool Receive(DatagramBatch& batch);
  // Peers whose host said that their port is closed (ICMP).
  std::vector<Address> DrainErrors();
  // Leaves the group and joins it again: the switch hears a fresh IGMP/MLD report. Multicast
  // sockets only.
  void Rejoin();

 private:
  explicit UdpSocket(FileDescriptor fd) : fd_(std::move(fd)) {}
  absl::Status Configure(const Options& options, uint8_t family);
  absl::Status Join();

  FileDescriptor fd_;
  Address local_;
  bool multicast_ = false;
  uint32_t interface_index_ = 0;
  size_t receive_buffer_bytes_ = 0;
  bool segments_received_ = false;
  uint32_t drops_seen_ = 0;
};

// "EADDRINUSE" and the like as the status users see, with `what` in front.
absl::Status SocketError(int error, const std::string& what);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_UDP_SOCKET_H_
