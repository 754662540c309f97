// The checks of `cohort doctor`, in the order in which they run: each may rest on what those before
// it found out. None joins the group or sends anything that a member would look at.
//
// What leaves this host: an IGMP or MLD report as for any listener; empty UDP datagrams, which a
// member's socket layer drops before the protocol sees them; TCP connections to seeds that are
// closed at once, as members' own probes are.
#ifndef COHORT_TOOLS_DOCTOR_CHECKS_H_
#define COHORT_TOOLS_DOCTOR_CHECKS_H_

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "census.h"
#include "cohort/options.h"
#include "doctor_report.h"
#include "ip_text.h"
#include "link_facts.h"
#include "runtime/interfaces.h"
#include "runtime/member_settings.h"

namespace cohort::tools {

// What was asked for, and what is known so far.
struct Examination {
  GroupOptions options;
  absl::Duration listen_for = absl::Seconds(3);

  // Before the first check: options that were wrong are replaced, so that the others can run.
  runtime::MemberSettings settings;
  absl::Status key_trouble;
  absl::Status multicast_trouble;
  std::vector<runtime::Interface> interfaces;
  std::string default_route;  // Its interface.
  std::vector<LinkFacts> links;

  std::optional<runtime::InterfaceChoice> choice;
  Address multicast;                                  // None: not used, or not usable.
  std::optional<runtime::UdpSocket> ear;              // Joined to the group's address.
  bool echoed = false;                                // Our own multicast came back.
  std::map<std::string, std::vector<Address>> seeds;  // As written; what each resolves to.
  std::unique_ptr<Census> census;

  // Errors: kInvalidArgument for what leaves nothing to examine, naming the option.
  absl::Status Prepare();
  const LinkFacts* LinkOf(uint32_t index) const;
  // The interface that has this address; null: none here.
  const runtime::Interface* Owner(const Address& address) const;
};

struct Check {
  const char* name;
  Findings (*run)(Examination& exam);
};
// doctor_host.cc
Findings CheckKey(Examination& exam);
Findings CheckDescriptors(Examination& exam);
Findings CheckPort(Examination& exam);
Findings CheckBuffers(Examination& exam);
// doctor_interface.cc
Findings CheckInterface(Examination& exam);
Findings CheckMtu(Examination& exam);
Findings CheckBridge(Examination& exam);
Findings CheckReversePath(Examination& exam);
// doctor_multicast.cc
Findings CheckMulticast(Examination& exam);
Findings CheckEcho(Examination& exam);
Findings CheckMembers(Examination& exam);
// doctor_firewall.cc
Findings CheckFirewall(Examination& exam);
// doctor_peers.cc
Findings CheckSeeds(Examination& exam);
Findings CheckRoutes(Examination& exam);

inline constexpr std::array kChecks = {
    Check{"key", CheckKey},
    Check{"interface", CheckInterface},
    Check{"mtu", CheckMtu},
    Check{"bridge", CheckBridge},
    Check{"reverse-path", CheckReversePath},
    Check{"multicast", CheckMulticast},
    Check{"echo", CheckEcho},
    Check{"firewall", CheckFirewall},
    Check{"buffers", CheckBuffers},
    Check{"descriptors", CheckDescriptors},
    Check{"seeds", CheckSeeds},
    Check{"members", CheckMembers},
    Check{"routes", CheckRoutes},
    Check{"port", CheckPort},
};

// A finding without its check's name, which the table has.
Finding Ok(std::string finding, std::string evidence = "");
Finding NotRun(std::string why, std::string remedy = "");
Finding Note(std::string finding, std::string evidence, std::string remedy);
Finding Warning(std::string finding, std::string evidence, std::string remedy);
Finding Problem(std::string finding, std::string evidence, std::string remedy);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_DOCTOR_CHECKS_H_
