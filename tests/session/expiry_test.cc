// Sessions that expire in a group: each ends once, whoever is left to end it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "session/testing.h"

namespace cohort::session {
namespace {

// How many of the stores were told that they ended `id`.
size_t ToldHere(const std::vector<std::unique_ptr<Node>>& nodes, SessionEventKind kind,
                const std::string& id) {
  size_t here = 0;
  for (const auto& node : nodes) {
    for (const SessionEvent& event : node->Told(kind, id)) here += event.here ? 1 : 0;
  }
  return here;
}

TEST(SessionExpiryTest, TheOwnerEndsWhatExpiresAndAllAreToldOnce) {
  std::vector<Group> members = JoinMembers(3, OnLoopback("expiry", ""));
  ASSERT_EQ(members.size(), 3U);
  std::vector<std::unique_ptr<Node>> nodes;
  for (Group& member : members) nodes.push_back(std::make_unique<Node>(Shop(), &member));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(
        (*nodes[static_cast<size_t>(i) % 3])
            ->Create(std::to_string(i), {.max_inactive = absl::Milliseconds(50)}, {{"user", "ann"}})
            .ok());
  }
  for (int i = 0; i < 20; ++i) {
    const std::string id = std::to_string(i);
    for (const auto& node : nodes) ASSERT_TRUE(node->Saw(kExpired, id)) << id;
    EXPECT_EQ(ToldHere(nodes, kExpired, id), 1U);
    const SessionEvent event = nodes[static_cast<size_t>(i) % 3]->Told(kExpired, id)[0];
    EXPECT_TRUE(event.here);
    ASSERT_NE(event.session, nullptr);
    EXPECT_EQ(ValueOf(*event.session, "user"), "ann");
    for (const auto& node : nodes) EXPECT_EQ(node->Told(kExpired, id).size(), 1U);
  }
  for (const auto& node : nodes) EXPECT_EQ((*node)->stats().sessions, 0U);
}

TEST(SessionExpiryTest, ATouchOnAnyMemberKeepsASession) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("expiry", ""));
  ASSERT_EQ(members.size(), 2U);
  Node a(Shop(), &members[0]);
  Node b(Shop(), &members[1]);
  const SessionInfo info = {.max_inactive = absl::Milliseconds(3000)};
  ASSERT_TRUE(a->Create("used", info).ok());
  ASSERT_TRUE(a->Create("mark", {.max_inactive = absl::Milliseconds(1500)}).ok());
  ASSERT_TRUE(a->Create("unused", info).ok());
  ASSERT_TRUE(b.Saw(kExpired, "mark"));
  ASSERT_TRUE(b->Touch("used").ok());
  ASSERT_TRUE(b.Saw(kExpired, "unused"));
  EXPECT_TRUE(a->Exists("used"));
  EXPECT_TRUE(a.Told(kExpired, "used").empty());
  EXPECT_EQ(b->stats().claims, 0U);
  // Its owner, too, takes it for used.
  EXPECT_TRUE(a->Save("used", Set("n", "1")).ok());
  EXPECT_TRUE(a.Saw(kExpired, "used"));
}

TEST(SessionExpiryTest, ALifetimeThatIsChangedCountsOnAllMembers) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("expiry", ""));
  ASSERT_EQ(members.size(), 2U);
  SessionStoreOptions options = Shop();
  options.orphan_time = absl::Milliseconds(100);
  Node a(options, &members[0]);
  Node b(options, &members[1]);
  const SessionInfo info = {.max_inactive = absl::Milliseconds(1500)};
  for (const char* id : {"longer", "for ever", "mark"}) ASSERT_TRUE(a->Create(id, info).ok());
  ASSERT_TRUE(a->Save("longer", {.max_inactive = absl::Hours(1), .touch = false}).ok());
  ASSERT_TRUE(a->Save("for ever", {.max_inactive = absl::InfiniteDuration()}).ok());
  ASSERT_TRUE(b.Saw(kExpired, "mark"));
  ReplicatedMap map = *members[1].OpenMap("session /shop", {.kind = MapKind::kConvergent});
  ASSERT_TRUE(b->Exists("longer") && b->Exists("for ever"));
  map.ForEach([](std::string_view key, const Entry& entry) {
    if (key.ends_with("longer")) {
      EXPECT_GT(entry.ttl, absl::Minutes(50));
    }
    if (key.ends_with("for ever")) {
      EXPECT_EQ(entry.ttl, absl::InfiniteDuration());
    }
  });
}

