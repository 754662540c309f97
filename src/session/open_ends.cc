#include "session/open_ends.h"

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

bool OpenEnds::Settle(std::string_view key, const absl::Status& status) {
  const auto found = ends_.find(ToAbsl(key));
  if (found == ends_.end()) return status.ok();
  Slot& slot = found->second;
  const bool has_happened = status.ok() || slot.has_happened;
  if (has_happened || IsRefusal(status) || ends_.size() > kOpenEndsMax) {
    ends_.erase(found);
    return has_happened;
  }
  slot.is_open = false;
  return false;
}

std::optional<OpenEnd> OpenEnds::OnTold(std::string_view key) {
  const auto found = ends_.find(ToAbsl(key));
  if (found == ends_.end()) return std::nullopt;
  if (found->second.is_open) {
    found->second.has_happened = true;
    return std::nullopt;
  }
  OpenEnd end = std::move(found->second.end);
  ends_.erase(found);
  return end;
}

size_t OpenEnds::open() const {
  size_t count = 0;
  for (const auto& [key, slot] : ends_) count += slot.is_open ? 1 : 0;
  return count;
}

}  // namespace cohort::session
