#include "wire/mark_record.h"

#include "wire/byte_reader.h"
#include "wire/byte_writer.h"
#include "wire/order_record.h"

namespace cohort::wire {

Buffer EncodeMarkRecord(const MarkRecord& record) {
  Buffer payload = Buffer::Allocate(kMarkRecordBytes);
  ByteWriter writer(payload.Fill());
  writer.WriteU8(static_cast<uint8_t>(ControlRecord::kMark));
  writer.WriteU64(record.asker.hi);
  writer.WriteU64(record.asker.lo);
  writer.WriteU64(record.number);
  return payload;
}

std::optional<MarkRecord> ParseMarkRecord(Bytes payload) {
  ByteReader reader(payload);
  const bool is_mark = reader.ReadU8() == static_cast<uint8_t>(ControlRecord::kMark);
  MarkRecord record;
  record.asker.hi = reader.ReadU64();
  record.asker.lo = reader.ReadU64();
  record.number = reader.ReadU64();
  if (!is_mark || !reader.AtEnd()) return std::nullopt;
  return record;
}

}  // namespace cohort::wire
