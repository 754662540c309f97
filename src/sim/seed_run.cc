#include "sim/seed_run.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "sim/cluster.h"
#include "sim/engine_node.h"
#include "sim/words.h"

namespace cohort::sim {
namespace {

constexpr size_t kViolationsShown = 5;

ClusterOptions OptionsOf(uint64_t seed, const SimCommandOptions& command) {
  ClusterOptions options;
  options.seed = seed;
  Random random(seed ^ 0x5EED);
  options.members = random.Between(command.members_min, command.members_max);
  const double length = std::max(20.0, command.minutes * 60);
  options.length = milliseconds(static_cast<int64_t>(length * 1000));
  options.policy = command.policy;
  if (command.both_policies) {
    options.policy = seed % 2 == 1 ? Policy::kPrimary : Policy::kAvailable;
  }
  options.mix = command.mix;
  options.factory = EngineNodes();
  options.tenants = command.tenants;
  return options;
}

std::string Describe(const Cluster& cluster, uint64_t seed, const SimCommandOptions& command) {
  std::string text = cluster.Configuration() + "\n";
  text += cluster.timeline();
  if (cluster.tenants() != nullptr) text += cluster.tenants()->Describe() + "\n";
  const auto& kept = cluster.violations().kept();
  for (size_t i = 0; i < std::min(kept.size(), kViolationsShown); ++i) {
    text += "VIOLATION " + kept[i].invariant + " at " + Words(kept[i].moment.at) + " host " +
            std::to_string(kept[i].moment.host) + ": " + kept[i].text + "\n";
  }
  if (kept.size() > kViolationsShown) {
    text += "and " + std::to_string(cluster.violations().count() - kViolationsShown) +
            " violations more\n";
  }
  return text + ReplayLine(seed, command) + "\n";
}

}  // namespace

std::string ReplayLine(uint64_t seed, const SimCommandOptions& command) {
  const ClusterOptions options = OptionsOf(seed, command);
  char minutes[32];
  std::snprintf(minutes, sizeof(minutes), "%g", command.minutes);
  return "./run sim --seed " + std::to_string(seed) + " --members " +
         std::to_string(options.members) + " --minutes " + minutes + " --policy " +
         ToString(options.policy) + (command.mix == "mixed" ? "" : " --mix " + command.mix);
}

SeedReport RunSeed(uint64_t seed, const SimCommandOptions& command, bool with_timeline) {
  ClusterOptions options = OptionsOf(seed, command);
  if (with_timeline) {
    options.timeline_events = command.timeline_events;
    options.timeline_chunks = command.chunks;
  }
  Cluster cluster(options);
  cluster.Run();
  SeedReport report;
  report.seed = seed;
  report.violations = cluster.violations().count();
  report.simulated_seconds = static_cast<double>(cluster.simulated().count()) / 1e9;
  report.events = cluster.events();
  report.hash = cluster.hash();
  report.counts = cluster.sometimes().counts();
  report.counts["writes acknowledged by all"] = cluster.writes().stats().acknowledged_all;
  report.counts["writes failed"] = cluster.writes().stats().failed;
  report.counts["promises checked"] = cluster.writes().stats().promises_checked;
  report.counts["promises void"] = cluster.writes().stats().promises_void;
  if (cluster.tenants() != nullptr) cluster.tenants()->AddCounts(report.counts);
  if (cluster.detection() != nullptr) {
    report.counts[kMemberSeconds] =
        static_cast<uint64_t>(report.simulated_seconds) * options.members;
    report.counts[kFalseExclusions] = cluster.detection()->incidents();
  }
  if (with_timeline) report.text = Describe(cluster, seed, command);
  if (seed % 100 == 1 && !with_timeline) {
    Cluster again(OptionsOf(seed, command));
    again.Run();
    if (again.hash() != cluster.hash()) {
      ++report.violations;
      report.text = "VIOLATION I25: the same seed ran differently a second time\n" +
                    ReplayLine(seed, command) + "\n";
      return report;
    }
  }
  if (report.violations == 0 || with_timeline) return report;
  report.text = RunSeed(seed, command, true).text;
  return report;
}

std::string SeedReport::ToLine() const {
  std::ostringstream line;
  line << seed << ' ' << violations << ' ' << simulated_seconds << ' ' << events << ' ' << hash;
  for (const auto& [name, count] : counts) line << '\t' << name << '=' << count;
  return line.str();
}

bool SeedReport::FromLine(const std::string& line, SeedReport& report) {
  std::istringstream head(line.substr(0, line.find('\t')));
  if (!(head >> report.seed >> report.violations >> report.simulated_seconds >> report.events >>
        report.hash)) {
    return false;
  }
  for (size_t at = line.find('\t'); at != std::string::npos;) {
    const size_t end = line.find('\t', at + 1);
    const std::string item = line.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    const size_t equals = item.rfind('=');
    if (equals != std::string::npos) {
      report.counts[item.substr(0, equals)] = std::stoull(item.substr(equals + 1));
    }
    at = end;
  }
  return true;
}

}  // namespace cohort::sim
