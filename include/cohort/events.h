// Typed events: everything a member notices or decides, with cause and evidence. Logs, metrics, the
// console, the simulator's timeline and `cohort node --events json` are all fed from these.
#ifndef COHORT_EVENTS_H_
#define COHORT_EVENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cohort/export.h"
#include "cohort/ids.h"
#include "cohort/view.h"

namespace cohort {

enum class EventKind : uint8_t {
  kStarted,        // Sockets are open; text: addresses, interface and why it was chosen.
  kView,           // A view was installed; text: its members, and who is new or gone, and why.
                   // number: members.
  kSuspected,      // subject: whom; text: evidence. number: milliseconds of silence.
  kUnsuspected,    // It answered after all.
  kMulticastLost,  // Of subject nothing arrives by multicast, though it is heard; it sends unicast
                   // copies meanwhile. number: milliseconds since the last.
  kMulticastBack,  // What subject multicasts arrives again.
  kSelfDoubt,      // This member was stopped or cut off itself and accuses nobody.
  kExcluded,  // The group went on without this member; it comes back as a new member, carrying its
              // state.
  kHalted,    // No quorum (Policy::kPrimary): writes are refused until there is one.
  kResumed,   // The quorum is back.
  kJoining,   // Asked subject to let this member in.
  kRefused,   // A join was refused; text: why and what to do.
  kTransferStarted,  // State is coming from (or going to) subject.
  kTransferDone,     // number: bytes.
  kTransferFailed,   // text: why; the next donor is tried.
  kSynced,           // subject holds the whole state, its digest was compared.
  kMerging,          // A second side of this group was found; text: which one gives way.
  kMerged,    // Entries of the other side are merged. number: conflicts; text: report in short.
  kConflict,  // One key was written on both sides; key, and in text which version lost.
  kLeft,      // subject left.
  kDropped,   // Packets were dropped; text: cause; number: how many since the last such event. Rate
              // limited.
  kBackPressure,  // What this member sends had to wait for subject. number: milliseconds; told when
                  // it is over.
  kDegraded,      // Subject (perhaps this member) has been behind the others for 2 s. number:
                  // milliseconds.
  kCaughtUp,      // Subject is behind no more. number: milliseconds that it was behind at most.
  kSmallDatagrams,  // Large datagrams do not reach subject any more; small ones are sent. number:
                    // bytes of the large ones.
  kPlaintext,       // The group runs without encryption.
  kWarning,         // text says what is wrong and what to do.
};
COHORT_EXPORT const char* ToString(EventKind kind);

struct Event {
  EventKind kind = EventKind::kWarning;
  int64_t at_ns = 0;  // Steady clock of this process.
  ViewId view;        // Installed here when it happened; zero before the first.
  MemberId subject;   // Whom it is about, if anybody.
  std::string subject_name;
  std::string text;  // In words: what, why, evidence, what to do.
  std::string key;   // For kConflict.
  int64_t number = 0;
};

}  // namespace cohort

#endif  // COHORT_EVENTS_H_
