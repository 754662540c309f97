#include "membership/vc_codec.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cohort/v1/membership.pb.h"
#include "wire/limits.h"

namespace cohort::membership {
namespace {

constexpr int kRecursionMax = 8;

void Put(const ViewId& id, v1::VcView* out) {
  out->set_num(id.num);
  out->set_cid(id.cid);
}
void Put(Ballot ballot, v1::VcBallot* out) {
  out->set_round(ballot.round);
  out->set_rank(ballot.rank);
}
void Put(const MemberId& id, v1::VcMemberId* out) {
  out->set_instance_hi(id.instance.hi);
  out->set_instance_lo(id.instance.lo);
  out->set_join_no(id.join_no);
}
std::string IpBytes(const Address& address) {
  const size_t size = address.family == 4 ? 4 : address.family == 6 ? 16 : 0;
  return std::string(reinterpret_cast<const char*>(address.ip.data()), size);
}
void Put(const MemberInfo& member, v1::VcMember* out) {
  Put(member.id, out->mutable_id());
  out->set_name(member.name);
  out->set_ip(IpBytes(member.address));
  out->set_port(member.address.port);
  out->set_weight(member.weight);
  out->set_synced(member.synced);
  out->set_incarnation(member.incarnation);
  out->set_without_data(member.without_data);
  out->set_votes(member.votes);
}
void Put(const ProposedChange& change, v1::VcChange* out) {
  Put(change.member, out->mutable_member());
  out->set_cause(static_cast<uint32_t>(change.cause));
  out->set_evidence(change.evidence.substr(0, kEvidenceMax));
}
void Put(const Conviction& conviction, v1::VcConviction* out) {
  out->set_rank(conviction.rank);
  out->set_cause(static_cast<uint32_t>(conviction.cause));
  out->set_evidence(conviction.evidence.substr(0, kEvidenceMax));
}
void Put(const Proposal& proposal, v1::VcProposal* out) {
  Put(proposal.previous, out->mutable_previous());
  Put(proposal.next, out->mutable_next());
  for (const MemberInfo& member : proposal.members) Put(member, out->add_members());
  out->mutable_trim()->Add(proposal.trim.begin(), proposal.trim.end());
  for (const ProposedChange& change : proposal.joined) Put(change, out->add_joined());
  for (const ProposedChange& change : proposal.left) Put(change, out->add_left());
  out->set_key_epoch(proposal.key_epoch);
  out->set_flags(proposal.flags);
  Put(proposal.tie_breaker, out->mutable_tie_breaker());
  out->set_primary(proposal.primary);
  if (!proposal.terminal) return;
  v1::VcTerminal* terminal = out->mutable_terminal();
  Put(proposal.terminal->view, terminal->mutable_view());
  Put(proposal.terminal->coordinator, terminal->mutable_coordinator());
  terminal->set_ip(IpBytes(proposal.terminal->address));
  terminal->set_port(proposal.terminal->address.port);
}

struct PutBody {
  v1::VcMessage& out;
  void operator()(const Prepare& m) const {
    Put(m.ballot, out.mutable_prepare()->mutable_ballot());
    for (const Conviction& c : m.convicted) Put(c, out.mutable_prepare()->add_convicted());
  }
  void operator()(const State& m) const {
    v1::VcState* state = out.mutable_state();
    Put(m.ballot, state->mutable_ballot());
    state->mutable_received()->Add(m.received.begin(), m.received.end());
    for (const Conviction& c : m.convicted) Put(c, state->add_convicted());
    state->set_synced(m.synced);
    if (!m.accepted) return;
    Put(m.accepted->ballot, state->mutable_accepted_ballot());
    Put(*m.accepted->proposal, state->mutable_accepted());
  }
  void operator()(const Propose& m) const {
    v1::VcPropose* propose = out.mutable_propose();
    Put(m.ballot, propose->mutable_ballot());
    Put(*m.proposal, propose->mutable_proposal());
    for (const std::vector<Rank>& holders : m.holders) {
      propose->add_holders()->mutable_ranks()->Add(holders.begin(), holders.end());
    }
  }
  void operator()(const Ready& m) const { Put(m.ballot, out.mutable_ready()->mutable_ballot()); }
  void operator()(const Install& m) const {
    Put(m.ballot, out.mutable_install()->mutable_ballot());
    Put(m.next, out.mutable_install()->mutable_next());
    if (m.proposal != nullptr) Put(*m.proposal, out.mutable_install()->mutable_proposal());
  }
  void operator()(const Nack& m) const {
    Put(m.ballot, out.mutable_nack()->mutable_ballot());
    Put(m.promised, out.mutable_nack()->mutable_promised());
    out.mutable_nack()->set_convicted(m.convicted);
  }
  void operator()(const Gone& m) const { Put(m.next, out.mutable_gone()->mutable_next()); }
  void operator()(const FetchProposal& m) const {
    Put(m.next, out.mutable_fetch_proposal()->mutable_next());
  }
};

// Reads checked values out of a parsed message; `ok` turns false at the first one that cannot be.
class Reader {
 public:
  bool ok = true;

