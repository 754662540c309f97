// What `cohort doctor` reads and judges, on captured answers of real kernels and of nft. That each
// fault is found on a real network is shown by tests/e2e/doctor.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "census.h"
#include "commands.h"
#include "discovery/message.h"
#include "doctor_report.h"
#include "firewall.h"
#include "firewall_match.h"
#include "link_facts.h"
#include "proc_sockets.h"
#include "runtime/socket_address.h"
#include "support/golden_file.h"
#include "wire/frame_codec.h"

namespace cohort::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Address At(const std::string& ip, uint16_t port = 0) {
  Address address;
  EXPECT_TRUE(runtime::ParseIp(ip, &address)) << ip;
  address.port = port;
  return address;
}

std::string TestData(const std::string& name) {
  return testing::ReadTextFile(testing::TestDataPath("doctor/" + name));
}

// ---- Links

std::vector<std::byte> LinksDump() { return testing::FromHex(TestData("links.hex")); }

TEST(LinkFactsTest, ABridgeItsPortAndLoopbackAreReadFromTheKernelsAnswer) {
  const std::vector<LinkFacts> links = ParseLinks(LinksDump());
  ASSERT_THAT(links, SizeIs(3));
  EXPECT_EQ(links[0].name, "lo");
  EXPECT_EQ(links[0].mtu, 65536U);
  EXPECT_EQ(links[1].name, "bridge0");
  EXPECT_EQ(links[1].kind, "bridge");
  EXPECT_EQ(links[1].mtu, 1500U);
  EXPECT_TRUE(links[1].snooping);
  EXPECT_TRUE(links[1].querier);
  EXPECT_TRUE(links[1].querier_known);
  EXPECT_EQ(links[2].kind, "veth");
  EXPECT_EQ(links[2].master, links[1].index);
}

TEST(LinkFactsTest, AnAnswerThatIsCutShortAnywhereIsReadAsFarAsItGoes) {
  const std::vector<std::byte> dump = LinksDump();
  for (size_t size = 0; size < dump.size(); ++size)
    EXPECT_LE(ParseLinks(Bytes(dump).first(size)).size(), 3U);
  for (size_t at = 0; at < dump.size(); ++at) {  // Lengths that lie.
    std::vector<std::byte> bad = dump;
    bad[at] = std::byte{0xFF};
    EXPECT_LE(ParseLinks(bad).size(), 16U);
  }
}

TEST(LinkFactsTest, ThisHostHasALoopback) {
  const std::vector<LinkFacts> links = ListLinks();
  EXPECT_TRUE(std::any_of(links.begin(), links.end(),
                          [](const LinkFacts& link) { return link.name == "lo" && link.mtu > 0; }));
}

// ---- Packet filter

class FirewallTest : public ::testing::Test {
 protected:
  static FilteredPacket ToGroup() {
    return {true, "eth0", "udp", At("239.255.77.7", 7600), Address()};
  }
  static FilteredPacket FromHere() {
    return {false, "eth0", "udp", At("239.255.77.7", 7600), At("10.77.0.1", 40000)};
  }
  static FilteredPacket ToMember(const char* protocol, uint16_t port) {
    return {true, "eth0", protocol, At("10.77.0.1", port), Address()};
  }
  static FilteredPacket Igmp() { return {true, "eth0", "igmp", At("224.0.0.1"), Address()}; }
  // "certain inet site arriving: udp dport 7600 drop" and the like.
  static std::vector<std::string> InTheWay(const std::string& file, const FilteredPacket& packet) {
    std::vector<std::string> texts;
    const auto ruleset = nlohmann::json::parse(TestData(file));
    for (const Obstacle& obstacle : FindObstacles(ruleset, packet)) {
      texts.push_back((obstacle.certain ? "certain " : "maybe ") + obstacle.chain + ": " +
                      obstacle.rule);
    }
    return texts;
  }
};

