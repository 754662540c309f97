#include "frag/packer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/absl_bridge.h"

namespace cohort::frag {
namespace {

constexpr int kOthersPerLarge = 3;       // Chunks of other messages to one of the large lane.
constexpr size_t kLargeBacklogMax = 16;  // Chunks of the large lane that a backlog counts.
constexpr size_t kSpanningBacklog = 4;   // With fewer small chunks waiting they would save none.
constexpr size_t kPartBytesMin = 16;

bool MayShareChunk(const Message& a, const Message& b) {
  return a.cls == b.cls && a.barrier == b.barrier;
}

void PutU16(std::byte* to, size_t value) {
  to[0] = static_cast<std::byte>(value);
  to[1] = static_cast<std::byte>(value >> 8);
}

// So many of the next `room` bytes of `left`: the stamp, which is at the end, is in one chunk.
size_t PartOf(size_t left, size_t room, size_t stamp) {
  if (left <= room) return left;
  return std::min(room, left - std::min(left, stamp));
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
  StartOver();
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
  main_.StartOver();
  large_.StartOver();
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
  if (IsPacked(queue)) {
    PackMessages(queue, packed);
  } else if (IsLarge(queue, front) && !announced_) {
    PackAnnouncement(packed);
  } else {
    PackFragment(queue, packed);
  }
  packed.flags = static_cast<uint8_t>(packed.flags | queue.flags);
  return true;
}

// What was begun in one way goes on so, whatever size chunks have now.
bool Packer::IsPacked(const Queue& queue) const {
  const Message& front = queue.messages.front();
  if (queue.sent_of_front > 0) return queue.spanning;
  if (IsLarge(queue, front)) return false;
  return front.payload.size() + kLengthBytes <= chunk_max_ || MaySpan(queue, front);
}

// Behind a rest it goes on whatever waits: only packets of one size leave in one send.
bool Packer::MaySpan(const Queue& queue, const Message& message) const {
  return &queue == &main_ && (queue.spanning || queue.chunks() >= kSpanningBacklog) &&
         message.payload.size() <= kSpanningMessageMax;
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
Packer::Plan Packer::PlanChunk(const Queue& queue) const {
  const std::deque<Message>& messages = queue.messages;
  Plan plan;
  if (queue.sent_of_front > 0) {
    const size_t left = messages.front().payload.size() - queue.sent_of_front;
    plan.bytes = PartOf(left, chunk_max_, messages.front().stamp_bytes);
    if (plan.bytes < left) {
      plan.part = plan.bytes;
      return plan;
    }
    plan.ended = 1;
  }
  for (; plan.ended < messages.size(); ++plan.ended) {
    const Message& message = messages[plan.ended];
    if (!MayShareChunk(messages.front(), message) || IsLarge(queue, message)) break;
    const size_t size = message.payload.size();
    if (plan.bytes + kLengthBytes + size <= chunk_max_) {
      plan.bytes += kLengthBytes + size;
      continue;
    }
    const size_t room = chunk_max_ - std::min(chunk_max_, plan.bytes + kLengthBytes);
    const size_t part = PartOf(size, room, message.stamp_bytes);
    if (MaySpan(queue, message) && (part >= kPartBytesMin || plan.bytes == 0)) {
      plan.bytes += kLengthBytes + part;
      plan.part = part;
    }
    break;
  }
  return plan;
}

// Spec 5.2
void Packer::PackMessages(Queue& queue, Packed& packed) {
  const Plan plan = PlanChunk(queue);
  const bool goes_on = queue.sent_of_front > 0;
  packed.flags = 0;
  if (!goes_on) packed.flags |= wire::DataFrame::kFirst;
  if (plan.part == 0) packed.flags |= wire::DataFrame::kLast;
  if (goes_on || plan.part > 0) packed.flags |= wire::DataFrame::kSpanning;
  if (queue.messages.front().barrier) packed.flags |= wire::DataFrame::kBarrier;
  if (goes_on && plan.ended == 0) {  // Nothing else is in it, no stamp either: no copy.
    packed.payload = queue.messages.front().payload.Slice(queue.sent_of_front, plan.part);
    queue.sent_of_front += plan.part;
    return;
  }
  packed.payload = Buffer::Allocate(plan.bytes);
  std::byte* to = packed.payload.Fill().data();
  const size_t touched = plan.ended + (plan.part > 0 ? 1 : 0);
  for (size_t i = 0; i < touched; ++i) {
    const Message& message = queue.messages.front();
    const size_t length = message.payload.size();
    if (queue.sent_of_front == 0) {
      PutU16(to, length);
      to += kLengthBytes;
    }
    const size_t size = i < plan.ended ? length - queue.sent_of_front : plan.part;
    if (size > 0) std::memcpy(to, message.payload.data() + queue.sent_of_front, size);
    to += size;
    if (i < plan.ended) {
      EndFront(queue, to, packed);
    } else {
      queue.sent_of_front += size;
      queue.spanning = true;
    }
  }
}

// `to` is behind its last byte.
void Packer::EndFront(Queue& queue, std::byte* to, Packed& packed) {
  const Message& message = queue.messages.front();
  if (const size_t stamp = message.stamp_bytes; stamp > 0) {
    stamper_->Stamp(message.payload.bytes().first(message.payload.size() - stamp),
                    {to - stamp, stamp});
  }
  packed.flags = static_cast<uint8_t>(packed.flags | FlagsOf(message));
  packed.completed_ids.push_back(message.id);
  PopFront(queue);
}

void Packer::PackFragment(Queue& queue, Packed& packed) {
  const Message& message = queue.messages.front();
  const size_t total = message.payload.size();
  const bool first = queue.sent_of_front == 0 && !(&queue == &large_ && announced_);
  const size_t room = chunk_max_ - (first ? kTotalLengthBytes : 0);
  const size_t size = PartOf(total - queue.sent_of_front, room, message.stamp_bytes);
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
  if (spanning && sent_of_front == 0) return false;
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
