#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using ::testing::HasSubstr;

std::string Text(const absl::Status& status) { return std::string(status.message()); }

class GroupTest : public ::testing::TestWithParam<bool> {
 protected:
  // With a key or in plaintext.
  GroupOptions Options(const std::string& group) const {
    GroupOptions options = OnLoopback(group, "");
    if (GetParam()) {
      options.allow_plaintext = AllowPlaintext::kNo;
      options.key = TestKey();
    }
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(Keys, GroupTest, ::testing::Bool(),
                         [](const auto& key) { return key.param ? "WithAKey" : "InPlaintext"; });

TEST_P(GroupTest, ThreeMembersShareOneViewAndOneMap) {
  std::vector<Group> members = JoinMembers(3, Options("three"));
  ASSERT_EQ(members.size(), 3u);
  EXPECT_EQ(members[0].view().id, members[2].view().id);
  EXPECT_EQ(members[1].view().members[0].name, "a");

  std::vector<ReplicatedMap> maps;
  for (Group& member : members) {
    absl::StatusOr<ReplicatedMap> map = member.OpenMap("sessions");
    ASSERT_TRUE(map.ok()) << map.status();
    maps.push_back(*map);
  }
  const WriteResult put = maps[0].Put("A1B2", "value");
  ASSERT_TRUE(put.ok()) << put.status;
  EXPECT_EQ(put.replicas, 3u);
  for (const ReplicatedMap& map : maps) {
    const absl::StatusOr<Entry> entry = map.Get("A1B2");
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(entry->value, "value");
    EXPECT_EQ(entry->version, put.version);
    EXPECT_EQ(map.Digest().ToString(), maps[0].Digest().ToString());
  }
}

TEST_P(GroupTest, AllMembersAreProvenToHoldTheSame) {
  std::vector<Group> members = JoinMembers(3, Options("proof"));
  ASSERT_EQ(members.size(), 3u);
  absl::StatusOr<ReplicatedMap> map = members[0].OpenMap("sessions");
  ASSERT_TRUE(map.ok()) << map.status();
  ASSERT_TRUE(map->Put("key", "value").ok());
  const absl::StatusOr<Convergence> proof = members[1].VerifyConvergence();
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->members, 3u);
  EXPECT_EQ(proof->view, members[0].view().id);
}

TEST_P(GroupTest, AMemberThatDrainsLeavesOnlyWhenAnotherHoldsWhatItHolds) {
  std::vector<Group> members = JoinMembers(1, Options("drain"));
  ASSERT_EQ(members.size(), 1u);
  absl::StatusOr<ReplicatedMap> map = members[0].OpenMap("sessions");
  ASSERT_TRUE(map.ok()) << map.status();
  ASSERT_TRUE(map->Put("before", "value").ok());
  absl::StatusOr<ReplicatedMap> carts = members[0].OpenMap("carts", {.kind = MapKind::kConvergent});
  ASSERT_TRUE(carts.ok()) << carts.status();
  ASSERT_TRUE(carts->Put("lamp", "ann").ok());
  const absl::Status alone = members[0].Drain(absl::Milliseconds(100));
  EXPECT_TRUE(absl::IsDeadlineExceeded(alone)) << alone;
  EXPECT_TRUE(map->Put("after", "value").ok()) << "it is in the group and takes writes again";
  GroupOptions other = Options("drain");
  other.name = "b";
  absl::StatusOr<Group> second = Group::Join(other);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(members[0].Drain().ok());
  EXPECT_TRUE(AwaitMembers(*second, 1));
  absl::StatusOr<ReplicatedMap> kept = second->OpenMap("sessions");
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_TRUE(kept->Get("before").ok());
  EXPECT_TRUE(kept->Get("after").ok());
  EXPECT_TRUE(second->OpenMap("carts", {.kind = MapKind::kConvergent})->Get("lamp").ok());
  EXPECT_TRUE(absl::IsCancelled(members[0].Drain()));
}

TEST_P(GroupTest, AMemberThatLeavesIsGoneFromTheViewAndTheOthersGoOn) {
  std::vector<Group> members = JoinMembers(3, Options("leave"));
  ASSERT_EQ(members.size(), 3u);
  EXPECT_TRUE(members[0].Leave().ok());
  EXPECT_TRUE(AwaitMembers(members[1], 2));
  EXPECT_TRUE(AwaitMembers(members[2], 2));
  EXPECT_EQ(members[0].Leave().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(members[0].Send("x").code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(members[0].view().members.empty());
  absl::StatusOr<ReplicatedMap> map = members[2].OpenMap("main");
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_TRUE(map->Put("k", "v").ok());
}

TEST_P(GroupTest, MessagesReachEveryMemberInOneOrder) {
  std::vector<Group> members = JoinMembers(2, Options("messages"));
  ASSERT_EQ(members.size(), 2u);
  std::array<Watched<std::vector<std::string>>, 2> seen;
  std::vector<Subscription> subscriptions;
  for (size_t i = 0; i < 2; ++i) {
    subscriptions.push_back(members[i].SubscribeMessages([&, i](const Message& message) {
      seen[i].Update([&](auto& list) { list.emplace_back(message.payload); });
    }));
  }
  constexpr size_t kEach = 50;
  for (size_t i = 0; i < kEach; ++i) {
    for (size_t m = 0; m < 2; ++m) {
      const auto delivery = i % 2 == 0 ? DeliveryClass::kAgreed : DeliveryClass::kSafe;
      ASSERT_TRUE(members[m].Send(std::to_string(m) + ":" + std::to_string(i), delivery).ok());
    }
  }
  EXPECT_TRUE(members[0].SendSync("last", DeliveryClass::kAgreed).ok());
  for (auto& list : seen) {
    ASSERT_TRUE(
        list.WaitFor([](const auto& messages) { return messages.size() == 2 * kEach + 1; }));
  }
  EXPECT_EQ(seen[0].Get(), seen[1].Get());
}

TEST(GroupAloneTest, ABlockingCallInACallbackIsRefusedInsteadOfWaitingForItself) {
  std::vector<Group> members = JoinMembers(1, OnLoopback("callback", ""));
  ASSERT_EQ(members.size(), 1u);
  ReplicatedMap map = *members[0].OpenMap("main");
  Watched<std::vector<absl::StatusCode>> seen;
  const Subscription subscription = map.Subscribe([&](const Change& change) {
    if (change.key != "go") return;
    const absl::StatusCode put = map.Put("k", "v").status.code();
    const absl::StatusCode leave = members[0].Leave().code();
    const absl::StatusCode join = Group::Join(OnLoopback("other", "x")).status().code();
    const absl::StatusCode async = map.PutAsync("k", "v", {}, nullptr).code();
    const absl::StatusCode open = members[0].OpenMap("main").status().code();
    seen.Update([&](auto& list) { list = {put, leave, join, async, open}; });
  });
  ASSERT_TRUE(map.Put("go", "").ok());
  ASSERT_TRUE(seen.WaitFor([](const auto& list) { return !list.empty(); }));
  using enum absl::StatusCode;
  EXPECT_THAT(seen.Get(), ::testing::ElementsAre(kFailedPrecondition, kFailedPrecondition,
                                                 kFailedPrecondition, kOk, kOk));
}

TEST(GroupAloneTest, WithoutAKeyAGroupIsRefusedUnlessPlaintextIsAllowed) {
  GroupOptions options = OnLoopback("nokey", "a");
  options.allow_plaintext = AllowPlaintext::kNo;
  const absl::Status status = Group::Join(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Text(status), HasSubstr("cohort keygen"));
}

TEST(GroupAloneTest, PlaintextOnLoopbackDoesNotGoFurther) {
  GroupOptions options = OnLoopback("loopback", "a");
  options.bind = "192.0.2.1";
  EXPECT_FALSE(Group::Join(options).ok());
}

TEST(GroupAloneTest, ATakenPortIsSaidWithItsNumber) {
  std::vector<Group> members = JoinMembers(1, OnLoopback("port", ""));
  ASSERT_EQ(members.size(), 1u);
  GroupOptions options = OnLoopback("port", "b");
  options.bind = members[0].address();
  const absl::Status status = Group::Join(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Text(status),
              HasSubstr("port " + members[0].address().substr(std::string("127.0.0.1:").size())));
}

TEST(GroupAloneTest, AMemberWithAnotherKeyIsNotSeenAndSeesNobody) {
  GroupOptions options = OnLoopback("keys", "a");
  options.key = TestKey('1');
  absl::StatusOr<Group> first = Group::Join(options);
  ASSERT_TRUE(first.ok()) << first.status();
  options.name = "b";
  options.key = TestKey('2');
  absl::StatusOr<Group> second = Group::Join(options);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->view().members.size(), 1u);
  EXPECT_EQ(second->view().members.size(), 1u);
}

// A child that sealed a packet would use its parent's next number for other bytes.
TEST(GroupAloneTest, AChildOfForkSendsNothingAndItsParentGoesOn) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("fork", ""));
  ASSERT_EQ(members.size(), 2u);
  absl::StatusOr<ReplicatedMap> map = members[0].OpenMap("main");
  ASSERT_TRUE(map.ok()) << map.status();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(10);  // Instead of waiting for threads that are not here.
    constexpr auto kRefused = absl::StatusCode::kFailedPrecondition;
    const bool refused = map->Put("k", "child").status.code() == kRefused &&
                         map->PutAsync("k", "child", {}, nullptr).code() == kRefused &&
                         members[0].Send("child").code() == kRefused &&
                         members[0].OpenMap("other").status().code() == kRefused &&
                         members[0].Leave().code() == kRefused;
    members.clear();
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(map->Put("k", "parent").ok());
  for (Group& member : members) EXPECT_TRUE(AwaitMembers(member, 2));
}