  ViewId Take(const v1::VcView& in) { return {in.num(), in.cid()}; }
  Ballot Take(const v1::VcBallot& in) { return {in.round(), TakeRank(in.rank())}; }
  MemberId Take(const v1::VcMemberId& in) {
    return {InstanceId{in.instance_hi(), in.instance_lo()}, in.join_no()};
  }
  MemberInfo Take(const v1::VcMember& in) {
    ok = ok && in.name().size() <= wire::kMemberNameMax;
    return {Take(in.id()),
            in.name(),
            TakeAddress(in.ip(), in.port()),
            in.weight(),
            in.synced(),
            in.incarnation(),
            in.without_data(),
            in.votes() || !in.without_data()};
  }
  ProposedChange Take(const v1::VcChange& in) {
    return {Take(in.member()), TakeCause(in.cause()), TakeEvidence(in.evidence())};
  }
  Conviction Take(const v1::VcConviction& in) {
    return {TakeRank(in.rank()), TakeCause(in.cause()), TakeEvidence(in.evidence())};
  }
  template <class Out, class List>
  std::vector<Out> TakeList(const List& in) {
    std::vector<Out> out;
    ok = ok && static_cast<size_t>(in.size()) <= wire::kMembersMax;
    if (!ok) return out;
    out.reserve(static_cast<size_t>(in.size()));
    for (const auto& one : in) out.push_back(Take(one));
    return out;
  }
  template <class List>
  std::vector<SeqNo> TakeNumbers(const List& in) {
    ok = ok && static_cast<size_t>(in.size()) <= wire::kMembersMax &&
         std::all_of(in.begin(), in.end(), [](uint64_t number) { return number <= kSeqNoMax; });
    return ok ? std::vector<SeqNo>(in.begin(), in.end()) : std::vector<SeqNo>();
  }
  std::vector<Rank> Take(const v1::VcRanks& in) {
    std::vector<Rank> ranks;
    ok = ok && static_cast<size_t>(in.ranks_size()) <= wire::kMembersMax;
    for (int i = 0; ok && i < in.ranks_size(); ++i) ranks.push_back(TakeRank(in.ranks(i)));
    return ranks;
  }
  ProposalRef Take(const v1::VcProposal& in) {
    auto proposal = std::make_shared<Proposal>();
    proposal->previous = Take(in.previous());
    proposal->next = Take(in.next());
    proposal->members = TakeList<MemberInfo>(in.members());
    proposal->trim = TakeNumbers(in.trim());
    proposal->joined = TakeList<ProposedChange>(in.joined());
    proposal->left = TakeList<ProposedChange>(in.left());
    proposal->key_epoch = in.key_epoch();
    proposal->flags = in.flags();
    proposal->tie_breaker = Take(in.tie_breaker());
    proposal->primary = in.primary();
    if (in.has_terminal()) {
      const v1::VcTerminal& terminal = in.terminal();
      proposal->terminal = Terminal{Take(terminal.view()), Take(terminal.coordinator()),
                                    TakeAddress(terminal.ip(), terminal.port())};
    }
    return proposal;
  }
  decltype(VcMessage::body) TakeBody(const v1::VcMessage& in) {
    switch (in.body_case()) {
      case v1::VcMessage::kPrepare:
        return Prepare{Take(in.prepare().ballot()), TakeList<Conviction>(in.prepare().convicted())};
      case v1::VcMessage::kState:
        return TakeState(in.state());
      case v1::VcMessage::kPropose:
        ok = ok && in.propose().has_proposal();
        return Propose{Take(in.propose().ballot()), Take(in.propose().proposal()),
                       TakeList<std::vector<Rank>>(in.propose().holders())};
      case v1::VcMessage::kReady:
        return Ready{Take(in.ready().ballot())};
      case v1::VcMessage::kInstall:
        return Install{Take(in.install().ballot()), Take(in.install().next()),
                       in.install().has_proposal() ? Take(in.install().proposal()) : nullptr};
      case v1::VcMessage::kNack:
        return Nack{Take(in.nack().ballot()), Take(in.nack().promised()), in.nack().convicted()};
      case v1::VcMessage::kGone:
        return Gone{Take(in.gone().next())};
      case v1::VcMessage::kFetchProposal:
        return FetchProposal{Take(in.fetch_proposal().next())};
      case v1::VcMessage::BODY_NOT_SET:
        break;
    }
    ok = false;
    return Gone{};
  }

