#include "transfer/joiner.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/trace.h"
#include "transfer/limits.h"

namespace cohort::transfer {
namespace {

// What a waiting operation costs besides its bytes.
constexpr size_t kQueuedBytes = 128;
// A donor that is further behind than so many views is asked again later.
constexpr size_t kPastViewsMax = 64;
// An operation that is smaller is copied to wait: it would keep alive a chunk that is larger.
constexpr size_t kSharedMin = size_t{16} << 10;

Buffer ToKeep(const Buffer& op) { return op.size() < kSharedMin ? Buffer::CopyOf(op.bytes()) : op; }

}  // namespace

Joiner::Joiner(const Options& options)
    : options_(options), early_(options.maps), early_of_view_(options.maps) {}

void Joiner::Start(Instant now, const ViewId& view, std::vector<MemberId> donors, Output& out) {
  Stop();
  view_ = view;
  delivered_ = {.view = view};
  past_.clear();
  donors_ = std::move(donors);
  next_donor_ = 0;
  waits_for_donor_ = false;
  Ask(now, out);
}

void Joiner::Stop() {
  state_ = State::kIdle;
  timers_ = {};
  donor_.reset();
  gathering_.reset();
  maps_.reset();
  remembered_.reset();
  queue_.clear();
  SetQueueBytes(0);
  overflowed_ = false;
  held_ = false;
  begins_ = false;
  settled_ = UINT64_MAX;
  early_.ForgetEarly();
  early_of_view_.ForgetEarly();
  needed_.clear();
  received_.clear();
}

// Spec 9.9
void Joiner::Remember(const map::MapSet& held) {
  remembered_ = std::make_unique<map::MapSet>(options_.maps);
  for (uint32_t id = 0; id < held.size(); ++id) {
    const map::Map& map = *held.Get(id);
    map::Output ignored;
    map::Map* const copy =
        map.convergent()
            ? static_cast<map::Map*>(remembered_->CreateConvergent(map.name(), ignored))
            : remembered_->Create(map.name());
    if (copy != nullptr) static_cast<void>(copy->AdoptEntries(map));
  }
}

// Spec 11.13
uint64_t Joiner::OnConvergentOp(Bytes message, const map::ConvergentPlace& place) {
  if (state_ == State::kIdle) return 0;
  map::Output ignored;  // The user gets one notice for the whole state.
  ignored.wants_changes = false;
  const uint64_t time = early_.Join(message, place, ignored).version.time;
  early_of_view_.Join(message, place, ignored);
  const bool is_whole = state_ == State::kReplaying || state_ == State::kSynced;
  if (is_whole && maps_ != nullptr) maps_->Join(message, place, ignored);
  return time;
}

// The state is whole: what came meanwhile belongs to it. It is kept, in case this state is given
// up.
void Joiner::TakeEarly(const map::MapSet& early) {
  map::Output ignored;
  ignored.wants_changes = false;
  maps_->CopyEarly(early, ignored);
}

void Joiner::OnReceived(Instant now, std::vector<SeqNo> received) {
  received_ = std::move(received);
  if (!HasReceived()) return;
  needed_.clear();
  if (state_ == State::kReplaying) TryFinish(now);
}

// Spec 11.14
bool Joiner::HasReceived() const {
  if (needed_.empty()) return true;
  if (needed_view_ != delivered_.view || received_.size() != needed_.size()) return false;
  for (size_t rank = 0; rank < needed_.size(); ++rank) {
    if (received_[rank] < needed_[rank]) return false;
  }
  return true;
}

void Joiner::BeginWith(Instant now, std::unique_ptr<map::MapSet> maps) {
  donor_.reset();
  gathering_.reset();
  remembered_.reset();
  timers_ = {};
  maps_ = std::move(maps);
  sides_.reset();
  merged_.clear();
  needed_.clear();
  TakeEarly(early_);
  begins_ = true;
  PlaceIn(overflowed_ ? delivered_.view : view_);
  held_ = false;
  state_ = State::kReplaying;
  timers_.Set(Timer::kReplay, now);
}

// Spec 9.2
void Joiner::Ask(Instant now, Output& out) {
  if (gathering_.has_value()) gathering_->Release(false, out);
  gathering_.reset();
  // Whatever place it is of, and whatever was applied to it: digests decide what is of use.
  const bool has_state = state_ == State::kReceiving || state_ == State::kReplaying;
  if (has_state && !begins_) remembered_ = std::move(maps_);
  maps_.reset();
  needed_.clear();
  begins_ = false;
  donor_.reset();
  state_ = State::kRequested;
  bytes_received_ = bytes_expected_ = 0;
  timers_ = {};
  if (next_donor_ >= donors_.size()) {
    next_donor_ = 0;
    timers_.Set(Timer::kRetry, now + options_.retry);
    return;
  }
  donor_ = donors_[next_donor_++];
  ++attempt_;
  ++stats_.attempts;
  timers_.Set(Timer::kSilence, now + options_.gathering.silence_max);
  out.messages.push_back({*donor_, EncodeRequest(attempt_, {view_})});
}

// Spec 9.9
void Joiner::Fail(Instant now, std::string why, Output& out) {
  ++stats_.failures;
  out.notes.push_back(
      {Output::Note::Kind::kFailed, donor_.value_or(MemberId{}), bytes_received(), std::move(why)});
  // What this state covers was skipped, and the next donor may be behind this one.
  if (maps_ != nullptr && !begins_) {
    const map::Place covered{.view = maps_->view(), .position = maps_->position(), .writer = {}};
    NeedStateOf(IsBefore(covered.view, covered.position, delivered_) ? covered : delivered_);
  }
  // The others have waited long enough: they go on, and a state that includes all until now will
  // do.
  if (wants_pause()) GiveUpQueue(delivered_);
  Ask(now, out);
}

void Joiner::OnView(Instant now, const ViewId& view, std::vector<MemberId> donors, Output& out) {
  if (state_ == State::kIdle) return;
  if (state_ == State::kSynced) {
    if (maps_ != nullptr) maps_->OnView(view);
    return;
  }
  held_ = false;
  early_of_view_.ForgetEarly();
  // Of what the donor had in the view that ended this member has all, unless the donor does not go
  // on with it (virtual synchrony).
  const bool had_all = needed_view_ != delivered_.view || HasReceived();
  past_.push_back(delivered_);
  if (past_.size() > kPastViewsMax) past_.erase(past_.begin());
  delivered_ = {.view = view};
  donors_ = std::move(donors);
  next_donor_ = 0;
  received_.clear();
  const bool donor_goes_on =
      donor_.has_value() && std::find(donors_.begin(), donors_.end(), *donor_) != donors_.end();
  if (needed_view_ == past_.back().view && (had_all || donor_goes_on)) needed_.clear();
  const bool has_state = state_ == State::kReceiving || state_ == State::kReplaying;
  if (has_state && ((!needed_.empty() && needed_view_ == past_.back().view) ||
                    FitOf(maps_->view(), maps_->position()) == Fit::kElsewhere ||
                    IsOfAnotherEnd(past_.back()))) {
    // What was skipped because that state covers it is not here any more: only a state from this
    // view on will do.
    settled_ = UINT64_MAX;
    GiveUpQueue(delivered_);
    Fail(now, "the donor's state is of a place this member never came to", out);
    return;
  }
  settled_ = UINT64_MAX;
  if (!has_state || !IsCovered(delivered_)) {
    Enqueue({.place = delivered_, .op = {}, .is_view = true});
  }
  if (state_ == State::kReplaying) return TryFinish(now);
  if (gathering_.has_value()) gathering_->OnDonors(now, donors_, out);
  if (donor_.has_value() && std::find(donors_.begin(), donors_.end(), *donor_) == donors_.end()) {
    Fail(now, "the donor left the view", out);
  } else if (!donor_.has_value()) {
    Ask(now, out);
  }
}

void Joiner::OnDonors(Instant now, std::vector<MemberId> donors, Output& out) {
  donors_ = std::move(donors);
  next_donor_ = 0;
  if (state_ == State::kRequested && !donor_.has_value()) Ask(now, out);
}

// Spec 9.7
void Joiner::OnOrderedOp(Instant now, const Buffer& op, const map::Place& place, Output& out) {
  if (state_ == State::kIdle) return;
  if (state_ == State::kSynced) {
    // Between `synced` and TakeMaps(), should more arrive in one turn.
    if (maps_ != nullptr) ApplyNow(op, place, out);
    return;
  }
  delivered_ = place;
  const bool knows_place = state_ == State::kReceiving || state_ == State::kReplaying;
  if (knows_place && IsCovered(place)) {
    ++stats_.skipped_ops;
    if (state_ == State::kReplaying) TryFinish(now);
    return;
  }
  if (queue_bytes_ + op.size() + kQueuedBytes > options_.queue_bytes_max) {
    // What waits cannot be dropped alone, since a later snapshot may not cover it: all of it goes,
    // with the attempt. The next snapshot is taken after this operation.
    GiveUpQueue(place);
    Fail(now, "too many operations waited for the state", out);
    return;
  }
  ++stats_.queued_ops;
  Enqueue({place, ToKeep(op), false});
  if (state_ == State::kReplaying) TryFinish(now);
}

// Whether the state holds what was delivered at the end of the view that ended here with `last`,
// and its donor does not go on with this member: then what it delivered there may have been other
// operations at the same positions. Before its end a view has one order for everybody.
bool Joiner::IsOfAnotherEnd(const map::Place& last) const {
  return !begins_ && maps_->view() == last.view && maps_->position() > settled_ &&
         (!donor_.has_value() ||
          std::find(donors_.begin(), donors_.end(), *donor_) == donors_.end());
}

void Joiner::NeedStateOf(const map::Place& place) {
  if (overflowed_ && !IsBefore(overflow_.view, overflow_.position, place)) return;
  overflowed_ = true;
  overflow_ = place;
}

void Joiner::GiveUpQueue(const map::Place& place) {
  NeedStateOf(place);
  queue_.clear();
  SetQueueBytes(0);
}

void Joiner::TryFinish(Instant now) {
  if (!held_) timers_.Set(Timer::kReplay, now);
}

Joiner::Fit Joiner::FitOf(const ViewId& view, uint64_t position) const {
  if (view == delivered_.view) return position <= delivered_.position ? Fit::kReached : Fit::kAhead;
  if (view.num > delivered_.view.num) return Fit::kAhead;
  for (const map::Place& last : past_) {
    if (last.view == view && position <= last.position) return Fit::kReached;
  }
  // Before the view that admitted this member, everything is in its past.
  return view.num < view_.num ? Fit::kReached : Fit::kElsewhere;
}

bool Joiner::HasReachedState() const {
  return FitOf(maps_->view(), maps_->position()) == Fit::kReached && HasReceived();
}

void Joiner::SetQueueBytes(size_t bytes) {
  queue_bytes_ = bytes;
  if (bytes > options_.queue_bytes_max / 4 * 3) wants_pause_ = true;
  if (bytes <= options_.queue_bytes_max / 2) wants_pause_ = false;
}

void Joiner::Enqueue(Queued queued) {
  SetQueueBytes(queue_bytes_ + queued.op.size() + kQueuedBytes);
  queue_.push_back(std::move(queued));
}

// Whether the snapshot being received holds the operation at `place`. Views are numbered upwards
// along a history.
bool Joiner::IsCovered(const map::Place& place) const {
  if (place.view.num != maps_->view().num) return place.view.num < maps_->view().num;
  return place.position <= maps_->position();
}

void Joiner::SkipCovered() {
  while (!queue_.empty() && IsCovered(queue_.front().place)) {
    if (!queue_.front().is_view) ++stats_.skipped_ops;
    SetQueueBytes(queue_bytes_ - queue_.front().op.size() - kQueuedBytes);
    queue_.pop_front();
  }
}

void Joiner::OnMessage(Instant now, const MemberId& from, Bytes body, Output& out) {
  const std::optional<Header> header = DecodeHeader(body);
  if (!header.has_value()) {
    ++stats_.malformed;
    return;
  }
  const bool awaited = gathering_.has_value() ? gathering_->Knows(from)
                                              : state_ == State::kRequested && donor_ == from;
  if (!awaited || header->attempt != attempt_) {
    ++stats_.stale;
    return;
  }
  if (gathering_.has_value())
    return OnProgress(now, gathering_->OnMessage(now, from, *header, body, out), out);
  if (header->type == MessageType::kBegin) {
    if (const auto begin = DecodeBegin(body); begin.has_value()) return OnBegin(now, *begin, out);
  }
  if (header->type == MessageType::kRefused) {
    if (const auto no = DecodeRefused(body); no.has_value()) return OnRefused(now, *no, out);
  }
  ++stats_.malformed;
  Fail(now, "the donor sent a message that makes no sense", out);
}

// Spec 9.2: one that is busy has not failed. It is told once that this member has to wait.
void Joiner::OnRefused(Instant now, const RefusedMessage& refusal, Output& out) {
  if (!refusal.busy || !std::exchange(waits_for_donor_, true)) {
    return Fail(now, refusal.reason, out);
  }
  ++stats_.busy;
  if (wants_pause()) GiveUpQueue(delivered_);
  Ask(now, out);
}

// The maps that are announced, without entries. Null if they are beyond the limits.
std::unique_ptr<map::MapSet> Joiner::MapsOf(const BeginMessage& begin) const {
  map::MapSet::Options options = options_.maps;
  options.settings = begin.settings;
  auto maps = std::make_unique<map::MapSet>(options);
  maps->RestorePlace(begin.view, begin.position, begin.history);
  for (const BeginMessage::Map& announced : begin.maps) {
    const size_t before = maps->size();
    map::Output ignored;
    map::Map* map = announced.state.settings.convergent
                        ? static_cast<map::Map*>(maps->CreateConvergent(announced.name, ignored))
                        : maps->Create(announced.name);
    // Bounded one by one, so that the sums cannot wrap.
    if (map == nullptr || maps->size() == before || announced.bytes > options_.state_bytes_max ||
        announced.entries > options_.state_bytes_max) {
      return nullptr;
    }
    map->RestoreState(announced.state);
  }
  return maps;
}

// Spec 9.3
void Joiner::OnBegin(Instant now, const BeginMessage& begin, Output& out) {
  maps_ = MapsOf(begin);
  if (maps_ == nullptr) return Fail(now, "the donor announced maps beyond the limits", out);
  for (const BeginMessage::Map& announced : begin.maps) bytes_expected_ += announced.bytes;
  // The view that admitted this member must be in the donor's past, or the operations that follow
  // would not fit.
  const std::vector<ViewId> history = begin.history.recent();
  const bool is_old = std::find(history.begin(), history.end(), view_) == history.end() ||
                      begin.history.last() != begin.view ||
                      (overflowed_ && IsBefore(begin.view, begin.position, overflow_));
  if (is_old) return Fail(now, "the donor's state is of an earlier place", out);
  if (FitOf(begin.view, begin.position) == Fit::kElsewhere) {
    return Fail(now, "the donor's state is of a place this member never came to", out);
  }
  if (bytes_expected_ > options_.state_bytes_max) return Fail(now, "too large a state", out);
  // A donor that is still in an earlier view than this member goes on into this one.
  if (begin.view.num >= delivered_.view.num) needed_ = begin.received;
  needed_view_ = begin.view;
  for (uint32_t id = 0; remembered_ != nullptr && id < maps_->size(); ++id) {
    map::Map& map = *maps_->Get(id);
    const map::Map* const held = std::as_const(*remembered_).Find(map.name());
    // What it indexes depends on the settings.
    if (held != nullptr && map.AdoptEntries(*held)) map.RestoreState(begin.maps[id].state);
  }
  remembered_.reset();
  sides_ = {begin.view, begin.sides};
  merged_.clear();
  state_ = State::kReceiving;
  timers_ = {};
  SkipCovered();
  out.notes.push_back({Output::Note::Kind::kStarted, *donor_, bytes_expected_, {}});
  gathered_before_ = gathered_;
  gathering_.emplace(now, options_.gathering, attempt_, *donor_, begin, *maps_, gathered_);
  gathering_->AskForHelp(now, view_, donors_, out);
  OnProgress(now, gathering_->OnBegun(out), out);
}

bool Joiner::IsBefore(const ViewId& view, uint64_t position, const map::Place& place) {
  return view.num != place.view.num ? view.num < place.view.num : position < place.position;
}

void Joiner::OnProgress(Instant now, Gathering::Progress progress, Output& out) {
  if (progress == Gathering::Progress::kGoesOn) return;
  if (progress == Gathering::Progress::kFailed) return Fail(now, gathering_->why(), out);
  bytes_received_ = gathering_->bytes_received();
  gathering_.reset();
  timers_ = {};
  state_ = State::kReplaying;
  TakeEarly(early_);
  Replay(now, out);
}

// A state that this member begins anew was not the group's in the views it waited in, and must not
// say that it was: a merge judges by the history what the other side knows of it.
void Joiner::PlaceIn(const ViewId& view) {
  if (begins_) {
    maps_->RestorePlace(view, 0, maps_->history());
  } else {
    maps_->OnView(view);
  }
}

void Joiner::ApplyNow(const Buffer& op, const map::Place& place, Output& out) {
  map::Output applied;
  applied.wants_changes = false;
  out.applied.push_back({place, maps_->Apply(op, place, applied, &op), TraceDigest(op)});
  out.merge.Absorb(std::move(applied.merge));
  merged_.insert(merged_.end(), applied.merged.begin(), applied.merged.end());
}

// Spec 9.8
void Joiner::Replay(Instant now, Output& out) {
  if (held_) return;  // OnView() goes on.
  for (size_t i = 0; i < kReplayPerTurn && !queue_.empty(); ++i) {
    Queued next = std::move(queue_.front());
    queue_.pop_front();
    SetQueueBytes(queue_bytes_ - next.op.size() - kQueuedBytes);
    if (next.is_view) {
      PlaceIn(next.place.view);
      continue;
    }
    ++stats_.replayed_ops;
    ApplyNow(next.op, next.place, out);
  }
  if (!queue_.empty()) {
    timers_.Set(Timer::kReplay, now);
    return;
  }
  timers_ = {};
  if (!HasReachedState()) return;  // The next operation or view decides.
  if (begins_) {
    map::ViewHistory history = maps_->history();
    history.Add(delivered_.view);
    maps_->RestorePlace(maps_->view(), maps_->position(), std::move(history));
  }
  state_ = State::kSynced;
  overflowed_ = false;
  // Operations for maps that are still to be opened: the others have those of this view.
  maps_->ForgetEarly();
  TakeEarly(early_of_view_);
  if (donor_.has_value())
    out.notes.push_back({Output::Note::Kind::kDone, *donor_, bytes_received_, Story()});
  out.synced = true;
  out.sides = std::move(sides_);
  out.merged = std::move(merged_);
}

// What is worth telling of how the state came.
std::string Joiner::Story() const {
  std::string story;
  const uint64_t kept = gathered_.buckets_kept - gathered_before_.buckets_kept;
  const uint64_t helpers = gathered_.helpers - gathered_before_.helpers;
  if (kept > 0) story = std::to_string(kept) + " buckets were here already";
  if (helpers > 0) {
    if (!story.empty()) story += "; ";
    story += std::to_string(helpers) + (helpers == 1 ? " more member" : " more members") +
             " sent some of it";
  }
  return story;
}

void Joiner::OnDonorGone(Instant now, const MemberId& donor, Output& out) {
  // It may be alive, and be reached again: it comes after those whose turn is still to come, or in
  // the next round. A view says when it is not.
  const auto gone = std::find(donors_.begin(), donors_.end(), donor);
  if (gone != donors_.end() && static_cast<size_t>(gone - donors_.begin()) >= next_donor_) {
    std::rotate(gone, gone + 1, donors_.end());
  }
  const bool awaited = state_ == State::kRequested || state_ == State::kReceiving;
  if (awaited && donor_ == donor) return Fail(now, "the donor went away", out);
  if (gathering_.has_value()) gathering_->OnHelperGone(now, donor, out);
}

void Joiner::OnTimer(Instant now, Output& out) {
  if (timers_.TakeExpired(Timer::kReplay, now)) Replay(now, out);
  if (timers_.TakeExpired(Timer::kRetry, now)) Ask(now, out);
  if (timers_.TakeExpired(Timer::kSilence, now)) {
    out.messages.push_back({*donor_, EncodeDone(attempt_, {.whole = false})});
    Fail(now, "the donor sent nothing for too long", out);
  }
  if (gathering_.has_value() && gathering_->NextDeadline() <= now)
    OnProgress(now, gathering_->OnTimer(now, out), out);
}

Instant Joiner::NextDeadline() const {
  return gathering_.has_value() ? std::min(timers_.Next(), gathering_->NextDeadline())
                                : timers_.Next();
}

std::unique_ptr<map::MapSet> Joiner::TakeMaps() {
  COHORT_CHECK(state_ == State::kSynced);
  return std::move(maps_);
}

bool Joiner::IsConsistent() const {
  size_t bytes = 0;
  for (const Queued& queued : queue_) bytes += queued.op.size() + kQueuedBytes;
  const bool has_maps = state_ == State::kReceiving || state_ == State::kReplaying;
  const bool may_replay = !timers_.IsSet(Timer::kReplay) || state_ == State::kReplaying;
  return bytes == queue_bytes_ && may_replay && (!has_maps || maps_ != nullptr) &&
         (state_ != State::kReceiving || donor_.has_value()) &&
         gathering_.has_value() == (state_ == State::kReceiving) &&
         (!gathering_.has_value() || gathering_->IsConsistent());
}

}  // namespace cohort::transfer
