#include "runtime/packet_sender.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/socket_address.h"
#include "wire/limits.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace cohort::runtime {
namespace {

// Whether the kernel or the device refuses the form of a segmented send rather than this one send.
bool RefusesSegments(int error) {
  return error == EINVAL || error == EIO || error == ENOPROTOOPT || error == EMSGSIZE ||
         error == EOPNOTSUPP;
}

// An error that an earlier send left behind on the socket (an ICMP answer); reported once, then
// gone.
bool IsOfEarlierSend(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
         error == EHOSTDOWN;
}

}  // namespace

void PacketSender::Send(const engine::Packets& packets) {
  const std::vector<engine::Packets::One>& list = packets.packets;
  for (size_t i = 0; i < list.size();) {
    const engine::Packets::One& first = list[i];
    Run run;
    run.data = packets.arena.data() + first.offset;
    run.segment_bytes = static_cast<uint16_t>(first.size);
    size_t end = i;
    size_t bytes = 0;
    // Equal sizes; a shorter one may end the run.
    while (end < list.size() && end - i < (segments_ ? kSegmentsMax : 1)) {
      const engine::Packets::One& next = list[end];
      const bool fits = next.multicast == first.multicast &&
                        (next.multicast || next.to == first.to) &&
                        next.offset == first.offset + bytes && next.size <= first.size &&
                        bytes + next.size <= kRunBytesMax;
      if (!fits) break;
      bytes += next.size;
      ++end;
      if (next.size < first.size) break;
    }
    end = std::max(end, i + 1);
    run.bytes = std::max<size_t>(bytes, first.size);
    run.count = static_cast<uint16_t>(end - i);
    i = end;
    if (!first.multicast || !multicast_.IsNone()) {
      run.to = first.multicast ? multicast_ : first.to;
      AddRun(run);
      continue;
    }
    for (const Address& peer : peers_) {
      run.to = peer;
      AddRun(run);
    }
  }
  Flush();
}

void PacketSender::AddRun(const Run& run) {
  runs_.push_back(run);
  if (runs_.size() == kRunsMax) Flush();
}

void PacketSender::Flush() {
  size_t first = 0;
  retries_ = 0;
  while (first < runs_.size()) {
    const int sent = SendSome(first);
    if (sent <= 0) {
      first += OnError(first, sent < 0 ? errno : EAGAIN);
      continue;
    }
    retries_ = 0;
    for (int i = 0; i < sent; ++i, ++first) {
      stats_.datagrams += runs_[first].count;
      stats_.bytes += runs_[first].bytes;
    }
  }
  runs_.clear();
}

int PacketSender::SendSome(size_t first) {
  struct Slot {
    SocketAddress to;
    iovec data;
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(uint16_t))> control;
  };
  constexpr size_t kSlots = 16;  // Small enough for the stack, large enough to be rarely the limit.
  std::array<Slot, kSlots> slots;
  std::array<mmsghdr, kSlots> headers{};
  const size_t count = std::min(runs_.size() - first, kSlots);
  for (size_t i = 0; i < count; ++i) {
    const Run& run = runs_[first + i];
    Slot& slot = slots[i];
    slot.to = ToSocketAddress(run.to);
    slot.data = {const_cast<std::byte*>(run.data), run.bytes};
    msghdr& header = headers[i].msg_hdr;
    header.msg_name = slot.to.get();
    header.msg_namelen = slot.to.size;
    header.msg_iov = &slot.data;
    header.msg_iovlen = 1;
    if (run.count == 1) continue;
    header.msg_control = slot.control.data();
    header.msg_controllen = slot.control.size();
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    std::memcpy(CMSG_DATA(control), &run.segment_bytes, sizeof(uint16_t));
  }
  ++stats_.batches;
  int sent = 0;
  int error = 0;
  {
    runtime::MutexLock lock(&gate_.mutex);
    SetLoopAtGate();
    sent = sendmmsg(fd_, headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT | MSG_NOSIGNAL);
    error = errno;
  }
  errno = error;
  return sent;
}

// Another group of the endpoint may have set it otherwise since.
void PacketSender::SetLoopAtGate() {
  if (gate_.loop == loop_ || multicast_.IsNone()) return;
  gate_.loop = loop_;
  const int value = loop_ ? 1 : 0;
  const bool v6 = multicast_.family == 6;
  setsockopt(fd_, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP,
             &value, sizeof(value));
}

size_t PacketSender::OnError(size_t first, int error) {
  if (error == EINTR) return 0;
  if (IsOfEarlierSend(error) && retries_++ < 2) return 0;
  const Run run = runs_[first];
  if (run.count > 1 && RefusesSegments(error)) {
    // This kernel, or a device with a smaller MTU, does not take segments: from now on one by one.
    // Large ones it may only have ceased to take: its MTU was lowered a moment ago.
    if (run.segment_bytes <= wire::kDatagramMax) segments_ = false;
    std::vector<Run> rest(runs_.begin() + static_cast<std::ptrdiff_t>(first), runs_.end());
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(first), runs_.end());
    for (const Run& one : rest) {
      for (uint16_t i = 0; i < one.count; ++i) {
        Run single = one;
        single.data = one.data + size_t{i} * one.segment_bytes;
        single.bytes =
            std::min<size_t>(one.segment_bytes, one.bytes - size_t{i} * one.segment_bytes);
        single.count = 1;
        runs_.push_back(single);
      }
    }
    return 0;
  }
  stats_.unsent += run.count;
  retries_ = 0;
  return 1;
}

}  // namespace cohort::runtime
