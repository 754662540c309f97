#include "runtime/udp_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>

#include "runtime/member_sockets.h"
#include "runtime/packet_sender.h"
#include "runtime/socket_address.h"

namespace cohort::runtime {
namespace {

using ::testing::HasSubstr;

Address Ip(const char* text, uint16_t port) {
  Address address;
  EXPECT_TRUE(ParseIp(text, &address)) << text;
  address.port = port;
  return address;
}

// Multicast ports of this process, so that two runs of this program do not hear each other.
const auto kGroupPort = static_cast<uint16_t>(20000 + getpid() % 20000);

UdpSocket::Options OnLoopback() {
  UdpSocket::Options options;
  options.interface_index = if_nametoindex("lo");
  return options;
}

// Packets numbered from 0, of these sizes, all to one place.
engine::Packets NewPackets(const std::vector<size_t>& sizes, bool multicast, const Address& to) {
  engine::Packets packets;
  for (size_t i = 0; i < sizes.size(); ++i) {
    engine::Packets::One one;
    one.multicast = multicast;
    one.to = to;
    one.offset = static_cast<uint32_t>(packets.arena.size());
    one.size = static_cast<uint32_t>(sizes[i]);
    packets.arena.resize(packets.arena.size() + sizes[i], static_cast<std::byte>(i));
    packets.packets.push_back(one);
  }
  return packets;
}

struct Received {
  std::vector<size_t> sizes;
  bool in_order = true;
  size_t calls = 0;
  Address from;
};

// Waits in the kernel (not by the clock) until `count` datagrams are here; gives up when a second
// brings nothing.
Received ReceiveAll(UdpSocket& socket, size_t count) {
  Received received;
  DatagramBatch batch;
  while (received.sizes.size() < count) {
    pollfd wait{socket.fd(), POLLIN, 0};
    if (poll(&wait, 1, 1000) <= 0) break;
    if (!socket.Receive(batch)) continue;
    ++received.calls;
    for (const engine::Datagram& datagram : batch.datagrams()) {
      const auto expected = static_cast<std::byte>(received.sizes.size());
      for (const std::byte byte : datagram.bytes)
        received.in_order = received.in_order && byte == expected;
      received.sizes.push_back(datagram.bytes.size());
      received.from = datagram.from;
    }
  }
  return received;
}

class UdpSocketTest : public ::testing::Test {
 protected:
  const Address group_ = Ip("239.255.77.99", kGroupPort);
  UdpSocket sender_ = *UdpSocket::OpenUnicast(Ip("127.0.0.1", 0), OnLoopback());
};

TEST_F(UdpSocketTest, FortyFourSegmentsToAMulticastGroupArriveWholeInOneCall) {
  UdpSocket receiver = *UdpSocket::OpenMulticast(group_, OnLoopback());
  SendGate gate;
  PacketSender sender(sender_.fd(), group_, gate);
  const std::vector<size_t> sizes(44, 1472);
  sender.Send(NewPackets(sizes, true, {}));

  const Received received = ReceiveAll(receiver, sizes.size());
  EXPECT_EQ(received.sizes, sizes);
  EXPECT_TRUE(received.in_order);
  EXPECT_EQ(received.from, sender_.local());
  EXPECT_EQ(sender.stats().datagrams, 44u);
  EXPECT_EQ(sender.stats().batches, 1u);
  if (receiver.segments_received() && sender.segments()) {
    EXPECT_EQ(received.calls, 1u);
  }
}

TEST_F(UdpSocketTest, ARunEndsWithAShorterPacketAndTheNextOneBegins) {
  UdpSocket receiver = *UdpSocket::OpenUnicast(Ip("127.0.0.1", 0), OnLoopback());
  SendGate gate;
  PacketSender sender(sender_.fd(), {}, gate);
  const std::vector<size_t> sizes{1000, 1000, 400, 1472, 1472, 60, 60, 61};
  sender.Send(NewPackets(sizes, false, receiver.local()));
  const Received received = ReceiveAll(receiver, sizes.size());
  EXPECT_EQ(received.sizes, sizes);
  EXPECT_TRUE(received.in_order);
  EXPECT_EQ(sender.stats().batches, 1u);
}

TEST_F(UdpSocketTest, WithoutSegmentationEverythingArrivesAllTheSame) {
  UdpSocket receiver = *UdpSocket::OpenUnicast(Ip("127.0.0.1", 0), OnLoopback());
  SendGate gate;
  PacketSender sender(sender_.fd(), {}, gate);
  sender.DisableSegments();
  const std::vector<size_t> sizes(100, 1200);
  sender.Send(NewPackets(sizes, false, receiver.local()));
  EXPECT_EQ(ReceiveAll(receiver, sizes.size()).sizes, sizes);
  EXPECT_EQ(sender.stats().datagrams, 100u);
}

TEST_F(UdpSocketTest, MoreThanTheKernelTakesInOneSendIsSplit) {
  UdpSocket receiver = *UdpSocket::OpenUnicast(Ip("127.0.0.1", 0), OnLoopback());
  SendGate gate;
  PacketSender sender(sender_.fd(), {}, gate);
  const std::vector<size_t> sizes(150, 1400);
  sender.Send(NewPackets(sizes, false, receiver.local()));
  EXPECT_EQ(ReceiveAll(receiver, sizes.size()).sizes, sizes);
  EXPECT_EQ(sender.stats().unsent, 0u);
}

TEST_F(UdpSocketTest, WithoutAMulticastAddressEveryPeerGetsACopy) {
  UdpSocket first = *UdpSocket::OpenUnicast(Ip("127.0.0.1", 0), OnLoopback());
  UdpSocket second = *UdpSocket::OpenUnicast(Ip("127.0.0.1", 0), OnLoopback());
  SendGate gate;
  PacketSender sender(sender_.fd(), {}, gate);
  sender.SetPeers({first.local(), second.local()});
  sender.Send(NewPackets({100, 100}, true, {}));
  EXPECT_EQ(ReceiveAll(first, 2).sizes.size(), 2u);
  EXPECT_EQ(ReceiveAll(second, 2).sizes.size(), 2u);
}

TEST_F(UdpSocketTest, TwoMembersOfOneHostShareTheMulticastPort) {
  UdpSocket first = *UdpSocket::OpenMulticast(group_, OnLoopback());
  absl::StatusOr<UdpSocket> second = UdpSocket::OpenMulticast(group_, OnLoopback());
  ASSERT_TRUE(second.ok()) << second.status();
  SendGate gate;
  PacketSender sender(sender_.fd(), group_, gate);
  sender.Send(NewPackets({100}, true, {}));
  EXPECT_EQ(ReceiveAll(first, 1).sizes.size(), 1u);
  EXPECT_EQ(ReceiveAll(*second, 1).sizes.size(), 1u);
}

// Only the option is looked at: what goes out by the loopback interface comes back in any case.
TEST_F(UdpSocketTest, OfTwoThatSendFromOneSocketEachSendsWithTheLoopItWants) {
  const auto loop = [this] {
    int value = -1;
    socklen_t size = sizeof(value);
    getsockopt(sender_.fd(), IPPROTO_IP, IP_MULTICAST_LOOP, &value, &size);
    return value;
  };
  SendGate gate;
  PacketSender loud(sender_.fd(), group_, gate);
  PacketSender quiet(sender_.fd(), group_, gate);
  quiet.SetLoop(false);
  for (int i = 0; i < 2; ++i) {
    quiet.Send(NewPackets({100}, true, {}));
    EXPECT_EQ(loop(), 0);
    loud.Send(NewPackets({100}, true, {}));
    EXPECT_EQ(loop(), 1);
  }
}

TEST_F(UdpSocketTest, AnotherGroupOnTheSamePortIsNotHeard) {
  const Address other = Ip("239.255.77.98", kGroupPort);
  UdpSocket receiver = *UdpSocket::OpenMulticast(group_, OnLoopback());
  UdpSocket other_receiver = *UdpSocket::OpenMulticast(other, OnLoopback());
  SendGate gate;
  PacketSender sender(sender_.fd(), other, gate);
  sender.Send(NewPackets({100}, true, {}));
  EXPECT_EQ(ReceiveAll(other_receiver, 1).sizes.size(), 1u);
  DatagramBatch batch;
  EXPECT_FALSE(receiver.Receive(batch));
}

TEST_F(UdpSocketTest, APortNobodyListensOnIsReportedWithItsAddress) {
  Address closed;
  {
    UdpSocket gone = *UdpSocket::OpenUnicast(Ip("127.0.0.1", 0), OnLoopback());
    closed = gone.local();
  }
  SendGate gate;
  PacketSender sender(sender_.fd(), {}, gate);
  sender.Send(NewPackets({10}, false, closed));
  pollfd wait{sender_.fd(), 0, 0};
  ASSERT_EQ(poll(&wait, 1, 1000), 1);
  DatagramBatch batch;
  EXPECT_FALSE(sender_.Receive(batch));
  EXPECT_THAT(sender_.DrainErrors(), ::testing::ElementsAre(closed));
}

TEST_F(UdpSocketTest, DatagramsLostToAFullSocketAreCounted) {
  UdpSocket::Options tiny = OnLoopback();
  tiny.receive_buffer_bytes = 4096;
  UdpSocket receiver = *UdpSocket::OpenUnicast(Ip("127.0.0.1", 0), tiny);
  SendGate gate;
  PacketSender sender(sender_.fd(), {}, gate);
  sender.DisableSegments();
  sender.Send(NewPackets(std::vector<size_t>(60, 1400), false, receiver.local()));
  DatagramBatch batch;
  size_t received = 0;
  while (receiver.Receive(batch)) received += batch.datagrams().size();
  ASSERT_LT(received, 60u);
  // The counter travels with the next datagram that finds room.
  sender.Send(NewPackets({1}, false, receiver.local()));
  ASSERT_TRUE(receiver.Receive(batch));
  EXPECT_EQ(batch.drops() + received, 60u);
}

// Loopback has no IPv6 multicast on most hosts, so this one goes over a real link, to itself.
TEST_F(UdpSocketTest, Ipv6LinkScopeMulticastComesBackToItsOwnHost) {
  UdpSocket::Options options;
  Address local;
  for (const Interface& interface : ListInterfaces()) {
    for (const Address& address : interface.addresses) {
      if (address.scope == 0 || !interface.up || !interface.multicast) continue;
      options.interface_index = interface.index;
      local = address;
    }
  }
  if (local.IsNone()) GTEST_SKIP() << "not run: no interface with a link-local IPv6 address";
  absl::StatusOr<UdpSocket> sender6 = UdpSocket::OpenUnicast(local, options);
  if (!sender6.ok()) GTEST_SKIP() << "not run: " << sender6.status();
  Address group6 = Ip("ff02::4d99", kGroupPort);
  UdpSocket receiver = *UdpSocket::OpenMulticast(group6, options);
  group6.scope = options.interface_index;
  SendGate gate;
  PacketSender sender(sender6->fd(), group6, gate);
  sender.Send(NewPackets({1452, 1452, 7}, true, {}));
  EXPECT_EQ(ReceiveAll(receiver, 3).sizes, (std::vector<size_t>{1452, 1452, 7}));
}

SocketWishes LoopbackWishes(uint16_t port) {
  InterfaceWish wish;
  wish.bind = {"127.0.0.1", port};
  SocketWishes wishes;
  wishes.interface = *ChooseInterface(wish, ListInterfaces(), "");
  wishes.multicast = Ip("239.255.77.99", kGroupPort);
  return wishes;
}

TEST(MemberSocketsTest, UdpAndTcpShareOnePortNumberAndItIsChosenWhenNoneIsGiven) {
  const absl::StatusOr<MemberSockets> sockets = OpenMemberSockets(LoopbackWishes(0));
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_NE(sockets->address.port, 0);
  EXPECT_TRUE(sockets->multicast.has_value());
  SocketAddress listening;
  listening.size = sizeof(listening.storage);
  ASSERT_EQ(getsockname(sockets->listener.get(), listening.get(), &listening.size), 0);
  EXPECT_EQ(FromSocketAddress(listening.get()), sockets->address);
}

TEST(MemberSocketsTest, WithoutMulticastTheSocketsOpenAndAWarningSaysWhoCanBeReached) {
  SocketWishes wishes = LoopbackWishes(0);
  wishes.multicast = Ip("127.0.0.1", kGroupPort);  // Nothing the kernel would join.
  const absl::StatusOr<MemberSockets> sockets = OpenMemberSockets(wishes);
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_FALSE(sockets->multicast.has_value());
  EXPECT_TRUE(sockets->multicast_to.IsNone());
  EXPECT_THAT(sockets->warning, HasSubstr("no multicast on lo"));
  EXPECT_THAT(sockets->warning, HasSubstr("only seeds and members already known"));
}

TEST(MemberSocketsTest, ATakenPortIsNamedWithWhatToDo) {
  const absl::StatusOr<MemberSockets> first = OpenMemberSockets(LoopbackWishes(0));
  ASSERT_TRUE(first.ok()) << first.status();
  const uint16_t port = first->address.port;
  const absl::Status status = OpenMemberSockets(LoopbackWishes(port)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr("port " + std::to_string(port)));
  EXPECT_THAT(std::string(status.message()), HasSubstr("Give another port"));
}

}  // namespace
}  // namespace cohort::runtime
