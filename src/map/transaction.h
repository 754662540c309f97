// The writes of one operation while it is judged: each item sees the drafts of the items before it,
// the map itself is touched only when all of them have passed. Internal to OrderedMap.
#ifndef COHORT_MAP_TRANSACTION_H_
#define COHORT_MAP_TRANSACTION_H_

#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "map/ordered_map.h"

namespace cohort::map {

class OrderedMap::Transaction {
 public:
  // `items`: how many will be judged.
  Transaction(const OrderedMap& map, uint64_t hlc, const Place& place, size_t items);

  ApplyResult Judge(const PutOp& op);
  ApplyResult Judge(const EraseOp& op);
  ApplyResult Judge(const IncrementOp& op);
  ApplyResult Judge(const AppendOp& op);
  ApplyResult Judge(const TouchOp& op);

  absl::InlinedVector<Draft, 1> TakeDrafts() { return std::move(drafts_); }

 private:
  // The entry as this transaction has left it, tombstones and expired ones too.
  const Entry* Current(uint64_t hash, std::string_view key) const;
  // As a reader at the operation's time sees it: null if erased or expired.
  const Entry* Visible(const Entry* current) const;
  absl::Status CheckCondition(Condition condition, const Version& wanted,
                              const Entry* visible) const;
  // Whether `value_size` bytes under `key` fit the byte cap in place of `current`.
  absl::Status CheckGrowth(std::string_view key, size_t value_size, const Entry* current);
  Version NextVersion(const Entry* current) const;
  GroupTime After(uint64_t ttl_ms) const;
  // Adds a draft that succeeds `current`; fills version and view, and `result`.
  Entry& AddDraft(std::string_view key, uint64_t hash, const Entry* current, ChangeCause cause,
                  ApplyResult& result);

  const OrderedMap& map_;
  const uint64_t hlc_;
  const GroupTime now_;
  const Place& place_;
  int64_t growth_ = 0;   // Of the byte count, by the drafts so far.
  int64_t written_ = 0;  // Bytes of the entries they write.
  bool several_;
  absl::InlinedVector<Draft, 1> drafts_;
  absl::flat_hash_map<absl::string_view, size_t>
      latest_;  // Key to its last draft; only if several_.
};

}  // namespace cohort::map

#endif  // COHORT_MAP_TRANSACTION_H_
