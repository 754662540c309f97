#include "transfer/donor_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "transfer/chunk_codec.h"
#include "transfer/limits.h"
#include "transfer/messages.h"

namespace cohort::transfer {

DonorSession::DonorSession(const Start& start, const MemberId& joiner, uint32_t attempt, bool helps,
                           size_t chunk_bytes, map::MapSetSnapshot snapshot)
    : start_(start),
      joiner_(joiner),
      attempt_(attempt),
      helps_(helps),
      chunk_bytes_(chunk_bytes),
      snapshot_(std::move(snapshot)),
      last_heard_(start.at) {}

// Spec 9.3
void DonorSession::Begin(const map::MapSettings& settings, std::vector<SeqNo> received,
                         std::vector<MergingSide> sides, Output& out) {
  BeginMessage begin;
  begin.view = snapshot_.view;
  begin.position = snapshot_.position;
  begin.settings = settings;
  begin.history = snapshot_.history;
  begin.received = std::move(received);
  begin.sides = std::move(sides);
  for (const map::Snapshot& map : snapshot_.maps) {
    begin.maps.push_back({map.name(), map.state(), map.entries(), map.bytes(), map.digest()});
  }
  out.messages.push_back({joiner_, EncodeBegin(attempt_, begin)});
  for (size_t id = 0; id < snapshot_.maps.size() && !helps_; ++id) {
    const map::Snapshot& map = snapshot_.maps[id];
    DigestsMessage digests{.map = static_cast<uint16_t>(id), .sums = {}};
    for (size_t bucket = 0; bucket < map.buckets(); ++bucket) {
      const size_t entries = map.EntriesIn(bucket);
      if (entries == 0) continue;
      digests.sums.push_back({static_cast<uint16_t>(bucket), static_cast<uint32_t>(entries),
                              map.BucketDigest(bucket)});
    }
    if (!digests.sums.empty()) out.messages.push_back({joiner_, EncodeDigests(attempt_, digests)});
  }
}

// Spec 9.5
bool DonorSession::OnWant(Instant now, std::vector<Want> wants) {
  size_t held = 0;
  for (const Want& want : wants) {
    held += want.held.size();
    if (want.map >= snapshot_.maps.size()) return false;
  }
  if (wanted_.size() + wants.size() > kWantedMax || wanted_held_ + held > kWantedHeldMax)
    return false;
  last_heard_ = now;
  wanted_held_ += held;
  for (Want& want : wants) wanted_.push_back(std::move(want));
  return true;
}

// Spec 9.5
bool DonorSession::OnAck(Instant now, uint32_t chunks) {
  if (chunks > next_chunk_) return false;
  last_heard_ = now;
  if (chunks <= acked_) return true;
  for (; acked_ < chunks; ++acked_) {
    bytes_in_flight_ -= unacked_bytes_.front();
    unacked_bytes_.pop_front();
  }
  return true;
}

// Spec 9.5. What it takes to be acknowledged may always be in flight.
bool DonorSession::MaySend() const {
  const uint32_t in_flight = next_chunk_ - acked_;
  if (in_flight < kAckEvery) return true;
  return in_flight < kChunksInFlight && bytes_in_flight_ < kBytesInFlightMax;
}

bool DonorSession::HasToSend() const {
  return MaySend() && (!parted_head_.empty() || current_.has_value() || !wanted_.empty());
}

void DonorSession::SendOne(Output& out) {
  if (!parted_head_.empty()) {
    SendPart(out);
  } else {
    SendChunk(out);
  }
}

void DonorSession::Load(const Want& want) {
  current_ = {.map = want.map,
              .bucket = want.bucket,
              .whole = want.held.empty(),
              .entries = snapshot_.maps[want.map].EntriesOf(want.bucket),
              .at = 0};
  wanted_held_ -= want.held.size();
  if (want.held.empty()) return;
  std::vector<uint64_t> held = want.held;
  std::sort(held.begin(), held.end());
  std::erase_if(current_->entries, [&](const auto& item) {
    return std::binary_search(held.begin(), held.end(), static_cast<uint64_t>(item.second->digest));
  });
}

// Spec 9.4
void DonorSession::SendChunk(Output& out) {
  // A chunk is measured first and then filled, so that its memory is allocated once. It goes on
  // over buckets of one map; those that are in it are released only when it is written.
  map::SortedEntries batch;
  std::vector<size_t> sent_whole;
  size_t bytes = kChunkHeaderBytes;
  const size_t map = current_.has_value() ? current_->map : wanted_.front().map;
  while (true) {
    if (!current_.has_value()) {
      if (wanted_.empty() || wanted_.front().map != map) break;
      Load(wanted_.front());
      wanted_.pop_front();
    }
    if (current_->at == current_->entries.size()) {
      ++buckets_;
      if (current_->whole) sent_whole.push_back(current_->bucket);
      current_.reset();
      continue;
    }
    const auto& [key, entry] = current_->entries[current_->at];
    const size_t size = ChunkBytesOf(*key, *entry);
    if (!batch.empty() && bytes + size > chunk_bytes_) break;
    bytes += size;
    batch.push_back(current_->entries[current_->at++]);
  }
  if (bytes > kChunkBytesMax) {
    SendInParts(map, *batch.front().first, *batch.front().second);
    SendPart(out);
  } else {
    ChunkWriter writer(attempt_, next_chunk_, static_cast<uint16_t>(map), buckets_, bytes);
    for (const auto& [key, entry] : batch) writer.Add(*key, *entry);
    out.messages.push_back({joiner_, writer.Finish()});
    Count(bytes);
  }
  // Encoded: writers need not copy it any more. One of which the joiner holds something may be
  // asked for once more.
  for (const size_t bucket : sent_whole) snapshot_.maps[map].Release(bucket);
}

void DonorSession::Count(size_t bytes) {
  bytes_ += bytes;
  bytes_in_flight_ += bytes;
  unacked_bytes_.push_back(bytes);
  ++next_chunk_;
}

// Spec 9.11. The value is not copied but for the part that leaves.
void DonorSession::SendInParts(size_t map, const std::string& key, const map::Entry& entry) {
  const size_t total = kChunkHeaderBytes + ChunkBytesOf(key, entry);
  const size_t parts = (total + kPartBytesMax - 1) / kPartBytesMax;
  ChunkWriter writer(attempt_, next_chunk_ + static_cast<uint32_t>(parts - 1),
                     static_cast<uint16_t>(map), buckets_, total - entry.value.size());
  writer.AddWithoutValue(key, entry);
  parted_head_ = writer.Finish();
  parted_value_ = entry.value;
  parted_at_ = 0;
}

void DonorSession::SendPart(Output& out) {
  const size_t head = parted_head_.size();
  const size_t total = head + parted_value_.size();
  const size_t size = std::min(kPartBytesMax, total - parted_at_);
  Buffer part = EncodePart(attempt_, next_chunk_, static_cast<uint32_t>(total), size);
  std::byte* to = part.Fill().data() + kPartHeaderBytes;
  const size_t of_head = parted_at_ < head ? std::min(size, head - parted_at_) : 0;
  if (of_head > 0) std::memcpy(to, parted_head_.data() + parted_at_, of_head);
  const size_t value_at = parted_at_ + of_head - head;
  if (size > of_head) std::memcpy(to + of_head, parted_value_.data() + value_at, size - of_head);
  parted_at_ += size;
  out.messages.push_back({joiner_, std::move(part)});
  Count(size);
  if (parted_at_ < total) return;
  parted_head_ = Buffer();
  parted_value_ = Buffer();
}

bool DonorSession::IsConsistent() const {
  return acked_ <= next_chunk_ && next_chunk_ - acked_ <= kChunksInFlight &&
         unacked_bytes_.size() == next_chunk_ - acked_ && wanted_.size() <= kWantedMax &&
         (!current_.has_value() || current_->at <= current_->entries.size());
}

}  // namespace cohort::transfer
