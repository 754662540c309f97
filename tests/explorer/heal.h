// The stuck check: from a state, no more faults. The detector convicts exactly the dead, messages
// arrive in order after a millisecond, holders answer, timers fire when they are due. Whoever lives
// must come out of the view change.
#ifndef COHORT_TESTS_EXPLORER_HEAL_H_
#define COHORT_TESTS_EXPLORER_HEAL_H_

#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "tests/explorer/world.h"

namespace cohort::explorer {

template <class Rules>
class Heal {
 public:
  using Local = typename World<Rules>::Local;
  enum class Verdict : uint8_t { kWell, kLost, kStuck };

  // `in_flight`: the messages of the state arrive first; otherwise all of them are lost.
  Heal(World<Rules>& world, const Node& node, bool in_flight)
      : world_(world), members_(world.config().members) {
    for (int p = 0; p < members_; ++p) locals_.push_back(world.local(node, p));
    if (!in_flight) return;
    for (uint32_t id : world.network(node)) Send(world.model().message(id));
  }

  Verdict Run() {
    if (!QuorumLives()) return Verdict::kWell;
    for (int p = 0; p < members_; ++p) {
      if (locals_[p].crashed) continue;
      membership::ViewChangeOutput out;
      Random random(uint64_t(p) + 1);
      const bool pending = (world_.config().joiner || world_.config().leaver >= 0 ||
                            world_.config().returning >= 0) &&
                           p == 0;
      if (pending && !locals_[p].change.wedged())
        world_.model().Run(locals_[p], uint32_t(Act::kPending), now_, out);
      Take(p, out);
    }
    while (now_ < Instant::Zero() + milliseconds(world_.config().heal_within_ms)) {
      if (Settled()) return AnyoneInstalled() ? Verdict::kWell : AllExcluded();
      Tick();
    }
    return Verdict::kStuck;
  }

  std::string Words() const {
    std::string text;
    for (int p = 0; p < members_; ++p) {
      const Local& me = locals_[p];
      text += " " + std::to_string(p) +
              (me.crashed             ? ":dead"
               : me.installed         ? ":installed"
               : me.change.excluded() ? ":excluded"
               : me.change.halted()   ? ":halted"
               : me.change.wedged()   ? ":wedged"
                                      : ":normal");
      if (me.decided != nullptr) text += Describe(me.decided);
    }
    return text;
  }

 private:
  static constexpr Duration kLatency = milliseconds(1);
  static constexpr Duration kDetection = milliseconds(4);
  static constexpr Duration kSilence = milliseconds(600);
  static constexpr Duration kHeartbeat = milliseconds(20);

  bool QuorumLives() const {
    int live = 0;
    for (const Local& me : locals_) live += me.crashed ? 0 : 1;
    if (world_.config().policy == Policy::kAvailable) return live > 0;
    return 2 * live > members_ ||
           (2 * live == members_ && !locals_[world_.config().tie_breaker].crashed);
  }

  bool Settled() const {
    bool changes = false;
    for (const Local& me : locals_)
      changes = changes || me.crashed || (!me.crashed && me.change.wedged());
    for (const Local& me : locals_) {
      if (me.crashed || me.installed || me.change.excluded()) continue;
      if (changes || me.change.wedged()) return false;
    }
    return true;
  }
  bool AnyoneInstalled() const {
    bool all_normal = true;
    for (const Local& me : locals_) {
      if (me.crashed) continue;
      if (me.installed) return true;
      all_normal = all_normal && !me.change.wedged();
    }
    return all_normal;
  }
  // Everybody who lives was excluded: nothing to be done only if nobody of the decided view lives.
  Verdict AllExcluded() const {
    for (const Local& one : locals_) {
      if (one.decided == nullptr) continue;
      for (int p = 0; p < members_; ++p) {
        if (!locals_[p].crashed && world_.model().NextRank(*one.decided, Rank(p)) != kNoRank)
          return Verdict::kStuck;
      }
      return Verdict::kLost;
    }
    return Verdict::kStuck;
  }

