// The program `cohort`: picks the subcommand.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "cohort_version.h"
#include "commands.h"
#include "nearest.h"

namespace {

struct Subcommand {
  const char* name;
  const char* summary;
  int (*run)(int argc, char** argv);
};

using namespace cohort::tools;

constexpr Subcommand kSubcommands[] = {
    {"node",
     "a member of a group without a host program: maps by the Redis protocol, status by HTTP",
     RunNode},
    {"status", "what a running node sees: view, state, peers, maps, digests", RunStatus},
    {"nginx-agent", "marks servers down and up in NGINX as they leave and join the group",
     RunNginxAgent},
    {"doctor", "why members do not find each other, and what to do about it", RunDoctor},
    {"bench", "throughput and latency of a live group", RunBench},
    {"sim", "the protocol in a simulated network: seeds of faults, checked invariants", RunSim},
    {"decode", "packets and frames as words", RunDecode},
    {"keygen", "a new group key", RunKeygen},
};

void PrintUsage(std::FILE* out) {
  std::fputs("Usage: cohort COMMAND [OPTIONS]\n\nCommands:\n", out);
  for (const Subcommand& command : kSubcommands)
    std::fprintf(out, "  %-11s %s\n", command.name, command.summary);
  std::fputs(
      "\n`cohort COMMAND --help` tells a command's options, with examples.\n\n"
      "A group in three lines, the second and third on each host:\n"
      "  cohort keygen --out shop.key            # once; copy the file to every host\n"
      "  cohort node --group shop --key-file shop.key --resp :6379 --http :8080 &\n"
      "  redis-cli set greeting hello\n",
      out);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word.empty() || word == "--help" || word == "-h" || word == "help") {
    PrintUsage(word.empty() ? stderr : stdout);
    return word.empty() ? kExitUsage : kExitOk;
  }
  if (word == "--version" || word == "version") {
    std::printf("cohort %.*s\n", static_cast<int>(kCohortVersion.size()), kCohortVersion.data());
    return kExitOk;
  }
  for (const Subcommand& command : kSubcommands) {
    if (word == command.name) return command.run(argc - 1, argv + 1);
  }
  std::vector<std::string> known;
  for (const Subcommand& command : kSubcommands) known.emplace_back(command.name);
  const std::string nearest = Nearest(word, known);
  std::fprintf(stderr, "cohort: no command '%s'%s\n\n", word.c_str(),
               nearest.empty() ? "" : ("; did you mean `cohort " + nearest + "`?").c_str());
  PrintUsage(stderr);
  return kExitUsage;
}
