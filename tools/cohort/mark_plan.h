// Which servers NGINX should take for down, by what the group says of its members.
//
// The idea: a server is down when the member of its name is not in the view, at once, or after
// `grace` if there never was one of that name: it may be starting, or be called otherwise. It is up
// again when that member is in the view and holds the state, or has been there for `grace`. Of a
// cluster that nobody of has been seen in the group nothing is said: it is another group's. No
// cluster is marked down as a whole: passive checks are the better judge then. Who sees no member
// that holds data cannot tell a dead group from its own isolation; it changes nothing, and takes
// back what it did in the last moments before. Where health is asked for, too, a server is not
// marked up before it is healthy, unless it would be the only one of its cluster.
//
// Threads: none of its own. Time is passed in, of a clock that nobody sets.
#ifndef COHORT_TOOLS_MARK_PLAN_H_
#define COHORT_TOOLS_MARK_PLAN_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cohort/view.h"
#include "upstream_file.h"

namespace cohort::tools {

class MarkPlan {
 public:
  // `grace` (zero and up): how long a member may be in the view without the state before its server
  // is taken for up all the same, and how long one that was never there is waited for.
  explicit MarkPlan(absl::Duration grace) : grace_(grace) {}

  // The view as it is now, with what is known since of who is synced.
  void See(absl::Time now, const View& view);
  // This member is out of the group, or in a side without a quorum.
  void SeeNothing() { blind_ = true; }
  // It cannot tell.
  bool blind() const { return blind_; }

  // The members that may be marked up, by name.
  using Healthy = std::map<std::string, MemberId>;
  // Of each server that can be judged, whether it is down; the others stay as they are. `healthy`
  // null: all may be marked up.
  std::map<std::string, bool> Judge(absl::Time now, const UpstreamFile& file,
                                    const Healthy* healthy = nullptr);
  // Those that Judge() has left down, since they were not among the healthy, or that it would have;
  // with the member that is to be healthy.
  const std::map<std::string, MemberId>& AwaitHealth() const { return await_health_; }
  // Those of the file that this group's members answer for.
  std::set<std::string> Known(const UpstreamFile& file) const;
  // Servers of the file as last judged that no member was ever called as, for `grace` now.
  std::vector<std::string> NeverSeen(absl::Time now) const;
  // Members that hold data, or will, and that no server of the file is called as.
  std::vector<std::string> NotNamedIn(const UpstreamFile& file) const;
  // When Judge() may say something else without a new view.
  absl::Time NextChange(absl::Time now) const;

 private:
  struct Seen {
    MemberId id;
    absl::Time since;  // In the view without interruption.
    bool synced = false;
  };
  bool IsOfThisGroup(const std::set<std::string>& cluster) const;
  void AwaitNames(absl::Time now, const UpstreamFile& file);
  void JudgeCluster(absl::Time now, const std::set<std::string>& cluster, const UpstreamFile& file,
                    const Healthy* healthy, std::map<std::string, bool>& marks);

  const absl::Duration grace_;
  std::map<std::string, Seen> there_;
  std::map<std::string, absl::Time> gone_;  // Once there; since when not.
  std::map<std::string, absl::Time>
      awaited_;  // Never there, of the file as last judged; since when.
  std::map<std::string, MemberId> await_health_;
  std::optional<absl::Time> alone_since_;  // Nobody else is left in the view.
  bool blind_ = true;                      // Until the first view.
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_MARK_PLAN_H_
