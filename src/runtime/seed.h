// Where to ask for members, as users write it, and what it stands for at the moment.
#ifndef COHORT_RUNTIME_SEED_H_
#define COHORT_RUNTIME_SEED_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/types.h"
#include "runtime/socket_address.h"

namespace cohort::runtime {

struct Seed {
  enum class Kind : uint8_t {
    kAddress,  // "10.0.0.5:7601": nothing to look up.
    kHost,     // "node1.example.org:7601": all addresses of the name.
    kService,  // "srv:_cohort._tcp.example.org": all hosts and ports of its SRV records.
  };
  Kind kind = Kind::kAddress;
  std::string text;  // As written.
  Address address;
  HostPort host;
  std::string service;
};

// Errors: kInvalidArgument; the text begins with "seeds: ".
absl::StatusOr<Seed> ParseSeed(std::string_view text);

// Addresses of IP version `family` (4 or 6) that `seed` stands for now, at most discovery's
// kSeedsMax. Blocks as long as the system's resolver does: some seconds for each name server that
// does not answer. Thread-safe. Errors: kNotFound (no such name, or none of that version),
// kUnavailable (no answer); the text says which name and why.
absl::StatusOr<std::vector<Address>> LookUpSeed(const Seed& seed, uint8_t family);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_SEED_H_
