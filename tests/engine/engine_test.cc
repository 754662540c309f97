#include "engine/engine.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/engine_net.h"

namespace cohort::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing_support::EngineNet;

class EngineTest : public ::testing::Test {
 protected:
  void StartThree() {
    for (const char* name : {"a", "b", "c"}) net_.Add(net_.Options(name));
    ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1, 2}); })) << Describe();
  }
  std::string Describe() {
    std::string text;
    for (size_t i = 0; i < 3; ++i) {
      text += "host " + std::to_string(i) + ": " +
              std::to_string(net_.engine(i).view().members.size()) + " members, synced " +
              std::to_string(net_.engine(i).synced()) + "\n";
      for (const Event& event : net_.host(i).events)
        text += std::string("   ") + ToString(event.kind) + " " + event.text + "\n";
    }
    return text;
  }
  bool Done(size_t host, uint64_t command) { return net_.host(host).done.contains(command); }

  EngineNet net_;
};

TEST_F(EngineTest, OneMemberFormsAGroupAndServes) {
  net_.Add(net_.Options("a"));
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0}); }));
  const uint64_t put = net_.Put(0, "main", "k", "v");
  ASSERT_TRUE(net_.last_status().ok()) << net_.last_status();
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, put); }));
  EXPECT_EQ(net_.Get(0, "main", "k"), "v");
}

TEST_F(EngineTest, ThreeMembersAgreeOnOneView) { StartThree(); }

TEST_F(EngineTest, AWriteAcknowledgedByAllIsReadableEverywhere) {
  StartThree();
  for (size_t writer = 0; writer < 3; ++writer) {
    const std::string key = "k" + std::to_string(writer);
    const uint64_t put = net_.Put(writer, "main", key, "value");
    ASSERT_TRUE(net_.RunUntil([&] { return Done(writer, put); }, seconds(1))) << writer;
    EXPECT_TRUE(net_.host(writer).done[put].status.ok());
    EXPECT_EQ(net_.host(writer).done[put].replicas, 3);
    for (size_t reader = 0; reader < 3; ++reader)
      EXPECT_EQ(net_.Get(reader, "main", key), "value") << reader;
  }
}

TEST_F(EngineTest, AKilledMemberIsOutOfTheViewWithinMilliseconds) {
  StartThree();
  const Instant killed = net_.now();
  net_.Kill(2);
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }, seconds(2))) << Describe();
  EXPECT_LT(net_.now() - killed, milliseconds(50)) << Describe();
  EXPECT_EQ(net_.engine(0).view().left.size(), 1u);
}

TEST_F(EngineTest, ThreeMembersGoOnWhenTheirCoordinatorIsKilled) {
  StartThree();
  size_t coordinator = 0;
  for (size_t i = 0; i < 3; ++i) {
    if (net_.engine(0).view().members[0].id == net_.engine(i).self()) coordinator = i;
  }
  const size_t one = (coordinator + 1) % 3;
  const size_t two = (coordinator + 2) % 3;
  const uint64_t before = net_.Put(one, "main", "before", "1");
  net_.Kill(coordinator);
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({one, two}); }, seconds(2))) << Describe();
  const uint64_t after = net_.Put(two, "main", "after", "2");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(one, before) && Done(two, after); }, seconds(2)));
  EXPECT_EQ(net_.Get(two, "main", "before"), "1");
  EXPECT_EQ(net_.Get(one, "main", "after"), "2");
}

TEST_F(EngineTest, ALateJoinerReceivesTheWholeState) {
  net_.Add(net_.Options("a"));
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0}); }));
  for (int i = 0; i < 5000; ++i) {
    const uint64_t put = net_.Put(0, "main", "key" + std::to_string(i), std::string(500, 'x'));
    if (i % 100 == 99) {
      ASSERT_TRUE(net_.RunUntil([&] { return Done(0, put); }));
    }
  }
  net_.Add(net_.Options("b"));
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  EXPECT_EQ(net_.engine(1).FindMap(0)->Size(), 5000u);
  EXPECT_EQ(net_.engine(0).FindMap(0)->digest(), net_.engine(1).FindMap(0)->digest());
}

TEST_F(EngineTest, AMemberThatHoldsTheStateIsSyncedInItsOwnViewFromThatMomentOn) {
  net_.Add(net_.Options("a"));
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0}); }));
  net_.Add(net_.Options("b"));
  ASSERT_TRUE(net_.RunUntil([&] { return net_.engine(1).synced(); }));
  const View& view = net_.engine(1).view();
  ASSERT_EQ(view.members.size(), 2u);
  for (const Member& member : view.members) EXPECT_TRUE(member.synced) << member.name;
}

