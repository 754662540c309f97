// One joiner being served: a snapshot, where in it the walk is, and what is in flight.
#ifndef COHORT_TRANSFER_DONOR_SESSION_H_
#define COHORT_TRANSFER_DONOR_SESSION_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/types.h"
#include "map/map_set.h"
#include "transfer/output.h"

namespace cohort::transfer {

class DonorSession {
 public:
  DonorSession(Instant now, const MemberId& joiner, uint32_t attempt, size_t chunk_bytes,
               map::MapSetSnapshot snapshot);

  // BEGIN, and as much as may be in flight. `settings`: of maps yet to come.
  // `received`: see BeginMessage.
  void Begin(const map::MapSettings& settings, std::vector<SeqNo> received, Output& out);
  // False if the joiner acknowledges what was never sent.
  bool OnAck(Instant now, uint32_t chunks, Output& out);

  uint32_t attempt() const { return attempt_; }
  bool done() const { return ended_; }
  Instant last_heard() const { return last_heard_; }
  uint64_t bytes() const { return bytes_; }
  uint32_t chunks() const { return next_chunk_; }
  bool IsConsistent() const;

 private:
  void Fill(Output& out);
  bool MaySend() const;
  bool LoadBucket();  // The next bucket that holds something into `entries_`; false at the end.
  void SendChunk(Output& out);  // From `entries_`, at least one.
  void SendInParts(size_t map, const std::string& key, const map::Entry& entry);
  void SendPart(Output& out);
  void Count(size_t bytes);
  void SendEnd(Output& out);

  const MemberId joiner_;
  const uint32_t attempt_;
  const size_t chunk_bytes_;
  map::MapSetSnapshot snapshot_;
  Instant last_heard_;
  size_t map_ = 0;
  size_t bucket_ = 0;           // Next to load.
  map::SortedEntries entries_;  // Of bucket bucket_ - 1.
  size_t entries_at_ = 0;
  // A chunk of one large entry that is being sent in parts: its beginning, its value, and how far.
  Buffer parted_head_;
  Buffer parted_value_;
  size_t parted_at_ = 0;
  uint32_t next_chunk_ = 0;
  uint32_t acked_ = 0;
  std::deque<size_t> unacked_bytes_;  // Of each chunk in flight, oldest first ...
  size_t bytes_in_flight_ = 0;        // ... and their sum.
  uint64_t bytes_ = 0;
  bool ended_ = false;
};

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_DONOR_SESSION_H_
