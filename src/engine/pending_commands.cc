#include "engine/pending_commands.h"

#include <algorithm>
#include <utility>

namespace cohort::engine {

namespace {
size_t Index(PendingCommands::Lane lane) { return static_cast<size_t>(lane); }
size_t Index(AckLevel level) { return static_cast<size_t>(level); }
}  // namespace

std::deque<PendingCommands::Awaiting>& PendingCommands::AwaitingFor(Lane lane, AckLevel ack) {
  return awaiting_[Index(lane)][Index(ack)];
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
  // kLocal with a condition waits in the kLocal queue for its stable cut; without one it is done at
  // the next progress.
  const CutNo threshold = entry.ack == AckLevel::kLocal && !entry.conditional ? 0 : cut;
  AwaitingFor(lane, entry.ack)
      .push_back({.done = std::move(done), .ack = entry.ack, .cut = threshold, .seq = seq});
  return true;
}

void PendingCommands::Finish(Awaiting& awaiting, uint16_t replicas, std::vector<Upcall>& upcalls) {
  awaiting.done.replicas = replicas;
  upcalls.emplace_back(std::move(awaiting.done));
}

void PendingCommands::OnProgress(const Progress& progress, uint16_t members,
                                 std::vector<Upcall>& upcalls) {
  const auto drain = [&](Lane lane, AckLevel ack, auto reached, uint16_t replicas) {
    std::deque<Awaiting>& queue = AwaitingFor(lane, ack);
    while (!queue.empty() && reached(queue.front())) {
      Finish(queue.front(), replicas, upcalls);
      queue.pop_front();
    }
  };
  const uint16_t two = std::min<uint16_t>(2, members);
  for (const Lane lane : {Lane::kOrdered, Lane::kLarge}) {
    drain(
        lane, AckLevel::kLocal, [&](const Awaiting& a) { return a.cut <= progress.stable_cut; }, 1);
    drain(
        lane, AckLevel::kOne, [&](const Awaiting& a) { return a.cut <= progress.applied_by_one; },
        two);
    drain(
        lane, AckLevel::kAll, [&](const Awaiting& a) { return a.cut <= progress.applied_by_all; },
        members);
  }
  drain(Lane::kConv, AckLevel::kLocal, [](const Awaiting&) { return true; }, 1);
  drain(
      Lane::kConv, AckLevel::kOne,
      [&](const Awaiting& a) { return a.seq <= progress.received_by_one; }, two);
  drain(
      Lane::kConv, AckLevel::kAll,
      [&](const Awaiting& a) { return a.seq <= progress.received_by_all; }, members);
}

void PendingCommands::OnView(const std::vector<Rank>& continuing_others, uint16_t members,
                             std::vector<Upcall>& upcalls) {
  for (auto& lane : awaiting_) {
    for (auto& queue : lane) {
      for (Awaiting& awaiting : queue) awaiting_view_.push_back(std::move(awaiting));
      queue.clear();
    }
  }
  unheard_ = continuing_others;
  OnHeardInView(kNoRank, members, upcalls);
}

void PendingCommands::OnHeardInView(Rank rank, uint16_t members, std::vector<Upcall>& upcalls) {
  if (awaiting_view_.empty() && unheard_.empty()) return;
  std::erase(unheard_, rank);
  if (!unheard_.empty()) return;
  for (Awaiting& awaiting : awaiting_view_) Finish(awaiting, members, upcalls);
  awaiting_view_.clear();
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
  unheard_.clear();
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
