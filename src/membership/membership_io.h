// What Membership is told and what it answers: plain values.
#ifndef COHORT_MEMBERSHIP_MEMBERSHIP_IO_H_
#define COHORT_MEMBERSHIP_MEMBERSHIP_IO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/types.h"
#include "cohort/events.h"
#include "cohort/view.h"
#include "membership/lifeline_messages.h"
#include "membership/view_change_io.h"
#include "wire/frames.h"
#include "wire/limits.h"
#include "wire/stream_message.h"

namespace cohort::membership {

struct MembershipOptions {
  std::string group;
  Policy policy = Policy::kAvailable;
  bool bootstrap = false;        // Policy::kPrimary: may begin the group alone.
  uint32_t initial_members = 0;  // Policy::kPrimary: may begin it once discovery heard so many.
  std::string tie_breaker;       // Name of the member whose side wins when a view splits in halves.
  size_t members_max = wire::kMembersMax;
  // A newcomer that was welcomed and not heard for so long is dropped: until then whatever waits
  // for all members waits for it. Too short: a loaded host is sent away while it installs, and one
  // whose welcome TCP had to repeat (200 ms for the first lost segment, 600 ms for two in a row).
  Duration newcomer_heard_within = seconds(1);
  ViewChangeOptions view_change;
};

// The other end of a lifeline, as its handshake proved it.
struct LifelinePeer {
  InstanceId instance;
  Address address;  // Where it listens.
};

// `body` of a message to whoever listens at `to`. The engine dials unless there is a lifeline to
// that address already, and says OnLifelineDown when it cannot be reached or the lifeline ends.
struct LifelineMessage {
  Address to;
  wire::StreamMessage type = wire::StreamMessage::kJoin;
  Buffer body;
};

// Tells discovery to search. Given again, to search anew.
struct SearchOrder {
  MemberId self;
  bool carries_state = false;
  bool may_form = false;
};

// A view is installed. The engine first hands up what belongs to the view that ends
// (rmcast.ReleaseTo, order.CloseView), unless `fresh`, and then begins the new one in every layer.
struct Installation {
  ProposalRef proposal;
  View view;  // For the public API.
  Rank self = 0;
  bool fresh = false;     // Joined or formed: nothing of an earlier view is continued.
  bool formed = false;    // Fresh, and the first of its group: there is nobody to fetch state from.
  bool terminal = false;  // Nothing is sent in this view: its members join another side next.
  uint64_t group_time_ms = 0;     // Of the group's clock, now, if fresh and not formed.
  std::vector<Carrier> carriers;  // Members new in this view that bring state, and of which view.
};

struct MembershipOutput {
  // Of the view that is current before `installation`, and to be sealed before it is applied.
  // `previous_view`: of the one before. While this process is in no view, the view it was in last
  // counts as current.
  std::vector<wire::OutFrame> frames;
  std::vector<LifelineMessage> lifelines;
  std::vector<Address> hang_up;  // Lifelines this layer needs no more (others may).
  bool wedge = false;            // Before `frames` leave.
  std::optional<ViewChangeOutput::Fetch> fetch;
  std::optional<Installation> installation;  // At most one per call.
  std::vector<Conviction> convicted;         // New: ranks of the view before `installation`.
  // Ranks alike. These have gone to a view that does not follow from this one, or are processes
  // that another one has replaced: they will not be heard in this view again.
  std::vector<Rank> parted;
  // Ranks alike. Another process, or a later attempt of the same one, has asked to join from their
  // address.
  std::vector<Rank> replaced;
  std::optional<SearchOrder> search;
  bool excluded =
      false;  // The view is over for this member: pending operations have an unknown outcome.
  bool halted = false;
  bool resumed = false;
  bool left = false;  // The engine may stop.
  std::vector<Event> events;
};

struct MembershipStats {
  uint64_t malformed = 0;       // Messages that did not decode.
  uint64_t not_expected = 0;    // Decoded, but from somebody or at a time that makes no sense.
  uint64_t joins_asked = 0;     // By this process.
  uint64_t joins_admitted = 0;  // By this process as coordinator.
  uint64_t joins_refused = 0;
  uint64_t joiners_lost = 0;  // Welcomed and never heard.
  uint64_t exclusions = 0;
  uint64_t merges_asked = 0;
  uint64_t merges_granted = 0;
  uint64_t views = 0;  // Installed here.
};

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_MEMBERSHIP_IO_H_