TEST_F(FirewallTest, ARuleThatDropsThePortIsFound) {
  EXPECT_THAT(InTheWay("port_dropped.json", ToGroup()),
              ElementsAre("certain inet site arriving: udp dport 7600 drop"));
  FilteredPacket other = ToGroup();
  other.to.port = 7601;
  EXPECT_THAT(InTheWay("port_dropped.json", other), IsEmpty());
  EXPECT_THAT(InTheWay("port_dropped.json", FromHere()), IsEmpty());
}

TEST_F(FirewallTest, APolicyThatDropsIsFoundThroughJumpsAndSets) {
  EXPECT_THAT(InTheWay("policy_drop.json", ToGroup()),
              ElementsAre("certain inet site arriving: policy drop"));
  EXPECT_THAT(InTheWay("policy_drop.json", Igmp()),
              ElementsAre("certain inet site arriving: policy drop"));
  EXPECT_THAT(InTheWay("policy_drop.json", ToMember("udp", 7601)),
              ElementsAre("certain inet site arriving: policy drop"));
  EXPECT_THAT(InTheWay("policy_drop.json", ToMember("tcp", 7601)), IsEmpty());
  FilteredPacket lower = ToGroup();
  lower.to.port = 7500;  // Accepted in the chain that is jumped to.
  EXPECT_THAT(InTheWay("policy_drop.json", lower), IsEmpty());
}

TEST_F(FirewallTest, WhatIsLetThroughIsNoObstacle) {
  EXPECT_THAT(InTheWay("policy_drop_open.json", ToGroup()), IsEmpty());
  EXPECT_THAT(InTheWay("policy_drop_open.json", ToMember("udp", 7601)), IsEmpty());
  EXPECT_THAT(InTheWay("policy_drop_open.json", ToMember("tcp", 7701)), SizeIs(1));
  EXPECT_THAT(InTheWay("policy_drop_open.json", Igmp()), IsEmpty());
}

TEST_F(FirewallTest, WhatDependsOnTheSenderOrOnChanceIsOnlyPossible) {
  EXPECT_THAT(InTheWay("uncertain.json", ToGroup()),
              ElementsAre("maybe inet site arriving: ip saddr 10.77.0.2 drop"));
  FilteredPacket from_b = ToGroup();
  from_b.from = At("10.77.0.2");
  EXPECT_THAT(InTheWay("uncertain.json", from_b),
              ElementsAre("certain inet site arriving: ip saddr 10.77.0.2 drop"));
  EXPECT_THAT(InTheWay("limited.json", ToGroup()),
              ElementsAre("maybe ip site arriving: policy drop"));
  EXPECT_THAT(InTheWay("limited.json", ToMember("udp", 7601)),
              ElementsAre("certain ip site arriving: policy drop"));
}

TEST_F(FirewallTest, WhatLeavesAndWhatADeviceTakesInAreFollowedToo) {
  EXPECT_THAT(InTheWay("leaving.json", FromHere()),
              ElementsAre("certain inet site leaving: ip daddr 239.0.0.0-239.255.255.255 udp dport "
                          "!= 53 reject"));
  EXPECT_THAT(
      InTheWay("leaving.json", Igmp()),
      ElementsAre(
          "maybe netdev early in: ip protocol igmp drop"));  // nft does not say of which device.
  EXPECT_THAT(InTheWay("leaving.json", ToGroup()), IsEmpty());
  FilteredPacket v6 = ToGroup();
  v6.to = At("ff02::4d07", 7600);
  EXPECT_THAT(InTheWay("leaving.json", v6), ElementsAre("certain ip6 six arriving: policy drop"));
}

