#include "cohort/testing/sim_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cohort/typed_map.h"
#include "testing/seed.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::vector<std::string> NamesIn(const View& view) {
  std::vector<std::string> names;
  for (const Member& member : view.members) names.push_back(member.name);
  return names;
}

TEST(SimGroupTest, BeginsInOneViewInWhichAllHaveTheState) {
  const SimGroup group({"a", "b", "c"}, Seed(1));
  for (const char* member : {"a", "b", "c"}) {
    EXPECT_THAT(NamesIn(group.view(member)), UnorderedElementsAre("a", "b", "c"));
    EXPECT_TRUE(group.alive(member) && group.synced(member) && group.writable(member));
    EXPECT_THAT(group.events(member), Contains(Field(&Event::kind, EventKind::kSynced)));
  }
  EXPECT_GT(group.now(), absl::ZeroDuration());
}

TEST(SimGroupTest, EveryCallOfAMapMeansWhatItMeansInReplicatedMap) {
  SimGroup group({"a", "b"}, Seed(2));
  SimMap a = group.map("a", "main");
  SimMap b = group.map("b", "main");
  const WriteResult first = a.PutIfAbsent("k", "1");
  ASSERT_TRUE(first.ok()) << first.status;
  EXPECT_EQ(first.replicas, 2u);
  const WriteResult refused = b.PutIfAbsent("k", "2");
  EXPECT_EQ(refused.status.code(), kAborted);
  EXPECT_EQ(refused.version, first.version);
  const WriteResult second = b.PutIf("k", first.version, "2");
  ASSERT_TRUE(second.ok()) << second.status;
  EXPECT_EQ(a.EraseIf("k", first.version).status.code(), kAborted);
  EXPECT_EQ(a.Get("k")->value, "2");
  EXPECT_EQ(a.Get("k")->version, second.version);
  EXPECT_TRUE(a.EraseIf("k", second.version).ok());
  EXPECT_EQ(b.Get("k").status().code(), kNotFound);

  EXPECT_EQ(a.Increment("n", 5).number, 5);
  EXPECT_EQ(b.Increment("n", -7).number, -2);
  EXPECT_EQ(a.Append("t", "ab").number, 2);
  EXPECT_EQ(a.Increment("t", 1).status.code(), kFailedPrecondition);
  EXPECT_TRUE(a.Expire("t", absl::Minutes(1)).ok());
  EXPECT_LE(b.Get("t")->ttl, absl::Minutes(1));
  EXPECT_TRUE(b.Persist("t").ok());
  EXPECT_EQ(b.Get("t")->ttl, absl::InfiniteDuration());
  EXPECT_EQ(a.Expire("none", absl::Minutes(1)).status.code(), kNotFound);
  EXPECT_EQ(a.Put("", "v").status.code(), kInvalidArgument);
  EXPECT_EQ(a.Put("k", "v", {.ttl = absl::ZeroDuration()}).status.code(), kInvalidArgument);

  WriteBatch batch;
  batch.Put("x", "1").PutIfAbsent("t", "2");
  EXPECT_EQ(b.Write(batch).status.code(), kAborted);
  EXPECT_FALSE(b.Exists("x"));
  batch.clear();
  EXPECT_TRUE(b.Write(batch.Put("x", "1").Erase("n")).ok());
  std::map<std::string, std::string> visited;
  size_t seen = 0;
  EXPECT_FALSE(a.ForEachWhile([&](std::string_view, const Entry&) { return ++seen > 1; }));
  EXPECT_EQ(seen, 1U);
  a.ForEach(
      [&](std::string_view key, const Entry& entry) { visited[std::string(key)] = entry.value; });
  EXPECT_EQ(visited, (std::map<std::string, std::string>{{"t", "ab"}, {"x", "1"}}));
  EXPECT_EQ(a.Scan(0).items.size(), 2u);
  EXPECT_GT(a.Bytes(), 0u);
  EXPECT_EQ(a.Digest().ToString(), b.Digest().ToString());
  EXPECT_EQ(a.Erase("x").number, 1);
  EXPECT_EQ(a.Clear().number, 1);
  EXPECT_EQ(b.Size(), 0u);
  EXPECT_EQ(b.name(), "main");
}

