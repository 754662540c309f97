#include "security/verdict.h"

namespace cohort::security {

const char* ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kOwn:
      return "own packet";
    case Verdict::kMalformed:
      return "malformed packet";
    case Verdict::kWrongVersion:
      return "another wire version";
    case Verdict::kPlaintextMismatch:
      return "one side encrypts, the other does not";
    case Verdict::kForeignGroup:
      return "another group or another key";
    case Verdict::kUnknownKey:
      return "unknown key slot";
    case Verdict::kUnknownView:
      return "unknown view";
    case Verdict::kBadRank:
      return "no such member in that view";
    case Verdict::kReplay:
      return "replayed packet";
    case Verdict::kStrangerLimit:
      return "too many packets of strangers";
    case Verdict::kForged:
      return "forged packet";
    case Verdict::kCount:
      break;
  }
  return "?";
}

}  // namespace cohort::security
