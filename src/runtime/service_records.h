// The SRV records of an answer of the domain name system (RFC 2782): which hosts and ports offer a
// service. Pure: reads bytes that anybody on the network may have sent.
#ifndef COHORT_RUNTIME_SERVICE_RECORDS_H_
#define COHORT_RUNTIME_SERVICE_RECORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"

namespace cohort::runtime {

// Records of one answer that are looked at; the others are left out.
inline constexpr size_t kServiceRecordsMax = 64;

struct ServiceRecord {
  uint16_t priority = 0;
  uint16_t weight = 0;
  uint16_t port = 0;
  std::string host;
  bool operator==(const ServiceRecord&) const = default;
};

// Lowest priority first, then the greater weight, then by host. Records without a host ("this
// service is not offered here") or port are left out. Nothing for a malformed message.
std::optional<std::vector<ServiceRecord>> ParseServiceRecords(Bytes answer);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_SERVICE_RECORDS_H_
