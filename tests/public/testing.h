// Members of one group inside this process, on loopback: what the tests of the public interface
// share.
#ifndef COHORT_TESTS_PUBLIC_TESTING_H_
#define COHORT_TESTS_PUBLIC_TESTING_H_

#include <cohort/cohort.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cohort::testing {

// A key as `cohort keygen` prints it.
inline std::string TestKey(char fill = '1') {
  return "cohort-key-1 " + std::string(64, fill) + "\n";
}

// Options of a member on loopback. Groups of different tests do not meet, not even between two runs
// of this program.
inline GroupOptions OnLoopback(const std::string& group, const std::string& name) {
  GroupOptions options;
  options.group = group + "-" + std::to_string(getpid());
  options.name = name;
  options.bind = "127.0.0.1";
  options.multicast = "239.255.78.1:" + std::to_string(20000 + getpid() % 20000);
  options.allow_plaintext = AllowPlaintext::kLoopback;
  options.join_timeout = absl::Seconds(20);
  return options;
}

// Something that callbacks write and a test waits for.
template <class T>
class Watched {
 public:
  template <class Change>
  void Update(Change change) {
    const std::lock_guard lock(mutex_);
    change(value_);
    changed_.notify_all();
  }
  // Whether `condition` came true within ten seconds.
  template <class Condition>
  bool WaitFor(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return condition(value_); });
  }
  T Get() {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  T value_{};
};

// Waits until `group` has a view of `members` synced members.
inline bool AwaitMembers(Group& group, size_t members) {
  Watched<size_t> synced;
  const Subscription subscription = group.SubscribeViews([&](const View& view) {
    size_t count = 0;
    for (const Member& member : view.members) count += member.synced ? 1 : 0;
    synced.Update([&](size_t& value) { value = view.members.size() == members ? count : 0; });
  });
  return synced.WaitFor([&](size_t count) { return count == members; });
}

// Joins members a, b, c, ... one after the other and waits until all see all.
inline std::vector<Group> JoinMembers(size_t count, const GroupOptions& like) {
  std::vector<Group> members;
  for (size_t i = 0; i < count; ++i) {
    GroupOptions options = like;
    options.name = std::string(1, static_cast<char>('a' + i));
    absl::StatusOr<Group> group = Group::Join(options);
    if (!group.ok()) {
      fprintf(stderr, "join of %s: %s\n", options.name.c_str(), group.status().ToString().c_str());
      return {};
    }
    members.push_back(*std::move(group));
  }
  for (Group& member : members) {
    if (!AwaitMembers(member, count)) return {};
  }
  return members;
}

}  // namespace cohort::testing

#endif  // COHORT_TESTS_PUBLIC_TESTING_H_
