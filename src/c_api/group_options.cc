#include "c_api/group_options.h"

#include <string>

#include "c_api/call.h"
#include "c_api/notices.h"

namespace cohort::c_api {
namespace {

constexpr size_t kSeedsMax = 64;  // As GroupOptions::seeds; a list beyond it is not even read.

void Set(const char* from, std::string& to) {
  if (from != nullptr) to = from;
}

template <class Number>
void SetNumber(Number from, Number& to) {
  if (from != 0) to = from;
}

absl::Status NoSuch(const char* option, uint32_t number) {
  return Invalid(std::string("options: ") + option + " cannot be " + std::to_string(number));
}

absl::Status SetChoices(const cohort_group_options_t& from, GroupOptions& to) {
  switch (from.allow_plaintext) {
    case COHORT_PLAINTEXT_NO:
      break;
    case COHORT_PLAINTEXT_LOOPBACK:
      to.allow_plaintext = AllowPlaintext::kLoopback;
      break;
    case COHORT_PLAINTEXT_NETWORK:
      to.allow_plaintext = AllowPlaintext::kNetwork;
      break;
    default:
      return NoSuch("allow_plaintext", from.allow_plaintext);
  }
  if (from.policy > COHORT_POLICY_PRIMARY) return NoSuch("policy", from.policy);
  if (from.policy == COHORT_POLICY_PRIMARY) to.policy = Policy::kPrimary;
  if (from.failure_profile > COHORT_PROFILE_WEB_SESSIONS)
    return NoSuch("failure_profile", from.failure_profile);
  if (from.failure_profile == COHORT_PROFILE_WEB_SESSIONS)
    to.failure_profile = FailureProfile::kWebSessions;
  if (from.multicast_ttl > 255) return NoSuch("multicast_ttl", from.multicast_ttl);
  if (from.multicast_ttl != 0) to.multicast_ttl = static_cast<int>(from.multicast_ttl);
  to.initial_members = from.initial_members;
  to.bootstrap = from.bootstrap != 0;
  to.no_multicast = from.no_multicast != 0;
  to.without_data = from.without_data != 0;
  return absl::OkStatus();
}

absl::Status SetTexts(const cohort_group_options_t& from, GroupOptions& to) {
  Set(from.group, to.group);
  Set(from.name, to.name);
  Set(from.bind, to.bind);
  Set(from.multicast, to.multicast);
  Set(from.peer_cache, to.peer_cache);
  Set(from.key, to.key);
  Set(from.key_file, to.key_file);
  Set(from.tie_breaker, to.tie_breaker);
  if (from.seed_count > kSeedsMax)
    return Invalid("options: more than " + std::to_string(kSeedsMax) + " seeds");
  for (size_t i = 0; i < from.seed_count; ++i) {
    if (from.seeds == nullptr || from.seeds[i] == nullptr)
      return Invalid("options: a seed is NULL");
    to.seeds.emplace_back(from.seeds[i]);
  }
  return absl::OkStatus();
}

absl::Status SetTimes(const cohort_group_options_t& from, GroupOptions& to) {
  to.dead_timeout = absl::Milliseconds(from.dead_timeout_ms);
  to.stall_timeout = absl::Milliseconds(from.stall_timeout_ms);
  to.slow_timeout = absl::Milliseconds(from.slow_timeout_ms);
  const absl::StatusOr<absl::Duration> join = ToTimeout(from.join_timeout_ms, to.join_timeout);
  if (!join.ok()) return join.status();
  const absl::StatusOr<absl::Duration> leave = ToTimeout(from.leave_timeout_ms, to.leave_timeout);
  if (!leave.ok()) return leave.status();
  to.join_timeout = *join;
  to.leave_timeout = *leave;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GroupOptions> ToGroupOptions(const cohort_group_options_t* options) {
  if (options == nullptr) return Invalid("options is NULL");
  const absl::StatusOr<cohort_group_options_t> from = ReadStruct(options, "options");
  if (!from.ok()) return from.status();
  GroupOptions to;
  for (auto* set : {SetTexts, SetChoices, SetTimes}) {
    if (absl::Status status = set(*from, to); !status.ok()) return status;
  }
  SetNumber<uint64_t>(from->map_bytes_max, to.map_bytes_max);
  SetNumber<size_t>(from->send_queue_bytes_max, to.send_queue_bytes_max);
  SetNumber<size_t>(from->delivery_queue_bytes_max, to.delivery_queue_bytes_max);
  SetNumber<size_t>(from->receive_buffer_bytes, to.receive_buffer_bytes);
  SetNumber<size_t>(from->datagram_bytes_max, to.datagram_bytes_max);
  if (from->on_view != nullptr) to.on_view = ToViewCallback(from->on_view, from->user);
  if (from->on_message != nullptr) to.on_message = ToMessageCallback(from->on_message, from->user);
  if (from->on_event != nullptr) to.on_event = ToEventCallback(from->on_event, from->user);
  return to;
}

}  // namespace cohort::c_api
