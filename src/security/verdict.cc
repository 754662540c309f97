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

const char* CounterName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kOwn:
      return "own";
    case Verdict::kMalformed:
      return "malformed";
    case Verdict::kWrongVersion:
      return "wrong_version";
    case Verdict::kPlaintextMismatch:
      return "plaintext_mismatch";
    case Verdict::kForeignGroup:
      return "foreign_group";
    case Verdict::kUnknownKey:
      return "unknown_key";
    case Verdict::kUnknownView:
      return "unknown_view";
    case Verdict::kBadRank:
      return "bad_rank";
    case Verdict::kReplay:
      return "replay";
    case Verdict::kStrangerLimit:
      return "stranger_limit";
    case Verdict::kForged:
      return "forged";
    case Verdict::kCount:
      break;
  }
  return "unknown";
}

}  // namespace cohort::security
