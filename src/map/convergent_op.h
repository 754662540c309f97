// Operations of a convergent map, as values. Their bytes are proto/cohort/v1/convergent.proto
// (convergent_op_codec.h); the time of an operation, and the lives it writes to, travel behind them
// (convergent_stamp.h), because they are given only when the message leaves (Spec 11.9).
//
// The strings are borrowed: from the caller when encoding, from the bytes that were decoded when
// joining.
#ifndef COHORT_MAP_CONVERGENT_OP_H_
#define COHORT_MAP_CONVERGENT_OP_H_

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "cohort/ids.h"
#include "map/map_op.h"
#include "map/types.h"

namespace cohort::map {

// What one operation does to one entry; the registers named take the operation's stamp.
struct ConvergentItem {
  enum class Kind : uint8_t {
    kReplace = 0,  // What was there before is gone, and a life begins with `writes`.
    kErase = 1,    // What was there before is gone.
    kWrite = 2,    // `writes` to the life that goes on, or to one that begins.
    kTouch = 3,    // An access, or a lifetime, of the life that goes on.
  };
  struct Write {
    std::string_view name;  // Empty: the value of the entry as a whole.
    std::string_view value;
    bool absent = false;
  };
  std::string_view key;
  Kind kind = Kind::kReplace;
  bool sets_ttl = false;
  uint64_t ttl_ms = 0;
  GroupTime accessed_at = 0;  // 0: this is no access.
  bool by_owner = false;      // Only if the sender owns the entry, or it is not there.
  bool if_present = false;    // Only if the entry is there when the operation leaves.
  absl::InlinedVector<Write, 1> writes;

  // Whether the stamp says what becomes of the life that was there.
  bool NeedsLife() const { return kind == Kind::kWrite || kind == Kind::kTouch; }
};

struct ConvergentOp {
  std::string_view map;
  bool clears = false;                           // All that is older is gone.
  absl::InlinedVector<ConvergentItem, 1> items;  // Most have one, of one write.

  size_t Lives() const {  // That its stamp speaks of.
    return static_cast<size_t>(std::count_if(
        items.begin(), items.end(), [](const ConvergentItem& item) { return item.NeedsLife(); }));
  }
};

// Who wrote an operation, and in which view it was delivered.
struct ConvergentPlace {
  MemberId writer;
  ViewId view;
};

// What has to hold when an operation leaves; else it does nothing.
struct ConvergentFence {
  bool by_owner = false;    // The sender owns its entries: else kAborted.
  bool if_present = false;  // What it erases, or writes attributes of, is there: else kNotFound.
};

// Writes to attributes of one entry, as a caller asks for them.
struct AttributesOp {
  struct Write {
    std::string_view name;
    std::string_view value;
    bool absent = false;
  };
  std::string_view key;
  std::vector<Write> writes;
  bool sets_ttl = false;  // To `ttl_ms`; otherwise the lifetime that is there begins again ...
  uint64_t ttl_ms = 0;
  bool keep_ttl = false;  // ... unless this leaves it as it is.
};

// Several writes with one stamp, all or none.
struct ConvergentBatchOp {
  using Item = std::variant<PutOp, EraseOp, IncrementOp, AppendOp, TouchOp, AttributesOp>;
  std::vector<Item> items;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_CONVERGENT_OP_H_
