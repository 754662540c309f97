// What several layers must keep together when things go wrong at an unlucky moment: partitions with
// full queues, maps that only one side has, view changes in the middle of a batch of datagrams.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "map/limits.h"
#include "support/engine_net.h"

namespace cohort::engine {
namespace {

using testing_support::EngineNet;

class AdversityTest : public ::testing::Test {
 protected:
  void Start(std::initializer_list<const char*> names) {
    for (const char* name : names) net_.Add(net_.Options(name));
  }
  bool IsAlone(size_t index) { return net_.AllIn({index}); }
  // The first two go on as a side each.
  bool Part() {
    net_.Split({0, 1});
    return net_.RunUntil([&] { return IsAlone(0) && IsAlone(1); });
  }
  // Opens `map` and waits until it is there.
  bool Open(size_t index, const std::string& map, uint64_t bytes_max = 0) {
    const OpenMap open{.id = ++commands_, .name = map, .bytes_max = bytes_max};
    return net_.Execute(index, open).ok() &&
           net_.RunUntil([&] { return net_.host(index).done.contains(commands_); });
  }
  bool PutNow(size_t index, std::string_view map, std::string_view key, std::string_view value) {
    const uint64_t id = net_.Put(index, map, key, value);
    return net_.RunUntil([&] { return net_.host(index).done.contains(id); }) &&
           net_.host(index).done[id].status.ok();
  }
  void FillQueue(size_t index, size_t size) {
    const std::string value(size, '.');
    for (int i = 0; i < 100'000; ++i) {
      net_.Put(index, "main", "filler", value);
      if (!net_.last_status().ok()) return;
    }
  }
  const map::Map* Map(size_t index, std::string_view name) {
    const std::optional<uint32_t> id = net_.engine(index).MapId(name);
    return id.has_value() ? net_.engine(index).FindMap(*id) : nullptr;
  }

