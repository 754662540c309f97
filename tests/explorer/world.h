// The whole group: the members' states, the messages sent, the faults left. A state is a handful of
// numbers, because members' states and sets of messages are interned.
//
// Reductions, all of which keep every reachable combination of members' states that can matter:
//  - messages are a set that only grows: loss is not delivering, duplication is delivering again,
//  and a crash between
//    two outputs is a crash after both with the second never delivered;
//  - a message that cannot have an effect any more, whatever happens, is forgotten;
//  - a chunk arrives in the very moment before its receiver wedges, if at all: nobody can tell the
//  difference;
//  - a member dies in the very moment somebody first convicts it: dying earlier is not taking
//  steps;
//  - a repair is in the network as soon as a living holder that was asked has the chunk.
#ifndef COHORT_TESTS_EXPLORER_WORLD_H_
#define COHORT_TESTS_EXPLORER_WORLD_H_

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "tests/explorer/local_model.h"

namespace cohort::explorer {

struct Node {
  std::array<uint32_t, kMembersMax> local{};
  uint32_t network = 0;
  uint8_t crashes = 0;
  uint8_t suspicions = 0;
  uint8_t stalls = 0;
  uint8_t unused = 0;
  bool operator==(const Node& other) const { return std::memcmp(this, &other, sizeof(Node)) == 0; }
};
static_assert(sizeof(Node) == 24);

inline uint64_t HashOf(const Node& node) {
  uint64_t words[3];
  std::memcpy(words, &node, sizeof(words));
  uint64_t hash = 0x9E3779B97F4A7C15u;
  for (uint64_t word : words) {
    hash = (hash ^ word) * 0xBF58476D1CE4E5B9u;
    hash ^= hash >> 29;
  }
  return (hash * 0x94D049BB133111EBu) ^ (hash >> 32);
}

// One step of one member: an Act, or the delivery of message `input - kCount`.
struct Move {
  Rank member = 0;
  uint32_t input = 0;
  Rank killed = kNoRank;  // Died just before.
  bool data = false;      // A chunk arrived just before.
};

template <class Rules>
class World {
 public:
  using Model = LocalModel<Rules>;
  using Local = typename Model::Local;

  explicit World(const Config& config) : config_(config), model_(config) {
    networks_.push_back({});
    network_ids_[{}] = 0;
  }

  const Config& config() const { return config_; }
  Model& model() { return model_; }
  const Local& local(const Node& node, int rank) const {
    return model_.local(node.local[size_t(rank)]);
  }
  const std::vector<uint32_t>& network(const Node& node) const { return networks_[node.network]; }

  Node First() {
    Node node;
    for (int i = 0; i < config_.members; ++i) node.local[size_t(i)] = model_.First(Rank(i));
    node.crashes = uint8_t(config_.crashes);
    node.suspicions = uint8_t(config_.false_suspicions);
    node.stalls = uint8_t(config_.stalls);
    return node;
  }

  // All steps possible in `node`. Some lead nowhere.
  void Moves(const Node& node, std::vector<Move>& moves) const {
    moves.clear();
    for (uint32_t message : network(node)) {
      const Message& m = model_.message(message);
      moves.push_back({m.to, uint32_t(Act::kCount) + message, kNoRank});
    }
    for (int p = 0; p < config_.members; ++p) {
      const Local& me = local(node, p);
      if (!me.crashed) OwnMoves(node, Rank(p), me, moves);
    }
    for (size_t i = 0, own = moves.size(); i < own; ++i) {
      const Local& me = local(node, moves[i].member);
      if (me.change.wedged() || me.received[config_.sender] > 0) continue;
      moves.push_back(moves[i]);
      moves.back().data = true;
    }
  }

