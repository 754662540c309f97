// One member as the explorer sees it: the production ViewChange, and a data plane of counters.
// States and messages are interned: a step of a member depends on its own state and its input only,
// so it is computed once and looked up ever after. That, not a faster model, is what makes
// exploring the production code affordable.
#ifndef COHORT_TESTS_EXPLORER_LOCAL_MODEL_H_
#define COHORT_TESTS_EXPLORER_LOCAL_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "membership/view_change.h"
#include "membership/view_change_impl.h"
#include "tests/explorer/config.h"
#include "tests/explorer/words.h"

namespace cohort::explorer {

using membership::Ballot;
using membership::Install;
using membership::Nack;
using membership::Prepare;
using membership::Proposal;
using membership::ProposalRef;
using membership::Propose;
using membership::Ready;
using membership::State;
using membership::VcMessage;

// A message in the network: once sent it may arrive at any time, any number of times, or never.
struct Message {
  enum class Kind : uint8_t { kViewChange, kTraffic, kRepair };
  Kind kind = Kind::kViewChange;
  Rank from = 0;
  Rank to = 0;
  VcMessage content;  // kViewChange.
  ViewId next;        // kTraffic: the view its packets are tagged with.
  Rank origin = 0;    // kRepair: chunks of `origin` ...
  SeqNo upto = 0;     // ... up to here.
  Ballot ballot;      // Of content, if it has one.
};

// What a member does on its own: everything that is not the arrival of a message.
enum class Act : uint32_t {
  kData = 0,
  kConvict = 16,
  kStart = 32,
  kStall,
  kRestart,
  kCrash,
  kPending,
  kCount = 64
};

template <class Rules>
class LocalModel {
 public:
  using ViewChange = membership::ViewChange<Rules>;
  struct Local {
    ViewChange change{membership::ViewChangeOptions{}};
    std::vector<SeqNo> received;
    std::vector<SeqNo> applied;
    std::optional<membership::ViewChangeOutput::Fetch> fetch;
    ProposalRef decided;  // By this member, or installed here. Outlives its crash.
    bool installed = false;
    bool crashed = false;
  };
  struct Step {
    uint32_t next = 0;
    std::vector<uint32_t> sent;
    std::string violation;
  };

  explicit LocalModel(const Config& config) : config_(config) {
    auto view = std::make_shared<Proposal>();
    view->next = ViewId{1, 1};
    for (int i = 0; i < config.members; ++i) {
      const MemberId id{InstanceId{1, uint64_t(i) + 1}, 1};
      const bool old = i != config.newcomer;
      view->members.push_back({id, std::string(1, char('a' + i)), {}, old ? 1u : 0u, old});
    }
    view->tie_breaker = view->members[config.tie_breaker].id;
    view_ = view;
  }

  const ProposalRef& view() const { return view_; }
  const Local& local(uint32_t id) const { return *locals_[id]; }
  const Message& message(uint32_t id) const { return messages_[id]; }
  size_t locals() const { return locals_.size(); }

  uint32_t First(Rank rank) {
    Local local;
    membership::ViewChangeOptions options;
    options.policy = config_.policy;
    if (!config_.small_installs) options.install_body_members_max = 0;
    local.change = ViewChange(options);
    local.change.Reset(Instant::Zero(), view_, rank);
    local.received.assign(view_->members.size(), 0);
    if (rank == config_.sender) local.received[rank] = 1;
    local.applied = local.received;
    if (config_.leaver == rank) local.change.SetLeaving();
    return Intern(std::move(local));
  }

  const Step& Deliver(uint32_t local, uint32_t message) {
    return Look(local, uint32_t(Act::kCount) + message);
  }
  const Step& Do(uint32_t local, Act act, Rank rank = 0) {
    return Look(local, uint32_t(act) + rank);
  }

  uint32_t InternMessage(Message message) {
    std::string key;
    WriteKey(message, key);
    auto [place, is_new] = message_ids_.try_emplace(std::move(key), uint32_t(messages_.size()));
    if (is_new) messages_.push_back(std::move(message));
    return place->second;
  }

