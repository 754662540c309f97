// Which endpoints this process has, and which groups have them.
#include <pthread.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/absl_bridge.h"
#include "runtime/endpoint.h"
#include "runtime/mutex.h"

namespace cohort::runtime {
namespace {

struct Pool {
  struct Item {
    std::shared_ptr<Endpoint> endpoint;
    SocketWishes wishes;                     // It was opened with.
    std::map<std::string, uint32_t> groups;  // Names, and their tags.
  };
  runtime::Mutex mutex;
  std::vector<Item> items ABSL_GUARDED_BY(mutex);
};

Pool* pool = nullptr;

// A child of fork() begins with none: what its parent has must not be used there, and the lock may
// be one that nobody will ever let go. What the parent's was stays where it is.
Pool& ThePool() {
  static const bool made = [] {
    pool = new Pool;
    pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });
    return true;
  }();
  static_cast<void>(made);
  return *pool;
}

// Two names may have one tag, though once in 2^32.
bool HasTag(const Pool::Item& item, uint32_t tag) {
  return std::any_of(item.groups.begin(), item.groups.end(),
                     [tag](const auto& group) { return group.second == tag; });
}

bool SameAddress(Address a, const Address& b) {
  a.port = b.port;
  return a == b;
}

// Whether one that was opened with `have`, and got `port`, is what `wish` would open.
bool Suits(const SocketWishes& have, uint16_t port, const SocketWishes& wish) {
  const Address& wanted = wish.interface.address;
  return have.interface.interface.index == wish.interface.interface.index &&
         SameAddress(have.interface.address, wanted) &&
         (wanted.port == have.interface.address.port || wanted.port == port) &&
         have.multicast == wish.multicast && have.udp.multicast_ttl == wish.udp.multicast_ttl &&
         have.udp.receive_buffer_bytes == wish.udp.receive_buffer_bytes &&
         have.udp.send_buffer_bytes == wish.udp.send_buffer_bytes;
}

// Why a port that was asked for, and that is ours, cannot be had.
absl::Status WhyNot(const Pool::Item& item, const EndpointWish& wish) {
  const Address& at = item.endpoint->sockets().address;
  const std::string taken =
      "port " + std::to_string(at.port) + " of " + at.ToString() + " is taken: ";
  constexpr const char* kAdvice = ". Give another port, or none to have a free one chosen";
  if (item.groups.contains(wish.group) || HasTag(item, wish.tag)) {
    return MakeStatus(
        absl::StatusCode::kAlreadyExists,
        taken + "this process is a member of group " + wish.group + " there already" + kAdvice);
  }
  if (item.groups.size() >= kGroupsPerEndpointMax) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      taken + "this process has " + std::to_string(kGroupsPerEndpointMax) +
                          " groups there, the most there can be" + kAdvice);
  }
  return MakeStatus(absl::StatusCode::kAlreadyExists,
                    taken +
                        "another group of this process has it, and groups share a port only if "
                        "multicast, no_multicast, multicast_ttl and receive_buffer_bytes are the "
                        "same for both" +
                        kAdvice);
}

}  // namespace

absl::StatusOr<EndpointLease> AcquireEndpoint(const EndpointWish& wish) {
  Pool& all = ThePool();
  const Address& wanted = wish.sockets.interface.address;
  EndpointLease lease;
  lease.group_ = wish.group;
  runtime::MutexLock lock(&all.mutex);
  for (Pool::Item& item : all.items) {
    const Address& at = item.endpoint->sockets().address;
    const bool may_join = Suits(item.wishes, at.port, wish.sockets) &&
                          !item.groups.contains(wish.group) && !HasTag(item, wish.tag) &&
                          item.groups.size() < kGroupsPerEndpointMax;
    if (!may_join && wanted == at) return WhyNot(item, wish);
    if (!may_join) continue;
    lease.endpoint_ = item.endpoint;
    lease.others_ = item.groups.size();
    lease.held_ = true;
    item.groups.emplace(wish.group, wish.tag);
    return lease;
  }
  absl::StatusOr<MemberSockets> sockets = OpenMemberSockets(wish.sockets);
  if (!sockets.ok()) return sockets.status();
  absl::StatusOr<std::shared_ptr<Endpoint>> endpoint = Endpoint::Open(*std::move(sockets));
  if (!endpoint.ok()) return endpoint.status();
  all.items.push_back({*endpoint, wish.sockets, {{wish.group, wish.tag}}});
  lease.endpoint_ = *std::move(endpoint);
  lease.held_ = true;
  return lease;
}

EndpointLease& EndpointLease::operator=(EndpointLease&& other) noexcept {
  Release();
  endpoint_ = std::move(other.endpoint_);
  group_ = std::move(other.group_);
  others_ = other.others_;
  held_ = std::exchange(other.held_, false);
  return *this;
}

void EndpointLease::Release() {
  // One that was moved from has no endpoint.
  if (!std::exchange(held_, false) || endpoint_ == nullptr || endpoint_->fork_guard().InChild())
    return;
  Pool& all = ThePool();
  runtime::MutexLock lock(&all.mutex);
  for (auto item = all.items.begin(); item != all.items.end(); ++item) {
    if (item->endpoint != endpoint_) continue;
    item->groups.erase(group_);
    if (!item->groups.empty()) return;
    // Under the lock, so that who asks for the port next finds it free.
    endpoint_->Close();
    all.items.erase(item);
    return;
  }
}

}  // namespace cohort::runtime
