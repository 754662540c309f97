// What happens in the group, as lines on standard output (JSON or words), and the last of them for
// COHORT EVENTS.
//
// Lines are written by a thread of its own ("cohort-events"): a reader that does not read must not
// hold up the group. Beyond kLinesMax waiting lines the oldest are dropped, and a line tells how
// many. Thread-safe.
#ifndef COHORT_TOOLS_EVENT_LOG_H_
#define COHORT_TOOLS_EVENT_LOG_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cohort/events.h"
#include "cohort/view.h"
#include "node_options.h"

namespace cohort::tools {

class EventLog {
 public:
  static constexpr size_t kLinesMax = 10'000;
  static constexpr size_t kRecentMax = 256;

  explicit EventLog(EventFormat format);
  ~EventLog();  // Waits at most a second for lines to be written.

  void Add(const View& view);
  void Add(const Event& event);
  // An event of the program itself: "ready", "synced", "left".
  void Add(std::string_view event, std::string_view member, std::string_view text);
  // Whether an event of this kind about `member` was seen: kSynced and kLeft only.
  bool Saw(EventKind kind, std::string_view member) const;

  std::vector<std::string> Recent(size_t count) const;  // Oldest first.

 private:
  // Outlives the log if the writer is stuck in a full pipe.
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::string> waiting;
    uint64_t dropped = 0;
    bool ended = false;
    bool finished = false;
  };
  static void Write(std::shared_ptr<Shared> shared);
  void Line(std::string json, std::string text);

  const EventFormat format_;
  std::shared_ptr<Shared> shared_;
  std::deque<std::string> recent_;
  std::set<std::pair<EventKind, std::string>> seen_;
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_EVENT_LOG_H_
