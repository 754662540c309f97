// Checks of the group's multicast address: whether it can be joined, whether what leaves comes
// back, and who else is heard there.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/absl_bridge.h"
#include "doctor_checks.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace cohort::tools {
namespace {

constexpr auto kEchoTimeout = std::chrono::milliseconds(500);
constexpr auto kEchoInterval = std::chrono::milliseconds(50);
// So that two doctors on two hosts hear each other.
constexpr auto kSignInterval = std::chrono::milliseconds(500);
constexpr size_t kNamedMax = 8;  // Senders that a finding lists.

std::chrono::steady_clock::time_point Now() { return std::chrono::steady_clock::now(); }

Instant SteadyInstant() {
  return Instant::FromNanos(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Now().time_since_epoch()).count());
}

// Sends empty datagrams to the group and listens.
class Conversation {
 public:
  Conversation(Examination& exam, runtime::UdpSocket voice)
      : exam_(exam), voice_(std::move(voice)) {}

  static absl::StatusOr<Conversation> Begin(Examination& exam) {
    Address any_port = exam.choice->address;
    any_port.port = 0;
    runtime::UdpSocket::Options udp = exam.settings.udp;
    udp.interface_index = exam.choice->interface.index;
    absl::StatusOr<runtime::UdpSocket> voice = runtime::UdpSocket::OpenUnicast(any_port, udp);
    if (!voice.ok()) return voice.status();
    return Conversation(exam, *std::move(voice));
  }

  // Until `end`, or until our own voice was heard if `only_echo`.
  void Run(std::chrono::steady_clock::time_point end, std::chrono::milliseconds interval,
           bool only_echo) {
    for (auto next = Now(); Now() < end && !(only_echo && echoed_); next += interval) {
      Speak();
      const auto until = std::min(end, next + interval);
      while (Now() < until && !(only_echo && echoed_)) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Now());
        pollfd ready{exam_.ear->fd(), POLLIN, 0};
        poll(&ready, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
        HearSome();
      }
    }
  }

  bool echoed() const { return echoed_; }
  int send_error() const { return send_error_; }

 private:
  void Speak() {
    Address to = exam_.multicast;
    if (to.family == 6) to.scope = exam_.choice->interface.index;
    const runtime::SocketAddress address = runtime::ToSocketAddress(to);
    if (::sendto(voice_.fd(), "", 0, 0, address.get(), address.size) < 0) send_error_ = errno;
  }

  void HearSome() {
    constexpr int kReadsMax = 1024;  // Before the clock is looked at again.
    for (int i = 0; i < kReadsMax; ++i) {
      runtime::SocketAddress from;
      from.size = sizeof(from.storage);
      const ssize_t got = ::recvfrom(exam_.ear->fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                                     from.get(), &from.size);
      if (got < 0) return;
      const Address sender = runtime::FromSocketAddress(from.get());
      if (got == 0 && sender == voice_.local()) {
        echoed_ = true;
      } else {
        exam_.census->Add(SteadyInstant(), sender, Bytes(buffer_).first(static_cast<size_t>(got)));
      }
    }
  }

  Examination& exam_;
  runtime::UdpSocket voice_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(65536);
  bool echoed_ = false;
  int send_error_ = 0;
};

// What the address itself promises; nothing if all is well.
std::optional<Finding> JudgeAddress(const Address& address) {
  const char* const remedy = "--multicast 239.255.77.7:7600   # the same for all members";
  const auto& ip = address.ip;
  if (address.family == 4 && ip[0] == 224 && ip[1] == 0 && ip[2] == 0) {
    return Warning("224.0.0.x belongs to the protocols of routers", address.ToString(), remedy);
  }
  if (address.family == 4 && ip[0] == 232) {
    return Warning("232.x.x.x is for receivers that name their source, as members do not",
                   address.ToString(), remedy);
  }
  if (address.family == 6 && (ip[1] & 0x0F) <= 1) {
    return Problem("this multicast address never leaves the host",
                   absl::StrCat(address.ToString(), " has the scope of one interface"),
                   "--multicast [ff02::4d07]:7600   # the same for all members");
  }
  return std::nullopt;
}

Finding NotJoined(const Examination& exam, const absl::Status& status) {
  std::string remedy = absl::StrCat("ip maddr show dev ", exam.choice->interface.name);
  if (status.code() == absl::StatusCode::kAlreadyExists) {
    remedy = absl::StrCat("ss -lnpu sport = :", exam.multicast.port,
                          "   # that program does not share the port; --multicast ADDR:PORT for "
                          "all members, or end it");
  } else if (status.code() == absl::StatusCode::kResourceExhausted) {
    remedy = "sysctl -w net.ipv4.igmp_max_memberships=100";
  }
  return Problem(absl::StrCat("the group's multicast address cannot be joined on ",
                              exam.choice->interface.name),
                 std::string(ToStd(status.message())), remedy);
}

