// Large datagrams between whole engines (Spec 5.24 to 5.28): who gets them, and what becomes of
// them where they do not get through any more.
#include <algorithm>
#include <string>

#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/engine_net.h"
#include "wire/limits.h"

namespace cohort::engine {
namespace {

using testing_support::EngineNet;

// The largest datagram that any engine put out.
class Sizes final : public EngineNet::Observer {
 public:
  void OnEnter(size_t) override {}
  void OnLeave(size_t, const Output& out) override {
    for (const Packets::One& one : out.packets.packets)
      largest = std::max<size_t>(largest, one.size);
  }
  size_t largest = 0;
};

class JumboTest : public ::testing::Test {
 protected:
  void Start(size_t members, size_t bytes = wire::kJumboDatagramMax6) {
    net_.SetObserver(&sizes_);
    for (size_t i = 0; i < members; ++i) Add(bytes);
    ASSERT_TRUE(net_.RunUntil([&] { return Together(); }));
  }
  size_t Add(size_t bytes) {
    EngineOptions options = net_.Options(std::string(1, static_cast<char>('a' + net_.size())));
    options.datagram_bytes_max = bytes;
    return net_.Add(options);
  }
  bool Together() {
    size_t alive = 0;
    for (size_t i = 0; i < net_.size(); ++i) alive += net_.host(i).alive;
    for (size_t i = 0; i < net_.size(); ++i) {
      if (!net_.host(i).alive) continue;
      if (net_.engine(i).view().members.size() != alive || !net_.engine(i).synced()) return false;
    }
    return true;
  }
  uint64_t Stat(size_t index, const char* name) { return net_.engine(index).stats()[name]; }
  bool IsLarge(size_t index) { return Stat(index, "engine.datagram_bytes") > wire::kDatagramMax; }
  bool UntilLarge() {
    return net_.RunUntil([&] {
      for (size_t i = 0; i < net_.size(); ++i) {
        if (net_.host(i).alive && !IsLarge(i)) return false;
      }
      return true;
    });
  }
  // By `writer`, and applied by all.
  bool Put(size_t writer, const std::string& key, size_t bytes, Duration limit = seconds(5)) {
    const uint64_t id = net_.Put(writer, "main", key, std::string(bytes, key[0]));
    return net_.RunUntil([&] { return net_.host(writer).done.contains(id); }, limit) &&
           net_.host(writer).done[id].status.ok();
  }
  bool Holds(size_t index, const std::string& key, size_t bytes) {
    return net_.Get(index, "main", key) == std::string(bytes, key[0]);
  }
  size_t Told(size_t index, EventKind kind) {
    const std::vector<Event>& events = net_.host(index).events;
    return static_cast<size_t>(std::count_if(events.begin(), events.end(),
                                             [&](const Event& e) { return e.kind == kind; }));
  }

