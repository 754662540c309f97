// Entries of convergent maps that writers have made larger, together, than any of them may alone.
#include <gtest/gtest.h>

#include <string>

#include "map/convergent_member.h"
#include "map/limits.h"
#include "map/merge_planner.h"
#include "transfer/limits.h"
#include "transfer/transfer_rig.h"

namespace cohort::transfer {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

map::MapOp Configure() {
  map::MapSettings settings;
  settings.convergent = true;
  return map::OpOf(map::ConfigureOp{settings});
}

// What four members that write an attribute each, at the same moment, make of one entry.
map::Entry JoinedEntry() {
  const std::string almost(map::kRegistersBytesMax - 1000, 'v');
  map::Member first{1};
  EXPECT_TRUE(first.Write(map::Set("s", "1", almost)).ok());
  for (uint64_t number : {2, 3, 4}) {
    map::Member other{number};
    const auto sent = other.Write(map::Set("s", std::to_string(number), almost));
    EXPECT_TRUE(first.Apply(*sent).status.ok());
  }
  return *first.map().Find("s");
}

map::MapOp Merge(const map::Entry& entry, uint64_t base) {
  map::MergeOp merge;
  merge.subgroup = map::ViewNo(1, 1);
  merge.base = base;
  merge.convergent = true;
  merge.entries.push_back({"s", entry.value.text(), entry.version});
  return map::OpOf(merge, 2000);
}

TEST(JoinedEntry, LargerThanOneMessageGoesToAJoiner) {
  const map::Entry entry = JoinedEntry();
  ASSERT_GT(entry.value.size(), kMiB + kMiB / 2);
  Rig rig;
  rig.Write(Configure());
  rig.Write(Merge(entry, 0));
  rig.Do(map::PutOp{"after", "1"});
  rig.Join();
  rig.RunToEnd();
  ASSERT_NE(rig.taken, nullptr);
  EXPECT_EQ(rig.taken->digest(), rig.servers[0]->replica.maps().digest());
  const map::Map* taken = rig.taken->Find("m");
  ASSERT_NE(taken, nullptr);
  ASSERT_NE(taken->Find("s"), nullptr);
  EXPECT_EQ(taken->Find("s")->value.text(), entry.value.text());
}

TEST(JoinedEntry, LargerThanOneMessageIsMergedWithTheClearThatTravelsWithIt) {
  const map::Entry entry = JoinedEntry();
  map::Replica theirs({}, 1), ours({}, 0);
  for (map::Replica* side : {&theirs, &ours}) side->Apply(Configure());
  theirs.View(2);
  ours.View(2);
  map::MapOp merge = Merge(entry, 0);
  std::get<map::MergeOp>(merge.body).cleared = {map::HlcAt(1), 7};
  theirs.Apply(merge);
  ASSERT_NE(theirs.maps().Find("m")->Find("s"), nullptr);
  map::MergePlanner planner(theirs.maps(), ours.maps().history(), map::kHour);
  ours.View(3);
  size_t largest = 0;
  while (const auto op = planner.Next(ours.maps(), map::HlcAt(3000))) {
    largest = std::max(largest, op->size());
    EXPECT_TRUE(ours.Apply(*op, ours.NextPlace()).status.ok());
  }
  EXPECT_GT(largest, kMiB);
  ASSERT_NE(ours.maps().Find("m")->Find("s"), nullptr);
  EXPECT_EQ(ours.maps().Find("m")->Find("s")->value.size(), entry.value.size());
  EXPECT_EQ(ours.maps().Find("m")->state().cleared, theirs.maps().Find("m")->state().cleared);
}

}  // namespace
}  // namespace cohort::transfer
