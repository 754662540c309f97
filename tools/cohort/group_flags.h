// The command-line options of whatever joins a group: `node`, `bench`.
#ifndef COHORT_TOOLS_GROUP_FLAGS_H_
#define COHORT_TOOLS_GROUP_FLAGS_H_

#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cohort/options.h"

namespace cohort::tools {

// What was written on the command line, in the environment, in the configuration file.
struct GroupFlags {
  std::string group;
  std::string name;
  std::string bind;
  std::string multicast = GroupOptions().multicast;
  bool no_multicast = false;
  int multicast_ttl = GroupOptions().multicast_ttl;
  std::vector<std::string> seeds;
  std::string peer_cache;
  std::string key_file;
  std::string allow_plaintext = "no";
  std::string policy = "available";
  uint32_t initial_members = 0;
  bool bootstrap = false;
  std::string tie_breaker;
  std::string profile = "default";
  std::string dead_timeout = "0";
  std::string stall_timeout = "0";
  std::string slow_timeout = "0";
  std::string join_timeout = "30s";
  std::string leave_timeout = "2s";
  uint64_t map_bytes_max = GroupOptions().map_bytes_max;
  uint64_t send_queue_bytes = GroupOptions().send_queue_bytes_max;
  uint64_t datagram_bytes = GroupOptions().datagram_bytes_max;
  uint64_t receive_buffer_bytes = GroupOptions().receive_buffer_bytes;

  void AddTo(CLI::App& app);
  // Errors: kInvalidArgument, naming the option.
  absl::StatusOr<GroupOptions> ToOptions() const;

 private:
  void AddGroupTo(CLI::App& app);
  void AddNetworkTo(CLI::App& app);
  void AddFailuresTo(CLI::App& app);
};

// An error of the library that begins with the name of an option of GroupOptions, said for who gave
// flags: "key_file: x: no such file" is told as "--key-file: x: no such file".
std::string WithFlagNames(std::string_view message);

// Says on standard error why `cohort COMMAND` fails.
void PrintError(const char* command, const absl::Status& status);
// The same; the exit status.
int Fail(const char* command, const absl::Status& status);

// "all", "one", "local".
absl::StatusOr<Ack> ParseAck(const std::string& text);
// "250ms", "2s", "1.5m"; a bare number is seconds.
absl::StatusOr<absl::Duration> ParseTime(const std::string& option, const std::string& text);

// Parses; prints help, version or what is wrong. True: go on. False: exit with `exit_code`.
bool ParseCommandLine(CLI::App& app, int argc, char** argv, int& exit_code);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_GROUP_FLAGS_H_
