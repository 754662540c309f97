#include "map_transaction.h"

#include <algorithm>
#include <utility>

namespace cohort::tools {

MapTransaction::Cell& MapTransaction::Load(std::string_view key, bool with_value) {
  const auto known = cells_.find(key);
  if (known != cells_.end()) {
    Cell& cell = known->second;
    if (with_value && cell.existed && !cell.written && !cell.has_value) LoadValue(key, cell);
    return cell;
  }
  // What is read from here on is not used: the command is refused.
  if (too_big()) return cells_.insert_or_assign(std::string(), Cell()).first->second;
  bytes_ += key.size();
  Cell cell;
  absl::StatusOr<Entry> entry = map_.Get(key);
  if (entry.ok()) {
    cell.existed = cell.exists = true;
    cell.version = entry->version;
    cell.has_value = with_value;
    if (with_value) {
      bytes_ += entry->value.size();
      cell.value = {std::move(entry->value), entry->ttl};
    }
  }
  return cells_.emplace(key, std::move(cell)).first->second;
}

// The version stays that of the first look: if another one is there by now, the batch is refused
// and the command runs again.
void MapTransaction::LoadValue(std::string_view key, Cell& cell) {
  cell.has_value = true;
  absl::StatusOr<Entry> entry = map_.Get(key);
  cell.exists = entry.ok();
  if (!entry.ok()) return;
  bytes_ += entry->value.size();
  cell.value = {std::move(entry->value), entry->ttl};
}

const MapTransaction::Value* MapTransaction::Find(std::string_view key) {
  const Cell& cell = Load(key);
  return cell.exists ? &cell.value : nullptr;
}

void MapTransaction::Put(std::string_view key, std::string_view bytes, absl::Duration ttl) {
  Cell& cell = Load(key, false);
  cell.exists = cell.written = cell.has_value = true;
  cell.value = {std::string(bytes), ttl};
}

void MapTransaction::Replace(std::string_view key, std::string_view bytes) {
  Cell& cell = Load(key);
  Put(key, bytes, cell.exists ? cell.value.ttl : absl::InfiniteDuration());
}

bool MapTransaction::Erase(std::string_view key) {
  Cell& cell = Load(key, false);
  if (!cell.exists) return false;
  cell.exists = false;
  cell.written = true;
  return true;
}

bool MapTransaction::SetTtl(std::string_view key, absl::Duration ttl) {
  Cell& cell = Load(key);
  if (!cell.exists) return false;
  cell.value.ttl = ttl;
  cell.written = true;
  return true;
}

bool MapTransaction::HasWrites() const {
  return std::any_of(cells_.begin(), cells_.end(), [](const auto& entry) {
    const Cell& cell = entry.second;
    return cell.written && (cell.exists || cell.existed);
  });
}

WriteBatch MapTransaction::ToBatch() const {
  WriteBatch batch;
  for (const auto& [key, cell] : cells_) {
    if (!cell.written) continue;
    if (cell.exists) {
      batch.PutIf(key, cell.version, cell.value.bytes, cell.value.ttl);
    } else if (cell.existed) {
      batch.EraseIf(key, cell.version);
    }
  }
  return batch;
}

}  // namespace cohort::tools
