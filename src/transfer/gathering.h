// Puts a state together out of buckets that several donors send.
//
// Idea: one donor says what the state is: the digest of each bucket at one place of the order. A
// bucket is done when what is held of it has that digest, wherever it came from: from that donor,
// from another one that helps, or from what this member held before (an attempt that broke off, a
// life before it was excluded). Nothing else makes it right, so nothing else needs to be agreed on:
// the helpers' snapshots may be of other places. What a helper sends of a bucket that was written
// between the two places is not what was announced; it stays as a beginning, and the donor is asked
// for the entries that differ.
//
// Wants are handed out in small amounts from one list, so that a fast donor does more; what waits
// for a slow one is given to one that has nothing to do.
//
// Limits: limits.h. Errors: a helper that fails is left; a donor that fails ends the gathering, and
// why() says how. Thread rule: none inside; owned by a Joiner.
#ifndef COHORT_TRANSFER_GATHERING_H_
#define COHORT_TRANSFER_GATHERING_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/instant.h"
#include "map/map_set.h"
#include "transfer/bucket_codec.h"
#include "transfer/chunk_codec.h"
#include "transfer/limits.h"
#include "transfer/messages.h"
#include "transfer/output.h"

namespace cohort::transfer {

class Gathering {
 public:
  struct Options {
    size_t helpers_max = kHelpersMax;
    uint64_t helped_bytes_min = kHelpedBytesMin;  // Of a smaller state there is no help.
    Duration silence_max = seconds(5);            // A donor that is to send and does not is left.
    // What one was asked for and did not send for so long is given to one that has nothing to do.
    Duration slow_after = milliseconds(200);
  };
  struct Stats {
    uint64_t buckets_kept = 0;     // Held before, and what the state has.
    uint64_t buckets_patched = 0;  // Of those that were held, only what differed was wanted.
    uint64_t buckets_again = 0;    // What came was of another place or incomplete.
    uint64_t buckets_moved = 0;    // Given to another donor.
    uint64_t helpers = 0;
    uint64_t helpers_lost = 0;
    uint64_t bytes = 0;  // Of chunks.
    uint64_t malformed = 0;
    uint64_t digest_mismatches = 0;
  };
  enum class Progress : uint8_t { kGoesOn, kWhole, kFailed };

  // `maps`: those that `begin` announces, with what is held of them. It and `stats` outlive this.
  Gathering(Instant now, const Options& options, uint32_t attempt, const MemberId& donor,
            const BeginMessage& begin, map::MapSet& maps, Stats& stats);

  // An empty state is whole at once.
  Progress OnBegun(Output& out) { return State(out); }
  // Asks some of `others`, the best first, to help.
  void AskForHelp(Instant now, const ViewId& view, const std::vector<MemberId>& others,
                  Output& out);
  // A message of this attempt. kFailed is final.
  Progress OnMessage(Instant now, const MemberId& from, const Header& header, Bytes body,
                     Output& out);
  bool Knows(const MemberId& member) const { return PeerOf(member) != nullptr; }
  // Helpers that are gone are done without.
  void OnHelperGone(Instant now, const MemberId& member, Output& out);
  void OnDonors(Instant now, const std::vector<MemberId>& donors, Output& out);
  // Tells everybody who sends that nothing more is wanted.
  void Release(bool whole, Output& out);

  Instant NextDeadline() const;
  Progress OnTimer(Instant now, Output& out);

  // Whether all is here and what was announced.
  bool whole() const { return remaining_ == 0 && digests_awaited_ == 0; }
  const std::string& why() const { return why_; }
  uint64_t bytes_received() const { return bytes_received_; }
  bool IsConsistent() const;

 private:
  struct Staged {
    std::string key;
    map::Entry entry;
  };
  // A bucket that a donor was asked for, and what has come of it.
  struct Asked {
    uint16_t map = 0;
    uint16_t bucket = 0;
    bool whole = false;
    size_t bytes = 0;  // About what is to come.
    Instant since;
    std::vector<Staged> entries;
  };
  struct Peer {
    MemberId id;
    bool is_donor = false;
    bool ready = false;
    bool moved = false;  // What it was asked for was given to others as well.
    Instant heard;
    std::deque<Asked> asked;
    size_t asked_bytes = 0;
    size_t at = 0;  // Of `asked`: where the next entry belongs.
    uint32_t buckets = 0;
    uint32_t next_chunk = 0;
    Buffer parted;            // A chunk that comes in parts ...
    size_t parted_bytes = 0;  // ... and how much of it is here.
  };
  struct Target {
    map::Digest digest;
    uint32_t entries = 0;
    bool done = true;
    bool fresh = false;  // What is held is no beginning.
    bool again = false;  // Perhaps in a list although somebody was asked for it.
  };
  struct BucketId {
    uint16_t map = 0;
    uint16_t bucket = 0;
  };

  Peer* PeerOf(const MemberId& member);
  const Peer* PeerOf(const MemberId& member) const;
  Target& TargetOf(const BucketId& id) { return targets_[id.map][id.bucket]; }
  void Expect(uint32_t map, uint16_t bucket, const Target& target);
  bool OnHelperBegin(const BeginMessage& begin, Peer& peer) const;
  bool OnDigests(const DigestsMessage& digests);
  bool OnAny(Peer& peer, const Header& header, Bytes body, Output& out);
  bool OnChunk(Peer& peer, Bytes body, const Buffer* owner, Output& out);
  bool OnPart(Peer& peer, const PartMessage& part, Output& out);
  bool Stage(Peer& peer, uint16_t map, ChunkReader::Item& item, const Buffer* owner);
  bool Commit(const Peer& peer, Asked asked);
  bool HasTooMany(const Peer& peer, const Asked& asked);
  void CountChunk(Peer& peer, Output& out);
  std::optional<BucketId> NextFor(const Peer& peer);
  static bool IsAsked(const Peer& peer, const BucketId& id);
  Want WantOf(const BucketId& id) const;
  void TopUp(Instant now, Output& out);
  void TopUp(Instant now, Peer& peer, Output& out);
  void DropHelper(size_t index, Output& out);
  void GiveBack(Peer& peer);
  bool IsIdle(const Peer& peer) const { return peer.ready && peer.asked.empty(); }
  bool IsAwaited(const Peer& peer) const;
  bool HasIdle() const;
  Progress State(Output& out);
  bool Malformed(std::string why);
  Progress Fail(std::string why);

  const Options options_;
  const uint32_t attempt_;
  map::MapSet& maps_;
  Stats& stats_;
  std::vector<BeginMessage::Map> announced_;
  std::vector<Peer> peers_;  // The donor first.
  std::vector<std::vector<Target>> targets_;
  size_t digests_awaited_ = 0;  // Maps.
  uint64_t remaining_ = 0;      // Buckets that are not done.
  std::deque<BucketId> open_;   // Nobody was asked for them yet ...
  std::deque<BucketId> owed_;   // ... or somebody who helps has sent something else.
  std::string why_;
  uint64_t bytes_received_ = 0;
};

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_GATHERING_H_
