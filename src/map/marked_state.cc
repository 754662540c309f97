#include "map/marked_state.h"

#include <utility>

#include "map/limits.h"

namespace cohort::map {
namespace {

Uint128 Whole(const Digest& digest) { return (static_cast<Uint128>(digest.hi) << 64) | digest.lo; }

}  // namespace

MarkedState::MarkedState(const MapSet& maps) : options_(maps.options()), gathered_(options_) {
  for (uint32_t id = 0; id < maps.size(); ++id) {
    if (maps.Get(id)->convergent()) maps_.push_back({id, maps.Get(id)->ShareBuckets()});
  }
}

void MarkedState::Join(Bytes message, const ConvergentPlace& place) {
  if (bytes_ > kMarkedBytesMax) return;
  bytes_ += message.size() + kMarkedOperationBytes;
  if (bytes_ > kMarkedBytesMax) {
    gathered_.ForgetEarly();
    return;
  }
  Output ignored;
  ignored.wants_changes = false;
  gathered_.Join(message, place, ignored);
}

std::optional<Digest> MarkedState::JoinedDigest() const {
  if (bytes_ > kMarkedBytesMax) return std::nullopt;
  Uint128 sum = 0;
  for (const One& one : maps_) sum += DigestInSet(one.id, DigestOf(one));
  return Digest::Of(sum);
}

// A map's digest is a sum over its entries, so those that nothing was gathered for need not be
// looked at: of them the sum stays.
Digest MarkedState::DigestOf(const One& one) const {
  const ConvergentMap* gathered = gathered_.FindEarly(one.base.name());
  if (gathered == nullptr) return one.base.digest();
  Map::Options options;
  options.hash_key = options_.hash_key;
  options.id = one.id;
  options.settings = one.base.state().settings;
  ConvergentMap joined(one.base.name(), options);
  joined.RestoreState(one.base.state());
  const bool clears = one.base.state().cleared < gathered->state().cleared;
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
    const SortedEntries written = gathered->EntriesOf(bucket);
    if (written.empty() && !clears) continue;
    for (const auto& [key, entry] : one.base.EntriesOf(bucket)) {
      if (clears || gathered->Find(*key) != nullptr) joined.Restore(*key, *entry);
    }
  }
  const Uint128 rest = Whole(one.base.digest()) - Whole(joined.digest());
  Output ignored;
  ignored.wants_changes = false;
  joined.Absorb(*gathered, ignored);
  return Digest::Of(Whole(joined.digest()) + rest);
}

}  // namespace cohort::map