  EngineNet net_;
  uint64_t commands_ = 1'000'000;
};

TEST_F(AdversityTest, AFullSendQueueDoesNotHideThatAMemberIsSynced) {
  net_.Add(net_.Options("a"));
  ASSERT_TRUE(net_.RunUntil([&] { return IsAlone(0); }));
  net_.Add(net_.Options("b"));
  FillQueue(1, 10);  // Its writes wait until it holds the state.
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  net_.RunFor(seconds(1));
  ASSERT_EQ(net_.engine(0).view().members.size(), 2u);
  EXPECT_TRUE(net_.engine(0).view().members[1].synced);
}

TEST_F(AdversityTest, AFullSendQueueDoesNotLoseWhatASideBringsAlong) {
  for (const char* name : {"a", "b"}) {
    EngineOptions options = net_.Options(name);
    options.send_queue_bytes_max = 64 << 10;
    net_.Add(options);
  }
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  ASSERT_TRUE(PutNow(0, "main", "before", "0"));
  ASSERT_TRUE(Part());
  const std::string of_a(60'000, 'a');
  const std::string of_b(60'000, 'b');
  ASSERT_TRUE(PutNow(0, "main", "of a", of_a));
  ASSERT_TRUE(PutNow(1, "main", "of b", of_b));
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] {
    return net_.engine(0).view().members.size() == 2 && net_.engine(1).view().members.size() == 2;
  }));
  // Users write as much as they may, before and after the state is whole.
  const Instant end = net_.now() + milliseconds(3);
  net_.RunUntil([&] {
    for (const size_t index : {0, 1}) FillQueue(index, 10'000);
    return net_.now() >= end;
  });
  net_.RunFor(seconds(2));
  for (const size_t index : {0, 1}) {
    EXPECT_EQ(net_.Get(index, "main", "of a"), of_a) << index;
    EXPECT_EQ(net_.Get(index, "main", "of b"), of_b) << index;
  }
}

// Each side has opened a map that the other does not know, and written nothing.
TEST_F(AdversityTest, AMapThatOneSideHasOpenedIsThereAfterTheMergeWithItsSettings) {
  Start({"a", "b"});
  ASSERT_TRUE(Part());
  ASSERT_TRUE(Open(0, "of a", 1 << 20));
  ASSERT_TRUE(Open(1, "of b", 2 << 20));
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  net_.RunFor(seconds(1));
  for (const size_t index : {0, 1}) {
    ASSERT_NE(Map(index, "of a"), nullptr) << index;
    ASSERT_NE(Map(index, "of b"), nullptr) << index;
    EXPECT_EQ(Map(index, "of a")->state().settings.bytes_max, 1u << 20) << index;
    EXPECT_EQ(Map(index, "of b")->state().settings.bytes_max, 2u << 20) << index;
  }
}

// It comes back when its entries are merged; until then it is empty.
TEST_F(AdversityTest, WhoWatchesAMapThatAReceivedStateDoesNotHaveIsTold) {
  Start({"a", "b"});
  ASSERT_TRUE(Part());
  const std::string names[] = {"of a", "of b"};
  for (const size_t index : {0, 1}) {
    ASSERT_TRUE(Open(index, names[index].c_str()));
    ASSERT_TRUE(PutNow(index, names[index].c_str(), "key", "value"));
    for (const std::string& name : names) net_.engine(index).WatchMap(name, true);
  }
  for (const size_t index : {0, 1}) net_.host(index).changes.clear();
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  net_.RunFor(seconds(1));
  size_t joined = 0;
  for (const size_t index : {0, 1}) {
    const std::vector<ChangeUpcall>& changes = net_.host(index).changes;
    const auto is_gone = [](const ChangeUpcall& change) {
      return change.map == ChangeUpcall::kNoMap;
    };
    const auto gone = std::find_if(changes.begin(), changes.end(), is_gone);
    if (gone == changes.end()) continue;
    ++joined;
    EXPECT_EQ(gone->cause, ChangeUpcall::Cause::kSync);
    EXPECT_EQ(gone->key, names[index]) << "the other name was never here";
    EXPECT_EQ(std::count_if(changes.begin(), changes.end(), is_gone), 1);
    EXPECT_TRUE(std::any_of(gone, changes.end(), [](const ChangeUpcall& change) {
      return change.cause == ChangeUpcall::Cause::kMerge && change.key == "key";
    })) << "its entry is merged afterwards";
  }
  EXPECT_EQ(joined, 1u) << "whoever went to the other side";
}

TEST_F(AdversityTest, WhatASideHasWrittenAwaitsItsMergeThereUntilItIsHere) {
  Start({"a", "b"});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  ASSERT_TRUE(PutNow(0, "main", "before", "0"));
  ASSERT_TRUE(Part());
  const std::string keys[] = {"of a", "of b"};
  for (const size_t index : {0, 1}) ASSERT_TRUE(PutNow(index, "main", keys[index], "1"));
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] {
    return net_.engine(0).view().members.size() == 2 && net_.engine(1).view().members.size() == 2;
  }));
  const size_t joined = net_.engine(0).synced() ? 1 : 0;
  const size_t other = 1 - joined;
  ASSERT_TRUE(net_.RunUntil([&] { return net_.engine(joined).synced(); }));
  ASSERT_NE(net_.Get(joined, "main", keys[joined]), "1");
  EXPECT_TRUE(net_.engine(joined).AwaitsMerge("main", keys[joined]));
  EXPECT_FALSE(net_.engine(joined).AwaitsMerge("main", keys[other]));
  EXPECT_FALSE(net_.engine(joined).AwaitsMerge("main", "before"));
  EXPECT_FALSE(net_.engine(joined).AwaitsMerge("elsewhere", keys[joined]));
  EXPECT_FALSE(net_.engine(other).AwaitsMerge("main", keys[joined])) << "it has not had it";
  ASSERT_TRUE(net_.RunUntil([&] { return !net_.engine(joined).merging(); }));
  EXPECT_EQ(net_.Get(joined, "main", keys[joined]), "1");
  EXPECT_FALSE(net_.engine(joined).AwaitsMerge("main", keys[joined]));
}

