// The phases after the faults: what must be so in the end.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "sim/cluster.h"
#include "sim/words.h"

namespace cohort::sim {
namespace {

constexpr Duration kWatchInterval = milliseconds(20);
constexpr Duration kUsersGoOn = seconds(2);
constexpr Duration kSettles = seconds(1);
constexpr Duration kVoteViewMax =
    milliseconds(100);  // To install a view that nobody is absent from.

const char* NameOf(HostState state) {
  static constexpr const char* kNames[] = {"down", "running", "stopped", "dying", "without power"};
  return kNames[static_cast<size_t>(state)];
}

}  // namespace

// As the view began: who is without data gets its vote, if it is to have one, with the view after
// the one it comes in.
bool Cluster::HasVote(const View& view, const Member& member) const {
  if (!member.without_data) return member.synced;
  return host_options_.votes &&
         std::none_of(view.joined.begin(), view.joined.end(),
                      [&](const MemberChange& change) { return change.member.id == member.id; });
}

// The next death must leave what the promises need: under kPrimary a majority of the votes of every
// view that may still be the current one, and a synced member among them; otherwise one synced
// member.
bool Cluster::MayCrash(HostIndex victim) const {
  std::set<MemberId> holders;
  std::set<MemberId> remaining;  // And those without data.
  for (const auto& host : hosts_) {
    const bool doomed =
        host->index == victim || host->crash_amid_output.has_value() || host->leaving.has_value();
    if (host->node == nullptr || doomed) continue;
    if (host->node->synced()) holders.insert(host->node->self());
    if (host->node->synced() || !HoldsData(*host)) remaining.insert(host->node->self());
  }
  if (options_.policy == Policy::kAvailable) return !holders.empty();
  std::map<ViewId, const View*, std::greater<>> views;
  for (const auto& host : hosts_) {
    if (host->node == nullptr || host->installed.members.empty()) continue;
    views[host->installed.id] = &host->installed;
  }
  if (views.empty()) return false;
  size_t looked_at = 0;
  for (const auto& [id, view] : views) {
    if (++looked_at > 2) break;
    size_t votes = 0;
    size_t left = 0;
    bool holds = false;
    for (const Member& member : view->members) {
      if (!HasVote(*view, member)) continue;
      ++votes;
      left += remaining.contains(member.id) ? 1 : 0;
      holds = holds || holders.contains(member.id);
    }
    if (left * 2 <= votes || !holds) return false;
  }
  return true;
}

void Cluster::Heal() {
  Note("faults end");
  injector_->Stop(*this);
  crash_at_change_.reset();
  crash_at_transfer_.reset();
  healed_ = true;
  if (tenants_ != nullptr) tenants_->OnHealed();
  healed_at_ = scheduler_.now();
  for (const auto& host : hosts_) {
    host->crash_amid_output.reset();
    if (host->drain_command != 0) OnDrained(*host, absl::CancelledError("the faults are over"));
    if (table_[host->index].state == HostState::kPaused) ResumeHost(*host);
    if (host->node != nullptr) continue;
    scheduler_.After(
        random_.Between(Duration(0), Duration(milliseconds(300))),
        {Task::Kind::kProcess, false, host->index, static_cast<uint64_t>(Change::kRestart), {}});
  }
  Watch();
}

bool Cluster::IsOneView() const {
  const View* first = nullptr;
  size_t running = 0;
  for (const auto& host : hosts_) {
    if (host->node == nullptr) return false;  // On its way.
    ++running;
    const View& view = host->node->view();
    if (first == nullptr) first = &view;
    if (view.id != first->id || view.members.empty()) return false;
    const bool inside =
        std::any_of(view.members.begin(), view.members.end(),
                    [&](const Member& member) { return member.id == host->node->self(); });
    if (!inside) return false;
  }
  return first != nullptr && first->members.size() == running;
}

// Everybody runs, and has all in his view, whichever that is.
bool Cluster::HaveSameMembers() const {
  return std::all_of(hosts_.begin(), hosts_.end(), [this](const auto& host) {
    if (host->node == nullptr || host->node->view().members.size() != hosts_.size()) return false;
    const View& view = host->node->view();
    return std::all_of(hosts_.begin(), hosts_.end(), [&view](const auto& other) {
      return other->node != nullptr &&
             std::any_of(view.members.begin(), view.members.end(), [&other](const Member& member) {
               return member.id == other->node->self();
             });
    });
  });
}

bool Cluster::IsSynced() const {
  return std::all_of(hosts_.begin(), hosts_.end(), [this](const auto& host) {
    return host->node != nullptr && (host->node->synced() || !HoldsData(*host)) &&
           host->node->writable();
  });
}

bool Cluster::IsMerging() const {
  return std::any_of(hosts_.begin(), hosts_.end(), [](const auto& host) {
    const engine::Engine* engine = host->node == nullptr ? nullptr : host->node->engine();
    return engine != nullptr && engine->merging();
  });
}

bool Cluster::IsQuiet() const {
  if (tenants_ != nullptr && !tenants_->IsQuiet()) return false;
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [this](const auto& host) { return writes_->Pending(host->process) == 0; });
}

