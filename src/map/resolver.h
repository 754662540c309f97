// Settles what was written on both sides of a partition, where a map's user has said how
// (Spec 8.28).
//
// Called by who brings the entries of its side, while it plans the merge: the result travels, so it
// need not be known to anybody else.
#ifndef COHORT_MAP_RESOLVER_H_
#define COHORT_MAP_RESOLVER_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cohort::map {

struct BothWritten {
  std::string_view key;
  std::string_view attribute;  // Of a convergent map; empty: the value as a whole.
  std::string_view held;       // By the group.
  std::string_view brought;    // By the side that comes back.
};

// The value that stays; empty: the later version, as without a resolver.
using Resolver = std::function<std::optional<std::string>(const BothWritten&)>;
using Resolvers = std::map<std::string, Resolver, std::less<>>;  // By the name of the map.

}  // namespace cohort::map

#endif  // COHORT_MAP_RESOLVER_H_