// Was told that its map is gone, and goes on alone, with both, before the merge was over: it stood
// still, and the other one had gone on without it when that died.
TEST_F(AdversityTest, WhoGoesOnAloneBeforeItsMapIsMergedIsToldThatItIsThereAgain) {
  Start({"a", "b"});
  ASSERT_TRUE(Part());
  const std::string names[] = {"of a", "of b"};
  for (const size_t index : {0, 1}) {
    ASSERT_TRUE(Open(index, names[index]));
    ASSERT_TRUE(PutNow(index, names[index], "key", "value"));
    net_.engine(index).WatchMap(names[index], true);
  }
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] {
    return net_.engine(0).view().members.size() == 2 && net_.engine(1).view().members.size() == 2;
  }));
  const size_t joined = net_.engine(0).synced() ? 1 : 0;
  const size_t other = 1 - joined;
  net_.host(joined).is_mute = true;  // Nobody gets what it merges.
  ASSERT_TRUE(net_.RunUntil([&] { return net_.engine(joined).synced(); }));
  ASSERT_EQ(Map(joined, names[joined]), nullptr);
  EXPECT_EQ(net_.host(joined).changes.back().map, ChangeUpcall::kNoMap);
  const size_t changes_before = net_.host(joined).changes.size();
  net_.host(joined).Pause();
  ASSERT_TRUE(net_.RunUntil([&] { return net_.engine(other).view().members.size() == 1; }));
  net_.host(joined).is_mute = false;
  net_.Release(joined);
  ASSERT_TRUE(net_.RunUntil([&] {
    const std::vector<Event>& events = net_.host(joined).events;
    return std::any_of(events.begin(), events.end(),
                       [](const Event& event) { return event.kind == EventKind::kExcluded; });
  }));
  net_.Kill(other);
  ASSERT_TRUE(net_.RunUntil([&] { return IsAlone(joined); }));
  ASSERT_NE(Map(joined, names[joined]), nullptr);
  const std::vector<ChangeUpcall>& changes = net_.host(joined).changes;
  ASSERT_EQ(changes.size(), changes_before + 1);
  EXPECT_EQ(changes.back().cause, ChangeUpcall::Cause::kSync);
  EXPECT_EQ(changes.back().map, Map(joined, names[joined])->id());
}

TEST_F(AdversityTest, AWatchedMapIsFollowedWhenItsNumberChanges) {
  Start({"a", "b"});
  ASSERT_TRUE(Part());
  ASSERT_TRUE(Open(0, "x") && Open(0, "y"));
  ASSERT_TRUE(Open(1, "y") && Open(1, "x"));
  for (const size_t index : {0, 1}) net_.engine(index).WatchMap("y", true);
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  net_.RunFor(seconds(1));
  size_t synced = 0;
  for (const size_t index : {0, 1}) {
    for (const ChangeUpcall& change : net_.host(index).changes) {
      if (change.cause != ChangeUpcall::Cause::kSync) continue;
      ++synced;
      EXPECT_EQ(change.map, *net_.engine(index).MapId("y"));
    }
    net_.host(index).changes.clear();
  }
  EXPECT_EQ(synced, 1u) << "whoever went to the other side has another state now";
  ASSERT_TRUE(PutNow(0, "y", "key", "value"));
  ASSERT_TRUE(PutNow(0, "x", "key", "value"));
  net_.RunFor(seconds(1));
  for (const size_t index : {0, 1}) EXPECT_EQ(net_.host(index).changes.size(), 1u) << index;
}

