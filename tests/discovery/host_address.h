// Where the hosts of the tests are.
#ifndef COHORT_TESTS_DISCOVERY_HOST_ADDRESS_H_
#define COHORT_TESTS_DISCOVERY_HOST_ADDRESS_H_

#include "base/types.h"

namespace cohort::discovery {

inline Address HostAddress(int host) {
  Address address;
  address.family = 4;
  address.ip = {192, 0, 2, static_cast<uint8_t>(host)};
  address.port = 7600;
  return address;
}

}  // namespace cohort::discovery

#endif  // COHORT_TESTS_DISCOVERY_HOST_ADDRESS_H_
