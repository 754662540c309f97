// What a network and other people's processes do to a member: other groups and keys on its address,
// garbage, forged and replayed packets, no multicast.
#include <arpa/inet.h>
#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <random>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

bool Saw(Events& events, EventKind kind, const std::string& text) {
  return events.WaitFor([&](const std::vector<Event>& seen) {
    return std::any_of(seen.begin(), seen.end(), [&](const Event& event) {
      return event.kind == kind && event.text.find(text) != std::string::npos;
    });
  });
}

TEST(TroubleTest, TwoGroupsOnOneAddressDoNotMixAndSayThatTheyHearEachOther) {
  Events events;
  GroupOptions options = OnLoopback("one", "a");
  Keep(options, events);
  absl::StatusOr<Group> one = Group::Join(options);
  ASSERT_TRUE(one.ok()) << one.status();
  GroupOptions apart = OnLoopback("two", "a");
  apart.receive_buffer_bytes = size_t{4} << 20;  // So it has sockets of its own.
  absl::StatusOr<Group> two = Group::Join(apart);
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_TRUE(Saw(events, EventKind::kDropped, "harmless if groups share this multicast address"));
  EXPECT_EQ(one->view().members.size(), 1u);
  EXPECT_EQ(two->view().members.size(), 1u);
}

TEST(TroubleTest, AMemberWithAnotherKeyIsToldOfInWordsThatSayWhatToCompare) {
  Events events;
  GroupOptions options = OnLoopback("keys", "a");
  options.key = TestKey('1');
  Keep(options, events);
  absl::StatusOr<Group> first = Group::Join(options);
  ASSERT_TRUE(first.ok()) << first.status();
  GroupOptions other = OnLoopback("keys", "b");
  other.key = TestKey('2');
  absl::StatusOr<Group> second = Group::Join(other);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(Saw(events, EventKind::kDropped, "its key is another one"));
  EXPECT_EQ(first->view().members.size(), 1u);
}

TEST(TroubleTest, AMemberWithoutAKeyIsToldThatTheOthersEncrypt) {
  Events events;
  GroupOptions options = OnLoopback("mixed", "a");
  Keep(options, events);
  absl::StatusOr<Group> plain = Group::Join(options);
  ASSERT_TRUE(plain.ok()) << plain.status();
  GroupOptions other = OnLoopback("mixed", "b");
  other.key = TestKey();
  absl::StatusOr<Group> sealed = Group::Join(other);
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_TRUE(Saw(events, EventKind::kDropped, "the same key, or none"));
  EXPECT_EQ(plain->view().members.size(), 1u);
}

// Hears what a group says and says what it likes, as any process on the network can.
class Intruder {
 public:
  explicit Intruder(const std::string& multicast) : fd_(socket(AF_INET, SOCK_DGRAM, 0)) {
    const size_t colon = multicast.find(':');
    group_.sin_family = AF_INET;
    group_.sin_port = htons(static_cast<uint16_t>(std::stoi(multicast.substr(colon + 1))));
    inet_pton(AF_INET, multicast.substr(0, colon).c_str(), &group_.sin_addr);
    const int one = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&group_), sizeof(group_)), 0);
    ip_mreqn join{};
    join.imr_multiaddr = group_.sin_addr;
    join.imr_ifindex = static_cast<int>(if_nametoindex("lo"));
    EXPECT_EQ(setsockopt(fd_, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)), 0);
    setsockopt(fd_, IPPROTO_IP, IP_MULTICAST_IF, &join, sizeof(join));
    const timeval longest{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest));
  }
  ~Intruder() { close(fd_); }

  std::vector<std::string> Hear(size_t count) const {
    std::vector<std::string> packets;
    char buffer[65536];
    while (packets.size() < count) {
      const ssize_t size = recv(fd_, buffer, sizeof(buffer), 0);
      if (size <= 0) break;
      packets.emplace_back(buffer, static_cast<size_t>(size));
    }
    return packets;
  }
  void SayToAll(const std::string& packet) const { SayTo(group_, packet); }
  void SayTo(const Group& member, const std::string& packet) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    const std::string& address = member.address();
    const size_t colon = address.find(':');
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    SayTo(to, packet);
  }

 private:
  void SayTo(const sockaddr_in& to, const std::string& packet) const {
    sendto(fd_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to),
           sizeof(to));
  }

  int fd_;
  sockaddr_in group_{};
};

