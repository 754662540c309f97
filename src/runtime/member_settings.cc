#include "runtime/member_settings.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/absl_bridge.h"
#include "discovery/discovery.h"
#include "runtime/file_descriptor.h"
#include "runtime/socket_address.h"
#include "security/key_derivation.h"
#include "wire/limits.h"

namespace cohort::runtime {
namespace {

constexpr char kDefaultMulticast[] = "239.255.77.7:7600";
constexpr char kDefaultMulticast6[] = "[ff02::4d07]:7600";
constexpr Duration kWebSessionsStall = milliseconds(800);

absl::Status Wrong(const std::string& text) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, text);
}

Duration FromAbsl(absl::Duration duration) { return Duration(absl::ToInt64Nanoseconds(duration)); }

absl::StatusOr<security::GroupKey> ReadKeyFile(const std::string& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    const int error = errno;
    const auto code =
        error == EACCES ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kNotFound;
    return MakeStatus(code, "key_file: " + path + ": " + std::generic_category().message(error));
  }
  struct stat facts{};
  if (fstat(fd.get(), &facts) == 0 && S_ISREG(facts.st_mode) && (facts.st_mode & 077) != 0) {
    return MakeStatus(
        absl::StatusCode::kPermissionDenied,
        "key_file: " + path + " can be read by others than its owner: chmod 600 " + path);
  }
  std::array<char, security::kKeyFileMax + 1> text;
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  absl::StatusOr<security::GroupKey> key =
      security::ParseKeyFile(std::string_view(text.data(), size));
  OPENSSL_cleanse(text.data(), text.size());
  if (key.ok()) return key;
  return MakeStatus(absl::StatusCode::kInvalidArgument,
                    "key_file: " + path + ": " + std::string(ToStd(key.status().message())));
}

absl::StatusOr<std::optional<security::GroupKey>> ReadKey(const GroupOptions& options) {
  if (!options.key.empty() && !options.key_file.empty())
    return Wrong("key and key_file: give one of them");
  if (options.key.empty() && options.key_file.empty()) {
    if (options.allow_plaintext != AllowPlaintext::kNo) return std::optional<security::GroupKey>();
    return Wrong(
        "a group needs a key: set key or key_file (`cohort keygen` makes one), or allow_plaintext");
  }
  absl::StatusOr<security::GroupKey> key =
      options.key.empty() ? ReadKeyFile(options.key_file) : security::ParseKeyFile(options.key);
  if (!key.ok()) return key.status();
  return std::optional<security::GroupKey>(*key);
}

absl::Status CheckRanges(const GroupOptions& options) {
  if (options.group.empty() || options.group.size() > kGroupNameBytesMax)
    return Wrong("group: 1 to 64 bytes");
  if (options.name.size() > kNameBytesMax) return Wrong("name: at most 64 bytes");
  if (options.tie_breaker.size() > kNameBytesMax) return Wrong("tie_breaker: at most 64 bytes");
  if (options.multicast_ttl < 1 || options.multicast_ttl > 255)
    return Wrong("multicast_ttl: 1 to 255");
  if (options.no_multicast && options.seeds.empty()) {
    return Wrong(
        "no_multicast: without multicast at least one seed is needed (one of the members, or each "
        "other)");
  }
  if (options.seeds.size() > discovery::kSeedsMax)
    return Wrong("seeds: at most 64; a name may stand for several members");
  const auto between = [](absl::Duration value, absl::Duration low, absl::Duration high) {
    return value == absl::ZeroDuration() || (value >= low && value <= high);
  };
  if (!between(options.dead_timeout, absl::Milliseconds(100), absl::Seconds(60))) {
    return Wrong("dead_timeout: 100 ms to 60 s, or zero");
  }
  if (!between(options.stall_timeout, absl::Milliseconds(200), absl::Minutes(10))) {
    return Wrong("stall_timeout: 200 ms to 10 min, or zero");
  }
  if (!between(options.slow_timeout, absl::Seconds(3), absl::Hours(1))) {
    return Wrong("slow_timeout: 3 s to 1 h, or zero (never)");
  }
  if (options.slow_timeout > absl::ZeroDuration() && options.policy == Policy::kPrimary) {
    return Wrong("slow_timeout: only with policy available, where no vote is lost by it");
  }
  if (options.without_data && options.bootstrap)
    return Wrong("without_data: such a member begins no group; bootstrap one that holds data");
  if (!options.votes && !options.without_data)
    return Wrong("votes: only a member without_data can do without a vote; set both, or none");
  constexpr size_t kQueueMin = size_t{64} << 10;
  if (options.send_queue_bytes_max < kQueueMin || options.send_queue_bytes_max > size_t{1} << 30) {
    return Wrong("send_queue_bytes_max: 64 KiB to 1 GiB");
  }
  if (options.delivery_queue_bytes_max < kQueueMin ||
      options.delivery_queue_bytes_max > size_t{4} << 30) {
    return Wrong("delivery_queue_bytes_max: 64 KiB to 4 GiB");
  }
  if (options.datagram_bytes_max != 0 && (options.datagram_bytes_max < wire::kDatagramMax ||
                                          options.datagram_bytes_max > wire::kJumboDatagramMax)) {
    return Wrong("datagram_bytes_max: 1472 to 8972, or 0 (what the interface takes)");
  }
  if (options.map_bytes_max < kQueueMin) return Wrong("map_bytes_max: at least 64 KiB");
  if (options.join_timeout <= absl::ZeroDuration()) return Wrong("join_timeout: above zero");
  return absl::OkStatus();
}

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "member";
  return name.data();
}

}  // namespace

