#include "runtime/seed.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <memory>

#include "base/absl_bridge.h"
#include "discovery/discovery.h"
#include "runtime/service_records.h"

namespace cohort::runtime {
namespace {

constexpr std::string_view kServicePrefix = "srv:";
constexpr size_t kDomainNameMax = 253;
constexpr size_t kAnswerBytesMax = 65536;  // By TCP; what is larger cannot be.
// Of one question to one name server. The system's own are 5 s and 2.
constexpr int kAnswerSeconds = 2;
constexpr int kQuestions = 2;

absl::Status Wrong(std::string_view seed, std::string_view why) {
  return MakeStatus(absl::StatusCode::kInvalidArgument,
                    "seeds: '" + std::string(seed) + "' " + std::string(why));
}

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

absl::StatusOr<Seed> ParseService(std::string_view text) {
  Seed seed;
  seed.kind = Seed::Kind::kService;
  seed.text = text;
  seed.service = text.substr(kServicePrefix.size());
  const bool is_name = !seed.service.empty() && seed.service.size() <= kDomainNameMax &&
                       std::all_of(seed.service.begin(), seed.service.end(), [](char c) {
                         return c > ' ' && c < 0x7F && c != ':' && c != '/';
                       });
  if (!is_name) return Wrong(text, "is no service, as srv:_cohort._tcp.example.org is (no port)");
  return seed;
}

absl::Status ServiceError(const Seed& seed, int error) {
  const std::string name = "service '" + seed.service + "' ";
  if (error == HOST_NOT_FOUND)
    return MakeStatus(absl::StatusCode::kNotFound, name + "is not known");
  if (error == NO_DATA) return MakeStatus(absl::StatusCode::kNotFound, name + "has no SRV record");
  return MakeStatus(absl::StatusCode::kUnavailable,
                    name + "cannot be looked up: no name server answers");
}

absl::StatusOr<std::vector<ServiceRecord>> FindService(const Seed& seed) {
  struct __res_state state{};
  if (res_ninit(&state) != 0)
    return MakeStatus(absl::StatusCode::kUnavailable, "the system's resolver cannot be used");
  const std::unique_ptr<struct __res_state, decltype(&res_nclose)> owner(&state, &res_nclose);
  state.retrans = kAnswerSeconds;
  state.retry = kQuestions;
  std::vector<unsigned char> answer(kAnswerBytesMax);
  const int size = res_nsearch(&state, seed.service.c_str(), ns_c_in, ns_t_srv, answer.data(),
                               static_cast<int>(answer.size()));
  if (size < 0) return ServiceError(seed, state.res_h_errno);
  const size_t received = std::min(answer.size(), static_cast<size_t>(size));
  std::optional<std::vector<ServiceRecord>> records =
      ParseServiceRecords(std::as_bytes(std::span(answer.data(), received)));
  if (!records) {
    return MakeStatus(absl::StatusCode::kUnavailable,
                      "the answer about service '" + seed.service + "' is malformed");
  }
  if (records->empty()) return ServiceError(seed, NO_DATA);
  return *std::move(records);
}

absl::StatusOr<std::vector<Address>> FindHost(const HostPort& host, uint8_t family) {
  Address address;
  if (!ParseIp(host.host, &address)) return Resolve(host, family);
  address.port = host.port;
  if (address.family == family) return std::vector<Address>{address};
  return MakeStatus(absl::StatusCode::kNotFound,
                    "'" + host.host + "' is not of the IP version that this member is bound to");
}

}  // namespace

absl::StatusOr<Seed> ParseSeed(std::string_view text) {
  // A host may be called "srv".
  if (text.starts_with(kServicePrefix) && !IsDigits(text.substr(kServicePrefix.size())))
    return ParseService(text);
  absl::StatusOr<HostPort> parts = SplitHostPort("seeds", text);
  if (!parts.ok()) return parts.status();
  if (parts->port == 0 || parts->host.empty())
    return Wrong(text, "lacks host or port: HOST:PORT, or srv:NAME for a service");
  if (parts->host.size() > kDomainNameMax) return Wrong(text, "is longer than a name can be");
  Seed seed;
  seed.text = text;
  seed.host = *parts;
  if (ParseIp(parts->host, &seed.address)) {
    seed.address.port = parts->port;
  } else {
    seed.kind = Seed::Kind::kHost;
  }
  return seed;
}

absl::StatusOr<std::vector<Address>> LookUpSeed(const Seed& seed, uint8_t family) {
  if (seed.kind != Seed::Kind::kService) return FindHost(seed.host, family);
  const absl::StatusOr<std::vector<ServiceRecord>> records = FindService(seed);
  if (!records.ok()) return records.status();
  std::vector<Address> addresses;
  absl::Status trouble;
  for (const ServiceRecord& record : *records) {
    const absl::StatusOr<std::vector<Address>> found = FindHost({record.host, record.port}, family);
    if (!found.ok()) {
      trouble.Update(found.status());
      continue;
    }
    addresses.insert(addresses.end(), found->begin(), found->end());
    if (addresses.size() >= discovery::kSeedsMax) break;
  }
  // One host that is not known does not keep the others from being asked.
  if (addresses.empty()) return trouble;
  addresses.resize(std::min(addresses.size(), discovery::kSeedsMax));
  return addresses;
}

}  // namespace cohort::runtime
