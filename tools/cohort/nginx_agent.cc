#include "nginx_agent.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "shell_command.h"

namespace cohort::tools {
namespace {

// Somebody else may write the file of upstreams, as cohort-nginx does.
constexpr absl::Duration kLookEvery = absl::Seconds(2);
constexpr absl::Duration kReloadMax = absl::Seconds(20);
constexpr absl::Duration kReloadRetryMax = absl::Minutes(1);
constexpr absl::Duration kAfterCrash = absl::Seconds(2);
constexpr absl::Duration kLookSoon = absl::Milliseconds(100);
constexpr size_t kCausesMax = 1024;
constexpr size_t kWarningsOfNamesMax = 1024;

// It may come and go as NGINX does: the servers' group must not need it.
GroupOptions AsObserver(GroupOptions options) {
  options.without_data = true;
  options.votes = false;
  return options;
}

// Since some moment or other, and never set: only differences count here.
absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

std::string Milliseconds(absl::Duration duration) {
  return absl::StrCat(absl::ToInt64Milliseconds(duration), " ms");
}

}  // namespace

NginxAgent::NginxAgent(NginxAgentOptions options)
    : options_(std::move(options)),
      events_(options_.events),
      plan_(options_.grace),
      // Whoever wrote the file before, an agent that was killed perhaps, may not have told NGINX.
      reload_due_(!options_.dry_run) {
  options_.group = AsObserver(std::move(options_.group));
  options_.group.on_view = [this](const View& view) {
    events_.Add(view);
    NoteCauses(view);
    Wake();
  };
  options_.group.on_event = [this](const Event& event) {
    events_.Add(event);
    Wake();
  };
  if (!options_.health_path.empty()) health_.emplace(options_.health_path, [this] { Wake(); });
}

void NginxAgent::NoteCauses(const View& view) {
  const std::lock_guard lock(mutex_);
  for (const MemberChange& change : view.left) {
    if (causes_.size() >= kCausesMax) causes_.clear();
    causes_[change.member.name] = {
        change.cause,
        absl::StrCat(ToString(change.cause), change.evidence.empty() ? "" : ": ", change.evidence)};
  }
  for (const MemberChange& change : view.joined) causes_.erase(change.member.name);
}

void NginxAgent::Wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

bool NginxAgent::RequestStop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  changed_.notify_all();
  return joined_;
}

// Where nobody is there yet it goes on asking: an NGINX may be started before its servers.
absl::Status NginxAgent::Join() {
  while (true) {
    absl::StatusOr<Group> group = Group::Join(options_.group);
    if (group.ok()) {
      group_.emplace(*std::move(group));
      break;
    }
    if (!absl::IsDeadlineExceeded(group.status())) return group.status();
    events_.Add(
        "waiting", options_.group.name,
        absl::StrCat("no member that holds data has let this one in, so nothing is known of "
                     "the servers and nothing is changed; it goes on asking: ",
                     group.status().message()));
  }
  const std::lock_guard lock(mutex_);
  joined_ = true;
  return absl::OkStatus();
}

absl::Status NginxAgent::Run() {
  const absl::StatusOr<UpstreamFile> file = ReadUpstreams(options_.upstreams);
  if (!file.ok()) return file.status();
  if (absl::Status status = Join(); !status.ok()) return status;
  events_.Add("ready", group_->name(),
              absl::StrCat("member without data of ", options_.group.group, " at ",
                           group_->address(), "; marks servers in ", options_.upstreams,
                           options_.dry_run ? " (dry run: it only says so)" : ""));
  while (true) {
    const absl::Time now = SteadyNow();
    const absl::Time next = Look(now);
    std::unique_lock lock(mutex_);
    const absl::Duration wait = std::max(next - now, absl::ZeroDuration());
    changed_.wait_for(lock, absl::ToChronoNanoseconds(wait), [this] { return woken_ || stop_; });
    woken_ = false;
    if (stop_) break;
  }
  if (options_.restore) Restore();
  if (reload_due_) Reload(SteadyNow());
  const std::string name = group_->name();
  absl::Status status = group_->Leave();
  group_.reset();
  if (!events_.Saw(EventKind::kLeft, name))
    events_.Add("left", name, status.ok() ? "" : status.ToString());
  return status;
}

// Returns when to look again, if nothing happens before.
absl::Time NginxAgent::Look(absl::Time now) {
  Follow(now);
  absl::StatusOr<UpstreamFile> file = ReadUpstreams(options_.upstreams);
  if (!file.ok()) {
    const std::string error(ToStd(file.status().message()));
    if (std::exchange(file_error_, error) != error)
      events_.Add("warning", group_->name(), absl::StrCat("the file of upstreams: ", error));
  } else {
    Apply(now, Judge(now, *file), *file);
    WarnOfNames(now, *file);
  }
  if (reload_due_ && std::max(reload_at_, reload_wanted_) <= now) Reload(now);
  absl::Time next = std::min(plan_.NextChange(now), now + kLookEvery);
  if (reload_due_) next = std::min(next, std::max({reload_at_, reload_wanted_, now}));
  if (std::exchange(look_soon_, false)) next = std::min(next, now + kLookSoon);
  return next;
}

std::map<std::string, bool> NginxAgent::Judge(absl::Time now, const UpstreamFile& file) {
  if (!health_) return plan_.Judge(now, file);
  const MarkPlan::Healthy healthy = health_->Healthy();
  std::map<std::string, bool> marks = plan_.Judge(now, file, &healthy);
  std::map<std::string, HealthChecks::Target> awaited;
  for (const auto& [name, member] : plan_.AwaitHealth())
    awaited[name] = {file.addresses.at(name), member};
  health_->Await(awaited);
  for (const auto& [name, why] : health_->TakeFailures()) {
    events_.Add("not_healthy", name,
                absl::StrCat("is in the view, and stays marked down until it serves: ", why));
  }
  return marks;
}

