// explorer [--long] [--heal-all] [--only NAME]: visits every state of the view change within
// bounds. explorer --mutants [--only NAME]: breaks one rule at a time and must notice each time.
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/explorer/configurations.h"
#include "tests/explorer/mutants.h"
#include "tests/explorer/search.h"

namespace cohort::explorer {
namespace {

void PrintTrace(const Finding& finding) {
  std::printf("  %s\n", finding.what.c_str());
  int step = 0;
  for (const std::string& line : finding.trace) std::printf("  %3d  %s\n", ++step, line.c_str());
}

int RunConfigurations(bool is_long, bool heal_all, const std::string& only) {
  int failures = 0;
  double seconds = 0;
  uint64_t states = 0;
  std::printf("%-44s %10s %9s %6s %9s %5s %7s\n", "configuration", "states", "members'", "depth",
              "healed", "lost", "seconds");
  for (Config config : Configurations(is_long)) {
    if (heal_all) config.heal_every = 1;
    if (!only.empty() && config.name.find(only) == std::string::npos) continue;
    const Report report = Search<membership::ProductionRules>(config).Run();
    std::printf("%-44s %10llu %9llu %6d %9llu %5llu %7.1f %s\n", config.name.c_str(),
                (unsigned long long)report.states, (unsigned long long)report.local_states,
                report.depth, (unsigned long long)report.healed, (unsigned long long)report.lost,
                report.seconds,
                report.finding.found() ? "VIOLATED"
                : report.complete      ? "complete"
                                       : "bounded");
    std::fflush(stdout);
    seconds += report.seconds;
    states += report.states;
    if (!report.finding.found()) continue;
    PrintTrace(report.finding);
    ++failures;
  }
  std::printf("%llu states, %.1f s, %d violated\n", (unsigned long long)states, seconds, failures);
  return failures == 0 ? 0 : 1;
}

int RunMutants(const std::string& only, bool traces) {
  int survivors = 0;
  double seconds = 0;
  for (const Mutant& mutant : Mutants()) {
    if (!only.empty() && mutant.name.find(only) == std::string::npos) continue;
    const Report report = mutant.run(mutant.config);
    seconds += report.seconds;
    std::printf("%-42s %-9s depth %3d %9llu states %6.1f s  %.90s\n", mutant.name.c_str(),
                report.finding.found() ? "caught" : "SURVIVED", report.depth,
                (unsigned long long)report.states, report.seconds, report.finding.what.c_str());
    std::fflush(stdout);
    if (traces && report.finding.found()) PrintTrace(report.finding);
    if (!report.finding.found()) ++survivors;
  }
  std::printf("%.1f s, %d survived\n", seconds, survivors);
  return survivors == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  bool is_long = false;
  bool mutants = false;
  bool heal_all = false;
  bool traces = false;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--long") == 0) is_long = true;
    if (std::strcmp(argv[i], "--heal-all") == 0) heal_all = true;
    if (std::strcmp(argv[i], "--mutants") == 0) mutants = true;
    if (std::strcmp(argv[i], "--traces") == 0) traces = true;
    if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc) only = argv[++i];
  }
  return mutants ? RunMutants(only, traces) : RunConfigurations(is_long, heal_all, only);
}

}  // namespace
}  // namespace cohort::explorer

int main(int argc, char** argv) { return cohort::explorer::Main(argc, argv); }
