// Gives the whole map state to members that joined, while everybody goes on writing.
//
// Idea: a request is answered by a copy-on-write snapshot of all maps at one place of the total
// order, and by the digests of its buckets; the joiner says which buckets it wants. The donor
// encodes them into chunks, releases each when it is sent, and keeps a few chunks in flight until
// the joiner has acknowledged them, at a rate that those who write hardly notice (pace.h). What is
// written after that place reaches the joiner as ordered operations like everybody else.
//
// Limits: limits.h. Errors: a request it cannot serve is refused with a reason, and the joiner asks
// somebody else. Thread rule: none inside; the owner of the engine calls.
#ifndef COHORT_TRANSFER_DONOR_H_
#define COHORT_TRANSFER_DONOR_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "base/types.h"
#include "map/map_set.h"
#include "transfer/limits.h"
#include "transfer/messages.h"
#include "transfer/output.h"
#include "transfer/pace.h"

namespace cohort::transfer {

class DonorSession;

class Donor {
 public:
  struct Options {
    // Joiners served at once; at most map::kSnapshotsMax. The last place is not for those whom this
    // member only helps, and they make room for others.
    size_t sessions_max = 3;
    size_t chunk_bytes = kChunkBytesAim;  // Small ones are for tests.
    Duration silence_max =
        seconds(30);  // A joiner that acknowledges nothing for so long is given up.
    uint64_t helped_bytes_min = kHelpedBytesMin;  // As joiners have it.
    Pace::Options pace;
  };
  struct Stats {
    uint64_t requests = 0;
    uint64_t refused = 0;
    uint64_t completed = 0;  // The joiner has said that it has all.
    uint64_t let_go = 0;     // It has said that it goes on without this member.
    uint64_t given_up = 0;   // The joiner fell silent, went away or asked again.
    uint64_t malformed = 0;
    uint64_t chunks = 0;
    uint64_t bytes = 0;
  };

  explicit Donor(const Options& options);
  ~Donor();

  // A message of a joiner. `serving`: this member is synced, its `maps` are the truth. A request
  // that names a view not installed here yet waits for OnView().
  void OnMessage(Instant now, const MemberId& from, Bytes body, const map::MapSet& maps,
                 bool serving, Output& out);
  // Chunks of each member of the view, by rank, whose convergent operations are in the maps that
  // the next call is given.
  void SetReceived(std::vector<SeqNo> received) { received_ = std::move(received); }
  // What is still to be merged into the maps that the next call is given.
  void SetSides(std::vector<MergingSide> sides) { sides_ = std::move(sides); }
  // Members that hold the state, this one included.
  void SetHolders(size_t holders) { holders_ = holders; }
  // After `maps.OnView()`.
  void OnView(Instant now, const map::MapSet& maps, bool serving, Output& out);
  void OnGone(const MemberId& member);  // Left the view, or its lifeline broke.

  // What others notice of the transfer (9.13). A chunk that somebody wrote is here; so long it
  // took until all had it; an operation of so many bytes has come.
  void OnWrite(Instant now) { pace_.OnWrite(now); }
  void OnWriteDelay(Instant now, Duration delay) { pace_.OnDelay(now, delay, !sessions_.empty()); }
  void OnOperation(size_t bytes) { written_ += bytes; }

  Instant NextDeadline() const;
  void OnTimer(Instant now, Output& out);

  size_t sessions() const { return sessions_.size(); }
  const Stats& stats() const { return stats_; }
  const Pace& pace() const { return pace_; }
  bool IsConsistent() const;

 private:
  struct Waiting {
    ViewId view;
    uint32_t attempt = 0;
    bool helps = false;
  };
  void OnRequest(Instant now, const MemberId& joiner, const Waiting& request,
                 const map::MapSet& maps, bool serving, Output& out);
  bool OnWant(Instant now, const MemberId& joiner, uint32_t attempt, Bytes body, Output& out);
  void OnAck(Instant now, const MemberId& joiner, uint32_t attempt, uint32_t chunks, Output& out);
  void OnDone(const MemberId& joiner, uint32_t attempt, bool whole, Output& out);
  void Begin(Instant now, const MemberId& joiner, const Waiting& request, const map::MapSet& maps,
             bool serving, Output& out);
  bool HasRoom(bool helps, Output& out);
  size_t Senders(const map::MapSet& maps) const;
  bool IsPaced(Instant now, const DonorSession& session) const;
  bool SendOne(Instant now, DonorSession& session, Output& out);
  void Fill(Instant now, Output& out);
  void Refuse(const MemberId& joiner, uint32_t attempt, const RefusedMessage& refusal, Output& out);

  const Options options_;
  Stats stats_;
  absl::btree_map<MemberId, std::unique_ptr<DonorSession>> sessions_;
  absl::btree_map<MemberId, Waiting> waiting_;
  std::vector<SeqNo> received_;
  std::vector<MergingSide> sides_;
  size_t holders_ = 1;
  Pace pace_;
  uint64_t written_ = 0;  // Bytes of operations, of all time.
  MemberId last_served_;
};

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_DONOR_H_
