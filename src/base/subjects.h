// What a message is about, as hashes: of two messages of one sender that have a subject in common
// the later never overtakes the earlier, however large that is (Spec 5.23).
#ifndef COHORT_BASE_SUBJECTS_H_
#define COHORT_BASE_SUBJECTS_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"

namespace cohort {

using Subjects = absl::InlinedVector<uint64_t, 1>;

inline constexpr uint64_t kEverySubject = 0;    // Shared with every message.
inline constexpr uint64_t kReplicaSubject = 1;  // What a member's replica sends by itself.
inline constexpr uint64_t kMessageSubject = 2;  // The messages of its users.
inline constexpr uint64_t kFirstSubject = 3;    // Hashes are at least this.

}  // namespace cohort

#endif  // COHORT_BASE_SUBJECTS_H_
