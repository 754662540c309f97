#include "sim/check_detection.h"

#include "sim/words.h"

namespace cohort::sim {

void DetectionChecker::OnProcess(const Moment& moment, ProcessChange change) {
  ProcessState& process = processes_[moment.process];
  process.well = change == ProcessChange::kStarted || change == ProcessChange::kResumed;
  // A process that has just started has nothing to be forgiven.
  process.since = change == ProcessChange::kResumed ? moment.at : Instant::Zero() - kGrace;
}

void DetectionChecker::OnIssued(const Moment& moment, const IssuedCommand& command) {
  if (command.kind == IssuedCommand::Kind::kLeave) processes_[moment.process].well = false;
}

void DetectionChecker::OnTrace(const Moment& moment, const TraceRecord& record) {
  if (record.kind == TraceKind::kViewInstalled) members_[record.subject] = moment.process;
  if (record.kind != TraceKind::kConvicted) return;
  if (record.cause == ViewCause::kLeft || record.cause == ViewCause::kReplaced) return;
  const auto subject = members_.find(record.subject);
  if (subject == members_.end()) return;
  const ProcessState& process = processes_[subject->second];
  const ProcessState& observer = processes_[moment.process];
  const bool observer_recovers = excuses_observers_ && moment.at - observer.since < kGrace;
  const bool recovering = moment.at - process.since < kGrace || observer_recovers;
  if (!process.well || recovering) return;
  violations_.Add("I23", moment,
                  "convicted " + Words(record.subject) + " as " + ToString(record.cause) +
                      ", which is alive and connected: " + std::string(record.text));
}

}  // namespace cohort::sim