  // Applies one output of `local.change`, and says what was sent.
  void Absorb(Local& local, membership::ViewChangeOutput& out, std::vector<Message>& sent,
              std::string& violation) const {
    const Rank self = local.change.self();
    if (out.fetch) local.fetch = std::move(out.fetch);
    for (auto& outgoing : out.messages) {
      for (Rank to = 0; to < view_->members.size(); ++to) {
        if (to == self || (outgoing.to != kAllRanks && outgoing.to != to)) continue;
        Message message{Message::Kind::kViewChange, self, to, outgoing.message, {}, 0, 0, {}};
        message.ballot = BallotOf(outgoing.message);
        sent.push_back(std::move(message));
      }
    }
    if (local.change.is_decider()) local.decided = local.change.decided();
    if (out.install == nullptr) return;
    local.decided = out.install;
    local.installed = true;
    local.fetch.reset();
    for (size_t i = 0; i < local.applied.size(); ++i) {
      const SeqNo trim = out.install->trim[i];
      if (local.applied[i] > trim) violation = "I8: delivered beyond the trim";
      if (local.received[i] < trim) violation = "I8: installed without all of the trim";
      local.applied[i] = trim;
    }
    for (Rank to = 0; to < view_->members.size(); ++to) {
      if (to == self) continue;
      sent.push_back(Message{Message::Kind::kTraffic, self, to, {}, out.install->next, 0, 0, {}});
    }
  }

  // What whoever knows the outcome answers to anybody who asks. Sent unasked to all, it makes every
  // later question to this member superfluous: one more behaviour, many fewer states.
  void AnswerAll(const Local& local, std::vector<Message>& sent) const {
    const Rank self = local.change.self();
    const Proposal& decided = *local.decided;
    for (Rank to = 0; to < view_->members.size(); ++to) {
      if (to == self) continue;
      VcMessage content{view_->next, membership::Gone{decided.next}};
      if (NextRank(decided, to) != kNoRank) {
        const ProposalRef body = config_.small_installs ? local.decided : nullptr;
        content.body = Install{local.change.DecidedUnder(), decided.next, body};
      }
      Message message{Message::Kind::kViewChange, self, to, content, {}, 0, 0, {}};
      message.ballot = BallotOf(content);
      sent.push_back(std::move(message));
    }
  }

  // Runs one input through the production code.
  void Run(Local& local, uint32_t input, Instant now, membership::ViewChangeOutput& out) const {
    const Ballot before = local.change.promised();
    Random random(uint64_t{local.change.self()} * 1000 + before.round + 1);
    const membership::Turn turn{now, local.received, random};
    if (input >= uint32_t(Act::kCount)) {
      RunMessage(local, messages_[input - uint32_t(Act::kCount)], turn, out);
    } else if (input < uint32_t(Act::kConvict)) {  // kData
      ++local.received[input];
      local.applied = local.received;
    } else if (input < uint32_t(Act::kStart)) {
      const Rank rank = Rank(input - uint32_t(Act::kConvict));
      local.change.Convict(turn, rank, ViewCause::kCrashed, "", out);
    } else if (input == uint32_t(Act::kPending)) {
      local.change.SetPending(turn, Pending(), out);
    } else if (input != uint32_t(Act::kCrash)) {
      using Timer = typename ViewChange::Timer;
      const Timer timer = input == uint32_t(Act::kStart)   ? Timer::kStart
                          : input == uint32_t(Act::kStall) ? Timer::kStall
                                                           : Timer::kRestart;
      local.change.Fire(timer, turn, out);
    }
  }

  void RunMessage(Local& local, const Message& message, const membership::Turn& turn,
                  membership::ViewChangeOutput& out) const {
    switch (message.kind) {
      case Message::Kind::kViewChange:
        local.change.OnMessage(turn, message.from, message.content, out);
        break;
      case Message::Kind::kRepair:
        local.received[message.origin] = std::max(local.received[message.origin], message.upto);
        local.change.OnProgress(turn, out);
        break;
      case Message::Kind::kTraffic: {
        const auto& accepted = local.change.accepted();
        if (!accepted || accepted->proposal->next != message.next) break;
        local.change.OnAcceptedViewTraffic(turn, NextRank(*accepted->proposal, message.from), out);
        break;
      }
    }
  }

