#include "sim/fault_plan.h"

#include <algorithm>
#include <cstdio>

namespace cohort::sim {
namespace {

constexpr const char* kFaultNames[] = {
    "loss", "burst",  "multicast-loss", "duplicate",  "reorder", "corrupt",
    "slow", "narrow", "one-way",        "split",      "flap",    "swizzle",
    "stop", "kill",   "kill-at-change", "power-loss", "leave"};
static_assert(std::size(kFaultNames) == static_cast<size_t>(FaultKind::kCount));

struct NamedMix {
  const char* name;
  FaultMix mix;
};

using enum FaultKind;

const std::vector<NamedMix>& Mixes() {
  static const std::vector<NamedMix> mixes = {
      {"mixed",
       {{kLoss, kBurst, kMulticastLoss, kDuplicate, kReorder, kCorrupt, kSlow, kOneWay, kPartition,
         kFlap, kSwizzle, kPause, kCrash, kCrashAtChange, kPowerLoss, kLeave},
        false,
        false}},
      {"none", {{}, false, true}},
      {"loss", {{kLoss, kDuplicate, kReorder}, true, true}},
      {"network",
       {{kLoss, kBurst, kMulticastLoss, kDuplicate, kReorder, kCorrupt, kSlow}, false, false}},
      {"partition", {{kPartition, kOneWay, kFlap, kSwizzle}, false, false}},
      {"crash", {{kCrash, kCrashAtChange, kPowerLoss}, false, true}},
      {"churn", {{kLeave, kCrash}, false, true}},
      {"pause", {{kPause}, false, true}},
      {"patience", {{kPause}, true, true, true}},
      {"jumbo",
       {.kinds = {kLoss, kBurst, kMulticastLoss, kDuplicate, kReorder, kCorrupt, kSlow, kOneWay,
                  kPartition, kFlap, kPause, kCrash, kCrashAtChange, kPowerLoss, kLeave},
        .jumbo = true}},
      {"sessions",
       {.kinds = {kLoss, kDuplicate, kSlow, kOneWay, kPartition, kFlap, kSwizzle, kPause, kCrash,
                  kCrashAtChange, kPowerLoss, kLeave},
        .sessions = true}},
  };
  return mixes;
}

double LogUniform(double low, double high, Random& random) {
  // A geometric ladder of 64 steps: exact everywhere, unlike exp().
  const uint64_t steps = random.Below(65);
  double ratio = high / low;
  // 64th root by six square roots, which IEEE rounds alike on all machines.
  for (int i = 0; i < 6; ++i) ratio = __builtin_sqrt(ratio);
  double value = low;
  for (uint64_t i = 0; i < steps; ++i) value *= ratio;
  return value;
}

Duration Milliseconds(double ms) { return Duration(static_cast<int64_t>(ms * 1e6)); }

Fault DrawFault(FaultKind kind, bool gentle, Random& random) {
  Fault fault;
  fault.kind = kind;
  fault.strength = gentle ? LogUniform(0.005, 0.1, random) : LogUniform(0.01, 1.0, random);
  fault.interval_mean = Milliseconds(LogUniform(500, 8000, random));
  fault.length_mean = Milliseconds(LogUniform(50, 6000, random));
  return fault;
}

}  // namespace

const char* ToString(FaultKind kind) { return kFaultNames[static_cast<size_t>(kind)]; }

std::string FaultPlan::ToString() const {
  if (faults.empty()) return "no faults";
  std::string text = loss > 0 ? "a tenth of all packets is lost" : "";
  for (const Fault& fault : faults) {
    char line[120];
    std::snprintf(line, sizeof(line), "%s%s strength %.3f every %lld ms for %lld ms",
                  text.empty() ? "" : "; ", sim::ToString(fault.kind), fault.strength,
                  static_cast<long long>(fault.interval_mean.count() / 1'000'000),
                  static_cast<long long>(fault.length_mean.count() / 1'000'000));
    text += line;
  }
  return text;
}

bool FindMix(std::string_view name, FaultMix& mix) {
  for (const NamedMix& named : Mixes()) {
    if (name != named.name) continue;
    mix = named.mix;
    return true;
  }
  for (size_t kind = 0; kind < std::size(kFaultNames); ++kind) {
    if (name != kFaultNames[kind]) continue;
    mix = {{static_cast<FaultKind>(kind)}, false, true};
    mix.jumbo = mix.kinds.front() == kNarrow;
    if (mix.jumbo) mix.kinds.clear();
    return true;
  }
  return false;
}

std::string MixNames() {
  std::string names;
  for (const NamedMix& named : Mixes())
    names += (names.empty() ? "" : ", ") + std::string(named.name);
  for (const char* name : kFaultNames) names += std::string(", ") + name;
  return names;
}

FaultPlan DrawFaultPlan(const FaultMix& mix, Random& random) {
  FaultPlan plan;
  std::vector<FaultKind> kinds = mix.kinds;
  // Shuffled, so that a prefix is a draw without repetition.
  for (size_t i = kinds.size(); i > 1; --i) std::swap(kinds[i - 1], kinds[random.Below(i)]);
  const size_t wanted =
      mix.all ? kinds.size() : std::min<size_t>(kinds.size(), random.Between(2, 5));
  kinds.resize(wanted);
  std::sort(kinds.begin(), kinds.end());
  for (const FaultKind kind : kinds) plan.faults.push_back(DrawFault(kind, mix.gentle, random));
  if (mix.jumbo) plan.faults.push_back(DrawFault(kNarrow, mix.gentle, random));
  if (mix.patience) {
    plan.loss = 0.1;
    plan.one_pause = true;
    plan.faults.front().interval_mean = seconds(20);
    plan.faults.front().length_mean = milliseconds(2500);
  }
  return plan;
}

}  // namespace cohort::sim
