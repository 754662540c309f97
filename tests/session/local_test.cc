// A store without a group.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "session/testing.h"

namespace cohort::session {
namespace {

using enum absl::StatusCode;

TEST(LocalSessionTest, ASessionIsReadAsItWasWritten) {
  const Node node(Shop(), nullptr);
  const absl::Time created = absl::FromUnixMillis(1'700'000'000'123);
  const SessionResult made = node->Create("s1", {created, absl::Minutes(5), "principal"},
                                          {{"user", "ann"}, {"cart", "1"}});
  ASSERT_TRUE(made.ok()) << made.status;
  const SessionResult saved = node->Save("s1", {.set = {{"cart", "2"}},
                                                .erased = {"user"},
                                                .metadata = "other",
                                                .max_inactive = absl::Minutes(7)});
  ASSERT_TRUE(saved.ok()) << saved.status;
  EXPECT_GT(saved.version, made.version);
  const absl::StatusOr<SessionSnapshot> snapshot = node->Load("s1");
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->created, created);
  EXPECT_EQ(snapshot->max_inactive, absl::Minutes(7));
  EXPECT_EQ(snapshot->metadata, "other");
  ASSERT_EQ(snapshot->attributes.size(), 1U);
  EXPECT_EQ(ValueOf(*snapshot, "cart"), "2");
  EXPECT_EQ(snapshot->version, saved.version);
  EXPECT_TRUE(snapshot->is_owner);
  EXPECT_FALSE(node->replicated());
}

TEST(LocalSessionTest, WhatIsNotThereIsNotBegunByAnything) {
  const Node node(Shop(), nullptr);
  EXPECT_EQ(node->Save("s1", Set("a", "1")).status.code(), kNotFound);
  EXPECT_EQ(node->Load("s1").status().code(), kNotFound);
  EXPECT_EQ(node->Invalidate("s1").status.code(), kNotFound);
  EXPECT_EQ(node->ChangeId("s1", "s2").status.code(), kNotFound);
  EXPECT_EQ(node->Touch("s1").code(), kNotFound);
  EXPECT_FALSE(node->Exists("s1"));
  EXPECT_EQ(node->stats().sessions, 0U);
  ASSERT_TRUE(node->Create("s1").ok());
  EXPECT_EQ(node->Create("s1").status.code(), kAlreadyExists);
  ASSERT_TRUE(node->Invalidate("s1").ok());
  EXPECT_EQ(node->Save("s1", Set("a", "1")).status.code(), kNotFound);
}

TEST(LocalSessionTest, AnIdThatWasChangedIsGoneAndTheHostLearnsTheNewOne) {
  Node node(Shop(), nullptr);
  ASSERT_TRUE(node->Create("old", {}, {{"a", "1"}}).ok());
  ASSERT_TRUE(node->Create("taken").ok());
  EXPECT_EQ(node->ChangeId("old", "taken").status.code(), kAlreadyExists);
  EXPECT_EQ(node->ChangeId("old", "old").status.code(), kAlreadyExists);
  ASSERT_TRUE(node->ChangeId("old", "new").ok());
  EXPECT_EQ(Get(*node, "new", "a"), "1");
  const SessionResult late = node->Save("old", Set("a", "2"));
  EXPECT_EQ(late.status.code(), kNotFound);
  EXPECT_EQ(late.new_id, "new");
  ASSERT_TRUE(node.Saw(kIdChanged, "old"));
  ASSERT_EQ(node.Told(kIdChanged, "old").size(), 1U);
  EXPECT_EQ(node.Told(kIdChanged, "old")[0].new_id, "new");
}

TEST(LocalSessionTest, ASessionExpiresOnceAndItsLastContentsAreTold) {
  Node node(Shop(), nullptr);
  ASSERT_TRUE(node->Create("s1", {.max_inactive = absl::Milliseconds(30)}, {{"user", "ann"}}).ok());
  ASSERT_TRUE(node.Saw(kExpired, "s1"));
  const Events told = node.Told(kExpired, "s1");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].here);
  ASSERT_NE(told[0].session, nullptr);
  EXPECT_EQ(ValueOf(*told[0].session, "user"), "ann");
  EXPECT_EQ(node->Load("s1").status().code(), kNotFound);
  EXPECT_EQ(node->stats().expired, 1U);
}