void NginxAgent::Follow(absl::Time now) {
  // Not while it is out of the group, or on a side without a quorum.
  const bool in_place = group_->writable();
  if (in_place) {
    plan_.See(now, group_->view());
  } else {
    plan_.SeeNothing();
  }
  if (plan_.blind() != was_blind_) TellBlindness(in_place);
  was_blind_ = plan_.blind();
}

void NginxAgent::TellBlindness(bool in_place) {
  if (!plan_.blind())
    return events_.Add("sees", group_->name(), "members that hold data are there");
  events_.Add("blind", group_->name(),
              in_place
                  ? "no member that holds data is heard: whether they are dead, or this one is "
                    "cut off, cannot be told; marks stay as they are, what was marked in the "
                    "last 3 s is taken back"
                  : "this member is out of the group, or without a quorum, for the moment; "
                    "marks stay as they are");
}

// Once for each name: a server and a member that are one are easily called differently.
void NginxAgent::WarnOfNames(absl::Time now, const UpstreamFile& file) {
  const auto warn = [this](const std::string& name, std::string_view text) {
    if (warned_of_.size() < kWarningsOfNamesMax && warned_of_.insert(name).second)
      events_.Add("warning", name, text);
  };
  for (const std::string& name : plan_.NeverSeen(now)) {
    warn(name,
         "no member of this name was ever in the group, so its server is marked down: start it, or "
         "give member and route one name");
  }
  for (const std::string& name : plan_.NotNamedIn(file)) {
    warn(name,
         "this member is no server of the file of upstreams, so nothing is marked for it: if it is "
         "one, give member and route one name");
  }
}

void NginxAgent::WantReload(absl::Time when) {
  reload_wanted_ = reload_due_ ? std::min(reload_wanted_, when) : when;
  reload_due_ = true;
}

void NginxAgent::Apply(absl::Time now, const std::map<std::string, bool>& marks,
                       const UpstreamFile& file, std::string_view why_up) {
  const std::string text = WithMarks(file, marks);
  if (text == file.text) {
    said_.clear();
    file_error_.clear();
    return;
  }
  if (options_.dry_run) {
    if (std::exchange(said_, text) == text) return;
  } else if (absl::Status status = ReplaceUpstreams(options_.upstreams, file, text);
             absl::IsAborted(status)) {
    look_soon_ = true;
    return;
  } else if (!status.ok()) {
    const std::string error(ToStd(status.message()));
    if (std::exchange(file_error_, error) != error)
      events_.Add("warning", group_->name(), absl::StrCat("cannot mark servers: ", error));
    return;
  }
  file_error_.clear();
  size_t marked = 0;
  size_t crashed = 0;
  for (const auto& [name, down] : marks) {
    if (down == file.down.contains(name)) continue;
    ++marked;
    if (down && HasCrashed(name)) ++crashed;
    events_.Add(down ? "marked_down" : "marked_up", name,
                down             ? WhyGone(name)
                : why_up.empty() ? WhyUp(name)
                                 : std::string(why_up));
  }
  // Connections to a process that is gone are refused, so NGINX knows by itself. It is not to begin
  // anew while users go over to the others.
  const bool can_wait = crashed > 0 && crashed == marked;
  WantReload(can_wait ? now + kAfterCrash : now);
}

bool NginxAgent::HasCrashed(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto leave = causes_.find(name);
  return leave != causes_.end() && leave->second.cause == ViewCause::kCrashed;
}

std::string NginxAgent::WhyGone(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto leave = causes_.find(name);
  return leave == causes_.end() ? "is not in the view" : "left the view: " + leave->second.text;
}

std::string NginxAgent::WhyUp(const std::string& name) const {
  if (plan_.blind()) return "taken back: it was this member that was cut off, as it seems";
  if (!health_) return "is in the view";
  if (health_->Healthy().contains(name)) return "is in the view, and serves";
  return "does not serve yet, but is the last of its cluster in the view";
}

void NginxAgent::Reload(absl::Time now) {
  if (options_.dry_run) {
    events_.Add("would_reload", group_->name(), options_.nginx + " -s reload");
    reload_due_ = false;
    reload_at_ = now + options_.reload_interval;
    return;
  }
  const absl::Status status = RunShellCommand(options_.nginx + " -s reload", kReloadMax);
  const absl::Time then = SteadyNow();
  if (status.ok()) {
    reload_due_ = false;
    reloads_failed_ = 0;
    // The one after joining comes of no event, and holds up none.
    if (std::exchange(has_reloaded_, true)) reload_at_ = then + options_.reload_interval;
    return events_.Add("reloaded", group_->name(), "NGINX, in " + Milliseconds(then - now));
  }
  const absl::Duration pause =
      std::min(options_.reload_interval * (1 << std::min(reloads_failed_++, 10)), kReloadRetryMax);
  reload_at_ = then + pause;
  events_.Add("reload_failed", group_->name(),
              absl::StrCat(options_.nginx, " -s reload: ", status.message(),
                           "; NGINX may not know what is marked; again in ", Milliseconds(pause)));
}

void NginxAgent::Restore() {
  absl::StatusOr<UpstreamFile> file = ReadUpstreams(options_.upstreams);
  if (!file.ok()) return;
  std::map<std::string, bool> marks;
  for (const std::string& name : plan_.Known(*file)) marks[name] = false;
  Apply(SteadyNow(), marks, *file, "restored: the agent ends");
}

}  // namespace cohort::tools
