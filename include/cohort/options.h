// Every knob of a group, as plain structs for designated initialisers (those of maps, reads and
// writes: map_options.h):
// ```cpp
//   cohort::Group::Join({.group = "shop", .key_file = "shop.key"});
// ```
// Each field says its unit, its range and why its default is what it is.
#ifndef COHORT_OPTIONS_H_
#define COHORT_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/delivery_class.h"
#include "cohort/events.h"
#include "cohort/ids.h"
#include "cohort/map_options.h"  // IWYU pragma: export
#include "cohort/request.h"
#include "cohort/view.h"

namespace cohort {

// ---- Limits ------------------------------------------------------------------------------------

inline constexpr size_t kGroupNameBytesMax = 64;
inline constexpr size_t kNameBytesMax = 64;   // Of a member, of a map, of a channel.
inline constexpr size_t kKeyBytesMax = 4096;  // Key of a map entry; at least 1 byte.
// Value of an entry of an ordered map: 64 MiB. One above kLargeOperationBytes takes longer and lets
// the others pass, see ReplicatedMap; what is larger than this limit belongs in several keys.
inline constexpr size_t kValueBytesMax = size_t{64} << 20;
// Writes with more bytes than this, keys and names included, are large.
inline constexpr size_t kLargeOperationBytes = (size_t{1} << 20) - 1;
// Of a convergent map: an entry's attributes together, 47 bytes counted for each and 176 for the
// entry.
inline constexpr size_t kConvergentEntryBytesMax = size_t{512} << 10;
inline constexpr size_t kAttributeNameBytesMax = 4096;
inline constexpr size_t kAttributesPerWriteMax = 1000;
inline constexpr size_t kMessageBytesMax = (size_t{1} << 20) - 256;
inline constexpr size_t kMapsMax = 64;               // Maps of one group.
inline constexpr size_t kBatchOperationsMax = 1000;  // Operations of one WriteBatch.

// ---- Messages ----------------------------------------------------------------------------------

// A message of Group::Send as its receivers see it, the sender included. Valid during the callback.
struct Message {
  MemberId from;
  std::string_view payload;
  DeliveryClass delivery = DeliveryClass::kAgreed;
  // A SAFE message that a view change delivered: only members that install that view are known to
  // hold it.
  bool transitional = false;
};

// Handlers of one channel that are in place before anything can happen; see cohort/channel.h.
struct ChannelOptions {
  std::string name{};  // 1 to 64 bytes.
  std::function<void(const Message&)> on_message{};
  RequestHandler on_request{};
};

// ---- Group -------------------------------------------------------------------------------------

// What may run without a key. A group without encryption obeys anyone who can send it a packet; a
// kPlaintext event says so at the start.
enum class AllowPlaintext : uint8_t {
  kNo,        // A key is required.
  kLoopback,  // No key needed, and the member binds to the loopback interface only.
  kNetwork,   // No key needed on any interface.
};

// How fast a silent member is given up. Death that leaves evidence (a closed connection, a refused
// probe) is acted upon in milliseconds under every profile; these settle only what silence means.
enum class FailureProfile : uint8_t {
  kDefault,      // stall_timeout 2 s: survives a long garbage collection or a busy disk.
  kWebSessions,  // stall_timeout 800 ms: the load balancer has moved on by then.
};

// Every field has an initialiser, so that compilers do not warn of those a caller leaves out.
struct GroupOptions {
  // Name of the group, 1 to 64 bytes. Required. Groups of different names never mix, on one
  // multicast address either.
  std::string group{};

  // This member's name, at most 64 bytes, unique in the group. It outlives restarts: a new process
  // of a name comes in when the old one has ended, and is refused (Event kRefused) while it lives.
  // Empty: HOSTNAME-PORT.
  std::string name{};

  // Where the two sockets of this member listen: "ADDR", "ADDR:PORT", "[V6ADDR]:PORT", ":PORT" or
  // the name of an interface instead of the address ("eth1:7601"). UDP and TCP use one port number;
  // 0 or none: a free one is chosen. Empty address: the interface of the default route if it does
  // multicast; else the first interface that is up, does multicast, and is neither loopback nor a
  // bridge of virtual machines and containers; else loopback. The kStarted event says which and
  // why. AllowPlaintext::kLoopback always means loopback. Groups of one process share a port.
  std::string bind{};

  // Where members find each other and most traffic goes: an IPv4 (239.0.0.0/8) or IPv6 (ff02::/16)
  // group and a port, the same for all members. All groups of a network may share one. A member
  // bound to an IPv6 address takes "[ff02::4d07]:7600" for the default.
  std::string multicast = "239.255.77.7:7600";
  bool no_multicast = false;  // Send to `seeds` and known members one by one instead. Costs n-1
                              // times the bandwidth.
  int multicast_ttl = 1;      // Router hops, 1 to 255. 1 stays on the local network.

  // Members to ask when multicast finds nobody (needed with no_multicast), at most 64:
  // "ADDR:PORT"; "HOST:PORT", where the name may have many addresses, all of which are asked; or
  // "srv:_cohort._tcp.example.org", for hosts and ports that SRV records name. Names are looked up
  // about every 10 s, whatever their time to live says; of all they stand for, 64 addresses are
  // asked. A name that is not known, now or for a while, is no error: a kWarning event says why.
  std::vector<std::string> seeds{};