TEST_F(FirewallTest, ChainsThatCallOneAnotherForEverAndOddRulesetsEnd) {
  const auto ruleset = nlohmann::json::parse(R"({"nftables": [
    {"chain": {"family": "ip", "table": "t", "name": "in", "type": "filter", "hook": "input"}},
    {"rule": {"family": "ip", "table": "t", "chain": "in", "expr": [{"jump": {"target": "in"}}]}},
    {"rule": {"family": "ip", "table": "t", "chain": "in", "expr": [{"jump": {"target": "in"}}]}},
    {"rule": 7}, {"chain": []}, "x", {"rule": {"family": "ip", "table": "t", "chain": "in",
      "expr": [{"match": {"op": "==", "left": 1, "right": {"set": [{"concat": []}]}}}, {}, 3]}}]})");
  EXPECT_THAT(FindObstacles(ruleset, ToGroup()), IsEmpty());
  for (const char* odd : {"null", "[]", "{}", R"({"nftables": 3})", R"({"nftables": [[], 1]})"})
    EXPECT_THAT(FindObstacles(nlohmann::json::parse(odd), ToGroup()), IsEmpty()) << odd;
}

// ---- Ports

constexpr const char* kUdpTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    "  110: 0100007F:1DB0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0\n"
    "  111: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0\n"
    "  rubbish\n  112: 01:zz 2\n";

TEST(ProcSocketsTest, AnAddressOrItsPortOnEveryAddressIsTaken) {
  const std::vector<BoundSocket> sockets = ParseProcSockets(kUdpTable);
  ASSERT_THAT(sockets, SizeIs(2));
  EXPECT_EQ(sockets[0].local, At("127.0.0.1", 7600));
  EXPECT_TRUE(IsTaken(sockets, At("127.0.0.1", 7600), false));
  EXPECT_FALSE(IsTaken(sockets, At("127.0.0.2", 7600), false));
  EXPECT_FALSE(IsTaken(sockets, At("127.0.0.1", 7601), false));
  EXPECT_TRUE(IsTaken(sockets, At("127.0.0.2", 53), false));
}

TEST(ProcSocketsTest, OfTcpOnlyListenersCount) {
  const std::vector<BoundSocket> sockets = ParseProcSockets(
      "heading\n 0: 0100007F:1DB0 00000000:0000 0A 0\n 1: 0100007F:1DB1 0100007F:9999 01 0\n"
      " 2: 00000000000000000000000001000000:1DB2 00000000000000000000000000000000:0000 0A 0\n");
  EXPECT_TRUE(IsTaken(sockets, At("127.0.0.1", 7600), true));
  EXPECT_FALSE(IsTaken(sockets, At("127.0.0.1", 7601), true));
  EXPECT_TRUE(IsTaken(sockets, At("::1", 7602), true));
}

// ---- Census

// A member of `group` announces itself.
std::vector<std::byte> Sealed(const std::string& group,
                              const std::optional<security::GroupKey>& key,
                              const std::string& name = "b") {
  static uint64_t instance = 7;  // Another one each time: what one has sent twice is a replay.
  security::Security sender({.group = group, .key = key, .self = {{7, ++instance}, 1}});
  discovery::Message message;
  message.kind = discovery::MessageKind::kAnnounce;
  message.sender = {.id = {{7, 7}, 1}, .name = name, .address = At("10.0.0.1", 7601)};
  message.sighting = {.coordinator = {{7, 7}, 1}, .address = At("10.0.0.1", 7601)};
  message.sighting.view = {4, uint64_t{0xABCDEF} << 40};
  message.sighting.members = 3;
  std::array<std::byte, wire::kStrangerFramesMax> frames;
  wire::ByteWriter writer(frames);
  EXPECT_TRUE(wire::Encode(wire::ControlFrame{.kind = wire::ControlKind::kDiscovery,
                                              .body = discovery::Encode(message, group)},
                           writer));
  std::vector<std::byte> packet;
  EXPECT_GT(sender.SealStranger(std::nullopt, writer.written(), packet), 0U);
  return packet;
}