TEST(SessionExpiryTest, ASuccessorEndsOnceWhatTheOwnerThatLeftDoesNot) {
  std::vector<Group> members = JoinMembers(3, OnLoopback("expiry", ""));
  ASSERT_EQ(members.size(), 3U);
  std::vector<std::unique_ptr<Node>> nodes;
  for (Group& member : members) nodes.push_back(std::make_unique<Node>(Shop(), &member));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE((*nodes[0])
                    ->Create(std::to_string(i), {.max_inactive = absl::Milliseconds(5000)},
                             {{"user", "ann"}})
                    .ok());
  }
  nodes.erase(nodes.begin());
  ASSERT_TRUE(members[0].Leave().ok());
  for (int i = 0; i < 20; ++i) {
    const std::string id = std::to_string(i);
    for (const auto& node : nodes) {
      ASSERT_TRUE(node->Saw(kExpired, id)) << id;
      EXPECT_EQ(node->Told(kExpired, id).size(), 1U);
    }
    EXPECT_EQ(ToldHere(nodes, kExpired, id), 1U);
  }
  EXPECT_EQ((*nodes[0])->stats().expired + (*nodes[1])->stats().expired, 20U);
}

TEST(SessionExpiryTest, ASuccessorEndsInTimeWhatTheOwnerThatLeftHadMadeShorter) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("expiry", ""));
  ASSERT_EQ(members.size(), 2U);
  Node b(Shop(), &members[1]);
  {
    Node a(Shop(), &members[0]);
    ASSERT_TRUE(a->Create("s1", {.max_inactive = absl::Hours(1)}).ok());
    ASSERT_TRUE(b.Saw(kCreated, "s1"));
    ASSERT_TRUE(a->Save("s1", {.max_inactive = absl::Milliseconds(1500)}).ok());
  }
  ASSERT_TRUE(members[0].Leave().ok());
  ASSERT_TRUE(b.Saw(kExpired, "s1"));
  EXPECT_TRUE(b.Told(kExpired, "s1").front().here);
}

TEST(SessionExpiryTest, WhatNoStoreEndsGoesFromTheGroupAllTheSame) {
  std::vector<Group> members = JoinMembers(2, OnLoopback("expiry", ""));
  ASSERT_EQ(members.size(), 2U);
  SessionStoreOptions options = Shop();
  options.orphan_time = absl::Milliseconds(100);
  ReplicatedMap map = *members[1].OpenMap("session /shop", {.kind = MapKind::kConvergent});
  Watched<bool> gone;
  const Subscription subscription = map.Subscribe([&](const Change& change) {
    if (change.cause == ChangeCause::kExpire) gone.Update([](bool& value) { value = true; });
  });
  {
    const Node a(options, &members[0]);
    // Long enough for the store to be closed before it would end it itself.
    ASSERT_TRUE(a->Create("s1", {.max_inactive = absl::Milliseconds(1500)}).ok());
  }
  EXPECT_TRUE(gone.WaitFor([](bool value) { return value; }));
}

// A process of its own, so that it can be killed. It joins, makes a session, says so, and stays.
pid_t StartOwner(const GroupOptions& options, int says) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  absl::StatusOr<Group> group = Group::Join(options);
  if (!group.ok()) _exit(1);
  absl::StatusOr<SessionStore> store = SessionStore::Open(Shop(), &*group);
  const bool made =
      store.ok() && store->Create("s1", {.max_inactive = absl::Hours(1)}, {{"n", "1"}}).ok() &&
      store->Create("soon", {.max_inactive = absl::Seconds(8)}, {{"user", "ann"}}).ok();
  const char word = made ? '+' : '-';
  if (write(says, &word, 1) != 1) _exit(1);
  for (;;) pause();
}

TEST(SessionExpiryTest, WhenTheOwnerIsKilledAnotherMemberGoesOnWithItsSessions) {
  const GroupOptions options = OnLoopback("killed", "");
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  GroupOptions of_owner = options;
  of_owner.name = "owner";
  const pid_t owner = StartOwner(of_owner, pipe_ends[1]);  // Before this process has threads.
  ASSERT_GT(owner, 0);
  close(pipe_ends[1]);  // So that an owner that ends without a word is noticed.
  char word = 0;
  ASSERT_EQ(read(pipe_ends[0], &word, 1), 1);
  ASSERT_EQ(word, '+');
  GroupOptions of_other = options;
  of_other.name = "other";
  absl::StatusOr<Group> group = Group::Join(of_other);
  ASSERT_TRUE(group.ok()) << group.status();
  Node node(Shop(), &*group);
  EXPECT_EQ(Get(*node, "s1", "n"), "1");

  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  ASSERT_TRUE(testing::AwaitMembers(*group, 1));
  const SessionResult saved = node->Save("s1", Set("n", "2"));
  ASSERT_TRUE(saved.ok()) << saved.status;
  EXPECT_EQ(Get(*node, "s1", "n"), "2");
  EXPECT_TRUE(node.Saw(kMoved, "s1"));
  ASSERT_TRUE(node.Saw(kExpired, "soon"));
  const SessionEvent event = node.Told(kExpired, "soon")[0];
  EXPECT_TRUE(event.here);
  ASSERT_NE(event.session, nullptr);
  EXPECT_EQ(ValueOf(*event.session, "user"), "ann");
  close(pipe_ends[0]);
}

}  // namespace
}  // namespace cohort::session
