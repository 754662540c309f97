// What a command reads and wants to write, on a private copy of the entries it touches.
//
// Commands run against it at once; ToBatch() then turns the difference into conditional writes at
// the versions that were read, so the batch takes effect as if nothing had happened in between, or
// not at all, and the command runs again. Sees its own writes. It may read several maps, one after
// the other, but a batch belongs to one: whoever offers it checks WrittenMaps(). Not thread-safe.
#ifndef COHORT_TOOLS_MAP_TRANSACTION_H_
#define COHORT_TOOLS_MAP_TRANSACTION_H_

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cohort/replicated_map.h"

namespace cohort::tools {

// Keys and values that one command or transaction copies. Beyond it nothing more is read, and
// too_big() says so.
inline constexpr size_t kTransactionBytesMax = (size_t{64} << 20) + (size_t{64} << 10);
inline constexpr std::string_view kTransactionTooBig =
    "ERR the entries of one command or transaction have more than 64 MiB: name fewer keys at a "
    "time";

class MapTransaction {
 public:
  struct Value {
    std::string bytes;
    absl::Duration ttl = absl::InfiniteDuration();
  };

  // `selected`: the one of `maps` that keys belong to, until Select.
  MapTransaction(std::span<const ReplicatedMap> maps, size_t selected)
      : maps_(maps), selected_(selected) {}

  bool Select(size_t map);  // False: there is no such map.
  size_t selected() const { return selected_; }

  const Value* Find(std::string_view key);  // Null: absent. Valid until the key is written.
  bool Exists(std::string_view key) { return Load(key, false).exists; }
  void Put(std::string_view key, std::string_view bytes,
           absl::Duration ttl = absl::InfiniteDuration());
  // Keeps the lifetime of an entry that is there.
  void Replace(std::string_view key, std::string_view bytes);
  bool Erase(std::string_view key);  // Whether it was there.
  bool SetTtl(std::string_view key, absl::Duration ttl);

  std::vector<size_t> WrittenMaps() const;
  // Work done over what was read already.
  void CountRead(size_t bytes) { bytes_ += bytes; }
  bool too_big() const { return bytes_ > kTransactionBytesMax; }
  // A key was asked for while this member had no complete state: what was read is not used.
  bool unavailable() const { return unavailable_; }
  WriteBatch ToBatch(size_t map) const;

 private:
  struct Cell {
    Version version;  // As read; None() if absent.
    bool existed = false;
    bool exists = false;
    bool written = false;
    bool has_value = false;  // Not copied where only the existence was asked for.
    Value value;
  };
  using Cells = std::map<std::string, Cell, std::less<>>;
  Cell& Load(std::string_view key, bool with_value = true);
  absl::StatusOr<Entry> Read(std::string_view key);
  void LoadValue(std::string_view key, Cell& cell);

  const std::span<const ReplicatedMap> maps_;
  size_t selected_;
  size_t bytes_ = 0;
  bool unavailable_ = false;
  std::map<size_t, Cells> cells_;  // By map.
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_MAP_TRANSACTION_H_