  Sizes sizes_;
  EngineNet net_;
};

TEST_F(JumboTest, AValueOfEightKilobytesGoesInOneDatagramOnceAllHaveShownThatTheyGetIt) {
  Start(3);
  ASSERT_TRUE(UntilLarge());
  const uint64_t before = Stat(0, "rmcast.sent");
  ASSERT_TRUE(Put(1, "k", 8000));
  EXPECT_EQ(Stat(1, "engine.datagrams_large"), 1u);
  EXPECT_EQ(Stat(0, "engine.pieces_sent") + Stat(1, "engine.pieces_sent"), 0u);
  EXPECT_LE(Stat(0, "rmcast.sent") - before, 2u) << "the sequencer orders it";
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(Holds(i, "k", 8000)) << i;
}

TEST_F(JumboTest, TwoMembersSendLargeDatagramsByUnicast) {
  Start(2);
  ASSERT_TRUE(UntilLarge());
  ASSERT_TRUE(Put(0, "k", 8000));
  EXPECT_EQ(Stat(0, "engine.datagrams_large"), 1u);
  EXPECT_TRUE(Holds(1, "k", 8000));
}

TEST_F(JumboTest, OneMemberWithASmallMtuKeepsAllSmallAndIsSentNoProbe) {
  Start(2);
  Add(wire::kDatagramMax6);
  ASSERT_TRUE(net_.RunUntil([&] { return Together(); }));
  sizes_.largest = 0;
  net_.RunFor(seconds(5));
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(IsLarge(i)) << i;
  ASSERT_TRUE(Put(0, "k", 20'000));
  ASSERT_TRUE(Put(2, "l", 20'000));
  EXPECT_LE(sizes_.largest, wire::kDatagramMax6);
  net_.Kill(2);
  ASSERT_TRUE(net_.RunUntil([&] { return Together(); }));
  EXPECT_TRUE(IsLarge(0)) << "those that stay have shown it";
}

TEST_F(JumboTest, APathThatDoesNotCarryThemIsNeverUsedAlthoughTheInterfacesWould) {
  Start(1);
  const size_t narrow = Add(wire::kJumboDatagramMax6);
  net_.host(narrow).datagram_max = wire::kDatagramMax;
  ASSERT_TRUE(net_.RunUntil([&] { return Together(); }));
  net_.RunFor(seconds(20));
  EXPECT_FALSE(IsLarge(0));
  EXPECT_LE(Stat(0, "engine.size_probes"), 9u);
  EXPECT_EQ(Told(0, EventKind::kSmallDatagrams), 0u);
  ASSERT_TRUE(Put(0, "k", 20'000));
}

TEST_F(JumboTest, WhatIsLostOfALargeChunkComesInPieces) {
  Start(3);
  ASSERT_TRUE(UntilLarge());
  net_.host(2).datagram_max = wire::kDatagramMax;
  // At the first write nobody knows yet, and none is lost.
  ASSERT_TRUE(Put(1, "k", 8000, milliseconds(100)));
  EXPECT_TRUE(Holds(2, "k", 8000));
  EXPECT_EQ(Stat(1, "engine.datagrams_large"), 1u);
  EXPECT_GE(Stat(1, "engine.pieces_sent"), wire::PacketsOf(8000));
  EXPECT_TRUE(Together());
}

// Each time that the chunk is sent again its first piece counts as the whole chunk, a duplicate,
// which is answered (Spec 5.8; a heartbeat may come before the answer does); the others as nothing.
TEST_F(JumboTest, WhatIsThereIsAnsweredByItsFirstPieceWhereTheAcknowledgementWasLost) {
  Start(2);
  ASSERT_TRUE(UntilLarge());
  net_.host(1).is_mute = true;
  ASSERT_TRUE(net_.Execute(0, SendMessage{.id = 900,
                                          .payload = Buffer::CopyOf(std::string(8000, 'm')),
                                          .ack = AckLevel::kAll})
                  .ok());
  net_.RunFor(milliseconds(100));
  ASSERT_EQ(net_.host(1).messages.size(), 1u);
  const uint64_t times = Stat(0, "engine.pieces_sent") / wire::PacketsOf(8000);
  EXPECT_GT(times, 0u);
  EXPECT_EQ(Stat(1, "rmcast.duplicates"), times);
  net_.host(1).is_mute = false;
  EXPECT_TRUE(net_.RunUntil([&] { return net_.host(0).done.contains(900); }, milliseconds(100)));
  EXPECT_EQ(net_.host(1).messages.size(), 1u) << "once";
}

TEST_F(JumboTest, APathThatHasBecomeNarrowIsNoticedAndToldAndNoMemberIsLostByIt) {
  Start(3);
  ASSERT_TRUE(UntilLarge());
  const ViewId view = net_.engine(0).view().id;
  net_.host(2).datagram_max = wire::kDatagramMax;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Put(1, "k" + std::to_string(i), 8000)) << i;
  net_.RunFor(seconds(1));
  EXPECT_FALSE(IsLarge(1));
  EXPECT_EQ(Told(1, EventKind::kSmallDatagrams), 1u);
  const uint64_t large = Stat(1, "engine.datagrams_large");
  ASSERT_TRUE(Put(1, "after", 20'000));
  EXPECT_EQ(Stat(1, "engine.datagrams_large"), large);
  EXPECT_EQ(net_.engine(0).view().id, view);
  EXPECT_TRUE(Holds(2, "k99", 8000));
  EXPECT_TRUE(Holds(2, "after", 20'000));
  net_.host(2).datagram_max = 65536;
  EXPECT_TRUE(net_.RunUntil([&] { return IsLarge(1); }, seconds(60)));
}

TEST_F(JumboTest, LargeChunksOfAViewThatEndsReachThoseWhoLackThemInPieces) {
  Start(3);
  ASSERT_TRUE(UntilLarge());
  net_.host(2).datagram_max = wire::kDatagramMax;
  const uint64_t id = net_.Put(1, "main", "k", std::string(8000, 'k'), AckLevel::kLocal);
  ASSERT_TRUE(
      net_.RunUntil([&] { return net_.host(0).changes.size() > 0 || Holds(0, "k", 8000); }));
  net_.Kill(1);
  ASSERT_TRUE(net_.RunUntil([&] { return Together(); }));
  EXPECT_TRUE(Holds(2, "k", 8000)) << id;
}

}  // namespace
}  // namespace cohort::engine
