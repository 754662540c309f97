#include "sim/check_detection.h"

#include <utility>

#include "sim/words.h"

namespace cohort::sim {

void DetectionChecker::OnProcess(const Moment& moment, ProcessChange change) {
  ProcessState& process = processes_[moment.process];
  process.runs = change == ProcessChange::kStarted || change == ProcessChange::kResumed;
  // A process that has just started has nothing to be forgiven.
  process.since = change == ProcessChange::kResumed ? moment.at : Instant::Zero() - kGrace;
}

void DetectionChecker::OnIssued(const Moment& moment, const IssuedCommand& command) {
  if (command.kind == IssuedCommand::Kind::kLeave) processes_[moment.process].runs = false;
}

bool DetectionChecker::StoodStill(ProcessNumber process, Instant at) const {
  const auto state = processes_.find(process);
  return state != processes_.end() && at - state->second.since < kGrace;
}

bool DetectionChecker::IsWell(ProcessNumber process, Instant at) const {
  const auto state = processes_.find(process);
  return state != processes_.end() && state->second.runs && !StoodStill(process, at);
}

ProcessNumber DetectionChecker::ProcessOf(const MemberId& member) const {
  const auto process = members_.find(member);
  return process == members_.end() ? 0 : process->second;
}

bool DetectionChecker::IsMemberAs(ProcessNumber process, const MemberId& member) const {
  const auto state = processes_.find(process);
  return state != processes_.end() && state->second.member == member;
}

void DetectionChecker::Add(const Moment& moment, std::string text) {
  if (moment.at - last_ >= kIncident) ++incidents_;
  last_ = moment.at;
  violations_.Add("I23", moment, std::move(text));
}

void DetectionChecker::OnTrace(const Moment& moment, const TraceRecord& record) {
  if (record.kind == TraceKind::kViewInstalled) {
    members_[record.subject] = moment.process;
    processes_[moment.process].member = record.subject;
  }
  if (record.kind == TraceKind::kExcluded) {
    processes_[moment.process].member = MemberId{};
    if (strict_ && IsWell(moment.process, moment.at))
      Add(moment, "is excluded, although it is alive, connected and did not stand still");
  }
  if (record.kind != TraceKind::kConvicted) return;
  if (record.cause == ViewCause::kLeft) return;
  const ProcessNumber process = ProcessOf(record.subject);
  if (!IsWell(process, moment.at)) return;
  if (record.cause == ViewCause::kReplaced && !IsMemberAs(process, record.subject)) return;
  if (!strict_ && StoodStill(moment.process, moment.at)) return;
  Add(moment, "convicted " + Words(record.subject) + " as " + ToString(record.cause) +
                  ", which is alive and connected: " + std::string(record.text));
}

void DetectionChecker::OnUpcall(const Moment& moment, const engine::Upcall& upcall) {
  const auto* event = std::get_if<engine::EventUpcall>(&upcall);
  if (!strict_ || event == nullptr || event->event.kind != EventKind::kSuspected) return;
  if (!IsWell(ProcessOf(event->event.subject), moment.at)) return;
  if (StoodStill(moment.process, moment.at)) return;
  Add(moment, "accuses " + event->event.subject_name +
                  ", which is alive and connected: " + event->event.text);
}

}  // namespace cohort::sim
