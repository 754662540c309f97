// What members and joiners say to one another over a lifeline, as values, and its form in bytes
// (proto/cohort/v1/join.proto). A lifeline proves who speaks, so nothing here is a replay.
//
// Limits: names and addresses as wire/limits.h, texts kAnswerTextMax bytes, at most
// kAncestorsMax ancestors. Decode returns nothing for bytes that
// break a limit or lack a part.
#ifndef COHORT_MEMBERSHIP_LIFELINE_MESSAGES_H_
#define COHORT_MEMBERSHIP_LIFELINE_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/types.h"
#include "cohort/view.h"
#include "membership/proposal.h"

namespace cohort::membership {

inline constexpr size_t kAnswerTextMax = 300;
inline constexpr size_t kAncestorsMax = 64;
inline constexpr size_t kWelcomeBytesMax = size_t{1} << 20;
inline constexpr uint64_t kViewNumMax = uint64_t{1} << 62;  // A greater one is a lie.

// Let me in, or (leave) let me go.
struct JoinRequest {
  std::string group;
  uint32_t level_min = 1;
  uint32_t level_max = 1;
  Policy policy = Policy::kAvailable;
  MemberInfo member;  // Its weight and synced are not sent: a joiner has neither.
  uint64_t last_num = 0;
  bool carries_state = false;
  ViewId came_from;      // Its last view, if it was a member before.
  bool merging = false;  // That view was ended so that its members come here.
  bool leave = false;
};

// Any answer to a JoinRequest that is not a Welcome.
struct JoinAnswer {
  enum class Kind : uint8_t { kPending = 1, kRedirect = 2, kRefused = 3 };
  Kind kind = Kind::kPending;
  uint32_t join_no = 0;
  Address address;     // kRedirect: whom to ask.
  std::string text;    // kRefused: why, and what to do.
  bool final = false;  // Asking again is of no use until somebody changes a configuration.
};

// A joiner that brings state, and the view in which it had it.
struct Carrier {
  MemberId member;
  ViewId came_from;
  bool operator==(const Carrier&) const = default;
};

// How a proposal tells the members that admit a carrier where it comes from: as the evidence of its
// ProposedChange. CarrierFrom() reads it back; nothing when it is another kind of evidence.
std::string CarrierEvidence(const ViewId& came_from);
std::optional<ViewId> CarrierFrom(const std::string& evidence);

// You are in.
struct Welcome {
  ProposalRef proposal;
  uint64_t group_time_ms = 0;
  std::vector<ViewId> ancestors;  // Views before proposal->previous, newest first.
};

// Between two sides of a group.
struct MergeMessage {
  enum class Kind : uint8_t {
    kRequest = 1,    // May my side join yours?
    kOk = 2,         // Yes, and mine stays where it is for two seconds.
    kNo = 3,         // `text` says why; asked again it may say otherwise.
    kDescent = 4,    // Does your view descend from mine?
    kDescends = 5,   // It does, and goes on.
    kUnrelated = 6,  // It does not, and never will.
  };
  Kind kind = Kind::kRequest;
  std::string group;
  ViewId view;      // The sender's.
  ViewId target;    // The receiver's, as far as the sender knows.
  MemberId member;  // The sender.
  Address address;  // The sender's.
  uint32_t members = 0;
  uint32_t weight = 0;
  bool primary = false;
  std::string text;
};

Buffer Encode(const JoinRequest& request);
Buffer Encode(const JoinAnswer& answer);
Buffer Encode(const Welcome& welcome);
Buffer Encode(const MergeMessage& message);
std::optional<JoinRequest> DecodeJoinRequest(Bytes body);
std::optional<JoinAnswer> DecodeJoinAnswer(Bytes body);
std::optional<Welcome> DecodeWelcome(Bytes body);
std::optional<MergeMessage> DecodeMergeMessage(Bytes body);

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_LIFELINE_MESSAGES_H_
