#include "sim/datagram_network.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/host_table.h"

namespace cohort::sim {

void DatagramNetwork::Send(HostIndex from, const engine::Packets& packets, size_t count,
                           Scheduler& scheduler) {
  if (count == 0) return;
  const size_t hosts = links_.hosts();
  const Buffer arena = Buffer::CopyOf(Bytes(packets.arena));
  for (size_t i = 0; i < std::min(count, packets.packets.size()); ++i) {
    const engine::Packets::One& packet = packets.packets[i];
    ++stats_.sent;
    if (packet.size > wire::kDatagramMax) ++stats_.large;
    const Instant start = std::max(free_at_[from], scheduler.now());
    if (start - scheduler.now() > options_.send_queue_max) {
      ++stats_.overflowed;
      continue;
    }
    const uint64_t wire_ns =
        (packet.size + 66) * uint64_t{1'000'000'000} / options_.bytes_per_second;
    free_at_[from] = start + Duration(static_cast<int64_t>(wire_ns));
    const Buffer data = arena.Slice(packet.offset, packet.size);
    if (packet.multicast) {
      for (HostIndex to = 0; to < hosts; ++to) {
        if (to != from || options_.loopback) {
          Route(from, to, true, free_at_[from], data, scheduler);
        }
      }
    } else if (const HostIndex to = HostOf(packet.to, hosts); to < hosts) {
      Route(from, to, false, free_at_[from], data, scheduler);
    }
  }
}

void DatagramNetwork::Route(HostIndex from, HostIndex to, bool multicast, Instant leaves,
                            const Buffer& data, Scheduler& scheduler) {
  const Link& link = links_.at(from, to);
  if (link.cuts != 0) {
    ++stats_.cut;
    return;
  }
  if (!links_.Carries(from, to, data.size())) {
    ++stats_.too_large;
    return;
  }
  if (links_.DrawLoss(from, to, multicast, random_)) {
    ++stats_.lost;
    return;
  }
  const auto carry = [&](Duration extra, Buffer bytes) {
    ++stats_.carried;
    Task task{Task::Kind::kPacket, multicast, to, from, std::move(bytes)};
    scheduler.At(leaves + links_.DrawDelay(from, to, random_) + extra, std::move(task));
  };
  Duration extra{};
  if (link.reorder > 0 && random_.Chance(link.reorder)) {
    extra = random_.Between(Duration(0), link.reorder_delay);
  }
  if (link.duplicate > 0 && random_.Chance(link.duplicate)) {
    ++stats_.duplicated;
    // Most copies come at once; some come when the receiver may have moved on by several views.
    const bool late = random_.Chance(0.1);
    carry(late ? random_.Between(Duration(0), options_.echo_delay_max)
               : random_.Between(Duration(0), Duration(milliseconds(3))),
          data);
  }
  if (link.corrupt > 0 && random_.Chance(link.corrupt)) {
    ++stats_.corrupted;
    carry(extra, Damage(data));
    return;
  }
  carry(extra, data);
}

Buffer DatagramNetwork::Damage(const Buffer& data) {
  if (data.empty()) return data;
  switch (random_.Below(3)) {
    case 0:  // Truncated.
      return Buffer::CopyOf(data.bytes().first(random_.Below(data.size())));
    case 1: {  // Lengthened.
      Buffer longer = Buffer::Allocate(data.size() + 1 + random_.Below(32));
      std::memset(longer.Fill().data(), 0x5A, longer.size());
      std::memcpy(longer.Fill().data(), data.data(), data.size());
      return longer;
    }
    default: {  // One to four bits flipped.
      Buffer flipped = Buffer::CopyOf(data.bytes());
      for (uint64_t flips = random_.Between(1, 4); flips > 0; --flips) {
        const uint64_t bit = random_.Below(flipped.size() * 8);
        flipped.Fill()[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      }
      return flipped;
    }
  }
}

}  // namespace cohort::sim