// Of all its maps together; empty if it has none.
std::optional<uint64_t> Cluster::DigestOf(const Host& host) const {
  std::optional<uint64_t> all;
  for (uint32_t which = 0; which < workload_.maps; ++which) {
    const std::optional<uint32_t> map = host.node->MapId(kMapNames[which]);
    const std::optional<uint64_t> digest = map ? host.node->MapDigest(*map) : std::nullopt;
    if (digest.has_value()) all = all.value_or(0) * 0x9E3779B97F4A7C15u + *digest + which;
  }
  const std::optional<uint32_t> map =
      tenants_ != nullptr ? host.node->MapId(tenants_->map()) : std::nullopt;
  const std::optional<uint64_t> digest = map ? host.node->MapDigest(*map) : std::nullopt;
  if (digest.has_value()) all = all.value_or(0) * 0x9E3779B97F4A7C15u + *digest;
  return all;
}

bool Cluster::AreReplicasEqual() const {
  const Host* first = nullptr;
  for (const auto& host : hosts_) {
    if (!HoldsData(*host)) continue;
    if (first == nullptr) first = host.get();
    if (DigestOf(*host) != DigestOf(*first)) return false;
  }
  return true;
}

// Under kPrimary: of the processes that had a vote in the latest view too few live. MayCrash()
// cannot rule that out: a process may die amid the output that decides a view in which it has a
// vote.
bool Cluster::IsQuorumLost() const {
  if (options_.policy != Policy::kPrimary) return false;
  // The decider was the only member of the view it decided, and is gone.
  if (std::all_of(hosts_.begin(), hosts_.end(),
                  [](const auto& host) { return host->installed.members.empty(); }))
    return true;
  size_t votes = 0;
  size_t left = 0;
  bool holds = false;
  for (const Member& member : latest_.members) {
    if (!HasVote(latest_, member)) continue;
    ++votes;
    const bool lives = std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& host) {
      return host->node != nullptr && host->node->self().instance == member.id.instance;
    });
    left += lives ? 1 : 0;
    holds = holds || (lives && !member.without_data);
  }
  return left * 2 <= votes || !holds;
}

// Who was excluded again and again keeps away for a while (spec 4.76); the others cannot help it.
void Cluster::NoteRejoinWaits() {
  for (const auto& host : hosts_) {
    if (host->node == nullptr) continue;
    const uint64_t wait = host->node->stats()["membership.rejoin_wait_ms"];
    longest_rejoin_wait_ = std::max<Duration>(longest_rejoin_wait_, milliseconds(wait));
  }
}