TEST(SimGroupTest, ATypedMapWorksOnASimulatedOne) {
  SimGroup group({"a", "b"}, Seed(10));
  TypedMap<uint32_t, int64_t, SimMap> a(group.map("a", "numbers"));
  TypedMap<uint32_t, int64_t, SimMap> b(group.map("b", "numbers"));
  ASSERT_TRUE(a.Put(7, 40).ok());
  std::vector<int64_t> seen;
  const Subscription changes = b.SubscribeKey(7, [&](const TypedChange<uint32_t, int64_t>& change) {
    seen.push_back(change.value.value_or(-1));
  });
  EXPECT_EQ(b.Increment(7, 2).number, 42);
  EXPECT_EQ(a.Get(7)->value, 42);
  EXPECT_THAT(seen, ElementsAre(42));
  ASSERT_TRUE(a.bytes().Put("?", "?").ok());
  EXPECT_EQ(b.ForEach([](uint32_t, const TypedEntry<int64_t>&) {}).code(), kDataLoss);
}

TEST(SimGroupTest, AKilledMemberIsGoneForTheOthersAndComesBackWithTheWholeState) {
  SimGroup group({"a", "b", "c"}, Seed(3));
  SimMap at_a = group.map("a", "main");
  ASSERT_TRUE(at_a.Put("k", "v").ok());
  const absl::Duration killed = group.now();
  group.Kill("a");
  EXPECT_FALSE(group.alive("a"));
  EXPECT_TRUE(group.view("a").members.empty());
  EXPECT_EQ(at_a.Put("k", "w").status.code(), kCancelled);
  EXPECT_EQ(at_a.Get("k").status().code(), kUnavailable);
  ASSERT_TRUE(group.RunUntil([&] { return group.view("b").members.size() == 2; }));
  EXPECT_LT(group.now() - killed, absl::Milliseconds(100));
  EXPECT_EQ(group.view("b").left.at(0).cause, ViewCause::kCrashed);
  ASSERT_TRUE(group.map("b", "main").Put("k", "w").ok());

  group.Start("a");
  ASSERT_TRUE(group.RunUntilOneView());
  EXPECT_EQ(at_a.Get("k")->value, "w");
}

TEST(SimGroupTest, APausedMemberIsExpelledAndComesBackWhenItRunsAgain) {
  SimGroup group({"a", "b", "c"}, Seed(4));
  SimMap at_c = group.map("c", "main");
  group.Pause("c");
  EXPECT_TRUE(group.alive("c"));
  EXPECT_EQ(at_c.Put("k", "v").status.code(), kFailedPrecondition);
  ASSERT_TRUE(group.RunUntil([&] { return group.view("a").members.size() == 2; }));
  EXPECT_EQ(group.view("a").left.at(0).cause, ViewCause::kStalled);
  EXPECT_EQ(group.view("c").members.size(), 3u);  // It knows nothing of it.
  group.Resume("c");
  ASSERT_TRUE(group.RunUntilOneView());
  EXPECT_TRUE(at_c.Put("k", "v").ok());
}

TEST(SimGroupTest, UnderPrimaryTheMinorityRefusesWritesUntilItIsHealed) {
  SimGroup group({"a", "b", "c"}, Seed(5, Policy::kPrimary));
  SimMap minority = group.map("a", "main");
  SimMap majority = group.map("b", "main");
  group.Partition({{"a"}});
  ASSERT_TRUE(group.RunUntil([&] { return !group.writable("a") && group.writable("b"); }));
  EXPECT_EQ(minority.Put("k", "v").status.code(), kUnavailable);
  EXPECT_TRUE(majority.Put("k", "w").ok());
  group.Heal();
  ASSERT_TRUE(group.RunUntilOneView());
  EXPECT_EQ(minority.Get("k")->value, "w");
}

