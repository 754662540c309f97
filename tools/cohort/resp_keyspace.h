// Keyspace events: what the maps' change feeds tell, on its way to the clients that listen.
//
// A member is told every change at its place in the order, wherever it was written; so the events
// are those of this member's maps, not of the commands of its clients. The feed does not say which
// operation made a value, and is silent about lifetimes.
#ifndef COHORT_TOOLS_RESP_KEYSPACE_H_
#define COHORT_TOOLS_RESP_KEYSPACE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cohort/replicated_map.h"

namespace cohort::tools {

// Events on their way from the delivery thread to the server's. Beyond either bound all are lost.
inline constexpr size_t kKeyspaceEventsMax = size_t{1} << 16;
inline constexpr size_t kKeyspaceBytesMax = size_t{16} << 20;  // Of keys, and 64 for each event.

// As CONFIG GET notify-keyspace-events has it: keyspace and keyevent channels; generic, string and
// hash events, expiries. Always on.
inline constexpr std::string_view kKeyspaceEventClasses = "KEg$hx";

struct KeyspaceEvent {
  size_t database = 0;
  const char* name = "";  // Of the event, a literal: "set", "del" ...
  std::string key;        // Empty: the whole map was concerned; there is no keyspace channel then.

  std::string KeyspaceChannel() const;  // __keyspace@0__:key
  std::string KeyeventChannel() const;  // __keyevent@0__:set
};

// What `change` of the map that is database `database` is called.
KeyspaceEvent ToKeyspaceEvent(size_t database, const Change& change);

// Thread-safe.
class KeyspaceQueue {
 public:
  // `wake` is called, on the pushing thread, when there is something to take again.
  explicit KeyspaceQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Push(KeyspaceEvent event);
  struct Taken {
    std::vector<KeyspaceEvent> events;  // Oldest first.
    bool lost = false;                  // Events before these were thrown away.
    bool more = false;                  // Come again: there will be no other call of `wake`.
  };
  Taken Take(size_t max);
  void Clear();
  // Nobody listens any more.
  void Close();

 private:
  void ClearLocked();

  std::mutex mutex_;
  std::function<void()> wake_;
  std::deque<KeyspaceEvent> events_;
  size_t bytes_ = 0;
  bool lost_ = false;
};

// Puts the changes of all `maps` into `queue` while the result lives.
std::vector<Subscription> FeedKeyspace(std::vector<ReplicatedMap>& maps,
                                       const std::shared_ptr<KeyspaceQueue>& queue);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_KEYSPACE_H_
