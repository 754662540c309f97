// Members that came to one place of the order at different moments have the same at the marks.
#include "map/marked_state.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "map/convergent_op_codec.h"
#include "map/map_builders.h"

namespace cohort::map {
namespace {

constexpr size_t kMembers = 3;

// An operation of a convergent map as it was sent, or its sender's mark.
struct Sent {
  Buffer message;
  ConvergentPlace place;
  bool is_mark = false;
};

struct Copy {
  std::unique_ptr<MapSet> maps = std::make_unique<MapSet>(MapSet::Options{77, {}});
  std::array<size_t, kMembers> received{};  // Of each sender.
  size_t ordered = 0;
  std::unique_ptr<MarkedState> state;
  std::array<bool, kMembers> marked{};
};

class MarkedStateTest : public ::testing::Test {
 protected:
  MarkedStateTest() {
    ConfigureOp configure;
    configure.settings.convergent = true;
    Order(EncodeMapOp(OpOf(configure)));
    for (size_t member = 0; member < kMembers; ++member) Advance(member);
  }

  void Order(Buffer op) { ordered_.push_back(std::move(op)); }
  ConvergentMap& MapOf(size_t member) {
    return static_cast<ConvergentMap&>(*copies_[member].maps->Find("m"));
  }

  void Write(size_t member, const ConvergentRequest& request) {
    const absl::StatusOr<ConvergentOp> op = PrepareConvergent(MapOf(member), request, now_);
    if (!op.ok() || (op->items.empty() && !op->clears)) return;
    const Buffer bytes = EncodeConvergentOp(*op);
    Buffer message = Buffer::Allocate(bytes.size() + StampBytes(op->Lives()));
    std::copy(bytes.bytes().begin(), bytes.bytes().end(), message.Fill().begin());
    const ConvergentPlace place{Writer(member + 1), ViewNo(1)};
    const uint64_t time = std::max(HlcAt(now_), MapOf(member).state().greatest) + 1;
    const ApplyResult result = copies_[member].maps->Write(
        bytes, time, place, nullptr, message.Fill().last(StampBytes(op->Lives())), out_);
    ASSERT_TRUE(result.status.ok()) << result.status;
    streams_[member].push_back({message, place});
    copies_[member].received[member] = streams_[member].size();
    Gather(member, member, streams_[member].back());
  }
  // Its own stream up to here belongs to the proof.
  void Mark(size_t member) {
    streams_[member].push_back({.is_mark = true});
    copies_[member].received[member] = streams_[member].size();
    copies_[member].marked[member] = true;
  }
  void Gather(size_t member, size_t from, const Sent& sent) {
    Copy& copy = copies_[member];
    if (copy.state != nullptr && !copy.marked[from]) copy.state->Join(sent.message, sent.place);
  }
  // The next of `from` arrives; whether there was one.
  bool Receive(size_t member, size_t from) {
    Copy& copy = copies_[member];
    if (copy.received[from] == streams_[from].size()) return false;
    const Sent& sent = streams_[from][copy.received[from]++];
    if (sent.is_mark) {
      copy.marked[from] = true;
      return true;
    }
    copy.maps->Join(sent.message, sent.place, out_);
    Gather(member, from, sent);
    return true;
  }
  // Applies the next ordered operation; whether there was one.
  bool Advance(size_t member) {
    Copy& copy = copies_[member];
    if (copy.ordered == ordered_.size()) return false;
    const Buffer& op = ordered_[copy.ordered++];
    copy.maps->Apply(op, {ViewNo(1), copy.ordered, Writer(9)}, out_);
    return true;
  }
  void WriteSomething(size_t member, Random& random) {
    const std::string key = "key" + std::to_string(random.Below(12));
    const std::string value = "value" + std::to_string(random.Below(1000));
    const std::string name = "name" + std::to_string(random.Below(3));
    switch (random.Below(8)) {
      case 0:
        return Write(member, EraseOp{.key = key});
      case 1:
      case 2:
        return Write(member, PutOp{.key = key, .value = value});
      case 3:
        return Write(member, TouchOp{.key = key});
      case 4:
        if (random.Below(12) == 0) return Write(member, ClearOp{});
        [[fallthrough]];
      default:
        AttributesOp op;
        op.key = key;
        op.writes.push_back({name, value, random.Below(4) == 0});
        return Write(member, op);
    }
  }
  // What one member would hold that had applied just what belongs to the proof.
  Digest Expected(size_t ordered) {
    MapSet maps(MapSet::Options{77, {}});
    for (size_t i = 0; i < ordered; ++i)
      maps.Apply(ordered_[i], {ViewNo(1), i + 1, Writer(9)}, out_);
    for (const auto& stream : streams_) {
      for (const Sent& sent : stream) {
        if (sent.is_mark) break;
        maps.Join(sent.message, sent.place, out_);
      }
    }
    return maps.ConvergentDigest();
  }

