#include "map/merge_claims.h"

#include <algorithm>
#include <utility>

namespace cohort::map {
namespace {

// Every stamp that a member gives after it has applied `stamp` is greater than the first, as a
// member's word is hardly ever as low as an epoch. Where several sides bring such stamps the later
// claim's is the greater.
Stamp JustAbove(const Stamp& stamp, const Ownership& claim) {
  return {stamp.time + 1, claim.epoch};
}
Stamp JustBelow(const Stamp& stamp) {
  return stamp.time == 0 ? Stamp() : Stamp{stamp.time - 1, UINT64_MAX};
}

// Makes all that `registers` hold one life that begins now, so to speak.
void BeginAnew(Registers& registers, const Stamp& life) {
  const auto move = [&life](Mark& mark) { mark = {life, std::max(mark.stamp, life)}; };
  registers.floor = registers.created = life;
  registers.expired = {};
  move(registers.ttl);
  move(registers.access);
  for (Attribute& attribute : registers.attributes) move(attribute.mark);
}

}  // namespace

Ownership SettleClaims(const Ownership& ours, const Ownership& carried) {
  if (carried.epoch < ours.epoch || carried == ours) return ours;
  return {carried.epoch, kNobody};
}

void Yield(Registers& carried, const Registers& held, uint64_t base, bool went_on) {
  const bool is_over = carried.created == Stamp();
  const bool ends = is_over && carried.floor > held.created;
  const bool is_another = !is_over && carried.created != held.created;
  // Who had lost the entry when the sides parted could not end it any more, nor begin it anew. But
  // what a side of its own has ended is over, since nobody may revive what somebody has ended.
  if ((ends || is_another) && went_on) return;
  // Of a life that the group has ended: it is dropped there, and reported.
  if (is_another && carried.created < held.floor) return;
  if (is_over || is_another) {
    Registers nothing;
    nothing.claim = carried.claim;
    nothing.view = carried.view;
    carried = std::move(nothing);
    return;
  }
  carried.expired = held.expired;  // What is later shows it again (11.15).
  carried.ttl = held.ttl;
  carried.ttl_ms = held.ttl_ms;
  for (Attribute& attribute : carried.attributes) {
    const Attribute* other = held.Find(attribute.name);
    if (other != nullptr && !IsLater(attribute, *other)) continue;
    if (other == nullptr) {
      attribute.mark.stamp = JustAbove(held.created, carried.claim);
    } else if (other->view > base) {
      // Sent all the same: it is reported as lost.
      attribute.mark = {other->mark.life, JustBelow(other->mark.stamp)};
    } else {
      attribute.mark.stamp = JustAbove(other->mark.stamp, carried.claim);
    }
  }
}

void Prevail(Registers& carried, const Registers& held, uint64_t base, bool went_on) {
  if (!carried.IsAlive()) {
    // What has only expired is shown again by what the group wrote later (11.15).
    if (carried.created == held.created || carried.expired.life == held.created) return;
    if (held.created > carried.floor) carried.floor = JustAbove(held.created, carried.claim);
    carried.RaiseFloor(carried.floor);
    return;
  }
  const Ownership claim = carried.claim;
  if (carried.created < std::max(held.floor, held.created)) {
    const Stamp& end = std::max(held.floor, held.created);
    if (held.view <= base && !went_on) BeginAnew(carried, JustAbove(end, claim));
    return;
  }
  if (carried.created != held.created) return;  // Begun anew: what the group has of it is over.
  if (Mark{carried.created, carried.Activity()} <= held.expired)
    carried.access = {carried.created, JustAbove(held.expired.stamp, claim)};
  if (carried.ttl < held.ttl) carried.ttl = {held.ttl.life, JustAbove(held.ttl.stamp, claim)};
  for (Attribute& attribute : carried.attributes) {
    const Attribute* other = held.Find(attribute.name);
    if (other != nullptr && attribute.view > base && IsLater(*other, attribute))
      attribute.mark = {other->mark.life, JustAbove(other->mark.stamp, claim)};
  }
}

}  // namespace cohort::map
