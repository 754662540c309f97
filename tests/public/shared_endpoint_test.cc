// Several groups in one process, on one set of sockets: what they share, and what they do not do to
// each other.
#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "public/side_by_side.h"

namespace cohort::testing {
namespace {

using ::testing::HasSubstr;

TEST(SharedEndpointTest, TenGroupsHaveTheSocketsAndTheIoThreadOfOne) {
  const Census before = Count();
  std::vector<Group> groups = JoinAll(10, "a");
  ASSERT_EQ(groups.size(), 10u);
  EXPECT_EQ(Count() - before, (Census{2, 1, 1, 10}));
  for (const Group& group : groups) EXPECT_EQ(group.address(), groups[0].address());
  groups.clear();
  EXPECT_EQ(Count(), before);
}

TEST(SharedEndpointTest, GroupsWithAndWithoutKeysReplicateSideBySideAndDoNotMix) {
  constexpr int kGroups = 10;
  std::vector<Group> here = JoinAll(kGroups, "a");
  std::vector<Group> there = JoinAll(kGroups, "b");  // The second members: another endpoint.
  ASSERT_EQ(there.size(), size_t{kGroups});
  EXPECT_NE(here[0].address(), there[0].address());
  EXPECT_EQ(there[0].address(), there[kGroups - 1].address());
  for (int n = 0; n < kGroups; ++n) ASSERT_TRUE(AwaitMembers(here[n], 2)) << n;
  // Before all were there, those that had come later were strangers to the first.
  std::vector<std::map<std::string, uint64_t>> before;
  for (const Group& group : there) before.push_back(group.stats().counters);
  for (int n = 0; n < kGroups; ++n) {
    const absl::Status written = Write(here[n], "of group " + std::to_string(n));
    ASSERT_TRUE(written.ok()) << n << ": " << written;
  }
  for (int n = 0; n < kGroups; ++n) {
    EXPECT_EQ(ValueIn(there[n]), "of group " + std::to_string(n));
    // What the endpoint heard of the others was not handed to this one.
    auto after = there[n].stats().counters;
    for (const char* cause : {"foreign_group", "plaintext_mismatch", "forged", "malformed"}) {
      const std::string counter = std::string("security.received_") + cause;
      EXPECT_EQ(after.at(counter), before[n].at(counter)) << n << ": " << counter;
    }
  }
}

TEST(SharedEndpointTest, AGroupThatLeavesTakesOnlyItselfAlongAndComesBackToTheSamePort) {
  std::vector<Group> here = JoinAll(4, "a");
  std::vector<Group> there = JoinAll(4, "b");
  ASSERT_EQ(there.size(), 4u);
  for (Group& group : here) ASSERT_TRUE(AwaitMembers(group, 2));
  const std::string address = here[0].address();
  EXPECT_TRUE(here[0].Leave().ok());
  EXPECT_TRUE(AwaitMembers(there[0], 1));
  for (int n = 1; n < 4; ++n) {
    const absl::Status written = Write(here[n], "after");
    EXPECT_TRUE(written.ok()) << n << ": " << written;
    EXPECT_EQ(here[n].view().members.size(), 2u);
  }
  absl::StatusOr<Group> again = Group::Join(NthGroup(0, "a"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->address(), address);
  EXPECT_TRUE(AwaitMembers(there[0], 2));
  const absl::Status written = Write(*again, "back");
  EXPECT_TRUE(written.ok()) << written;
}

TEST(SharedEndpointTest, ACallbackThatWaitsForAnotherGroupDoesNotWaitForEver) {
  Watched<bool> written;
  Watched<bool> called;
  GroupOptions slow = NthGroup(0, "a");
  slow.on_message = [&](const Message&) {
    called.Update([&](bool& done) { done = written.WaitFor([](bool is) { return is; }); });
  };
  absl::StatusOr<Group> waits = Group::Join(slow);
  absl::StatusOr<Group> other = Group::Join(NthGroup(1, "a"));
  ASSERT_TRUE(waits.ok() && other.ok());
  ASSERT_EQ(waits->address(), other->address());
  ASSERT_TRUE(waits->Send("wait").ok());
  absl::StatusOr<ReplicatedMap> map = other->OpenMap("main");
  ASSERT_TRUE(map.ok()) << map.status();
  Watched<bool> answered;
  ASSERT_TRUE(
      map->PutAsync("k", "v", {},
                    [&](const WriteResult&) { answered.Update([](bool& done) { done = true; }); })
          .ok());
  EXPECT_TRUE(answered.WaitFor([](bool done) { return done; }));
  written.Update([](bool& done) { done = true; });
  EXPECT_TRUE(called.WaitFor([](bool done) { return done; }));
}

TEST(SharedEndpointTest, TwoMembersOfOneGroupHavePortsOfTheirOwnAndOneIsNotGivenTwice) {
  absl::StatusOr<Group> first = Group::Join(NthGroup(0, "a"));
  ASSERT_TRUE(first.ok()) << first.status();
  absl::StatusOr<Group> second = Group::Join(NthGroup(0, "b"));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(first->address(), second->address());
  EXPECT_TRUE(AwaitMembers(*first, 2));
  GroupOptions third = NthGroup(0, "c");
  third.bind = first->address();
  const absl::Status refused = Group::Join(third).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("already"));
}

TEST(SharedEndpointTest, TheStartedEventSaysWithHowManyTheSocketsAreShared) {
  absl::StatusOr<Group> first = Group::Join(NthGroup(0, "a"));
  ASSERT_TRUE(first.ok()) << first.status();
  Watched<std::string> started;
  GroupOptions options = NthGroup(1, "a");
  options.on_event = [&](const Event& event) {
    if (event.kind != EventKind::kStarted) return;
    started.Update([&](std::string& text) { text = event.text; });
  };
  absl::StatusOr<Group> second = Group::Join(options);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(started.WaitFor([](const std::string& text) {
    return text.find("sockets shared with 1 group of this process") != std::string::npos;
  })) << started.Get();
}

TEST(SharedEndpointTest, EachGroupOfAnEndpointSaysThatItHearsAStranger) {
  Watched<std::array<bool, 2>> told;
  std::vector<Group> groups;
  for (int n = 0; n < 2; ++n) {
    GroupOptions options = NthGroup(n, "a");
    options.on_event = [&told, n](const Event& event) {
      if (event.kind != EventKind::kDropped) return;
      told.Update([n](auto& groups_told) { groups_told[static_cast<size_t>(n)] = true; });
    };
    absl::StatusOr<Group> group = Group::Join(options);
    ASSERT_TRUE(group.ok()) << group.status();
    groups.push_back(*std::move(group));
  }
  EXPECT_FALSE(told.Get()[0] || told.Get()[1]);  // They are no strangers to each other.
  GroupOptions stranger = NthGroup(2, "a");
  stranger.receive_buffer_bytes = size_t{4} << 20;  // So it has sockets of its own.
  absl::StatusOr<Group> elsewhere = Group::Join(stranger);
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  EXPECT_TRUE(
      told.WaitFor([](const auto& groups_told) { return groups_told[0] && groups_told[1]; }));
}

// The second members of four groups of another process, until they are killed.
void JoinUntilKilled(const std::string& multicast, const std::string& suffix) {
  std::vector<Group> groups;
  for (int n = 0; n < 4; ++n) {
    GroupOptions options = NthGroup(n, "b");
    options.group = "shared-" + std::to_string(n) + "-" + suffix;
    options.multicast = multicast;
    absl::StatusOr<Group> group = Group::Join(options);
    ASSERT_TRUE(group.ok()) << group.status();
    groups.push_back(*std::move(group));
  }
  for (;;) pause();
}

TEST(SharedEndpointTest, AProcessThatIsKilledIsMissedByAllItsGroups) {
  if (const char* const suffix = getenv("COHORT_TEST_SUFFIX")) {  // As the other process.
    return JoinUntilKilled(getenv("COHORT_TEST_MULTICAST"), suffix);
  }
  std::vector<Group> here = JoinAll(4, "a");
  ASSERT_EQ(here.size(), 4u);
  const std::string multicast = NthGroup(0, "").multicast;
  const std::string suffix = std::to_string(getpid());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    setenv("COHORT_TEST_MULTICAST", multicast.c_str(), 1);
    setenv("COHORT_TEST_SUFFIX", suffix.c_str(), 1);
    execl("/proc/self/exe", "public_test",
          "--gtest_filter=SharedEndpointTest.AProcessThatIsKilledIsMissedByAllItsGroups", nullptr);
    _exit(1);
  }
  bool met = true;
  for (Group& group : here) met = met && AwaitMembers(group, 2);
  EXPECT_TRUE(met);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (Group& group : here) EXPECT_TRUE(AwaitMembers(group, 1));
  for (Group& group : here) {
    absl::StatusOr<ReplicatedMap> map = group.OpenMap("main");
    ASSERT_TRUE(map.ok()) << map.status();
    EXPECT_TRUE(map->Put("key", "on").ok());
  }
}

}  // namespace
}  // namespace cohort::testing
