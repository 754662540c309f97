#include "map_transaction.h"

#include <algorithm>
#include <utility>

#include "hash_value.h"

namespace cohort::tools {

namespace {

// The value as commands see it: of an entry that has attributes only, a hash of them.
void ShowAttributes(const ReplicatedMap& map, std::string_view key, std::string& value) {
  if (!value.empty()) return;
  const absl::StatusOr<std::vector<Attribute>> attributes = map.GetAttributes(key);
  if (!attributes.ok() || attributes->empty()) return;  // Also: an ordered map.
  HashValue hash;
  for (const Attribute& attribute : *attributes) hash.Set(attribute.name, attribute.value);
  value = hash.Encode();
}

}  // namespace

MapTransaction::Cell& MapTransaction::Load(std::string_view key, bool with_value) {
  Cells& cells = cells_[selected_];
  const auto known = cells.find(key);
  if (known != cells.end()) {
    Cell& cell = known->second;
    if (with_value && cell.existed && !cell.written && !cell.has_value) LoadValue(key, cell);
    return cell;
  }
  // What is read from here on is not used: the command is refused.
  if (too_big()) return cells.insert_or_assign(std::string(), Cell()).first->second;
  bytes_ += key.size();
  Cell cell;
  absl::StatusOr<Entry> entry = Read(key);
  if (entry.ok()) {
    cell.existed = cell.exists = true;
    cell.version = entry->version;
    cell.has_value = with_value;
    if (with_value) {
      ShowAttributes(maps_[selected_], key, entry->value);
      bytes_ += entry->value.size();
      cell.value = {std::move(entry->value), entry->ttl};
    }
  }
  return cells.emplace(key, std::move(cell)).first->second;
}

absl::StatusOr<Entry> MapTransaction::Read(std::string_view key) {
  absl::StatusOr<Entry> entry = maps_[selected_].Get(key);
  unavailable_ = unavailable_ || entry.status().code() == absl::StatusCode::kUnavailable;
  return entry;
}

// The version stays that of the first look: if another one is there by now, the batch is refused
// and the command runs again.
void MapTransaction::LoadValue(std::string_view key, Cell& cell) {
  cell.has_value = true;
  absl::StatusOr<Entry> entry = Read(key);
  cell.exists = entry.ok();
  if (!entry.ok()) return;
  ShowAttributes(maps_[selected_], key, entry->value);
  bytes_ += entry->value.size();
  cell.value = {std::move(entry->value), entry->ttl};
}

bool MapTransaction::Select(size_t map) {
  if (map >= maps_.size()) return false;
  selected_ = map;
  return true;
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

std::vector<size_t> MapTransaction::WrittenMaps() const {
  std::vector<size_t> written;
  for (const auto& [map, cells] : cells_) {
    const bool any = std::any_of(cells.begin(), cells.end(), [](const auto& entry) {
      const Cell& cell = entry.second;
      return cell.written && (cell.exists || cell.existed);
    });
    if (any) written.push_back(map);
  }
  return written;
}

WriteBatch MapTransaction::ToBatch(size_t map) const {
  WriteBatch batch;
  const auto found = cells_.find(map);
  if (found == cells_.end()) return batch;
  for (const auto& [key, cell] : found->second) {
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
