// What happens to one group of an endpoint, and what its neighbours there must not notice of it.
#include <arpa/inet.h>
#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <random>

#include "public/side_by_side.h"

namespace cohort::testing {
namespace {

using ::testing::HasSubstr;

// Tells when the last copy is gone. A group lets go of its callbacks once it is closed.
class Farewell {
 public:
  std::shared_ptr<void> Token() {
    living_.Update([](int& count) { ++count; });
    return {nullptr, [this](void*) { living_.Update([](int& count) { --count; }); }};
  }
  bool AllGone() {
    return living_.WaitFor([](int count) { return count == 0; });
  }

 private:
  Watched<int> living_;
};

// Two groups of two members each, on two endpoints: whatever else happens, their views stay.
class NeighboursTest : public ::testing::Test {
 protected:
  void SetUp() override {
    here_ = JoinAll(kGroups, "a");
    there_ = JoinAll(kGroups, "b");
    ASSERT_EQ(here_.size(), size_t{kGroups});
    ASSERT_EQ(there_.size(), size_t{kGroups});
    for (int n = 0; n < kGroups; ++n) {
      ASSERT_TRUE(AwaitMembers(here_[n], 2) && AwaitMembers(there_[n], 2)) << n;
      views_.push_back(here_[n].view().id);
    }
  }

  // As well as before: the same view, and writes that both members apply.
  void ExpectWell(int n) {
    const absl::Status written = Write(here_[n], "well");
    EXPECT_TRUE(written.ok()) << n << ": " << written;
    EXPECT_EQ(here_[n].view().id, views_[n]) << n;
    EXPECT_EQ(there_[n].view().id, views_[n]) << n;
  }

  static constexpr int kGroups = 2;
  std::vector<Group> here_;
  std::vector<Group> there_;
  std::vector<ViewId> views_;
};

// A group that its own callback ends, once it is told that nobody else uses it any more.
struct Held {
  Watched<bool> ready;
  std::optional<Group> group;
};

// Joins group n beside the others, does something there, and goes in one of many ways.
void ComeAndGo(int n, std::mt19937& random, Farewell& farewell) {
  const auto held = std::make_shared<Held>();
  GroupOptions options = NthGroup(n, "c");
  options.on_message = [weak = std::weak_ptr(held), token = farewell.Token()](const Message&) {
    const auto mine = weak.lock();
    if (mine == nullptr) return;
    mine->ready.WaitFor([](bool is) { return is; });
    mine->group.reset();
  };
  absl::StatusOr<Group> joined = Group::Join(options);
  ASSERT_TRUE(joined.ok()) << joined.status();
  absl::StatusOr<ReplicatedMap> map = joined->OpenMap("main");
  ASSERT_TRUE(map.ok()) << map.status();
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(map->PutAsync("key", "value", {}, [](const WriteResult&) {}).ok());
  }
  const auto way = random() % 4;
  if (way == 0) {
    joined->Leave().IgnoreError();
  } else if (way == 1) {
    std::thread leaves([group = *std::move(joined)]() mutable { group.Leave().IgnoreError(); });
    map->Put("key", "meanwhile");
    leaves.join();
  } else if (way == 2) {
    EXPECT_TRUE(joined->Send("go").ok());
    held->group.emplace(*std::move(joined));
    held->ready.Update([](bool& is) { is = true; });
  }  // Else it is destroyed with writes under way.
}

TEST_F(NeighboursTest, GroupsThatComeAndGoInAnyOrderFromManyThreadsAreNotNoticed) {
  const Census before = Count();
  const auto seed = static_cast<unsigned>(getpid());
  RecordProperty("seed", static_cast<int>(seed));
  printf("seed %u\n", seed);
  Farewell farewell;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937 random(seed + static_cast<unsigned>(thread));
      for (int round = 0; round < 6; ++round) ComeAndGo(10 + thread, random, farewell);
    });
  }
  for (int i = 0; i < 50; ++i) ExpectWell(i % kGroups);
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(farewell.AllGone());
  for (int n = 0; n < kGroups; ++n) ExpectWell(n);
  EXPECT_EQ(Count(), before);
}

