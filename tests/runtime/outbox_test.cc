#include "runtime/outbox.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>

#include <numeric>
#include <thread>
#include <vector>

#include "runtime/socket_address.h"
#include "runtime/udp_socket.h"

namespace cohort::runtime {
namespace {

Address Loopback() {
  Address address;
  EXPECT_TRUE(ParseIp("127.0.0.1", &address));
  return address;
}

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() : from_(Open()), to_(Open()), outbox_(from_.fd(), Address()) {}

  static UdpSocket Open() {
    UdpSocket::Options options;
    options.interface_index = if_nametoindex("lo");
    absl::StatusOr<UdpSocket> socket = UdpSocket::OpenUnicast(Loopback(), options);
    EXPECT_TRUE(socket.ok()) << socket.status();
    return *std::move(socket);
  }

  engine::Packets NewPackets(size_t count, size_t bytes, std::byte fill = std::byte{1}) const {
    engine::Packets packets;
    for (size_t i = 0; i < count; ++i) {
      engine::Packets::One one;
      one.to = to_.local();
      one.offset = static_cast<uint32_t>(packets.arena.size());
      one.size = static_cast<uint32_t>(bytes);
      packets.arena.resize(packets.arena.size() + bytes, fill);
      packets.packets.push_back(one);
    }
    return packets;
  }

  // The first byte of each datagram that has arrived, of `count`.
  std::vector<int> Received(size_t count) {
    std::vector<int> received;
    DatagramBatch batch;
    while (received.size() < count) {
      pollfd wait{to_.fd(), POLLIN, 0};
      if (poll(&wait, 1, 1000) <= 0) break;
      if (!to_.Receive(batch)) continue;
      for (const engine::Datagram& datagram : batch.datagrams())
        received.push_back(std::to_integer<int>(datagram.bytes[0]));
    }
    return received;
  }

  UdpSocket from_;
  UdpSocket to_;
  Outbox outbox_;
};

TEST_F(OutboxTest, WhatSeveralTurnsHavePostedLeavesInOneCallAndInTheirOrder) {
  for (int turn = 1; turn <= 3; ++turn) {
    engine::Packets packets = NewPackets(2, 100, static_cast<std::byte>(turn));
    outbox_.Post(packets, false);
  }
  EXPECT_EQ(outbox_.stats().datagrams, 0u);  // Posting asks nothing of the kernel.
  outbox_.Send();
  EXPECT_EQ(Received(6), (std::vector<int>{1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(outbox_.stats().datagrams, 6u);
  EXPECT_EQ(outbox_.stats().batches, 1u);
  outbox_.Send();
  EXPECT_EQ(outbox_.stats().batches, 1u);
}

TEST_F(OutboxTest, NothingThatParallelThreadsPostStaysBehind) {
  constexpr int kThreads = 4;
  constexpr int kTurns = 2000;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < kTurns; ++turn) {
        engine::Packets packets = NewPackets(1, 20);
        outbox_.Post(packets, false);
        outbox_.Send();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const PacketSender::Stats stats = outbox_.stats();
  EXPECT_EQ(stats.datagrams + stats.unsent, uint64_t{kThreads} * kTurns);
}

TEST_F(OutboxTest, WhatIsTooMuchIsDroppedAndCounted) {
  constexpr size_t kBytes = 60'000;
  const size_t fit = kOutboxBytesMax / kBytes;
  for (size_t i = 0; i < fit + 2; ++i) {
    engine::Packets packets = NewPackets(1, kBytes);
    outbox_.Post(packets, false);
  }
  EXPECT_EQ(outbox_.stats().unsent, 2u);
}

TEST_F(OutboxTest, ClosingSendsWhatIsThereAndDropsWhatComesLater) {
  engine::Packets first = NewPackets(1, 100, std::byte{1});
  outbox_.Post(first, false);
  outbox_.Close();
  EXPECT_EQ(Received(1), std::vector<int>{1});
  engine::Packets late = NewPackets(1, 100, std::byte{2});
  outbox_.Post(late, false);
  outbox_.Send();
  EXPECT_EQ(outbox_.stats().datagrams, 1u);
}

TEST_F(OutboxTest, InAGroupWithoutMulticastPacketsGoToThePeersThatWereSetLast) {
  outbox_.SetPeers({to_.local()});
  engine::Packets packets = NewPackets(1, 100, std::byte{7});
  packets.packets[0].multicast = true;
  packets.packets[0].to = Address();
  outbox_.Post(packets, false);
  outbox_.Send();
  EXPECT_EQ(Received(1), std::vector<int>{7});
}

}  // namespace
}  // namespace cohort::runtime
