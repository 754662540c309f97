#include "sim/check_views.h"

#include <algorithm>
#include <string>

#include "sim/words.h"

namespace cohort::sim {

void ViewChecker::OnTrace(const Moment& moment, const TraceRecord& record) {
  if (record.kind == TraceKind::kViewInstalled) OnInstalled(moment, record);
  if (record.kind == TraceKind::kPromised || record.kind == TraceKind::kAccepted) {
    OnPromised(moment, record);
  }
}

void ViewChecker::OnInstalled(const Moment& moment, const TraceRecord& record) {
  ProcessState& process = processes_[moment.process];
  if (std::find(record.members.begin(), record.members.end(), record.subject) ==
      record.members.end()) {
    violations_.Add(
        "I1", moment,
        "installed view " + Words(record.view) + " without itself, " + Words(record.subject));
  }
  if (record.view.num <= process.num) {
    violations_.Add("I3", moment,
                    "installed view " + Words(record.view) + " after " + Words(process.view));
  }
  if (!record.previous.IsZero() && record.previous != process.view) {
    violations_.Add("I3", moment,
                    "came to " + Words(record.view) + " from " + Words(record.previous) +
                        " but had installed " + Words(process.view));
  }
  process.num = std::max(process.num, record.view.num);
  process.view = record.view;
  process.promised.clear();
  CheckContent(moment, record);
  CheckSuccessor(moment, record);
}

void ViewChecker::CheckContent(const Moment& moment, const TraceRecord& record) {
  const auto [found, fresh] = views_.try_emplace(record.view);
  ViewContent& content = found->second;
  if (fresh) {
    content.members.assign(record.members.begin(), record.members.end());
    content.key_epoch = record.key_epoch;
    content.primary = record.flag;
  } else if (!std::equal(content.members.begin(), content.members.end(), record.members.begin(),
                         record.members.end()) ||
             content.key_epoch != record.key_epoch || content.primary != record.flag) {
    violations_.Add("I2", moment,
                    "view " + Words(record.view) + " is not the same here as elsewhere: members " +
                        Words(record.members) + " here, " + Words(content.members) +
                        " elsewhere; key epoch " + std::to_string(record.key_epoch) + " and " +
                        std::to_string(content.key_epoch));
  }
  if (record.previous.IsZero()) return;
  if (!content.continued) {
    content.continued = true;
    content.previous = record.previous;
    content.trim.assign(record.trim.begin(), record.trim.end());
  } else if (content.previous != record.previous ||
             !std::equal(content.trim.begin(), content.trim.end(), record.trim.begin(),
                         record.trim.end())) {
    violations_.Add("I2", moment,
                    "view " + Words(record.view) + " follows " + Words(record.previous) +
                        " here with trim " + Words(record.trim) + ", but elsewhere " +
                        Words(content.previous) + " with trim " + Words(content.trim));
  }
}

void ViewChecker::CheckSuccessor(const Moment& moment, const TraceRecord& record) {
  if (policy_ != Policy::kPrimary || record.previous.IsZero()) return;
  const auto [found, fresh] = successors_.try_emplace(record.previous, record.view);
  if (!fresh && found->second != record.view) {
    violations_.Add("I4", moment,
                    "view " + Words(record.previous) + " has two successors: " +
                        Words(found->second) + " and " + Words(record.view));
  }
}

void ViewChecker::OnPromised(const Moment& moment, const TraceRecord& record) {
  const Ballot ballot(record.ballot_round, record.ballot_rank);
  const auto [found, fresh] = processes_[moment.process].promised.try_emplace(record.view, ballot);
  if (fresh) return;
  if (ballot < found->second) {
    violations_.Add("I15", moment,
                    "promised ballot " + std::to_string(ballot.first) + "." +
                        std::to_string(ballot.second) + " in view " + Words(record.view) +
                        " after " + std::to_string(found->second.first) + "." +
                        std::to_string(found->second.second));
  }
  found->second = std::max(found->second, ballot);
}

}  // namespace cohort::sim
