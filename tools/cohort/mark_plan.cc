#include "mark_plan.h"

#include <algorithm>
#include <utility>

namespace cohort::tools {
namespace {

// Members of one group that fall silent one after the other within this time before nobody is left:
// then it was not they.
constexpr absl::Duration kDoubt = absl::Seconds(3);

}  // namespace

void MarkPlan::See(absl::Time now, const View& view) {
  std::map<std::string, Seen> there;
  for (const Member& member : view.members) {
    if (member.without_data) continue;
    const auto before = there_.find(member.name);
    const bool stays = before != there_.end() && before->second.id == member.id;
    there[member.name] = {member.id, stays ? before->second.since : now, member.synced};
    gone_.erase(member.name);
  }
  blind_ = there.empty();
  if (blind_) {
    if (!alone_since_.has_value()) alone_since_ = now;
    return;
  }
  for (const auto& [name, seen] : there_) {
    if (!there.contains(name)) gone_[name] = now;
  }
  there_ = std::move(there);
  alone_since_.reset();
}

bool MarkPlan::IsOfThisGroup(const std::set<std::string>& cluster) const {
  return std::any_of(cluster.begin(), cluster.end(), [this](const std::string& name) {
    return there_.contains(name) || gone_.contains(name);
  });
}

std::set<std::string> MarkPlan::Known(const UpstreamFile& file) const {
  std::set<std::string> known;
  for (const std::set<std::string>& cluster : file.clusters) {
    if (IsOfThisGroup(cluster)) known.insert(cluster.begin(), cluster.end());
  }
  return known;
}

// Names that the file has no more are forgotten, so there are never more than it has.
void MarkPlan::AwaitNames(absl::Time now, const UpstreamFile& file) {
  std::map<std::string, absl::Time> awaited;
  for (const std::string& name : Known(file)) {
    if (there_.contains(name) || gone_.contains(name)) continue;
    const auto before = awaited_.find(name);
    awaited[name] = before == awaited_.end() ? now : before->second;
  }
  awaited_ = std::move(awaited);
}

std::vector<std::string> MarkPlan::NeverSeen(absl::Time now) const {
  std::vector<std::string> names;
  for (const auto& [name, since] : awaited_) {
    if (now - since >= grace_) names.push_back(name);
  }
  return names;
}

std::vector<std::string> MarkPlan::NotNamedIn(const UpstreamFile& file) const {
  std::vector<std::string> names;
  for (const auto& [name, seen] : there_) {
    if (std::find(file.names.begin(), file.names.end(), name) == file.names.end())
      names.push_back(name);
  }
  return names;
}

std::map<std::string, bool> MarkPlan::Judge(absl::Time now, const UpstreamFile& file,
                                            const Healthy* healthy) {
  std::map<std::string, bool> marks;
  await_health_.clear();
  if (!blind_) AwaitNames(now, file);
  for (const std::set<std::string>& cluster : file.clusters) {
    if (IsOfThisGroup(cluster)) JudgeCluster(now, cluster, file, healthy, marks);
  }
  return marks;
}

void MarkPlan::JudgeCluster(absl::Time now, const std::set<std::string>& cluster,
                            const UpstreamFile& file, const Healthy* healthy,
                            std::map<std::string, bool>& marks) {
  std::map<std::string, bool> here;
  std::set<std::string> unhealthy;
  for (const std::string& name : cluster) {
    const auto gone = gone_.find(name);
    if (blind_) {
      const bool doubtful =
          alone_since_.has_value() && gone != gone_.end() && *alone_since_ - gone->second < kDoubt;
      if (doubtful) here[name] = false;
      continue;
    }
    const auto seen = there_.find(name);
    if (seen == there_.end()) {
      const auto awaited = awaited_.find(name);
      if (awaited == awaited_.end() || now - awaited->second >= grace_) here[name] = true;
    } else if (seen->second.synced || now - seen->second.since >= grace_) {
      if (healthy != nullptr && file.down.contains(name)) {
        await_health_[name] = seen->second.id;
        const auto found = healthy->find(name);
        if (found == healthy->end() || found->second != seen->second.id) unhealthy.insert(name);
      }
      if (!unhealthy.contains(name)) here[name] = false;
    }
  }
  const auto all_down = [&] {
    return std::all_of(cluster.begin(), cluster.end(), [&](const std::string& name) {
      const auto mark = here.find(name);
      return mark == here.end() ? file.down.contains(name) : mark->second;
    });
  };
  // Better asked too soon than nobody.
  if (all_down()) {
    for (const std::string& name : unhealthy) here[name] = false;
  }
  if (!all_down()) marks.merge(here);
}

absl::Time MarkPlan::NextChange(absl::Time now) const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [name, since] : awaited_) {
    if (since + grace_ > now) next = std::min(next, since + grace_);
  }
  for (const auto& [name, seen] : there_) {
    const absl::Time over = seen.since + grace_;
    if (!seen.synced && over > now) next = std::min(next, over);
  }
  return next;
}

}  // namespace cohort::tools
