#include "sim/cluster.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/campaign.h"
#include "sim/engine_node.h"
#include "sim/seed_run.h"
#include "tests/sim/echo_node.h"
#include "tests/sim/story.h"

namespace cohort::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ClusterOptions EchoOptions(uint64_t seed, const std::string& mix) {
  ClusterOptions options;
  options.seed = seed;
  options.length = seconds(20);
  options.mix = mix;
  options.fault_free = 0;
  options.factory = EchoNodes();
  return options;
}

TEST(Cluster, RunsOneSeedTheSameTwiceAndTwoSeedsDifferently) {
  std::vector<uint64_t> hashes;
  for (const uint64_t seed : {1, 1, 2}) {
    Cluster cluster(EchoOptions(seed, "mixed"));
    cluster.Run();
    hashes.push_back(cluster.hash());
    EXPECT_GT(cluster.events(), 1000u);
  }
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_NE(hashes[0], hashes[2]);
}

TEST(Cluster, BringsEveryKindOfFaultItIsAskedFor) {
  for (size_t kind = 0; kind < static_cast<size_t>(FaultKind::kCount); ++kind) {
    const std::string name = ToString(static_cast<FaultKind>(kind));
    ClusterOptions options = EchoOptions(3, name);
    options.timeline_events = 100'000;
    Cluster cluster(std::move(options));
    cluster.Run();
    EXPECT_THAT(cluster.timeline(), HasSubstr("fault " + name)) << name;
  }
}

TEST(Cluster, ComplainsOfAGroupThatNeverComesTogether) {
  Cluster cluster(EchoOptions(1, "none"));
  cluster.Run();
  EXPECT_THAT(Invariants(cluster.violations()), ElementsAre("I22"));
  EXPECT_LT(cluster.simulated(), Duration(seconds(40)));
}

// Quiet when they are asked first, and never again.
class RestlessTenants final : public Tenants {
 public:
  void OnStarted(HostIndex, ProcessNumber) override {}
  void OnEnded(HostIndex) override {}
  void OnUpcall(HostIndex, const engine::Upcall&) override {}
  bool IsOwn(const engine::Upcall&) const override { return false; }
  void Run() override {}
  void OnHealed() override {}
  void OnSynced() override {}
  void Stop() override {}
  bool IsQuiet() const override { return asked_++ == 0; }
  void CheckAtEnd() override {}
  std::string_view map() const override { return "none"; }
  std::string Describe() const override { return "restless"; }
  void AddCounts(std::map<std::string, uint64_t>&) const override {}

 private:
  mutable int asked_ = 0;
};

TEST(Cluster, ComplainsOfTenantsThatDoNotComeToRestAndNotOfTheirReplicas) {
  ClusterOptions options;
  options.members = 2;
  options.length = seconds(20);
  options.mix = "sessions";
  options.fault_free = 1;
  options.factory = EngineNodes();
  options.tenants = [](TenantWorld&, const TenantOptions&, Violations&) {
    return std::make_unique<RestlessTenants>();
  };
  Cluster cluster(std::move(options));
  cluster.Run();
  EXPECT_THAT(Invariants(cluster.violations()), ElementsAre("I22"));
}

TEST(Cluster, CrashesAndRestartsProcesses) {
  Cluster cluster(EchoOptions(4, "crash"));
  cluster.Run();
  EXPECT_GT(cluster.sometimes().Of("crashes"), 0u);
}

TEST(FaultPlan, DrawsTwoToFiveKindsOfAMix) {
  FaultMix mix;
  ASSERT_TRUE(FindMix("mixed", mix));
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    const FaultPlan plan = DrawFaultPlan(mix, random);
    EXPECT_GE(plan.faults.size(), 2u);
    EXPECT_LE(plan.faults.size(), 5u);
    for (const Fault& fault : plan.faults) {
      EXPECT_GT(fault.strength, 0);
      EXPECT_LT(fault.strength, 1.0001);
    }
  }
  EXPECT_FALSE(FindMix("nonsense", mix));
}

TEST(SimCommand, ReadsItsOptionsAndPrintsALineThatReplays) {
  std::vector<std::string> words = {"--seeds", "5..9",     "--members", "3..4",  "--minutes",
                                    "0.5",     "--policy", "primary",   "--mix", "crash"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  SimCommandOptions options;
  ASSERT_TRUE(ParseSimCommand(static_cast<int>(arguments.size()), arguments.data(), options));
  EXPECT_EQ(options.seed_first, 5u);
  EXPECT_EQ(options.seed_last, 9u);
  EXPECT_EQ(options.members_max, 4u);
  EXPECT_EQ(options.policy, Policy::kPrimary);
  EXPECT_THAT(ReplayLine(7, options), HasSubstr("./run sim --seed 7 --members "));
  EXPECT_THAT(ReplayLine(7, options), HasSubstr("--minutes 0.5 --policy primary --mix crash"));
}

TEST(SimCommand, RefusesWhatItDoesNotKnow) {
  std::vector<std::string> words = {"--mix", "nonsense"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  SimCommandOptions options;
  EXPECT_FALSE(ParseSimCommand(static_cast<int>(arguments.size()), arguments.data(), options));
}

TEST(SeedReport, SurvivesTheWayThroughAPipe) {
  SeedReport report;
  report.seed = 7;
  report.violations = 2;
  report.simulated_seconds = 61.5;
  report.events = 1234567;
  report.hash = ~uint64_t{0};
  report.counts = {{"merges", 3}, {"coordinator crashes in a view change", 1}};
  SeedReport copy;
  ASSERT_TRUE(SeedReport::FromLine(report.ToLine(), copy));
  EXPECT_EQ(copy.ToLine(), report.ToLine());
  EXPECT_EQ(copy.counts, report.counts);
}

}  // namespace
}  // namespace cohort::sim