  // False if the step changes nothing or leaves the bounds.
  bool Apply(const Node& node, const Move& move, Node& next, std::string& violation) {
    next = node;
    if (move.killed != kNoRank) {
      uint32_t& victim = next.local[move.killed];
      victim = model_.Do(victim, Act::kCrash).next;
      --next.crashes;
    }
    const bool convicts =
        move.input >= uint32_t(Act::kConvict) && move.input < uint32_t(Act::kStart);
    if (convicts && !local(next, int(move.input - uint32_t(Act::kConvict))).crashed)
      --next.suspicions;
    if (move.input == uint32_t(Act::kStall)) --next.stalls;
    if (move.data) {
      uint32_t& receiver = next.local[move.member];
      receiver = model_.Do(receiver, Act::kData, config_.sender).next;
    }
    const auto& step =
        move.input >= uint32_t(Act::kCount)
            ? model_.Deliver(next.local[move.member], move.input - uint32_t(Act::kCount))
            : model_.Do(next.local[move.member], Act(move.input));
    if (step.next == next.local[move.member] && step.sent.empty() && move.killed == kNoRank &&
        !move.data)
      return false;
    const Local& after = model_.local(step.next);
    if (!after.crashed && after.change.promised().round > config_.rounds_max) return false;
    next.local[move.member] = step.next;
    violation = step.violation;
    Settle(next, step.sent);
    return !(next == node) || !violation.empty();
  }

  // Empty if every invariant holds among the members of `node`.
  std::string Check(const Node& node) const {
    for (int p = 0; p < config_.members; ++p) {
      const Local& one = local(node, p);
      if (one.decided == nullptr) continue;
      std::string wrong = CheckAlone(node, p, one);
      if (!wrong.empty()) return wrong;
      for (int q = p + 1; q < config_.members; ++q) {
        const Local& other = local(node, q);
        if (other.decided == nullptr) continue;
        const bool same = one.decided->next == other.decided->next;
        if (config_.policy == Policy::kPrimary && !same) return "I4: two successors were decided";
        // Causes and evidence are left out: members' states that differ in them only are one.
        const bool alike = one.decided->members == other.decided->members &&
                           one.decided->trim == other.decided->trim &&
                           one.decided->tie_breaker == other.decided->tie_breaker;
        if (same && !alike) return "I2: one view id, two views";
        if (same && one.installed && other.installed && one.applied != other.applied) {
          return "I5: two members of one view delivered different sets";
        }
      }
    }
    return {};
  }

  std::string Words(const Move& move) const {
    std::string text = move.killed == kNoRank ? "" : std::to_string(move.killed) + " dies; ";
    if (move.data) text += std::to_string(move.member) + " receives the chunk; ";
    if (move.input >= uint32_t(Act::kCount)) {
      return text + Describe(model_.message(move.input - uint32_t(Act::kCount)));
    }
    text += std::to_string(move.member) + " ";
    if (move.input < uint32_t(Act::kStart)) {
      return text + "convicts " + std::to_string(move.input - uint32_t(Act::kConvict));
    }
    if (move.input == uint32_t(Act::kStart)) return text + "begins";
    if (move.input == uint32_t(Act::kStall)) return text + "loses patience";
    if (move.input == uint32_t(Act::kRestart)) return text + "tries again after a NACK";
    if (move.input == uint32_t(Act::kPending)) return text + "is told of a pending change";
    return text + "dies";
  }

 private:
  void OwnMoves(const Node& node, Rank p, const Local& me, std::vector<Move>& moves) const {
    using Timer = typename Model::ViewChange::Timer;
    const auto& change = me.change;
    for (int q = 0; q < config_.members && !change.installed() && !change.excluded(); ++q) {
      if (q == p || change.convicted().Contains(Rank(q))) continue;
      const uint32_t convict = uint32_t(Act::kConvict) + uint32_t(q);
      const bool dead = local(node, q).crashed;
      if (dead || node.suspicions > 0) moves.push_back({p, convict, kNoRank});
      if (!dead && node.crashes > 0) moves.push_back({p, convict, Rank(q)});
    }
    const auto due = [&](Timer timer, Act act) {
      if (change.IsSet(timer)) moves.push_back({p, uint32_t(act), kNoRank});
    };
    due(Timer::kStart, Act::kStart);
    due(Timer::kRestart, Act::kRestart);
    if (node.stalls > 0) due(Timer::kStall, Act::kStall);
    const bool asked = config_.joiner || config_.leaver >= 0 || config_.returning >= 0;
    if (asked && p == 0 && !change.wedged()) moves.push_back({p, uint32_t(Act::kPending), kNoRank});
  }

