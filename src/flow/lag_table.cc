#include "flow/lag_table.h"

#include <algorithm>

namespace cohort::flow {
namespace {

constexpr int kMeanSamples = 50;  // The mean forgets in about so many.
constexpr int kStoodStillSamples = 15;

}  // namespace

void LagTable::OnView(const std::vector<std::optional<Rank>>& before) {
  std::vector<Row> rows(before.size() <= kLagMembersMax ? before.size() : 0);
  for (Rank rank = 0; rank < rows.size(); ++rank) {
    if (!before[rank] || *before[rank] >= rows_.size()) continue;
    const Row& known = rows_[*before[rank]];
    if (!known.degraded) continue;
    rows[rank] = {.reached = {},
                  .mean = known.mean,
                  .worst = known.worst,
                  .behind = known.behind,
                  .degraded = true,
                  .since = known.since};
  }
  rows_ = std::move(rows);
  next_ = Instant();
  last_.reset();
}

// What more than half of the other members hold, over all senders.
uint64_t LagTable::ReachedByOthers(const wire::AckTable& acks, Rank member) {
  uint64_t sum = 0;
  for (Rank origin = 0; origin < acks.members(); ++origin) {
    scratch_.clear();
    for (Rank holder = 0; holder < acks.members(); ++holder) {
      if (holder != member) scratch_.push_back(acks.Get(holder, origin));
    }
    const auto middle = scratch_.begin() + static_cast<std::ptrdiff_t>((scratch_.size() - 1) / 2);
    std::nth_element(scratch_.begin(), middle, scratch_.end());
    sum += *middle;
  }
  return sum;
}

void LagTable::Begin(Instant now) {
  for (Row& row : rows_) {
    row.reached.clear();
    row.mean = Duration(0);
    row.behind = false;
    row.since = now;
  }
}

void LagTable::Sample(Instant now, const wire::AckTable& acks, bool writers_wait,
                      std::vector<Change>& changes) {
  if (now < next_ || acks.members() != rows_.size()) return;
  if (rows_.size() < 2) return Release(changes);
  if (!last_) {
    for (Row& row : rows_) row.since = now;
  } else if (now - *last_ > kStoodStillSamples * options_.sample_every) {
    Begin(now);
  }
  last_ = now;
  next_ = now + options_.sample_every;
  for (Rank member = 0; member < rows_.size(); ++member) Measure(member, acks);
  for (Rank member = 0; member < rows_.size(); ++member) Judge(now, member, writers_wait, changes);
}

// Who is alone is behind nobody.
void LagTable::Release(std::vector<Change>& changes) {
  if (rows_.empty() || !rows_[0].degraded) return;
  changes.push_back({0, false, rows_[0].worst});
  rows_[0] = Row{};
}

void LagTable::Measure(Rank member, const wire::AckTable& acks) {
  Row& row = rows_[member];
  if (row.reached.size() == kLagSamplesMax) row.reached.pop_front();
  row.reached.push_back(ReachedByOthers(acks, member));
  uint64_t held = 0;
  for (Rank origin = 0; origin < acks.members(); ++origin) held += acks.Get(member, origin);
  // Samples only grow, so those it has come up to are the oldest.
  const auto ahead = std::upper_bound(row.reached.begin(), row.reached.end(), held);
  const Duration lag = options_.sample_every * (row.reached.end() - ahead);
  row.mean += (lag - row.mean) / kMeanSamples;
}

Duration LagTable::MeanOfOthers(Rank member) const {
  std::vector<Duration> means;
  means.reserve(rows_.size());
  for (Rank other = 0; other < rows_.size(); ++other) {
    if (other != member) means.push_back(rows_[other].mean);
  }
  const auto middle = means.begin() + static_cast<std::ptrdiff_t>((means.size() - 1) / 2);
  std::nth_element(means.begin(), middle, means.end());
  return *middle;
}

void LagTable::Judge(Instant now, Rank member, bool writers_wait, std::vector<Change>& changes) {
  Row& row = rows_[member];
  // Half of it, once it is: so that a lag around the limit does not flicker.
  const int half = row.behind ? 2 : 1;
  const bool behind = row.mean * half >= options_.behind_from &&
                      row.mean * half >= options_.behind_times * MeanOfOthers(member);
  if (behind != row.behind) {
    row.behind = behind;
    row.since = now;
  }
  const Duration lasting = now - row.since;
  if (behind && !row.degraded && lasting >= options_.degraded_after) {
    row.degraded = true;
    row.worst = row.held_back = Duration(0);
    changes.push_back({member, true, row.mean});
  }
  if (!row.degraded) return;
  row.worst = std::max(row.worst, row.mean);
  if (behind && writers_wait) row.held_back += options_.sample_every;
  if (behind || lasting < options_.recovered_after) return;
  row.degraded = false;
  changes.push_back({member, false, row.worst});
}

Duration LagTable::worst() const {
  Duration worst{0};
  for (const Row& row : rows_) worst = std::max(worst, row.mean);
  return worst;
}

}  // namespace cohort::flow
