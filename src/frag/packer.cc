#include "frag/packer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/absl_bridge.h"

namespace cohort::frag {
namespace {

bool MayShareChunk(const Message& a, const Message& b) {
  return a.cls == b.cls && a.barrier == b.barrier;
}

void PutU16(std::byte* to, size_t value) {
  to[0] = static_cast<std::byte>(value);
  to[1] = static_cast<std::byte>(value >> 8);
}

uint8_t FlagsOf(const Message& message) {
  uint8_t flags = 0;
  if (message.sync) flags |= wire::DataFrame::kSync;
  if (message.barrier) flags |= wire::DataFrame::kBarrier;
  return flags;
}

}  // namespace

absl::Status Packer::Push(Message message) {
  if (message.payload.size() > kMessageMax) {
    return MakeStatus(absl::StatusCode::kInvalidArgument, "the message is larger than 1 MiB");
  }
  if (message.cls == DeliveryClass::kCtrl ||
      (message.barrier && message.cls != DeliveryClass::kConv) ||
      message.stamp_bytes > std::min(kStampBytesMax, message.payload.size()) ||
      (message.stamp_bytes > 0 && stamper_ == nullptr)) {
    return MakeStatus(absl::StatusCode::kInvalidArgument, "messages have no such class");
  }
  // An empty queue takes any message: one that is larger than the whole queue would otherwise be
  // told to come back later for ever.
  const size_t size = message.payload.size();
  const size_t users = queue_.size() - exempt_;
  const bool full = users >= options_.queue_messages_max ||
                    (users > 0 && bytes_ - exempt_bytes_ + size > options_.queue_bytes_max);
  if (full && !message.exempt) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "the send queue is full; try again when earlier calls are done");
  }
  bytes_ += size;
  exempt_ += message.exempt ? 1 : 0;
  exempt_bytes_ += message.exempt ? size : 0;
  queue_.push_back(std::move(message));
  return absl::OkStatus();
}

void Packer::PopFront() {
  const Message& message = queue_.front();
  const size_t size = message.payload.size();
  bytes_ -= size;
  exempt_ -= message.exempt ? 1 : 0;
  exempt_bytes_ -= message.exempt ? size : 0;
  queue_.pop_front();
}

bool Packer::Next(Packed& packed) {
  packed.completed_ids.clear();
  if (queue_.empty()) return false;
  packed.cls = queue_.front().cls;
  if (queue_.front().payload.size() <= kWholeMessageMax) {
    PackWhole(packed);
  } else {
    PackFragment(packed);
  }
  return true;
}

// Spec 5.2
void Packer::PackWhole(Packed& packed) {
  size_t count = 0;
  size_t size = 0;
  while (count < queue_.size() && MayShareChunk(queue_.front(), queue_[count])) {
    const size_t more = kLengthBytes + queue_[count].payload.size();
    if (size + more > wire::kChunkPayloadMax) break;
    size += more;
    ++count;
  }
  packed.flags = wire::DataFrame::kFirst | wire::DataFrame::kLast;
  packed.payload = Buffer::Allocate(size);
  std::byte* to = packed.payload.Fill().data();
  for (size_t i = 0; i < count; ++i) {
    const Message& message = queue_.front();
    const size_t length = message.payload.size();
    PutU16(to, length);
    if (length > 0) std::memcpy(to + kLengthBytes, message.payload.data(), length);
    if (const size_t stamp = message.stamp_bytes; stamp > 0) {
      stamper_->Stamp(message.payload.bytes().first(length - stamp),
                      {to + kLengthBytes + length - stamp, stamp});
    }
    to += kLengthBytes + length;
    packed.flags = static_cast<uint8_t>(packed.flags | FlagsOf(message));
    packed.completed_ids.push_back(message.id);
    PopFront();
  }
}

void Packer::PackFragment(Packed& packed) {
  const Message& message = queue_.front();
  const size_t total = message.payload.size();
  const bool first = sent_of_front_ == 0;
  const size_t room = wire::kChunkPayloadMax - (first ? kTotalLengthBytes : 0);
  size_t size = std::min(room, total - sent_of_front_);
  const size_t left = total - sent_of_front_ - size;
  // The stamp is written into one chunk.
  if (left > 0 && left < message.stamp_bytes) size -= message.stamp_bytes - left;
  packed.flags = FlagsOf(message);
  if (first) {
    packed.flags |= wire::DataFrame::kFirst;
    packed.payload = Buffer::Allocate(kTotalLengthBytes + size);
    std::byte* to = packed.payload.Fill().data();
    PutU16(to, total & 0xFFFF);
    PutU16(to + 2, total >> 16);
    std::memcpy(to + kTotalLengthBytes, message.payload.data(), size);
  } else {
    packed.payload = message.payload.Slice(sent_of_front_, size);
  }
  sent_of_front_ += size;
  if (sent_of_front_ < total) {
    // Only the last chunk is waited for: it is applied when the message is whole.
    packed.flags = static_cast<uint8_t>(packed.flags & ~wire::DataFrame::kSync);
    return;
  }
  packed.flags |= wire::DataFrame::kLast;
  if (const size_t stamp = message.stamp_bytes; stamp > 0) {
    packed.payload = Buffer::CopyOf(packed.payload.bytes());  // The message keeps its own.
    stamper_->Stamp(message.payload.bytes().first(total - stamp),
                    packed.payload.Fill().last(stamp));
  }
  packed.completed_ids.push_back(message.id);
  sent_of_front_ = 0;
  PopFront();
}

std::vector<uint64_t> Packer::Clear() {
  std::vector<uint64_t> ids;
  ids.reserve(queue_.size());
  for (const Message& message : queue_) ids.push_back(message.id);
  queue_.clear();
  bytes_ = exempt_ = exempt_bytes_ = sent_of_front_ = 0;
  return ids;
}

size_t Packer::backlog_chunks() const {
  const size_t on_the_wire = bytes_ - sent_of_front_ + kLengthBytes * queue_.size();
  return (on_the_wire + wire::kChunkPayloadMax - 1) / wire::kChunkPayloadMax;
}

bool Packer::IsConsistent() const {
  size_t bytes = 0;
  size_t exempt = 0;
  for (const Message& message : queue_) {
    bytes += message.payload.size();
    exempt += message.exempt ? 1 : 0;
  }
  if (bytes != bytes_ || exempt != exempt_ || exempt_bytes_ > bytes_) return false;
  if (queue_.size() - exempt_ > options_.queue_messages_max) return false;
  return sent_of_front_ == 0 || (!queue_.empty() && sent_of_front_ < queue_.front().payload.size());
}

}  // namespace cohort::frag
