// What a replica knows of the sides of a healed partition that are still being merged.
#include <algorithm>
#include <utility>

#include "engine/replica.h"

namespace cohort::engine {

void Replica::UpdateSides(const ViewInfo& view, Output& out) {
  if (options_.policy == Policy::kPrimary) return;  // Nothing is merged.
  for (const Carrier& carrier : view.carriers)
    SideOf(carrier.came_from).carriers.push_back({carrier.member, view.id.num});
  DropSidesWithoutCarriers(out);
  if (!view.joined) return;
  joined_in_ = view.id.num;
  carrier_index_ = 0;
  carriers_together_ = std::max<size_t>(1, view.carriers.size());
  for (size_t i = 0; i < view.carriers.size(); ++i) {
    if (view.carriers[i].member != view.self) continue;
    carrier_index_ = i;
    // Others count on this one to say that it is done, also if it turns out to bring nothing.
    if (carried_ == nullptr) carried_ = std::make_unique<map::MapSet>(options_.maps);
  }
}

Replica::Side& Replica::SideOf(const ViewId& came_from) {
  const auto known = std::find_if(sides_.begin(), sides_.end(),
                                  [&](const Side& s) { return s.came_from == came_from; });
  return known != sides_.end() ? *known : sides_.emplace_back(Side{came_from, {}});
}

void Replica::DropSidesWithoutCarriers(Output& out) {
  for (Side& side : sides_) {
    std::erase_if(side.carriers, [&](const Carrying& c) { return !IsMember(c.member); });
    if (side.carriers.empty()) ReportSide(side, out);
  }
  std::erase_if(sides_, [](const Side& side) { return side.carriers.empty(); });
}

// Spec 8.25. What this member has seen of it since it joined may have gaps, where it gave up what
// waited for the state, and what began before it has not seen at all.
void Replica::TakeSides(const transfer::Output::Sides& received, Output& out) {
  for (Side& side : sides_) {
    std::erase_if(side.carriers, [&](const Carrying& c) { return c.since <= received.view.num; });
  }
  for (const transfer::MergingSide& side : received.sides) {
    Side& known = SideOf(side.came_from);
    for (const MemberId& carrier : side.carriers)
      known.carriers.push_back({carrier, received.view.num});
    known.merged = known.merged || side.merged;
  }
  // Those that are done meanwhile were reported by the members that saw it.
  std::erase_if(sides_, [](const Side& side) { return side.carriers.empty(); });
  DropSidesWithoutCarriers(out);
}

std::vector<transfer::MergingSide> Replica::SidesForJoiners() const {
  std::vector<transfer::MergingSide> sides;
  for (const Side& side : sides_) {
    transfer::MergingSide& known = sides.emplace_back();
    known.came_from = side.came_from;
    known.merged = side.merged;
    for (const Carrying& carrying : side.carriers) known.carriers.push_back(carrying.member);
  }
  return sides;
}

void Replica::OnSideDone(const map::SideMerged& merged, Output& out) {
  for (Side& side : sides_) {
    if (std::erase_if(side.carriers, Carrying::IsOf(merged.carrier)) == 0) continue;
    side.merged = true;
    if (side.carriers.empty()) ReportSide(side, out);
  }
  std::erase_if(sides_, [](const Side& side) { return side.carriers.empty(); });
  // One of an earlier attempt may have waited in the send queue through an exclusion.
  const bool is_ours = merged.carrier == view_.self && carried_ != nullptr &&
                       merged.subgroup == carried_->history().last();
  if (!is_ours) return;
  ReportLeftOut(out);
  planner_.reset();
  carried_.reset();
}

bool Replica::AwaitsMerge(std::string_view map, std::string_view key) const {
  if (carried_ == nullptr) return false;
  const map::Map* const carried = carried_->Find(map);
  const map::Entry* const brought = carried == nullptr ? nullptr : carried->Find(key);
  if (brought == nullptr) return false;
  const map::Map* const held = maps_ == nullptr ? nullptr : maps_->Find(map);
  const map::Entry* const here = held == nullptr ? nullptr : held->Find(key);
  if (here == nullptr || here->version < brought->version) return true;
  // A claim is no version, and what its side wrote by it wins (11.26).
  const map::ConvergentMap* const claims = carried_->FindConvergent(map);
  const map::ConvergentMap* const claims_here = maps_->FindConvergent(map);
  return claims != nullptr && claims_here != nullptr && claims->HasLaterClaim(key, *claims_here);
}

// Spec 8.29. Of what this member has brought.
void Replica::ReportLeftOut(Output& out) const {
  const auto warn = [&](const map::Map& map, int64_t entries, std::string_view text) {
    Event event;
    event.kind = EventKind::kWarning;
    event.view = view_.id;
    event.subject = view_.self;
    event.number = entries;
    event.text = "map '" + map.name() + "' " + std::string(text);
    out.upcalls.emplace_back(EventUpcall{std::move(event)});
  };
  for (uint32_t id = 0; id < carried_->size(); ++id) {
    const map::Map& brought = *carried_->Get(id);
    const map::Map* const here = maps_->Find(brought.name());
    const auto entries = static_cast<int64_t>(brought.Size());
    if (here == nullptr) {
      const bool is_wanted = brought.state().configured || entries > 0;
      if (is_wanted && maps_->size() >= map::kMapsMax)
        warn(brought, entries,
             "of this side is left out of the merge: the group has 64 maps, which is the limit");
    } else if (here->convergent() != brought.convergent()) {
      warn(brought, entries,
           "of this side is left out of the merge: the other side has opened one of this name and "
           "another kind");
    } else if (brought.state().configured && here->state().settings != brought.state().settings) {
      warn(brought, 0,
           "has other settings now than it had on this side: those of the other side stay");
    }
  }
}

void Replica::ReportSide(const Side& side, Output& out) const {
  Event event;
  event.kind = side.merged ? EventKind::kMerged : EventKind::kWarning;
  event.view = view_.id;
  event.number = static_cast<int64_t>(side.conflicts);
  event.text = side.merged
                   ? "the entries of view " + side.came_from.ToString() + " are merged"
                   : "all members that brought the entries of view " + side.came_from.ToString() +
                         " are gone before these were merged: what only they held comes "
                         "back if one of them does";
  out.upcalls.emplace_back(EventUpcall{std::move(event)});
}

}  // namespace cohort::engine
