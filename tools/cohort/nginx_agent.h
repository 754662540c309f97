// Tells NGINX which servers are down, on the word of the group: joins without data or a vote,
// follows the views, marks servers in the file of upstreams, and has NGINX reload it.
//
// Threads: Run() is called by one; RequestStop() by any. The group's callbacks only wake Run().
#ifndef COHORT_TOOLS_NGINX_AGENT_H_
#define COHORT_TOOLS_NGINX_AGENT_H_

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/group.h"
#include "event_log.h"
#include "health_checks.h"
#include "mark_plan.h"
#include "node_options.h"

namespace cohort::tools {

struct NginxAgentOptions {
  GroupOptions group;     // without_data and votes are set by the agent.
  std::string upstreams;  // The file.
  std::string nginx;      // With its -c; "-s reload" is put behind it.
  EventFormat events = EventFormat::kText;
  absl::Duration grace = absl::Seconds(30);
  // The first reload of a burst comes at once, the next one so much later, with all that was marked
  // meanwhile. 100 ms to 1 h.
  absl::Duration reload_interval = absl::Seconds(2);
  // Path of the health check that a server passes before it is marked up; empty: none.
  std::string health_path;
  bool restore = false;  // At the end marks are taken out.
  bool dry_run = false;  // Only says what it would do.
};

class NginxAgent {
 public:
  explicit NginxAgent(NginxAgentOptions options);
  NginxAgent(const NginxAgent&) = delete;
  NginxAgent& operator=(const NginxAgent&) = delete;

  // Joins, as long as it takes, and follows the group until it is told to stop. Blocks.
  absl::Status Run();
  // From any thread. Before there is a group nothing has to be left: false.
  bool RequestStop();

 private:
  absl::Status Join();
  absl::Time Look(absl::Time now);
  std::map<std::string, bool> Judge(absl::Time now, const UpstreamFile& file);
  void NoteCauses(const View& view);
  void Wake();
  void Follow(absl::Time now);
  // `why_up` is told of servers marked up; empty: WhyUp().
  void Apply(absl::Time now, const std::map<std::string, bool>& marks, const UpstreamFile& file,
             std::string_view why_up = {});
  void TellBlindness(bool in_place);
  void WarnOfNames(absl::Time now, const UpstreamFile& file);
  void Reload(absl::Time now);
  void Restore();
  void WantReload(absl::Time when);
  bool HasCrashed(const std::string& name);
  std::string WhyGone(const std::string& name);
  std::string WhyUp(const std::string& name) const;

  NginxAgentOptions options_;
  EventLog events_;
  MarkPlan plan_;
  std::optional<Group> group_;
  std::string file_error_;           // Told already.
  std::string said_;                 // By a dry run: what the file would be.
  std::set<std::string> warned_of_;  // Names that members and servers do not share.
  bool was_blind_ = true;
  bool reload_due_;                                  // NGINX may not know what the file says.
  absl::Time reload_wanted_ = absl::InfinitePast();  // Since it is due: when.
  bool look_soon_ = false;                           // Somebody else was writing the file.
  absl::Time reload_at_ = absl::InfinitePast();      // Not before.
  bool has_reloaded_ = false;
  int reloads_failed_ = 0;  // In a row.

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool stop_ = false;
  bool joined_ = false;
  struct Leave {
    ViewCause cause;
    std::string text;
  };
  std::map<std::string, Leave> causes_;  // Why the members that are gone have left.

  std::optional<HealthChecks> health_;  // Last: its thread wakes the others.
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_NGINX_AGENT_H_
