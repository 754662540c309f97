#include "membership/admission.h"

#include <algorithm>
#include <utility>

#include "wire/limits.h"

namespace cohort::membership {
namespace {

bool IsNameCharacter(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool digit = c >= '0' && c <= '9';
  return letter || digit || std::string_view("._-:@/").find(c) != std::string_view::npos;
}

JoinAnswer Refuse(const JoinRequest& request, bool final, std::string text) {
  JoinAnswer answer;
  answer.kind = JoinAnswer::Kind::kRefused;
  answer.join_no = request.member.id.join_no;
  answer.final = final;
  answer.text = std::move(text);
  return answer;
}

std::optional<JoinAnswer> JudgeSettings(const JoinRequest& request, const AdmissionRules& rules) {
  if (request.group != rules.group) {
    return Refuse(request, true,
                  "this member is of group '" + rules.group + "', not '" + request.group +
                      "': check the group's name, or give the two groups different keys");
  }
  if (request.level_min > kFeatureLevel || request.level_max < kFeatureLevel) {
    return Refuse(request, true,
                  "the group speaks feature level " + std::to_string(kFeatureLevel) +
                      ", the joiner " + std::to_string(request.level_min) + " to " +
                      std::to_string(request.level_max) +
                      ": update one of them to a release that knows both");
  }
  if (request.policy != rules.policy) {
    return Refuse(request, true,
                  std::string("the group's policy is '") + ToString(rules.policy) +
                      "' and the joiner's '" + ToString(request.policy) +
                      "': start it with --policy " + ToString(rules.policy));
  }
  if (!IsValidName(request.member.name)) {
    return Refuse(request, true,
                  "the member's name is not valid: use 1 to " +
                      std::to_string(wire::kMemberNameMax) +
                      " letters, digits or any of . _ - : @ /");
  }
  return std::nullopt;
}

// Two processes cannot be at one address: whoever was there before is gone.
bool SharesName(const MemberInfo& a, const MemberInfo& b) {
  return a.name == b.name && a.address != b.address && a.id.instance != b.id.instance;
}

}  // namespace

bool IsValidName(std::string_view name) {
  return !name.empty() && name.size() <= wire::kMemberNameMax &&
         std::all_of(name.begin(), name.end(), IsNameCharacter);
}

const MemberInfo* FindNameHolder(const MemberInfo& process, const std::vector<MemberInfo>& members,
                                 const RankSet& convicted) {
  for (size_t rank = 0; rank < members.size(); ++rank) {
    if (SharesName(process, members[rank]) && !convicted.Contains(static_cast<Rank>(rank))) {
      return &members[rank];
    }
  }
  return nullptr;
}

std::optional<JoinAnswer> JudgeAdmission(const JoinRequest& request, const AdmissionRules& rules,
                                         const std::vector<MemberInfo>& members,
                                         const RankSet& convicted,
                                         const std::vector<JoinRequest>& pending) {
  if (auto refusal = JudgeSettings(request, rules)) return refusal;
  const auto name_taken = [&](const MemberInfo& other) {
    return Refuse(request, false,
                  "the name '" + other.name + "' is in use by the process at " +
                      other.address.ToString() + ": stop that one, or give this one another name");
  };
  const auto has_come_since = [&](const MemberInfo& other) {
    return other.address == request.member.address &&
           other.id.instance != request.member.id.instance &&
           other.incarnation > request.member.incarnation;
  };
  const auto is_late = [&] {
    return Refuse(request, false,
                  "a process that was started later is in the group at this address, or asks to "
                  "join: this request has waited somewhere, or the clock was set back");
  };
  for (const JoinRequest& other : pending) {
    if (has_come_since(other.member)) return is_late();
    const bool newer = std::pair(other.member.incarnation, other.member.id.instance) >
                       std::pair(request.member.incarnation, request.member.id.instance);
    if (SharesName(request.member, other.member) && newer) return name_taken(other.member);
  }
  if (const MemberInfo* holder = FindNameHolder(request.member, members, convicted)) {
    return name_taken(*holder);
  }
  size_t staying = 0;
  for (size_t rank = 0; rank < members.size(); ++rank) {
    const MemberInfo& other = members[rank];
    if (has_come_since(other) && !convicted.Contains(static_cast<Rank>(rank))) return is_late();
    const bool same_instance = other.id.instance == request.member.id.instance;
    if (same_instance && other.id.join_no >= request.member.id.join_no) {
      return Refuse(request, false, "an earlier attempt of this process is being dealt with");
    }
    if (!same_instance && other.name != request.member.name) ++staying;
  }
  if (staying + pending.size() >= std::min(rules.members_max, wire::kMembersMax)) {
    return Refuse(request, false,
                  "the group is full with " + std::to_string(members.size()) +
                      " members: stop one, or raise its limit on all members");
  }
  return std::nullopt;
}

}  // namespace cohort::membership