TEST(TroubleTest, GarbageForgedReplayedAndForeignPacketsHarmNobodyAndAreToldOnce) {
  GroupOptions options = OnLoopback("intruder", "");
  options.key = TestKey();
  std::vector<Group> members = JoinMembers(3, options);  // To one other they would not multicast.
  ASSERT_EQ(members.size(), 3u);
  Events events;
  const Subscription subscription = members[0].SubscribeEvents(
      [&](const Event& event) { events.Update([&](auto& list) { list.push_back(event); }); });
  ReplicatedMap map = *members[0].OpenMap("main");
  const Intruder intruder(options.multicast);
  ReplicatedMap other = *members[1].OpenMap("main");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(map.Put("before", "1").ok());
  const std::vector<std::string> heard = intruder.Hear(12);
  ASSERT_EQ(heard.size(), 12u);

  std::mt19937 random(7);
  const auto say = [&](const std::string& packet) {
    intruder.SayToAll(packet);
    for (const Group& member : members) intruder.SayTo(member, packet);
  };
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    for (const std::string& packet : heard) {
      say(packet);  // Replayed as it was.
      say(packet.substr(0, random() % packet.size()));
      std::string changed = packet;
      changed[random() % changed.size()] ^= static_cast<char>(1 << random() % 8);
      say(changed);
      changed = packet;
      changed[1] = static_cast<char>((changed[1] & 0x0F) | 0x20);  // Another wire version.
      say(changed);
    }
    std::string garbage(random() % 1400, '\0');
    for (char& byte : garbage) byte = static_cast<char>(random());
    say(garbage);
    ASSERT_TRUE(map.Put("k" + std::to_string(round), "v").ok());
  }
  std::map<std::string, uint64_t> counts;
  for (const Group& member : members) {
    for (const auto& [name, count] : member.stats().counters) counts[name] += count;
  }
  for (const char* verdict : {"malformed", "wrong_version", "replay"}) {
    EXPECT_GT(counts[std::string("security.received_") + verdict], 100u) << verdict;
  }
  EXPECT_GT(counts["security.received_forged"], 0u);
  EXPECT_TRUE(Saw(events, EventKind::kDropped, "another wire version"));
  EXPECT_TRUE(Saw(events, EventKind::kDropped, "no packets of Cohort"));
  std::map<std::string, int> told;
  for (const Event& event : events.Get()) {
    if (event.kind == EventKind::kDropped) ++told[event.text.substr(event.text.find(';'))];
    EXPECT_NE(event.kind, EventKind::kSuspected) << event.text;
  }
  for (const auto& [advice, times] : told) EXPECT_LE(times, 3) << advice;
  EXPECT_EQ(members[0].view().id, members[1].view().id);
  EXPECT_EQ(other.Size(), size_t{kRounds} + 1);
}

TEST(TroubleTest, AnInterfaceThatIsNotThereIsAnErrorThatListsThoseThatAre) {
  GroupOptions options = OnLoopback("interface", "a");
  options.bind = "nosuch0";
  const absl::Status status = Group::Join(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("nosuch0"), HasSubstr("127.0.0.1")));
}

TEST(TroubleTest, AJoinThatFindsNoQuorumSaysWhatWasSeen) {
  GroupOptions options = OnLoopback("waiting", "a");
  options.policy = Policy::kPrimary;
  options.initial_members = 3;
  options.join_timeout = absl::Milliseconds(500);
  const absl::Status status = Group::Join(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no view of the group was installed"));
}

}  // namespace
}  // namespace cohort::testing
