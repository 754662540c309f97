// Commands of this member on their way to their acknowledgement: queued, sent, delivered here,
// acknowledged.
//
// The engine's own messages come back to it in the order it sent them (per lane: CONV, AGREED
// and SAFE together, or large), so a delivery is matched to its command by position and nothing
// about a command travels. A delivered command then waits for the others: inside a view by what the
// STATUS frames say (cuts applied, chunks received), across a view change until every continuing
// member was heard in the new view, which proves that it closed the old one (Spec 6.8).
//
// Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_PENDING_COMMANDS_H_
#define COHORT_ENGINE_PENDING_COMMANDS_H_

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "base/types.h"
#include "engine/command.h"
#include "engine/io.h"

namespace cohort::engine {

class PendingCommands {
 public:
  enum class Lane : uint8_t { kConv = 0, kOrdered = 1, kLarge = 2 };
  static Lane LaneOf(DeliveryClass cls, bool large) {
    if (large) return Lane::kLarge;
    return cls == DeliveryClass::kConv ? Lane::kConv : Lane::kOrdered;
  }

  // A command's message was accepted for sending. `id` 0: a message of the engine itself, matched
  // but not answered.
  struct Entry {
    uint64_t id = 0;
    AckLevel ack = AckLevel::kLocal;
    bool conditional = false;
    bool is_own = false;       // Not of a user: there is always room for it.
    bool is_replicas = false;  // A MERGE or EXPIRE of this member's replica.
    bool of_maps = false;      // Members without data are not waited for.
  };
  // Of the view; `with_data`: those of them that hold data, or will.
  struct Members {
    uint16_t all = 0;
    uint16_t with_data = 0;
  };
  void OnQueued(Lane lane, const Entry& entry);
  // The last byte of the oldest unsent message of `lane` got a sequence number: from now on its
  // outcome is the group's.
  void OnSent(Lane lane);

  // How far the members of the view are, as the acks say. `all` and `one` are the lowest and the
  // second-highest (the best other member counts as one) of what members hold, `with_data` the
  // lowest of those with data; ordered in cuts, CONV in chunks of this member.
  struct Progress {
    CutNo applied_by_all = 0;
    CutNo applied_with_data = 0;
    CutNo applied_by_one = 0;
    CutNo stable_cut = 0;
    SeqNo received_by_all = 0;
    SeqNo received_with_data = 0;
    SeqNo received_by_one = 0;
  };
  // The command of the oldest sent message of `lane`; 0 for a message of the engine itself.
  uint64_t NextDelivered(Lane lane) const;
  // The oldest sent message of `lane` was delivered here, with `done` as its result so far. False:
  // it was a message of the engine itself.
  bool OnDelivered(Lane lane, DoneUpcall done, CutNo cut, SeqNo seq);
  // Completes what `progress` allows, in order.
  void OnProgress(const Progress& progress, const Members& members, std::vector<Upcall>& upcalls);

  // Other members that were in the view before, too.
  struct Continuing {
    std::vector<Rank> all;
    std::vector<Rank> with_data;
  };
  // A new view: everything delivered so far waits for `continuing` members to be heard in it (C17).
  void OnView(Continuing continuing, const Members& members, std::vector<Upcall>& upcalls);
  void OnHeardInView(Rank rank, const Members& members, std::vector<Upcall>& upcalls);
  // The group went on without us: the outcome of what was sent is unknown, what was only queued
  // stays queued.
  void OnExcluded(std::vector<Upcall>& upcalls);
  // Everything fails with `status`.
  void FailAll(const absl::Status& status, std::vector<Upcall>& upcalls);
  // What is queued and not yet sent fails (the packer forgot it too).
  void FailQueued(Lane lane, const absl::Status& status, std::vector<Upcall>& upcalls);

  size_t size() const;
  // Operations of this member's replica that are queued and not yet sent.
  size_t QueuedOfReplica() const;

 private:
  struct Awaiting {
    DoneUpcall done;
    AckLevel ack = AckLevel::kLocal;
    CutNo cut = 0;
    SeqNo seq = 0;
    bool of_maps = false;
  };
  enum class Level : uint8_t { kLocal, kOne, kWithData, kAll };
  static constexpr size_t kLevels = 4;
  static constexpr size_t kLanes = 3;
  static Level LevelOf(AckLevel ack, bool of_maps);
  std::deque<Awaiting>& AwaitingAt(Lane lane, Level level);
  void Finish(Awaiting& awaiting, uint16_t replicas, std::vector<Upcall>& upcalls);

  std::array<std::deque<Entry>, kLanes> unsent_;
  std::array<std::deque<Entry>, kLanes> sent_;
  // By lane and level, because inside one of these the thresholds only grow.
  std::array<std::array<std::deque<Awaiting>, kLevels>, kLanes> awaiting_;
  std::deque<Awaiting> awaiting_view_;  // Delivered in an earlier view.
  Continuing unheard_;                  // Not yet heard in this view.
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_PENDING_COMMANDS_H_
