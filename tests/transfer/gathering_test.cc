// A state that comes from several members, or of which a part is here already.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "map/convergent_member.h"
#include "transfer/limits.h"
#include "transfer/transfer_rig.h"

namespace cohort::transfer {
namespace {

using map::EraseOp;
using map::PutOp;

// Lets messages pass until so many bytes of chunks have come.
void RunToBytes(Rig& rig, uint64_t bytes) {
  while (rig.joiner->gathered().bytes < bytes) ASSERT_TRUE(rig.Step());
}

constexpr uint64_t kStateBytes = 3'170'000;  // Of FillUp(), in chunks.

Joiner::Options Helped() {
  Joiner::Options options;
  options.gathering.helped_bytes_min = 0;
  return options;
}

Joiner::Options Alone() {
  Joiner::Options options;
  options.gathering.helpers_max = 0;
  return options;
}

TEST(Resume, TheNextDonorSendsOnlyWhatIsMissingWhenOneDies) {
  Rig rig(2, Alone());
  FillUp(rig);
  rig.Join();
  RunToBytes(rig, 2'000'000);
  rig.Kill(0);
  rig.RunToEnd();
  ExpectEqual(rig, 1);
  EXPECT_EQ(rig.joiner->stats().attempts, 2u);
  EXPECT_GT(rig.joiner->gathered().buckets_kept, 1000u);
  EXPECT_LT(rig.joiner->gathered().bytes, kStateBytes + 200'000);
  EXPECT_TRUE(std::any_of(rig.notes.begin(), rig.notes.end(), [](const auto& note) {
    return note.text.find("buckets were here already") != std::string::npos;
  }));
  EXPECT_LT(rig.servers[1]->donor.stats().bytes, kStateBytes - 1'500'000);
}

TEST(Resume, WhatWasWrittenMeanwhileComesEntryByEntryAndNotByTheBucket) {
  Rig rig(2, Alone());
  FillUp(rig, 20'000, 100);  // About five entries a bucket.
  rig.Join();
  RunToBytes(rig, 2'500'000);
  const uint64_t before = rig.joiner->gathered().bytes;
  for (int i = 0; i < 20'000; i += 5) rig.Do(PutOp{"key" + std::to_string(i), "changed"});
  rig.Kill(0);
  rig.RunToEnd();
  ExpectEqual(rig, 1);
  const uint64_t state = 20'000 * (100 + kChunkEntryBytes + 8);
  const uint64_t missing = state - before;
  const uint64_t changed = 4'000 * (7 + kChunkEntryBytes + 8);
  EXPECT_GT(rig.joiner->gathered().buckets_patched, 1000u);
  EXPECT_LT(rig.servers[1]->donor.stats().bytes, missing + changed + 100'000);
}

TEST(Resume, WhatWasErasedOrClearedMeanwhileIsNotHeldOnTo) {
  map::MapSettings settings;
  settings.tombstones_max = 10;  // What is erased goes without a trace.
  Rig rig(2, Alone(), settings);
  FillUp(rig);
  rig.Write(map::OpOf(PutOp{"k", "v"}, 1000, "cleared"));
  rig.Join();
  RunToBytes(rig, 2'500'000);
  for (int i = 0; i < 1000; ++i) rig.Do(EraseOp{"key" + std::to_string(i)});
  rig.Write(map::OpOf(map::ClearOp{}, 1000, "cleared"));
  rig.Kill(0);
  rig.RunToEnd();
  ExpectEqual(rig, 1);
  EXPECT_EQ(rig.joiner->stats().attempts, 2u);
  EXPECT_GT(rig.joiner->gathered().buckets_again, 0u);
}

TEST(Resume, EveryDonorInTurnMayDieAndTheStateStillComesOnce) {
  Rig rig(5, Alone());
  FillUp(rig);
  rig.Join();
  for (size_t dead = 0; dead < 4; ++dead) {
    RunToBytes(rig, (dead + 1) * 600'000);
    rig.Kill(dead);
  }
  rig.RunToEnd();
  ExpectEqual(rig, 4);
  EXPECT_EQ(rig.joiner->stats().attempts, 5u);
  EXPECT_LT(rig.joiner->gathered().bytes, kStateBytes + 4 * 200'000);
}

TEST(Resume, ADonorThatHasOtherMapsIsBelievedAndTheRestForgotten) {
  Rig rig(2, Alone());
  FillUp(rig);
  rig.Join();
  RunToBytes(rig, 1'000'000);
  map::MapSettings convergent;
  convergent.convergent = true;
  map::MapSet held(map::MapSet::Options{77, {}});
  map::Output ignored;
  ASSERT_NE(held.CreateConvergent("m", ignored), nullptr);
  rig.joiner->Remember(held);  // A map of the other kind under that name.
  rig.Kill(0);
  rig.RunToEnd();
  ExpectEqual(rig, 1);
}

// A member that was excluded comes back with what it had.
TEST(Resume, AMemberThatComesBackGetsWhatChangedMeanwhile) {
  Rig rig(1, Alone());
  FillUp(rig);
  map::Replica& server = rig.servers[0]->replica;
  Rig before(1, Alone());
  FillUp(before);
  ASSERT_EQ(before.servers[0]->replica.map().digest(), server.map().digest());
  for (int i = 0; i < 30; ++i) rig.Do(PutOp{"key" + std::to_string(i), "changed"});
  rig.Do(EraseOp{"key31"});
  rig.Do(PutOp{"new", "1"});
  rig.Join();
  map::MapSet& carried = before.servers[0]->replica.maps();
  const map::Digest carried_digest = carried.digest();
  rig.joiner->Remember(carried);
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_LT(rig.joiner->gathered().bytes, 10'000u);
  EXPECT_EQ(carried.digest(), carried_digest) << "it is still to be merged";
  EXPECT_TRUE(carried.IsConsistent());
}

// Its buckets are right, but not what is said of the map besides them.
TEST(Resume, AMapThatIsNotWhatWasAnnouncedIsNotTaken) {
  Rig rig(2, Alone());
  FillUp(rig, 100);
  rig.Join();
  ASSERT_TRUE(rig.Step());
  auto begin = DecodeBegin(rig.wire.front().body);
  ASSERT_TRUE(begin.has_value());
  begin->maps[0].state.settings.tombstones_max = 7;
  rig.wire.front().body = EncodeBegin(1, *begin);
  rig.RunToEnd();
  ExpectEqual(rig, 1);
  EXPECT_EQ(rig.joiner->gathered().digest_mismatches, 1u);
  EXPECT_EQ(rig.joiner->stats().attempts, 2u);
}

TEST(Helpers, SeveralMembersSendAShareEach) {
  Rig rig(4, Helped());
  FillUp(rig, 12'000);
  rig.Join();
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->gathered().helpers, 3u);
  EXPECT_TRUE(std::any_of(rig.notes.begin(), rig.notes.end(), [](const auto& note) {
    return note.text == "3 more members sent some of it";
  }));
  for (const auto& server : rig.servers) {
    EXPECT_EQ(server->donor.stats().completed, 1u);
    EXPECT_GT(server->donor.stats().bytes, kStateBytes / 2);
  }
  EXPECT_LT(rig.joiner->gathered().bytes, 4 * kStateBytes + 100'000) << "nothing comes twice";
}

TEST(Helpers, ASmallStateComesFromOne) {
  Rig rig(4);
  FillUp(rig);
  rig.Join();
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->gathered().helpers, 0u);
}

TEST(Helpers, OneThatDiesIsDoneWithoutAndNothingBeginsAnew) {
  Rig rig(3, Helped());
  FillUp(rig, 12'000);
  rig.Join();
  RunToBytes(rig, 3'000'000);
  rig.Kill(2);
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->stats().attempts, 1u);
  EXPECT_EQ(rig.joiner->stats().failures, 0u);
  EXPECT_EQ(rig.joiner->gathered().helpers_lost, 1u);
  EXPECT_GT(rig.joiner->gathered().buckets_moved, 0u);
}

TEST(Helpers, OneThatLeavesTheViewIsDoneWithout) {
  Rig rig(3, Helped());
  FillUp(rig, 12'000);
  rig.Join();
  RunToBytes(rig, 3'000'000);
  rig.servers[2]->alive = false;  // Its lifeline stays.
  rig.NextView();
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->stats().attempts, 1u);
  EXPECT_EQ(rig.joiner->gathered().helpers_lost, 1u);
}

TEST(Helpers, OneOfThemIsTheNextDonorWhenTheDonorDies) {
  Rig rig(3, Helped());
  FillUp(rig, 12'000);
  rig.Join();
  RunToBytes(rig, 6'000'000);
  rig.Do(PutOp{"key1", "changed"});
  rig.Kill(0);
  rig.RunToEnd();
  ExpectEqual(rig, 1);
  EXPECT_EQ(rig.joiner->stats().attempts, 2u);
  EXPECT_LT(rig.joiner->gathered().bytes, 4 * kStateBytes + 500'000);
}

TEST(Helpers, WhatWaitsForASlowOneIsAskedOfThoseWhoHaveNothingToDo) {
  Rig rig(2, Helped());
  FillUp(rig, 12'000);
  rig.Join();
  RunToBytes(rig, 3'000'000);
  const MemberId slow = rig.servers[1]->id;
  std::deque<Rig::InFlight> kept;
  for (int i = 0; i < 100'000 && rig.taken == nullptr; ++i) {
    // What it says does not come.
    while (!rig.wire.empty() && rig.wire.front().peer == slow) {
      kept.push_back(rig.wire.front());
      rig.wire.pop_front();
    }
    if (!rig.wire.empty()) {
      rig.Step();
    } else {
      rig.Wait();
    }
  }
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->stats().failures, 0u);
  EXPECT_EQ(rig.joiner->gathered().helpers_lost, 0u);
  EXPECT_LT(rig.now - Instant(), seconds(1)) << "before it counts as silent";
  EXPECT_GT(rig.joiner->gathered().buckets_moved, 0u);
}

TEST(Helpers, ASilentOneIsLeft) {
  Rig rig(2, Helped());
  FillUp(rig, 12'000);
  rig.Join();
  RunToBytes(rig, 3'000'000);
  rig.servers[1]->alive = false;
  std::erase_if(rig.wire, [&](const auto& message) { return message.peer == rig.servers[1]->id; });
  for (int i = 0; i < 20 && rig.taken == nullptr; ++i) {
    rig.RunToEnd();
    if (rig.taken == nullptr) rig.Wait();
  }
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->stats().attempts, 1u);
}

// The helper's snapshot is of a later place than the donor's.
TEST(Helpers, WhatIsOfAnotherPlaceIsPutRightByTheDonor) {
  Rig rig(2, Helped());
  FillUp(rig, 12'000);
  rig.Join();
  ASSERT_TRUE(rig.Step());  // The donor has its snapshot.
  for (int i = 0; i < 500; ++i) rig.Do(PutOp{"key" + std::to_string(i), "later"}, 2000);
  rig.Do(EraseOp{"key1000"}, 2000);
  rig.Do(PutOp{"new", "later"}, 2000);
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->gathered().helpers, 1u);
  EXPECT_GT(rig.joiner->gathered().buckets_again, 10u);
  EXPECT_EQ(rig.joiner->stats().failures, 0u);
}

TEST(Helpers, OneThatSendsRubbishIsLeftAndTheStateIsWhatTheDonorHas) {
  Random random(5);
  for (int round = 0; round < 60; ++round) {
    Rig rig(2, Helped(), {}, {.chunk_bytes = 20'000});
    FillUp(rig, 2'000, 300);
    rig.Join();
    while (!rig.wire.empty()) {
      Rig::InFlight& next = rig.wire.front();
      if (next.to_joiner && next.peer == rig.servers[1]->id && random.Chance(0.3)) {
        next.body = Buffer::CopyOf(next.body.bytes());
        next.body.Fill()[random.Below(next.body.size())] ^= std::byte{1};
      }
      if (!rig.Step()) break;
    }
    for (int i = 0; i < 5 && rig.taken == nullptr; ++i) {
      rig.Wait();
      rig.RunToEnd();
    }
    ExpectEqual(rig);
    EXPECT_EQ(rig.joiner->stats().failures, 0u) << "round " << round;
  }
}

TEST(Helpers, MapsThatConvergeComeFromSeveralToo) {
  Rig rig(3, Helped());
  map::MapSettings settings;
  settings.convergent = true;
  rig.Write(map::OpOf(map::ConfigureOp{settings}));
  map::Member writer{1};
  for (int i = 0; i < 3000; ++i) {
    const auto sent =
        writer.Write(map::Set("key" + std::to_string(i), "1", std::string(1000, 'v')));
    ASSERT_TRUE(sent.ok());
    for (size_t server = 0; server < 3; ++server) {
      if (server > 0 && i >= 2990) continue;  // The last are on their way to the helpers.
      map::Output ignored;
      map::ConvergentOpDecoder decoder;
      auto* const map =
          static_cast<map::ConvergentMap*>(rig.servers[server]->replica.maps().Find("m"));
      map->Join(**decoder.Decode(sent->bytes), sent->stamp, sent->place, ignored);
    }
  }
  rig.Join();
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->gathered().helpers, 2u);
  EXPECT_GT(rig.joiner->gathered().buckets_again, 0u);
}

TEST(Donor, KeepsAPlaceFreeOfHelpAndTakesOneBackFromIt) {
  Rig rig;
  FillUp(rig, 100);
  Server& server = *rig.servers[0];
  const auto ask = [&](uint64_t number, bool helps) {
    Output out;
    server.donor.OnMessage(rig.now, map::Writer(number),
                           EncodeRequest(1, {server.replica.view(), helps}), server.replica.maps(),
                           true, out);
    return out;
  };
  const auto type_of = [](const Output& out) { return DecodeHeader(out.messages[0].body)->type; };
  EXPECT_EQ(type_of(ask(50, true)), MessageType::kBegin);
  EXPECT_EQ(type_of(ask(51, true)), MessageType::kBegin);
  EXPECT_EQ(type_of(ask(52, true)), MessageType::kRefused);
  EXPECT_EQ(type_of(ask(53, false)), MessageType::kBegin);
  const Output out = ask(54, false);
  EXPECT_EQ(out.messages[0].to, map::Writer(50));
  EXPECT_EQ(type_of(out), MessageType::kRefused);
  EXPECT_EQ(DecodeHeader(out.messages[1].body)->type, MessageType::kBegin);
  EXPECT_EQ(server.donor.sessions(), 3u);
}

TEST(Donor, DoesNotTakeMoreWantsThanItMay) {
  Rig rig;
  FillUp(rig, 100);
  Server& server = *rig.servers[0];
  Output out;
  const auto say = [&](Buffer body) {
    server.donor.OnMessage(rig.now, rig.joiner_id, std::move(body), server.replica.maps(), true,
                           out);
  };
  say(EncodeRequest(1, {server.replica.view()}));
  say(EncodeWants(1, std::vector<Want>(kWantedMax + 1, Want{0, 0, {}}))[0]);
  EXPECT_EQ(server.donor.stats().malformed, 1u);
  say(EncodeWants(1, std::vector<Want>{{5, 0, {}}})[0]);  // No such map.
  EXPECT_EQ(server.donor.stats().malformed, 2u);
  say(EncodeWants(2, std::vector<Want>{{5, 0, {}}})[0]);  // Of no attempt that it knows.
  EXPECT_EQ(server.donor.stats().malformed, 2u);
  say(EncodeWants(1, std::vector<Want>{{0, 0, {}}})[0]);
  EXPECT_EQ(server.donor.stats().malformed, 2u);
}

}  // namespace
}  // namespace cohort::transfer
