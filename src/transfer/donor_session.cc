#include "transfer/donor_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "transfer/chunk_codec.h"
#include "transfer/limits.h"
#include "transfer/messages.h"

namespace cohort::transfer {

DonorSession::DonorSession(Instant now, const MemberId& joiner, uint32_t attempt,
                           size_t chunk_bytes, map::MapSetSnapshot snapshot)
    : joiner_(joiner),
      attempt_(attempt),
      chunk_bytes_(chunk_bytes),
      snapshot_(std::move(snapshot)),
      last_heard_(now) {}

void DonorSession::Begin(const map::MapSettings& settings, std::vector<SeqNo> received,
                         Output& out) {
  BeginMessage begin;
  begin.view = snapshot_.view;
  begin.position = snapshot_.position;
  begin.settings = settings;
  begin.history = snapshot_.history;
  begin.received = std::move(received);
  for (const map::Snapshot& map : snapshot_.maps) {
    begin.maps.push_back({map.name(), map.state(), map.entries(), map.bytes()});
  }
  out.messages.push_back({joiner_, EncodeBegin(attempt_, begin)});
  Fill(out);
}

// Spec 9.5
bool DonorSession::OnAck(Instant now, uint32_t chunks, Output& out) {
  if (chunks > next_chunk_) return false;
  last_heard_ = now;
  if (chunks <= acked_) return true;
  for (; acked_ < chunks; ++acked_) {
    bytes_in_flight_ -= unacked_bytes_.front();
    unacked_bytes_.pop_front();
  }
  Fill(out);
  return true;
}

// Spec 9.5. What it takes to be acknowledged may always be in flight.
bool DonorSession::MaySend() const {
  const uint32_t in_flight = next_chunk_ - acked_;
  if (in_flight < kAckEvery) return true;
  return in_flight < kChunksInFlight && bytes_in_flight_ < kBytesInFlightMax;
}

void DonorSession::Fill(Output& out) {
  while (!ended_ && MaySend()) {
    if (!parted_head_.empty()) {
      SendPart(out);
    } else if (entries_at_ < entries_.size() || LoadBucket()) {
      SendChunk(out);
    } else {
      SendEnd(out);
    }
  }
}

bool DonorSession::LoadBucket() {
  entries_at_ = 0;
  entries_.clear();
  for (; map_ < snapshot_.maps.size(); ++map_, bucket_ = 0) {
    map::Snapshot& map = snapshot_.maps[map_];
    if (bucket_ > 0) map.Release(bucket_ - 1);  // Encoded: writers need not copy it any more.
    while (bucket_ < map.buckets()) {
      entries_ = map.EntriesOf(bucket_++);
      if (!entries_.empty()) return true;
      map.Release(bucket_ - 1);
    }
  }
  return false;
}

// Spec 9.4
void DonorSession::SendChunk(Output& out) {
  // A chunk is measured first and then filled, so that its memory is allocated once. It goes on
  // over buckets of one map; those that are in it are released only when it is written.
  map::SortedEntries batch;
  size_t bytes = kChunkHeaderBytes;
  const size_t map = map_;
  const size_t first_bucket = bucket_ - 1;
  while (true) {
    if (entries_at_ == entries_.size()) {
      if (bucket_ >= snapshot_.maps[map].buckets()) break;
      entries_ = snapshot_.maps[map].EntriesOf(bucket_++);
      entries_at_ = 0;
      continue;
    }
    const auto& [key, entry] = entries_[entries_at_];
    const size_t size = ChunkBytesOf(*key, *entry);
    if (!batch.empty() && bytes + size > chunk_bytes_) break;
    bytes += size;
    batch.push_back(entries_[entries_at_++]);
  }
  if (bytes > kChunkBytesMax) {
    SendInParts(map, *batch.front().first, *batch.front().second);
    SendPart(out);
  } else {
    ChunkWriter writer(attempt_, next_chunk_, static_cast<uint16_t>(map), bytes);
    for (const auto& [key, entry] : batch) writer.Add(*key, *entry);
    out.messages.push_back({joiner_, writer.Finish()});
    Count(bytes);
  }
  for (size_t bucket = first_bucket; bucket + 1 < bucket_; ++bucket) {
    snapshot_.maps[map].Release(bucket);
  }
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
                     static_cast<uint16_t>(map), total - entry.value.size());
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

// Spec 9.6
void DonorSession::SendEnd(Output& out) {
  EndMessage end;
  end.chunks = next_chunk_;
  for (const map::Snapshot& map : snapshot_.maps) end.digests.push_back(map.digest());
  out.messages.push_back({joiner_, EncodeEnd(attempt_, end)});
  ended_ = true;
}

bool DonorSession::IsConsistent() const {
  return acked_ <= next_chunk_ && next_chunk_ - acked_ <= kChunksInFlight &&
         unacked_bytes_.size() == next_chunk_ - acked_ && entries_at_ <= entries_.size() &&
         map_ <= snapshot_.maps.size();
}

}  // namespace cohort::transfer