TEST(GroupAloneTest, TheFirstEventSaysWhereTheMemberListensAndWhy) {
  Watched<std::vector<Event>> seen;
  GroupOptions options = OnLoopback("started", "a");
  options.on_event = [&](const Event& event) {
    seen.Update([&](auto& list) { list.push_back(event); });
  };
  absl::StatusOr<Group> group = Group::Join(options);
  ASSERT_TRUE(group.ok()) << group.status();
  ASSERT_TRUE(seen.WaitFor([](const auto& list) { return !list.empty(); }));
  const Event started = seen.Get()[0];
  EXPECT_EQ(started.kind, EventKind::kStarted);
  EXPECT_THAT(started.text, HasSubstr(group->address()));
  EXPECT_THAT(started.text, HasSubstr("lo"));
}

TEST(GroupAloneTest, OptionsOutOfTheirRangeAreNamed) {
  const auto refusal = [](auto change) {
    GroupOptions options = OnLoopback("ranges", "a");
    change(options);
    const absl::Status status = Group::Join(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return Text(status);
  };
  EXPECT_THAT(refusal([](GroupOptions& o) { o.group = ""; }), HasSubstr("group"));
  EXPECT_THAT(refusal([](GroupOptions& o) { o.name = std::string(65, 'n'); }), HasSubstr("name"));
  EXPECT_THAT(refusal([](GroupOptions& o) { o.multicast = "10.0.0.1:7600"; }),
              HasSubstr("multicast"));
  EXPECT_THAT(refusal([](GroupOptions& o) { o.no_multicast = true; }), HasSubstr("seed"));
  EXPECT_THAT(refusal([](GroupOptions& o) { o.bind = "127.0.0.1:99999"; }), HasSubstr("bind"));
  EXPECT_THAT(refusal([](GroupOptions& o) { o.stall_timeout = absl::Milliseconds(1); }),
              HasSubstr("stall_timeout"));
}

TEST(GroupAloneTest, WhenTheSendQueueIsFullTheCallSaysSoAndNothingIsLostOfWhatWasAccepted) {
  GroupOptions options = OnLoopback("full", "");
  options.send_queue_bytes_max = 64 << 10;
  // A fraction of a message may be in flight: it waits in the queue while the next one is tried.
  options.receive_buffer_bytes = 64 << 10;
  std::vector<Group> members = JoinMembers(2, options);
  ASSERT_EQ(members.size(), 2u);
  Watched<size_t> received;
  const Subscription subscription = members[1].SubscribeMessages(
      [&](const Message&) { received.Update([](size_t& count) { ++count; }); });
  const std::string payload(768 << 10, 'x');
  size_t accepted = 0;
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = members[0].Send(payload);
    accepted += status.ok() ? 1 : 0;
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(received.WaitFor([&](size_t count) { return count == accepted; }))
      << received.Get() << " of " << accepted;
}

TEST(GroupIdTest, ItsIdIsTheOneThatViewsHave) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("ids", ""));
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].id(), members[0].view().members.at(0).id);
  EXPECT_EQ(members[1].id(), members[0].view().members.at(1).id);
}

}  // namespace
}  // namespace cohort::testing
