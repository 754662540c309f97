#include "sim/sometimes.h"

namespace cohort::sim {
namespace {

const char* NameOf(EventKind kind) {
  switch (kind) {
    case EventKind::kSuspected:
      return "suspicions";
    case EventKind::kUnsuspected:
      return "suspicions withdrawn";
    case EventKind::kSelfDoubt:
      return "self-doubts";
    case EventKind::kRefused:
      return "joins refused";
    case EventKind::kTransferDone:
      return "transfers done";
    case EventKind::kTransferFailed:
      return "transfers interrupted";
    case EventKind::kMerging:
      return "merges begun";
    case EventKind::kMerged:
      return "merges";
    case EventKind::kConflict:
      return "conflicts";
    case EventKind::kLeft:
      return "leaves";
    case EventKind::kBackPressure:
      return "back-pressures";
    case EventKind::kSmallDatagrams:
      return "falls back to small datagrams";
    default:
      return nullptr;
  }
}

const char* NameOf(const TraceRecord& record) {
  switch (record.kind) {
    case TraceKind::kViewInstalled:
      return "views installed";
    case TraceKind::kConvicted:
      return "convictions";
    case TraceKind::kExcluded:
      return "exclusions";
    case TraceKind::kHalted:
      return "halts";
    case TraceKind::kResumed:
      return "resumptions";
    case TraceKind::kRepaired:
      return "repairs";
    case TraceKind::kSynced:
      return "syncs";
    case TraceKind::kChunkDelivered:
      return record.transitional ? "SAFE deliveries that were transitional" : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

uint64_t Sometimes::Of(const std::string& name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

void Sometimes::OnTrace(const Moment& moment, const TraceRecord& record) {
  if (const char* name = NameOf(record)) ++counts_[name];
  switch (record.kind) {
    case TraceKind::kWedged:
      processes_[moment.process].wedged = true;
      processes_[moment.process].wedged_amid_parts = processes_[moment.process].holds_parts;
      return;
    case TraceKind::kPromised:
      if (record.ballot_round > 1) ++counts_["second ballots"];
      return;
    case TraceKind::kBuffers:
      if (record.text == "parts of large messages") {
        processes_[moment.process].holds_parts = record.number > 0;
        if (record.number > 0) ++counts_["parts of large messages held"];
      }
      return;
    case TraceKind::kViewInstalled: {
      if (processes_[moment.process].wedged_amid_parts) ++counts_["views amid large messages"];
      ProcessState& process = processes_[moment.process];
      process = {record.origin, false, process.synced, true, process.holds_parts, false};
      return;
    }
    case TraceKind::kSynced:
      processes_[moment.process].synced = true;
      return;
    default:
      return;
  }
}

void Sometimes::OnUpcall(const Moment&, const engine::Upcall& upcall) {
  if (const auto* event = std::get_if<engine::EventUpcall>(&upcall)) {
    if (const char* name = NameOf(event->event.kind)) ++counts_[name];
    const std::string& text = event->event.text;
    const auto says = [&](std::string_view what) { return text.find(what) != std::string::npos; };
    if (event->event.kind == EventKind::kTransferDone) {
      if (says("here already")) ++counts_["transfers that spared what was here"];
      if (says("sent some of it")) ++counts_["transfers by several members"];
    } else if (event->event.kind == EventKind::kTransferFailed) {
      if (says("the donor went away") || says("the donor left"))
        ++counts_["donors lost amid a transfer"];
    }
  } else if (const auto* change = std::get_if<engine::ChangeUpcall>(&upcall)) {
    if (change->cause == engine::ChangeUpcall::Cause::kEvict) ++counts_["evictions"];
  } else if (const auto* done = std::get_if<engine::DoneUpcall>(&upcall)) {
    ++counts_[done->status.ok() ? "commands done" : "commands failed"];
  }
}

void Sometimes::OnProcess(const Moment& moment, ProcessChange change) {
  if (change == ProcessChange::kCrashed || change == ProcessChange::kPowerLost) {
    const ProcessState& process = processes_[moment.process];
    ++counts_["crashes"];
    if (process.wedged) ++counts_["crashes in a view change"];
    if (process.wedged && process.rank == 0) ++counts_["coordinator crashes in a view change"];
    if (process.installed && !process.synced && process.rank != 0) {
      ++counts_["crashes while not synced"];
    }
  } else if (change == ProcessChange::kPaused) {
    ++counts_["pauses"];
  }
}

std::vector<std::string> Sometimes::Wanted(Policy policy) {
  std::vector<std::string> wanted = {"coordinator crashes in a view change",
                                     "crashes",
                                     "evictions",
                                     "leaves",
                                     "pauses",
                                     "repairs",
                                     "second ballots",
                                     "suspicions",
                                     "transfers done",
                                     "transfers by several members",
                                     "transfers that spared what was here",
                                     "donors lost amid a transfer",
                                     "views amid large messages"};
  if (policy == Policy::kPrimary) {
    wanted.insert(wanted.end(), {"exclusions", "halts", "resumptions"});
  } else {
    wanted.insert(wanted.end(), {"merges", "conflicts"});
  }
  return wanted;
}

}  // namespace cohort::sim