TEST(SimGroupTest, AResolverUnitesWhatBothSidesOfAPartitionHaveWritten) {
  for (uint64_t seed = 50; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    SimOptions options = Seed(seed);
    options.resolver = [](const MergeConflict& conflict) -> std::optional<std::string> {
      std::set<char> all(conflict.held.begin(), conflict.held.end());
      all.insert(conflict.brought.begin(), conflict.brought.end());
      return std::string(all.begin(), all.end());
    };
    SimGroup group({"a", "b", "c", "d"}, options);
    std::vector<SimMap> maps;
    for (const char* name : {"a", "b", "c", "d"}) maps.push_back(group.map(name, "main"));
    for (SimMap& map : maps) ASSERT_TRUE(map.Put("own" + std::to_string(seed), "0").ok());
    group.Partition({{"a", "b"}, {"c", "d"}});
    ASSERT_TRUE(group.RunUntil([&] {
      return group.view("a").members.size() == 2 && group.view("c").members.size() == 2;
    }));
    for (int key = 0; key < 50; ++key) {
      ASSERT_TRUE(maps[0].Put("key" + std::to_string(key), "ac").ok());
      ASSERT_TRUE(maps[2].Put("key" + std::to_string(key), "bc").ok());
    }
    group.Heal();
    ASSERT_TRUE(group.RunUntilOneView());
    const auto are_united = [&] {
      for (SimMap& map : maps) {
        for (int key = 0; key < 50; ++key) {
          const absl::StatusOr<Entry> entry = map.Get("key" + std::to_string(key));
          if (!entry.ok() || entry->value != "abc") return false;
        }
      }
      return true;
    };
    EXPECT_TRUE(group.RunUntil(are_united)) << maps[0].Get("key0")->value;
    for (SimMap& map : maps) EXPECT_EQ(map.Digest().ToString(), maps[0].Digest().ToString());
  }
}

TEST(SimGroupTest, AWriteThatCannotBeAcknowledgedEndsAtItsTimeout) {
  SimGroup group({"a", "b"}, Seed(6));
  SimMap map = group.map("a", "main");
  group.Cut("a", "b");
  const absl::Duration before = group.now();
  const WriteResult result = map.Put("k", "v", {.timeout = absl::Milliseconds(50)});
  EXPECT_EQ(result.status.code(), kDeadlineExceeded) << result.status;
  EXPECT_EQ(group.now() - before, absl::Milliseconds(50));
}

TEST(SimGroupTest, WritesArriveWhenDatagramsAreLost) {
  SimGroup group({"a", "b", "c"}, Seed(7));
  SimMap map = group.map("a", "main");
  group.SetLoss(0.2);
  for (int i = 0; i < 100; ++i) {
    const WriteResult result = map.Put("k" + std::to_string(i), "v");
    ASSERT_TRUE(result.ok()) << result.status;
  }
  EXPECT_EQ(group.map("c", "main").Size(), 100u);
}

TEST(SimGroupTest, AnswersAndChangesComeOneAtATimeAndMayNotWait) {
  SimGroup group({"a", "b"}, Seed(8));
  SimMap a = group.map("a", "main");
  SimMap b = group.map("b", "main");
  std::vector<std::string> changes;
  Subscription all = b.Subscribe([&](const Change& change) {
    changes.push_back("all " + std::string(change.key) + "=" +
                      std::string(change.value.value_or("")));
    EXPECT_EQ(b.Put("x", "y").status.code(), kFailedPrecondition);
    if (change.key != "k1") return;
    EXPECT_TRUE(b.PutAsync("answer", "1", {}, nullptr).ok());
  });
  const Subscription prefix = b.SubscribePrefix(
      "k", [&](const Change& change) { changes.push_back("prefix " + std::string(change.key)); });
  const Subscription key = b.SubscribeKey("k2", [&](const Change&) { changes.push_back("key"); });
  std::vector<absl::Status> answers;
  const auto done = [&](const WriteResult& result) { answers.push_back(result.status); };
  ASSERT_TRUE(a.PutAsync("k1", "1", {}, done).ok());
  ASSERT_TRUE(a.PutAsync("k2", "2", {}, done).ok());
  EXPECT_TRUE(answers.empty());
  ASSERT_TRUE(group.RunUntil([&] { return changes.size() == 6; }));
  EXPECT_THAT(changes,
              ElementsAre("all k1=1", "prefix k1", "all k2=2", "prefix k2", "key", "all answer=1"));
  EXPECT_THAT(answers, ElementsAre(absl::OkStatus(), absl::OkStatus()));
  all.Cancel();
  ASSERT_TRUE(a.Put("k3", "3").ok());
  group.RunFor(absl::Seconds(1));
  EXPECT_EQ(changes.back(), "prefix k3");
  EXPECT_EQ(changes.size(), 7u);
}