TEST_F(NeighboursTest, AGroupThatCannotJoinDoesNoHarm) {
  const Census before = Count();
  for (int i = 0; i < 4; ++i) {
    GroupOptions late = NthGroup(10, "c");
    late.join_timeout = absl::Milliseconds(1);
    EXPECT_EQ(Group::Join(late).status().code(), absl::StatusCode::kDeadlineExceeded);
    GroupOptions elsewhere = NthGroup(11, "c");
    elsewhere.bind = here_[0].address();
    elsewhere.multicast_ttl = 2;
    const absl::Status refused = Group::Join(elsewhere).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(refused.message()), HasSubstr("multicast_ttl"));
    GroupOptions wrong = NthGroup(12, "c");
    wrong.key = "no key";
    EXPECT_EQ(Group::Join(wrong).status().code(), absl::StatusCode::kInvalidArgument);
    ExpectWell(i % kGroups);
  }
  EXPECT_EQ(Count(), before);
}

TEST_F(NeighboursTest, AGroupThatIsWrittenToByManyThreadsLeavesItsNeighbourItsTurn) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      absl::StatusOr<ReplicatedMap> map = here_[0].OpenMap("main");
      ASSERT_TRUE(map.ok()) << map.status();
      const std::string value(size_t{4} << 10, 'x');
      while (!stop) {
        if (thread == 0) map->PutAsync("busy", value, {}, nullptr).IgnoreError();
        if (thread == 1) here_[0].Send(value).IgnoreError();
        if (thread == 2) map->Get("busy").status().IgnoreError();
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    const absl::Status written = Write(here_[1], std::to_string(i));
    EXPECT_TRUE(written.ok()) << written;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  for (int n = 0; n < kGroups; ++n) ExpectWell(n);
}

TEST_F(NeighboursTest, AGroupWhoseCallbacksStandStillIsFloodedAndItsNeighbourGoesOn) {
  Watched<bool> go_on;
  Watched<int> standing;
  const auto stand = [&](const Message&) {
    standing.Update([](int& count) { ++count; });
    go_on.WaitFor([](bool is) { return is; });
  };
  const Subscription first = here_[0].SubscribeMessages(stand);
  const Subscription second = there_[0].SubscribeMessages(stand);
  const std::string payload(size_t{1} << 10, 'x');
  for (int i = 0; i < 2000; ++i) there_[0].Send(payload).IgnoreError();
  EXPECT_TRUE(standing.WaitFor([](int count) { return count == 2; }));
  for (int i = 0; i < 20; ++i) ExpectWell(1);
  EXPECT_EQ(here_[0].view().id, views_[0]);
  go_on.Update([](bool& is) { is = true; });
  ExpectWell(0);
}

