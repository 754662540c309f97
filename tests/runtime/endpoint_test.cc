// Which groups share an endpoint, and what a lease keeps open.
#include "runtime/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace cohort::runtime {
namespace {

using ::testing::HasSubstr;

// A wish for a free port of loopback; tags are as different as names.
EndpointWish Wish(const std::string& group, uint16_t port = 0) {
  InterfaceWish interface;
  interface.bind = {"127.0.0.1", port};
  EndpointWish wish;
  wish.group = group;
  wish.tag = static_cast<uint32_t>(std::hash<std::string>()(group));
  wish.sockets.interface = *ChooseInterface(interface, ListInterfaces(), "");
  Address multicast;
  multicast.family = 4;
  multicast.ip = {239, 255, 77, 98};
  multicast.port = 17698;
  wish.sockets.multicast = multicast;
  return wish;
}

EndpointLease Acquire(const EndpointWish& wish) {
  absl::StatusOr<EndpointLease> lease = AcquireEndpoint(wish);
  EXPECT_TRUE(lease.ok()) << lease.status();
  return lease.ok() ? *std::move(lease) : EndpointLease();
}

TEST(EndpointTest, GroupsThatWishTheSameShareIt) {
  const EndpointLease a = Acquire(Wish("a"));
  const EndpointLease b = Acquire(Wish("b"));
  EXPECT_EQ(&*a, &*b);
  EXPECT_EQ(a.others(), 0u);
  EXPECT_EQ(b.others(), 1u);
  const EndpointLease by_port = Acquire(Wish("c", a->sockets().address.port));
  EXPECT_EQ(&*by_port, &*a);
}

TEST(EndpointTest, AnyOtherWishHasAnotherOne) {
  const EndpointLease a = Acquire(Wish("a"));
  EndpointWish other = Wish("b");
  other.sockets.multicast.port = 17699;
  EXPECT_NE(&*Acquire(other), &*a);
  other = Wish("b");
  other.sockets.multicast = {};
  EXPECT_NE(&*Acquire(other), &*a);
  other = Wish("b");
  other.sockets.udp.multicast_ttl = 2;
  EXPECT_NE(&*Acquire(other), &*a);
  other = Wish("b");
  other.sockets.udp.receive_buffer_bytes /= 2;
  EXPECT_NE(&*Acquire(other), &*a);
}

TEST(EndpointTest, ASecondMemberOfAGroupHasAnotherOneAndIsRefusedThePortOfTheFirst) {
  const EndpointLease first = Acquire(Wish("a"));
  const EndpointLease second = Acquire(Wish("a"));
  EXPECT_NE(first->sockets().address, second->sockets().address);
  const absl::Status refused = AcquireEndpoint(Wish("a", first->sockets().address.port)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("member of group a"));
}

TEST(EndpointTest, TwoNamesWithOneTagDoNotShareIt) {
  const EndpointLease a = Acquire(Wish("a"));
  EndpointWish same_tag = Wish("b");
  same_tag.tag = Wish("a").tag;
  EXPECT_NE(&*Acquire(same_tag), &*a);
}

TEST(EndpointTest, APortOfThisProcessWithAnotherWishIsRefusedAndTheTextSaysWhatMustBeTheSame) {
  const EndpointLease a = Acquire(Wish("a"));
  EndpointWish other = Wish("b", a->sockets().address.port);
  other.sockets.udp.multicast_ttl = 2;
  const absl::Status refused = AcquireEndpoint(other).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("multicast_ttl"));
}

TEST(EndpointTest, OneMoreThanTheLimitHasAnotherOneAndIsRefusedThePort) {
  std::vector<EndpointLease> leases;
  for (size_t i = 0; i < kGroupsPerEndpointMax; ++i) {
    leases.push_back(Acquire(Wish("g" + std::to_string(i))));
    ASSERT_EQ(&*leases.back(), &*leases.front());
  }
  EXPECT_NE(&*Acquire(Wish("more")), &*leases.front());
  const absl::Status refused =
      AcquireEndpoint(Wish("more", leases.front()->sockets().address.port)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("64 groups"));
  leases.pop_back();
  EXPECT_EQ(&*Acquire(Wish("more")), &*leases.front());
}

TEST(EndpointTest, ItStaysOpenForTheLastOneAndThenThePortIsFree) {
  EndpointLease a = Acquire(Wish("a"));
  EndpointLease b = Acquire(Wish("b"));
  const uint16_t port = a->sockets().address.port;
  a.Release();
  EXPECT_FALSE(OpenMemberSockets(Wish("x", port).sockets).ok());
  a.Release();  // Twice is once.
  EXPECT_FALSE(OpenMemberSockets(Wish("x", port).sockets).ok());
  b = EndpointLease();
  EXPECT_TRUE(OpenMemberSockets(Wish("x", port).sockets).ok());
  EXPECT_EQ(a->sockets().address.port, port);  // Still to be read.
}

}  // namespace
}  // namespace cohort::runtime
