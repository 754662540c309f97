// ORDER: the sequencer's decision, one cut. It travels as the payload of a kCtrl chunk of the
// sequencer, so it is repaired and stable like any chunk.
//
// Bytes: kind u8 = 1 | cut u64 | runs u16 | runs x { rank u16 | delta u16 }, little-endian. A cut
// says how many further chunks of each sender it takes; ranks ascend, and a rank that advances by
// more than 65535 is listed again.
#ifndef COHORT_WIRE_ORDER_RECORD_H_
#define COHORT_WIRE_ORDER_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/inlined_vector.h"
#include "base/buffer.h"
#include "base/types.h"
#include "wire/limits.h"

namespace cohort::wire {

// First byte of the payload of a kCtrl chunk: which control record it is.
enum class ControlRecord : uint8_t { kOrder = 1, kMark = 2 };

struct OrderRun {
  Rank rank = 0;
  uint16_t delta = 0;  // At least 1.
  bool operator==(const OrderRun&) const = default;
};

struct OrderRecord {
  CutNo cut = 0;
  absl::InlinedVector<OrderRun, 8> runs;  // 1 to kOrderRunsMax, ranks ascending (not strictly).
  bool operator==(const OrderRecord&) const = default;
};

inline constexpr size_t kOrderHeaderBytes = 1 + 8 + 2;
inline constexpr size_t kOrderRunBytes = 4;
inline constexpr size_t kOrderRunsMax =
    (kChunkPayloadMax - kOrderHeaderBytes) / kOrderRunBytes;  // 345

// Empty when the record breaks its rules: no or too many runs, an empty run, ranks not ascending.
Buffer EncodeOrderRecord(const OrderRecord& record);
std::optional<OrderRecord> ParseOrderRecord(Bytes payload);
std::string ToString(const OrderRecord& record);

}  // namespace cohort::wire

#endif  // COHORT_WIRE_ORDER_RECORD_H_
