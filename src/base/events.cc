#include "cohort/events.h"

namespace cohort {

const char* ToString(EventKind kind) {
  switch (kind) {
    case EventKind::kStarted:
      return "started";
    case EventKind::kView:
      return "view";
    case EventKind::kSuspected:
      return "suspected";
    case EventKind::kUnsuspected:
      return "unsuspected";
    case EventKind::kMulticastLost:
      return "multicast_lost";
    case EventKind::kMulticastBack:
      return "multicast_back";
    case EventKind::kSelfDoubt:
      return "self_doubt";
    case EventKind::kExcluded:
      return "excluded";
    case EventKind::kHalted:
      return "halted";
    case EventKind::kResumed:
      return "resumed";
    case EventKind::kJoining:
      return "joining";
    case EventKind::kRefused:
      return "refused";
    case EventKind::kTransferStarted:
      return "transfer_started";
    case EventKind::kTransferDone:
      return "transfer_done";
    case EventKind::kTransferFailed:
      return "transfer_failed";
    case EventKind::kSynced:
      return "synced";
    case EventKind::kMerging:
      return "merging";
    case EventKind::kMerged:
      return "merged";
    case EventKind::kConflict:
      return "conflict";
    case EventKind::kLeft:
      return "left";
    case EventKind::kDropped:
      return "dropped";
    case EventKind::kBackPressure:
      return "back_pressure";
    case EventKind::kDegraded:
      return "degraded";
    case EventKind::kCaughtUp:
      return "caught_up";
    case EventKind::kSmallDatagrams:
      return "small_datagrams";
    case EventKind::kPlaintext:
      return "plaintext";
    case EventKind::kWarning:
      return "warning";
  }
  return "?";
}

}  // namespace cohort
