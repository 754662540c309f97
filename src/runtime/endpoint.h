// The sockets and the I/O thread ("cohort-io") that groups of one process share which ask for the
// same ones.
//
// Idea: what arrives is handed to its group by what stands in clear at its beginning: datagrams by
// the group tag (GroupTable), lifelines by the identity of their key (StreamDoor). The group judges
// it. Engines, locks and timers stay with the groups, which put their own waits on this thread.
// AcquireEndpoint is how a group comes by one.
//
// Threads: as each function says; "I/O thread" is that of this endpoint. Lifetime: a lease keeps it
// open; its memory lives on with the last lease.
#ifndef COHORT_RUNTIME_ENDPOINT_H_
#define COHORT_RUNTIME_ENDPOINT_H_

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/fork_guard.h"
#include "runtime/group_table.h"
#include "runtime/link_monitor.h"
#include "runtime/member_sockets.h"
#include "runtime/packet_sender.h"
#include "runtime/stream_door.h"
#include "security/key_derivation.h"

namespace cohort::runtime {

class Endpoint {
 public:
  // Errors: kInternal (TLS).
  static absl::StatusOr<std::shared_ptr<Endpoint>> Open(MemberSockets sockets);
  ~Endpoint();

  asio::io_context& io() { return io_; }
  // Open until Close; what they were opened with can be read afterwards. Any thread.
  const MemberSockets& sockets() const { return sockets_; }
  SendGate& gate() { return gate_; }
  const ForkGuard& fork_guard() const { return fork_guard_; }
  // Leaves the multicast address and joins it again. Any thread.
  void RejoinMulticast();
  // Ends the thread and closes the sockets. Not on the I/O thread. Idempotent.
  void Close();

  // The rest by the I/O thread only.

  // From now on the group is handed what is its own. `psk` is borrowed; without a key only its
  // identity counts. With the first group the sockets begin to be read. Needs a lease that was
  // acquired for this tag.
  void Attach(EndpointGroup& group, uint32_t tag, const security::TlsPsk& psk, bool has_key);
  // From now on it is called no more. Nothing if it is not attached.
  void Detach(const EndpointGroup& group);
  // Reads both sockets empty, or as much as they can hold.
  void ReceiveAll();
  StreamDoor::Stats door_stats() const { return door_->stats(); }

 private:
  struct Entry {
    uint64_t number = 0;
    EndpointGroup* group = nullptr;
    const security::TlsPsk* psk = nullptr;
    bool has_key = false;
  };

  explicit Endpoint(MemberSockets sockets);
  void Start();
  TlsContext::Known Find(std::string_view identity) const;
  void HandOver(uint64_t number, const std::shared_ptr<Stream>& stream);
  void ArmReceive(asio::posix::stream_descriptor& waiter, UdpSocket& socket);
  void ReceiveSome(UdpSocket& socket, int batches_max);
  void ReportErrors(UdpSocket& socket);
  void ArmLinkWait();
  void ReleaseWaiters();

  const ForkGuard fork_guard_;
  // Declared before what uses it, so destroyed after.
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  MemberSockets sockets_;
  SendGate gate_;
  LinkMonitor link_;
  asio::posix::stream_descriptor unicast_waiter_;
  asio::posix::stream_descriptor multicast_waiter_;
  asio::posix::stream_descriptor link_waiter_;
  std::unique_ptr<StreamDoor> door_;
  DatagramBatch batch_;
  GroupTable table_;
  std::vector<Entry> entries_;
  uint64_t last_number_ = 0;
  bool started_ = false;
  std::thread thread_;
};

// What a group wants of its endpoint.
struct EndpointWish {
  SocketWishes sockets;
  std::string group;  // Its name.
  uint32_t tag = 0;   // Its tag.
};

// A group's hold on an endpoint: whoever has it may attach. Gives it up when destroyed.
class EndpointLease {
 public:
  EndpointLease() = default;
  EndpointLease(EndpointLease&& other) noexcept = default;
  EndpointLease& operator=(EndpointLease&& other) noexcept;
  ~EndpointLease() { Release(); }

  Endpoint& operator*() const { return *endpoint_; }
  Endpoint* operator->() const { return endpoint_.get(); }
  // How many other groups had it when this one came.
  size_t others() const { return others_; }
  // With the last one of an endpoint its sockets are closed when this returns. It can still be
  // read. Not on the I/O thread; the group is detached. Idempotent.
  void Release();

 private:
  friend absl::StatusOr<EndpointLease> AcquireEndpoint(const EndpointWish& wish);
  std::shared_ptr<Endpoint> endpoint_;
  std::string group_;
  size_t others_ = 0;
  bool held_ = false;
};

// One that another group of this process has and that is as wished, or a new one; never one of a
// group of this name, nor of kGroupsPerEndpointMax groups. Any thread. Errors: as
// OpenMemberSockets; kAlreadyExists also where this process is in the group at that port already,
// kResourceExhausted where it has kGroupsPerEndpointMax groups there.
absl::StatusOr<EndpointLease> AcquireEndpoint(const EndpointWish& wish);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_ENDPOINT_H_
