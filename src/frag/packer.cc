#include "frag/packer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/absl_bridge.h"

namespace cohort::frag {
namespace {

constexpr int kOthersPerLarge = 3;       // Chunks of other messages to one of the large lane.
constexpr size_t kLargeBacklogMax = 16;  // Chunks of the large lane that a backlog counts.

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

// Spec 5.20, 5.23
bool Packer::GoesLarge(const Message& message) const {
  if (message.cls != DeliveryClass::kAgreed) return false;
  if (message.payload.size() > options_.message_max) return true;
  if (large_.messages.empty() || message.subjects.empty()) return false;
  if (large_subjects_.contains(kEverySubject)) return true;
  return std::any_of(message.subjects.begin(), message.subjects.end(), [this](uint64_t subject) {
    return subject == kEverySubject || large_subjects_.contains(subject);
  });
}

absl::Status Packer::Push(Message message) {
  const size_t size = message.payload.size();
  const bool large = GoesLarge(message);
  if (size > kLargeMessageMax || (!large && size > kMessageMax)) {
    return MakeStatus(absl::StatusCode::kInvalidArgument,
                      message.cls == DeliveryClass::kAgreed
                          ? "the message is larger than 64 MiB; send it in parts"
                          : "the message is larger than 1 MiB; send it in parts");
  }
  if (message.cls == DeliveryClass::kCtrl ||
      (message.barrier && message.cls != DeliveryClass::kConv) ||
      message.stamp_bytes > std::min(kStampBytesMax, message.payload.size()) ||
      (message.stamp_bytes > 0 && stamper_ == nullptr)) {
    return MakeStatus(absl::StatusCode::kInvalidArgument, "messages have no such class");
  }
  // An empty queue takes any message: one that is larger than the whole queue would otherwise be
  // told to come back later for ever.
  const Queue& queue = large ? large_ : main_;
  const size_t bytes_max = large ? options_.large_bytes_max : options_.queue_bytes_max;
  const bool full = queue.users() >= options_.queue_messages_max ||
                    (queue.users() > 0 && queue.bytes - queue.exempt_bytes + size > bytes_max);
  if (full && !message.exempt) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      large ? "too many large values wait, or writes to their keys; try again when "
                              "earlier calls are done"
                            : "the send queue is full; try again when earlier calls are done");
  }
  if (!large) {
    main_.Push(std::move(message));
    return absl::OkStatus();
  }
  message.after = main_.popped + main_.messages.size();
  for (const uint64_t subject : message.subjects) ++large_subjects_[subject];
  large_.flags = wire::DataFrame::kLarge;
  large_.Push(std::move(message));
  return absl::OkStatus();
}

void Packer::Queue::Push(Message message) {
  const size_t size = message.payload.size();
  bytes += size;
  exempt += message.exempt ? 1 : 0;
  exempt_bytes += message.exempt ? size : 0;
  messages.push_back(std::move(message));
}

void Packer::Queue::PopFront() {
  const Message& message = messages.front();
  const size_t size = message.payload.size();
  bytes -= size;
  exempt -= message.exempt ? 1 : 0;
  exempt_bytes -= message.exempt ? size : 0;
  sent_of_front = 0;
  ++popped;
  messages.pop_front();
}

void Packer::PopFront(Queue& queue) {
  if (&queue == &large_) {
    for (const uint64_t subject : large_.messages.front().subjects) {
      const auto found = large_subjects_.find(subject);
      if (--found->second == 0) large_subjects_.erase(found);
    }
    announced_ = false;
  }
  queue.PopFront();
}

void Packer::OnView() {
  main_.sent_of_front = large_.sent_of_front = 0;
  announcements_ = 0;
  announced_ = admitted_ = false;
}

// Spec 5.22
bool Packer::LargeIsNext() const {
  // A large message is overtaken, but overtakes nothing (Spec 5.23).
  if (large_.messages.empty() || large_.messages.front().after > main_.popped) return false;
  const bool is_large = large_.messages.front().payload.size() > options_.message_max;
  if (is_large && announced_ && !admitted_) return false;
  return main_.messages.empty() ? !paced_ : main_in_a_row_ >= kOthersPerLarge;
}