absl::StatusOr<Address> MulticastAddress(const GroupOptions& options, uint8_t family) {
  const bool is_default = options.multicast.empty() || options.multicast == kDefaultMulticast;
  const std::string text = !is_default   ? options.multicast
                           : family == 6 ? kDefaultMulticast6
                                         : kDefaultMulticast;
  absl::StatusOr<HostPort> parts = SplitHostPort("multicast", text);
  if (!parts.ok()) return parts.status();
  Address address;
  if (!ParseIp(parts->host, &address) || parts->port == 0) {
    return Wrong("multicast: '" + text + "' is no multicast address and port, such as " +
                 kDefaultMulticast);
  }
  address.port = parts->port;
  const bool is_multicast =
      address.family == 4 ? (address.ip[0] & 0xF0) == 0xE0 : address.ip[0] == 0xFF;
  if (!is_multicast) return Wrong("multicast: '" + text + "' is not in 224.0.0.0/4 or ff00::/8");
  return address;
}

absl::StatusOr<MemberSettings> MakeMemberSettings(const GroupOptions& options) {
  if (absl::Status status = CheckRanges(options); !status.ok()) return status;
  MemberSettings settings;
  absl::StatusOr<std::optional<security::GroupKey>> key = ReadKey(options);
  if (!key.ok()) return key.status();
  settings.key = *key;

  absl::StatusOr<HostPort> bind = SplitHostPort("bind", options.bind);
  if (!bind.ok()) return bind.status();
  settings.interface.bind = *bind;
  settings.interface.loopback_only =
      !settings.key && options.allow_plaintext != AllowPlaintext::kNetwork;
  // The multicast address tells which family is meant where nothing else does.
  absl::StatusOr<Address> multicast = MulticastAddress(options, 4);
  if (!multicast.ok()) return multicast.status();
  settings.interface.family = multicast->family;

  settings.udp.receive_buffer_bytes = options.receive_buffer_bytes;
  settings.udp.multicast_ttl = options.multicast_ttl;
  engine::EngineOptions& engine = settings.engine;
  engine.group = options.group;
  engine.name = options.name;
  if (settings.key) {
    engine.key.emplace();
    const Bytes bytes = settings.key->bytes();
    std::copy(bytes.begin(), bytes.end(), engine.key->begin());
  }
  engine.policy = options.policy;
  engine.initial_members = options.initial_members;
  engine.bootstrap = options.bootstrap;
  engine.tie_breaker = options.tie_breaker;
  engine.without_data = options.without_data;
  engine.votes = options.votes;
  if (options.failure_profile == FailureProfile::kWebSessions)
    engine.stalled_after = kWebSessionsStall;
  if (options.dead_timeout > absl::ZeroDuration())
    engine.dead_after = FromAbsl(options.dead_timeout);
  if (options.stall_timeout > absl::ZeroDuration())
    engine.stalled_after = FromAbsl(options.stall_timeout);
  if (options.slow_timeout > absl::ZeroDuration())
    engine.slow_after = FromAbsl(options.slow_timeout);
  engine.send_queue_bytes_max = options.send_queue_bytes_max;
  engine.map_bytes_max = options.map_bytes_max;
  engine.datagram_bytes_max =
      options.datagram_bytes_max != 0 ? options.datagram_bytes_max : wire::kJumboDatagramMax6;
  for (const std::string& text : options.seeds) {
    absl::StatusOr<Seed> seed = ParseSeed(text);
    if (!seed.ok()) return seed.status();
    settings.seeds.push_back(*std::move(seed));
  }
  return settings;
}

absl::StatusOr<EndpointLease> FindEndpoint(const GroupOptions& options, MemberSettings& settings) {
  const std::vector<Interface> interfaces = ListInterfaces();
  absl::StatusOr<InterfaceChoice> choice =
      ChooseInterface(settings.interface, interfaces, DefaultRouteInterface());
  if (!choice.ok()) return choice.status();
  EndpointWish wish;
  wish.group = options.group;
  wish.tag = security::KeyDerivation::Of(settings.key, options.group).group_tag();
  SocketWishes& wishes = wish.sockets;
  wishes.interface = *choice;
  wishes.udp = settings.udp;
  if (!options.no_multicast) {
    absl::StatusOr<Address> multicast = MulticastAddress(options, choice->address.family);
    if (!multicast.ok()) return multicast.status();
    if (multicast->family != choice->address.family) {
      return Wrong("multicast: " + multicast->ToString() + " and bind " +
                   choice->address.ToString() + " are not of one IP version");
    }
    wishes.multicast = *multicast;
  }
  absl::StatusOr<EndpointLease> endpoint = AcquireEndpoint(wish);
  if (!endpoint.ok()) return endpoint.status();
  const MemberSockets& sockets = (*endpoint)->sockets();
  engine::EngineOptions& engine = settings.engine;
  engine.address = sockets.address;
  engine.interface_datagram_bytes = DatagramBytesOf(MtuOf(choice->interface.index));
  engine.has_multicast = !sockets.multicast_to.IsNone();
  engine.receive_buffer_bytes = sockets.unicast.receive_buffer_bytes();
  if (sockets.multicast) {
    engine.receive_buffer_bytes =
        std::min(engine.receive_buffer_bytes, sockets.multicast->receive_buffer_bytes());
  }
  if (engine.name.empty()) {
    const std::string suffix = "-" + std::to_string(sockets.address.port);
    engine.name = HostName().substr(0, kNameBytesMax - suffix.size()) + suffix;
  }
  return endpoint;
}

}  // namespace cohort::runtime
