// What a transfer owes to the lifeline it goes over, which queues so much and may break.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "transfer/limits.h"
#include "transfer/messages.h"
#include "transfer/transfer_rig.h"

namespace cohort::transfer {
namespace {

// A lifeline queues 8 MiB and breaks beyond them: 16 chunks of the largest values never fitted.
TEST(TransferLifeline, LargeValuesAreNotSentAllAtOnce) {
  Rig rig;
  for (int i = 0; i < 40; ++i) {
    const size_t size = i % 4 == 3 ? 10 : size_t{1} << 20;
    rig.Do(map::PutOp{"key" + std::to_string(i), std::string(size, 'v')});
  }
  rig.Join();
  size_t most = 0;
  do {
    size_t waiting = 0;
    for (const Rig::InFlight& message : rig.wire)
      waiting += message.to_joiner ? message.body.size() : 0;
    most = std::max(most, waiting);
  } while (rig.Step());
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_LE(most, kBytesInFlightMax + kChunkBytesMax + kControlBytesMax + kDigestsBytesMax);
}

TEST(TransferLifeline, TheLargestEntryGoesInPartsAndArrivesWhole) {
  Rig rig;
  rig.Do(map::PutOp{"before", "1"});
  rig.Do(map::PutOp{"large", std::string(map::kValueBytesMax, 'v')});
  rig.Do(map::PutOp{std::string(map::kKeyBytesMax, 'k'), std::string(300'000, 'w')});
  rig.Do(map::PutOp{"just one chunk", std::string(kChunkBytesMax - 200, 'x')});
  rig.Join();
  size_t largest = 0;
  do {
    for (const Rig::InFlight& message : rig.wire) largest = std::max(largest, message.body.size());
  } while (rig.Step());
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(largest, kPartHeaderBytes + kPartBytesMax);
}

TEST(TransferLifeline, APartOutOfTurnEndsTheAttemptAndTheNextOneBeginsAnew) {
  Rig rig;
  rig.Do(map::PutOp{"large", std::string(1'000'000, 'v')});
  rig.Join();
  bool dropped = false;
  while (!rig.wire.empty() && !dropped) {
    const Bytes body = rig.wire.front().body;
    if (rig.wire.front().to_joiner && DecodeHeader(body)->type == MessageType::kPart) {
      rig.wire.pop_front();  // The first of eight.
      dropped = true;
    } else {
      ASSERT_TRUE(rig.Step());
    }
  }
  ASSERT_TRUE(dropped);
  rig.RunToEnd();
  rig.Wait();
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->gathered().malformed, 1u);
}

// Its lifeline broke, it did not die: no view change says that it is there again.
TEST(TransferLifeline, TheOnlyDonorIsAskedAgainWhenItsLifelineIsBack) {
  Rig rig;
  for (int i = 0; i < 3000; ++i)
    rig.Do(map::PutOp{"key" + std::to_string(i), std::string(1000, 'v')});
  rig.Join();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(rig.Step());
  rig.wire.clear();
  rig.Kill(0);
  rig.servers[0]->alive = true;
  rig.Wait();
  rig.RunToEnd();
  ExpectEqual(rig);
}

}  // namespace
}  // namespace cohort::transfer