TEST_F(EngineTest, ALeaverIsGoneAndSaysSo) {
  StartThree();
  ASSERT_TRUE(net_.Execute(1, Leave{.id = 99}).ok());
  ASSERT_TRUE(net_.RunUntil([&] { return Done(1, 99); }, seconds(2)));
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 2}); }, seconds(2))) << Describe();
  ASSERT_THAT(net_.engine(0).view().left, SizeIs(1));
  EXPECT_EQ(net_.engine(0).view().left[0].cause, ViewCause::kLeft);
}

TEST_F(EngineTest, OfTwoCommandsToLeaveTheSecondIsRefusedAndTheFirstIsAnswered) {
  StartThree();
  ASSERT_TRUE(net_.Execute(1, Leave{.id = 99}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(net_.Execute(1, Leave{.id = 100})));
  ASSERT_TRUE(net_.RunUntil([&] { return Done(1, 99); }, seconds(2)));
  EXPECT_TRUE(absl::IsFailedPrecondition(net_.Execute(1, Leave{.id = 101})));
  EXPECT_FALSE(Done(1, 100));
}

TEST_F(EngineTest, MessagesOfAllClassesReachEveryMember) {
  StartThree();
  for (const DeliveryClass cls :
       {DeliveryClass::kConv, DeliveryClass::kAgreed, DeliveryClass::kSafe}) {
    ASSERT_TRUE(
        net_.Execute(1, SendMessage{.id = 7, .cls = cls, .payload = Buffer::CopyOf("hello")}).ok());
    ASSERT_TRUE(net_.Execute(2, SendMessage{.id = 8,
                                            .cls = cls,
                                            .payload = Buffer::CopyOf(std::string(100'000, 'y'))})
                    .ok());
  }
  ASSERT_TRUE(net_.RunUntil([&] {
    return net_.host(0).messages.size() == 6 && net_.host(1).messages.size() == 6 &&
           net_.host(2).messages.size() == 6;
  }));
}

// The first eight of a batch are new, so nothing of them can be found; the others are found once.
TEST_F(EngineTest, OfABatchThatIsDeliveredTogetherTheEntriesOfItsSecondHalfAreForeseenToo) {
  net_.Add(net_.Options("a"));
  net_.Add(net_.Options("b"));
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  const auto put = [&](const char* key) {
    uint64_t last = 0;
    for (int i = 0; i < 8; ++i) last = net_.Put(0, "main", key + std::to_string(i), "value");
    return last;
  };
  uint64_t last = put("old");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, last); }));
  const uint64_t before = net_.engine(1).stats()["engine.foreseen"];
  net_.host(1).holds_datagrams = true;
  put("new");
  last = put("old");
  net_.RunFor(milliseconds(5));
  net_.Release(1);
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, last); }));
  EXPECT_EQ(net_.engine(1).stats()["engine.foreseen"] - before, 8u);
}

TEST_F(EngineTest, AFullQueueRefusesAndLosesNothing) {
  auto options = net_.Options("a");
  options.send_queue_bytes_max = 1 << 20;
  net_.Add(options);
  net_.Add(net_.Options("b"));
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  std::vector<uint64_t> accepted;
  bool refused = false;
  for (int i = 0; i < 5000 && !refused; ++i) {
    const uint64_t put = net_.Put(0, "main", "key" + std::to_string(i), std::string(1000, 'x'));
    refused = absl::IsResourceExhausted(net_.last_status());
    if (!refused) accepted.push_back(put);
  }
  EXPECT_TRUE(refused);
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, accepted.back()); }));
  EXPECT_EQ(net_.engine(1).FindMap(0)->Size(), accepted.size());
}

TEST_F(EngineTest, EachViewIsAnEventThatSaysWhoIsInItAndWhy) {
  StartThree();
  net_.RunFor(seconds(1));
  net_.Kill(2);
  ASSERT_TRUE(net_.RunUntil([&] { return net_.engine(0).view().members.size() == 2; }));
  std::vector<Event> views;
  for (const Event& event : net_.host(0).events) {
    if (event.kind == EventKind::kView) views.push_back(event);
  }
  ASSERT_EQ(views.size(), net_.host(0).views.size());
  const std::vector<Member>& members = net_.engine(0).view().members;
  EXPECT_EQ(views.back().view, net_.engine(0).view().id);
  EXPECT_EQ(views.back().number, 2);
  EXPECT_EQ(views.back().text, members[0].name + ", " + members[1].name + "; left: c (crashed)");
  EXPECT_THAT(views[views.size() - 2].text, HasSubstr("; joined: "));
}

}  // namespace
}  // namespace cohort::engine
