#include "session/open_ends.h"

#include <algorithm>
#include <utility>

#include "base/absl_bridge.h"

namespace cohort::session {

void OpenEnds::Begin(std::string_view key, OpenEnd end, absl::Time now) {
  if (ends_.size() >= kOpenEndsMax) {
    absl::erase_if(
        ends_, [&](const auto& item) { return !item.second.is_open && item.second.until <= now; });
  }
  Slot& slot = ends_[ToAbsl(key)];
  slot.end = std::move(end);
  slot.until = now + kOpenEndsTime;
}

bool OpenEnds::Settle(std::string_view key, const absl::Status& status, IsSettled is_settled) {
  const auto found = ends_.find(ToAbsl(key));
  if (found == ends_.end()) return status.ok();
  Slot& slot = found->second;
  const bool has_happened = status.ok() || (slot.has_happened && is_settled(slot.version));
  if (has_happened || IsRefusal(status) || ends_.size() > kOpenEndsMax) {
    ends_.erase(found);
    return has_happened;
  }
  slot.is_open = false;
  return false;
}

std::optional<OpenEnd> OpenEnds::OnTold(std::string_view key, const Version& version,
                                        IsSettled is_settled) {
  const auto found = ends_.find(ToAbsl(key));
  if (found == ends_.end()) return std::nullopt;
  if (found->second.is_open || !is_settled(version)) {
    found->second.has_happened = true;
    found->second.version = version;
    return std::nullopt;
  }
  OpenEnd end = std::move(found->second.end);
  ends_.erase(found);
  return end;
}

bool OpenEnds::IsHeld(std::string_view id) const {
  return std::any_of(ends_.begin(), ends_.end(), [id](const auto& item) {
    return item.second.IsHeld() && item.second.end.id == id;
  });
}

bool OpenEnds::HoldsAny() const {
  return std::any_of(ends_.begin(), ends_.end(),
                     [](const auto& item) { return item.second.IsHeld(); });
}

std::vector<OpenEnd> OpenEnds::TakeSettled(IsSettled is_settled) {
  std::vector<OpenEnd> settled;
  absl::erase_if(ends_, [&](auto& item) {
    if (!item.second.IsHeld() || !is_settled(item.second.version)) return false;
    settled.push_back(std::move(item.second.end));
    return true;
  });
  return settled;
}

size_t OpenEnds::open() const {
  size_t count = 0;
  for (const auto& [key, slot] : ends_) count += slot.is_open ? 1 : 0;
  return count;
}

}  // namespace cohort::session
