// Checks of this host and of what was configured on it.
#include <sys/resource.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "doctor_checks.h"
#include "proc_sockets.h"

namespace cohort::tools {
namespace {

constexpr size_t kComfortableBufferBytes = size_t{1} << 20;
constexpr rlim_t kDescriptorsMin = 256;  // Ours, lifelines to a middling group, clients of a node.

std::string KiB(size_t bytes) { return absl::StrCat(bytes >> 10, " KiB"); }

std::string KeyRemedy(const absl::Status& trouble, const std::string& path) {
  switch (trouble.code()) {
    case absl::StatusCode::kNotFound:
      return absl::StrCat("scp OTHER_HOST:", path, " ", path,
                          "   # or, for a new group: cohort keygen --out ", path);
    case absl::StatusCode::kPermissionDenied:
      return absl::StrCat("chmod 600 ", path, "   # and chown to the user who runs the member");
    default:
      return absl::StrCat("scp OTHER_HOST:", path, " ", path, "   # this one is damaged");
  }
}

}  // namespace

Findings CheckKey(Examination& exam) {
  const std::string& path = exam.options.key_file;
  if (!exam.key_trouble.ok()) {
    return {Problem(std::string(ToStd(exam.key_trouble.message())),
                    "a member would not start; the checks go on without opening packets",
                    KeyRemedy(exam.key_trouble, path))};
  }
  if (exam.settings.key) return {Ok(absl::StrCat(path, " holds a key"))};
  return {Warning("the group runs without a key", "--allow-plaintext",
                  "cohort keygen --out shop.key   # copy it to every host; then --key-file "
                  "shop.key")};
}

Findings CheckBuffers(Examination& exam) {
  if (!exam.choice) return {NotRun("no interface")};
  const size_t asked = exam.options.receive_buffer_bytes;
  size_t granted = exam.ear ? exam.ear->receive_buffer_bytes() : 0;
  if (!exam.ear) {
    Address any_port = exam.choice->address;
    any_port.port = 0;
    runtime::UdpSocket::Options udp = exam.settings.udp;
    udp.interface_index = exam.choice->interface.index;
    const absl::StatusOr<runtime::UdpSocket> socket =
        runtime::UdpSocket::OpenUnicast(any_port, udp);
    if (!socket.ok()) return {NotRun(std::string(ToStd(socket.status().message())))};
    granted = socket->receive_buffer_bytes();
  }
  granted /= 2;  // The kernel doubles what it grants, for its own needs.
  const std::string evidence =
      absl::StrCat(KiB(asked), " asked, ", KiB(granted),
                   " granted; without CAP_NET_ADMIN net.core.rmem_max is the limit");
  if (granted * 2 >= asked && granted >= std::min(asked, kComfortableBufferBytes))
    return {Ok(absl::StrCat("receive buffers of ", KiB(granted)), evidence)};
  return {Warning(absl::StrCat("receive buffers of only ", KiB(granted),
                               ": bursts are lost here, and all senders are slowed down"),
                  evidence, absl::StrCat("sysctl -w net.core.rmem_max=", asked))};
}

Findings CheckDescriptors(Examination&) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return {NotRun("the kernel does not tell")};
  const std::string finding = absl::StrCat("a process may open ", limit.rlim_cur, " files");
  const std::string evidence = "a member needs six, and one for each other member and each client";
  if (limit.rlim_cur >= kDescriptorsMin) return {Ok(finding, evidence)};
  return {Warning(finding, evidence, "ulimit -n 4096   # in systemd: LimitNOFILE=4096")};
}

Findings CheckPort(Examination& exam) {
  if (!exam.choice) return {NotRun("no interface")};
  const Address& wanted = exam.choice->address;
  if (wanted.port == 0) return {Ok("no port is asked for: a free one is taken")};
  const bool udp = IsTaken("udp", wanted);
  const bool tcp = IsTaken("tcp", wanted);
  if (!udp && !tcp) return {Ok(absl::StrCat("port ", wanted.port, " is free"))};
  if (exam.census != nullptr) {
    const auto found = exam.census->senders().find(wanted);
    if (found != exam.census->senders().end() && found->second.Of(Census::Kind::kMember) > 0)
      return {Ok(absl::StrCat("a member of the group has port ", wanted.port))};
  }
  return {Warning(absl::StrCat("port ", wanted.port, " is taken, and no member was heard from it"),
                  absl::StrCat(udp ? "UDP" : "", udp && tcp ? " and " : "", tcp ? "TCP" : "", " ",
                               wanted.ToString(), " is bound on this host"),
                  absl::StrCat("ss -lnptu sport = :", wanted.port,
                               "   # who has it; then end that, or take another --bind :PORT"))};
}

}  // namespace cohort::tools