TEST(NeighboursAloneTest, GroupsThatDestroyEachOtherInTheirCallbacksCloseTheirEndpoint) {
  const Census before = Count();
  for (int round = 0; round < 5; ++round) {
    Farewell farewell;
    Watched<bool> ready;
    std::array<std::optional<Group>, 2> groups;
    for (size_t n = 0; n < 2; ++n) {
      GroupOptions options = NthGroup(static_cast<int>(n), "a");
      options.on_message = [&, other = 1 - n, token = farewell.Token()](const Message&) {
        ready.WaitFor([](bool is) { return is; });
        groups[other].reset();
      };
      absl::StatusOr<Group> group = Group::Join(options);
      ASSERT_TRUE(group.ok()) << group.status();
      groups[n].emplace(*std::move(group));
    }
    ASSERT_EQ(groups[0]->address(), groups[1]->address());
    for (auto& group : groups) EXPECT_TRUE(group->Send("end the other one").ok());
    ready.Update([](bool& is) { is = true; });
    ASSERT_TRUE(farewell.AllGone());
  }
  // A delivery thread that nobody waits for ends a little after all that it held.
  for (int i = 0; i < 10'000 && Count() != before; ++i) std::this_thread::yield();
  EXPECT_EQ(Count(), before);
}

TEST(NeighboursAloneTest, OneNameWithAndWithoutAKeyIsTwoMembersOnTwoEndpoints) {
  absl::StatusOr<Group> plain = Group::Join(OnLoopback("name", "a"));
  ASSERT_TRUE(plain.ok()) << plain.status();
  GroupOptions options = OnLoopback("name", "b");
  options.key = TestKey();
  absl::StatusOr<Group> encrypted = Group::Join(options);
  ASSERT_TRUE(encrypted.ok()) << encrypted.status();
  EXPECT_NE(plain->address(), encrypted->address());
  EXPECT_EQ(plain->view().members.size(), 1u);
  EXPECT_EQ(encrypted->view().members.size(), 1u);
}

int ConnectTo(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? fd : -1;
}

// Connections that say nothing, or what no group here is called, are closed after a while;
// lifelines of the groups come through. Datagrams of strangers are dropped.
TEST_F(NeighboursTest, StrangersAtThePortsOfSeveralGroupsAreClosedAndNewMembersStillGetIn) {
  std::vector<int> strangers;
  for (int i = 0; i < 100; ++i) {
    strangers.push_back(ConnectTo(here_[0].address()));
    ASSERT_GE(strangers.back(), 0);
    const std::string_view says = i % 3 == 0 ? "" : i % 3 == 1 ? "cohort-1 00000000" : "\x16\3\1";
    if (!says.empty()) send(strangers.back(), says.data(), says.size(), MSG_NOSIGNAL);
  }
  for (int n = 0; n < kGroups; ++n) {
    absl::StatusOr<Group> third = Group::Join(NthGroup(n, "c"));
    ASSERT_TRUE(third.ok()) << third.status();
    EXPECT_TRUE(AwaitMembers(here_[n], 3));
    EXPECT_TRUE(third->Leave().ok());
    EXPECT_TRUE(AwaitMembers(here_[n], 2));
    views_[n] = here_[n].view().id;
    ExpectWell(n);
  }
  for (const int fd : strangers) {
    char byte = 0;
    const timeval patience{10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const ssize_t got = recv(fd, &byte, 1, 0);
    EXPECT_TRUE(got == 0 || (got < 0 && errno == ECONNRESET)) << "still open";
    close(fd);
  }
}

#if defined(__SANITIZE_THREAD__)
#define COHORT_TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COHORT_TEST_TSAN 1
#endif
#endif

TEST_F(NeighboursTest, AChildOfForkLetsGoOfTheGroupsOfItsParentAndMayJoinThem) {
  const std::string parents = here_[0].address();
  const GroupOptions thirds = NthGroup(0, "c");  // Made here, for names tell processes apart.
  const GroupOptions others = NthGroup(7, "c");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(30);  // Instead of waiting for threads that are not here.
    here_.clear();
    there_.clear();
#if !defined(COHORT_TEST_TSAN)  // Which allows no new threads in a child of a process with threads.
    absl::StatusOr<Group> third = Group::Join(thirds);
    if (!third.ok() || third->address() == parents || !AwaitMembers(*third, 3)) _exit(1);
    // Of which its parent is no member: it would have shared the parent's endpoint.
    absl::StatusOr<Group> other = Group::Join(others);
    if (!other.ok() || other->address() != third->address()) _exit(3);
    if (!third->Leave().ok()) _exit(2);
#endif
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(AwaitMembers(here_[0], 2));
  views_[0] = here_[0].view().id;
  for (int n = 0; n < kGroups; ++n) ExpectWell(n);
}

// Has groups that are destroyed as the process exits, and one that never is.
void ExitInTheMidst() {
  static std::vector<Group> statics = JoinAll(2, "a");
  static auto* const never_destroyed = new std::vector<Group>;
  for (int n = 2; n < 4; ++n) {
    absl::StatusOr<Group> group = Group::Join(NthGroup(n, "a"));
    ASSERT_TRUE(group.ok()) << group.status();
    if (n == 2) never_destroyed->push_back(*std::move(group));
    if (n == 3) statics.insert(statics.begin(), *std::move(group));
  }
  for (Group& group : statics) {
    ASSERT_EQ(group.address(), never_destroyed->front().address());
    ASSERT_TRUE(group.Send("on the way").ok());
  }
  std::exit(42);
}

TEST(NeighboursAloneTest, AProcessMayExitWithGroupsOfAnEndpointInAnyState) {
  constexpr const char* kMidst = "COHORT_TEST_EXIT_IN_THE_MIDST";
  if (getenv(kMidst) != nullptr) return ExitInTheMidst();  // As the other process, see below.
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(30);
    setenv(kMidst, "1", 1);
    execl("/proc/self/exe", "public_test",
          "--gtest_filter=NeighboursAloneTest.AProcessMayExitWithGroupsOfAnEndpointInAnyState",
          nullptr);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

}  // namespace
}  // namespace cohort::testing
