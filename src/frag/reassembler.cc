#include "frag/reassembler.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "wire/frames.h"

namespace cohort::frag {
namespace {

constexpr size_t kFirstRoom = size_t{16} << 10;

size_t GetU16(const std::byte* from) {
  return std::to_integer<size_t>(from[0]) | std::to_integer<size_t>(from[1]) << 8;
}

}  // namespace

void Reassembler::OnView(size_t members) {
  for (auto& lanes : origins_) {
    for (Partial& partial : lanes) Discard(partial);
  }
  origins_.resize(members);
}

size_t Reassembler::LaneOf(DeliveryClass cls, uint8_t flags) {
  if ((flags & wire::DataFrame::kBarrier) != 0) return static_cast<size_t>(DeliveryClass::kCtrl);
  return static_cast<size_t>(cls);
}

void Reassembler::OnChunk(Rank origin, DeliveryClass cls, uint8_t flags, const Buffer& payload,
                          std::vector<Buffer>& messages) {
  if (origin >= origins_.size() || static_cast<size_t>(cls) >= kLanes ||
      cls == DeliveryClass::kCtrl) {
    ++stats_.malformed_chunks;
    return;
  }
  ++stats_.chunks;
  Partial& partial = origins_[origin][LaneOf(cls, flags)];
  constexpr uint8_t kWhole = wire::DataFrame::kFirst | wire::DataFrame::kLast;
  if ((flags & kWhole) == kWhole) {
    Discard(partial);
    Split(payload, messages);
  } else {
    Gather(partial, flags, payload, messages);
  }
}

// All or nothing: a chunk whose lengths do not add up yields no message. Spec 5.2
void Reassembler::Split(const Buffer& payload, std::vector<Buffer>& messages) {
  const size_t before = messages.size();
  size_t at = 0;
  while (at < payload.size()) {
    const size_t left = payload.size() - at;
    const size_t length = left < kLengthBytes ? left : GetU16(payload.data() + at);
    if (length > left - std::min(left, kLengthBytes)) {
      ++stats_.malformed_chunks;
      messages.resize(before);
      return;
    }
    messages.push_back(payload.Slice(at + kLengthBytes, length));
    at += kLengthBytes + length;
  }
  if (messages.size() == before) ++stats_.malformed_chunks;
  stats_.messages += messages.size() - before;
}

void Reassembler::Gather(Partial& partial, uint8_t flags, const Buffer& payload,
                         std::vector<Buffer>& messages) {
  Bytes bytes = payload.bytes();
  if ((flags & wire::DataFrame::kFirst) != 0) {
    Discard(partial);
    if (bytes.size() < kTotalLengthBytes) {
      ++stats_.malformed_chunks;
      return;
    }
    const size_t total = GetU16(bytes.data()) | GetU16(bytes.data() + 2) << 16;
    if (total > kMessageMax || total == 0) {
      ++stats_.messages_too_large;
      return;
    }
    partial.total = total;
    bytes = bytes.subspan(kTotalLengthBytes);
  }
  const bool last = (flags & wire::DataFrame::kLast) != 0;
  const size_t filled = partial.filled + bytes.size();
  if (partial.total == 0 || filled > partial.total || last != (filled == partial.total)) {
    ++stats_.malformed_chunks;
    Discard(partial);
    return;
  }
  if (filled > partial.buffer.size()) {
    const size_t room = std::max({filled, 2 * partial.buffer.size(), kFirstRoom});
    Buffer larger = Buffer::Allocate(std::min(partial.total, room));
    if (partial.filled > 0) {
      std::memcpy(larger.Fill().data(), partial.buffer.data(), partial.filled);
    }
    partial.buffer = std::move(larger);
  }
  if (!bytes.empty()) {
    std::memcpy(partial.buffer.Fill().data() + partial.filled, bytes.data(), bytes.size());
  }
  partial.filled = filled;
  if (!last) return;
  ++stats_.messages;
  messages.push_back(std::move(partial.buffer));
  partial = Partial();
}

void Reassembler::Discard(Partial& partial) {
  if (partial.total == 0) return;
  ++stats_.incomplete_discarded;
  partial = Partial();
}

size_t Reassembler::bytes_held() const {
  size_t bytes = 0;
  for (const auto& lanes : origins_) {
    for (const Partial& partial : lanes) bytes += partial.buffer.size();
  }
  return bytes;
}

bool Reassembler::IsConsistent() const {
  for (const auto& lanes : origins_) {
    for (const Partial& partial : lanes) {
      if (partial.filled > partial.buffer.size() || partial.buffer.size() > kMessageMax)
        return false;
      if (partial.total == 0 && partial.filled != 0) return false;
    }
  }
  return true;
}

}  // namespace cohort::frag
