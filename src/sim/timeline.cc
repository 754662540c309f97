#include "sim/timeline.h"

#include <utility>

#include "sim/words.h"

namespace cohort::sim {

void Timeline::Add(const Moment& moment, std::string words) {
  if (words.empty()) return;
  // A long run would push the cause of what it found out of sight.
  if (violations_.count() > 0 && ++after_violation_ > events_max_ / 4) return;
  std::string line = Words(moment.at) + "  ";
  for (size_t host = 0; host < hosts_; ++host) {
    line += host == moment.host ? std::to_string(host % 10) : ".";
  }
  lines_.push_back(line + "  " + std::move(words));
  if (lines_.size() > events_max_) lines_.pop_front();
}

void Timeline::OnTrace(const Moment& moment, const TraceRecord& record) {
  const bool frequent = record.kind == TraceKind::kChunkAssigned ||
                        record.kind == TraceKind::kChunkDelivered ||
                        record.kind == TraceKind::kApplied || record.kind == TraceKind::kRepaired ||
                        record.kind == TraceKind::kAcknowledged;
  if (frequent && !chunks_) return;
  Add(moment, Words(record));
}

void Timeline::OnUpcall(const Moment& moment, const engine::Upcall& upcall) {
  const bool frequent = !std::holds_alternative<engine::ViewUpcall>(upcall) &&
                        !std::holds_alternative<engine::EventUpcall>(upcall);
  if (frequent && !chunks_) return;
  const auto* event = std::get_if<engine::EventUpcall>(&upcall);
  if (event != nullptr && event->event.kind == EventKind::kView) return;  // The view tells more.
  Add(moment, Words(upcall));
}

void Timeline::OnIssued(const Moment& moment, const IssuedCommand& command) {
  if (chunks_ || command.kind == IssuedCommand::Kind::kLeave ||
      command.kind == IssuedCommand::Kind::kOpen) {
    Add(moment, Words(command));
  }
}

void Timeline::OnProcess(const Moment& moment, ProcessChange change) {
  Add(moment, Words(change) + " (process " + std::to_string(moment.process) + ")");
}

void Timeline::Note(Instant at, const std::string& text) {
  Add({at, static_cast<HostIndex>(hosts_), 0}, text);
}

std::string Timeline::ToString() const {
  std::string text;
  for (const std::string& line : lines_) text += line + "\n";
  return text;
}

}  // namespace cohort::sim
