// Session stores on members of one group inside this process: what their tests share.
#ifndef COHORT_TESTS_SESSION_TESTING_H_
#define COHORT_TESTS_SESSION_TESTING_H_

#include <cohort/session_store.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "public/testing.h"

namespace cohort::session {

using testing::JoinMembers;
using testing::OnLoopback;
using testing::Watched;
using Events = std::vector<SessionEvent>;
using enum SessionEventKind;

inline constexpr absl::Duration kLongest = absl::Seconds(20);  // For a switch of replication.

inline SessionStoreOptions Shop() {
  SessionStoreOptions options;
  options.application = "/shop";
  options.successor_step = absl::Milliseconds(1);
  return options;
}

// A store, and what it has told.
class Node {
 public:
  Node(const SessionStoreOptions& options, Group* group)
      : store_(std::make_unique<SessionStore>(*SessionStore::Open(options, group))) {
    subscription_ = store_->SubscribeEvents(
        [this](const SessionEvent& event) {
          events_.Update([&](Events& all) { all.push_back(event); });
        },
        /*with_changes=*/true);
  }
  SessionStore& operator*() const { return *store_; }
  SessionStore* operator->() const { return store_.get(); }

  // Waits for an event of this kind about `id`.
  bool Saw(SessionEventKind kind, const std::string& id) {
    const bool seen = events_.WaitFor([&](const Events& all) {
      return std::any_of(all.begin(), all.end(), [&](const SessionEvent& event) {
        return event.kind == kind && event.id == id;
      });
    });
    if (seen) return true;
    for (const SessionEvent& event : events_.Get()) {
      ADD_FAILURE() << ToString(event.kind) << " of " << event.id << ": " << event.text;
    }
    return false;
  }
  // Those told so far.
  Events Told(SessionEventKind kind, const std::string& id) {
    Events of_kind;
    for (const SessionEvent& event : events_.Get()) {
      if (event.kind == kind && event.id == id) of_kind.push_back(event);
    }
    return of_kind;
  }

 private:
  Watched<Events> events_;
  std::unique_ptr<SessionStore> store_;
  Subscription subscription_;
};

inline std::string ValueOf(const SessionSnapshot& snapshot, const std::string& name) {
  for (const Attribute& attribute : snapshot.attributes) {
    if (attribute.name == name) return attribute.value;
  }
  return "absent";
}

inline std::string Get(SessionStore& store, const std::string& id, const std::string& name) {
  const absl::StatusOr<SessionSnapshot> snapshot = store.Load(id);
  return snapshot.ok() ? ValueOf(*snapshot, name) : "no session";
}

// Adds one to "n".
inline SessionChanges Increment(const SessionSnapshot& snapshot) {
  return {.set = {{"n", std::to_string(std::stoi(ValueOf(snapshot, "n")) + 1)}}};
}

inline SessionChanges Set(const std::string& name, const std::string& value) {
  return {.set = {{name, value}}};
}

}  // namespace cohort::session

#endif  // COHORT_TESTS_SESSION_TESTING_H_