 private:
  State TakeState(const v1::VcState& in) {
    State state;
    state.ballot = Take(in.ballot());
    state.received = TakeNumbers(in.received());
    state.convicted = TakeList<Conviction>(in.convicted());
    state.synced = in.synced();
    ok = ok && in.has_accepted() == in.has_accepted_ballot();
    if (in.has_accepted())
      state.accepted = Accepted{Take(in.accepted_ballot()), Take(in.accepted())};
    return state;
  }
  Rank TakeRank(uint32_t rank) {
    ok = ok && rank < wire::kMembersMax;
    return static_cast<Rank>(rank);
  }
  ViewCause TakeCause(uint32_t cause) {
    ok = ok && cause <= static_cast<uint32_t>(ViewCause::kSynced);
    return ok ? static_cast<ViewCause>(cause) : ViewCause::kSilent;
  }
  std::string TakeEvidence(const std::string& text) {
    ok = ok && text.size() <= kEvidenceMax;
    return text;
  }
  Address TakeAddress(const std::string& ip, uint32_t port) {
    Address address;
    ok = ok && (ip.empty() || ip.size() == 4 || ip.size() == 16) && port <= UINT16_MAX;
    if (!ok || ip.empty()) return address;
    std::copy(ip.begin(), ip.end(), reinterpret_cast<char*>(address.ip.data()));
    address.family = ip.size() == 4 ? 4 : 6;
    address.port = static_cast<uint16_t>(port);
    return address;
  }
};

template <class Message>
Buffer Serialize(const Message& message) {
  Buffer bytes = Buffer::Allocate(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(bytes.Fill().data()));
  return bytes;
}

template <class Message>
bool Parse(Bytes bytes, Message& message) {
  if (bytes.size() > kVcMessageMax) return false;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  input.SetRecursionLimit(kRecursionMax);
  return message.ParseFromCodedStream(&input) && input.ConsumedEntireMessage();
}

}  // namespace

Buffer EncodeVcMessage(const VcMessage& message) {
  v1::VcMessage out;
  Put(message.view, out.mutable_view());
  std::visit(PutBody{out}, message.body);
  return Serialize(out);
}

std::optional<VcMessage> DecodeVcMessage(Bytes bytes) {
  v1::VcMessage in;
  if (!Parse(bytes, in)) return std::nullopt;
  Reader reader;
  VcMessage message{reader.Take(in.view()), reader.TakeBody(in)};
  if (!reader.ok) return std::nullopt;
  return message;
}

Buffer EncodeProposal(const Proposal& proposal) {
  v1::VcProposal out;
  Put(proposal, &out);
  return Serialize(out);
}

ProposalRef DecodeProposal(Bytes bytes) {
  v1::VcProposal in;
  if (!Parse(bytes, in)) return nullptr;
  Reader reader;
  ProposalRef proposal = reader.Take(in);
  return reader.ok ? proposal : nullptr;
}

}  // namespace cohort::membership
