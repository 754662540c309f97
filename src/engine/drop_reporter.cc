#include "engine/drop_reporter.h"

#include <algorithm>
#include <utility>

namespace cohort::engine {
namespace {

using security::Verdict;

// What it means and what to do; null: not worth an event.
const char* Advice(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMalformed:
      return "these are no packets of Cohort: something else sends to this address and port; if it "
             "goes on, give the group another multicast address or port";
    case Verdict::kWrongVersion:
      return "a member of another release: its packets cannot be read here; run releases that "
             "understand each other";
    case Verdict::kPlaintextMismatch:
      return "harmless if another group shares this multicast address; else give all members of "
             "the group the same key, or none";
    case Verdict::kForeignGroup:
      return "harmless if groups share this multicast address; if a member is missing, its group "
             "name or its key is another one: compare them";
    case Verdict::kUnknownKey:
      return "its sender uses a newer or older key of the group: give all members the same";
    case Verdict::kForged:
      return "somebody without the key pretends to be a member, or the network damages packets";
    case Verdict::kOk:
    case Verdict::kOwn:
    case Verdict::kUnknownView:
    case Verdict::kBadRank:
    case Verdict::kReplay:
    case Verdict::kStrangerLimit:
    case Verdict::kCount:
      break;
  }
  return nullptr;
}

}  // namespace

std::optional<DropReporter::Report> DropReporter::OnDrop(Instant now, Verdict verdict,
                                                         const Address& from) {
  const char* advice = Advice(verdict);
  if (advice == nullptr) return std::nullopt;
  Cause& cause = causes_[static_cast<size_t>(verdict)];
  ++cause.count;
  if (cause.next.has_value()) {
    if (now < *cause.next) return std::nullopt;
    cause.interval = std::min(2 * cause.interval, kDropEventIntervalMax);
  }
  cause.next = now + cause.interval;
  Report report;
  report.number = std::exchange(cause.count, 0);
  report.text = std::to_string(report.number) + (report.number == 1 ? " packet" : " packets") +
                ", the last from " + from.ToString() + ": " + security::ToString(verdict) + "; " +
                advice;
  return report;
}

}  // namespace cohort::engine
