#include "cohort/testing/sim_group.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "testing/sim_world.h"

namespace cohort::testing {

using sim::HostIndex;

SimGroup::SimGroup(const std::vector<std::string>& names, const SimOptions& options)
    : world_(std::make_shared<SimWorld>(names, options)) {}

SimGroup::~SimGroup() {
  const SimOptions& options = world_->options();
  if (!options.failed || !options.failed()) return;
  std::fprintf(stderr, "%sto replay: seed %llu\n", timeline().c_str(),
               static_cast<unsigned long long>(options.seed));
}

absl::Duration SimGroup::now() const { return world_->now(); }
void SimGroup::RunFor(absl::Duration duration) { world_->RunFor(duration); }
bool SimGroup::RunUntil(const std::function<bool()>& condition, absl::Duration timeout) {
  return world_->RunUntil(condition, timeout);
}
bool SimGroup::RunUntilOneView(absl::Duration timeout) {
  return world_->RunUntil([this] { return world_->IsOneView(); }, timeout);
}

bool SimGroup::alive(std::string_view member) const {
  return world_->EngineOf(world_->Find(member)) != nullptr;
}
View SimGroup::view(std::string_view member) const {
  const engine::Engine* engine = world_->EngineOf(world_->Find(member));
  return engine != nullptr ? engine->view() : View();
}
bool SimGroup::synced(std::string_view member) const {
  const engine::Engine* engine = world_->EngineOf(world_->Find(member));
  return engine != nullptr && engine->synced();
}
bool SimGroup::writable(std::string_view member) const {
  const engine::Engine* engine = world_->EngineOf(world_->Find(member));
  return engine != nullptr && engine->writable();
}
const std::vector<Event>& SimGroup::events(std::string_view member) const {
  return world_->EventsOf(world_->Find(member));
}
SimMap SimGroup::map(std::string_view member, std::string_view name, const MapOptions& options) {
  const HostIndex host = world_->Find(member);
  world_->OpenMap(host, name, options);
  return SimMap(world_, host, name);
}

SimChannel SimGroup::channel(std::string_view member, std::string_view name) {
  return SimChannel(world_, world_->Find(member), name);
}

SimLockService SimGroup::locks(std::string_view member, std::string_view map) {
  const HostIndex host = world_->Find(member);
  world_->LocksOf(host, map).status().IgnoreError();
  return SimLockService(world_, host, map);
}

void SimGroup::Kill(std::string_view member) { world_->Kill(world_->Find(member)); }
void SimGroup::Start(std::string_view member) { world_->Start(world_->Find(member)); }
void SimGroup::Pause(std::string_view member) { world_->Pause(world_->Find(member)); }
void SimGroup::Resume(std::string_view member) { world_->Resume(world_->Find(member)); }

void SimGroup::Cut(std::string_view one, std::string_view other) {
  const HostIndex a = world_->Find(one);
  const HostIndex b = world_->Find(other);
  world_->links().at(a, b).cuts = 1;
  world_->links().at(b, a).cuts = 1;
  world_->Note("CUT " + std::string(one) + " and " + std::string(other));
}

void SimGroup::Partition(const std::vector<std::vector<std::string>>& sides) {
  sim::Links& links = world_->links();
  std::vector<size_t> side_of(links.hosts(), sides.size());
  std::string words = "PARTITION";
  for (size_t side = 0; side < sides.size(); ++side) {
    words += side == 0 ? " " : " | ";
    for (const std::string& member : sides[side]) {
      side_of[world_->Find(member)] = side;
      words += member + " ";
    }
  }
  for (HostIndex a = 0; a < links.hosts(); ++a) {
    for (HostIndex b = 0; b < links.hosts(); ++b)
      links.at(a, b).cuts = side_of[a] == side_of[b] ? 0 : 1;
  }
  world_->Note(words);
}

void SimGroup::SetLoss(double share) {
  sim::Links& links = world_->links();
  for (HostIndex a = 0; a < links.hosts(); ++a) {
    for (HostIndex b = 0; b < links.hosts(); ++b) {
      if (a != b) links.at(a, b).loss = std::clamp(share, 0.0, 1.0);
    }
  }
  world_->Note("LOSS " + std::to_string(share));
}

void SimGroup::Heal() {
  world_->links().Heal();
  world_->Note("HEALED");
}

std::string SimGroup::timeline() const { return world_->Report(); }

}  // namespace cohort::testing
