// Stores of two or three members of a real group on loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "session/testing.h"

namespace cohort::session {
namespace {

using enum absl::StatusCode;

class SessionGroupTest : public ::testing::Test {
 protected:
  void Open(size_t members, const SessionStoreOptions& options = Shop()) {
    members_ = JoinMembers(members, OnLoopback("sessions", ""));
    ASSERT_EQ(members_.size(), members);
    for (Group& member : members_) nodes_.push_back(std::make_unique<Node>(options, &member));
  }
  Node& a() { return *nodes_[0]; }
  Node& b() { return *nodes_[1]; }
  Node& c() { return *nodes_[2]; }

  std::vector<Group> members_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(SessionGroupTest, WhatIsAcknowledgedIsReadByAll) {
  Open(2);
  const SessionResult made = a()->Create("s1", {.metadata = "ann"}, {{"cart", "1"}});
  ASSERT_TRUE(made.ok()) << made.status;
  EXPECT_EQ(made.replicas, 2U);
  EXPECT_EQ(Get(*b(), "s1", "cart"), "1");
  ASSERT_TRUE(a()->Save("s1", {.set = {{"cart", "2"}, {"x", "y"}}}).ok());
  ASSERT_TRUE(a()->Save("s1", {.set = {{"z", "1"}}, .erased = {"x"}}).ok());
  const absl::StatusOr<SessionSnapshot> snapshot = b()->Load("s1");
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->metadata, "ann");
  EXPECT_EQ(snapshot->created, a()->Load("s1")->created);
  EXPECT_EQ(ValueOf(*snapshot, "cart"), "2");
  EXPECT_EQ(ValueOf(*snapshot, "x"), "absent");
  EXPECT_EQ(ValueOf(*snapshot, "z"), "1");
  EXPECT_FALSE(snapshot->is_owner);
  EXPECT_TRUE(a()->IsOwner("s1"));
  EXPECT_FALSE(b()->IsOwner("s1"));
  ASSERT_TRUE(b()->Save("s1", Set("z", "2")).ok());
  EXPECT_FALSE(a()->IsOwner("s1")) << "before anybody is told";
  EXPECT_TRUE(b()->IsOwner("s1"));
  EXPECT_FALSE(b()->IsOwner("s2"));
  ASSERT_TRUE(b().Saw(kCreated, "s1"));
  EXPECT_TRUE(b().Saw(kChanged, "s1"));
  EXPECT_FALSE(b().Told(kCreated, "s1")[0].here);
  ASSERT_TRUE(a().Saw(kCreated, "s1"));
  EXPECT_TRUE(a().Told(kCreated, "s1")[0].here);
}

TEST_F(SessionGroupTest, AnOwnerThatHasWrittenOftenKnowsAtOnceThatItsSessionWasTaken) {
  Open(2);
  for (int round = 0; round < 20; ++round) {
    const std::string id = "s" + std::to_string(round);
    const uint64_t fence = a()->Create(id, {}, {{"n", "0"}}).fence;
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(a()->Save(id, {.set = {{"n", std::to_string(i)}}, .fence = fence}).ok());
      ASSERT_TRUE(a()->IsOwner(id));
    }
    ASSERT_TRUE(b()->Save(id, Set("n", "b")).ok());
    EXPECT_FALSE(a()->IsOwner(id));
    EXPECT_EQ(a()->Save(id, {.set = {{"n", "a"}}, .fence = fence}).status.code(), kAborted);
    EXPECT_EQ(Get(*b(), id, "n"), "b");
  }
}

TEST_F(SessionGroupTest, AnOwnerKnowsAtOnceThatItsSessionHasEnded) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1").ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(a()->Save("s1", Set("n", "1")).ok());
  ASSERT_TRUE(b()->Invalidate("s1").ok());
  EXPECT_FALSE(a()->IsOwner("s1"));
  EXPECT_EQ(a()->Save("s1", Set("n", "2")).status.code(), kNotFound);
}

