#include "doctor_checks.h"

#include <utility>

#include "base/absl_bridge.h"

namespace cohort::tools {

absl::Status Examination::Prepare() {
  GroupOptions plain = options;
  plain.seeds.clear();  // CheckSeeds resolves them, and says which one it cannot.
  plain.no_multicast = false;
  absl::StatusOr<runtime::MemberSettings> made = runtime::MakeMemberSettings(plain);
  if (!made.ok() && ToStd(made.status().message()).starts_with("key_file:")) {
    key_trouble = made.status();
    plain.key_file.clear();
    plain.allow_plaintext = AllowPlaintext::kNetwork;
    made = runtime::MakeMemberSettings(plain);
  }
  if (!made.ok() && ToStd(made.status().message()).starts_with("multicast:")) {
    multicast_trouble = made.status();
    plain.multicast = GroupOptions().multicast;
    made = runtime::MakeMemberSettings(plain);
  }
  if (!made.ok()) return made.status();
  settings = *std::move(made);
  interfaces = runtime::ListInterfaces();
  default_route = runtime::DefaultRouteInterface();
  links = ListLinks();
  return absl::OkStatus();
}

const LinkFacts* Examination::LinkOf(uint32_t index) const {
  for (const LinkFacts& link : links) {
    if (link.index == index) return &link;
  }
  return nullptr;
}

const runtime::Interface* Examination::Owner(const Address& address) const {
  for (const runtime::Interface& interface : interfaces) {
    for (const Address& own : interface.addresses) {
      if (own.family == address.family && own.ip == address.ip) return &interface;
    }
    if (interface.loopback && address.family == 4 && address.ip[0] == 127) return &interface;
  }
  return nullptr;
}

Finding Ok(std::string finding, std::string evidence) {
  return {"", Level::kOk, std::move(finding), std::move(evidence), ""};
}
Finding NotRun(std::string why, std::string remedy) {
  return {"", Level::kNotRun, std::move(why), "", std::move(remedy)};
}
Finding Note(std::string finding, std::string evidence, std::string remedy) {
  return {"", Level::kNote, std::move(finding), std::move(evidence), std::move(remedy)};
}
Finding Warning(std::string finding, std::string evidence, std::string remedy) {
  return {"", Level::kWarning, std::move(finding), std::move(evidence), std::move(remedy)};
}
Finding Problem(std::string finding, std::string evidence, std::string remedy) {
  return {"", Level::kProblem, std::move(finding), std::move(evidence), std::move(remedy)};
}

}  // namespace cohort::tools
