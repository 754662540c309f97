#include "engine/lifelines.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace cohort::engine {
namespace {

constexpr Instant kNow = Instant::FromNanos(1'000'000'000);

Address Loopback(uint16_t port) { return {.ip = {127, 0, 0, 1}, .port = port, .family = 4}; }

Lifelines::Peer NewPeer(uint64_t instance, uint16_t port) {
  return {.id = {.instance = {instance, 1}, .join_no = 1}, .address = Loopback(port), .name = "x"};
}

// The HELLO that `lifelines` says on its stream 1, which it opens to `to`.
Buffer Greet(Lifelines& lifelines, const Address& to) {
  std::vector<StreamAction> actions;
  lifelines.Dial(kNow, to, actions);
  actions.clear();
  Lifelines::Output out;
  StreamEvent opened;
  opened.kind = StreamEvent::Kind::kOpened;
  opened.stream = 1;
  lifelines.OnStream(kNow, opened, actions, out);
  return actions.empty() ? Buffer() : actions[0].data;
}

class LifelinesTest : public ::testing::Test {
 protected:
  LifelinesTest() {
    std::vector<StreamAction> actions;
    self_.SetSelf(NewPeer(1, 1001), actions);
    other_.SetSelf(NewPeer(2, 1002), actions);
  }
  void Receive(const Buffer& hello) {
    StreamEvent bytes;
    bytes.kind = StreamEvent::Kind::kBytes;
    bytes.stream = 1;
    bytes.bytes = hello;
    self_.OnStream(kNow, bytes, actions_, out_);
  }

  Lifelines self_;
  Lifelines other_;
  std::vector<StreamAction> actions_;
  Lifelines::Output out_;
};

TEST_F(LifelinesTest, APeerThatSaysWhoItIsIsUp) {
  Greet(self_, Loopback(1002));
  Receive(Greet(other_, Loopback(1001)));
  ASSERT_EQ(out_.up.size(), 1u);
  EXPECT_EQ(out_.up[0].id.instance.hi, 2u);
  EXPECT_TRUE(self_.IsUp({2, 1}));
}

// A host lost its power and is back: the stream to the process of before has not broken yet.
TEST_F(LifelinesTest, OfTwoProcessesAtOneAddressTheLaterOneIsWrittenTo) {
  Lifelines later;
  later.SetSelf(NewPeer(3, 1002), actions_);
  for (Lifelines* peer : {&other_, &later}) {
    const StreamId stream = peer == &other_ ? 2 : 4;
    StreamEvent event;
    event.kind = StreamEvent::Kind::kAccepted;
    event.stream = stream;
    event.from = Loopback(40'000);
    self_.OnStream(kNow, event, actions_, out_);
    const Buffer hello = Greet(*peer, Loopback(1001));
    event.kind = StreamEvent::Kind::kBytes;
    event.bytes = hello;
    self_.OnStream(kNow, event, actions_, out_);
  }
  ASSERT_EQ(out_.up.size(), 2u);
  actions_.clear();
  self_.SendTo(kNow, Loopback(1002), wire::StreamMessage::kWelcome, {}, actions_);
  ASSERT_EQ(actions_.size(), 1u);
  EXPECT_EQ(actions_[0].kind, StreamAction::Kind::kSend);
  EXPECT_EQ(actions_[0].stream, 4u);
}

// Both ends of a handshake hold the same key, so it does not show that the peer is somebody else.
TEST_F(LifelinesTest, AConnectionThatLeadsBackToThisMemberIsClosed) {
  Receive(Greet(self_, Loopback(1002)));
  EXPECT_TRUE(out_.up.empty());
  EXPECT_FALSE(self_.IsUp({1, 1}));
  ASSERT_EQ(actions_.size(), 1u);
  EXPECT_EQ(actions_[0].kind, StreamAction::Kind::kClose);
  ASSERT_EQ(out_.unreachable.size(), 1u);
  EXPECT_EQ(out_.unreachable[0].address, Loopback(1002));
  EXPECT_EQ(self_.stats().broken, 1u);
}

}  // namespace
}  // namespace cohort::engine