// One step of the phases after the faults; comes back until the run is done.
void Cluster::Watch() {
  const Instant now = scheduler_.now();
  const bool all_up = std::all_of(hosts_.begin(), hosts_.end(),
                                  [](const auto& host) { return host->node != nullptr; });
  if (!all_up) healed_at_ = std::min(now, healed_at_ + seconds(3));
  if (converged_at_.is_infinite()) {
    NoteRejoinWaits();
    if (!IsOneView()) one_view_since_ = Instant::Infinite();
    if (IsOneView() && one_view_since_.is_infinite()) one_view_since_ = now;
    if (!one_view_since_.is_infinite()) {
      // What the faults left behind, a suspicion or a view change under way, may still end this
      // one.
      if (now - one_view_since_ < kSettles) return Again();
      converged_at_ = now;
      Note("one view of all members");
    } else if (now - healed_at_ > kConvergeMax && IsQuorumLost()) {
      Note("the latest view has lost its quorum for good");
      sometimes_->Count("quorums lost");
      done_ = true;
    } else if (now - healed_at_ > kConvergeMax + longest_rejoin_wait_) {
      Complain("I22", "no common view of all members in time\n" + Describe());
      done_ = true;
    }
  } else if (synced_at_.is_infinite()) {
    // Calls of tenants are answered with errors before.
    if (IsOneView() && IsSynced() && (tenants_ == nullptr || !IsMerging())) {
      synced_at_ = now;
      if (tenants_ != nullptr) tenants_->OnSynced();
      Note("all members are synced");
    } else if (now - converged_at_ > kSyncMax) {
      Complain("I22", "not all members are synced, or some still merge\n" + Describe());
      done_ = true;
    }
  } else if (stopped_at_.is_infinite()) {
    if (IsOneView()) {
      amid_views_since_ = Instant::Infinite();
    } else if (amid_views_since_.is_infinite()) {
      amid_views_since_ = now;
    }
    // A newcomer's vote makes another view of the same members, which not all have at the same
    // time.
    if (!HaveSameMembers() ||
        (!amid_views_since_.is_infinite() && now - amid_views_since_ > kVoteViewMax)) {
      Complain("I22", "a view was lost in a healed group\n" + Describe());
      done_ = true;
    } else if (now - synced_at_ > kUsersGoOn) {
      stopped_at_ = now;
      for (const auto& host : hosts_) host->working = false;
      if (tenants_ != nullptr) tenants_->Stop();
      Note("users stop");
    }
  } else if (quiet_at_.is_infinite()) {
    if (IsQuiet()) {
      quiet_at_ = now;
    } else if (now - stopped_at_ > kFinishMax) {
      Complain("I22", "commands are neither done nor failed\n" + Describe());
      done_ = true;
    }
  } else if (AreReplicasEqual() && IsQuiet() && now - quiet_at_ > seconds(1)) {
    Finish();
  } else if (now - quiet_at_ > kFinishMax) {
    // Those that are not at rest, as tenants that go on by themselves, may well differ.
    IsQuiet() ? Complain("I18", "replicas are not equal\n" + Describe())
              : Complain("I22", "it was quiet, and does not stay so\n" + Describe());
    done_ = true;
  }
  if (!done_) Again();
}

void Cluster::Again() {
  scheduler_.After(kWatchInterval,
                   {Task::Kind::kPhase, false, 0, static_cast<uint64_t>(Phase::kWatch), {}});
}

void Cluster::Finish() {
  CheckReplicas();
  if (tenants_ != nullptr) tenants_->CheckAtEnd();
  const auto holder = std::find_if(hosts_.begin(), hosts_.end(),
                                   [&](const auto& host) { return HoldsData(*host); });
  for (const auto& checker : checkers_) checker->AtEnd(At(**holder));
  if (network().large > 0) sometimes_->Count("runs with large datagrams");
  if (network().too_large > 0) sometimes_->Count("runs in which they did not get through");
  done_ = true;
}