TEST_F(SessionGroupTest, MembersThatHoldTheSameSessionsSayTheSameDigest) {
  Open(2);
  const auto both_say = [&] {
    const absl::StatusOr<MapDigest> at_a = a()->Digest(), at_b = b()->Digest();
    EXPECT_TRUE(at_a.ok()) << at_a.status();
    EXPECT_TRUE(at_b.ok()) << at_b.status();
    EXPECT_EQ(at_a->ToString(), at_b->ToString());
    EXPECT_EQ(at_a->entries, at_b->entries);
    return at_a->ToString();
  };
  const std::string none = both_say();
  ASSERT_TRUE(a()->Create("s1", {}, {{"cart", "1"}}).ok());
  const std::string one = both_say();
  EXPECT_NE(one, none);
  ASSERT_TRUE(b()->Save("s1", Set("cart", "2")).ok());
  EXPECT_NE(both_say(), one);
  Node alone(Shop(), nullptr);
  ASSERT_TRUE(alone->Create("s1").ok());
  EXPECT_EQ(alone->Digest().status().code(), kFailedPrecondition);
}

TEST_F(SessionGroupTest, ASaveIsOneOperationAndSendsOnlyWhatChanged) {
  Open(2);
  const std::string large(100'000, 'v');
  const SessionResult made = a()->Create("s1", {}, {{"large", large}, {"n", "0"}});
  ASSERT_TRUE(made.ok()) << made.status;
  Watched<std::vector<Version>> versions;
  ReplicatedMap map = *members_[1].OpenMap("session /shop", {.kind = MapKind::kConvergent});
  const Subscription subscription = map.Subscribe([&](const Change& change) {
    // How it was made may still be told.
    if (change.version <= made.version) return;
    versions.Update([&](auto& all) { all.push_back(change.version); });
  });
  const uint64_t before = members_[0].stats().bytes_sent;
  ASSERT_TRUE(a()->Save("s1", Set("n", "1")).ok());
  const SessionResult last =
      a()->Save("s1", {.set = {{"n", "2"}}, .erased = {"none"}, .metadata = "ann"});
  ASSERT_TRUE(last.ok());
  EXPECT_LT(members_[0].stats().bytes_sent - before, 50'000U);
  ASSERT_TRUE(versions.WaitFor(
      [&](const auto& all) { return !all.empty() && all.back() == last.version; }));
  EXPECT_EQ(versions.Get().size(), 2U);
  EXPECT_EQ(a()->stats().claims, 0U);
}

TEST_F(SessionGroupTest, TheFirstSaveOfAnotherMemberClaimsAndTheOwnerBeforeIsRefused) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1", {}, {{"n", "1"}}).ok());
  const uint64_t before = a()->Load("s1")->fence;
  EXPECT_EQ(Get(*b(), "s1", "n"), "1");
  ASSERT_TRUE(b()->Save("s1", Set("n", "2")).ok());
  EXPECT_EQ(b()->stats().claims, 1U);
  EXPECT_TRUE(b().Saw(kMoved, "s1"));
  // The zombie's late write.
  const SessionResult late = a()->Save("s1", Set("n", "stale"));
  EXPECT_EQ(late.status.code(), kAborted);
  EXPECT_TRUE(a().Saw(kConflict, "s1"));
  EXPECT_EQ(Get(*b(), "s1", "n"), "2");
  ASSERT_TRUE(a().Saw(kMoved, "s1"));
  EXPECT_FALSE(a().Told(kMoved, "s1")[0].here);
  // What a new request has read anew may be written; an older one of the same instance may not.
  const absl::StatusOr<SessionSnapshot> anew = a()->Load("s1");
  ASSERT_TRUE(anew.ok());
  EXPECT_EQ(ValueOf(*anew, "n"), "2");
  SessionChanges changes = Set("n", "stale");
  changes.fence = before;
  EXPECT_EQ(a()->Save("s1", changes).status.code(), kAborted);
  changes = Set("n", "3");
  changes.fence = anew->fence;
  const SessionResult good = a()->Save("s1", changes);
  ASSERT_TRUE(good.ok()) << good.status;
  EXPECT_EQ(Get(*b(), "s1", "n"), "3");
  EXPECT_EQ(a()->stats().conflicts, 2U);
}

TEST_F(SessionGroupTest, AnOwnerWhoseWriteIsRefusedBeforeTheFeedComesIsToldThatItMoved) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1", {}, {{"n", "1"}}).ok());
  ASSERT_TRUE(a().Saw(kCreated, "s1"));
  // Holds what the group tells the store.
  Watched<bool> is_held, may_go;
  ReplicatedMap map = *members_[0].OpenMap("session /shop", {.kind = MapKind::kConvergent});
  const Subscription subscription = map.Subscribe([&](const Change& change) {
    if (change.key.find("s0") == std::string::npos) return;
    is_held.Update([](bool& held) { held = true; });
    may_go.WaitFor([](bool go) { return go; });
  });
  ASSERT_TRUE(b()->Create("s0", {}, {}).ok());
  ASSERT_TRUE(is_held.WaitFor([](bool held) { return held; }));
  ASSERT_TRUE(b()->Save("s1", Set("n", "2")).ok());
  EXPECT_EQ(a()->Save("s1", Set("n", "stale")).status.code(), kAborted);
  may_go.Update([](bool& go) { go = true; });
  EXPECT_TRUE(a().Saw(kMoved, "s1"));
}