TEST(CensusTest, PacketsAreToldApartByGroupKeyEncryptionAndVersion) {
  security::GroupKey key, other;
  other.Fill()[0] = std::byte{1};
  Census census("shop", key);
  const auto add = [&](const char* ip, Bytes packet) {
    census.Add(Instant::Zero(), At(ip, 7000), packet);
  };
  add("10.0.0.1", Sealed("shop", key));
  add("10.0.0.2", Sealed("shop", other));
  add("10.0.0.3", Sealed("mall", key));
  add("10.0.0.4", Sealed("shop", std::nullopt));
  add("10.0.0.5", Sealed("mall", std::nullopt));
  std::vector<std::byte> newer = Sealed("shop", key);
  newer[1] = std::byte{0xF2};
  add("10.0.0.6", newer);
  std::vector<std::byte> damaged = Sealed("shop", key);
  damaged.back() ^= std::byte{1};
  add("10.0.0.7", damaged);
  add("10.0.0.8", AsBytes("hello"));
  add("10.0.0.9", {});
  using enum Census::Kind;
  std::vector<Census::Kind> kinds;
  for (const auto& [address, sender] : census.senders()) {
    for (size_t kind = 0; kind < sender.packets.size(); ++kind) {
      if (sender.packets[kind] > 0) kinds.push_back(static_cast<Census::Kind>(kind));
    }
  }
  EXPECT_THAT(kinds, ElementsAre(kMember, kForeignGroup, kForeignGroup, kOtherEncryption,
                                 kForeignGroup, kOtherVersion, kForged, kUnknown, kDoctor));
}

TEST(CensusTest, WhoAnnouncesItselfIsKnownByNameAndView) {
  const security::GroupKey key;
  Census census("shop", key);
  census.Add(Instant::Zero(), At("10.0.0.1", 7601), Sealed("shop", key));
  census.Add(Instant::Zero(), At("10.0.0.2", 7601), Sealed("shop", key, "\x1b[31mc\n"));
  std::vector<std::string> names;
  for (const auto& [address, sender] : census.senders()) names.push_back(sender.name);
  EXPECT_THAT(names, ElementsAre("b", "?[31mc?"));
  EXPECT_EQ(census.senders().begin()->second.view, "4-abcdef of 3 members");
  EXPECT_EQ(census.senders().begin()->second.view_members, 3U);
}

TEST(CensusTest, SendersBeyondTheLimitAreCountedTogether) {
  Census census("shop", std::nullopt);
  for (size_t i = 0; i < kSendersMax + 3; ++i) {
    Address from = At("10.0.0.0", static_cast<uint16_t>(1 + i));
    census.Add(Instant::Zero(), from, {});
  }
  EXPECT_THAT(census.senders(), SizeIs(kSendersMax));
  EXPECT_EQ(census.surplus_packets(), 3U);
}

// ---- Report

TEST(DoctorReportTest, ASummaryEndsWithTheProblemsAndWhatMendsThem) {
  DoctorReport report;
  report.group = "shop";
  report.findings = {
      {"echo", Level::kProblem, "nothing comes back", "none heard", "do this\nand that"},
      {"key", Level::kOk, "k holds a key", "", ""},
      {"mtu", Level::kWarning, "small", "1400", "mend it"},
      {"members", Level::kNote, "all of them here", "listened", "look there"}};
  EXPECT_EQ(ProgressLine(report.findings[0]), "problem  echo         nothing comes back\n");
  EXPECT_EQ(Summary(report),
            "\n1 problem, 1 warning\n"
            "\nnote: all of them here\n  evidence  listened\n  mend      look there\n"
            "\nwarning: small\n  evidence  1400\n  mend      mend it\n"
            "\nproblem: nothing comes back\n  evidence  none heard\n"
            "  mend      do this\n            and that\n");
  EXPECT_EQ(report.ExitStatus(), kExitFailed);
  const auto json = report.ToJson();
  EXPECT_EQ(json["problems"], 1);
  EXPECT_EQ(json["findings"][2]["remedy"], "mend it");
  report.findings.erase(report.findings.begin());
  EXPECT_EQ(report.ExitStatus(), kExitOk) << "neither a warning nor a note is a failure";
}

}  // namespace
}  // namespace cohort::tools