TEST(LocalSessionTest, ASessionThatIsUsedDoesNotExpire) {
  Node node(Shop(), nullptr);
  ASSERT_TRUE(node->Create("used", {.max_inactive = absl::Milliseconds(2400)}).ok());
  ASSERT_TRUE(node->Create("unused", {.max_inactive = absl::Milliseconds(1200)}).ok());
  ASSERT_TRUE(node->Create("for ever", {.max_inactive = absl::ZeroDuration()}).ok());
  ASSERT_TRUE(node->Create("later", {.max_inactive = absl::Milliseconds(2400)}).ok());
  ASSERT_TRUE(node.Saw(kExpired, "unused"));
  EXPECT_TRUE(node->Touch("used").ok());
  ASSERT_TRUE(node.Saw(kExpired, "later"));
  EXPECT_TRUE(node->Exists("used"));
  EXPECT_TRUE(node->Exists("for ever"));
  ASSERT_TRUE(node.Saw(kExpired, "used"));
}

TEST(LocalSessionTest, AShorterTimeCountsAtOnce) {
  Node node(Shop(), nullptr);
  ASSERT_TRUE(node->Create("s1", {.max_inactive = absl::Hours(1)}).ok());
  ASSERT_TRUE(node->Save("s1", {.max_inactive = absl::Milliseconds(20)}).ok());
  EXPECT_TRUE(node.Saw(kExpired, "s1"));
}

