#include "simsession/users.h"

#include <algorithm>

namespace cohort::simsession {
namespace {

using Outcome = SessionChecker::Outcome;
using Write = SessionChecker::Write;

constexpr size_t kBigMax = 40 << 10;
constexpr absl::Duration kTimeout = absl::Seconds(2);

std::string ValueOf(const SessionSnapshot& snapshot, std::string_view name) {
  for (const Attribute& attribute : snapshot.attributes) {
    if (attribute.name == name) return attribute.value;
  }
  return "0";
}

bool IsRefusal(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsNotFound(status) || absl::IsResourceExhausted(status) ||
         absl::IsAlreadyExists(status);
}

SessionOptions DrawSessionOptions(uint64_t seed) {
  Random random(seed ^ 0x5E55'1045);
  SessionOptions options;
  options.users = random.Between(2, 16);
  options.threads = random.Between(1, 4);
  options.elsewhere = random.Chance(0.3) ? 0.3 : 0.04;
  options.short_lived = random.Chance(0.3) ? 0.5 : 0.05;
  if (random.Chance(0.2)) options.big = 0.2;
  if (random.Chance(0.25)) {
    options.bytes_max = random.Between(4, 64) << 10;
    options.evicts = random.Chance(0.7);
  }
  options.switches = random.Chance(0.25);
  return options;
}

}  // namespace

SessionUsers::SessionUsers(TenantWorld& world, const sim::TenantOptions& tenants,
                           Violations& violations)
    : world_(world),
      options_(DrawSessionOptions(tenants.seed)),
      violations_(violations),
      checker_(violations),
      random_(tenants.seed ^ 0x05E5'51A5),
      users_(options_.users),
      now_(tenants.hosts, nullptr),
      fibers_(std::make_unique<Fibers>()) {
  for (User& user : users_) user.home = static_cast<HostIndex>(random_.Below(tenants.hosts));
  checker_.SetEndsForgottenAfter(tenants.ends_forgotten_after);
}

SessionUsers::~SessionUsers() {
  stopping_ = true;
  for (const auto& process : all_) {
    process->seat->End();
    process->core->Stop();
  }
  fibers_.reset();
}

void SessionUsers::Note(const Process& process, const std::string& text) {
  world_.NoteAt(process.seat->host(), text);
}

// ---- Processes.

session::Home SessionUsers::HomeOf(Process& process) {
  return {&process,
          [&process](const std::string&) -> absl::StatusOr<std::shared_ptr<session::SessionMap>> {
            if (absl::Status status = process.seat->Open(); !status.ok()) return status;
            return std::static_pointer_cast<session::SessionMap>(process.seat);
          }};
}

void SessionUsers::OnStarted(HostIndex host, ProcessNumber number) {
  checker_.OnStarted(number, world_.NodeOf(host)->self());
  all_.push_back(std::make_unique<Process>(world_, *fibers_, host, number, random_.Next()));
  Process& process = *all_.back();
  now_[host] = &process;
  SessionStoreOptions options;
  options.application = "/shop";
  options.timeout = kTimeout;
  options.successor_step = absl::Milliseconds(200);
  options.bytes_max = options_.bytes_max;
  if (options_.evicts) options.eviction = SessionEviction::kLeastRecentlyUsed;
  process.core = std::make_shared<session::Core>(options, *process.seat);
  process.home = HomeOf(process);
  process.events = process.core->SubscribeEvents(
      [this, &process](const SessionEvent& event) { OnEvent(process, event); },
      /*with_changes=*/false);
  fibers_->Start(host, [&process] { process.core->Run(); });
  fibers_->Start(host, [this, &process] { Attach(process); });
  for (size_t i = 0; i < options_.threads; ++i)
    fibers_->Start(host, [this, &process] { Serve(process); });
  if (options_.switches) fibers_->Start(host, [this, &process] { SwitchNowAndThen(process); });
  stirred_ = true;
}

void SessionUsers::OnEnded(HostIndex host) {
  Process* const process = std::exchange(now_[host], nullptr);
  if (process == nullptr) return;
  checker_.OnProcessEnded(process->seat->process());
  process->seat->End();
  process->core->Stop();
  stirred_ = true;
}

void SessionUsers::OnUpcall(HostIndex host, const engine::Upcall& upcall) {
  Process* const process = now_[host];
  if (process == nullptr) return;
  if (const auto* view = std::get_if<engine::ViewUpcall>(&upcall))
    checker_.OnView(process->seat->process(), world_.now(), view->view);
  if (const auto* event = std::get_if<engine::EventUpcall>(&upcall);
      event != nullptr && event->event.kind == EventKind::kSynced)
    checker_.OnSynced(process->seat->process(), event->event.subject);
  process->seat->OnUpcall(upcall);
  stirred_ = true;
}

bool SessionUsers::IsOwn(const engine::Upcall& upcall) const {
  if (const auto* done = std::get_if<engine::DoneUpcall>(&upcall))
    return done->command >= kSessionCommands;
  const auto* change = std::get_if<engine::ChangeUpcall>(&upcall);
  return change != nullptr && IsOfSessions(*change);
}

void SessionUsers::Run() {
  if (running_) return;
  if (!stirred_ && world_.now() < run_at_) return;
  running_ = true;
  const auto is_running = [this](HostIndex host) { return world_.IsRunning(host); };
  do {
    stirred_ = false;
    for (Process* const process : now_) {
      if (process == nullptr || !world_.IsRunning(process->seat->host())) continue;
      while (process->seat->Tell()) stirred_ = true;
    }
    fibers_->Run(world_.now(), is_running);
  } while (stirred_);
  running_ = false;
  Instant next = fibers_->NextDeadline(is_running);
  for (Process* const process : now_) {
    if (process == nullptr || !world_.IsRunning(process->seat->host())) continue;
    next = std::min(next, process->seat->next_telling());
  }
  if (next == run_at_ || next.is_infinite()) return;
  run_at_ = next;
  world_.RunTenantsAt(next);
}

void SessionUsers::Attach(Process& process) {
  while (process.seat->alive() && !process.attached) {
    // Group::Join() does not return before.
    if (process.seat->joined()) process.attached = process.core->Attach(process.home).ok();
    if (!process.attached) process.seat->Sleep(milliseconds(100));
  }
}

void SessionUsers::Serve(Process& process) {
  while (process.seat->alive() && !stopping_) {
    process.seat->Sleep(random_.Between(Duration(0), 2 * options_.pause_mean));
    if (!process.seat->alive() || stopping_ || !process.attached) continue;
    ++process.requests;
    Request(process);
    process.core->Drain();
    --process.requests;
  }
}

void SessionUsers::Switch(Process& process, bool on) {
  // Its own, also those that its host was not told of yet or has to load again, and whatever is
  // written here meanwhile, are nobody else's.
  const MemberId self = process.seat->self();
  checker_.ExcuseThose([&](const std::string& id) {
    if (process.core->IsOwner(id)) return true;
    if (on) return false;
    const absl::StatusOr<Member> owner = process.seat->OwnerOf(session::SessionKey(id));
    return owner.ok() && owner->id.instance == self.instance;
  });
  // A call that is under way takes its session along before it is answered.
  for (const std::string& id : process.busy) checker_.Excuse(id);
  for (const std::string& id : process.updates) checker_.Excuse(id);
  Note(process, on ? "replication on" : "replication off");
  process.switching = true;
  const absl::StatusOr<uint64_t> task = process.core->SetReplication(on ? &process.home : nullptr);
  while (process.seat->alive() && task.ok()) {
    const std::vector<SessionTask> tasks = process.core->tasks().All();
    const bool is_over = std::any_of(tasks.begin(), tasks.end(), [&](const SessionTask& one) {
      return one.id == *task && one.state >= SessionTaskState::kDone;
    });
    if (is_over) break;
    process.seat->Sleep(milliseconds(20));
  }
  process.switching = false;
  ++outcomes_[std::string("switched ") + (on ? "on: " : "off: ") +
              std::string(absl::StatusCodeToString(task.status().code()))];
}

void SessionUsers::SwitchNowAndThen(Process& process) {
  while (process.seat->alive()) {
    const Instant next = world_.now() + random_.Between(Duration(milliseconds(100)), seconds(10));
    fibers_->Park([&] { return healed_ || !process.seat->alive(); }, next);
    if (healed_ || !process.seat->alive()) break;
    if (process.attached) Switch(process, !process.core->replicated());
  }
  while (process.seat->alive() && process.attached && !process.core->replicated()) {
    Switch(process, true);
    process.seat->Sleep(milliseconds(100));
  }
}

void SessionUsers::OnEvent(Process& process, const SessionEvent& event) {
  if (!process.seat->alive()) return;
  Note(process, std::string("told ") + ToString(event.kind) + (event.here ? " here " : " ") +
                    event.id + " " + event.new_id + " " + event.text);
  if (!event.here) return;
  ++outcomes_[std::string("told ") + ToString(event.kind)];
  const bool ends = event.kind == SessionEventKind::kExpired ||
                    event.kind == SessionEventKind::kInvalidated ||
                    event.kind == SessionEventKind::kEvicted;
  if (ends) checker_.Told(At(process), event.id, ToString(event.kind));
}

// ---- Requests.

SessionUsers::User* SessionUsers::ChooseUser(const Process& process) {
  User& user = users_[random_.Below(users_.size())];
  const Process* const home = now_[user.home];
  const bool is_down = home == nullptr || !home->attached || !world_.IsRunning(user.home);
  const HostIndex host = process.seat->host();
  if (user.home != host && !is_down && !random_.Chance(options_.elsewhere)) return nullptr;
  if (process.busy.contains(user.id)) return nullptr;
  // Who finds a host silent goes to another one, and some stay there.
  if (is_down || random_.Chance(0.5)) user.home = host;
  return &user;
}

void SessionUsers::Request(Process& process) {
  User* const user = ChooseUser(process);
  if (user == nullptr) return;
  if (user->id.empty()) return Create(process, *user);
  const uint64_t what = random_.Below(100);
  if (what < 4) return Invalidate(process, *user);
  // A host keeps its requests of a session apart, but for those that read and write in one turn.
  if (process.updates.contains(user->id)) return Update(process, *user);
  if (what < 8) return ChangeId(process, *user);
  if (what < 30) return Update(process, *user);
  if (what < 40) {
    const std::string id = user->id;
    if (!Load(process, id).has_value()) return;
    process.core->Touch(id).IgnoreError();
    return;
  }
  LoadAndSave(process, *user);
}

// Whether the store replicates. Where it does not, or is being switched, the session may be here
// alone at any moment from now on.
bool SessionUsers::BeginCall(Process& process, const std::string& id) {
  const bool replicated = process.core->replicated();
  if (!replicated || process.switching) checker_.Excuse(id);
  return replicated;
}

Outcome SessionUsers::OutcomeOf(Process& process, const std::string& id, bool synced,
                                bool was_replicated, const absl::Status& status) {
  ++outcomes_[std::string(absl::StatusCodeToString(status.code()))];
  Note(process, id + ": " + std::string(status.ToString()));
  if (!was_replicated || !process.core->replicated() || process.switching) checker_.Excuse(id);
  if (status.ok()) return Outcome::kOk;
  if (synced && process.seat->alive() && !IsRefusal(status)) {
    violations_.Add("S7", At(process),
                    "a call for session " + id +
                        " failed in a healed group: " + std::string(status.ToString()));
  }
  return IsRefusal(status) ? Outcome::kRefused : Outcome::kUnknown;
}

SessionChanges SessionUsers::NewChanges(Write write) {
  const std::string value = SessionChecker::ToValue(write);
  SessionChanges changes;
  changes.set = {{"c", value}, {"d", value}};
  if (random_.Chance(0.3)) {
    const size_t bytes = random_.Chance(options_.big) ? random_.Below(kBigMax) : random_.Below(200);
    changes.set.push_back({"f" + std::to_string(random_.Below(5)), std::string(bytes, 'x')});
  } else if (random_.Chance(0.1)) {
    changes.erased.push_back("f" + std::to_string(random_.Below(5)));
  }
  return changes;
}

void SessionUsers::Create(Process& process, User& user) {
  const std::string id = NewId();
  SessionInfo info;
  info.max_inactive = absl::Minutes(10);
  if (random_.Chance(options_.short_lived)) {
    info.max_inactive = absl::Milliseconds(random_.Between(500, 4000));
    checker_.MayEnd(id);
  }
  if (options_.evicts) checker_.MayEnd(id);
  const bool synced = synced_;
  const bool replicated = BeginCall(process, id);
  const Write write = checker_.Begin(At(process), id, 0);
  Note(process, "create " + id + ": " + SessionChecker::ToValue(write));
  process.busy.insert(id);
  user.id = id;
  const SessionResult result = process.core->Create(id, info, NewChanges(write).set);
  process.busy.erase(id);
  const Outcome outcome = OutcomeOf(process, id, synced, replicated, result.status);
  checker_.Answered(At(process), write, outcome);
  if (!result.ok() && user.id == id) user.id.clear();
}

Write SessionUsers::NumberIn(Process& process, const SessionSnapshot& snapshot, Instant since) {
  const Write write = std::strtoull(ValueOf(snapshot, "c").c_str(), nullptr, 10);
  const Write torn = std::strtoull(ValueOf(snapshot, "d").c_str(), nullptr, 10);
  checker_.Read(At(process), since, snapshot.id, write, torn);
  return write;
}

std::optional<SessionSnapshot> SessionUsers::Load(Process& process, const std::string& id) {
  const Instant since = world_.now();
  absl::StatusOr<SessionSnapshot> snapshot = process.core->Load(id);
  Note(process, "load " + id + ": " +
                    (snapshot.ok() ? ValueOf(*snapshot, "c") : snapshot.status().ToString()));
  ++outcomes_["load " + std::string(absl::StatusCodeToString(snapshot.status().code()))];
  if (snapshot.ok()) return *std::move(snapshot);
  Note(process, "the map says " + process.seat->Get(session::SessionKey(id)).status().ToString() +
                    (process.core->replicated() ? "" : ", replication is off"));
  if (absl::IsNotFound(snapshot.status())) {
    if (process.core->replicated() && !process.switching)
      checker_.ReadNothing(At(process), since, id);
    for (User& user : users_) {
      if (user.id == id && random_.Chance(0.5)) user.id.clear();
    }
  }
  return std::nullopt;
}

void SessionUsers::OnNotFound(User& user, const std::string& id, const SessionResult* result) {
  if (user.id != id) return;
  user.id = result != nullptr ? result->new_id : std::string();
}

// The request goes on when it is told.
SessionResult SessionUsers::SaveAsync(Process& process, const std::string& id,
                                      const SessionChanges& changes) {
  const auto answer = std::make_shared<std::optional<SessionResult>>();
  process.core->SaveAsync(id, changes, [this, answer, &process](const SessionResult& result) {
    if (answer->has_value()) violations_.Add("S7", At(process), "a save was answered twice");
    *answer = result;
  });
  const auto is_over = [answer, &process] { return answer->has_value() || !process.seat->alive(); };
  if (!is_over()) fibers_->Park(is_over, Instant::Infinite());
  if (answer->has_value()) return **answer;
  SessionResult result;
  result.status = absl::CancelledError("the process is gone");
  return result;
}

void SessionUsers::LoadAndSave(Process& process, User& user) {
  const std::string id = user.id;
  const bool synced = synced_;
  const bool replicated = BeginCall(process, id);
  process.busy.insert(id);
  const Instant since = world_.now();
  if (const std::optional<SessionSnapshot> snapshot = Load(process, id)) {
    const Write base = NumberIn(process, *snapshot, since);
    // The request takes its time.
    if (random_.Chance(0.5))
      process.seat->Sleep(random_.Between(Duration(0), Duration(milliseconds(30))));
    const Write write = checker_.Begin(At(process), id, base);
    SessionChanges changes = NewChanges(write);
    changes.fence = snapshot->fence;
    Note(process, "save " + id + ": " + SessionChecker::ToValue(write) + " on " +
                      SessionChecker::ToValue(base));
    const SessionResult result =
        write % 2 == 0 ? process.core->Save(id, changes) : SaveAsync(process, id, changes);
    checker_.Answered(At(process), write,
                      OutcomeOf(process, id, synced, replicated, result.status));
    if (absl::IsNotFound(result.status)) OnNotFound(user, id, &result);
  }
  process.busy.erase(id);
}

void SessionUsers::Update(Process& process, User& user) {
  const std::string id = user.id;
  const bool synced = synced_;
  const bool replicated = BeginCall(process, id);
  Write write = 0;
  const auto mark = process.updates.insert(id);
  const SessionResult result = process.core->Update(
      id, [&](const SessionSnapshot& snapshot) -> absl::StatusOr<SessionChanges> {
        const Write base = NumberIn(process, snapshot, world_.now());
        write = checker_.Begin(At(process), id, base);
        Note(process, "update " + id + ": " + SessionChecker::ToValue(write) + " on " +
                          SessionChecker::ToValue(base));
        return NewChanges(write);
      });
  const Outcome outcome = OutcomeOf(process, id, synced, replicated, result.status);
  process.updates.erase(mark);
  if (write != 0) checker_.Answered(At(process), write, outcome);
  if (absl::IsNotFound(result.status)) OnNotFound(user, id, &result);
}

void SessionUsers::ChangeId(Process& process, User& user) {
  const std::string id = user.id;
  const std::string new_id = NewId();
  const bool synced = synced_;
  const bool replicated = BeginCall(process, id);
  process.busy.insert(id);
  const Instant since = world_.now();
  if (const std::optional<SessionSnapshot> snapshot = Load(process, id)) {
    const Write base = NumberIn(process, *snapshot, since);
    const Write write = checker_.BeginRename(At(process), id, new_id, base);
    Note(process, "change the id of " + id + " to " + new_id);
    const SessionResult result = process.core->ChangeId(id, new_id);
    const Outcome outcome = OutcomeOf(process, id, synced, replicated, result.status);
    checker_.Answered(At(process), write, outcome);
    OutcomeOf(process, new_id, false, replicated, result.status);
    if (result.ok() && user.id == id) user.id = new_id;
    if (absl::IsNotFound(result.status)) OnNotFound(user, id, &result);
  }
  process.busy.erase(id);
}

void SessionUsers::Invalidate(Process& process, User& user) {
  const std::string id = user.id;
  const bool synced = synced_;
  const bool replicated = BeginCall(process, id);
  checker_.BeginEnd(At(process), id);
  Note(process, "invalidate " + id);
  const SessionResult result = process.core->Invalidate(id);
  const Outcome outcome = OutcomeOf(process, id, synced, replicated, result.status);
  checker_.EndAnswered(At(process), id, outcome);
  if (user.id == id && (result.ok() || random_.Chance(0.5))) user.id.clear();
}

// ---- The end.

bool SessionUsers::IsQuiet() const {
  return std::all_of(now_.begin(), now_.end(), [](const Process* process) {
    return process == nullptr ||
           (process->requests == 0 && !process->switching && process->attached &&
            process->core->replicated() && process->seat->quiet());
  });
}

void SessionUsers::CheckStore(Process& process, const std::map<std::string, Write>& there) {
  const session::Core::Kept kept = process.core->kept();
  for (const std::string& id : kept.unlisted)
    violations_.Add("S8", At(process), "session " + id + " is not listed, and something is kept");
  if (kept.open_ends > 0) {
    violations_.Add("S8", At(process),
                    std::to_string(kept.open_ends) + " ends are open, and nobody asks for any");
  }
  for (const std::string& id : process.core->Ids(SIZE_MAX)) {
    if (there.contains(id) || process.core->Exists(id)) continue;
    violations_.Add("S8", At(process), "session " + id + " is listed, and is not there");
  }
}

// Sessions for which the group had no room are still in this process alone, and the task that was
// to move them has failed.
bool SessionUsers::KeepsSome(const Process& process) {
  const std::vector<SessionTask> tasks = process.core->tasks().All();
  return process.core->stats().local > 0 && !tasks.empty() &&
         tasks.back().kind == SessionTaskKind::kReplicationOn &&
         tasks.back().state == SessionTaskState::kFailed;
}

void SessionUsers::CheckAtEnd() {
  std::map<std::string, Write> there;
  std::set<std::string> kept;
  bool is_first = true;
  for (Process* const process : now_) {
    if (process == nullptr) continue;
    if (!process->attached || !process->core->replicated()) {
      violations_.Add("S7", At(*process), "a store is not in its group");
      continue;
    }
    const bool keeps_some = KeepsSome(*process);
    std::map<std::string, Write> here;
    process->seat->ForEach([&](std::string_view key, const Entry& entry) {
      const auto id = session::IdOfKey(key);
      if (!id.has_value()) return;
      const absl::StatusOr<SessionSnapshot> snapshot = process->core->Load(*id);
      if (!snapshot.ok()) return;
      here[std::string(*id)] = NumberIn(*process, *snapshot, world_.now());
      if (keeps_some && snapshot->version != entry.version) kept.insert(std::string(*id));
    });
    if (is_first) there = here;
    is_first = false;
    for (const auto& [id, write] : here) {
      const auto found = there.find(id);
      if (found != there.end() && found->second == write) continue;
      if (found == there.end() && checker_.may_end(id)) continue;
      if (kept.contains(id)) continue;
      violations_.Add("S9", At(*process), "session " + id + " is another one at another member");
    }
    CheckStore(*process, here);
  }
  if (!is_first) checker_.AtEnd({world_.now(), 0, 0}, there);
}

std::string SessionUsers::Describe() const {
  std::string text = "sessions:";
  for (const auto& [name, count] : outcomes_) text += " " + name + " " + std::to_string(count);
  return text;
}

void SessionUsers::AddCounts(std::map<std::string, uint64_t>& counts) const {
  const SessionChecker::Stats& stats = checker_.stats();
  counts["session writes acknowledged"] = stats.acknowledged;
  counts["session writes refused"] = stats.refused;
  counts["session writes of unknown outcome"] = stats.unknown;
  counts["session ends acknowledged"] = stats.ends;
  counts["session reads"] = stats.reads;
  counts["sessions taken over"] = stats.takeovers;
  counts["session writes that another side overwrote"] = stats.lost_by_sides;
  counts["session writes whose holders are dead"] = stats.void_promises;
}

sim::TenantFactory SessionStores() {
  return [](TenantWorld& world, const sim::TenantOptions& options, Violations& violations) {
    return std::make_unique<SessionUsers>(world, options, violations);
  };
}

}  // namespace cohort::simsession
