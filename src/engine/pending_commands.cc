#include "engine/pending_commands.h"

#include <algorithm>
#include <utility>

namespace cohort::engine {

namespace {
size_t Index(PendingCommands::Lane lane) { return static_cast<size_t>(lane); }
}  // namespace

PendingCommands::Level PendingCommands::LevelOf(AckLevel ack, bool of_maps) {
  if (ack == AckLevel::kLocal) return Level::kLocal;
  if (ack == AckLevel::kOne) return Level::kOne;
  return of_maps ? Level::kWithData : Level::kAll;
}

std::deque<PendingCommands::Awaiting>& PendingCommands::AwaitingAt(Lane lane, Level level) {
  return awaiting_[Index(lane)][static_cast<size_t>(level)];
}

void PendingCommands::OnQueued(Lane lane, const Entry& entry) {
  unsent_[Index(lane)].push_back(entry);
}

void PendingCommands::OnSent(Lane lane) {
  std::deque<Entry>& unsent = unsent_[Index(lane)];
  COHORT_CHECK(!unsent.empty());
  sent_[Index(lane)].push_back(unsent.front());
  unsent.pop_front();
}

uint64_t PendingCommands::NextDelivered(Lane lane) const {
  const std::deque<Entry>& sent = sent_[Index(lane)];
  return sent.empty() ? 0 : sent.front().id;
}

bool PendingCommands::OnDelivered(Lane lane, DoneUpcall done, CutNo cut, SeqNo seq) {
  std::deque<Entry>& sent = sent_[Index(lane)];
  COHORT_CHECK(!sent.empty());
  const Entry entry = sent.front();
  sent.pop_front();
  if (entry.id == 0) return false;
  done.command = entry.id;
  // kLocal with a condition waits in the kLocal queue until its cut is stable, or applied by all
  // that hold data; without one it is done at the next progress.
  const CutNo threshold = entry.ack == AckLevel::kLocal && !entry.conditional ? 0 : cut;
  AwaitingAt(lane, LevelOf(entry.ack, entry.of_maps))
      .push_back({.done = std::move(done),
                  .ack = entry.ack,
                  .cut = threshold,
                  .seq = seq,
                  .of_maps = entry.of_maps});
  return true;
}

void PendingCommands::Finish(Awaiting& awaiting, uint16_t replicas, std::vector<Upcall>& upcalls) {
  awaiting.done.replicas = replicas;
  upcalls.emplace_back(std::move(awaiting.done));
}

void PendingCommands::OnProgress(const Progress& progress, const Members& members,
                                 std::vector<Upcall>& upcalls) {
  const auto drain = [&](Lane lane, Level level, auto reached, uint16_t replicas) {
    std::deque<Awaiting>& queue = AwaitingAt(lane, level);
    while (!queue.empty() && reached(queue.front())) {
      Finish(queue.front(), replicas, upcalls);
      queue.pop_front();
    }
  };
  const uint16_t two = std::clamp<uint16_t>(members.with_data, 1, 2);
  for (const Lane lane : {Lane::kOrdered, Lane::kLarge}) {
    const auto drain_to = [&](Level level, CutNo cut, uint16_t replicas) {
      drain(lane, level, [cut](const Awaiting& a) { return a.cut <= cut; }, replicas);
    };
    drain_to(Level::kLocal, std::max(progress.stable_cut, progress.applied_with_data), 1);
    drain_to(Level::kOne, progress.applied_by_one, two);
    drain_to(Level::kWithData, progress.applied_with_data, members.with_data);
    drain_to(Level::kAll, progress.applied_by_all, members.all);
  }
  const auto drain_to = [&](Level level, SeqNo seq, uint16_t replicas) {
    drain(Lane::kConv, level, [seq](const Awaiting& a) { return a.seq <= seq; }, replicas);
  };
  drain_to(Level::kLocal, kSeqNoMax, 1);
  drain_to(Level::kOne, progress.received_by_one, two);
  drain_to(Level::kWithData, progress.received_with_data, members.with_data);
  drain_to(Level::kAll, progress.received_by_all, members.all);
}

void PendingCommands::OnView(Continuing continuing, const Members& members,
                             std::vector<Upcall>& upcalls) {
  for (auto& lane : awaiting_) {
    for (auto& queue : lane) {
      for (Awaiting& awaiting : queue) awaiting_view_.push_back(std::move(awaiting));
      queue.clear();
    }
  }
  unheard_ = std::move(continuing);
  OnHeardInView(kNoRank, members, upcalls);
}

void PendingCommands::OnHeardInView(Rank rank, const Members& members,
                                    std::vector<Upcall>& upcalls) {
  if (awaiting_view_.empty() && unheard_.all.empty()) return;
  std::erase(unheard_.all, rank);
  std::erase(unheard_.with_data, rank);
  if (!unheard_.with_data.empty()) return;
  std::deque<Awaiting> waits_on;
  for (Awaiting& awaiting : awaiting_view_) {
    if (!awaiting.of_maps && !unheard_.all.empty()) {
      waits_on.push_back(std::move(awaiting));
    } else {
      Finish(awaiting, awaiting.of_maps ? members.with_data : members.all, upcalls);
    }
  }
  awaiting_view_ = std::move(waits_on);
}

void PendingCommands::OnExcluded(std::vector<Upcall>& upcalls) {
  const absl::Status unknown = absl::UnknownError(
      "this member was excluded from the group before the write was acknowledged; it may or may "
      "not have taken effect");
  const auto fail = [&](DoneUpcall done) {
    if (done.command == 0) return;
    done.status = unknown;
    upcalls.emplace_back(std::move(done));
  };
  for (Awaiting& awaiting : awaiting_view_) fail(std::move(awaiting.done));
  awaiting_view_.clear();
  unheard_ = {};
  for (auto& lane : awaiting_) {
    for (auto& queue : lane) {
      for (Awaiting& awaiting : queue) fail(std::move(awaiting.done));
      queue.clear();
    }
  }
  for (std::deque<Entry>& sent : sent_) {
    for (const Entry& entry : sent) fail(DoneUpcall{.command = entry.id});
    sent.clear();
  }
}

void PendingCommands::FailQueued(Lane lane, const absl::Status& status,
                                 std::vector<Upcall>& upcalls) {
  for (const Entry& entry : unsent_[Index(lane)]) {
    if (entry.id != 0) upcalls.emplace_back(DoneUpcall{.command = entry.id, .status = status});
  }
  unsent_[Index(lane)].clear();
}

void PendingCommands::FailAll(const absl::Status& status, std::vector<Upcall>& upcalls) {
  OnExcluded(upcalls);
  FailQueued(Lane::kConv, status, upcalls);
  FailQueued(Lane::kOrdered, status, upcalls);
  FailQueued(Lane::kLarge, status, upcalls);
}

size_t PendingCommands::size() const {
  size_t total = awaiting_view_.size();
  for (const auto& lane : awaiting_) {
    for (const auto& queue : lane) total += queue.size();
  }
  for (const auto& queue : unsent_) total += queue.size();
  for (const auto& queue : sent_) total += queue.size();
  return total;
}

size_t PendingCommands::QueuedOfReplica() const {
  size_t count = 0;
  for (const std::deque<Entry>& unsent : unsent_) {
    for (const Entry& entry : unsent) count += entry.is_replicas ? 1 : 0;
  }
  return count;
}

}  // namespace cohort::engine
