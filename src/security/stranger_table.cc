#include "security/stranger_table.h"

#include <utility>

#include "base/check.h"

namespace cohort::security {

PacketOpener* StrangerTable::Find(const MemberId& stranger) {
  const auto it = by_id_.find(stranger);
  return it == by_id_.end() ? nullptr : it->second->get();
}

void StrangerTable::Touch(const MemberId& stranger, std::unique_ptr<PacketOpener> opener) {
  if (const auto it = by_id_.find(stranger); it != by_id_.end()) {
    recent_.splice(recent_.begin(), recent_, it->second);
    return;
  }
  COHORT_CHECK(opener != nullptr);
  if (by_id_.size() == kStrangersMax) {
    by_id_.erase(recent_.back()->sender());
    recent_.pop_back();
  }
  recent_.push_front(std::move(opener));
  by_id_.emplace(stranger, recent_.begin());
}

void StrangerTable::Clear() {
  by_id_.clear();
  recent_.clear();
}

}  // namespace cohort::security