bool Packer::Next(Packed& packed) {
  packed.completed_ids.clear();
  if (empty()) return false;
  packed.large = LargeIsNext();
  Queue& queue = packed.large ? large_ : main_;
  main_in_a_row_ = packed.large || large_.messages.empty() ? 0 : main_in_a_row_ + 1;
  const Message& front = queue.messages.front();
  packed.cls = front.cls;
  if (FitsWhole(queue)) {
    PackWhole(queue, packed);
  } else if (IsLarge(queue, front) && !announced_) {
    PackAnnouncement(packed);
  } else {
    PackFragment(queue, packed);
  }
  packed.flags = static_cast<uint8_t>(packed.flags | queue.flags);
  return true;
}

// What was begun in fragments goes on so, whatever size chunks have now.
bool Packer::FitsWhole(const Queue& queue) const {
  const Message& front = queue.messages.front();
  return queue.sent_of_front == 0 && !IsLarge(queue, front) &&
         front.payload.size() + kLengthBytes <= chunk_max_;
}

// Spec 5.21: nothing but the length; what the message holds waits until it is admitted.
void Packer::PackAnnouncement(Packed& packed) {
  const size_t total = large_.messages.front().payload.size();
  packed.flags = wire::DataFrame::kFirst | wire::DataFrame::kSync;
  packed.payload = Buffer::Allocate(kTotalLengthBytes);
  std::byte* to = packed.payload.Fill().data();
  PutU16(to, total & 0xFFFF);
  PutU16(to + 2, total >> 16);
  announced_ = true;
  admitted_ = false;
  ++announcements_;
}

// Spec 5.2
void Packer::PackWhole(Queue& from, Packed& packed) {
  std::deque<Message>& queue = from.messages;
  size_t count = 0;
  size_t size = 0;
  while (count < queue.size() && MayShareChunk(queue.front(), queue[count])) {
    const size_t more = kLengthBytes + queue[count].payload.size();
    if (size + more > chunk_max_ || IsLarge(from, queue[count])) break;
    size += more;
    ++count;
  }
  packed.flags = wire::DataFrame::kFirst | wire::DataFrame::kLast;
  packed.payload = Buffer::Allocate(size);
  std::byte* to = packed.payload.Fill().data();
  for (size_t i = 0; i < count; ++i) {
    const Message& message = queue.front();
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
    PopFront(from);
  }
}

void Packer::PackFragment(Queue& queue, Packed& packed) {
  const Message& message = queue.messages.front();
  const size_t total = message.payload.size();
  const bool first = queue.sent_of_front == 0 && !(&queue == &large_ && announced_);
  const size_t room = chunk_max_ - (first ? kTotalLengthBytes : 0);
  size_t size = std::min(room, total - queue.sent_of_front);
  const size_t left = total - queue.sent_of_front - size;
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
    packed.payload = message.payload.Slice(queue.sent_of_front, size);
  }
  queue.sent_of_front += size;
  if (queue.sent_of_front < total) {
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
  PopFront(queue);
}

std::vector<uint64_t> Packer::Clear() {
  std::vector<uint64_t> ids;
  ids.reserve(messages());
  for (const Message& message : main_.messages) ids.push_back(message.id);
  for (const Message& message : large_.messages) ids.push_back(message.id);
  main_ = Queue();
  large_ = Queue();
  large_subjects_.clear();
  announced_ = false;
  return ids;
}

size_t Packer::Queue::chunks() const {
  const size_t on_the_wire = bytes - sent_of_front + kLengthBytes * messages.size();
  return (on_the_wire + wire::kChunkPayloadMax - 1) / wire::kChunkPayloadMax;
}

size_t Packer::backlog_chunks() const {
  return main_.chunks() + std::min(large_.chunks(), kLargeBacklogMax);
}

bool Packer::Queue::IsConsistent() const {
  size_t sum = 0;
  size_t exempts = 0;
  for (const Message& message : messages) {
    sum += message.payload.size();
    exempts += message.exempt ? 1 : 0;
  }
  if (sum != bytes || exempts != exempt || exempt_bytes > bytes) return false;
  return sent_of_front == 0 ||
         (!messages.empty() && sent_of_front < messages.front().payload.size());
}

bool Packer::IsConsistent() const {
  return main_.IsConsistent() && large_.IsConsistent() &&
         main_.users() <= options_.queue_messages_max &&
         large_.users() <= options_.queue_messages_max &&
         (!large_.messages.empty() || large_subjects_.empty());
}

}  // namespace cohort::frag