  // Nobody has a state or a mark, and all have received all.
  void BeginAgain() {
    for (Copy& copy : copies_) copy.state = nullptr, copy.marked = {};
    for (auto& stream : streams_)
      std::erase_if(stream, [](const Sent& sent) { return sent.is_mark; });
    for (size_t member = 0; member < kMembers; ++member) {
      for (size_t from = 0; from < kMembers; ++from)
        copies_[member].received[from] = streams_[from].size();
    }
  }

  std::array<Copy, kMembers> copies_;
  std::array<std::deque<Sent>, kMembers> streams_;
  std::deque<Buffer> ordered_;
  GroupTime now_ = 1000;
  Output out_;
};

TEST_F(MarkedStateTest, IsAlikeWhereverItWasTakenAndHoldsWhatWasWrittenBeforeTheMarksAndNoMore) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    BeginAgain();
    // The question's place is behind what is ordered now; more is ordered meanwhile.
    const size_t place = ordered_.size();
    size_t marks = 0;
    const auto all_are_there = [&] {
      return std::all_of(copies_.begin(), copies_.end(),
                         [](const Copy& copy) { return copy.state != nullptr; });
    };
    while (marks < kMembers || random.Below(20) > 0) {
      now_ += static_cast<GroupTime>(random.Below(3));
      const size_t member = random.Below(kMembers);
      Copy& copy = copies_[member];
      switch (random.Below(7)) {
        case 0:
          if (copy.ordered == place && copy.state == nullptr)
            copy.state = std::make_unique<MarkedState>(*copy.maps);
          break;
        case 1:
          if (!all_are_there() || copy.marked[member]) break;
          Mark(member);
          ++marks;
          break;
        case 2: {
          if (copy.ordered != ordered_.size() || copy.state == nullptr) break;
          ExpireOp expire;
          const std::string key = "key" + std::to_string(random.Below(12));
          const Entry* entry = MapOf(member).Find(key);
          if (entry == nullptr || entry->tombstone) break;
          const std::optional<Registers> registers = ParseRegisters(entry->value);
          expire.keys.push_back({key, registers->Latest(), registers->created});
          MapOp op = OpOf(expire, now_);
          op.hlc = MapOf(member).state().greatest + 1;
          Order(EncodeMapOp(op));
          Advance(member);
          break;
        }
        case 3:
          if (copy.ordered < place || copy.state != nullptr) Advance(member);
          break;
        case 4:
        case 5:
          Receive(member, random.Below(kMembers));
          break;
        default:
          WriteSomething(member, random);
      }
    }
    for (size_t member = 0; member < kMembers; ++member) {
      for (size_t from = 0; from < kMembers; ++from) {
        while (Receive(member, from)) {
        }
      }
      while (Advance(member)) {
      }
    }
    const Digest expected = Expected(place);
    for (const Copy& copy : copies_) EXPECT_EQ(copy.state->JoinedDigest(), expected);
    for (const Copy& copy : copies_)
      EXPECT_EQ(copy.maps->ConvergentDigest(), copies_[0].maps->ConvergentDigest());
    if (HasFailure()) return;
  }
}

TEST_F(MarkedStateTest, AWriteThatOneMemberHasLostIsSeen) {
  Write(0, PutOp{.key = "k", .value = "v"});
  Receive(1, 0);
  for (Copy& copy : copies_) copy.state = std::make_unique<MarkedState>(*copy.maps);
  EXPECT_EQ(copies_[0].state->JoinedDigest(), copies_[1].state->JoinedDigest());
  EXPECT_NE(copies_[0].state->JoinedDigest(), copies_[2].state->JoinedDigest());
  Receive(2, 0);
  EXPECT_EQ(copies_[0].state->JoinedDigest(), copies_[2].state->JoinedDigest());
}

TEST_F(MarkedStateTest, BeyondItsLimitItForgetsWhatItGatheredAndHasNoDigest) {
  MarkedState state(*copies_[0].maps);
  copies_[0].state = std::make_unique<MarkedState>(*copies_[0].maps);
  const std::string value(400'000, 'v');
  for (int i = 0; copies_[0].state->bytes() <= kMarkedBytesMax; ++i) {
    ASSERT_TRUE(copies_[0].state->JoinedDigest().has_value() || i > 0);
    Write(0, PutOp{.key = "key" + std::to_string(i), .value = value});
  }
  EXPECT_FALSE(copies_[0].state->JoinedDigest().has_value());
  const size_t bytes = copies_[0].state->bytes();
  Write(0, PutOp{.key = "one more", .value = value});
  EXPECT_EQ(copies_[0].state->bytes(), bytes);
  EXPECT_LE(bytes, kMarkedBytesMax + value.size() + 1024);
}

TEST_F(MarkedStateTest, IsNotHeldAgainstTheLimitOnSnapshots) {
  std::vector<std::unique_ptr<MarkedState>> states;
  for (size_t i = 0; i < 2 * kSnapshotsMax; ++i)
    states.push_back(std::make_unique<MarkedState>(*copies_[0].maps));
  EXPECT_TRUE(MapOf(0).TakeSnapshot().has_value());
}

}  // namespace
}  // namespace cohort::map
