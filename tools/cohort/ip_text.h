// An address as commands like `nft` and `ip` write it: without port, brackets and scope.
#ifndef COHORT_TOOLS_IP_TEXT_H_
#define COHORT_TOOLS_IP_TEXT_H_

#include <string>

#include "base/types.h"

namespace cohort::tools {

inline std::string IpText(Address address) {
  address.port = 0;
  std::string text = address.ToString();  // "192.0.2.1:0", "[fe80::1%2]:0".
  text.resize(text.rfind(':'));
  if (text.starts_with('[')) text = text.substr(1, text.size() - 2);
  return text.substr(0, text.find('%'));
}

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_IP_TEXT_H_
