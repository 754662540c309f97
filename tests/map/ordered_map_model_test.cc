// OrderedMap against the plainest map there is, on random operations.
#include <gtest/gtest.h>

#include <charconv>
#include <map>
#include <optional>
#include <string>

#include "map/map_builders.h"

namespace cohort::map {
namespace {

struct Known {
  std::string value;
  Version version;
  GroupTime expires_at = 0;
  uint64_t ttl_ms = 0;
};

class Model {
 public:
  Known* Visible(std::string_view key, GroupTime now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    if (found->second.expires_at != 0 && found->second.expires_at <= now) return nullptr;
    return &found->second;
  }

  // Whether the item succeeds; then it is done.
  bool Do(const BatchItem& item, GroupTime now) {
    return std::visit([&](const auto& op) { return One(op, now); }, item);
  }
  std::map<std::string, Known, std::less<>> entries_;

 private:
  bool Holds(Condition condition, const Version& version, const Known* known) {
    switch (condition) {
      case Condition::kNone:
        return true;
      case Condition::kAbsent:
        return known == nullptr;
      case Condition::kPresent:
        return known != nullptr;
      case Condition::kVersion:
        return (known == nullptr ? Version::None() : known->version) == version;
    }
    return false;
  }
  GroupTime At(GroupTime now, uint64_t ttl) {
    return ttl == 0 ? 0 : now + static_cast<GroupTime>(ttl);
  }
  bool One(const PutOp& op, GroupTime now) {
    Known* known = Visible(op.key, now);
    if (!Holds(op.condition, op.version, known)) return false;
    Known next{std::string(op.value), {}, At(now, op.ttl_ms), op.ttl_ms};
    if (op.keep_ttl && known != nullptr) {
      next.expires_at = known->expires_at;
      next.ttl_ms = known->ttl_ms;
    }
    entries_[std::string(op.key)] = next;
    return true;
  }
  bool One(const EraseOp& op, GroupTime now) {
    if (!Holds(op.condition, op.version, Visible(op.key, now))) return false;
    entries_.erase(std::string(op.key));
    return true;
  }
  bool One(const IncrementOp& op, GroupTime now) {
    Known* known = Visible(op.key, now);
    int64_t number = op.initial;
    if (known != nullptr) {
      const std::string& text = known->value;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || std::to_string(number) != text) return false;
    }
    Known next{std::to_string(number + op.delta), {}, At(now, op.ttl_ms), op.ttl_ms};
    if (known != nullptr) {
      next.expires_at = known->expires_at;
      next.ttl_ms = known->ttl_ms;
    }
    entries_[std::string(op.key)] = next;
    return true;
  }
  bool One(const AppendOp& op, GroupTime now) {
    Known* known = Visible(op.key, now);
    Known next = known == nullptr ? Known{} : *known;
    next.value += op.value;
    entries_[std::string(op.key)] = next;
    return true;
  }
  bool One(const TouchOp& op, GroupTime now) {
    Known* known = Visible(op.key, now);
    if (known == nullptr) return false;
    switch (op.mode) {
      case TouchOp::Mode::kRearm:
        if (known->ttl_ms != 0) known->expires_at = At(now, known->ttl_ms);
        break;
      case TouchOp::Mode::kTtl:
        known->ttl_ms = op.ttl_ms;
        known->expires_at = At(now, op.ttl_ms);
        break;
      case TouchOp::Mode::kExpiresAt:
        known->expires_at = std::max<GroupTime>(op.expires_at, 1);
        known->ttl_ms =
            known->expires_at > now ? static_cast<uint64_t>(known->expires_at - now) : 0;
        break;
      case TouchOp::Mode::kPersist:
        known->expires_at = 0;
        known->ttl_ms = 0;
        break;
    }
    return true;
  }
};

// The versions a batch's own items may name cannot be foreseen by a writer: they are filled in from
// the map.
void Compare(Model& model, OrderedMap& map, std::map<std::string, Version, std::less<>>& latest,
             GroupTime now) {
  for (auto& [key, known] : model.entries_) {
    const Entry* entry = map.Find(key);
    ASSERT_NE(entry, nullptr) << key;
    ASSERT_FALSE(entry->tombstone) << key;
    ASSERT_EQ(entry->value.text(), known.value) << key;
    ASSERT_EQ(entry->expires_at, known.expires_at) << key;
    ASSERT_EQ(entry->ttl_ms, known.ttl_ms) << key;
    ASSERT_EQ(map.Exists(key, now), model.Visible(key, now) != nullptr) << key;
    ASSERT_GE(entry->version, latest[key]) << key;
    latest[key] = known.version = entry->version;
  }
  ASSERT_EQ(map.Size(), model.entries_.size());
}

// A touch that finds nothing to change writes no version.
bool TouchesNothing(Model& model, const BatchItem& item, GroupTime now) {
  const auto* touch = std::get_if<TouchOp>(&item);
  const Known* known = touch == nullptr ? nullptr : model.Visible(touch->key, now);
  if (known == nullptr) return false;
  return (touch->mode == TouchOp::Mode::kRearm && known->ttl_ms == 0) ||
         (touch->mode == TouchOp::Mode::kPersist && known->expires_at == 0);
}

void RunModelSeed(uint64_t seed) {
  Random random(seed);
  Replica replica(MapSettings{.tombstones_max = 10});
  Replica twin(MapSettings{.tombstones_max = 10});
  twin.map();  // An EXPIRE makes none.
  Model model;
  OpSource source(random, 12);
  std::deque<std::string> kept;
  std::map<std::string, Version, std::less<>> latest;
  GroupTime now = 10'000;
  for (int step = 0; step < 120; ++step) {
    now += static_cast<GroupTime>(random.Below(120));
    const MapOp op = RandomOp(random, source, replica.map(), now, kept);
    const auto at = static_cast<GroupTime>(op.hlc >> 16);
    const ApplyResult result = replica.Apply(op);
    twin.Apply(op);
    bool expected = true;
    if (std::holds_alternative<ClearOp>(op.body)) {
      model.entries_.clear();
    } else if (const auto* expire = std::get_if<ExpireOp>(&op.body)) {
      for (const ExpireOp::Key& key : expire->keys) {
        const auto found = model.entries_.find(key.key);
        if (found != model.entries_.end() && found->second.version == key.version &&
            model.Visible(key.key, at) == nullptr) {
          model.entries_.erase(found);
        }
      }
    } else if (const auto* batch = std::get_if<BatchOp>(&op.body)) {
      Model after = model;
      for (size_t i = 0; expected && i < batch->items.size(); ++i) {
        if (TouchesNothing(after, batch->items[i], at)) continue;
        expected = after.Do(batch->items[i], at);
        // What the batch itself wrote has a version that nobody could have named before.
        const std::string key(
            std::visit([](const auto& item) { return item.key; }, batch->items[i]));
        const auto written = after.entries_.find(key);
        if (written != after.entries_.end()) written->second.version = {1, 1};
      }
      if (expected) model = after;
    } else {
      std::visit(
          [&](const auto& body) {
            if constexpr (std::is_constructible_v<BatchItem, decltype(body)>) {
              expected = model.Do(body, at);
            }
          },
          op.body);
    }
    ASSERT_EQ(result.status.ok(), expected) << "seed " << seed << " step " << step;
    Compare(model, replica.map(), latest, now);
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(step % 60 != 59 || replica.maps().IsConsistent()) << "seed " << seed;
    ASSERT_EQ(replica.maps().digest(), twin.maps().digest());
  }
}

TEST(OrderedMapModel, BehavesAsThePlainestMapDoes) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RunModelSeed(seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace cohort::map
