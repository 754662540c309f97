// What donors refuse, and how a joiner takes it.
#include <gtest/gtest.h>

#include "transfer/transfer_rig.h"

namespace cohort::transfer {
namespace {

TEST(Donor, ServesSeveralAndRefusesMore) {
  Rig rig;
  FillUp(rig, 3000);
  Server& server = *rig.servers[0];
  for (uint64_t i = 0; i < 4; ++i) {
    Output out;
    server.donor.OnMessage(rig.now, map::Writer(50 + i), EncodeRequest(1, {server.replica.view()}),
                           server.replica.maps(), true, out);
    EXPECT_EQ(DecodeHeader(out.messages[0].body)->type,
              i < 3 ? MessageType::kBegin : MessageType::kRefused);
  }
  server.donor.OnGone(map::Writer(50));
  EXPECT_EQ(server.donor.sessions(), 2u);
  Output out;
  server.donor.OnTimer(server.donor.NextDeadline(), out);
  EXPECT_EQ(server.donor.sessions(), 0u);
  EXPECT_EQ(out.notes.size(), 2u);
}

TEST(Joiner, WaitsForADonorThatServesOthersAndSaysSoOnce) {
  Rig rig;
  FillUp(rig, 3000);
  Donor& donor = rig.servers[0]->donor;
  for (uint64_t i = 0; i < 3; ++i) {
    Output out;
    donor.OnMessage(rig.now, map::Writer(50 + i),
                    EncodeRequest(1, {rig.servers[0]->replica.view()}),
                    rig.servers[0]->replica.maps(), true, out);
  }
  rig.Join();
  for (int i = 0; i < 10; ++i) {
    rig.RunToEnd();
    rig.Wait();
  }
  EXPECT_EQ(rig.notes.size(), 1u);
  EXPECT_EQ(rig.joiner->stats().failures, 1u);
  EXPECT_GE(rig.joiner->stats().busy, 9u);
  donor.OnGone(map::Writer(51));
  rig.RunToEnd();
  EXPECT_NE(rig.taken, nullptr);
}

TEST(Donor, CountsRubbishAndImpossibleAcknowledgements) {
  Rig rig;
  FillUp(rig, 3000);
  Server& server = *rig.servers[0];
  Output out;
  const auto say = [&](Buffer body) {
    server.donor.OnMessage(rig.now, rig.joiner_id, body, server.replica.maps(), true, out);
  };
  say(Buffer::CopyOf("rubbish"));
  say({});
  say(EncodeAck(1, {5}));
  say(EncodeRequest(1, {server.replica.view()}));
  say(EncodeAck(1, {1000}));
  EXPECT_EQ(server.donor.stats().malformed, 3u);
}

}  // namespace
}  // namespace cohort::transfer