TEST_F(SessionGroupTest, WhatWasReadBeforeAnotherMemberWroteIsNotWritten) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1", {}, {{"n", "1"}}).ok());
  const absl::StatusOr<SessionSnapshot> read = b()->Load("s1");
  ASSERT_TRUE(read.ok());
  ASSERT_TRUE(a()->Save("s1", Set("n", "2")).ok());
  SessionChanges changes = Set("n", "1+1");
  changes.fence = read->fence;
  EXPECT_EQ(b()->Save("s1", changes).status.code(), kAborted);
  EXPECT_EQ(Get(*a(), "s1", "n"), "2");
}

TEST_F(SessionGroupTest, ParallelUpdatesOfOneSessionOnOneInstanceAllCountEverywhere) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1", {}, {{"n", "0"}}).ok());
  std::vector<std::thread> requests;
  for (int i = 0; i < 20; ++i) {
    requests.emplace_back([&] { EXPECT_TRUE(b()->Update("s1", Increment).ok()); });
  }
  for (std::thread& request : requests) request.join();
  EXPECT_EQ(Get(*a(), "s1", "n"), "20");
  EXPECT_EQ(Get(*b(), "s1", "n"), "20");
  EXPECT_EQ(b()->stats().claims, 1U);
}

TEST_F(SessionGroupTest, ParallelSavesOfDifferentAttributesAllCount) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1").ok());
  std::vector<std::thread> requests;
  for (int i = 0; i < 20; ++i) {
    requests.emplace_back(
        [&, i] { EXPECT_TRUE(a()->Save("s1", Set("n" + std::to_string(i), "1")).ok()); });
  }
  for (std::thread& request : requests) request.join();
  EXPECT_EQ(b()->Load("s1")->attributes.size(), 20U);
}

TEST_F(SessionGroupTest, MembersThatUpdateOneSessionAtOnceLoseNothing) {
  Open(3);
  ASSERT_TRUE(a()->Create("s1", {}, {{"n", "0"}}).ok());
  std::atomic<int> counted = 0;
  std::vector<std::thread> requests;
  for (const auto& node : nodes_) {
    requests.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        // The longer a request takes, the more comes in between.
        const SessionResult result = (*node)->Update("s1", [](const SessionSnapshot& snapshot) {
          for (int pause = 0; pause < 300; ++pause) std::this_thread::yield();
          return Increment(snapshot);
        });
        if (result.ok()) ++counted;
        EXPECT_TRUE(result.ok() || absl::IsAborted(result.status)) << result.status;
      }
    });
  }
  for (std::thread& request : requests) request.join();
  EXPECT_GT(counted, 0);
  for (const auto& node : nodes_) EXPECT_EQ(Get(**node, "s1", "n"), std::to_string(counted));
}

