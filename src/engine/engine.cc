#include "engine/engine.h"

#include <utility>

#include "engine/core.h"

namespace cohort::engine {

Engine::Engine(EngineOptions options, const std::array<std::byte, 32>& entropy)
    : core_(std::make_unique<Core>(std::move(options), entropy)) {}
Engine::~Engine() = default;

void Engine::Start(Instant now, int64_t unix_ms, Output& out) { core_->Start(now, unix_ms, out); }
void Engine::OnDatagrams(Instant now, std::span<const Datagram> datagrams, Output& out) {
  core_->OnDatagrams(now, datagrams, out);
}
void Engine::OnStream(Instant now, const StreamEvent& event, Output& out) {
  core_->OnStream(now, event, out);
}
void Engine::OnHost(Instant now, const HostEvent& event, Output& out) {
  core_->OnHost(now, event, out);
}
void Engine::OnTimer(Instant now, Output& out) { core_->OnTimer(now, out); }
void Engine::SetSeeds(Instant now, std::span<const Address> seeds, Output& out) {
  core_->SetSeeds(now, seeds, out);
}
Instant Engine::NextDeadline() const { return core_->NextDeadline(); }

absl::Status Engine::Execute(Instant now, const Command& command, Output& out) {
  return core_->Execute(now, command, out);
}

MemberId Engine::self() const { return core_->self(); }
const View& Engine::view() const { return core_->view(); }
bool Engine::synced() const { return core_->replica().synced(); }
bool Engine::merging() const {
  return core_->replica().has_to_merge() || core_->replica().merging_sides() > 0;
}
bool Engine::AwaitsMerge(std::string_view map, std::string_view key) const {
  return core_->replica().AwaitsMerge(map, key);
}
bool Engine::joined() const { return core_->joined(); }
uint64_t Engine::settled() const {
  return core_->goes_on() && !merging() ? core_->replica().settled() : 0;
}
bool Engine::writable() const { return core_->writable(); }
bool Engine::in_place() const { return core_->in_place(); }
bool Engine::draining() const { return core_->draining(); }
uint64_t Engine::NextHlc(Instant now) { return core_->NextHlc(now); }
int64_t Engine::GroupTimeMs(Instant now) const { return core_->GroupTimeMs(now); }

const map::Map* Engine::FindMap(uint32_t id) const {
  const map::MapSet* maps = core_->replica().maps();
  return maps == nullptr ? nullptr : maps->Get(id);
}

const map::ConvergentMap* Engine::FindConvergent(uint32_t id) const {
  const map::MapSet* maps = core_->replica().maps();
  return maps == nullptr ? nullptr : maps->GetConvergent(id);
}

std::optional<uint32_t> Engine::MapId(std::string_view name) const {
  const map::MapSet* maps = core_->replica().maps();
  const map::Map* map = maps == nullptr ? nullptr : maps->Find(name);
  if (map == nullptr) return std::nullopt;
  return map->id();
}

void Engine::WatchMap(std::string_view name, bool wanted) { core_->replica().Watch(name, wanted); }
EngineStats Engine::stats() const { return core_->Stats(); }
bool Engine::IsConsistent() const { return core_->IsConsistent(); }

std::string_view TakeMapName(const Engine& engine, ChangeUpcall& change, std::string& gone) {
  if (change.map == ChangeUpcall::kNoMap) {
    gone = std::exchange(change.key, {});
    return gone;
  }
  const map::Map* map = engine.FindMap(change.map);
  return map == nullptr ? std::string_view() : map->name();
}

}  // namespace cohort::engine