  void Tick() {
    Instant next = now_ + kHeartbeat;
    if (!queue_.empty()) next = std::min(next, queue_.front().first);
    for (const Local& me : locals_) {
      if (!me.crashed) next = std::min(next, me.change.NextDeadline());
    }
    next = std::min(next, beat_);
    if (!told_) next = std::min(next, Instant::Zero() + kDetection);
    if (!fell_silent_) next = std::min(next, Instant::Zero() + kSilence);
    now_ = std::max(now_, next);
    if (!told_ && now_ >= Instant::Zero() + kDetection) Detect();
    while (!queue_.empty() && queue_.front().first <= now_) {
      const Message message = queue_.front().second;
      queue_.pop();
      Deliver(message);
    }
    for (int p = 0; p < members_; ++p) {
      if (locals_[p].crashed || locals_[p].change.NextDeadline() > now_) continue;
      membership::ViewChangeOutput out;
      Random random(uint64_t(p) + uint64_t(now_.nanos()));
      locals_[p].change.OnTimer({now_, locals_[p].received, random}, out);
      Take(p, out);
    }
    if (now_ >= beat_) Beat();
    if (!fell_silent_ && now_ >= Instant::Zero() + kSilence) FallSilent();
  }

  // Whoever moved on sends nothing in the old view any more, so those it left there convict it in
  // the end.
  void FallSilent() {
    fell_silent_ = true;
    for (int p = 0; p < members_; ++p) {
      for (int q = 0; q < members_; ++q) {
        const Local& me = locals_[p];
        if (p == q || me.crashed || me.installed || me.change.excluded() || locals_[q].crashed)
          continue;
        if (locals_[q].installed) Convict(p, q);
      }
    }
  }

  void Convict(int p, int q) {
    membership::ViewChangeOutput out;
    world_.model().Run(locals_[p], uint32_t(Act::kConvict) + uint32_t(q), now_, out);
    Take(p, out);
  }

  void Detect() {
    told_ = true;
    for (int p = 0; p < members_; ++p) {
      for (int q = 0; q < members_; ++q) {
        if (p == q || locals_[p].crashed || !locals_[q].crashed) continue;
        Convict(p, q);
      }
    }
  }

  // Heartbeats: members of the old view are heard; a packet of the next one shows that it was
  // installed.
  void Beat() {
    beat_ = now_ + kHeartbeat;
    for (int p = 0; p < members_; ++p) {
      if (locals_[p].crashed) continue;
      for (int q = 0; q < members_; ++q) {
        if (q == p || locals_[q].crashed) continue;
        if (!locals_[p].installed) {
          locals_[q].change.OnHeard(now_, Rank(p));
        } else {
          if (locals_[q].decided != nullptr &&
              locals_[q].decided->next == locals_[p].decided->next) {
            locals_[q].change.OnHeardInNext(Rank(p));
          }
          Send(Message{
              Message::Kind::kTraffic, Rank(p), Rank(q), {}, locals_[p].decided->next, 0, 0, {}});
        }
      }
      Fetch(p);
    }
  }

  void Fetch(int p) {
    Local& me = locals_[p];
    if (!me.fetch) return;
    for (size_t i = 0; i < me.received.size(); ++i) {
      if (me.received[i] >= me.fetch->trim[i]) continue;
      for (Rank holder : me.fetch->holders[i]) {
        const Local& other = locals_[holder];
        if (holder == p || other.crashed || other.received[i] < me.fetch->trim[i]) continue;
        Send(Message{
            Message::Kind::kRepair, holder, Rank(p), {}, {}, Rank(i), me.fetch->trim[i], {}});
        break;
      }
    }
  }

  void Deliver(const Message& message) {
    Local& to = locals_[message.to];
    if (to.crashed) return;
    membership::ViewChangeOutput out;
    Random random(uint64_t(message.to) * 31 + uint64_t(now_.nanos()));
    world_.model().RunMessage(to, message, {now_, to.received, random}, out);
    Take(message.to, out);
  }

  void Take(int p, membership::ViewChangeOutput& out) {
    std::vector<Message> sent;
    std::string violation;
    const bool fetches = out.fetch.has_value();
    world_.model().Absorb(locals_[p], out, sent, violation);
    for (Message& message : sent) Send(std::move(message));
    if (fetches) Fetch(p);
  }

  void Send(Message message) { queue_.push({now_ + kLatency, std::move(message)}); }

  World<Rules>& world_;
  const int members_;
  std::vector<Local> locals_;
  std::queue<std::pair<Instant, Message>>
      queue_;  // All take equally long, so first in is first out.
  Instant now_ = Instant::Zero();
  Instant beat_ = Instant::Zero();
  bool told_ = false;
  bool fell_silent_ = false;
};

}  // namespace cohort::explorer

#endif  // COHORT_TESTS_EXPLORER_HEAL_H_
