// Operations of a convergent map, as values. Their bytes are proto/cohort/v1/convergent.proto
// (convergent_op_codec.h); the time of an operation travels beside them, because it is given only
// when the message leaves (Spec 11.9).
//
// The strings are borrowed: from the caller when encoding, from the decoder until its next Decode()
// when joining.
#ifndef COHORT_MAP_CONVERGENT_OP_H_
#define COHORT_MAP_CONVERGENT_OP_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "cohort/ids.h"
#include "map/types.h"

namespace cohort::map {

// What one operation does to one entry; the registers named take the operation's stamp.
struct ConvergentItem {
  struct Write {
    std::string_view name;  // Empty: the value of the entry as a whole.
    std::string_view value;
    bool absent = false;
  };
  std::string_view key;
  bool ends = false;     // What was there before is gone ...
  bool creates = false;  // ... and a life begins (alone: one that was not there).
  // Of a life that begins where nothing is known: up to here all is known that ever was.
  uint64_t floor_time = 0;
  Version life;  // Else: when the life began that attributes are written to.
  bool sets_ttl = false;
  uint64_t ttl_ms = 0;
  GroupTime accessed_at = 0;  // 0: this is no access.
  std::vector<Write> writes;
};

struct ConvergentOp {
  std::string_view map;
  bool clears = false;  // All that is older is gone.
  std::vector<ConvergentItem> items;
};

// Who wrote an operation, when, and in which view it was delivered.
struct ConvergentPlace {
  uint64_t time = 0;  // Hybrid logical.
  MemberId writer;
  ViewId view;
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

}  // namespace cohort::map

#endif  // COHORT_MAP_CONVERGENT_OP_H_
