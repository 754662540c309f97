#include "tests/explorer/words.h"

#include <variant>

#include "tests/explorer/local_model.h"

namespace cohort::explorer {
namespace {

using membership::Conviction;
using membership::StateBytes;

std::string Text(Ballot ballot) {
  return "(" + std::to_string(ballot.round) + "," + std::to_string(ballot.rank) + ")";
}
std::string Text(const std::vector<SeqNo>& numbers) {
  std::string text = "[";
  for (SeqNo number : numbers) text += (text.size() > 1 ? " " : "") + std::to_string(number);
  return text + "]";
}
std::string Text(const std::vector<Conviction>& convicted) {
  std::string text = "{";
  for (const Conviction& c : convicted)
    text += (text.size() > 1 ? " " : "") + std::to_string(c.rank);
  return text + "}";
}

struct InWords {
  std::string operator()(const Prepare& m) const {
    return "PREPARE" + Text(m.ballot) + " S=" + Text(m.convicted);
  }
  std::string operator()(const State& m) const {
    std::string text =
        "STATE" + Text(m.ballot) + " holds " + Text(m.received) + " S=" + Text(m.convicted);
    if (m.accepted)
      text += " accepted " + Text(m.accepted->ballot) + Describe(m.accepted->proposal);
    return text;
  }
  std::string operator()(const Propose& m) const {
    return "PROPOSE" + Text(m.ballot) + Describe(m.proposal);
  }
  std::string operator()(const Ready& m) const { return "READY" + Text(m.ballot); }
  std::string operator()(const Install& m) const {
    return "INSTALL" + Text(m.ballot) + Describe(m.proposal);
  }
  std::string operator()(const Nack& m) const {
    return "NACK" + Text(m.ballot) + " promised " + Text(m.promised) +
           (m.convicted ? " convicted" : "");
  }
  std::string operator()(const membership::Gone&) const { return "GONE"; }
  std::string operator()(const membership::FetchProposal&) const { return "FETCH_P"; }
};

struct AsKey {
  StateBytes& bytes;
  void operator()(const Prepare& m) const {
    bytes.Add(m.ballot);
    bytes.Add(m.convicted);
  }
  void operator()(const State& m) const {
    bytes.Add(m.ballot);
    bytes.Add(m.received);
    bytes.Add(m.accepted);
    bytes.Add(m.convicted);
  }
  void operator()(const Propose& m) const { bytes.Add(m); }
  void operator()(const Ready& m) const { bytes.Add(m.ballot); }
  void operator()(const Install& m) const { bytes.Add(m); }
  void operator()(const Nack& m) const {
    bytes.Add(m.ballot);
    bytes.Add(m.promised);
    bytes.Add(m.convicted);
  }
  void operator()(const membership::Gone& m) const {
    bytes.Add(m.next.num);
    bytes.Add(m.next.cid);
  }
  void operator()(const membership::FetchProposal& m) const {
    bytes.Add(m.next.num);
    bytes.Add(m.next.cid);
  }
};

struct ItsBallot {
  template <class Body>
  Ballot operator()(const Body& body) const {
    if constexpr (requires { body.ballot; }) return body.ballot;
    return {};
  }
};

}  // namespace

Ballot BallotOf(const VcMessage& message) { return std::visit(ItsBallot{}, message.body); }

void WriteKey(const Message& message, std::string& key) {
  StateBytes bytes(key);
  bytes.Add(message.kind);
  bytes.Add(message.from);
  bytes.Add(message.to);
  if (message.kind == Message::Kind::kTraffic) {
    bytes.Add(message.next.num);
    bytes.Add(message.next.cid);
  } else if (message.kind == Message::Kind::kRepair) {
    bytes.Add(message.origin);
    bytes.Add(message.upto);
  } else {
    bytes.Add(message.content.body.index());
    std::visit(AsKey{bytes}, message.content.body);
  }
}

std::string Describe(const ProposalRef& proposal) {
  if (proposal == nullptr) return " <no body>";
  std::string text = " P" + std::to_string(proposal->next.num) + "." +
                     std::to_string(proposal->next.cid % 997) + "{";
  for (const MemberInfo& member : proposal->members) {
    text += member.name + (member.id.join_no > 1 ? "'" : "");
  }
  return text + "}T=" + Text(proposal->trim);
}

std::string Describe(const Message& message) {
  const std::string who = std::to_string(message.from) + "->" + std::to_string(message.to) + " ";
  switch (message.kind) {
    case Message::Kind::kTraffic:
      return who + "a packet of the next view";
    case Message::Kind::kRepair:
      return "->" + std::to_string(message.to) + " chunk " + std::to_string(message.upto) + " of " +
             std::to_string(message.origin) + ", by a holder";
    case Message::Kind::kViewChange:
      break;
  }
  return who + std::visit(InWords{}, message.content.body);
}

}  // namespace cohort::explorer
