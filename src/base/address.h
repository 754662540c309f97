// Addresses as text. Pure string work: no name is looked up.
#ifndef COHORT_BASE_ADDRESS_H_
#define COHORT_BASE_ADDRESS_H_

#include <optional>
#include <string_view>

#include "base/types.h"

namespace cohort {

// "192.0.2.1:7600", "[2001:db8::1]:7600", "[fe80::1%3]:7600" (the scope as a number). Nothing for
// anything else: no host names, no missing port, no leading zeros or signs in the port. What
// Address::ToString() prints is read back.
std::optional<Address> ParseAddress(std::string_view text);

}  // namespace cohort

#endif  // COHORT_BASE_ADDRESS_H_