  std::string CheckAlone(const Node& node, int p, const Local& one) const {
    const Proposal& decided = *one.decided;
    if (one.installed && model_.NextRank(decided, Rank(p)) == kNoRank)
      return "I1: installed a view without itself";
    const auto votes = [](const MemberInfo& member) { return member.weight > 0; };
    if (config_.policy == Policy::kPrimary &&
        std::none_of(decided.members.begin(), decided.members.end(), votes))
      return "4.35: a view without a vote was decided";
    if (decided.next.num <= model_.view()->next.num) return "I3: the view number did not grow";
    for (size_t i = 0; i < decided.members.size(); ++i) {
      for (size_t j = i + 1; j < decided.members.size(); ++j) {
        if (decided.members[i].name == decided.members[j].name)
          return "C15: two incarnations in one view";
      }
    }
    bool everywhere = true;
    for (int q = 0; q < config_.members; ++q) {
      const Local& other = local(node, q);
      const bool may_yet =
          !other.crashed && !other.change.wedged();  // It could have, before all this.
      everywhere = everywhere && (may_yet || other.applied[config_.sender] > 0);
    }
    if (everywhere && decided.trim[config_.sender] == 0)
      return "I12: an acknowledged chunk is beyond the trim";
    return {};
  }

  // Adds what was sent, makes repairs available, and forgets what cannot matter any more.
  void Settle(Node& node, const std::vector<uint32_t>& sent) {
    scratch_ = networks_[node.network];
    scratch_.insert(scratch_.end(), sent.begin(), sent.end());
    for (int p = 0; p < config_.members; ++p) {
      const Local& me = local(node, p);
      if (me.crashed || !me.fetch) continue;
      for (size_t i = 0; i < me.received.size(); ++i) {
        if (me.received[i] >= me.fetch->trim[i]) continue;
        for (Rank holder : me.fetch->holders[i]) {
          const Local& other = local(node, holder);
          if (holder == p || other.crashed || other.received[i] < me.fetch->trim[i]) continue;
          scratch_.push_back(model_.InternMessage(
              Message{Message::Kind::kRepair, 0, Rank(p), {}, {}, Rank(i), me.fetch->trim[i], {}}));
          break;
        }
      }
    }
    std::sort(scratch_.begin(), scratch_.end());
    scratch_.erase(std::unique(scratch_.begin(), scratch_.end()), scratch_.end());
    std::erase_if(scratch_, [&](uint32_t id) { return IsDead(node, model_.message(id)); });
    auto [place, is_new] = network_ids_.try_emplace(scratch_, uint32_t(networks_.size()));
    if (is_new) networks_.push_back(scratch_);
    node.network = place->second;
  }

  bool IsDead(const Node& node, const Message& m) const {
    const Local& to = local(node, m.to);
    if (to.crashed) return true;
    const Local& from = local(node, m.from);
    const bool to_done = to.change.installed();
    const bool to_over = to_done || to.change.excluded();
    const bool from_over = from.crashed || from.change.installed() || from.change.excluded();
    if (m.kind == Message::Kind::kRepair) return to_done || to.received[m.origin] >= m.upto;
    if (m.kind == Message::Kind::kTraffic) return to_over;
    using membership::FetchProposal;
    const auto& body = m.content.body;
    // Whoever is over and knows the outcome has answered everybody already, see AnswerAll.
    const bool knows = to_done || (to.change.excluded() && to.change.decided() != nullptr);
    if (std::holds_alternative<State>(body) || std::holds_alternative<Ready>(body)) {
      if (to_over) return true;
      if (std::holds_alternative<State>(body) && config_.policy == Policy::kAvailable &&
          to.change.convicted().Contains(m.from)) {
        return from_over;
      }
      return m.ballot < to.change.promised();
    }
    if (std::holds_alternative<Prepare>(body) || std::holds_alternative<Propose>(body)) {
      if (knows) return true;
      const bool stale = from_over || from.change.promised() > m.ballot;
      const bool accuses = config_.policy == Policy::kAvailable && !from_over;
      return Rules::kBallotsOnlyGrow && m.ballot < to.change.promised() && stale && !accuses;
    }
    if (std::holds_alternative<Nack>(body)) {
      return to_over || (m.ballot < to.change.promised() && !std::get<Nack>(body).convicted);
    }
    if (std::holds_alternative<FetchProposal>(body)) return from_over;
    return to_over;  // INSTALL, GONE
  }

  const Config config_;
  Model model_;
  std::vector<std::vector<uint32_t>> networks_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> network_ids_;
  std::vector<uint32_t> scratch_;
};

}  // namespace cohort::explorer

#endif  // COHORT_TESTS_EXPLORER_WORLD_H_