TEST(LocalSessionTest, AFullStoreRefusesOrEvictsWhatWasUnusedLongest) {
  SessionStoreOptions options = Shop();
  options.bytes_max = 10'000;
  const std::string value(4000, 'v');
  Node strict(options, nullptr);
  ASSERT_TRUE(strict->Create("s1", {}, {{"a", value}}).ok());
  ASSERT_TRUE(strict->Create("s2", {}, {{"a", value}}).ok());
  EXPECT_EQ(strict->Create("s3", {}, {{"a", value}}).status.code(), kResourceExhausted);
  EXPECT_EQ(strict->Save("s2", Set("b", value)).status.code(), kResourceExhausted);
  EXPECT_EQ(Get(*strict, "s2", "b"), "absent");
  // What takes no more than it replaces is no growth.
  EXPECT_TRUE(strict->Save("s2", Set("a", std::string(4000, 'w'))).ok());
  EXPECT_TRUE(strict->Save("s2", {.set = {{"b", value}}, .erased = {"a"}}).ok());

  options.eviction = SessionEviction::kLeastRecentlyUsed;
  Node lenient(options, nullptr);
  ASSERT_TRUE(lenient->Create("s1", {}, {{"a", value}}).ok());
  ASSERT_TRUE(lenient->Create("s2", {}, {{"a", value}}).ok());
  ASSERT_TRUE(lenient->Touch("s1").ok());
  ASSERT_TRUE(lenient->Create("s3", {}, {{"a", value}}).ok());
  EXPECT_TRUE(lenient->Exists("s1"));
  EXPECT_FALSE(lenient->Exists("s2"));
  ASSERT_TRUE(lenient.Saw(kEvicted, "s2"));
  ASSERT_EQ(lenient.Told(kEvicted, "s2").size(), 1U);
  EXPECT_NE(lenient.Told(kEvicted, "s2")[0].session, nullptr);
  EXPECT_EQ(lenient->stats().evicted, 1U);
  EXPECT_LE(lenient->stats().bytes, options.bytes_max);
  // More than all of it is refused, and costs nobody his session but those it would replace.
  EXPECT_EQ(lenient->Save("s1", Set("b", std::string(20'000, 'v'))).status.code(),
            kResourceExhausted);
  EXPECT_TRUE(lenient->Exists("s1"));
}

TEST(LocalSessionTest, AnAttributeThatIsTooLargeIsLeftOutAndTheRestIsSaved) {
  Node node(Shop(), nullptr);
  ASSERT_TRUE(node->Create("s1", {}, {{"a", "old"}}).ok());
  const SessionResult saved =
      node->Save("s1", {.set = {{"a", std::string(kSessionValueBytesMax + 1, 'v')}, {"b", "1"}}});
  ASSERT_TRUE(saved.ok()) << saved.status;
  ASSERT_EQ(saved.refused.size(), 1U);
  EXPECT_EQ(saved.refused[0].name, "a");
  EXPECT_EQ(Get(*node, "s1", "a"), "absent");
  EXPECT_EQ(Get(*node, "s1", "b"), "1");
  ASSERT_TRUE(node.Saw(kRefusedAttribute, "s1"));
  ASSERT_EQ(node.Told(kRefusedAttribute, "s1").size(), 1U);
  EXPECT_EQ(node.Told(kRefusedAttribute, "s1")[0].attribute, "a");
}

TEST(LocalSessionTest, ParallelUpdatesOfOneSessionAllCount) {
  const Node node(Shop(), nullptr);
  ASSERT_TRUE(node->Create("s1", {}, {{"n", "0"}}).ok());
  std::atomic<int> within = 0;
  const auto increment = [&](const SessionSnapshot& snapshot) {
    ++within;
    // Gives the others every chance to come in.
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    EXPECT_EQ(within, 1);
    --within;
    return Increment(snapshot);
  };
  std::vector<std::thread> requests;
  for (int i = 0; i < 20; ++i) {
    requests.emplace_back([&] { EXPECT_TRUE(node->Update("s1", increment).ok()); });
  }
  for (std::thread& request : requests) request.join();
  EXPECT_EQ(Get(*node, "s1", "n"), "20");
}

TEST(LocalSessionTest, AnUpdateThatFailsWritesNothing) {
  const Node node(Shop(), nullptr);
  ASSERT_TRUE(node->Create("s1", {}, {{"n", "0"}}).ok());
  const auto refuse = [](const SessionSnapshot&) -> absl::StatusOr<SessionChanges> {
    return absl::OutOfRangeError("no more");
  };
  EXPECT_EQ(node->Update("s1", refuse).status.code(), kOutOfRange);
  const auto too_long = [](const SessionSnapshot&) -> absl::StatusOr<SessionChanges> {
    return Set("", "x");
  };
  EXPECT_EQ(node->Update("s1", too_long).status.code(), kInvalidArgument);
  EXPECT_EQ(Get(*node, "s1", "n"), "0");
}

TEST(LocalSessionTest, ACallbackMayCallTheStoreAndEndItsSubscription) {
  SessionStore store = *SessionStore::Open(Shop());
  using Ids = std::vector<std::string>;
  Watched<Ids> told;
  std::optional<Subscription> subscription;
  subscription = store.SubscribeEvents([&](const SessionEvent& event) {
    if (event.id == "s1") {
      EXPECT_TRUE(store.Create("s2").ok());
    } else {
      subscription.reset();
    }
    told.Update([&](Ids& ids) { ids.push_back(event.id); });
  });
  // Is told after the first one.
  Watched<Ids> all;
  const Subscription other = store.SubscribeEvents(
      [&](const SessionEvent& event) { all.Update([&](Ids& ids) { ids.push_back(event.id); }); });
  ASSERT_TRUE(store.Create("s1").ok());
  // By this thread or by the store's own.
  ASSERT_TRUE(told.WaitFor([](const Ids& ids) { return ids.size() == 2; }));
  ASSERT_TRUE(store.Create("s3").ok());
  ASSERT_TRUE(all.WaitFor([](const Ids& ids) { return ids.size() == 3; }));
  EXPECT_EQ(told.Get(), (Ids{"s1", "s2"}));
}

TEST(LocalSessionTest, AStoreEndsWithItsLastHandleAlsoInACallbackOfItsOwn) {
  Watched<bool> ended;
  auto store = std::make_shared<std::optional<SessionStore>>(*SessionStore::Open(Shop()));
  Subscription subscription = (*store)->SubscribeEvents([&, store](const SessionEvent& event) {
    if (event.kind != kExpired) return;
    store->reset();
    ended.Update([](bool& value) { value = true; });
  });
  ASSERT_TRUE((*store)->Create("s1", {.max_inactive = absl::Milliseconds(20)}).ok());
  EXPECT_TRUE(ended.WaitFor([](bool value) { return value; }));
}

TEST(LocalSessionTest, ReplicationCannotBeSwitchedToWhatItIs) {
  const Node node(Shop(), nullptr);
  EXPECT_EQ(node->SetReplication(nullptr).status().code(), kFailedPrecondition);
  EXPECT_EQ(node->AwaitTask(1, absl::Seconds(1)).code(), kNotFound);
  EXPECT_TRUE(node->Tasks().empty());
}

}  // namespace
}  // namespace cohort::session