TEST_F(AdversityTest, WritersWaitForAJoinerThatCannotTakeMoreAndLoseNothing) {
  constexpr size_t kQueue = size_t{16} << 20;
  constexpr int kWrites = 30'000;  // Of 1 KiB: twice what may wait.
  Start({"a", "b"});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
  ASSERT_TRUE(PutNow(0, "main", "before", "0"));
  EngineOptions options = net_.Options("c");
  options.joiner_queue_bytes_max = kQueue;
  net_.Add(options);
  ASSERT_TRUE(net_.RunUntil([&] { return net_.engine(2).view().members.size() == 3; }));
  net_.host(2).holds_streams = true;  // A slow transfer.
  const std::string value(1024, 'x');
  int written = 0;
  const auto write = [&] {
    while (written < kWrites) {
      net_.Put(0, "main", absl::StrCat("key", written), value);
      if (!net_.last_status().ok()) return;
      ++written;
    }
  };
  const Instant release = net_.now() + seconds(2);
  net_.RunUntil([&] { return write(), net_.now() >= release; });
  const size_t done_in_pause = net_.host(0).done.size();
  EXPECT_FALSE(net_.engine(2).synced());
  EXPECT_LT(written, kWrites) << "nobody told the writer to wait";
  EXPECT_GT(done_in_pause, 10'000u) << "the writer waited before it had to";
  net_.Release(2);
  ASSERT_TRUE(net_.RunUntil([&] {
    write();
    return written == kWrites && net_.host(0).done.size() > kWrites && net_.AllIn({0, 1, 2});
  }));
  for (const auto& [id, done] : net_.host(0).done) EXPECT_TRUE(done.status.ok()) << done.status;
  for (const Event& event : net_.host(2).events) {
    EXPECT_NE(event.kind, EventKind::kTransferFailed) << event.text;
  }
  EXPECT_EQ(Map(2, "main")->digest(), Map(0, "main")->digest());
  const auto told =
      std::find_if(net_.host(0).events.begin(), net_.host(0).events.end(),
                   [](const Event& event) { return event.kind == EventKind::kBackPressure; });
  ASSERT_NE(told, net_.host(0).events.end());
  EXPECT_EQ(told->subject_name, "c");
  EXPECT_GT(told->number, 500);
}

TEST_F(AdversityTest, ManyLongKeysExpire) {
  Start({"a"});
  ASSERT_TRUE(net_.RunUntil([&] { return IsAlone(0); }));
  for (int i = 0; i < 600; ++i) {
    std::string key = std::to_string(i);
    key.resize(map::kKeyBytesMax, '.');
    const map::PutOp put{.key = key, .value = "v", .ttl_ms = 500};
    const Buffer op =
        map::EncodeMapOp({.map = "main", .hlc = net_.engine(0).NextHlc(net_.now()), .body = put});
    ASSERT_TRUE(net_.Execute(0, MapWrite{.id = ++commands_, .operation = op}).ok());
  }
  net_.RunFor(seconds(2));
  ASSERT_NE(Map(0, "main"), nullptr);
  EXPECT_EQ(Map(0, "main")->Size(), 0u);
}

// Four members of which one dies; another hears the accusation and the end of the view it belongs
// to in one batch of datagrams, `silence` after the victim fell silent. Returns whom that one
// suspects.
std::set<std::string> SuspectedInOneBatch(Duration silence) {
  EngineNet net;
  for (const char* name : {"a", "b", "c", "d"}) net.Add(net.Options(name));
  EXPECT_TRUE(net.RunUntil([&] { return net.AllIn({0, 1, 2, 3}); }));
  net.RunFor(seconds(2));  // Nobody is new any more.
  std::vector<size_t> at_rank;
  for (const Member& member : net.engine(0).view().members) {
    at_rank.push_back(static_cast<size_t>(member.name[0] - 'a'));
  }
  const size_t victim = at_rank[1];
  const size_t bystander = at_rank[2];  // Of rank 1 in the next view.
  const size_t judge = at_rank[3];
  net.host(victim).is_mute = true;
  net.RunFor(silence - milliseconds(122));
  net.host(bystander).holds_datagrams = true;  // The view change waits for it.
  net.host(judge).drops_streams = true;        // Does not see the victim's lifeline end.
  net.Kill(victim);
  net.RunFor(milliseconds(95));
  net.host(judge).holds_datagrams = true;
  net.RunFor(milliseconds(26));  // The accusation is repeated.
  net.host(bystander).holds_datagrams = false;
  net.RunFor(milliseconds(1));
  net.host(judge).holds_datagrams = false;
  net.RunFor(milliseconds(300));
  EXPECT_EQ(net.engine(judge).view().members.size(), 3u);
  EXPECT_EQ(net.engine(judge).view().id, net.engine(bystander).view().id);
  std::set<std::string> suspected;
  for (const Event& event : net.host(judge).events) {
    if (event.kind == EventKind::kSuspected) suspected.insert(event.subject_name);
  }
  suspected.erase(std::string(1, static_cast<char>('a' + victim)));
  return suspected;
}

// Whoever has the rank of the accused in the next view has nothing to do with it.
TEST_F(AdversityTest, AConvictionOfTheViewBeforeMeetsNobodyInTheNext) {
  for (int ms = 270; ms <= 330; ++ms) {
    EXPECT_THAT(SuspectedInOneBatch(milliseconds(ms)), ::testing::IsEmpty()) << ms << " ms";
  }
}

TEST_F(AdversityTest, AMemberThatStoodStillLearnsThatTheOthersWentOnAndDoesNotGoOnAlone) {
  for (const size_t stopped : {size_t{0}, size_t{2}}) {
    EngineNet net;
    for (const char* name : {"a", "b", "c"}) net.Add(net.Options(name));
    ASSERT_TRUE(net.RunUntil([&] { return net.AllIn({0, 1, 2}); }));
    ASSERT_TRUE(net.RunUntil([&] { return net.engine(2).synced(); }));
    net.RunFor(seconds(2));
    net.host(stopped).Pause();
    const std::vector<size_t> others =
        stopped == 0 ? std::vector<size_t>{1, 2} : std::vector<size_t>{0, 1};
    ASSERT_TRUE(net.RunUntil([&] { return net.engine(others[0]).view().members.size() == 2; }));
    net.RunFor(seconds(5));
    ASSERT_EQ(net.engine(stopped).view().members.size(), 3u);
    net.host(stopped).views.clear();
    net.Release(stopped);
    EXPECT_TRUE(net.RunUntil([&] { return net.AllIn({0, 1, 2}); }, milliseconds(1500)));
    for (const View& view : net.host(stopped).views)
      EXPECT_EQ(view.members.size(), 3u) << "it went on alone";
  }
}

// The others are two views further, so that what it sends in its own view opens nowhere; and no
// announcement reaches it. Spec 3.11.
TEST_F(AdversityTest, AMemberThatStoodStillForSeveralViewsAsksWhereTheOthersAre) {
  for (const size_t stopped : {size_t{0}, size_t{2}}) {
    EngineNet net;
    for (const char* name : {"a", "b", "c", "d"}) net.Add(net.Options(name));
    ASSERT_TRUE(net.RunUntil([&] { return net.AllIn({0, 1, 2, 3}); }));
    net.RunFor(seconds(2));
    net.host(stopped).Pause();
    net.host(stopped).drops_multicast = true;
    ASSERT_TRUE(net.RunUntil([&] { return net.engine(1).view().members.size() == 3; }));
    net.Kill(3);
    ASSERT_TRUE(net.RunUntil([&] { return net.engine(1).view().members.size() == 2; }));
    net.RunFor(seconds(5));
    net.host(stopped).views.clear();
    net.Release(stopped);
    EXPECT_TRUE(net.RunUntil([&] { return net.engine(1).view().members.size() == 3; }));
    EXPECT_TRUE(net.RunUntil([&] { return net.AllIn({0, 1, 2}); }));
    for (const View& view : net.host(stopped).views)
      EXPECT_GE(view.members.size(), 3u) << "it went on alone";
  }
}

// It is welcomed, and dropped, while it stands still outside the view: nothing ticks there.
TEST_F(AdversityTest, AJoinerThatStoodStillUntilItWasDroppedDoesNotGoOnAlone) {
  EngineNet net;
  net.Add(net.Options("a"));
  ASSERT_TRUE(net.RunUntil([&] { return net.AllIn({0}); }));
  net.RunFor(seconds(1));
  net.Add(net.Options("b"));
  ASSERT_TRUE(net.RunUntil([&] {
    return std::any_of(net.host(1).events.begin(), net.host(1).events.end(),
                       [](const Event& event) { return event.kind == EventKind::kJoining; });
  }));
  net.RunFor(milliseconds(1));
  net.host(1).Pause();
  ASSERT_TRUE(net.RunUntil([&] { return net.engine(0).view().members.size() == 2; }));
  ASSERT_TRUE(net.RunUntil([&] { return net.engine(0).view().members.size() == 1; }));
  net.RunFor(seconds(1));
  net.Release(1);
  net.host(1).holds_datagrams = true;  // Until it has read its welcome, to open what came after.
  net.RunFor(microseconds(100));
  ASSERT_EQ(net.engine(1).view().members.size(), 2u);
  net.host(1).holds_datagrams = false;
  EXPECT_TRUE(net.RunUntil([&] { return net.AllIn({0, 1}); }, seconds(2)));
  for (const View& view : net.host(1).views)
    EXPECT_EQ(view.members.size(), 2u) << "it went on alone";
}

}  // namespace
}  // namespace cohort::engine