bool IsHere(const Examination& exam, const Address& address) {
  return exam.Owner(address) != nullptr;
}

// "a 10.0.0.5:41000, 10.0.0.6:41000 and 3 more" of senders of `kind`.
std::string List(const Census& census, Census::Kind kind, const Examination& exam,
                 std::optional<bool> here) {
  std::vector<std::string> names;
  size_t count = 0;
  for (const auto& [address, sender] : census.senders()) {
    if (sender.Of(kind) == 0 || (here && IsHere(exam, address) != *here)) continue;
    if (++count > kNamedMax) continue;
    names.push_back(absl::StrCat(sender.name, sender.name.empty() ? "" : " ", address.ToString()));
  }
  std::string text = absl::StrJoin(names, ", ");
  if (count > kNamedMax) absl::StrAppend(&text, " and ", count - kNamedMax, " more");
  return text;
}

// Whether members on this host are heard that found each other. Those that do not coordinate may be
// silent for long, so what the coordinator says of its view counts, too.
bool SeveralHere(const Examination& exam) {
  size_t count = 0;
  for (const auto& [address, sender] : exam.census->senders()) {
    if (sender.Of(Census::Kind::kMember) > 0 && IsHere(exam, address))
      count += std::max<size_t>(1, sender.view_members);
  }
  return count > 1;
}

std::string Views(const Census& census) {
  std::string text;
  for (const auto& [address, sender] : census.senders()) {
    if (sender.view.empty()) continue;
    absl::StrAppend(&text, text.empty() ? "" : "; ", "view ", sender.view, " (says ", sender.name,
                    ")");
  }
  return text;
}

// Those who are heard and cannot be understood.
void AddStrangers(const Examination& exam, bool alone, Findings& findings) {
  const Census& census = *exam.census;
  const std::string foreign = List(census, Census::Kind::kForeignGroup, exam, std::nullopt);
  if (!foreign.empty() && alone) {
    findings.push_back(
        Problem("members of another group, or of this one with another key, are heard", foreign,
                absl::StrCat("sha256sum ",
                             exam.options.key_file.empty() ? "shop.key" : exam.options.key_file,
                             "   # must agree on all hosts; if it does, compare --group")));
  } else if (!foreign.empty()) {
    findings.push_back(Ok("another group shares the address, which does no harm", foreign));
  }
  const std::string other = List(census, Census::Kind::kOtherEncryption, exam, std::nullopt);
  if (!other.empty() && !exam.key_trouble.ok()) {
    findings.push_back(NotRun(
        absl::StrCat("packets are heard; whose they are cannot be said without the key: ", other)));
  } else if (!other.empty()) {
    findings.push_back(
        exam.settings.key
            ? Problem("a member of this group runs without a key", other,
                      "start it with --key-file instead of --allow-plaintext")
            : Problem("members that encrypt are heard, and this one would not", other,
                      "--key-file shop.key   # theirs, instead of --allow-plaintext"));
  }
  if (const std::string found = List(census, Census::Kind::kOtherVersion, exam, std::nullopt);
      !found.empty()) {
    findings.push_back(Problem("members of another wire version are heard", found,
                               "cohort --version   # on all hosts; run releases that understand "
                               "each other"));
  }
  if (const std::string found = List(census, Census::Kind::kForged, exam, std::nullopt);
      !found.empty()) {
    findings.push_back(Warning("packets come under this group's tag that its key does not open",
                               found,
                               absl::StrCat("tcpdump -ni ", exam.choice->interface.name,
                                            " udp port ", exam.multicast.port)));
  }
  if (const std::string found = List(census, Census::Kind::kUnknown, exam, std::nullopt);
      !found.empty()) {
    findings.push_back(Warning("another program sends to the group's address", found,
                               "--multicast 239.255.77.8:7600   # one of their own, for all "
                               "members"));
  }
}

Finding NobodyHeard(const Examination& exam, const std::string& here) {
  const std::string doctors = List(*exam.census, Census::Kind::kDoctor, exam, false);
  std::string evidence =
      absl::StrCat("listened ", absl::FormatDuration(exam.listen_for), " at ",
                   exam.multicast.ToString(), " on ", exam.choice->interface.name);
  if (!here.empty()) absl::StrAppend(&evidence, "; on this host: ", here);
  if (!doctors.empty()) {
    absl::StrAppend(&evidence, "; a doctor is heard from ", doctors);
    return Warning("no member on another host is heard, but multicast arrives from there", evidence,
                   "cohort node ...   # start a member there, or read what its doctor says");
  }
  const char* const finding = "no member on another host is heard";
  if (!exam.echoed)
    return Problem(finding, evidence, "cohort doctor ...   # again, once `echo` is mended");
  const std::string remedy =
      "cohort doctor --seconds 60 ...   # on two hosts at the same time: if they do not "
      "hear each other, the network does not pass multicast;\n"
      "--no-multicast --seed HOST:PORT   # does without";
  // They found each other, and there may be no others.
  if (SeveralHere(exam)) {
    return Note("all members that are heard are on this host: well, unless there are others",
                evidence, remedy);
  }
  return Problem(finding, evidence, remedy);
}

}  // namespace

