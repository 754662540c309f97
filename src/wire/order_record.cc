#include "wire/order_record.h"

#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace cohort::wire {
namespace {

static_assert(kOrderRunsMax <= 0xFFFF);
static_assert(kOrderHeaderBytes + kOrderRunsMax * kOrderRunBytes <= kChunkPayloadMax);

bool IsValid(const OrderRecord& record) {
  if (record.runs.empty() || record.runs.size() > kOrderRunsMax) return false;
  Rank before = 0;
  for (const OrderRun& run : record.runs) {
    if (run.delta == 0 || run.rank < before) return false;
    before = run.rank;
  }
  return true;
}

}  // namespace

Buffer EncodeOrderRecord(const OrderRecord& record) {
  if (!IsValid(record)) return {};
  Buffer payload = Buffer::Allocate(kOrderHeaderBytes + record.runs.size() * kOrderRunBytes);
  ByteWriter writer(payload.Fill());
  writer.WriteU8(static_cast<uint8_t>(ControlRecord::kOrder));
  writer.WriteU64(record.cut);
  writer.WriteU16(static_cast<uint16_t>(record.runs.size()));
  for (const OrderRun& run : record.runs) {
    writer.WriteU16(run.rank);
    writer.WriteU16(run.delta);
  }
  COHORT_CHECK(writer.ok() && writer.room() == 0);
  return payload;
}

std::optional<OrderRecord> ParseOrderRecord(Bytes payload) {
  ByteReader reader(payload);
  const uint8_t kind = reader.ReadU8();
  OrderRecord record;
  record.cut = reader.ReadU64();
  const size_t count = reader.ReadU16();
  if (!reader.ok() || kind != static_cast<uint8_t>(ControlRecord::kOrder) ||
      count > kOrderRunsMax || reader.left() != count * kOrderRunBytes) {
    return std::nullopt;
  }
  record.runs.resize(count);
  for (OrderRun& run : record.runs) {
    run.rank = reader.ReadU16();
    run.delta = reader.ReadU16();
  }
  if (!IsValid(record)) return std::nullopt;
  return record;
}

std::string ToString(const OrderRecord& record) {
  std::string text = "ORDER cut " + std::to_string(record.cut) + " takes";
  for (const OrderRun& run : record.runs) {
    text += " " + std::to_string(run.rank) + ":+" + std::to_string(run.delta);
  }
  return text;
}

}  // namespace cohort::wire
