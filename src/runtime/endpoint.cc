#include "runtime/endpoint.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "runtime/delivery_queue.h"

namespace cohort::runtime {
namespace {

constexpr int kBatchesPerWake =
    8;  // Of one socket, before the other one and the streams get their turn.
constexpr int kBatchesPerTimer =
    64;  // Before a timer judges silence: a socket buffer of 8 MiB, read whole.

}  // namespace

Endpoint::Endpoint(MemberSockets sockets)
    : io_(1),
      work_(io_.get_executor()),
      sockets_(std::move(sockets)),
      link_(sockets_.interface.interface.index),
      unicast_waiter_(io_, sockets_.unicast.fd()),
      multicast_waiter_(io_),
      link_waiter_(io_) {
  if (sockets_.multicast) multicast_waiter_.assign(sockets_.multicast->fd());
  if (link_.fd() >= 0) link_waiter_.assign(link_.fd());
}

absl::StatusOr<std::shared_ptr<Endpoint>> Endpoint::Open(MemberSockets sockets) {
  std::shared_ptr<Endpoint> endpoint(new Endpoint(std::move(sockets)));
  Endpoint* const self = endpoint.get();  // The door is a part of it.
  absl::StatusOr<std::unique_ptr<StreamDoor>> door =
      StreamDoor::Open(self->io_, std::move(self->sockets_.listener),
                       {[self](std::string_view identity) { return self->Find(identity); },
                        [self](uint64_t number, const std::shared_ptr<Stream>& stream) {
                          self->HandOver(number, stream);
                        }});
  if (!door.ok()) return door.status();
  self->door_ = *std::move(door);
  self->thread_ = StartThread("cohort-io", [self] { self->io_.run(); });
  return endpoint;
}

Endpoint::~Endpoint() { Close(); }

void Endpoint::Close() {
  if (thread_.joinable()) {
    io_.stop();
    thread_.join();
  }
  if (door_ != nullptr) door_->Close();
  ReleaseWaiters();
  sockets_.unicast.Close();
  if (sockets_.multicast) sockets_.multicast->Close();
}

// They only borrow the descriptors, so they let go before these are closed.
void Endpoint::ReleaseWaiters() {
  for (asio::posix::stream_descriptor* waiter :
       {&unicast_waiter_, &multicast_waiter_, &link_waiter_}) {
    if (waiter->is_open()) waiter->release();
  }
}

void Endpoint::Start() {
  door_->Start();
  ArmReceive(unicast_waiter_, sockets_.unicast);
  if (sockets_.multicast) ArmReceive(multicast_waiter_, *sockets_.multicast);
  if (link_waiter_.is_open()) ArmLinkWait();
}

void Endpoint::Attach(EndpointGroup& group, uint32_t tag, const security::TlsPsk& psk,
                      bool has_key) {
  COHORT_CHECK(table_.Add(tag, group));  // AcquireEndpoint saw to it.
  entries_.push_back({++last_number_, &group, &psk, has_key});
  // What came before was for nobody, or for a member that is about to be here: it waited.
  if (!std::exchange(started_, true)) Start();
}

void Endpoint::Detach(const EndpointGroup& group) {
  table_.Remove(group);
  std::erase_if(entries_, [&group](const Entry& entry) { return entry.group == &group; });
}

TlsContext::Known Endpoint::Find(std::string_view identity) const {
  for (const Entry& entry : entries_) {
    if (entry.psk->identity == identity) return {entry.has_key ? entry.psk : nullptr, entry.number};
  }
  return {};
}

void Endpoint::HandOver(uint64_t number, const std::shared_ptr<Stream>& stream) {
  for (const Entry& entry : entries_) {
    if (entry.number == number) return entry.group->OnLifeline(stream);
  }
  stream->Abort();  // The group has left since its key was asked for.
}

void Endpoint::ArmReceive(asio::posix::stream_descriptor& waiter, UdpSocket& socket) {
  waiter.async_wait(asio::posix::stream_descriptor::wait_read,
                    [this, &waiter, &socket](const std::error_code& error) {
                      if (error) return;
                      ReceiveSome(socket, kBatchesPerWake);
                      ArmReceive(waiter, socket);
                    });
}

void Endpoint::ReceiveSome(UdpSocket& socket, int batches_max) {
  for (int i = 0; i < batches_max; ++i) {
    if (!socket.Receive(batch_)) {
      if (i == 0) ReportErrors(socket);
      return;
    }
    table_.Deliver(batch_.datagrams());
    if (batch_.drops() > 0) {
      for (size_t k = 0; k < table_.size(); ++k) table_.at(k).OnDatagramsLost(batch_.drops());
    }
    if (!batch_.full()) return;
  }
}

void Endpoint::ReceiveAll() {
  ReceiveSome(sockets_.unicast, kBatchesPerTimer);
  if (sockets_.multicast) ReceiveSome(*sockets_.multicast, kBatchesPerTimer);
}

// A peer's address says nothing of the group, so each looks whether it knows it.
void Endpoint::ReportErrors(UdpSocket& socket) {
  for (const Address& peer : socket.DrainErrors()) {
    for (size_t k = 0; k < table_.size(); ++k) table_.at(k).OnUnreachable(peer);
  }
}

void Endpoint::ArmLinkWait() {
  link_waiter_.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this](const std::error_code& error) {
                            if (error) return;
                            const LinkMonitor::Change change = link_.Poll();
                            // Switches forget who listens when a link goes away, and may miss the
                            // next query.
                            if (change.up.value_or(false)) RejoinMulticast();
                            for (size_t k = 0; k < table_.size(); ++k) {
                              if (change.up) table_.at(k).OnLink(*change.up);
                              if (change.mtu) table_.at(k).OnMtu(*change.mtu);
                            }
                            ArmLinkWait();
                          });
}

void Endpoint::RejoinMulticast() {
  runtime::MutexLock lock(&gate_.mutex);  // Two at once might leave twice and join once.
  if (sockets_.multicast) sockets_.multicast->Rejoin();
}

}  // namespace cohort::runtime
