#include "sim/fault_injector.h"

#include <algorithm>

namespace cohort::sim {
namespace {

bool IsCut(FaultKind kind) {
  return kind == FaultKind::kOneWay || kind == FaultKind::kPartition || kind == FaultKind::kFlap ||
         kind == FaultKind::kSwizzle;
}
bool IsOnLinks(FaultKind kind) { return kind < FaultKind::kPause; }

}  // namespace

void FaultInjector::Begin(Scheduler& scheduler) {
  SetLoss(plan_.loss);
  for (size_t i = 0; i < plan_.faults.size(); ++i) {
    scheduler.After(Draw(plan_.faults[i].interval_mean), {Task::Kind::kFault, false, 0, i, {}});
  }
}

void FaultInjector::SetLoss(double loss) {
  if (plan_.loss == 0) return;
  for (HostIndex from = 0; from < links_.hosts(); ++from) {
    for (HostIndex to = 0; to < links_.hosts(); ++to) {
      if (from != to) links_.at(from, to).loss = loss;
    }
  }
}

// Between a quarter of the mean and four times it, short ones more often.
Duration FaultInjector::Draw(Duration mean) {
  const uint64_t scale = random_.Between(25, 200) * random_.Between(25, 200) / 100;
  return mean * static_cast<int64_t>(scale) / 100;
}

HostIndex FaultInjector::AnyHost() { return static_cast<HostIndex>(random_.Below(links_.hosts())); }

// All links, all of one host, one direction of one host, or single ones.
std::vector<FaultInjector::Pair> FaultInjector::SomeLinks() {
  std::vector<Pair> pairs;
  const uint64_t choice = random_.Below(5);
  const HostIndex host = AnyHost();
  const HostIndex other = AnyHost();
  for (HostIndex from = 0; from < links_.hosts(); ++from) {
    for (HostIndex to = 0; to < links_.hosts(); ++to) {
      if (from == to) continue;
      const bool chosen = choice == 0 || (choice == 1 && (from == host || to == host)) ||
                          (choice == 2 && from == host) || (choice == 3 && to == host) ||
                          (choice == 4 && from == host && to == other);
      if (chosen) pairs.emplace_back(from, to);
    }
  }
  return pairs;
}

void FaultInjector::OnFault(uint64_t index, Scheduler& scheduler, FaultTarget& target) {
  if (stopped_ || index >= plan_.faults.size()) return;
  const Fault& fault = plan_.faults[index];
  const Duration length = Draw(fault.length_mean);
  Episode episode;
  episode.kind = fault.kind;
  if (IsOnLinks(fault.kind)) {
    BeginOnLinks(fault, episode);
    if (fault.kind == FaultKind::kFlap || fault.kind == FaultKind::kSwizzle) {
      episode.repeats = static_cast<uint32_t>(random_.Between(2, 12));
      episode.period = std::max<Duration>(length / episode.repeats, milliseconds(10));
    }
  } else {
    BeginOnProcess(fault, episode, length, target);
  }
  target.Note(Describe(episode));
  const Duration first = episode.repeats > 0 ? episode.period : length;
  scheduler.After(first, {Task::Kind::kFaultEnd, false, 0, episodes_.size(), {}});
  episodes_.push_back(std::move(episode));
  scheduler.After(Draw(fault.interval_mean), {Task::Kind::kFault, false, 0, index, {}});
}

void FaultInjector::BeginOnLinks(const Fault& fault, Episode& episode) {
  switch (fault.kind) {
    case FaultKind::kPartition:
      CutParts(episode);
      return;
    case FaultKind::kFlap: {
      episode.host = AnyHost();
      for (HostIndex other = 0; other < links_.hosts(); ++other) {
        if (other == episode.host) continue;
        episode.links.emplace_back(episode.host, other);
        episode.links.emplace_back(other, episode.host);
      }
      Cut(episode, 1);
      return;
    }
    case FaultKind::kSwizzle:  // Cut here one by one; OnFaultEnd cuts more, then heals.
    case FaultKind::kOneWay: {
      const uint64_t wanted = random_.Between(1, std::max<uint64_t>(1, links_.hosts()));
      for (uint64_t i = 0; i < wanted; ++i) {
        const Pair pair(AnyHost(), AnyHost());
        const bool known =
            std::find(episode.links.begin(), episode.links.end(), pair) != episode.links.end();
        if (pair.first != pair.second && !known) episode.links.push_back(pair);
      }
      Cut(episode, 1);
      return;
    }
    default:
      episode.links = SomeLinks();
      for (const Pair& pair : episode.links) Degrade(fault, pair);
  }
}

void FaultInjector::Degrade(const Fault& fault, const Pair& pair) {
  Link& link = links_.at(pair.first, pair.second);
  switch (fault.kind) {
    case FaultKind::kLoss:
      link.loss = std::min(fault.strength, 0.6);
      return;
    case FaultKind::kBurst:
      link.burst_enter = 0.002 + fault.strength * 0.05;
      link.burst_leave = 0.05;
      link.burst_loss = 0.5 + fault.strength * 0.5;
      return;
    case FaultKind::kMulticastLoss:
      link.multicast_loss = fault.strength > 0.3 ? 1.0 : fault.strength;
      return;
    case FaultKind::kDuplicate:
      link.duplicate = std::min(fault.strength, 0.5);
      return;
    case FaultKind::kReorder:
      link.reorder = std::min(fault.strength, 0.5);
      link.reorder_delay = microseconds(200) + Duration(static_cast<int64_t>(fault.strength * 3e7));
      return;
    case FaultKind::kCorrupt:
      link.corrupt = std::min(fault.strength, 0.2);
      return;
    case FaultKind::kNarrow:
      link.narrow = true;
      return;
    default:  // kSlow: up to 300 ms more.
      link.jitter += Duration(static_cast<int64_t>(fault.strength * 3e8));
  }
}

void FaultInjector::Restore(FaultKind kind, const Pair& pair) {
  Link& link = links_.at(pair.first, pair.second);
  switch (kind) {
    case FaultKind::kLoss:
      link.loss = 0;
      return;
    case FaultKind::kBurst:
      link.burst_enter = 0;
      link.bad = false;
      return;
    case FaultKind::kMulticastLoss:
      link.multicast_loss = 0;
      return;
    case FaultKind::kDuplicate:
      link.duplicate = 0;
      return;
    case FaultKind::kReorder:
      link.reorder = 0;
      return;
    case FaultKind::kCorrupt:
      link.corrupt = 0;
      return;
    case FaultKind::kNarrow:
      link.narrow = false;
      return;
    default:
      link.jitter = link.delay / 4;
  }
}

void FaultInjector::CutParts(Episode& episode) {
  const uint64_t parts = random_.Chance(0.75) ? 2 : random_.Between(2, 4);
  std::vector<uint64_t> part(links_.hosts());
  for (uint64_t& p : part) p = random_.Below(parts);
  for (HostIndex from = 0; from < links_.hosts(); ++from) {
    for (HostIndex to = 0; to < links_.hosts(); ++to) {
      if (part[from] != part[to]) episode.links.emplace_back(from, to);
    }
  }
  Cut(episode, 1);
}

void FaultInjector::Cut(const Episode& episode, int change) {
  for (const Pair& pair : episode.links) {
    uint32_t& cuts = links_.at(pair.first, pair.second).cuts;
    cuts = static_cast<uint32_t>(static_cast<int>(cuts) + change);
  }
}

bool FaultInjector::IsAnyPaused(const FaultTarget& target) const {
  for (HostIndex host = 0; host < links_.hosts(); ++host) {
    if (target.hosts()[host].state == HostState::kPaused) return true;
  }
  return false;
}

void FaultInjector::BeginOnProcess(const Fault& fault, Episode& episode, Duration length,
                                   FaultTarget& target) {
  episode.host = AnyHost();
  const HostState state = target.hosts()[episode.host].state;
  const bool runs = state == HostState::kRunning || state == HostState::kPaused;
  switch (fault.kind) {
    case FaultKind::kPause:
      if (state == HostState::kRunning && !(plan_.one_pause && IsAnyPaused(target)))
        target.Pause(episode.host);
      return;
    case FaultKind::kCrash:
      if (runs && target.MayCrash(episode.host)) target.CrashAmidOutput(episode.host, length);
      return;
    case FaultKind::kCrashAtChange:
      target.CrashAtViewChange(length);
      return;
    case FaultKind::kPowerLoss:
      if (runs && target.MayCrash(episode.host)) target.LosePower(episode.host, length);
      return;
    default:
      if (state == HostState::kRunning && target.MayCrash(episode.host)) {
        target.Leave(episode.host, length);
      }
  }
}

void FaultInjector::OnFaultEnd(uint64_t index, Scheduler& scheduler, FaultTarget& target) {
  if (index >= episodes_.size() || stopped_) return;
  Episode& episode = episodes_[index];
  if (episode.repeats > 0) {
    --episode.repeats;
    if (episode.kind == FaultKind::kFlap) {
      episode.on = !episode.on;
      Cut(episode, episode.on ? 1 : -1);
    } else if (episode.repeats > 6) {  // Swizzle: one link more is cut ...
      const Pair pair(AnyHost(), AnyHost());
      if (pair.first != pair.second) {
        episode.links.push_back(pair);
        ++links_.at(pair.first, pair.second).cuts;
      }
    } else if (!episode.links.empty()) {  // ... and one heals.
      const size_t at = random_.Below(episode.links.size());
      --links_.at(episode.links[at].first, episode.links[at].second).cuts;
      episode.links.erase(episode.links.begin() + static_cast<std::ptrdiff_t>(at));
    }
    scheduler.After(episode.period, {Task::Kind::kFaultEnd, false, 0, index, {}});
    return;
  }
  End(episode, target);
}

void FaultInjector::End(Episode& episode, FaultTarget& target) {
  if (IsCut(episode.kind)) {
    if (episode.on) Cut(episode, -1);
  } else if (IsOnLinks(episode.kind)) {
    for (const Pair& pair : episode.links) Restore(episode.kind, pair);
  } else if (episode.kind == FaultKind::kPause) {
    target.Resume(episode.host);
  }
  if (IsOnLinks(episode.kind) && !episode.links.empty()) {
    target.Note(std::string("end of ") + ToString(episode.kind));
  }
  episode.links.clear();
  episode.on = false;
}

void FaultInjector::Stop(FaultTarget& target) {
  for (Episode& episode : episodes_) End(episode, target);
  stopped_ = true;
  links_.Heal();
}

std::string FaultInjector::Describe(const Episode& episode) const {
  std::string text = std::string("fault ") + ToString(episode.kind);
  if (!IsOnLinks(episode.kind)) return text + " host " + std::to_string(episode.host);
  for (size_t i = 0; i < std::min<size_t>(episode.links.size(), 12); ++i) {
    text += " " + std::to_string(episode.links[i].first) + ">" +
            std::to_string(episode.links[i].second);
  }
  return text + (episode.links.size() > 12 ? " ..." : "");
}

}  // namespace cohort::sim
