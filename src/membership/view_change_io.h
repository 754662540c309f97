// What a ViewChange is told and what it answers: plain values.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_IO_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_IO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/types.h"
#include "membership/ballot.h"
#include "membership/proposal.h"
#include "membership/rank_set.h"
#include "membership/view_change_message.h"

namespace cohort::membership {

// Holders named for one sender in a PROPOSE or a fetch; more would only make the message larger.
inline constexpr size_t kHoldersMax = 8;
// So often at least a silent member is asked within the time after which it is judged mute: with a
// tenth of all packets lost, once in 4 * 10^8 times every question or answer is.
inline constexpr int64_t kAsksPerStall = 12;

struct ViewChangeOptions {
  Policy policy = Policy::kAvailable;
  // Wait before a view change begins on evidence that may be followed by more of its kind. Too
  // short: a failed switch costs one view per member. Too long: adds to every failover that
  // evidence by silence begins.
  Duration start_delay = milliseconds(20);
  // Silent members are asked again after max(2 round trips, resend_min), doubling to resend_max.
  Duration resend_min = milliseconds(5);
  Duration resend_max = milliseconds(50);
  // A member that answers no view change for this long, though it is heard, is convicted by the
  // coordinator; the others lose patience with a coordinator after one and a half times as long.
  // Too short: long fetches look stalled.
  Duration stall_base = milliseconds(250);
  Duration stall_per_member = milliseconds(2);
  // INSTALL carries the proposal in views up to this size; in larger ones it is fetched by who
  // lacks it.
  size_t install_body_members_max = 16;
};

// The moment an input arrives in: what time it is, what the data plane holds, and where randomness
// comes from.
struct Turn {
  Instant now;
  const std::vector<SeqNo>&
      received;  // rmcast.Received() at this very moment: contiguous, by rank of view().
  Random& random;
  // This member holds the whole replicated state. From a wedge to the end of the view it stays what
  // it was at the wedge.
  bool synced = false;
  // This process did not run lately, so that others may have reason to go on without it.
  bool was_stopped = false;
};

struct JoinerInfo {
  MemberInfo info;
  ViewCause cause = ViewCause::kJoined;
  std::string evidence;
};

struct PendingChanges {
  std::vector<JoinerInfo> joiners;  // By the order they shall have in the view.
  RankSet leavers;
  std::vector<MemberInfo> updates;  // New weight, synced flag or address of members that stay.
  uint64_t number_min = 0;          // Highest view number any joiner has seen.
  uint32_t key_epoch = 0;           // 0: as now.
  uint32_t flags = 0;
  std::optional<Terminal> terminal;
  std::optional<MemberId> tie_breaker;  // Unset: as now.
  bool IsEmpty() const {
    return joiners.empty() && leavers.empty() && updates.empty() && key_epoch == 0 && !terminal &&
           !tie_breaker;
  }
};

struct ViewChangeOutput {
  struct Outgoing {
    Rank to = kAllRanks;  // A rank of the view that ends, or kAllRanks: all of it but this member.
    VcMessage message;
  };
  struct Fetch {
    std::vector<SeqNo> trim;  // Get everything up to here ...
    std::vector<std::vector<Rank>>
        holders;  // ... by sender, from these; empty where nothing is missing.
  };
  std::vector<Outgoing> messages;
  bool wedge = false;  // Stop sending, delivering and acknowledging, before `messages` leave.
  std::optional<Fetch> fetch;  // Replaces the fetch asked for before.
  ProposalRef install;  // Decided, includes this member, and complete: deliver up to the trim, then
                        // install.
  std::optional<ViewId>
      gone;              // Decided, and does not include this member: it left, or was excluded.
  bool halted = false;   // Edge: the quorum was lost ...
  bool resumed = false;  // ... or came back.
  std::vector<Conviction> convicted;  // New here, learnt from others or found by this layer itself.
};

struct ViewChangeStats {
  uint64_t ballots = 0;      // Started here.
  uint64_t invalid = 0;      // Messages that cannot be true, dropped.
  uint64_t stale = 0;        // About another view.
  uint64_t refused = 0;      // NACKs sent.
  uint64_t abandoned = 0;    // Ballots given up because their trim could not be had.
  uint64_t passed_over = 0;  // Ballots started for want of patience with another coordinator.
};

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_IO_H_
