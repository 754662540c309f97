// Visits every state within the bounds of a Config (breadth first), or many random walks through
// them, and checks each.
#ifndef COHORT_TESTS_EXPLORER_SEARCH_H_
#define COHORT_TESTS_EXPLORER_SEARCH_H_

#include <ctime>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/explorer/heal.h"
#include "tests/explorer/world.h"

namespace cohort::explorer {

template <class Rules>
class Search {
 public:
  explicit Search(const Config& config) : config_(config), world_(config) {}

  Report Run() {
    const std::clock_t start = std::clock();
    if (config_.walk_seed == 0) {
      Breadth();
    } else {
      Walks();
    }
    report_.local_states = world_.model().locals();
    report_.seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
    return std::move(report_);
  }

 private:
  struct Visit {
    Node node;
    uint32_t parent = 0;
    uint32_t input = 0;
    Rank member = 0;
    Rank killed = kNoRank;
    bool data = false;
    uint32_t depth = 0;
  };

  // Open addressing over indices into visits_: four bytes a slot, no copies of the states.
  class Seen {
   public:
    explicit Seen(const std::vector<Visit>& visits) : visits_(visits), slots_(1 << 16, 0) {}
    bool Insert(const Node& node, uint32_t index) {
      if (2 * (count_ + 1) > slots_.size()) Grow();
      size_t at = HashOf(node) & (slots_.size() - 1);
      while (slots_[at] != 0) {
        if (visits_[slots_[at] - 1].node == node) return false;
        at = (at + 1) & (slots_.size() - 1);
      }
      slots_[at] = index + 1;
      ++count_;
      return true;
    }

   private:
    void Grow() {
      std::vector<uint32_t> old = std::move(slots_);
      slots_.assign(old.size() * 2, 0);
      for (uint32_t slot : old) {
        if (slot == 0) continue;
        size_t at = HashOf(visits_[slot - 1].node) & (slots_.size() - 1);
        while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
        slots_[at] = slot;
      }
    }
    const std::vector<Visit>& visits_;
    std::vector<uint32_t> slots_;
    size_t count_ = 0;
  };

  void Breadth() {
    Seen seen(visits_);
    visits_.push_back({world_.First(), 0, 0, 0, kNoRank, false, 0});
    seen.Insert(visits_[0].node, 0);
    std::vector<Move> moves;
    for (uint32_t at = 0; at < visits_.size(); ++at) {
      const Node node = visits_[at].node;
      report_.depth = int(visits_[at].depth);
      world_.Moves(node, moves);
      bool ends = true;
      for (const Move& move : moves) {
        Node next;
        std::string violation;
        if (!world_.Apply(node, move, next, violation)) continue;
        ends = false;
        const bool is_new = seen.Insert(next, uint32_t(visits_.size()));
        if (!is_new && violation.empty()) continue;
        visits_.push_back(
            {next, at, move.input, move.member, move.killed, move.data, visits_[at].depth + 1});
        if (violation.empty()) violation = world_.Check(next);
        if (!violation.empty()) return Found(violation, uint32_t(visits_.size() - 1));
      }
      if (IsToBeHealed(node, ends) && !HealsFrom(node, at)) return;
      if (visits_.size() >= config_.states_max) break;
      report_.complete = at + 1 == visits_.size();
    }
    report_.states = visits_.size();
  }

  void Walks() {
    Random random(config_.walk_seed);
    std::vector<Move> moves;
    while (report_.states < config_.states_max) {
      visits_.clear();
      visits_.push_back({world_.First(), 0, 0, 0, kNoRank, false, 0});
      for (int step = 0; step < config_.walk_steps; ++step) {
        const uint32_t at = uint32_t(visits_.size() - 1);
        const Node node = visits_[at].node;
        world_.Moves(node, moves);
        bool moved = false;
        while (!moves.empty() && !moved) {
          const size_t pick = size_t(random.Below(moves.size()));
          const Move move = moves[pick];
          moves.erase(moves.begin() + std::ptrdiff_t(pick));
          Node next;
          std::string violation;
          if (!world_.Apply(node, move, next, violation)) continue;
          moved = true;
          visits_.push_back({next, at, move.input, move.member, move.killed, move.data, at + 1});
          ++report_.states;
          if (violation.empty()) violation = world_.Check(next);
          if (!violation.empty()) return Found(violation, at + 1);
        }
        if (IsToBeHealed(node, !moved) && !HealsFrom(node, at)) return;
        if (!moved) break;
      }
    }
  }

  bool IsToBeHealed(const Node& node, bool ends) const {
    if (config_.heal_every == 0) return false;
    return ends || HashOf(node) % config_.heal_every == 0;
  }

  bool HealsFrom(const Node& node, uint32_t at) {
    for (bool in_flight : {false, true}) {
      // With everything in flight lost, only the members matter: one trial for all states that
      // agree on them.
      if (!in_flight) {
        Node key = node;
        key.network = 0;
        key.crashes = key.suspicions = key.stalls = 0;
        if (!healed_.try_emplace(HashOf(key), true).second) continue;
      }
      ++report_.healed;
      Heal<Rules> heal(world_, node, in_flight);
      const auto verdict = heal.Run();
      if (verdict == Heal<Rules>::Verdict::kLost) ++report_.lost;
      if (verdict != Heal<Rules>::Verdict::kStuck) continue;
      Found(std::string("stuck after healing (messages in flight ") +
                (in_flight ? "delivered" : "lost") + "):" + heal.Words(),
            at);
      return false;
    }
    return true;
  }

  void Found(const std::string& what, uint32_t at) {
    report_.states = std::max<uint64_t>(report_.states, visits_.size());
    report_.depth = int(visits_[at].depth);
    report_.finding.what = what;
    for (; at != 0; at = visits_[at].parent) {
      const Visit& visit = visits_[at];
      report_.finding.trace.insert(
          report_.finding.trace.begin(),
          world_.Words({visit.member, visit.input, visit.killed, visit.data}));
    }
  }

  const Config config_;
  World<Rules> world_;
  std::vector<Visit> visits_;
  std::unordered_map<uint64_t, bool> healed_;
  Report report_;
};

}  // namespace cohort::explorer

#endif  // COHORT_TESTS_EXPLORER_SEARCH_H_
