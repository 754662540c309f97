// Whatever a member sends on channels: bounded work, nothing kept, no check that fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "messaging/frame.h"
#include "messaging/messenger.h"

namespace cohort::messaging {
namespace {

constexpr uint64_t kSeed = 20;
constexpr int kRounds = 50'000;

MemberId Id(uint64_t which) { return {{which, which}, 0}; }

// A frame that might be right, with some of its bytes changed, cut off or repeated.
Buffer DrawFrame(Random& random) {
  Buffer frame;
  switch (random.Below(3)) {
    case 0:
      frame = Encode(MessageFrame{random.Below(2) == 0 ? "known" : "other", "payload"});
      break;
    case 1:
      frame = Encode(RequestFrame{.number = random.Below(40),
                                  .wanted = random.Below(2) == 0,
                                  .include_self = random.Below(2) == 0,
                                  .channel = random.Below(2) == 0 ? "known" : "other",
                                  .payload = "?"},
                     std::vector<MemberId>(random.Below(3), Id(1 + random.Below(3))));
      break;
    default:
      frame = Encode(AnswerFrame{Id(1 + random.Below(2)).instance, random.Below(40),
                                 static_cast<uint8_t>(random.Below(256)), "answer"});
  }
  const size_t changes = random.Below(3);
  for (size_t i = 0; i < changes; ++i)
    frame.Fill()[random.Below(frame.size())] = static_cast<std::byte>(random.Below(256));
  return random.Below(4) == 0 ? frame.Slice(0, random.Below(frame.size())) : frame;
}

TEST(HostileTest, AnyBytesOfAnyMemberLeaveTheMessengerConsistentAndWithinItsLimits) {
  Random random(kSeed);
  const Messenger::Limits limits{.asking = {.requests_max = 8, .answer_bytes_max = 64},
                                 .channels_max = 2,
                                 .handled_max = 4,
                                 .refusals_max = 4};
  Messenger messenger(limits, Id(1).instance);
  Messenger::Output out;
  View view;
  for (uint64_t which : {1, 2, 3}) view.members.push_back({Id(which), "m", "", true});
  ASSERT_TRUE(messenger.Open("known").ok());
  messenger.SetListeners("known", 1);
  messenger.SetHandled("known", true);
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    const Instant now = Instant::FromNanos(round * 1'000);
    const uint64_t what = random.Below(20);
    if (what == 0) {
      view.previous = random.Below(3) == 0 ? ViewId{} : view.id;
      view.id = {view.id.num + 1, random.Next()};
      messenger.OnView(view, out);
    } else if (what == 1) {
      const auto request = messenger.Begin(now + microseconds(random.Below(100)), "known", "?", {});
      if (request.ok()) messenger.OnFrame(Id(1), request->frame, out);
    } else if (what == 2) {
      messenger.OnTimer(now, out);
      if (messenger.handling() > 0) messenger.OnHandled();
    } else {
      const auto verdict = messenger.OnFrame(Id(1 + random.Below(4)), DrawFrame(random), out);
      if (verdict == Messenger::Verdict::kRequest && random.Below(2) == 0) messenger.OnHandled();
    }
    for (const Requests::Done& done : out.done) messenger.Release(done);
    for (size_t i = 0; i < out.refusals.size(); ++i) messenger.OnRefused();
    out = {};
    ASSERT_TRUE(messenger.requests().IsConsistent());
    ASSERT_LE(messenger.handling(), limits.handled_max);
    ASSERT_LE(messenger.requests().size(), limits.asking.requests_max);
  }
  EXPECT_GT(messenger.Stats()["messaging.malformed"], 0u);
  EXPECT_GT(messenger.Stats()["messaging.answers_received"], 0u);
  EXPECT_GT(messenger.Stats()["messaging.requests_refused"], 0u);
}

}  // namespace
}  // namespace cohort::messaging
