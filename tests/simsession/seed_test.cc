// Whole runs: what a user of `cohort sim --mix sessions` gets.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/seed_run.h"
#include "simsession/users.h"

namespace cohort::simsession {
namespace {

sim::SeedReport RunSessions(uint64_t seed) {
  sim::SimCommandOptions options;
  options.mix = "sessions";
  options.members_min = options.members_max = 3;
  options.minutes = 0.4;
  options.tenants = SessionStores();
  return sim::RunSeed(seed, options, /*with_timeline=*/false);
}

TEST(SessionStores, KeepTheirPromisesAndRunTheSameTwice) {
  const sim::SeedReport first = RunSessions(7);
  EXPECT_EQ(first.violations, 0u) << first.text;
  EXPECT_GT(first.counts.at("session writes acknowledged"), 100u);
  EXPECT_GT(first.counts.at("session reads"), 100u);
  const sim::SeedReport again = RunSessions(7);
  EXPECT_EQ(again.hash, first.hash);
  EXPECT_EQ(again.counts, first.counts);
}

TEST(SessionStores, AreNotInOtherRuns) {
  sim::SimCommandOptions options;
  std::vector<std::string> words = {"--mix", "sessions"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  EXPECT_FALSE(sim::ParseSimCommand(2, arguments.data(), options)) << "nobody can run it";
  options.tenants = SessionStores();
  EXPECT_TRUE(sim::ParseSimCommand(2, arguments.data(), options));
}

}  // namespace
}  // namespace cohort::simsession