Findings CheckMulticast(Examination& exam) {
  if (!exam.multicast_trouble.ok()) {
    return {Problem(std::string(ToStd(exam.multicast_trouble.message())), "",
                    "--multicast 239.255.77.7:7600   # the same for all members")};
  }
  if (exam.options.no_multicast) return {Ok("not used: --no-multicast")};
  if (!exam.choice) return {NotRun("no interface")};
  const absl::StatusOr<Address> address =
      runtime::MulticastAddress(exam.options, exam.choice->address.family);
  if (!address.ok()) {  // Prepare() has read it.
    return {Problem(std::string(ToStd(address.status().message())), "", "")};
  }
  if (address->family != exam.choice->address.family) {
    return {Problem("multicast and bind are not of one IP version",
                    absl::StrCat(address->ToString(), " and ", IpText(exam.choice->address)),
                    "--bind ADDRESS   # of the version of --multicast")};
  }
  exam.multicast = *address;
  runtime::UdpSocket::Options udp = exam.settings.udp;
  udp.interface_index = exam.choice->interface.index;
  absl::StatusOr<runtime::UdpSocket> ear = runtime::UdpSocket::OpenMulticast(*address, udp);
  if (!ear.ok()) return {NotJoined(exam, ear.status())};
  const int off = 0;  // Datagrams one by one: the batches are not ours to take apart.
  setsockopt(ear->fd(), SOL_UDP, UDP_GRO, &off, sizeof(off));
  exam.ear = *std::move(ear);
  exam.census = std::make_unique<Census>(exam.options.group, exam.settings.key);
  if (std::optional<Finding> finding = JudgeAddress(*address)) return {*std::move(finding)};
  return {Ok(absl::StrCat(address->ToString(), " is joined on ", exam.choice->interface.name),
             absl::StrCat("TTL ", exam.options.multicast_ttl,
                          exam.options.multicast_ttl == 1 ? ": the local network only" : ""))};
}

Findings CheckEcho(Examination& exam) {
  if (!exam.ear) return {NotRun("no multicast")};
  absl::StatusOr<Conversation> conversation = Conversation::Begin(exam);
  if (!conversation.ok()) return {NotRun(std::string(ToStd(conversation.status().message())))};
  conversation->Run(Now() + kEchoTimeout, kEchoInterval, /*only_echo=*/true);
  exam.echoed = conversation->echoed();
  if (exam.echoed) return {Ok("what this host sends to the group comes back to it")};
  const std::string& name = exam.choice->interface.name;
  const int error = conversation->send_error();
  if (error == EPERM || error == EACCES) {
    return {Problem("this host does not let packets to the group out",
                    std::generic_category().message(error),
                    "nft list ruleset   # as root: a rule of the hook output; see `firewall`")};
  }
  if (error != 0) {
    return {Problem(absl::StrCat("packets to the group cannot be sent on ", name),
                    std::generic_category().message(error),
                    absl::StrCat("ip route add ", IpText(exam.multicast), " dev ", name))};
  }
  return {Problem("what this host sends to the group does not come back to it",
                  absl::StrCat("empty datagrams to ", exam.multicast.ToString(), " on ", name,
                               ", none heard within ", kEchoTimeout.count(), " ms"),
                  "nft list ruleset   # as root: a rule drops them; see `firewall`")};
}

Findings CheckMembers(Examination& exam) {
  if (exam.options.no_multicast) return {NotRun("members are not heard without multicast")};
  if (!exam.ear) return {NotRun("no multicast")};
  absl::StatusOr<Conversation> conversation = Conversation::Begin(exam);
  if (!conversation.ok()) return {NotRun(std::string(ToStd(conversation.status().message())))};
  conversation->Run(Now() + absl::ToChronoMilliseconds(exam.listen_for), kSignInterval,
                    /*only_echo=*/false);
  const Census& census = *exam.census;
  const std::string there = List(census, Census::Kind::kMember, exam, false);
  const std::string here = List(census, Census::Kind::kMember, exam, true);
  Findings findings;
  AddStrangers(exam, there.empty(), findings);
  if (!there.empty()) {
    findings.push_back(Ok(absl::StrCat("members on other hosts are heard: ", there),
                          absl::StrCat(here.empty() ? "" : "on this host: ", here,
                                       here.empty() ? "" : "; ", Views(census))));
  } else if (exam.settings.interface.loopback_only && !here.empty()) {
    findings.push_back(Ok(absl::StrCat("members on this host are heard: ", here), Views(census)));
  } else if (findings.empty() || !here.empty()) {
    findings.push_back(NobodyHeard(exam, here));
  }
  return findings;
}

}  // namespace cohort::tools
