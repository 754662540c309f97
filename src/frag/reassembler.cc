#include "frag/reassembler.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "wire/frames.h"

namespace cohort::frag {
namespace {

constexpr size_t kFirstRoom = size_t{16} << 10;
constexpr uint8_t kWhole = wire::DataFrame::kFirst | wire::DataFrame::kLast;
constexpr uint8_t kNeverLarge = wire::DataFrame::kBarrier | wire::DataFrame::kSpanning;

size_t GetU16(const std::byte* from) {
  return std::to_integer<size_t>(from[0]) | std::to_integer<size_t>(from[1]) << 8;
}

}  // namespace

void Reassembler::OnView(size_t members) {
  for (Origin& origin : origins_) {
    for (Partial& partial : origin.lanes) Discard(partial);
  }
  announced_.clear();
  origins_.assign(members, Origin());
}

size_t Reassembler::LaneOf(DeliveryClass cls, uint8_t flags) {
  if ((flags & wire::DataFrame::kLarge) != 0) return kLargeLane;
  if ((flags & wire::DataFrame::kBarrier) != 0) return static_cast<size_t>(DeliveryClass::kCtrl);
  return static_cast<size_t>(cls);
}

void Reassembler::OnChunk(Rank origin, DeliveryClass cls, uint8_t flags, const Buffer& payload,
                          std::vector<Buffer>& messages) {
  const bool large = (flags & wire::DataFrame::kLarge) != 0;
  if (origin >= origins_.size() || cls > DeliveryClass::kSafe ||
      (large && (cls != DeliveryClass::kAgreed || (flags & kNeverLarge) != 0))) {
    ++stats_.malformed_chunks;
    return;
  }
  ++stats_.chunks;
  Partial& partial = origins_[origin].lanes[LaneOf(cls, flags)];
  if ((flags & kWhole) == kWhole || (flags & wire::DataFrame::kSpanning) != 0) {
    Unpack(partial, flags, payload, messages);
  } else if (large && (flags & kWhole) == wire::DataFrame::kFirst &&
             payload.size() == kTotalLengthBytes) {
    Announce(origin, partial, payload);
  } else if (partial.announced && !IsAdmitted(origin)) {
    ++stats_.malformed_chunks;
    Discard(partial);
  } else {
    Gather(partial, flags, payload, messages);
  }
  // Whatever ended it: complete, malformed, or something else begun.
  if (large && !partial.announced)
    std::erase_if(announced_, [origin](const Announced& one) { return one.origin == origin; });
}

// Spec 5.21
void Reassembler::Announce(Rank origin, Partial& partial, const Buffer& payload) {
  Discard(partial);
  std::erase_if(announced_, [origin](const Announced& one) { return one.origin == origin; });
  ++origins_[origin].announcements;
  ++stats_.announced;
  const size_t total = GetU16(payload.data()) | GetU16(payload.data() + 2) << 16;
  if (total > kLargeMessageMax || total == 0) {
    ++stats_.messages_too_large;
    return;
  }
  partial.total = total;
  partial.announced = true;
  announced_.push_back({origin, total});
}

// Spec 5.21. What is admitted stays so: those before it only become fewer.
bool Reassembler::IsAdmitted(Rank origin) const {
  size_t sum = 0;
  for (const Announced& one : announced_) {
    sum += one.total;
    if (sum > one.total && sum > options_.large_under_way_max) return false;
    if (one.origin == origin) return true;
  }
  return false;
}

// All or nothing: a chunk whose lengths do not add up yields no message, and ends the one that was
// begun before. Spec 5.2
void Reassembler::Unpack(Partial& partial, uint8_t flags, const Buffer& payload,
                         std::vector<Buffer>& messages) {
  const size_t before = messages.size();
  const bool spanning = (flags & wire::DataFrame::kSpanning) != 0;
  size_t at = 0;
  bool sound = true;
  if ((flags & wire::DataFrame::kFirst) != 0) {
    Discard(partial);
  } else {
    sound = GoOn(partial, payload, at);
    if (sound && partial.filled == partial.total) {
      messages.push_back(std::move(partial.buffer));
      partial = Partial();
    }
  }
  sound = sound && Split(partial, payload, at, messages);
  const bool last = (flags & wire::DataFrame::kLast) != 0;
  const bool both = (flags & kWhole) == kWhole;
  if (!sound || payload.empty() || last != (partial.total == 0) || both == spanning) {
    ++stats_.malformed_chunks;
    messages.resize(before);
    Discard(partial);
    return;
  }
  stats_.messages += messages.size() - before;
}

// Takes what belongs to the message that was begun in an earlier chunk.
bool Reassembler::GoOn(Partial& partial, const Buffer& payload, size_t& at) const {
  if (!partial.spanning || payload.empty()) return false;
  const size_t size = std::min(partial.total - partial.filled, payload.size());
  Keep(partial, payload.bytes().first(size));
  partial.filled += size;
  at = size;
  return true;
}

bool Reassembler::Split(Partial& partial, const Buffer& payload, size_t at,
                        std::vector<Buffer>& messages) {
  while (at < payload.size()) {
    const size_t left = payload.size() - at;
    if (left < kLengthBytes) return false;
    const size_t length = GetU16(payload.data() + at);
    const Bytes bytes = payload.bytes().subspan(at + kLengthBytes);
    if (length > bytes.size()) {
      if (bytes.empty()) return false;
      partial.total = length;
      partial.spanning = true;
      Keep(partial, bytes);
      partial.filled = bytes.size();
      return true;
    }
    messages.push_back(payload.Slice(at + kLengthBytes, length));
    at += kLengthBytes + length;
  }
  return true;
}

// Takes the total length off the front of `bytes`.
bool Reassembler::Begin(Partial& partial, Bytes& bytes) {
  Discard(partial);
  if (bytes.size() < kTotalLengthBytes) {
    ++stats_.malformed_chunks;
    return false;
  }
  const size_t total = GetU16(bytes.data()) | GetU16(bytes.data() + 2) << 16;
  if (total > kMessageMax || total == 0) {
    ++stats_.messages_too_large;
    return false;
  }
  partial.total = total;
  bytes = bytes.subspan(kTotalLengthBytes);
  return true;
}

void Reassembler::MakeRoom(Partial& partial, size_t filled) {
  size_t room = std::max({filled, 2 * partial.buffer.size(), kFirstRoom});
  // For what is admitted the whole room is accounted for, and to copy it again and again would stop
  // the small messages meanwhile. The system hands out its pages as they are written.
  if (partial.announced) room = partial.total;
  Buffer larger = Buffer::Allocate(std::min(partial.total, room));
  if (partial.filled > 0) {
    std::memcpy(larger.Fill().data(), partial.buffer.data(), partial.filled);
  }
  partial.buffer = std::move(larger);
}

// `bytes`, at least one, are the next ones of the message.
void Reassembler::Keep(Partial& partial, Bytes bytes) const {
  const auto kind = std::to_integer<unsigned>(bytes[0]);
  if (partial.filled == 0 && kind < 64 && (options_.not_kept >> kind & 1) != 0) {
    partial.kept = false;
    partial.buffer = Buffer::Allocate(1);
    partial.buffer.Fill()[0] = bytes[0];
  }
  if (!partial.kept) return;
  const size_t filled = partial.filled + bytes.size();
  if (filled > partial.buffer.size()) MakeRoom(partial, filled);
  std::memcpy(partial.buffer.Fill().data() + partial.filled, bytes.data(), bytes.size());
}

void Reassembler::Gather(Partial& partial, uint8_t flags, const Buffer& payload,
                         std::vector<Buffer>& messages) {
  Bytes bytes = payload.bytes();
  if ((flags & wire::DataFrame::kFirst) != 0 && !Begin(partial, bytes)) return;
  const bool last = (flags & wire::DataFrame::kLast) != 0;
  const size_t filled = partial.filled + bytes.size();
  if (partial.total == 0 || partial.spanning || filled > partial.total ||
      last != (filled == partial.total)) {
    ++stats_.malformed_chunks;
    Discard(partial);
    return;
  }
  if (!bytes.empty()) Keep(partial, bytes);
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
  for (const Origin& origin : origins_) {
    for (const Partial& partial : origin.lanes) bytes += partial.buffer.size();
  }
  return bytes;
}

size_t Reassembler::large_bytes_held() const {
  size_t bytes = 0;
  for (const Origin& origin : origins_) {
    if (origin.lanes[kLargeLane].announced) bytes += origin.lanes[kLargeLane].buffer.size();
  }
  return bytes;
}

bool Reassembler::IsConsistent() const {
  for (const Origin& origin : origins_) {
    for (const Partial& partial : origin.lanes) {
      const size_t max = partial.announced ? kLargeMessageMax : kMessageMax;
      if (partial.kept && partial.filled > partial.buffer.size()) return false;
      if (partial.buffer.size() > max) return false;
      if (partial.total == 0 && (partial.filled != 0 || partial.announced || partial.spanning))
        return false;
      if (partial.spanning && partial.total > kSpanningMessageMax) return false;
    }
  }
  return announced_.size() <= origins_.size() &&
         std::all_of(announced_.begin(), announced_.end(), [this](const Announced& one) {
           const Partial& partial = origins_[one.origin].lanes[kLargeLane];
           return partial.announced && partial.total == one.total;
         });
}

}  // namespace cohort::frag
