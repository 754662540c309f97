// One joiner being served: a snapshot, the buckets of it that are wanted, and what is in flight.
#ifndef COHORT_TRANSFER_DONOR_SESSION_H_
#define COHORT_TRANSFER_DONOR_SESSION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/types.h"
#include "map/map_set.h"
#include "transfer/bucket_codec.h"
#include "transfer/output.h"

namespace cohort::transfer {

class DonorSession {
 public:
  // When it began, and how many bytes had been written by then.
  struct Start {
    Instant at;
    uint64_t written = 0;
  };
  // `helps`: another donor says what the state is.
  DonorSession(const Start& start, const MemberId& joiner, uint32_t attempt, bool helps,
               size_t chunk_bytes, map::MapSetSnapshot snapshot);

  // BEGIN, and DIGESTS unless it helps. `settings`: of maps yet to come. `received`, `sides`: see
  // BeginMessage.
  void Begin(const map::MapSettings& settings, std::vector<SeqNo> received,
             std::vector<MergingSide> sides, Output& out);
  // False if the joiner wants what is not there, or more than it may at once.
  bool OnWant(Instant now, std::vector<Want> wants);
  // False if the joiner acknowledges what was never sent.
  bool OnAck(Instant now, uint32_t chunks);
  // Something is wanted, and no more is in flight than may be.
  bool HasToSend() const;
  void SendOne(Output& out);  // A chunk, or a part of one. HasToSend() holds.

  const Start& start() const { return start_; }
  uint32_t attempt() const { return attempt_; }
  bool helps() const { return helps_; }
  Instant last_heard() const { return last_heard_; }
  uint64_t bytes() const { return bytes_; }
  uint32_t chunks() const { return next_chunk_; }
  bool IsConsistent() const;

 private:
  // The bucket that is being sent.
  struct Current {
    size_t map = 0;
    size_t bucket = 0;
    bool whole = false;  // The joiner holds nothing of it.
    map::SortedEntries entries;
    size_t at = 0;
  };
  bool MaySend() const;
  void Load(const Want& want);
  void SendChunk(Output& out);
  void SendInParts(size_t map, const std::string& key, const map::Entry& entry);
  void SendPart(Output& out);
  void Count(size_t bytes);

  const Start start_;
  const MemberId joiner_;
  const uint32_t attempt_;
  const bool helps_;
  const size_t chunk_bytes_;
  map::MapSetSnapshot snapshot_;
  Instant last_heard_;
  std::deque<Want> wanted_;
  size_t wanted_held_ = 0;  // Entries that they name.
  std::optional<Current> current_;
  uint32_t buckets_ = 0;  // Wanted ones that are sent to the end.
  // A chunk of one large entry that is being sent in parts: its beginning, its value, and how far.
  Buffer parted_head_;
  Buffer parted_value_;
  size_t parted_at_ = 0;
  uint32_t next_chunk_ = 0;
  uint32_t acked_ = 0;
  std::deque<size_t> unacked_bytes_;  // Of each chunk in flight, oldest first ...
  size_t bytes_in_flight_ = 0;        // ... and their sum.
  uint64_t bytes_ = 0;
};

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_DONOR_SESSION_H_
