#include "cohort/view.h"

namespace cohort {

const char* ToString(ViewCause cause) {
  switch (cause) {
    case ViewCause::kFormed:
      return "formed";
    case ViewCause::kJoined:
      return "joined";
    case ViewCause::kLeft:
      return "left";
    case ViewCause::kCrashed:
      return "crashed";
    case ViewCause::kSilent:
      return "silent";
    case ViewCause::kStalled:
      return "stalled";
    case ViewCause::kBadLink:
      return "bad_link";
    case ViewCause::kSlow:
      return "slow";
    case ViewCause::kReplaced:
      return "replaced";
    case ViewCause::kMerged:
      return "merged";
    case ViewCause::kSynced:
      return "synced";
  }
  return "?";
}

const char* ToString(Policy policy) {
  switch (policy) {
    case Policy::kAvailable:
      return "available";
    case Policy::kPrimary:
      return "primary";
  }
  return "?";
}

}  // namespace cohort
