// MergeResolver: says what stays of what both sides of a partition have written.
#ifndef COHORT_MERGE_RESOLVER_H_
#define COHORT_MERGE_RESOLVER_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace cohort {

// A key, in a convergent map an attribute, that was written on both sides of a partition, each with
// a value of its own. Valid during the call.
struct MergeConflict {
  std::string_view key;
  std::string_view attribute;  // Empty: the value of the entry as a whole.
  std::string_view held;       // By the group.
  std::string_view brought;    // By the side that has come back to it.
};

// Settles a MergeConflict: the value that stays. Empty, or above kValueBytesMax: the later version
// stays. Called at members that bring their side's entries, so give it to all; the result is what
// all get. It may be called by several, and with what it has made as one of the two, so it must
// come to the same whatever the order and however often: a union or a maximum, not a sum. It runs
// on the group's I/O thread, takes microseconds, calls nothing of Cohort, and does not throw.
using MergeResolver = std::function<std::optional<std::string>(const MergeConflict&)>;

}  // namespace cohort

#endif  // COHORT_MERGE_RESOLVER_H_
