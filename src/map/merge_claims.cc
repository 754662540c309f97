#include "map/merge_claims.h"

#include <algorithm>
#include <utility>

namespace cohort::map {
namespace {

// Every stamp that a member gives after it has applied `stamp` is greater than the first.
Stamp JustAbove(const Stamp& stamp) { return {stamp.time + 1, 0}; }
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

void Yield(Registers& carried, const Registers& held, uint64_t base) {
  // Who had lost the entry when the sides parted could not end it any more, nor begin it anew. But
  // what a side of its own has ended is over, since nobody may revive what somebody has ended.
  if (held.IsAlive() && carried.created != held.created && carried.view > base) return;
  if (!held.IsAlive() || carried.created != held.created) {
    Registers nothing;
    nothing.claim = carried.claim;
    nothing.view = carried.view;
    carried = std::move(nothing);
    return;
  }
  carried.expired = held.expired;
  carried.ttl = held.ttl;
  carried.ttl_ms = held.ttl_ms;
  for (Attribute& attribute : carried.attributes) {
    const Attribute* other = held.Find(attribute.name);
    if (other != nullptr && !IsLater(attribute, *other)) continue;
    if (other == nullptr) {
      attribute.mark.stamp = JustAbove(held.created);
    } else if (other->view > base) {
      // Sent all the same: it is reported as lost.
      attribute.mark = {other->mark.life, JustBelow(other->mark.stamp)};
    } else {
      attribute.mark.stamp = JustAbove(other->mark.stamp);
    }
  }
}

void Prevail(Registers& carried, const Registers& held, uint64_t base) {
  if (!carried.IsAlive()) {
    if (held.created > carried.floor) carried.floor = JustAbove(held.created);
    carried.RaiseFloor(carried.floor);
    return;
  }
  if (carried.created < std::max(held.floor, held.created)) {
    if (held.view <= base) BeginAnew(carried, JustAbove(std::max(held.floor, held.created)));
    return;
  }
  if (carried.created != held.created) return;  // Begun anew: what the group has of it is over.
  if (Mark{carried.created, carried.Activity()} <= held.expired)
    carried.access = {carried.created, JustAbove(held.expired.stamp)};
  if (carried.ttl < held.ttl) carried.ttl = {held.ttl.life, JustAbove(held.ttl.stamp)};
  for (Attribute& attribute : carried.attributes) {
    const Attribute* other = held.Find(attribute.name);
    if (other != nullptr && attribute.view > base && IsLater(*other, attribute))
      attribute.mark = {other->mark.life, JustAbove(other->mark.stamp)};
  }
}

}  // namespace cohort::map
