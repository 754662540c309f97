// What a map's user says about values that both sides of a partition have written.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "map/convergent_member.h"
#include "map/convergent_sides.h"
#include "map/map_builders.h"
#include "map/merge_planner.h"

namespace cohort::map {
namespace {

// "a,c" and "b,c" are "a,b,c".
std::string Union(std::string_view a, std::string_view b) {
  std::set<std::string> names;
  for (const std::string_view list : {a, b}) {
    for (size_t at = 0; at <= list.size();) {
      const size_t end = std::min(list.find(',', at), list.size());
      names.emplace(list.substr(at, end - at));
      at = end + 1;
    }
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

class ResolverTest : public ::testing::Test {
 protected:
  ResolverTest() {
    resolvers_["m"] = [this](const BothWritten& both) -> std::optional<std::string> {
      ++calls_;
      seen_ = std::string(both.key) + "/" + std::string(both.attribute);
      return Union(both.held, both.brought);
    };
  }
  void Part() {
    for (Replica* side : {&ours_, &theirs_}) {
      side->View(2, 0);
      side->View(3);
    }
  }
  MergePlanner Planner() {
    return MergePlanner(theirs_.maps(), ours_.maps().history(), kHour, 0, &resolvers_);
  }
  // Every operation is applied before the next is planned, where the planner waits for it.
  void Run(MergePlanner& planner) {
    while (!planner.done()) {
      const std::optional<Buffer> op = planner.Next(ours_.maps(), HlcAt(5000));
      ASSERT_TRUE(op.has_value());
      ASSERT_TRUE(ours_.Apply(*op, ours_.NextPlace()).status.ok());
    }
    EXPECT_TRUE(ours_.maps().IsConsistent());
  }
  void Heal() {
    ours_.out() = {};
    ours_.View(4);
    MergePlanner planner = Planner();
    Run(planner);
  }

  Resolvers resolvers_;
  int calls_ = 0;
  std::string seen_;
  Replica ours_{MapSettings{}, 1};
  Replica theirs_{MapSettings{}, 2};
};

TEST_F(ResolverTest, SettlesAKeyThatBothSidesHaveWrittenAndNoOther) {
  for (Replica* side : {&ours_, &theirs_}) side->Do(PutOp{"old", "o"});
  Part();
  ours_.Do(PutOp{"k", "a,c"}, 3000);
  theirs_.Do(PutOp{"k", "b,c"}, 2000);
  ours_.Do(PutOp{"same", "x"}, 3000);
  theirs_.Do(PutOp{"same", "x"}, 2000);
  theirs_.Do(PutOp{"old", "n"}, 2000);
  ours_.Do(PutOp{"gone", "x"}, 3000);
  theirs_.Do(EraseOp{"gone"}, 2000);
  Heal();
  EXPECT_EQ(ours_.Value("k"), "a,b,c");
  EXPECT_EQ(ours_.Value("same"), "x");
  EXPECT_EQ(ours_.Value("old"), "n");
  EXPECT_EQ(ours_.Value("gone"), "x");
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(seen_, "k/");
  const auto& kept = ours_.out().merge.kept();
  const auto found = std::find_if(kept.begin(), kept.end(),
                                  [](const Conflict& conflict) { return conflict.key == "k"; });
  ASSERT_NE(found, kept.end());
  EXPECT_TRUE(found->resolved);
  EXPECT_GT(found->winner.time, HlcAt(3000));
}

TEST_F(ResolverTest, AnotherCarrierOfTheSameSideChangesNothingMore) {
  Part();
  ours_.Do(PutOp{"k", "a"}, 2000);
  theirs_.Do(PutOp{"k", "b"}, 3000);
  Heal();
  const Digest settled = ours_.maps().digest();
  MergePlanner second = Planner();
  Run(second);
  EXPECT_EQ(ours_.Value("k"), "a,b");
  EXPECT_EQ(ours_.maps().digest(), settled);
}

TEST_F(ResolverTest, AWriteThatComesBetweenIsNotLostAndTheResolverIsAskedAgain) {
  Part();
  ours_.Do(PutOp{"k", "a"}, 2000);
  theirs_.Do(PutOp{"k", "b"}, 3000);
  ours_.View(4);
  MergePlanner planner = Planner();
  const std::optional<Buffer> op = planner.Next(ours_.maps(), HlcAt(5000));
  EXPECT_TRUE(planner.waits());
  ours_.Do(PutOp{"k", "c"}, 1000);  // A writer whose clock lags.
  ASSERT_TRUE(ours_.Apply(*op, ours_.NextPlace()).status.ok());
  EXPECT_EQ(ours_.Value("k"), "c");
  Run(planner);
  EXPECT_EQ(ours_.Value("k"), "b,c");
  EXPECT_EQ(calls_, 2);
}

TEST_F(ResolverTest, WhoIsAlwaysWrittenToMeanwhileIsSettledByVersionInTheEnd) {
  Part();
  ours_.Do(PutOp{"k", "a"}, 2000);
  theirs_.Do(PutOp{"k", "b"}, 3000);
  ours_.View(4);
  MergePlanner planner = Planner();
  for (int round = 0; round < 50 && !planner.done(); ++round) {
    const std::optional<Buffer> op = planner.Next(ours_.maps(), HlcAt(5000));
    ours_.Do(PutOp{"k", "c"}, 6000);
    ASSERT_TRUE(ours_.Apply(*op, ours_.NextPlace()).status.ok());
  }
  EXPECT_TRUE(planner.done());
  EXPECT_EQ(calls_, kResolveTriesMax);
  EXPECT_EQ(ours_.Value("k"), "c");
}

TEST_F(ResolverTest, WithoutAnAnswerOrWithOneThatIsTooLargeTheLaterVersionStays) {
  Part();
  for (const char* key : {"none", "large"}) {
    ours_.Do(PutOp{key, "a"}, 2000);
    theirs_.Do(PutOp{key, "b"}, 3000);
  }
  resolvers_["m"] = [](const BothWritten& both) -> std::optional<std::string> {
    if (both.key == "none") return std::nullopt;
    return std::string(kValueBytesMax + 1, 'x');
  };
  Heal();
  EXPECT_EQ(ours_.Value("none"), "b");
  EXPECT_EQ(ours_.Value("large"), "b");
}

TEST_F(ResolverTest, AMergeOfManySettledKeysGoesOnOperationByOperation) {
  Part();
  const std::string filler(10'000, 'f');
  for (int i = 0; i < 100; ++i) {
    const std::string key = "key" + std::to_string(i);
    ours_.Do(PutOp{key, "a," + filler}, 2000);
    theirs_.Do(PutOp{key, "b"}, 3000);
    theirs_.Apply(OpOf(PutOp{key, "b"}, 3000, "other"));
  }
  Heal();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ours_.Value("key" + std::to_string(i)), "a,b," + filler);
  EXPECT_EQ(calls_, 100);
  EXPECT_EQ(ours_.maps().Find("other")->Size(), 100u);
}

// ---- Attributes of convergent maps.

class ConvergentResolverTest : public ResolverTest {
 protected:
  ConvergentResolverTest() {
    for (Replica* side : {&ours_, &theirs_}) OpenConvergent(*side);
  }
  void Write(Replica& side, const ConvergentRequest& request, GroupTime now) {
    ASSERT_TRUE(WriteOn(side, &side == &ours_ ? 1 : 2, request, now).ok());
  }
  std::string Attribute(std::string_view key, std::string_view name) {
    return AttributeOn(ours_, key, name);
  }
};

TEST_F(ConvergentResolverTest, SettlesEachAttributeThatBothSidesHaveWritten) {
  Write(ours_, Set("k", "old", "o"), 1000);
  Part();
  Write(ours_, Set("k", "x", "a"), 3000);
  Write(ours_, Set("k", "y", "a"), 3000);
  Write(theirs_, Set("k", "x", "b"), 2000);
  Write(theirs_, Set("k", "z", "b"), 2000);
  Heal();
  EXPECT_EQ(Attribute("k", "x"), "a,b");
  EXPECT_EQ(Attribute("k", "y"), "a");
  EXPECT_EQ(Attribute("k", "z"), "b");
  EXPECT_EQ(seen_, "k/x");
  MergePlanner second = Planner();
  Run(second);
  EXPECT_EQ(Attribute("k", "x"), "a,b");
}

TEST_F(ConvergentResolverTest, SettlesValuesThatBothSidesHavePut) {
  Part();
  Write(ours_, PutOp{.key = "k", .value = "a"}, 2000);
  Write(theirs_, PutOp{.key = "k", .value = "b"}, 3000);
  Write(ours_, PutOp{.key = "l", .value = "a"}, 3000);
  Write(theirs_, PutOp{.key = "l", .value = "b"}, 2000);
  Heal();
  EXPECT_EQ(Attribute("k", ""), "a,b");
  EXPECT_EQ(Attribute("l", ""), "a,b");
}

TEST_F(ConvergentResolverTest, AWriteThatComesBetweenIsLaterAndStays) {
  Part();
  Write(ours_, PutOp{.key = "k", .value = "a"}, 2000);
  Write(theirs_, PutOp{.key = "k", .value = "b"}, 3000);
  ours_.View(4);
  MergePlanner planner = Planner();
  const std::optional<Buffer> op = planner.Next(ours_.maps(), HlcAt(5000));
  Write(ours_, PutOp{.key = "k", .value = "c"}, 6000);
  ASSERT_TRUE(ours_.Apply(*op, ours_.NextPlace()).status.ok());
  Run(planner);
  EXPECT_EQ(Attribute("k", ""), "c");
}

}  // namespace
}  // namespace cohort::map
