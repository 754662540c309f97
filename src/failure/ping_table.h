// PINGs that wait for their PONG: our own and those we send for somebody else. Bounded; the oldest
// is forgotten.
#ifndef COHORT_FAILURE_PING_TABLE_H_
#define COHORT_FAILURE_PING_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/types.h"
#include "failure/options.h"

namespace cohort::failure {

class PingTable {
 public:
  // How long a PONG may take and still prove life.
  static constexpr Duration kLifetime = milliseconds(500);

  struct Entry {
    uint32_t nonce = 0;
    Rank target = kNoRank;
    Instant sent;              // Real.
    Rank requester = kNoRank;  // For whom it is sent; kNoRank: our own.
    uint32_t requester_nonce = 0;
    bool indirect = false;  // Our own, sent through another member; may be answered more than once.
  };

  // Remembers a new ping and returns its nonce.
  uint32_t Add(Entry entry) {
    if (entries_.size() >= kPingsInFlightMax) entries_.pop_front();
    entry.nonce = next_nonce_++;
    entries_.push_back(entry);
    return entry.nonce;
  }
  // The ping that `nonce` answers, unless it is unknown or too old.
  std::optional<Entry> Find(Instant now, uint32_t nonce) {
    while (!entries_.empty() && now - entries_.front().sent > kLifetime) entries_.pop_front();
    for (const Entry& entry : entries_) {
      if (entry.nonce == nonce) return entry;
    }
    return std::nullopt;
  }
  void Clear() { entries_.clear(); }
  size_t size() const { return entries_.size(); }

 private:
  std::deque<Entry> entries_;
  uint32_t next_nonce_ = 1;
};

}  // namespace cohort::failure

#endif  // COHORT_FAILURE_PING_TABLE_H_
