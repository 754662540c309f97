#include "engine/replica.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/repair.h"
#include "map/map_op_codec.h"
#include "transfer/messages.h"

namespace cohort::engine {

namespace {

constexpr uint64_t kOwnOperationsMax = 8;  // MERGE and EXPIRE operations under way at once.
constexpr size_t kLargeOperation = size_t{1} << 20;  // Bytes; of these one at a time.

ChangeUpcall::Cause CauseOf(map::ChangeCause cause) {
  switch (cause) {
    case map::ChangeCause::kPut:
      return ChangeUpcall::Cause::kPut;
    case map::ChangeCause::kErase:
      return ChangeUpcall::Cause::kErase;
    case map::ChangeCause::kExpire:
      return ChangeUpcall::Cause::kExpire;
    case map::ChangeCause::kMerge:
      return ChangeUpcall::Cause::kMerge;
    case map::ChangeCause::kClear:
      return ChangeUpcall::Cause::kClear;
    case map::ChangeCause::kEvict:
      return ChangeUpcall::Cause::kEvict;
  }
  return ChangeUpcall::Cause::kPut;
}

}  // namespace

Replica::Replica(const Options& options)
    : options_(options),
      maps_(std::make_unique<map::MapSet>(options.maps)),
      donor_(transfer::Donor::Options{.chunk_bytes = options.transfer_chunk_bytes,
                                      .helped_bytes_min = options.transfer_helped_bytes_min}) {}

void Replica::Report(EventKind kind, const MemberId& subject, std::string text, int64_t number,
                     Instant now, Output& out) const {
  Event event;
  event.kind = kind;
  event.at_ns = now.nanos();
  event.view = view_.id;
  event.subject = subject;
  for (const MemberInfo& member : view_.members) {
    if (member.id == subject) event.subject_name = member.name;
  }
  event.text = std::move(text);
  event.number = number;
  out.upcalls.emplace_back(EventUpcall{std::move(event)});
}

bool Replica::IsMember(const MemberId& member) const {
  return std::any_of(view_.members.begin(), view_.members.end(),
                     [&](const MemberInfo& m) { return m.id == member; });
}

void Replica::AddSynced(const MemberId& member) {
  if (std::find(synced_members_.begin(), synced_members_.end(), member) != synced_members_.end())
    return;
  synced_members_.push_back(member);
  for (Rank rank = 0; rank < view_.members.size(); ++rank) {
    if (view_.members[rank].id == member) synced_ranks_.push_back(rank);
  }
}

// Joiners begin with different ones, so that those who join together share the donors.
std::vector<MemberId> Replica::Donors() const {
  std::vector<MemberId> donors = synced_members_;
  std::erase(donors, view_.self);
  if (donors.empty()) return donors;
  const auto self = std::find_if(view_.members.begin(), view_.members.end(),
                                 [&](const MemberInfo& member) { return member.id == view_.self; });
  const auto rank = static_cast<size_t>(self - view_.members.begin());
  std::rotate(donors.begin(), donors.begin() + static_cast<std::ptrdiff_t>(rank % donors.size()),
              donors.end());
  return donors;
}

void Replica::OnExcluded() {
  if (std::exchange(distrusted_, false) && synced_) PutWrongAside();
  carries_state_ = carries_state_ || synced_;
  // What was being received belongs to a group that went on without us.
  joiner_.reset();
  planner_.reset();
  if (synced_ && carried_ != nullptr) MergeCarriedHere();
  synced_ = false;
  sides_.clear();
  SetOwnOperations(0);
}

// What it brought from another side before, and is not merged yet, is still to be brought along.
void Replica::PutWrongAside() {
  wrong_ = std::exchange(maps_, std::make_unique<map::MapSet>(options_.maps));
  carries_state_ = carried_ != nullptr;
  synced_ = false;
}

void Replica::SetOwnOperations(uint64_t count) {
  own_operations_ = count;
  own_large_ = own_large_ && count > 0;
}

void Replica::MergeCarriedHere() {
  // Excluded before the last merge was over: brings one state along instead of two. By version,
  // like every merge.
  map::MergePlanner planner(*carried_, maps_->history(), options_.merge_horizon_ms, 0, &resolvers_,
                            joined_in_);
  map::Output ignored;
  const uint64_t hlc =
      maps_->size() == 0 ? 1 : std::max<uint64_t>(1, maps_->Get(0)->state().greatest);
  while (std::optional<Buffer> operation = planner.Next(*maps_, hlc)) {
    merged_aside_ = true;
    maps_->Apply(*operation, {.view = view_.id, .position = ++position_, .writer = view_.self},
                 ignored);
  }
  carried_.reset();
}

void Replica::OnView(Instant now, const ViewInfo& view, uint64_t hlc, Output& out) {
  view_ = view;
  position_ = 0;
  settled_ = 0;
  donor_.SetReceived(std::vector<SeqNo>(view.members.size(), 0));
  // Of those that were sent, all that belong to the view before are delivered, or nobody knows.
  SetOwnOperations(view.operations_queued);
  synced_members_.clear();
  synced_ranks_.clear();
  for (const MemberInfo& member : view.members) {
    if (member.synced) AddSynced(member.id);
  }
  if (options_.without_data) return NoteWhetherStateLives(now, out);
  const bool formed = view.joined && view.members.size() == 1;
  if (view.joined) {
    sides_.clear();
    planner_.reset();
    joiner_.reset();
    synced_ = false;
    // The older carried state, if any, is still the one to bring along: its side was never merged.
    if (carries_state_ && carried_ == nullptr) carried_ = std::move(maps_);
    if (carries_state_) maps_ = std::make_unique<map::MapSet>(options_.maps);
  }
  UpdateSides(view, out);
  if (synced_) {
    maps_->OnView(view.id);
    maps_->ForgetEarly();  // What the view before has opened is open.
    TellDonor();
    donor_.OnView(now, *maps_, true, transfer_out_);
  } else if (formed) {
    // What is wrong in something is the state all the same where nobody else is left who has it;
    // what was to be merged into it still is.
    if (wrong_ != nullptr) {
      maps_ = std::move(wrong_);
    } else if (carried_ != nullptr) {
      maps_ = std::move(carried_);
    }
    if (merged_aside_) TellSyncOfAll(out);
    DeclareSynced(now, out);
  } else {
    // When nobody holds the state the first member with data begins anew, and what others were
    // about to complete is not the group's any more.
    const bool begins = BeginsAnew();
    if (joiner_.has_value() && (begins || !synced_members_.empty())) {
      joiner_->OnView(now, view.id, Donors(), transfer_out_);
    } else {
      StartTransfer(now);
    }
    if (begins && !joiner_->complete()) BeginFresh(now, out);
  }
  Drain(now, transfer_out_, out);
  MaybePlanMerge();
  PublishMerge(hlc, out);
}

// Spec 9.10
bool Replica::BeginsAnew() const {
  if (!synced_members_.empty()) return false;
  const auto first = std::find_if(view_.members.begin(), view_.members.end(),
                                  [](const MemberInfo& member) { return !member.without_data; });
  return first != view_.members.end() && first->id == view_.self;
}

// Spec 4.88
void Replica::NoteWhetherStateLives(Instant now, Output& out) {
  const bool stateless = std::all_of(view_.members.begin(), view_.members.end(),
                                     [](const MemberInfo& member) { return member.without_data; });
  if (std::exchange(stateless_, stateless) || !stateless) return;
  Report(EventKind::kWarning, view_.self,
         "no member that holds data is left: the group has no state until one joins, which begins "
         "anew",
         0, now, out);
}

// All members of the view know from its proposal that none of them holds the whole state, because
// all who did are gone: the first one with data goes on with what it has, and is the others' donor.
void Replica::BeginFresh(Instant now, Output& out) {
  Report(EventKind::kWarning, view_.self,
         "every member that held the whole state is gone; this member goes on with what it has", 0,
         now, out);
  std::unique_ptr<map::MapSet> maps = std::move(wrong_ != nullptr ? wrong_ : carried_);
  if (maps == nullptr) maps = std::make_unique<map::MapSet>(options_.maps);
  carries_state_ = false;
  // Those who count on this carrier's merge get an empty one.
  if (carried_ == nullptr) carried_ = std::make_unique<map::MapSet>(options_.maps);
  joiner_->BeginWith(now, std::move(maps));
}

void Replica::StartTransfer(Instant now) {
  transfer::Joiner::Options options;
  options.maps = options_.maps;
  options.queue_bytes_max = options_.joiner_queue_bytes_max;
  options.gathering.helped_bytes_min = options_.transfer_helped_bytes_min;
  joiner_.emplace(options);
  joiner_->Start(now, view_.id, Donors(), transfer_out_);
  const map::MapSet* held = wrong_ != nullptr ? wrong_.get() : carried_.get();
  if (held != nullptr) joiner_->Remember(*held);
}

// Spec 8.33
void Replica::TellDifferences(Instant now, Output& out) {
  std::unique_ptr<map::MapSet> wrong = std::move(wrong_);
  if (wrong == nullptr) return;
  // A state that does not come of the one before, as when those who were right are gone: then what
  // was wrong is what is left of it, and is brought along as that of another side.
  const map::ViewHistory::Base base = wrong->history().CommonWith(maps_->history());
  if (base.kind != map::ViewHistory::Base::Kind::kKnown || base.last != wrong->history().last()) {
    if (carried_ == nullptr || carried_->size() == 0) carried_ = std::move(wrong);
    return;
  }
  const std::string differences = Differences(*wrong, *maps_);
  if (differences.empty()) return;
  Report(EventKind::kWarning, view_.self,
         "this member held another state than the others and has theirs now. Please report it: " +
             differences,
         0, now, out);
}

void Replica::DeclareSynced(Instant now, Output& out) {
  synced_ = true;
  carries_state_ = false;
  merged_aside_ = false;
  // A received state knows its place in this view already; it must not begin again.
  if (maps_->view() != view_.id) maps_->OnView(view_.id);
  AddSynced(view_.self);
  out.synced = true;
  Report(EventKind::kSynced, view_.self,
         "holds the whole state: " + std::to_string(maps_->Entries()) + " entries in " +
             std::to_string(maps_->size()) + " maps",
         static_cast<int64_t>(maps_->Entries()), now, out);
  Trace(options_.trace, TraceKind::kSynced, [&](TraceRecord& record) {
    record.subject = view_.self;
    record.view = view_.id;
    record.digest = maps_->digest().lo;
  });
}

void Replica::OnMemberSynced(Instant now, const MemberId& member, uint64_t hlc, Output& out) {
  if (!IsMember(member)) return;
  AddSynced(member);
  if (member != view_.self)
    Report(EventKind::kSynced, member, "holds the whole state", 0, now, out);
  if (joiner_.has_value() && !synced_) {
    joiner_->OnDonors(now, Donors(), transfer_out_);
    Drain(now, transfer_out_, out);
  }
  MaybePlanMerge();
  PublishMerge(hlc, out);
}

std::optional<map::ApplyResult> Replica::OnOperation(Instant now, const Buffer& operation,
                                                     const MemberId& writer, Output& out) {
  const map::Place place{.view = view_.id, .position = ++position_, .writer = writer};
  if (!synced_) {
    // Without data there is no joiner: the operation ends here.
    if (joiner_.has_value()) {
      joiner_->OnOrderedOp(now, operation, place, transfer_out_);
      Drain(now, transfer_out_, out);
    }
    return std::nullopt;
  }
  donor_.OnOperation(operation.size());
  map_out_.changes.clear();
  map_out_.wants_changes = !watched_.empty();
  const uint32_t maps_before = maps_->size();
  std::optional<map::ApplyResult> result = maps_->Apply(operation, place, map_out_, &operation);
  if (maps_->size() > maps_before) TellSync(maps_before, out);
  Trace(options_.trace, TraceKind::kApplied, [&](TraceRecord& record) {
    record.view = view_.id;
    record.number = position_;
    record.digest = TraceDigest(operation);
  });
  DrainChanges(map_out_, writer, out);
  return result;
}

// Spec 11.13
uint64_t Replica::OnConvergent(Instant now, Bytes message, const map::ConvergentPlace& place,
                               Output& out) {
  if (!synced_) {
    const uint64_t time = joiner_.has_value() ? joiner_->OnConvergentOp(message, place) : 0;
    Drain(now, transfer_out_, out);
    return time;
  }
  donor_.OnOperation(message.size());
  map_out_.changes.clear();
  map_out_.wants_changes = !watched_.empty();
  const map::ApplyResult result = maps_->Join(message, place, map_out_);
  DrainChanges(map_out_, place.writer, out);
  return result.version.time;
}

// Spec 11.9
map::ApplyResult Replica::Write(Bytes operation, uint64_t time, const map::ConvergentPlace& place,
                                std::span<std::byte> stamp, Output& out) {
  map_out_.changes.clear();
  map_out_.wants_changes = !watched_.empty();
  map::ApplyResult result = maps_->Write(operation, time, place, carried_.get(), stamp, map_out_);
  DrainChanges(map_out_, place.writer, out);
  return result;
}

uint64_t Replica::greatest() const {
  uint64_t greatest = 0;
  for (uint32_t id = 0; synced_ && id < maps_->size(); ++id) {
    if (const map::ConvergentMap* map = maps_->GetConvergent(id))
      greatest = std::max(greatest, map->state().greatest);
  }
  return greatest;
}

uint64_t Replica::epoch() const {
  uint64_t epoch = 0;
  for (uint32_t id = 0; synced_ && id < maps_->size(); ++id) {
    if (const map::ConvergentMap* map = maps_->GetConvergent(id)) epoch += map->state().epoch;
  }
  return epoch;
}

void Replica::OnReceived(Instant now, std::vector<SeqNo> received, Output& out) {
  joiner_->OnReceived(now, std::move(received));
  Drain(now, transfer_out_, out);
}

void Replica::DrainChanges(map::Output& changes, const MemberId& writer, Output& out) {
  for (map::Change& change : changes.changes) {
    if (!IsWatched(change.map)) continue;
    ChangeUpcall upcall;
    upcall.map = change.map;
    upcall.cause = CauseOf(change.cause);
    upcall.key = std::move(change.key);
    upcall.value = std::move(change.value);
    upcall.version = change.version;
    upcall.writer = change.writer;
    upcall.begins = change.begins;
    upcall.by_owner = change.by_owner;
    out.upcalls.emplace_back(std::move(upcall));
  }
  changes.changes.clear();
  if (std::exchange(changes.differs, false)) {
    Event event;
    event.kind = EventKind::kWarning;
    event.view = view_.id;
    event.subject = writer;
    event.text =
        "this replica differs from the writer's: a write that says how a value differs from the "
        "one "
        "before did not fit the one that is here. This is a fault of Cohort; please report it. To "
        "get a whole state again, start this member anew";
    out.upcalls.emplace_back(EventUpcall{std::move(event)});
  }
  for (const map::Conflict& conflict : changes.merge.kept()) {
    Event event;
    event.kind = EventKind::kConflict;
    event.view = view_.id;
    event.key = conflict.key;
    event.number = static_cast<int64_t>(conflict.loser_bytes);
    event.text =
        "written on both sides of a partition; version " + conflict.winner.ToString() +
        (conflict.resolved ? ", which the map's resolver made of both, stays, " : " stays, ") +
        conflict.loser.ToString() +
        (conflict.loser_carried ? " of the joining side" : " of the joined side") +
        (conflict.resolved ? " went into it" : " is lost");
    out.upcalls.emplace_back(EventUpcall{std::move(event)});
  }
  for (Side& side : sides_) {
    const bool brings =
        std::any_of(side.carriers.begin(), side.carriers.end(), Carrying::IsOf(writer));
    if (brings) side.conflicts += changes.merge.conflicts();
  }
  changes.merge = {};
  for (const map::SideMerged& merged : changes.merged) OnSideDone(merged, out);
  changes.merged.clear();
}

void Replica::Drain(Instant now, transfer::Output& transfer_out, Output& out) {
  for (transfer::Output::Message& message : transfer_out.messages)
    out.messages.push_back(std::move(message));
  for (transfer::Output::Note& note : transfer_out.notes) {
    using Kind = transfer::Output::Note::Kind;
    const EventKind kind = note.kind == Kind::kStarted ? EventKind::kTransferStarted
                           : note.kind == Kind::kDone  ? EventKind::kTransferDone
                                                       : EventKind::kTransferFailed;
    Report(kind, note.peer, std::move(note.text), static_cast<int64_t>(note.bytes), now, out);
  }
  for (const transfer::Output::Applied& applied : transfer_out.applied) {
    Trace(options_.trace, TraceKind::kApplied, [&](TraceRecord& record) {
      record.view = applied.place.view;
      record.number = applied.place.position;
      record.digest = applied.digest;
    });
  }
  const bool synced = transfer_out.synced;
  if (transfer_out.sides.has_value()) TakeSides(*transfer_out.sides, out);
  map::Output merges;
  merges.merge = std::move(transfer_out.merge);
  merges.merged = std::move(transfer_out.merged);
  transfer_out = {};
  DrainChanges(merges, {}, out);
  if (!synced) return;
  TakeReceived(out);
  synced_ = true;
  TellDifferences(now, out);
  const bool brings = carried_ != nullptr;
  if (brings && options_.policy == Policy::kPrimary) {
    const uint64_t dropped = map::MergePlanner::CountDropped(*carried_, *maps_);
    if (dropped > 0) {
      Report(EventKind::kWarning, view_.self,
             "entries of this member that the primary side does not hold were dropped",
             static_cast<int64_t>(dropped), now, out);
    }
    carried_.reset();
  }
  DeclareSynced(now, out);
  MaybePlanMerge();
}

void Replica::MaybePlanMerge() {
  const bool brings = synced_ && carried_ != nullptr && options_.policy == Policy::kAvailable;
  if (!brings || planner_.has_value()) return;
  planner_.emplace(*carried_, maps_->history(), options_.merge_horizon_ms,
                   carrier_index_ * map::kBucketsPerMap / carriers_together_, &resolvers_,
                   joined_in_);
}

bool Replica::MayMerge() const {
  return planner_.has_value() && !planner_->done() && !own_large_ &&
         own_operations_ < kOwnOperationsMax && (!planner_->waits() || own_operations_ == 0);
}

void Replica::PublishMerge(uint64_t hlc, Output& out) {
  while (synced_ && MayMerge()) {
    std::optional<Buffer> operation = planner_->Next(*maps_, hlc);
    if (!operation.has_value()) return;
    ++own_operations_;
    own_large_ = operation->size() > kLargeOperation;
    out.operations.push_back(std::move(*operation));
  }
}

void Replica::TellDonor() {
  donor_.SetSides(SidesForJoiners());
  donor_.SetHolders(synced_members_.size());
}

void Replica::OnTransferMessage(Instant now, const MemberId& from, Bytes body,
                                std::vector<SeqNo> received, Output& out) {
  donor_.SetReceived(std::move(received));
  const std::optional<transfer::Header> header = transfer::DecodeHeader(body);
  const bool is_request = header.has_value() && header->type == transfer::MessageType::kRequest;
  if (is_request) TellDonor();  // For its BEGIN.
  if (joiner_.has_value()) joiner_->OnMessage(now, from, body, transfer_out_);
  // A request may come from a member whose view we have yet to install; the donor keeps it until
  // then.
  donor_.OnMessage(now, from, body, *maps_, synced_, transfer_out_);
  Drain(now, transfer_out_, out);
}

void Replica::OnLifelineDown(Instant now, const MemberId& member, Output& out) {
  donor_.OnGone(member);
  if (joiner_.has_value()) joiner_->OnDonorGone(now, member, transfer_out_);
  Drain(now, transfer_out_, out);
}

void Replica::OnTimer(Instant now, map::GroupTime group_now, uint64_t hlc, Output& out) {
  if (joiner_.has_value() && joiner_->NextDeadline() <= now) joiner_->OnTimer(now, transfer_out_);
  if (donor_.NextDeadline() <= now) donor_.OnTimer(now, transfer_out_);
  Drain(now, transfer_out_, out);
  PublishMerge(hlc, out);
  // Purges first: entries may expire all the time.
  PublishPurges(now, group_now, hlc, out);
  // Both or none: neither may hold the other up.
  if (!IsExpirer() || own_operations_ > 0) return;
  PublishExpiries(group_now, hlc, out);
  PublishEvictions(hlc, out);
}

void Replica::Watch(std::string_view map, bool wanted) {
  if (wanted) {
    watched_.emplace(map);
  } else if (const auto found = watched_.find(map); found != watched_.end()) {
    watched_.erase(found);
  }
}

void Replica::TellSync(uint32_t map, Output& out) const {
  if (!IsWatched(map)) return;
  ChangeUpcall sync;
  sync.cause = ChangeUpcall::Cause::kSync;
  sync.map = map;
  out.upcalls.emplace_back(std::move(sync));
}

void Replica::TellSyncOfAll(Output& out) const {
  for (uint32_t map = 0; map < maps_->size(); ++map) TellSync(map, out);
}

bool Replica::Had(std::string_view map) const {
  const auto has = [map](const map::MapSet* maps) {
    return maps != nullptr && maps->Find(map) != nullptr;
  };
  return has(maps_.get()) || has(carried_.get()) || has(wrong_.get());
}

// Whoever watches a map is told to read it anew, also where there is none any more.
void Replica::TakeReceived(Output& out) {
  std::vector<std::string> had;
  std::copy_if(watched_.begin(), watched_.end(), std::back_inserter(had),
               [this](const std::string& name) { return Had(name); });
  maps_ = joiner_->TakeMaps();
  joiner_.reset();
  TellSyncOfAll(out);
  for (std::string& name : had) {
    if (maps_->Find(name) != nullptr) continue;
    ChangeUpcall gone;
    gone.cause = ChangeUpcall::Cause::kSync;
    gone.map = ChangeUpcall::kNoMap;
    gone.key = std::move(name);
    out.upcalls.emplace_back(std::move(gone));
  }
}

bool Replica::IsWatched(uint32_t map) const {
  const map::Map* found = watched_.empty() ? nullptr : maps_->Get(map);
  return found != nullptr && watched_.contains(found->name());
}

bool Replica::IsConsistent() const {
  return (!synced_ || maps_->IsConsistent()) && donor_.IsConsistent() &&
         (!joiner_.has_value() || joiner_->IsConsistent());
}

}  // namespace cohort::engine
