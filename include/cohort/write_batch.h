// WriteBatch: several writes of one map, applied at one place of the order, all or none.
#ifndef COHORT_WRITE_BATCH_H_
#define COHORT_WRITE_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cohort/export.h"
#include "cohort/ids.h"

namespace cohort {

// A part of an entry of a convergent map that is written apart from the others.
struct Attribute {
  std::string name;  // 1 to kAttributeNameBytesMax bytes.
  std::string value;
};

// A value: build it, pass it to ReplicatedMap::Write, use it again. Not thread-safe. Later
// operations see what earlier ones of the batch did. Limits (checked by Write):
// kBatchOperationsMax operations; 64 MiB in all, or 1 MiB less 256 bytes for a convergent map.
class COHORT_EXPORT WriteBatch {
 public:
  // The meaning of each is that of the method of ReplicatedMap of this name. Lifetimes as in
  // WriteOptions::ttl.
  WriteBatch& Put(std::string_view key, std::string_view value,
                  absl::Duration ttl = absl::InfiniteDuration());
  WriteBatch& PutKeepingTtl(std::string_view key, std::string_view value);
  WriteBatch& PutIf(std::string_view key, Version expected, std::string_view value,
                    absl::Duration ttl = absl::InfiniteDuration());
  WriteBatch& PutIfAbsent(std::string_view key, std::string_view value,
                          absl::Duration ttl = absl::InfiniteDuration());
  WriteBatch& Erase(std::string_view key);
  WriteBatch& EraseIf(std::string_view key, Version expected);
  WriteBatch& Increment(std::string_view key, int64_t delta);
  WriteBatch& Append(std::string_view key, std::string_view suffix);
  WriteBatch& Expire(std::string_view key, absl::Duration ttl);
  WriteBatch& Persist(std::string_view key);
  // In a convergent map only. WriteOptions::by_owner, and if_present for these and erasures, hold
  // for the batch as a whole; keep_ttl holds for these.
  WriteBatch& PutAttributes(std::string_view key, std::vector<Attribute> attributes,
                            absl::Duration ttl = absl::InfiniteDuration());
  WriteBatch& EraseAttributes(std::string_view key, const std::vector<std::string>& names);

  size_t size() const { return operations_.size(); }
  bool empty() const { return operations_.empty(); }
  void clear() { operations_.clear(); }

  struct Operation {
    enum class Kind : uint8_t {
      kPut,
      kErase,
      kIncrement,
      kAppend,
      kExpire,
      kPersist,
      kPutAttributes,
      kEraseAttributes  // The names of `attributes`.
    };
    Kind kind = Kind::kPut;
    std::string key;
    std::string value;
    bool conditional = false;  // Only if the entry is at `expected`.
    Version expected;
    int64_t delta = 0;
    absl::Duration ttl = absl::InfiniteDuration();
    bool keep_ttl = false;
    std::vector<Attribute> attributes;
  };
  const std::vector<Operation>& operations() const { return operations_; }

 private:
  std::vector<Operation> operations_;
};

}  // namespace cohort

#endif  // COHORT_WRITE_BATCH_H_