// All have read it before the first writes.
TEST_F(SessionGroupTest, OfMembersThatChangeWhatTheyHaveReadAtOnceOneIsRight) {
  Open(3);
  ASSERT_TRUE(a()->Create("s1", {}, {{"n", "0"}}).ok());
  for (int round = 1; round <= 5; ++round) {
    Watched<int> have_read;
    std::atomic<int> counted = 0;
    std::vector<std::thread> requests;
    for (const auto& node : nodes_) {
      requests.emplace_back([&] {
        const SessionResult result = (*node)->Update("s1", [&](const SessionSnapshot& snapshot) {
          have_read.Update([](int& count) { ++count; });
          EXPECT_TRUE(have_read.WaitFor([](int count) { return count == 3; }));
          return Increment(snapshot);
        });
        if (result.ok()) ++counted;
        EXPECT_TRUE(result.ok() || absl::IsAborted(result.status)) << result.status;
      });
    }
    for (std::thread& request : requests) request.join();
    EXPECT_EQ(counted, 1);
    for (const auto& node : nodes_) EXPECT_EQ(Get(**node, "s1", "n"), std::to_string(round));
  }
}

TEST_F(SessionGroupTest, AnEndIsToldOnceWhateverItsCallHasAnswered) {
  SessionStoreOptions options = Shop();
  options.timeout = absl::Nanoseconds(1);
  Open(2, options);
  constexpr int kSessions = 20;
  for (int i = 0, told = 0; told < kSessions; ++i) {
    ASSERT_LT(i, 50 * kSessions);
    const std::string id = std::to_string(i);
    a()->Create(id, {}, {{"n", id}});
    ASSERT_TRUE(a().Saw(kCreated, id));
    // What took effect after the call had returned has to be claimed first: no time for that.
    if (!a().Told(kCreated, id)[0].text.empty()) continue;
    ++told;
    const SessionResult ended = i % 2 == 0 ? a()->Invalidate(id) : a()->ChangeId(id, id + " new");
    EXPECT_TRUE(ended.ok() || absl::IsDeadlineExceeded(ended.status)) << ended.status;
    const SessionEventKind kind = i % 2 == 0 ? kInvalidated : kIdChanged;
    ASSERT_TRUE(a().Saw(kind, id)) << ended.status;
    ASSERT_EQ(a().Told(kind, id).size(), 1U);
    EXPECT_TRUE(a().Told(kind, id)[0].here);
    ASSERT_TRUE(b().Saw(kind, id));
    EXPECT_FALSE(b().Told(kind, id)[0].here);
    EXPECT_FALSE(a()->Exists(id));
    if (i % 2 == 0) {
      ASSERT_NE(a().Told(kind, id)[0].session, nullptr);
      EXPECT_EQ(ValueOf(*a().Told(kind, id)[0].session, "n"), id);
    } else {
      EXPECT_EQ(Get(*a(), id + " new", "n"), id);
    }
  }
}

TEST_F(SessionGroupTest, WhatIsInvalidatedIsGoneEverywhereAndNothingRevivesIt) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1", {}, {{"user", "ann"}}).ok());
  ASSERT_TRUE(b()->Load("s1").ok());
  ASSERT_TRUE(a()->Invalidate("s1").ok());
  for (Node* node : {&a(), &b()}) {
    EXPECT_EQ((*node)->Save("s1", Set("n", "1")).status.code(), kNotFound);
    EXPECT_EQ((*node)->Load("s1").status().code(), kNotFound);
    EXPECT_EQ((*node)->Touch("s1").code(), kNotFound);
    ASSERT_TRUE(node->Saw(kInvalidated, "s1"));
    ASSERT_EQ(node->Told(kInvalidated, "s1").size(), 1U);
  }
  const SessionEvent here = a().Told(kInvalidated, "s1")[0];
  EXPECT_TRUE(here.here);
  ASSERT_NE(here.session, nullptr);
  EXPECT_EQ(ValueOf(*here.session, "user"), "ann");
  const SessionEvent there = b().Told(kInvalidated, "s1")[0];
  EXPECT_FALSE(there.here);
  EXPECT_EQ(there.by, members_[0].id());
  EXPECT_EQ(there.session, nullptr);
  // An id that is used again is another session, of whoever makes it.
  ASSERT_TRUE(b()->Create("s1", {}, {{"user", "bob"}}).ok());
  ASSERT_TRUE(b()->Save("s1", Set("n", "1")).ok());
  EXPECT_EQ(Get(*a(), "s1", "user"), "bob");
}

