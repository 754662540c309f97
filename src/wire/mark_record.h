// MARK: what its sender's stream holds before it belongs to one verification, and what comes after
// does not (docs/protocol/map.md 8.32). It travels as the payload of a kCtrl chunk, so it has a
// place in the stream and passes what waits in the send queue.
//
// Bytes: kind u8 = 2 | instance of the asker u64 u64 | number u64, little-endian.
#ifndef COHORT_WIRE_MARK_RECORD_H_
#define COHORT_WIRE_MARK_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/buffer.h"
#include "base/types.h"

namespace cohort::wire {

struct MarkRecord {
  InstanceId asker;
  uint64_t number = 0;  // Of the asker's verification.
  bool operator==(const MarkRecord&) const = default;
};

inline constexpr size_t kMarkRecordBytes = 1 + 16 + 8;

Buffer EncodeMarkRecord(const MarkRecord& record);
// Empty when it is another record, or of another size.
std::optional<MarkRecord> ParseMarkRecord(Bytes payload);

}  // namespace cohort::wire

#endif  // COHORT_WIRE_MARK_RECORD_H_
