// The data plane at limits that a group of few members never comes to.
#include "engine/data_plane.h"

#include <cstdint>

#include "base/random.h"
#include "gtest/gtest.h"
#include "wire/order_record.h"

namespace cohort::engine {
namespace {

wire::DataFrame Agreed(Rank origin, SeqNo seq) {
  constexpr uint8_t kWhole = wire::DataFrame::kFirst | wire::DataFrame::kLast;
  Buffer payload = Buffer::Allocate(3);  // One message of one byte.
  payload.Fill()[0] = std::byte{1};
  payload.Fill()[1] = std::byte{0};
  payload.Fill()[2] = std::byte{7};
  return wire::DataFrame{seq, origin, DeliveryClass::kAgreed, kWhole, std::move(payload)};
}

// More senders than one ORDER names: the second ORDER of a turn must wait for room like any chunk.
TEST(DataPlane, OrdersThatFindNoRoomInTheWindowWaitForIt) {
  constexpr size_t kMembers = wire::kOrderRunsMax + 50;
  constexpr size_t kWindow = 256;
  DataPlane::Options options;
  options.rmcast.window_chunks_max = kWindow;
  options.order.window_chunks_max = kWindow;
  Random random(1);
  DataPlane plane(options, random, nullptr);
  const Instant now = Instant::Zero() + seconds(1);
  DataPlane::Output out;
  plane.OnView(now, {1, 1}, 0, kMembers, out);
  for (SeqNo seq = 1; seq < kWindow; ++seq) {
    plane.OnData(now, 1, false, Agreed(1, seq), out);
    plane.EndOfTurn(now, {}, false, out);
  }
  ASSERT_EQ(plane.order().stats().orders_sent, kWindow - 1);
  for (Rank rank = 2; rank < kMembers; ++rank) plane.OnData(now, rank, false, Agreed(rank, 1), out);
  plane.EndOfTurn(now, {}, false, out);
  EXPECT_EQ(plane.high(), kWindow);
  const size_t before = out.messages.size();
  // The others acknowledge, and the rest goes out.
  for (Rank rank = 1; rank < kMembers; ++rank) {
    wire::StatusFrame status;
    status.status_no = 1;
    status.applied_cut = kWindow - 1;
    status.received = {{0, kWindow}, {1, kWindow - 1}};
    plane.OnStatus(now, rank, status, out);
  }
  plane.EndOfTurn(now, {}, false, out);
  plane.EndOfTurn(now, {}, false, out);
  EXPECT_EQ(plane.high(), kWindow + 1);
  EXPECT_EQ(out.messages.size() - before, kMembers - 2 - wire::kOrderRunsMax);
}

}  // namespace
}  // namespace cohort::engine