TEST_F(SessionGroupTest, WhoLogsOutIsLoggedOutWhoeverOwnsTheSession) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1").ok());
  ASSERT_TRUE(b()->Save("s1", Set("n", "1")).ok());
  ASSERT_TRUE(a()->Invalidate("s1").ok());
  EXPECT_FALSE(b()->Exists("s1"));
  ASSERT_TRUE(b().Saw(kInvalidated, "s1"));
  // And made again, though another member has claimed it before.
  ASSERT_TRUE(b()->Create("s1").ok());
  EXPECT_TRUE(b()->Save("s1", Set("n", "2")).ok());
}

TEST_F(SessionGroupTest, AnIdChangesAtOneMomentAndTheOldOneStaysGone) {
  Open(2);
  ASSERT_TRUE(a()->Create("old", {.metadata = "ann"}, {{"n", "1"}}).ok());
  ASSERT_TRUE(a()->ChangeId("old", "new").ok());
  EXPECT_FALSE(b()->Exists("old"));
  EXPECT_EQ(Get(*b(), "new", "n"), "1");
  EXPECT_EQ(b()->Load("new")->metadata, "ann");
  for (Node* node : {&a(), &b()}) {
    ASSERT_TRUE(node->Saw(kIdChanged, "old"));
    EXPECT_EQ(node->Told(kIdChanged, "old")[0].new_id, "new");
    EXPECT_TRUE(node->Told(kCreated, "new").empty());
    EXPECT_TRUE(node->Told(kInvalidated, "old").empty());
    const SessionResult late = (*node)->Save("old", Set("n", "late"));
    EXPECT_EQ(late.status.code(), kNotFound);
    EXPECT_EQ(late.new_id, "new");
  }
  EXPECT_TRUE(a()->Save("new", Set("n", "2")).ok());
  EXPECT_EQ(Get(*b(), "new", "n"), "2");
  EXPECT_EQ(a()->stats().claims, 0U);
}

TEST_F(SessionGroupTest, AnIdThatChangedElsewhereIsKnownBeforeItIsTold) {
  Open(2);
  ASSERT_TRUE(a()->Create("old", {}, {{"n", "1"}}).ok());
  ASSERT_TRUE(b()->Load("old").ok());
  std::promise<void> held;
  std::promise<void> go_on;
  const Subscription holding = b()->SubscribeEvents([&](const SessionEvent& event) {
    if (event.id != "hold") return;
    held.set_value();
    go_on.get_future().wait();
  });
  ASSERT_TRUE(a()->Create("hold").ok());
  held.get_future().wait();
  ASSERT_TRUE(a()->ChangeId("old", "new").ok());
  const SessionResult late = b()->Save("old", Set("n", "late"));
  const SessionResult unknown = b()->Save("none", Set("n", "late"));
  const bool was_told = !b().Told(kIdChanged, "old").empty();
  go_on.set_value();
  EXPECT_EQ(late.status.code(), kNotFound);
  EXPECT_EQ(late.new_id, "new");
  EXPECT_EQ(unknown.new_id, "");
  EXPECT_FALSE(was_told);
}

TEST_F(SessionGroupTest, AnIdThatIsUsedAgainCanBeChangedAgainByAnotherMember) {
  Open(2);
  ASSERT_TRUE(a()->Create("x", {}, {{"n", "1"}}).ok());
  ASSERT_TRUE(a()->ChangeId("x", "y").ok());
  ASSERT_TRUE(b()->ChangeId("y", "x").ok());
  const SessionResult again = b()->ChangeId("x", "z");
  EXPECT_TRUE(again.ok()) << again.status;
  EXPECT_EQ(Get(*a(), "z", "n"), "1");
  EXPECT_EQ(b()->Save("x", Set("n", "late")).new_id, "z");
}