// Replicas must be equal to their readers, not only to their own digests, and the change feed must
// add up to them.
void Cluster::CheckReplicas() {
  struct Contents {
    uint64_t digest = 0;
    size_t entries = 0;
    bool operator==(const Contents&) const = default;
  };
  std::optional<Contents> first;
  for (const auto& host : hosts_) {
    if (!DigestOf(*host).has_value()) continue;
    Contents contents;
    for (uint32_t map = 0; map < workload_.maps; ++map) {
      const std::optional<uint32_t> number = host->node->MapId(kMapNames[map]);
      if (!number.has_value()) continue;
      const auto entries = host->node->ReadMap(*number);
      if (!entries.has_value()) continue;
      contents.entries += entries->size();
      for (const Node::Entry& entry : *entries) {
        contents.digest += WriteChecker::EntryDigest(entry.key, entry.version, entry.value.bytes());
      }
    }
    if (first.has_value() && *first != contents) {
      Complain("I18", "maps have equal digests, but " + host->name + " reads other entries");
    }
    first = contents;
    const Contents mirror{writes_->MirrorDigest(host->process), writes_->MirrorSize(host->process)};
    if (mirror != contents) {
      Complain("feed", host->name + ": the change feed adds up to " +
                           std::to_string(mirror.entries) + " entries, the map has " +
                           std::to_string(contents.entries));
    }
    if (!host->node->IsConsistent()) Complain("consistent", host->name + " is not consistent");
  }
}

void Cluster::Complain(const char* invariant, const std::string& what) {
  violations_.Add(invariant, {scheduler_.now(), static_cast<HostIndex>(hosts_.size()), 0}, what);
}

std::string Cluster::Describe() const {
  std::string text;
  for (const auto& host : hosts_) {
    text += "  " + host->name + " " + NameOf(table_[host->index].state);
    if (host->node != nullptr) {
      const View& view = host->node->view();
      text += " view " + Words(view.id) + " {";
      for (const Member& member : view.members) {
        text += (text.back() == '{' ? "" : " ") + member.name +
                (member.without_data ? "-"
                 : member.synced     ? ""
                                     : "?");
      }
      text += std::string("}") + (host->node->synced() ? " synced" : " not synced") +
              (host->node->writable() ? "" : " not writable") + ", " +
              std::to_string(writes_->Pending(host->process)) + " commands pending";
      const std::optional<uint64_t> digest = DigestOf(*host);
      if (digest.has_value()) text += ", digest " + std::to_string(*digest);
      if (timeline_ != nullptr) {
        text += "\n   ";
        for (const auto& [name, count] : host->node->stats()) {
          if (count != 0) text += " " + name + " " + std::to_string(count);
        }
      }
    }
    text += "\n";
  }
  if (tenants_ != nullptr) text += "  " + tenants_->Describe() + "\n";
  return text;
}

std::string Cluster::Configuration() const {
  return "seed " + std::to_string(options_.seed) + ", " + std::to_string(options_.members) +
         " members, policy " + ToString(options_.policy) + ", mix " + options_.mix + "; " +
         injector_->plan().ToString() + "; a command every " +
         std::to_string(workload_.interval_mean.count() / 1'000'000) + " ms, " +
         std::to_string(static_cast<int>(workload_.messages * 100)) + " % messages, " +
         std::to_string(workload_.keys) + " keys" + (workload_.burst > 0.5 ? ", in bursts" : "") +
         (workload_.big > 0.01 ? ", many large" : "") +
         (workload_.conditional > 0.5 ? ", mostly conditional" : "") +
         (workload_.maps > 1 ? " in " + std::to_string(workload_.maps) + " maps" : "") +
         (workload_.convergent ? ", one convergent" : "") +
         (workload_.evicts && workload_.maps > 1 ? ", evicting" : "") + host_options_.ToString();
}

}  // namespace cohort::sim
