#include "runtime/interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cohort::runtime {
namespace {

using ::testing::HasSubstr;

Address Ip(const char* text) {
  Address address;
  EXPECT_TRUE(ParseIp(text, &address)) << text;
  return address;
}

Interface NewInterface(const char* name, uint32_t index, std::vector<const char*> addresses) {
  Interface interface;
  interface.name = name;
  interface.index = index;
  interface.up = true;
  interface.multicast = true;
  for (const char* address : addresses) interface.addresses.push_back(Ip(address));
  return interface;
}

std::vector<Interface> Host() {
  std::vector<Interface> interfaces{
      NewInterface("lo", 1, {"127.0.0.1", "::1"}), NewInterface("docker0", 2, {"172.17.0.1"}),
      NewInterface("eth0", 3, {"192.0.2.7", "fe80::7", "2001:db8::7"}),
      NewInterface("eth1", 4, {"198.51.100.7"})};
  interfaces[0].loopback = true;
  interfaces[0].multicast = false;
  return interfaces;
}

InterfaceWish Bind(const char* host) {
  InterfaceWish wish;
  wish.bind.host = host;
  wish.bind.port = 7601;
  return wish;
}

TEST(InterfacesTest, WithoutAWishTheInterfaceOfTheDefaultRouteIsTaken) {
  const auto choice = ChooseInterface(Bind(""), Host(), "eth1");
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->address.ToString(), "198.51.100.7:7601");
  EXPECT_THAT(choice->reason, HasSubstr("default route"));
}

TEST(InterfacesTest,
     WithoutADefaultRouteTheFirstRealMulticastInterfaceIsTakenAndNotTheOneOfContainers) {
  const auto choice = ChooseInterface(Bind(""), Host(), "");
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->interface.name, "eth0");
  EXPECT_THAT(choice->reason, HasSubstr("no default route"));
}

TEST(InterfacesTest, ADefaultRouteWithoutMulticastIsPassedOverAndTheReasonSaysSo) {
  std::vector<Interface> interfaces = Host();
  interfaces[3].multicast = false;
  const auto choice = ChooseInterface(Bind(""), interfaces, "eth1");
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->interface.name, "eth0");
  EXPECT_THAT(choice->reason, HasSubstr("eth1 does not"));
}

TEST(InterfacesTest, WithNothingElseUpLoopbackIsTakenAndTheReasonSaysWhatThatMeans) {
  std::vector<Interface> interfaces = Host();
  for (size_t i = 1; i < interfaces.size(); ++i) interfaces[i].up = false;
  const auto choice = ChooseInterface(Bind(""), interfaces, "eth1");
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->address.ToString(), "127.0.0.1:7601");
  EXPECT_THAT(choice->reason, HasSubstr("only members on this host"));
}

TEST(InterfacesTest, WithoutAKeyOnlyLoopbackIsChosenAndAnythingElseIsRefused) {
  InterfaceWish wish = Bind("");
  wish.loopback_only = true;
  const auto choice = ChooseInterface(wish, Host(), "eth1");
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->interface.name, "lo");

  wish.bind.host = "192.0.2.7";
  EXPECT_EQ(ChooseInterface(wish, Host(), "eth1").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(InterfacesTest, AnInterfaceMayBeNamedAndGivesARoutableAddressOfTheWantedFamily) {
  EXPECT_EQ(ChooseInterface(Bind("eth0"), Host(), "eth1")->address.ToString(), "192.0.2.7:7601");
  InterfaceWish wish = Bind("eth0");
  wish.family = 6;
  EXPECT_EQ(ChooseInterface(wish, Host(), "eth1")->address.ToString(), "[2001:db8::7]:7601");
}

TEST(InterfacesTest, AnyAddressOf127IsLocal) {
  const auto choice = ChooseInterface(Bind("127.0.0.3"), Host(), "");
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->address.ToString(), "127.0.0.3:7601");
}

TEST(InterfacesTest, AnAddressThisHostDoesNotHaveIsAnErrorThatListsThoseItHas) {
  const auto choice = ChooseInterface(Bind("203.0.113.1"), Host(), "eth1");
  EXPECT_EQ(choice.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(choice.status().message()), HasSubstr("eth0 192.0.2.7"));
}

TEST(InterfacesTest, WithNoInterfaceAtAllTheErrorSaysWhatToDo) {
  const auto choice = ChooseInterface(Bind(""), {}, "");
  EXPECT_EQ(choice.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(choice.status().message()), HasSubstr("lo up"));
}

TEST(InterfacesTest, HostAndPortAreReadInEveryUsualForm) {
  const auto parts = [](const char* text) { return *SplitHostPort("bind", text); };
  EXPECT_EQ(parts("eth0").host, "eth0");
  EXPECT_EQ(parts(":7600").port, 7600);
  EXPECT_EQ(parts("10.0.0.1:80").host, "10.0.0.1");
  EXPECT_EQ(parts("[::1]:80").host, "::1");
  EXPECT_EQ(parts("[::1]:80").port, 80);
  EXPECT_EQ(parts("fe80::1%eth0").host, "fe80::1%eth0");
  for (const char* wrong : {"a:b", "a:", "a:65536", "[::1", "[::1]x", "a:-1"}) {
    EXPECT_FALSE(SplitHostPort("bind", wrong).ok()) << wrong;
  }
}

TEST(InterfacesTest, TheKernelTellsTheMtuAndADatagramHasItLessTheHeaders) {
  const std::vector<Interface> interfaces = ListInterfaces();
  for (const Interface& interface : interfaces) {
    if (interface.loopback) {
      EXPECT_GE(MtuOf(interface.index), 16384U);
    }
  }
  EXPECT_EQ(MtuOf(1'000'000), 0U) << "there is no such interface";
  EXPECT_EQ(DatagramBytesOf(0), 0U);
  EXPECT_EQ(DatagramBytesOf(1500), 1452U);
  EXPECT_EQ(DatagramBytesOf(9000), 8952U);
}

}  // namespace
}  // namespace cohort::runtime
