// Operations and places for tests of the map and of its transfer.
#ifndef COHORT_TESTS_MAP_MAP_BUILDERS_H_
#define COHORT_TESTS_MAP_MAP_BUILDERS_H_

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "map/limits.h"
#include "map/map_op_codec.h"
#include "map/map_set.h"

namespace cohort::map {

inline constexpr uint64_t kHour = 3'600'000;
inline uint64_t HlcAt(GroupTime ms) { return static_cast<uint64_t>(ms) << 16; }

inline MemberId Writer(uint64_t number) { return {{number, number * 7 + 1}, 0}; }
inline ViewId ViewNo(uint64_t num, uint64_t side = 0) { return {num, num * 1000 + side}; }

template <class Body>
MapOp OpOf(Body body, GroupTime ms = 1000, std::string_view map = "m") {
  MapOp op;
  op.map = map;
  op.hlc = HlcAt(ms);
  op.body = std::move(body);
  return op;
}

// What no delta makes smaller.
inline std::string Noise(Random& random, size_t size = kDeltaValueMin) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Below(256));
  return bytes;
}

// With bytes changed, cut, doubled and inserted, or none.
inline std::string Mutated(std::string bytes, Random& random) {
  for (uint64_t n = random.Below(4); n > 0 && !bytes.empty(); --n) {
    const size_t at = random.Below(bytes.size());
    switch (random.Below(4)) {
      case 0:
        bytes[at] = static_cast<char>(random.Below(256));
        break;
      case 1:
        bytes.resize(at);
        break;
      case 2:
        bytes += bytes.substr(at);
        break;
      default:
        bytes.insert(at, 1, static_cast<char>(random.Below(256)));
    }
  }
  return bytes;
}

// One member's state, fed operation by operation.
class Replica {
 public:
  explicit Replica(const MapSettings& settings = {}, uint64_t side = 0)
      : side_(side), maps_(std::make_unique<MapSet>(MapSet::Options{77, settings})) {
    View(1, 0);
  }

  // `shared`: the view exists on both sides of a partition.
  void View(uint64_t num) { View(num, side_); }
  void View(uint64_t num, uint64_t side) {
    view_ = ViewNo(num, side);
    position_ = 0;
    maps_->OnView(view_);
  }
  Place NextPlace(uint64_t writer = 1) { return {view_, ++position_, Writer(writer)}; }

  ApplyResult Apply(const MapOp& op, uint64_t writer = 1) {
    return maps_->Apply(EncodeMapOp(op), NextPlace(writer), out_);
  }
  ApplyResult Apply(Bytes op, const Place& place) { return maps_->Apply(op, place, out_); }
  template <class Body>
  ApplyResult Do(Body body, GroupTime ms = 1000, uint64_t writer = 1) {
    return Apply(OpOf(std::move(body), ms), writer);
  }

  OrderedMap& map() { return *maps_->Create("m"); }
  MapSet& maps() { return *maps_; }
  std::unique_ptr<MapSet> TakeMaps() { return std::move(maps_); }
  Output& out() { return out_; }
  ViewId view() const { return view_; }

  std::string Value(std::string_view key, GroupTime now = 1000) {
    const std::optional<Buffer> value = map().Get(key, now);
    return value.has_value() ? std::string(value->text()) : "(absent)";
  }

 private:
  uint64_t side_;
  ViewId view_;
  uint64_t position_ = 0;
  std::unique_ptr<MapSet> maps_;
  Output out_;
};

// Random operations on few keys, so that they meet. Keeps the strings its operations borrow.
class OpSource {
 public:
  OpSource(Random& random, size_t keys) : random_(random), keys_(keys) {}

  std::string_view Key() { return Keep("key-" + std::to_string(random_.Below(keys_))); }
  std::string_view Value() {
    if (random_.Chance(0.4)) return Keep(std::to_string(random_.Below(1000)));
    const size_t size = random_.Chance(0.05) ? random_.Below(3000) : random_.Below(20);
    return Keep(std::string(size, static_cast<char>('a' + random_.Below(26))));
  }
  uint64_t Ttl() { return random_.Chance(0.6) ? 0 : random_.Between(1, 2000); }

  // `version_of`: what a writer would have read, for conditions on versions.
  template <class VersionOf>
  BatchItem Item(GroupTime now, VersionOf version_of) {
    const std::string_view key = Key();
    const auto condition =
        random_.Chance(0.6) ? Condition::kNone : static_cast<Condition>(random_.Below(4));
    const Version version = random_.Chance(0.8) ? version_of(key) : Version{5, 5};
    switch (random_.Below(10)) {
      case 0:
      case 1:
        return EraseOp{key, condition, version};
      case 2:
        return IncrementOp{key, static_cast<int64_t>(random_.Below(100)) - 50,
                           static_cast<int64_t>(random_.Below(10)), Ttl()};
      case 3:
        return AppendOp{key, Value()};
      case 4: {
        TouchOp touch{key, static_cast<TouchOp::Mode>(random_.Below(4)), Ttl(), 0};
        touch.expires_at = now + static_cast<GroupTime>(random_.Below(2000)) - 500;
        return touch;
      }
      default:
        return PutOp{key, Value(), Ttl(), random_.Chance(0.2), condition, version};
    }
  }
  template <class VersionOf>
  BatchOp Batch(GroupTime now, VersionOf version_of) {
    BatchOp batch;
    for (uint64_t i = random_.Between(1, 6); i > 0; --i)
      batch.items.push_back(Item(now, version_of));
    return batch;
  }

 private:
  std::string_view Keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  Random& random_;
  size_t keys_;
  std::deque<std::string> kept_;
};

// One random operation: mostly single items and batches, now and then a clear or an expiry of what
// is due.
inline MapOp RandomOp(Random& random, OpSource& source, const OrderedMap& seen, GroupTime now,
                      std::deque<std::string>& kept) {
  const auto version_of = [&seen](std::string_view key) {
    const Entry* entry = seen.Find(key);
    return entry == nullptr || entry->tombstone ? Version::None() : entry->version;
  };
  MapOp op;
  op.map = "m";
  // Clocks of writers differ by up to 100 ms.
  op.hlc = HlcAt(now + static_cast<GroupTime>(random.Below(100))) + random.Below(3);
  const uint64_t kind = random.Below(100);
  if (kind < 70) {
    std::visit([&op](auto item) { op.body = item; }, source.Item(now, version_of));
  } else if (kind < 88) {
    op.body = source.Batch(now, version_of);
  } else if (kind < 98) {
    ExpireOp expire;
    for (auto& [key, version, life] : seen.DueForExpiry(now, 20)) {
      expire.keys.push_back({kept.emplace_back(std::move(key)), version, life});
    }
    if (random.Chance(0.3)) expire.keys.push_back({source.Key(), Version{9, 9}, {}});
    op.body = std::move(expire);
  } else if (kind < 99) {
    op.body = ClearOp{};
  } else {
    op.body = PutOp{source.Key(), source.Value()};
  }
  return op;
}

}  // namespace cohort::map

#endif  // COHORT_TESTS_MAP_MAP_BUILDERS_H_
