// Checks of the way to others, one by one: seeds, and members that were heard.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "discovery/discovery.h"
#include "doctor_checks.h"
#include "runtime/stream_socket.h"

namespace cohort::tools {
namespace {

constexpr auto kConnectTimeout = std::chrono::milliseconds(1000);

// One seed, being tried by TCP and UDP at once.
struct Attempt {
  std::string text;  // As written.
  Address to;
  std::optional<runtime::StreamSocket> tcp;
  runtime::FileDescriptor udp;
  bool done = false;
  int error = 0;  // Of TCP; ETIMEDOUT while it is under way.
};

// A UDP socket connected to `to`: the kernel has then chosen a way, and reports refusals.
runtime::FileDescriptor ConnectUdp(const Address& from, const Address& to, int& error) {
  runtime::FileDescriptor fd(
      ::socket(to.family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  error = fd.is_open() ? 0 : errno;
  if (error != 0) return fd;
  if (!from.IsNone()) {
    Address any_port = from;
    any_port.port = 0;
    const runtime::SocketAddress local = runtime::ToSocketAddress(any_port);
    if (::bind(fd.get(), local.get(), local.size) != 0) error = errno;
  }
  const runtime::SocketAddress peer = runtime::ToSocketAddress(to);
  if (error == 0 && ::connect(fd.get(), peer.get(), peer.size) != 0) error = errno;
  return fd;
}

Attempt Begin(const Examination& exam, const std::string& text, const Address& to) {
  Attempt attempt{text, to, std::nullopt, {}, false, ETIMEDOUT};
  absl::StatusOr<runtime::StreamSocket> tcp =
      runtime::StreamSocket::Connect(exam.choice->address, to);
  int udp_error = 0;
  attempt.udp = ConnectUdp(exam.choice->address, to, udp_error);
  if (udp_error == 0) ::send(attempt.udp.get(), "", 0, 0);
  if (tcp.ok()) {
    attempt.tcp = *std::move(tcp);
  } else {
    attempt.done = true;
    attempt.error = udp_error != 0 ? udp_error : EHOSTUNREACH;
  }
  return attempt;
}

void WaitFor(std::vector<Attempt>& attempts) {
  const auto end = std::chrono::steady_clock::now() + kConnectTimeout;
  for (;;) {
    std::vector<pollfd> waiting;
    std::vector<Attempt*> whose;
    for (Attempt& attempt : attempts) {
      if (attempt.done) continue;
      waiting.push_back({attempt.tcp->fd(), POLLOUT, 0});
      whose.push_back(&attempt);
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (waiting.empty() || left.count() <= 0) return;
    poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      whose[i]->done = true;
      whose[i]->error = whose[i]->tcp->ConnectError();
    }
  }
}

Finding Judge(const Examination& exam, const Attempt& attempt) {
  const std::string name = attempt.text == attempt.to.ToString()
                               ? attempt.text
                               : absl::StrCat(attempt.text, " (", attempt.to.ToString(), ")");
  const uint16_t port = attempt.to.port;
  if (attempt.error == ECONNREFUSED) {
    return Problem(absl::StrCat("nobody listens at seed ", name), "TCP: connection refused",
                   absl::StrCat("ss -ltn sport = :", port,
                                "   # on that host; start the member there with --bind :", port));
  }
  if (attempt.error == ETIMEDOUT) {
    return Problem(absl::StrCat("seed ", name, " does not answer"),
                   absl::StrCat("TCP: no answer within ", kConnectTimeout.count(), " ms"),
                   absl::StrCat("ping ", IpText(attempt.to),
                                "   # if it answers, a packet filter there drops TCP to port ",
                                port, ": cohort doctor --bind :", port, " ... there, as root"));
  }
  if (attempt.error != 0) {
    return Problem(
        absl::StrCat("seed ", name, " cannot be reached from ", exam.choice->interface.name),
        std::generic_category().message(attempt.error),
        absl::StrCat("ip route get ", IpText(attempt.to), " from ", IpText(exam.choice->address)));
  }
  char byte = 0;
  if (::recv(attempt.udp.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNREFUSED) {
    return Problem(absl::StrCat("seed ", name, " takes TCP, but no UDP"), "UDP: port unreachable",
                   absl::StrCat("ss -lun sport = :", port,
                                "   # on that host; another program may have the TCP port"));
  }
  return Ok(absl::StrCat("seed ", name, " answers"), "TCP; UDP is not refused");
}

Finding UnknownSeed(const runtime::Seed& seed, const absl::Status& status) {
  const std::string remedy =
      seed.kind == runtime::Seed::Kind::kService
          ? absl::StrCat("dig +short SRV ", seed.service, "   # correct the name or its records")
          : absl::StrCat("getent ahosts ", seed.host.host,
                         "   # correct the name, DNS or /etc/hosts; or --bind an address of its IP "
                         "version");
  return Problem(absl::StrCat("seed ", seed.text, " is unknown"),
                 std::string(ToStd(status.message())), remedy);
}

}  // namespace

Findings CheckSeeds(Examination& exam) {
  if (exam.options.seeds.empty()) return {Ok("none are given")};
  if (!exam.choice) return {NotRun("no interface")};
  Findings findings;
  std::vector<Attempt> attempts;
  for (const std::string& text : exam.options.seeds) {
    const absl::StatusOr<runtime::Seed> seed = runtime::ParseSeed(text);
    if (!seed.ok()) {
      // "seeds: 'x' lacks ..."
      const std::string_view why = ToStd(seed.status().message()).substr(strlen("seeds: "));
      findings.push_back(
          Problem("seed " + std::string(why), "", "--seed HOST:PORT   # or --seed srv:NAME"));
      continue;
    }
    const absl::StatusOr<std::vector<Address>> found =
        runtime::LookUpSeed(*seed, exam.choice->address.family);
    if (!found.ok()) {
      findings.push_back(UnknownSeed(*seed, found.status()));
      continue;
    }
    for (const Address& to : *found) {
      if (exam.Owner(to) != nullptr && to.port == exam.choice->address.port) {
        findings.push_back(Ok(absl::StrCat("seed ", text, " is this member's own address")));
        exam.seeds[text];
        continue;
      }
      if (attempts.size() >= discovery::kSeedsMax) continue;
      exam.seeds[text].push_back(to);
      attempts.push_back(Begin(exam, text, to));
    }
  }
  WaitFor(attempts);
  bool answered = false;
  for (const Attempt& attempt : attempts) {
    findings.push_back(Judge(exam, attempt));
    answered = answered || findings.back().level == Level::kOk;
  }
  // One that answers is enough to find the group.
  for (Finding& finding : findings) {
    if (answered && finding.level == Level::kProblem) finding.level = Level::kWarning;
  }
  return findings;
}

Findings CheckRoutes(Examination& exam) {
  if (!exam.choice) return {NotRun("no interface")};
  const runtime::Interface& own = exam.choice->interface;
  std::set<Address> peers;
  for (const auto& [text, addresses] : exam.seeds) peers.insert(addresses.begin(), addresses.end());
  if (exam.census != nullptr) {
    for (const auto& [address, sender] : exam.census->senders()) {
      if (sender.Of(Census::Kind::kMember) > 0) peers.insert(address);
    }
  }
  std::erase_if(peers, [&exam](const Address& peer) { return exam.Owner(peer) != nullptr; });
  if (peers.empty()) return {NotRun("nobody on another host is known")};
  Findings findings;
  for (const Address& peer : peers) {
    int error = 0;
    const runtime::FileDescriptor fd = ConnectUdp({}, peer, error);
    if (error != 0) {
      findings.push_back(Problem(absl::StrCat("there is no way back to ", IpText(peer)),
                                 std::generic_category().message(error),
                                 absl::StrCat("ip route add ", IpText(peer), " dev ", own.name)));
      continue;
    }
    runtime::SocketAddress local;
    local.size = sizeof(local.storage);
    if (getsockname(fd.get(), local.get(), &local.size) != 0) continue;
    const Address source = runtime::FromSocketAddress(local.get());
    const runtime::Interface* used = exam.Owner(source);
    if (used == nullptr || used->index == own.index) continue;
    findings.push_back(
        Warning(absl::StrCat(IpText(peer), " is reached by ", used->name, ", not by ", own.name),
                absl::StrCat("the kernel would send from ", IpText(source)),
                absl::StrCat("--bind ", used->name, "   # or: ip route add ", IpText(peer), " dev ",
                             own.name)));
  }
  if (findings.empty())
    findings.push_back(Ok(absl::StrCat("those who are known are reached by ", own.name)));
  return findings;
}

}  // namespace cohort::tools