  Rank NextRank(const Proposal& proposal, Rank old) const {
    for (size_t i = 0; i < proposal.members.size(); ++i) {
      if (proposal.members[i].id == view_->members[old].id) return Rank(i);
    }
    return kNoRank;
  }

 private:
  membership::PendingChanges Pending() const {
    membership::PendingChanges pending;
    if (config_.leaver >= 0) pending.leavers.Insert(Rank(config_.leaver));
    if (config_.joiner) {
      const MemberInfo info{MemberId{InstanceId{9, 9}, 1}, "x", {}, 0, false};
      pending.joiners.push_back({info, ViewCause::kJoined, ""});
    }
    if (config_.returning >= 0) {
      MemberInfo info = view_->members[size_t(config_.returning)];
      info.id.join_no = 2;
      info.weight = 0;
      info.synced = false;
      pending.joiners.push_back({info, ViewCause::kJoined, ""});
    }
    return pending;
  }

  const Step& Look(uint32_t local, uint32_t input) {
    const uint64_t key = (uint64_t{local} << 32) | input;
    auto [place, is_new] = steps_.try_emplace(key, nullptr);
    if (is_new) place->second = std::make_unique<Step>(Compute(local, input));
    return *place->second;
  }

  Step Compute(uint32_t id, uint32_t input) {
    Local local = *locals_[id];
    Step step;
    std::vector<Message> sent;
    const Ballot promised = local.change.promised();
    const bool wedged = local.change.wedged();
    if (input == uint32_t(Act::kCrash)) {
      Local dead;  // Only what it delivered and decided is still of interest.
      dead.applied = local.applied;
      // Unless it was wedged it may have received and acknowledged anything before it died.
      if (!wedged) dead.applied[config_.sender] = 1;
      dead.decided = local.decided;
      dead.installed = local.installed;
      dead.crashed = true;
      step.next = Intern(std::move(dead));
      return step;
    }
    membership::ViewChangeOutput out;
    Run(local, input, Instant::Zero(), out);
    Absorb(local, out, sent, step.violation);
    const bool answers =
        local.installed || (Rules::kExcludedDeciderRemembers && local.change.excluded());
    if (answers && local.decided != nullptr) AnswerAll(local, sent);
    if (local.change.promised() < promised) step.violation = "I15: a promise was taken back";
    if (wedged && !local.change.wedged()) step.violation = "I16: a wedge was undone";
    if (!local.change.IsConsistent()) step.violation = "IsConsistent() failed";
    for (Message& message : sent) step.sent.push_back(InternMessage(std::move(message)));
    step.next = Intern(std::move(local));
    return step;
  }

  uint32_t Intern(Local local) {
    std::string key;
    membership::StateBytes bytes(key);
    bytes.Add(local.crashed);
    bytes.Add(local.installed);
    bytes.Add(local.decided);
    bytes.Add(local.applied);
    if (!local.crashed) {
      bytes.Add(local.received);
      bytes.Add(local.fetch.has_value());
      if (local.fetch) {
        bytes.Add(local.fetch->trim);
        bytes.Add(local.fetch->holders);
      }
      local.change.AppendState(key);
    }
    auto [place, is_new] = local_ids_.try_emplace(std::move(key), uint32_t(locals_.size()));
    if (is_new) locals_.push_back(std::make_unique<Local>(std::move(local)));
    return place->second;
  }

  const Config config_;
  ProposalRef view_;
  std::vector<std::unique_ptr<Local>> locals_;
  absl::flat_hash_map<std::string, uint32_t> local_ids_;
  std::vector<Message> messages_;
  absl::flat_hash_map<std::string, uint32_t> message_ids_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Step>> steps_;
};

}  // namespace cohort::explorer

#endif  // COHORT_TESTS_EXPLORER_LOCAL_MODEL_H_
