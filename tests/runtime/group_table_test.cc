#include "runtime/group_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "wire/packet_header.h"

namespace cohort::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct FakeGroup : EndpointGroup {
  void OnDatagrams(std::span<const engine::Datagram> datagrams) override {
    ++turns;
    for (const engine::Datagram& datagram : datagrams) ports.push_back(datagram.from.port);
  }
  void OnDatagramsLost(uint32_t) override {}
  void OnUnreachable(const Address&) override {}
  void OnLink(bool) override {}
  void OnMtu(uint32_t) override {}
  void OnLifeline(const std::shared_ptr<Stream>&) override {}

  int turns = 0;
  std::vector<int> ports;  // Who sent what came, in order.
};

// A batch as a socket reads it; each datagram has the place in it as its sender's port.
class Batch {
 public:
  void Add(uint32_t tag) {
    wire::PacketHeader header;
    header.group_tag = tag;
    header.packet_number = 1;
    std::string bytes(wire::kPacketHeaderBytes, '\0');
    EXPECT_TRUE(wire::SerializePacketHeader(
        header, MutableBytes(reinterpret_cast<std::byte*>(bytes.data()), bytes.size())));
    AddRaw(bytes);
  }
  void AddRaw(std::string bytes) {
    memory_.push_back(std::move(bytes));
    engine::Datagram datagram;
    datagram.from.port = static_cast<uint16_t>(datagrams_.size());
    datagram.bytes = AsBytes(memory_.back());
    datagrams_.push_back(datagram);
  }
  std::span<const engine::Datagram> get() const { return datagrams_; }

 private:
  std::deque<std::string> memory_;
  std::vector<engine::Datagram> datagrams_;
};

TEST(GroupTableTest, EachGroupHasItsOwnDatagramsInOneTurnAndInTheirOrder) {
  GroupTable table;
  FakeGroup a;
  FakeGroup b;
  ASSERT_TRUE(table.Add(7, a));
  ASSERT_TRUE(table.Add(8, b));
  Batch batch;
  for (const uint32_t tag : {7u, 8u, 8u, 7u, 8u}) batch.Add(tag);
  table.Deliver(batch.get());
  EXPECT_THAT(a.ports, ElementsAre(0, 3));
  EXPECT_THAT(b.ports, ElementsAre(1, 2, 4));
  EXPECT_EQ(a.turns, 1);
  EXPECT_EQ(b.turns, 1);
  table.Deliver(batch.get());
  EXPECT_THAT(a.ports, ElementsAre(0, 3, 0, 3));
}

TEST(GroupTableTest, WhatIsOfNoGroupGoesToOneOfThemInTurnAndNeverToAll) {
  GroupTable table;
  std::deque<FakeGroup> groups(3);
  for (uint32_t i = 0; i < groups.size(); ++i) ASSERT_TRUE(table.Add(i + 1, groups[i]));
  Batch batch;
  for (int i = 0; i < 2; ++i) {
    batch.Add(99);
    batch.AddRaw("short");
    batch.AddRaw(std::string(100, 'x'));
  }
  table.Deliver(batch.get());
  for (const FakeGroup& group : groups) EXPECT_EQ(group.ports.size(), 2u);
}

TEST(GroupTableTest, AGroupThatIsAloneIsHandedEverything) {
  GroupTable table;
  FakeGroup a;
  ASSERT_TRUE(table.Add(7, a));
  Batch batch;
  batch.Add(7);
  batch.Add(99);
  table.Deliver(batch.get());
  EXPECT_THAT(a.ports, ElementsAre(0, 1));
}

TEST(GroupTableTest, AFullTableFindsEachGroupAlsoWhereTagsFallOnOnePlace) {
  GroupTable table;
  std::deque<FakeGroup> groups(kGroupsPerEndpointMax);
  // 2654435761 has the inverse 244002641 modulo 2^32: these tags hash to 0, 1, 2, ...
  const auto tag = [](size_t i) { return static_cast<uint32_t>(i) * 244002641u; };
  for (size_t i = 0; i < groups.size(); ++i) ASSERT_TRUE(table.Add(tag(i), groups[i]));
  FakeGroup one_too_many;
  EXPECT_FALSE(table.Add(tag(groups.size()), one_too_many));
  Batch batch;
  for (size_t i = 0; i < groups.size(); ++i) batch.Add(tag(i));
  table.Deliver(batch.get());
  for (size_t i = 0; i < groups.size(); ++i) {
    EXPECT_THAT(groups[i].ports, ElementsAre(static_cast<int>(i)));
  }
}

TEST(GroupTableTest, AGroupThatWasRemovedIsHandedNothingAndItsTagIsFreeAgain) {
  GroupTable table;
  FakeGroup a;
  FakeGroup b;
  FakeGroup c;
  ASSERT_TRUE(table.Add(1, a));
  ASSERT_TRUE(table.Add(2, b));
  EXPECT_FALSE(table.Add(1, c));
  table.Remove(a);
  Batch batch;
  batch.Add(1);
  table.Deliver(batch.get());
  EXPECT_THAT(a.ports, IsEmpty());
  EXPECT_THAT(b.ports, ElementsAre(0));  // Of no group here.
  ASSERT_TRUE(table.Add(1, c));
  table.Deliver(batch.get());
  EXPECT_THAT(c.ports, ElementsAre(0));
}

TEST(GroupTableTest, WithoutAGroupWhatComesIsDropped) {
  GroupTable table;
  Batch batch;
  batch.Add(1);
  table.Deliver(batch.get());
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace cohort::runtime
