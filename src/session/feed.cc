// What the group tells of the sessions: what other members did to them.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/absl_bridge.h"
#include "session/core.h"
#include "session/event_texts.h"

namespace cohort::session {

namespace {

constexpr size_t kEventsAtOnce = 256;  // Then the group's other callbacks have their turn.

}  // namespace

using runtime::MutexLock;

absl::Time Core::GuessDue(absl::Duration left) const {
  if (left == absl::InfiniteDuration()) return absl::InfiniteFuture();
  return Now() + left - options_.orphan_time;
}

void Core::OnChange(const Change& change) {
  const ReplicaPtr in_group = replica();
  if (in_group == nullptr) return;
  if (change.cause == ChangeCause::kClear || change.cause == ChangeCause::kSync) {
    TellHeldEnds(/*all=*/false);
    Rescan(*in_group, /*tell=*/true);
  } else if (change.cause != ChangeCause::kMerge &&
             change.writer.instance == in_group->self().instance) {
    const auto id = change.value.has_value() ? IdOfKey(change.key) : std::nullopt;
    id.has_value() ? OnOwnPut(*id, change, *in_group) : OnOwn(change);
  } else if (IsEndKey(change.key)) {
    // A merge may bring one that was told long ago.
    const bool is_told = change.cause == ChangeCause::kMerge || !change.value.has_value();
    const std::optional<EndRecord> end = is_told ? std::nullopt : DecodeEnd(*change.value);
    if (end.has_value()) OnEnd(*end, change);
  } else if (const auto id = IdOfKey(change.key)) {
    if (change.value.has_value()) {
      OnPut(*id, change, *in_group);
    } else {
      OnGone(*id, change);
    }
  }
  if (events_->Drain(kEventsAtOnce)) DrainLater();
}

// What this store made by a call that has returned without knowing.
void Core::OnOwnPut(std::string_view id, const Change& change, Replica& replica) {
  absl::Time due;
  {
    const MutexLock lock(&mutex_);
    if (table_.Contains(id)) return;
    const absl::StatusOr<Replica::Glance> glance = replica.Look(id);
    if (!glance.ok()) return;
    // Whoever has its turn lists it.
    const std::shared_ptr<Session> session = table_.Find(id);
    if (session != nullptr && !session->order.TryLock()) return;
    if (session != nullptr) session->order.Unlock();
    due = GuessDue(glance->left);
    table_.Add(id, due);
  }
  alarm_.WakeAt(due);
  SessionEvent event = NewEvent(SessionEventKind::kCreated, id, /*here=*/false,
                                "took effect after its call had returned");
  event.by = change.writer;
  event.version = change.version;
  Tell(std::move(event));
}

void Core::OnPut(std::string_view id, const Change& change, Replica& replica) {
  const absl::StatusOr<Replica::Glance> glance = replica.Look(id);
  // What has ended since is told all the same: so will its end be.
  const absl::Time due = glance.ok() ? GuessDue(glance->left) : absl::InfiniteFuture();
  bool is_new = false;
  const char* moved = nullptr;  // Why it is this store's no more.
  {
    const MutexLock lock(&mutex_);
    if (!glance.ok() && gone_.contains(ToAbsl(id))) return;  // It was ended here, which was told.
    is_new = table_.Add(id, due);
    const std::shared_ptr<Session> session = table_.Find(id);
    const bool is_merge = change.cause == ChangeCause::kMerge;
    // What is here alone is not what a merge brings.
    const bool is_ours =
        session != nullptr && session->owned && glance.ok() && !(is_merge && local_.Exists(id));
    // A claim changes no version.
    const Owner owner = is_ours ? replica.OwnerOf(id) : Owner::kNoSession;
    const bool is_unseen =
        is_ours && (is_merge || owner != Owner::kSelf || session->seen < glance->version);
    if (is_unseen && OnUnseen(*session, replica, owner, glance->version)) {
      moved = "another member has taken it over";
    } else if (is_unseen && is_merge) {
      // Who owns it on the other side may not know yet that it does no more.
      OnLoss(*session, glance->version);
      moved = kMergedText;
    }
  }
  alarm_.WakeAt(due);
  SessionEvent event = NewEvent(SessionEventKind::kChanged, id, /*here=*/false);
  event.by = change.writer;
  event.version = change.version;
  if (moved != nullptr) {
    event.kind = SessionEventKind::kMoved;
    event.text = moved;
  } else if (is_new) {
    event.kind = SessionEventKind::kCreated;
    if (change.cause == ChangeCause::kMerge) event.text = "came from another side of the group";
  } else if (*change_watchers_ == 0) {
    return;
  }
  Tell(std::move(event));
}

void Core::OnGone(std::string_view id, const Change& change) {
  {
    const MutexLock lock(&mutex_);
    if (!table_.Contains(id)) return table_.Drop(id);
    if (open_ends_.HeldIds().contains(ToAbsl(id))) return;  // TellHeldEnds() tells of it.
  }
  if (local_.Exists(id)) return;
  ForgetIfGone(id, change.version);
  const bool expired = change.cause == ChangeCause::kExpire;
  SessionEvent event = NewEvent(
      expired ? SessionEventKind::kExpired : SessionEventKind::kInvalidated, id,
      /*here=*/false,
      expired ? "its time was over, and no store of its application has ended it" : kGoneText);
  event.by = change.writer;
  event.version = change.version;
  Tell(std::move(event));
}

void Core::Rescan(Replica& replica, bool tell) {
  if (!replica.IsReadable()) return;  // Its state is on its way, and is told when it is here.
  absl::flat_hash_set<std::string> there;
  std::vector<std::pair<std::string, Version>> unseen;
  std::vector<SessionEvent> events;
  const bool was_merging = replica.merging();
  replica.ForEach([&](std::string_view id, const Replica::Glance& glance) {
    there.insert(std::string(id));
    const MutexLock lock(&mutex_);
    const std::shared_ptr<Session> session = table_.Find(id);
    if (session != nullptr && session->owned && session->seen != glance.version)
      unseen.emplace_back(id, glance.version);
    // What has ended here, and the other side has yet to hear of, ends in the merge.
    if (was_merging && gone_.contains(ToAbsl(id))) return;
    if (!table_.Add(id, GuessDue(glance.left))) return;
    SessionEvent event = NewEvent(SessionEventKind::kCreated, id, /*here=*/false,
                                  "came with the state of the group");
    event.version = glance.version;
    events.push_back(std::move(event));
  });
  for (const auto& [id, version] : unseen) {
    const MutexLock lock(&mutex_);
    const std::shared_ptr<Session> session = table_.Find(id);
    if (session == nullptr || !session->owned || local_.Exists(id)) continue;
    if (OnRewound(*session, replica)) {
      events.push_back(NewEvent(SessionEventKind::kMoved, id, /*here=*/false, kRewoundText));
      continue;
    }
    // What was written meanwhile is told by who wrote it.
    const bool is_unseen = session->seen < version;
    if (!is_unseen || !OnUnseen(*session, replica, replica.OwnerOf(id), version)) continue;
    events.push_back(
        NewEvent(SessionEventKind::kMoved, id, /*here=*/false, "another member had taken it over"));
  }
  std::vector<std::string> known;
  absl::flat_hash_set<std::string> held;  // TellHeldEnds() tells of these.
  absl::flat_hash_set<std::string> open;  // Their calls do, unless they fail.
  // What a merge may bring back yet is looked at again, by the worker.
  if (was_merging || replica.merging()) {
    LookAgain();
  } else {
    const MutexLock lock(&mutex_);
    known = table_.Ids(SIZE_MAX);
    held = open_ends_.HeldIds();
    open = open_ends_.OpenIds();
    // What was loaded before it was listed, and has gone with the state before.
    for (const std::string& id : table_.UsedUnlisted()) {
      if (!local_.Exists(id) && !replica.Exists(id)) table_.Drop(id);
    }
  }
  std::sort(known.begin(), known.end());
  alarm_.Wake();
  for (const std::string& id : known) {
    if (there.contains(id) || held.contains(id)) continue;
    if (open.contains(id)) {
      LookAgain();
      continue;
    }
    if (!ForgetIfGone(id)) continue;
    events.push_back(NewEvent(SessionEventKind::kInvalidated, id, /*here=*/false, kGoneText));
  }
  if (!tell) return;
  for (SessionEvent& event : events) Tell(std::move(event));
}

// ---- Telling.

SessionEvent Core::NewEvent(SessionEventKind kind, std::string_view id, bool here,
                            std::string text) const {
  SessionEvent event;
  event.kind = kind;
  event.id = id;
  event.here = here;
  event.at = Now();
  event.text = std::move(text);
  return event;
}

void Core::Tell(SessionEvent event) {
  if (event.here) {
    if (const ReplicaPtr in_group = replica()) event.by = in_group->self();
  }
  if (events_->Push(std::move(event))) DrainLater();
}

void Core::DrainLater() {
  const ReplicaPtr in_group = replica();
  if (in_group == nullptr || in_group->left()) return;
  // Also what is left when the store has been closed.
  in_group->Deliver([weak = weak_from_this(), events = events_, tasks = task_events_] {
    const std::shared_ptr<Core> self = weak.lock();
    const size_t most = self != nullptr ? kEventsAtOnce : kSessionEventsQueuedMax;
    const bool more_events = events->Drain(most);
    const bool more_tasks = tasks->Drain(most);
    if (self != nullptr && (more_events || more_tasks)) self->DrainLater();
  });
}

void Core::Drain() {
  const ReplicaPtr in_group = replica();
  if (in_group != nullptr && !in_group->left()) return;
  const bool more_events = events_->Drain(kEventsAtOnce);
  const bool more_tasks = task_events_->Drain(kEventsAtOnce);
  if (more_events || more_tasks) alarm_.Wake();
}

Subscription Core::SubscribeEvents(std::function<void(const SessionEvent&)> on_event,
                                   bool with_changes) {
  if (!with_changes) {
    return events_->Add([on_event = std::move(on_event)](const SessionEvent& event) {
      if (event.kind != SessionEventKind::kChanged) on_event(event);
    });
  }
  // Counts down when the subscriber goes.
  const std::shared_ptr<void> counted(nullptr,
                                      [watchers = change_watchers_](void*) { --*watchers; });
  ++*change_watchers_;
  return events_->Add(
      [on_event = std::move(on_event), counted](const SessionEvent& event) { on_event(event); });
}

Subscription Core::SubscribeTasks(std::function<void(const SessionTask&)> on_task) {
  return task_events_->Add(std::move(on_task));
}

}  // namespace cohort::session
