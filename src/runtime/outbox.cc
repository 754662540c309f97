#include "runtime/outbox.h"

#include <utility>

namespace cohort::runtime {
namespace {

void Append(const engine::Packets& more, engine::Packets& to) {
  const auto base = static_cast<uint32_t>(to.arena.size());
  to.arena.insert(to.arena.end(), more.arena.begin(), more.arena.end());
  for (engine::Packets::One one : more.packets) {
    one.offset += base;
    to.packets.push_back(one);
  }
  to.for_strangers |= more.for_strangers;
}

}  // namespace

void Outbox::Post(engine::Packets& packets, bool loop) {
  const MutexLock lock(&mutex_);
  if (waiting_.packets.arena.size() + packets.arena.size() > kOutboxBytesMax) {
    dropped_ += packets.packets.size();
    return;
  }
  waiting_.loop |= loop;
  if (waiting_.packets.packets.empty()) {
    std::swap(waiting_.packets, packets);
  } else {
    Append(packets, waiting_.packets);
  }
  posted_ = true;
}

void Outbox::SetPeers(std::vector<Address> peers) {
  const MutexLock lock(&mutex_);
  waiting_.peers = std::move(peers);
  posted_ = true;
}

void Outbox::Send() {
  // Once more after letting go: who came in between has left his to this thread.
  while (posted_ && sending_.TryLock()) {
    SendWaiting();
    sending_.Unlock();
  }
}

void Outbox::Close() {
  const MutexLock lock(&sending_);
  SendWaiting();
  closed_ = true;
}

void Outbox::SendWaiting() {
  {
    const MutexLock lock(&mutex_);
    std::swap(taken_, waiting_);
    posted_ = false;
  }
  if (taken_.peers) sender_.SetPeers(*std::move(taken_.peers));
  taken_.peers.reset();
  if (!closed_ && !taken_.packets.packets.empty()) {
    sender_.SetLoop(taken_.loop);
    sender_.Send(taken_.packets);
  }
  taken_.loop = false;
  taken_.packets.Clear();
  if (taken_.packets.arena.capacity() > kBytesKept) taken_.packets = {};
}

PacketSender::Stats Outbox::stats() const {
  const MutexLock lock(&sending_);
  PacketSender::Stats stats = sender_.stats();
  const MutexLock waiting(&mutex_);
  stats.unsent += dropped_;
  return stats;
}

}  // namespace cohort::runtime
