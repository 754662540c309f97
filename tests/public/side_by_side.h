// Groups of this process that share an endpoint: what the tests of several groups share.
#ifndef COHORT_TESTS_PUBLIC_SIDE_BY_SIDE_H_
#define COHORT_TESTS_PUBLIC_SIDE_BY_SIDE_H_

#include <cohort/cohort.h>
#include <dirent.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "public/testing.h"

namespace cohort::testing {

inline std::vector<std::string> NamesIn(const char* folder) {
  std::vector<std::string> names;
  DIR* const directory = opendir(folder);
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(directory);
  return names;
}

// What of Cohort's this process has.
struct Census {
  int udp_sockets = 0;
  int listeners = 0;
  int io_threads = 0;
  int delivery_threads = 0;
  bool operator==(const Census&) const = default;
  friend Census operator-(Census a, const Census& b) {
    return {a.udp_sockets - b.udp_sockets, a.listeners - b.listeners, a.io_threads - b.io_threads,
            a.delivery_threads - b.delivery_threads};
  }
  friend void PrintTo(const Census& c, std::ostream* out) {
    *out << c.udp_sockets << " UDP sockets, " << c.listeners << " listeners, " << c.io_threads
         << " I/O threads, " << c.delivery_threads << " delivery threads";
  }
};

inline int SocketOption(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

inline Census Count() {
  Census census;
  for (const std::string& name : NamesIn("/proc/self/fd")) {
    const int fd = std::stoi(name);
    if (SocketOption(fd, SO_DOMAIN) != AF_INET) continue;
    if (SocketOption(fd, SO_TYPE) == SOCK_DGRAM) ++census.udp_sockets;
    if (SocketOption(fd, SO_ACCEPTCONN) == 1) ++census.listeners;
  }
  for (const std::string& task : NamesIn("/proc/self/task")) {
    std::ifstream file("/proc/self/task/" + task + "/comm");
    std::string name;
    std::getline(file, name);
    if (name == "cohort-io") ++census.io_threads;
    if (name == "cohort-deliver") ++census.delivery_threads;
  }
  return census;
}

// Every third group has a key, and each of them another one.
inline GroupOptions NthGroup(int n, const std::string& name) {
  GroupOptions options = OnLoopback("shared-" + std::to_string(n), name);
  if (n % 3 == 0) options.key = TestKey(static_cast<char>('1' + n / 3));
  return options;
}

inline std::vector<Group> JoinAll(int count, const std::string& name) {
  std::vector<Group> groups;
  for (int n = 0; n < count; ++n) {
    absl::StatusOr<Group> group = Group::Join(NthGroup(n, name));
    EXPECT_TRUE(group.ok()) << group.status();
    if (group.ok()) groups.push_back(*std::move(group));
  }
  return groups;
}

// A write that both members apply.
inline absl::Status Write(Group& group, const std::string& value) {
  absl::StatusOr<ReplicatedMap> map = group.OpenMap("main");
  if (!map.ok()) return map.status();
  const WriteResult written = map->Put("key", value);
  if (!written.ok()) return written.status;
  return written.replicas == 2 ? absl::OkStatus()
                               : absl::InternalError(std::to_string(written.replicas));
}

inline std::string ValueIn(Group& group) {
  absl::StatusOr<ReplicatedMap> map = group.OpenMap("main");
  if (!map.ok()) return std::string(map.status().message());
  const absl::StatusOr<Entry> entry = map->Get("key");
  return entry.ok() ? std::string(entry->value) : std::string(entry.status().message());
}

}  // namespace cohort::testing

#endif  // COHORT_TESTS_PUBLIC_SIDE_BY_SIDE_H_
