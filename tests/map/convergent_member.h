// A member's copy of a convergent map, with a clock of its own, for tests.
#ifndef COHORT_TESTS_MAP_CONVERGENT_MEMBER_H_
#define COHORT_TESTS_MAP_CONVERGENT_MEMBER_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>

#include "map/convergent_map.h"
#include "map/convergent_op_codec.h"
#include "map/map_builders.h"

namespace cohort::map {

// One member's copy. Its clock is a counter above all it has applied, as the engine's is.
class Member {
 public:
  explicit Member(uint64_t number) : number_(number) {}

  // Either an operation with its stamp, or one in total order.
  struct Sent {
    Buffer bytes;
    ConvergentStamp stamp;
    ConvergentPlace place;
    std::optional<MapOp> ordered;
  };
  // Prepares, applies here, and returns what the others get; no bytes when nothing is to be sent.
  absl::StatusOr<Sent> Write(const ConvergentRequest& request, GroupTime now = 1000) {
    const absl::StatusOr<ConvergentOp> op = PrepareConvergent(map_, request, now);
    if (!op.ok()) return op.status();
    Sent sent;
    if (op->items.empty() && !op->clears) return sent;
    sent.bytes = EncodeConvergentOp(*op);
    Leave(sent, now);
    return sent;
  }
  // What was prepared gets its stamp, and is applied here.
  ApplyResult Leave(Sent& sent, GroupTime now = 1000) {
    const auto op = decoder_.Decode(sent.bytes);
    sent.stamp.time = NextTime(now);
    sent.place = {Writer(number_), ViewNo(view_)};
    ApplyResult result;
    result.status = map_.Resolve(**op, Writer(number_), nullptr, sent.stamp);
    if (result.status.ok()) return Apply(sent);
    sent.stamp.time = 0;  // Void, for everybody.
    return result;
  }
  uint64_t NextTime(GroupTime now) {
    return time_ = std::max({time_, map_.state().greatest, HlcAt(now)}) + 1;
  }
  ApplyResult Apply(const Sent& sent) {
    if (sent.ordered.has_value()) return Order(*sent.ordered);
    if (sent.stamp.time == 0) return {};
    const auto op = decoder_.Decode(sent.bytes);
    EXPECT_TRUE(op.ok()) << op.status();
    return map_.Join(**op, sent.stamp, sent.place, out_);
  }
  ApplyResult Order(const MapOp& op, uint64_t writer = 9) {
    return map_.Apply(op, {ViewNo(view_), ++position_, Writer(writer)}, out_);
  }
  std::string Value(std::string_view key, GroupTime now = 1000) {
    const std::optional<Buffer> value = map_.Get(key, now);
    return value.has_value() ? std::string(value->text()) : "(absent)";
  }
  std::string Attribute(std::string_view key, std::string_view name, GroupTime now = 1000) {
    const std::optional<Buffer> value = map_.GetAttribute(key, name, now);
    return value.has_value() ? std::string(value->text()) : "(absent)";
  }
  void SetView(uint64_t view) { view_ = view; }
  ConvergentMap& map() { return map_; }
  Output& out() { return out_; }

 private:
  uint64_t number_;
  uint64_t view_ = 1;
  uint64_t time_ = 0;
  uint64_t position_ = 0;
  ConvergentMap map_{"m", {.hash_key = 77, .id = 0, .settings = {}}};
  ConvergentOpDecoder decoder_;
  Output out_;
};

class TwoMembers : public ::testing::Test {
 protected:
  ~TwoMembers() override {
    EXPECT_TRUE(a_.map().IsConsistent());
    EXPECT_TRUE(b_.map().IsConsistent());
  }
  static constexpr GroupTime kLateMs = 100'000'000;  // Than whatever a test writes.
  // As the member that cares for all does it: the first one begins its epoch and does nothing else.
  static void Purge(Member& member, PurgeOp purge) {
    purge.view = 1;
    for (int i = 0; i < 2; ++i) {
      purge.epoch = member.map().state().epoch;
      member.Order(OpOf(purge, kLateMs));
    }
  }
  // What `member` finds due, with keys of its own.
  static PurgeOp Due(Member& member, uint64_t settled, GroupTime now) {
    static std::deque<std::string> keys;
    PurgeOp purge = member.map().DueForPurge(settled, now);
    for (ClaimOp& claim : purge.claims) claim.key = keys.emplace_back(claim.key);
    return purge;
  }
  // What `member` finds expired at `now`, as the others get it.
  static Member::Sent Expire(Member& member, GroupTime now) {
    static std::deque<std::string> keys;
    ExpireOp expire;
    for (const auto& [key, version, life] : member.map().DueForExpiry(now, 10))
      expire.keys.push_back({keys.emplace_back(key), version, life});
    Member::Sent sent;
    sent.ordered = OpOf(expire);
    sent.ordered->hlc = member.NextTime(now);
    return sent;
  }
  Member a_{1};
  Member b_{2};
};

inline AttributesOp Set(std::string_view key, std::string_view name, std::string_view value) {
  AttributesOp op;
  op.key = key;
  op.writes.push_back({name, value, false});
  return op;
}

inline AttributesOp Unset(std::string_view key, std::string_view name) {
  AttributesOp op;
  op.key = key;
  op.writes.push_back({name, {}, true});
  return op;
}

}  // namespace cohort::map

#endif  // COHORT_TESTS_MAP_CONVERGENT_MEMBER_H_