// Each side has a map that the other one has never opened; whoever joins the other one's has none
// until the merge brings it.
TEST(SimGroupTest, SubscribersOfAKeyAreToldThatTheStateWasReplacedAlsoByOneWithoutTheirMap) {
  SimGroup group({"a", "b"}, Seed(9));
  group.Partition({{"a"}, {"b"}});
  ASSERT_TRUE(group.RunUntil(
      [&] { return group.view("a").members.size() == 1 && group.view("b").members.size() == 1; }));
  std::map<std::string, std::vector<ChangeCause>> told;
  std::vector<Subscription> subscriptions;
  for (const std::string name : {"a", "b"}) {
    SimMap map = group.map(name, "of " + name);
    ASSERT_TRUE(map.Put("key", "value").ok());
    subscriptions.push_back(map.SubscribeKey("another key", [&told, name](const Change& change) {
      EXPECT_TRUE(change.key.empty()) << change.key;
      told[name].push_back(change.cause);
    }));
  }
  group.Heal();
  ASSERT_TRUE(group.RunUntilOneView());
  group.RunFor(absl::Seconds(1));
  ASSERT_EQ(told.size(), 1u) << "whoever went to the other side";
  EXPECT_THAT(told.begin()->second, ElementsAre(ChangeCause::kSync, ChangeCause::kSync));
  for (const std::string name : {"a", "b"}) {
    EXPECT_EQ(group.map(name, "of a").Get("key")->value, "value");
    EXPECT_EQ(group.map(name, "of b").Get("key")->value, "value");
  }
}

TEST(SimGroupTest, AProcessThatIsKilledHearsNothingMore) {
  SimGroup group({"a", "b"}, Seed(9));
  SimMap map = group.map("a", "main");
  const Subscription changes =
      map.Subscribe([](const Change&) { ADD_FAILURE() << "a change was told to the dead"; });
  ASSERT_TRUE(map.PutAsync("k", "v", {},
                           [](const WriteResult&) { ADD_FAILURE() << "the dead were answered"; })
                  .ok());
  group.Kill("a");
  group.RunFor(absl::Seconds(10));
}

// A run with most of what can happen in it; all that was seen of it.
std::string RunOnce(uint64_t seed) {
  SimGroup group({"a", "b", "c"}, Seed(seed));
  SimMap map = group.map("b", "main");
  group.SetLoss(0.05);
  for (int i = 0; i < 20; ++i) map.Put("k" + std::to_string(i), "v");
  group.Kill("a");
  group.RunFor(absl::Seconds(1));
  group.Partition({{"b"}, {"c"}});
  group.Start("a");
  group.RunFor(absl::Seconds(3));
  group.Heal();
  EXPECT_TRUE(group.RunUntilOneView());
  return group.timeline() + map.Digest().ToString() + absl::FormatDuration(group.now());
}

TEST(SimGroupTest, OneSeedIsOneRunAndAnotherSeedAnother) {
  const std::string once = RunOnce(11);
  EXPECT_EQ(once, RunOnce(11));
  EXPECT_NE(once, RunOnce(12));
}

