#include "runtime/seed_table.h"

#include <algorithm>
#include <utility>

#include "base/absl_bridge.h"
#include "discovery/discovery.h"

namespace cohort::runtime {

SeedTable::SeedTable(std::vector<Seed> seeds, const Address& own, uint64_t random_seed)
    : own_(own), random_(random_seed) {
  for (Seed& seed : seeds) {
    Entry entry;
    entry.seed = std::move(seed);
    if (entry.seed.kind == Seed::Kind::kAddress) {
      entry.tried = true;
      entry.due = Instant::Infinite();
      if (entry.seed.address.family == own.family) entry.found = {entry.seed.address};
    }
    entries_.push_back(std::move(entry));
  }
  Output ignored;
  Merge(ignored);
}

bool SeedTable::has_names() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.seed.kind != Seed::Kind::kAddress; });
}

std::optional<size_t> SeedTable::Due(Instant now) const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].due <= now) return i;
  }
  return std::nullopt;
}

Instant SeedTable::NextDue() const {
  Instant next = Instant::Infinite();
  for (const Entry& entry : entries_) next = std::min(next, entry.due);
  return next;
}

bool SeedTable::all_tried() const {
  return std::all_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.tried; });
}

void SeedTable::OnLookedUp(Instant now, size_t index,
                           const absl::StatusOr<std::vector<Address>>& found, Output& out) {
  Entry& entry = entries_[index];
  entry.tried = true;
  if (!found.ok()) return OnFailed(now, entry, found.status(), out);
  entry.due = now + random_.Between(kSeedIntervalMin, kSeedIntervalMax);
  entry.retry = kSeedRetryMin;
  entry.event_due = Instant::Zero();
  entry.event_interval = kSeedEventIntervalMin;
  entry.found = *found;
  Merge(out);
}

void SeedTable::OnFailed(Instant now, Entry& entry, const absl::Status& status, Output& out) {
  entry.due = now + random_.Between(entry.retry - entry.retry / 10, entry.retry);
  entry.retry = std::min(2 * entry.retry, kSeedRetryMax);
  if (now < entry.event_due) return;
  entry.event_due = now + entry.event_interval;
  entry.event_interval = std::min(2 * entry.event_interval, kSeedEventIntervalMax);
  std::string text = "seed '" + entry.seed.text + "': " + std::string(ToStd(status.message()));
  text += entry.found.empty()
              ? "; it is looked up again and again: check the name, and the name servers of this "
                "host"
              : "; the " + std::to_string(entry.found.size()) +
                    " addresses that were found last are asked meanwhile";
  out.troubles.push_back(std::move(text));
}

void SeedTable::Merge(Output& out) {
  std::vector<Address> all;
  size_t surplus = 0;
  for (const Entry& entry : entries_) {
    for (const Address& address : entry.found) {
      if (address == own_ || std::find(all.begin(), all.end(), address) != all.end()) continue;
      if (all.size() < discovery::kSeedsMax) {
        all.push_back(address);
      } else {
        ++surplus;
      }
    }
  }
  if (surplus > 0 && !std::exchange(told_surplus_, true)) {
    out.troubles.push_back("the seeds stand for more than " + std::to_string(discovery::kSeedsMax) +
                           " addresses; only the first are asked, which is enough to find a group");
  }
  // Name servers like to answer in another order each time.
  std::vector<Address> sorted = all;
  std::vector<Address> before = addresses_;
  std::sort(sorted.begin(), sorted.end());
  std::sort(before.begin(), before.end());
  if (sorted == before) return;
  addresses_ = all;
  out.addresses = std::move(all);
}

}  // namespace cohort::runtime
