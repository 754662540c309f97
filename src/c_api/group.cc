// Joining, leaving, what is there, stats.
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <system_error>
#include <thread>

#include "c_api/call.h"
#include "c_api/group_options.h"
#include "c_api/handles.h"
#include "cohort/c.h"

namespace {

using cohort::Group;
using cohort::GroupOptions;
using cohort::GroupStats;
using cohort::c_api::Callback;
using cohort::c_api::Check;
using cohort::c_api::FromMemberId;
using cohort::c_api::Guarded;
using cohort::c_api::Handle;
using cohort::c_api::OrElse;
using cohort::c_api::ToGroupOptions;
using cohort::c_api::ToTimeout;

absl::Status Join(const GroupOptions& options, cohort_group_t** group) {
  absl::StatusOr<Group> joined = Group::Join(options);
  if (!joined.ok()) return joined.status();
  *group = new cohort_group{*std::move(joined)};
  return absl::OkStatus();
}

void JoinAndTell(const GroupOptions& options, cohort_join_fn done, void* user) noexcept {
  cohort_group_t* group = nullptr;
  cohort_error_t* error = nullptr;
  const cohort_status_t status = Guarded(&error, [&] { return Join(options, &group); });
  done(status, group, cohort_error_message(error), user);
  cohort_error_free(error);
}

// With all signals blocked, so that handlers of the host run on threads of the host.
void StartJoin(GroupOptions options, cohort_join_fn done, void* user) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([options = std::move(options), done, user] {
      pthread_setname_np(pthread_self(), "cohort-join");
      JoinAndTell(options, done, user);
    }).detach();
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void AddStats(const GroupStats& from, std::vector<std::pair<std::string, uint64_t>>& to) {
  to = {{"socket.datagrams_sent", from.datagrams_sent},
        {"socket.datagrams_received", from.datagrams_received},
        {"socket.bytes_sent", from.bytes_sent},
        {"socket.bytes_received", from.bytes_received},
        {"socket.send_batches", from.send_batches},
        {"socket.receive_batches", from.receive_batches},
        {"socket.datagrams_unsent", from.datagrams_unsent},
        {"socket.datagrams_lost_here", from.datagrams_lost_here},
        {"socket.receive_buffer_bytes", from.receive_buffer_bytes},
        {"stream.open", from.streams_open},
        {"stream.handshakes_failed", from.handshakes_failed},
        {"stream.bytes_sent", from.stream_bytes_sent},
        {"stream.bytes_received", from.stream_bytes_received},
        {"callback.waiting", from.upcalls_waiting},
        {"callback.bytes_waiting", from.upcall_bytes_waiting},
        {"callback.dropped", from.upcalls_dropped},
        {"callback.commands_waiting", from.commands_waiting}};
  for (const cohort::MapStats& map : from.maps) {
    to.emplace_back("map." + map.name + ".entries", map.entries);
    to.emplace_back("map." + map.name + ".bytes", map.bytes);
  }
  for (const auto& [name, value] : from.counters) to.emplace_back(name, value);
  std::sort(to.begin(), to.end());
}

}  // namespace

extern "C" {

cohort_status_t cohort_group_join(const cohort_group_options_t* options, cohort_group_t** group,
                                  cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    if (absl::Status status = Check({Handle(group, "group")}); !status.ok()) return status;
    const absl::StatusOr<GroupOptions> with = ToGroupOptions(options);
    if (!with.ok()) return with.status();
    return Join(*with, group);
  });
}

cohort_status_t cohort_group_join_async(const cohort_group_options_t* options, cohort_join_fn done,
                                        void* user, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    if (absl::Status status = Check({Callback(done, "done")}); !status.ok()) return status;
    absl::StatusOr<GroupOptions> with = ToGroupOptions(options);
    if (!with.ok()) return with.status();
    try {
      StartJoin(*std::move(with), done, user);
    } catch (const std::system_error& failure) {
      return absl::Status(absl::StatusCode::kResourceExhausted,
                          std::string("no thread: ") + failure.what());
    }
    return absl::OkStatus();
  });
}

