// Whether a process that asks may come in, judged by the coordinator; and if not, why, in words
// that tell its user what to do.
#ifndef COHORT_MEMBERSHIP_ADMISSION_H_
#define COHORT_MEMBERSHIP_ADMISSION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "cohort/view.h"
#include "membership/lifeline_messages.h"
#include "membership/rank_set.h"

namespace cohort::membership {

inline constexpr uint32_t kFeatureLevel = 1;

struct AdmissionRules {
  std::string group;
  Policy policy = Policy::kAvailable;
  size_t members_max = 1024;
};

// Spec 4.63: letters, digits, '.', '_', '-', ':', '@', '/'; 1 to kMemberNameMax of them.
bool IsValidName(std::string_view name);

// The member that has the name of `process`, at another address, and is not convicted; null when
// the name is free. Which process of a name lives is for the failure detector to say, not for
// clocks or for who asks last.
const MemberInfo* FindNameHolder(const MemberInfo& process, const std::vector<MemberInfo>& members,
                                 const RankSet& convicted);

// The refusal; empty when it may come in. Its coming may remove members: an earlier attempt of the
// same instance, or the process that was at its address before. `convicted`: ranks of `members`
// that are taken for dead.
std::optional<JoinAnswer> JudgeAdmission(const JoinRequest& request, const AdmissionRules& rules,
                                         const std::vector<MemberInfo>& members,
                                         const RankSet& convicted,
                                         const std::vector<JoinRequest>& pending);

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_ADMISSION_H_