TEST_F(SessionGroupTest, WhatHasEndedHereIsNotTakenForWhatWasCalledSoBefore) {
  Open(2);
  ASSERT_TRUE(a()->Create("x").ok());
  ASSERT_TRUE(a()->ChangeId("x", "y").ok());
  ASSERT_TRUE(a()->Create("x").ok());
  ASSERT_TRUE(a()->Invalidate("x").ok());
  EXPECT_EQ(a()->Save("x", Set("n", "late")).new_id, "");
}

TEST_F(SessionGroupTest, AMemberThatJoinedAfterAnIdChangedKnowsTheNewOne) {
  Open(1);
  ASSERT_TRUE(a()->Create("old", {}, {{"n", "1"}}).ok());
  ASSERT_TRUE(a()->ChangeId("old", "new").ok());
  absl::StatusOr<Group> group = Group::Join(OnLoopback("sessions", "later"));
  ASSERT_TRUE(group.ok()) << group.status();
  const Node late(Shop(), &*group);
  EXPECT_EQ(late->Save("old", Set("n", "2")).new_id, "new");
}

TEST_F(SessionGroupTest, AChangeOfIdThatRacesWithSavesLosesNoneThatWasAcknowledged) {
  Open(2);
  ASSERT_TRUE(a()->Create("id0", {}, {{"n", "0"}}).ok());
  std::atomic<bool> done = false;
  std::atomic<int> acknowledged = 0;
  std::thread request([&] {
    std::string id = "id0";
    for (int n = 1; !done; ++n) {
      const SessionResult saved = a()->Save(id, Set("n", std::to_string(n)));
      if (saved.ok()) acknowledged = n;
      if (!saved.new_id.empty()) id = saved.new_id;
    }
  });
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(a()->ChangeId("id" + std::to_string(i), "id" + std::to_string(i + 1)).ok());
  }
  done = true;
  request.join();
  EXPECT_EQ(Get(*b(), "id20", "n"), std::to_string(acknowledged));
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(b()->Exists("id" + std::to_string(i)));
}

TEST_F(SessionGroupTest, StoresOfDifferentApplicationsDoNotMix) {
  Open(2);
  SessionStoreOptions other = Shop();
  other.application = "/admin";
  const Node admin(other, &members_[1]);
  ASSERT_TRUE(a()->Create("s1").ok());
  EXPECT_FALSE(admin->Exists("s1"));
  EXPECT_TRUE(admin->Create("s1", {}, {{"x", "1"}}).ok());
  EXPECT_EQ(Get(*a(), "s1", "x"), "absent");
}

TEST_F(SessionGroupTest, ASecondStoreOfAnApplicationOnOneMemberIsRefusedUntilTheFirstIsClosed) {
  Open(2);
  const absl::StatusOr<SessionStore> second = SessionStore::Open(Shop(), &members_[0]);
  EXPECT_EQ(second.status().code(), kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), ::testing::HasSubstr("\"/shop\""));
  ASSERT_TRUE(a()->Create("s1").ok());
  nodes_[0].reset();
  const Node anew(Shop(), &members_[0]);
  EXPECT_TRUE(anew->Exists("s1"));
}

TEST_F(SessionGroupTest, AMemberThatComesLaterHasAllSessions) {
  Open(1);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(a()->Create(std::to_string(i)).ok());
  GroupOptions options = OnLoopback("sessions", "late");
  absl::StatusOr<Group> late = Group::Join(options);
  ASSERT_TRUE(late.ok()) << late.status();
  const Node node(Shop(), &*late);
  EXPECT_EQ(node->Ids().size(), 100U);
  EXPECT_EQ(node->Ids(7).size(), 7U);
  EXPECT_EQ(node->stats().sessions, 100U);
  EXPECT_EQ(node->stats().owned, 0U);
}