cohort_status_t cohort_group_leave(cohort_group_t* group, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    if (absl::Status status = Check({Handle(group, "group")}); !status.ok()) return status;
    return group->group.Leave();
  });
}

cohort_status_t cohort_group_drain(cohort_group_t* group, int64_t timeout_ms,
                                   cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    if (absl::Status status = Check({Handle(group, "group")}); !status.ok()) return status;
    const absl::StatusOr<absl::Duration> timeout = ToTimeout(timeout_ms, absl::Seconds(30));
    if (!timeout.ok()) return timeout.status();
    return group->group.Drain(*timeout);
  });
}

void cohort_group_close(cohort_group_t* group) {
  OrElse(0, [group] {
    delete group;
    return 0;
  });
}

cohort_member_id_t cohort_group_id(const cohort_group_t* group) {
  if (group == nullptr) return {};
  return OrElse(cohort_member_id_t{}, [group] { return FromMemberId(group->group.id()); });
}
const char* cohort_group_name(const cohort_group_t* group) {
  return group == nullptr ? "" : group->group.name().c_str();
}
const char* cohort_group_address(const cohort_group_t* group) {
  return group == nullptr ? "" : group->group.address().c_str();
}
uint32_t cohort_group_synced(const cohort_group_t* group) {
  if (group == nullptr) return 0;
  return OrElse(uint32_t{0}, [group] { return group->group.synced() ? 1U : 0U; });
}
uint32_t cohort_group_writable(const cohort_group_t* group) {
  if (group == nullptr) return 0;
  return OrElse(uint32_t{0}, [group] { return group->group.writable() ? 1U : 0U; });
}

cohort_status_t cohort_group_view(const cohort_group_t* group, cohort_view_t** view,
                                  cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(group, "group"), Handle(view, "view")});
    if (status.ok()) *view = new cohort_view(group->group.view());
    return status;
  });
}

cohort_status_t cohort_group_verify_convergence(cohort_group_t* group, int64_t timeout_ms,
                                                uint32_t* members, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    if (absl::Status status = Check({Handle(group, "group")}); !status.ok()) return status;
    const absl::StatusOr<absl::Duration> timeout = ToTimeout(timeout_ms, absl::Seconds(5));
    if (!timeout.ok()) return timeout.status();
    const absl::StatusOr<cohort::Convergence> shown = group->group.VerifyConvergence(*timeout);
    if (!shown.ok()) return shown.status();
    if (members != nullptr) *members = shown->members;
    return absl::OkStatus();
  });
}

cohort_status_t cohort_group_stats(const cohort_group_t* group, cohort_stats_t** stats,
                                   cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(group, "group"), Handle(stats, "stats")});
    if (!status.ok()) return status;
    auto taken = std::make_unique<cohort_stats>();
    AddStats(group->group.stats(), taken->values);
    *stats = taken.release();
    return status;
  });
}
size_t cohort_stats_count(const cohort_stats_t* stats) {
  return stats == nullptr ? 0 : stats->values.size();
}
const char* cohort_stats_name(const cohort_stats_t* stats, size_t number) {
  return number < cohort_stats_count(stats) ? stats->values[number].first.c_str() : nullptr;
}
uint64_t cohort_stats_value(const cohort_stats_t* stats, size_t number) {
  return number < cohort_stats_count(stats) ? stats->values[number].second : 0;
}
uint32_t cohort_stats_find(const cohort_stats_t* stats, const char* name, uint64_t* value) {
  if (stats == nullptr || name == nullptr) return 0;
  const std::string_view wanted(name);
  const auto found = std::find_if(stats->values.begin(), stats->values.end(),
                                  [wanted](const auto& one) { return one.first == wanted; });
  if (found == stats->values.end()) return 0;
  if (value != nullptr) *value = found->second;
  return 1;
}
void cohort_stats_free(cohort_stats_t* stats) { delete stats; }

}  // extern "C"