  // File for the addresses of the members that were in the group last, at most 64: they are asked,
  // too, when this member starts again. Read in Join, replaced (mode 0600) when the members have
  // changed; each member has its own. Empty: none. A file that is damaged or is not one of these is
  // not used, which a kWarning event tells; the latter is not touched either.
  std::string peer_cache{};

  // The group's key as `cohort keygen` prints it, or a file that holds it (mode 0600). Exactly one
  // of them, unless allow_plaintext lets the group do without.
  std::string key{};
  std::string key_file{};
  AllowPlaintext allow_plaintext = AllowPlaintext::kNo;

  // What a partition does. All members must agree.
  Policy policy = Policy::kAvailable;
  // For Policy::kPrimary: the first view waits for this many members. 0: not used.
  uint32_t initial_members = 0;
  // For Policy::kPrimary: this member may form the first view alone. For one member, once in a
  // group's life.
  bool bootstrap = false;
  // For Policy::kPrimary: name of the member whose side goes on when a partition splits the votes
  // evenly.
  std::string tie_breaker{};

  // This member holds no data: it votes, delivers messages and watches the others, but never asks
  // for the group's state, is no replica that a write waits for, and opens no map
  // (kFailedPrecondition). Members that hold data have the lower ranks, so it orders nobody's
  // writes, and it gives the last of them up for silence only after 12 s. It does not begin a
  // group, so Join waits for a member that does. What observes a group, or is the third vote beside
  // two members under Policy::kPrimary, needs little memory so. Where only such members are left
  // the group's state is gone (Event kWarning): the next one that joins begins anew.
  bool without_data = false;
  // For Policy::kPrimary: whether a member without data counts, in quorums and for
  // `initial_members`. False: it only watches, so it may come and go, or die for good, and the
  // others neither need it nor notice. False is refused of a member that holds data.
  bool votes = true;

  FailureProfile failure_profile = FailureProfile::kDefault;
  // Silence of a whole host before it is given up. 100 ms to 60 s; zero: the profile's, adapted to
  // the network's jitter.
  absl::Duration dead_timeout = absl::ZeroDuration();
  // How long a process may stand still while its host answers. 200 ms to 10 min; zero: the
  // profile's. Too short expels members in a garbage collection; too long lets one stopped process
  // hold every SYNC write up.
  absl::Duration stall_timeout = absl::ZeroDuration();
  // How long a member may be so slow that the others cannot send what they have, before they go on
  // without it; it comes back and gets the state anew. Policy::kAvailable and three members or
  // more. 3 s to 1 h; zero: it is told (Event kDegraded) and never left behind.
  absl::Duration slow_timeout = absl::ZeroDuration();

  // Messages and writes accepted but not yet sent, in bytes. Beyond it calls are refused with
  // kResourceExhausted; an empty queue takes one message of any size. 64 KiB to 1 GiB.
  size_t send_queue_bytes_max = size_t{16} << 20;
  // Messages, changes and events that wait for the callbacks, in bytes. From half of it on, senders
  // are slowed down; beyond it the newest are dropped, which a kWarning event tells. 64 KiB to 4
  // GiB.
  size_t delivery_queue_bytes_max = size_t{64} << 20;
  // Cap of every map that MapOptions::bytes_max does not cap lower, in bytes. That of the member
  // that began the group counts for all; another one's is not used. At least 64 KiB.
  uint64_t map_bytes_max = uint64_t{4} << 30;
  // Asked of the kernel for each UDP socket. The default is far above most hosts'
  // net.core.rmem_max; what was granted is in the kStarted event, and decides how fast others may
  // send.
  size_t receive_buffer_bytes = size_t{8} << 20;
  // The largest datagram, in bytes, its IP and UDP headers not counted: 1472 to 8972. What does not
  // fit MTU 1500 is sent only where the interface of every member takes it and probes have shown
  // that it arrives. 1472: none. 0: what the interface takes.
  size_t datagram_bytes_max = 0;

  // Longest wait of Join for a view and, where the group has state, for all of it. Above zero.
  absl::Duration join_timeout = absl::Seconds(30);
  // Longest wait of Leave (and ~Group) for the others' consent. After it the sockets are closed all
  // the same.
  absl::Duration leave_timeout = absl::Seconds(2);

  // Runs callbacks in place of the thread "cohort-deliver", if it is set: `executor(f)` has to run
  // `f` once, later, on a thread of the host's, and to return at once without calling Cohort; it is
  // called with locks held, and must not throw or run `f` itself. It has one function at a time,
  // which makes up to 64 callbacks, so they still run one after the other. What it has not run when
  // the group is left is run by who leaves, so a loop of one thread may leave its own group; a
  // function that it still holds then does nothing, and may be run or dropped at any time. With
  // Asio:
  //   options.executor = [&io](std::function<void()> f) { asio::post(io, std::move(f)); };
  std::function<void(std::function<void()>)> executor{};

  // Handlers in place before anything can happen, so that not even the first view is missed. May be
  // empty. They follow the rules of Group::Subscribe...().
  std::function<void(const View&)> on_view{};
  std::function<void(const Message&)> on_message{};
  std::function<void(const Event&)> on_event{};
  // Likewise, for channels: at most kChannelsMax, each named once. A member that has just joined
  // answers requests with "no handler" as long as it has none, so who always handles a channel says
  // it here.
  std::vector<ChannelOptions> channels{};
};

}  // namespace cohort

#endif  // COHORT_OPTIONS_H_
