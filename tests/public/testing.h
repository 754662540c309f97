// Members of one group inside this process, on loopback: what the tests of the public interface
// share.
#ifndef COHORT_TESTS_PUBLIC_TESTING_H_
#define COHORT_TESTS_PUBLIC_TESTING_H_

#include <cohort/cohort.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cohort::testing {

// A key as `cohort keygen` prints it; another one for each `first`.
inline std::string TestKey(char first = '1') {
  return std::string("cohort-key-1 ") + first +
         "23456789abcdef00112233445566778899aabbccddeeff0f1e2d3c4b5a69788\n";
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
  options.join_timeout = absl::Minutes(1);
  if (getenv("COHORT_TEST_EVENTS") != nullptr) {
    options.on_event = [name](const Event& event) {
      fprintf(stderr, "%s: %s %s: %s\n", name.c_str(), ToString(event.kind),
              event.subject_name.c_str(), event.text.c_str());
    };
  }
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
  // Whether `condition` came true within a minute, which no machine that is only busy needs.
  template <class Condition>
  bool WaitFor(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(1), [&] { return condition(value_); });
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
using Events = Watched<std::vector<Event>>;

inline void Keep(GroupOptions& options, Events& events) {
  options.on_event = [&events](const Event& event) {
    events.Update([&](auto& list) { list.push_back(event); });
  };
}

// Waits until `group` has a view of `members` synced members.
inline bool AwaitMembers(Group& group, size_t members) {
  Watched<size_t> synced;
  const auto look = [&] {
    const View view = group.view();
    const auto is_synced = [](const Member& member) { return member.synced; };
    const auto count = std::count_if(view.members.begin(), view.members.end(), is_synced);
    synced.Update([&](size_t& value) {
      value = view.members.size() == members ? static_cast<size_t>(count) : 0;
    });
  };
  const Subscription events = group.SubscribeEvents([&](const Event&) { look(); });
  const Subscription views = group.SubscribeViews([&](const View&) { look(); });
  return synced.WaitFor([&](size_t count) { return count == members; });
}

// Joins members a, b, c, ... one after the other and waits until all see all.
inline std::vector<Group> JoinMembers(size_t count, const GroupOptions& like) {
  std::vector<Group> members;
  for (size_t i = 0; i < count; ++i) {
    GroupOptions options = like;
    options.name = std::string(1, static_cast<char>('a' + i));
    options.on_event = OnLoopback("", options.name).on_event;
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