TEST_F(SessionGroupTest, BlockingCallsInACallbackAreRefusedAndReadsAreNot) {
  Open(2);
  Watched<std::vector<absl::Status>> seen;
  const Subscription subscription = b()->SubscribeEvents([&](const SessionEvent& event) {
    seen.Update([&](auto& all) {
      all.push_back(b()->Save(event.id, Set("n", "1")).status);
      all.push_back(b()->Load(event.id).status());
      all.push_back(b()->Touch(event.id));
      all.push_back(b()->SetReplication(nullptr).status());
    });
  });
  ASSERT_TRUE(a()->Create("s1").ok());
  ASSERT_TRUE(seen.WaitFor([](const auto& all) { return !all.empty(); }));
  EXPECT_EQ(seen.Get()[0].code(), kFailedPrecondition);
  EXPECT_TRUE(seen.Get()[1].ok());
  EXPECT_TRUE(seen.Get()[2].ok());
  EXPECT_EQ(seen.Get()[3].code(), kFailedPrecondition);
}

TEST_F(SessionGroupTest, ASessionWhoseAttributesComeAndGoIsNeverTooLarge) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1", {}, {{"kept", "1"}}).ok());
  const std::string name(kSessionNameBytesMax - 10, 'n');
  for (int i = 0; i < 600; ++i) {
    SessionChanges changes = Set(name + std::to_string(i), "1");
    if (i > 0) changes.erased = {name + std::to_string(i - 1)};
    const SessionResult saved = a()->Save("s1", changes);
    ASSERT_TRUE(saved.ok()) << i << ": " << saved.status;
  }
  EXPECT_EQ(b()->Load("s1")->attributes.size(), 2U);
  EXPECT_EQ(Get(*b(), "s1", "kept"), "1");
}

TEST_F(SessionGroupTest, AsynchronousStoresReplicateToo) {
  SessionStoreOptions options = Shop();
  options.ack = Ack::kLocal;
  Open(2, options);
  ASSERT_TRUE(a()->Create("s1", {}, {{"n", "1"}}).ok());
  ASSERT_TRUE(a()->Save("s1", Set("n", "2")).ok());
  ASSERT_TRUE(b().Saw(kChanged, "s1"));
  EXPECT_EQ(Get(*b(), "s1", "n"), "2");
}

TEST_F(SessionGroupTest, AnOwnerEvictsItsOwnSessionsAndTheOthersAreTold) {
  SessionStoreOptions options = Shop();
  options.bytes_max = 20'000;
  options.eviction = SessionEviction::kLeastRecentlyUsed;
  Open(2, options);
  const std::string value(4000, 'v');
  ASSERT_TRUE(b()->Create("theirs", {}, {{"a", value}}).ok());
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(a()->Create("s" + std::to_string(i), {}, {{"a", value}}).ok()) << i;
  }
  EXPECT_TRUE(a()->Exists("theirs"));
  EXPECT_FALSE(b()->Exists("s0"));
  EXPECT_TRUE(b()->Exists("s7"));
  ASSERT_TRUE(b().Saw(kEvicted, "s0"));
  EXPECT_FALSE(b().Told(kEvicted, "s0")[0].here);
  ASSERT_TRUE(a().Saw(kEvicted, "s0"));
  EXPECT_TRUE(a().Told(kEvicted, "s0")[0].here);
}

TEST_F(SessionGroupTest, NobodyIsEvictedWhereOthersFillTheStore) {
  SessionStoreOptions options = Shop();
  options.bytes_max = 40'000;
  options.eviction = SessionEviction::kLeastRecentlyUsed;
  Open(2, options);
  ASSERT_TRUE(a()->Create("mine", {}, {{"a", std::string(2000, 'v')}}).ok());
  ASSERT_TRUE(b()->Create("theirs", {}, {{"a", std::string(30'000, 'v')}}).ok());
  const SessionResult refused = a()->Create("large", {}, {{"a", std::string(20'000, 'v')}});
  EXPECT_EQ(refused.status.code(), kResourceExhausted);
  EXPECT_TRUE(a()->Exists("mine"));
  EXPECT_EQ(a()->stats().evicted, 0U);
}

}  // namespace
}  // namespace cohort::session