TEST(SimGroupTest, ATestThatFailedIsToldTheTimelineAndTheSeed) {
  bool failed = false;
  const auto run = [&] {
    ::testing::internal::CaptureStderr();
    SimOptions options;
    options.seed = 4711;
    options.failed = [&] { return failed; };
    {
      const SimGroup group({"left", "right"}, options);
    }
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(run(), "");
  failed = true;
  const std::string said = run();
  EXPECT_THAT(said, HasSubstr("columns: 0 is left 1 is right\n"));
  EXPECT_THAT(said, HasSubstr("VIEW"));
  EXPECT_THAT(said, HasSubstr("to replay: seed 4711\n"));
}

using SimGroupDeathTest = ::testing::Test;

TEST(SimGroupDeathTest, MistakesOfATestAreSaidInWords) {
  EXPECT_DEATH(SimGroup({}, 1), "give it 1 to 16 names");
  EXPECT_DEATH(SimGroup({"a", "a"}, 1), "two members named a");
  EXPECT_DEATH(SimGroup({""}, 1), "a name has 1 to 64 bytes");
  SimGroup group({"a", "b"}, 1);
  EXPECT_DEATH(group.Kill("c"), "no member is named 'c'; there are: a b");
  SimMap map = group.map("a", "main");
  ASSERT_TRUE(
      map.PutAsync("k", "v", {}, [&](const WriteResult&) { group.RunFor(absl::Seconds(1)); }).ok());
  EXPECT_DEATH(group.RunFor(absl::Seconds(1)), "time cannot be run inside a callback");
}

// c runs a tenth of the time, and meanwhile b dies.
TEST(SimGroupTest, WhoWasDegradedIsToldToHaveCaughtUpAlsoInAnotherView) {
  SimGroup group({"a", "b", "c", "d"}, Seed(61));
  SimMap map = group.map("a", "m");
  const auto told = [&](EventKind kind) {
    const std::vector<Event>& events = group.events("a");
    return std::count_if(events.begin(), events.end(), [&](const Event& event) {
      return event.kind == kind && event.subject_name == "c";
    });
  };
  const auto write = [&](absl::Duration time) {
    const absl::Duration end = group.now() + time;
    for (int i = 0; group.now() < end; ++i) {
      map.PutAsync("k", std::to_string(i), {}, [](const WriteResult&) {}).IgnoreError();
      group.RunFor(absl::Milliseconds(5));
    }
  };
  for (int i = 0; i < 20 && told(EventKind::kDegraded) == 0; ++i) {
    group.Pause("c");
    write(absl::Milliseconds(270));
    group.Resume("c");
    write(absl::Milliseconds(30));
  }
  ASSERT_EQ(told(EventKind::kDegraded), 1);
  group.Kill("b");
  write(absl::Seconds(10));
  EXPECT_EQ(group.view("a").members.size(), 3u);
  EXPECT_EQ(told(EventKind::kCaughtUp), 1);
  EXPECT_EQ(told(EventKind::kDegraded), 1);
}

// d's link is two seconds down and two seconds up, for five minutes.
TEST(SimGroupTest, ALinkThatComesAndGoesCostsTheOthersFewerAndFewerViews) {
  for (const Policy policy : {Policy::kAvailable, Policy::kPrimary}) {
    SCOPED_TRACE(ToString(policy));
    SimGroup group({"a", "b", "c", "d"}, Seed(71, policy));
    std::vector<uint64_t> views;  // In each minute.
    for (int minute = 0; minute < 5; ++minute) {
      const uint64_t before = group.view("a").id.num;
      for (int i = 0; i < 15; ++i) {
        group.Partition({{"a", "b", "c"}, {"d"}});
        group.RunFor(absl::Seconds(2));
        group.Heal();
        group.RunFor(absl::Seconds(2));
      }
      views.push_back(group.view("a").id.num - before);
    }
    EXPECT_LE(views[0], 30u) << "45 without damping";
    for (int minute = 1; minute < 5; ++minute) EXPECT_LE(views[minute], 6u) << "minute " << minute;
    const std::vector<Event>& events = group.events("d");
    EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const Event& event) {
      return event.text.find("lately") != std::string::npos;
    })) << "it is told why it keeps away";
    EXPECT_TRUE(group.RunUntilOneView(absl::Seconds(70))) << "and it comes back in the end";
  }
}

}  // namespace
}  // namespace cohort::testing
