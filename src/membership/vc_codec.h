// View-change messages to and from bytes (proto/cohort/v1/membership.proto).
//
// A message that decodes is well formed: lists are within their limits, numbers fit their types,
// names and evidence are short enough. Whether ranks exist and ballots make sense is ViewChange's
// to judge. Spec: docs/protocol.md, 4.48. Threads: pure functions, callable from anywhere.
#ifndef COHORT_MEMBERSHIP_VC_CODEC_H_
#define COHORT_MEMBERSHIP_VC_CODEC_H_

#include <cstddef>
#include <optional>

#include "base/buffer.h"
#include "membership/proposal.h"
#include "membership/view_change_message.h"

namespace cohort::membership {

// A view of wire::kMembersMax members with the longest names fits four times.
inline constexpr size_t kVcMessageMax = size_t{1} << 20;

Buffer EncodeVcMessage(const VcMessage& message);
// Empty for anything malformed, oversized or beyond a limit.
std::optional<VcMessage> DecodeVcMessage(Bytes bytes);

// A proposal by itself, as a WELCOME carries it.
Buffer EncodeProposal(const Proposal& proposal);
ProposalRef DecodeProposal(Bytes bytes);  // Null for anything malformed.

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VC_CODEC_H_
