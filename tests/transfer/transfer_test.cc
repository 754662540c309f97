#include <gtest/gtest.h>

#include <string>

#include "transfer/limits.h"
#include "transfer/transfer_rig.h"

namespace cohort::transfer {
namespace {

using map::BatchOp;
using map::ClearOp;
using map::EraseOp;
using map::IncrementOp;
using map::PutOp;

TEST(Transfer, AnEmptyStateTakesOneRoundTrip) {
  Rig rig;
  rig.Join();
  ASSERT_TRUE(rig.Step());  // The request; a begin answers it.
  ASSERT_EQ(rig.wire.size(), 1u);
  rig.Step();
  ExpectEqual(rig);
  EXPECT_EQ(rig.servers[0]->donor.sessions(), 1u);
  rig.RunToEnd();
  EXPECT_EQ(rig.servers[0]->donor.sessions(), 0u) << "it was told that this is all";
}

TEST(Transfer, BringsEveryMapEntryTombstoneAndSetting) {
  Rig rig(1, {}, map::MapSettings{.bytes_max = 1 << 20});
  rig.Do(PutOp{"k", "v", 5000});
  rig.Do(PutOp{"erased", "v"});
  rig.Do(EraseOp{"erased"});
  rig.Write(map::OpOf(ClearOp{}, 1000, "second"));
  rig.Write(map::OpOf(PutOp{"x", std::string(1'000'000, 'x')}, 1000, "third"));
  rig.Join();
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.taken->size(), 3u);
  EXPECT_EQ(rig.taken->Get(0)->Tombstones(), 1u);
  EXPECT_EQ(rig.taken->Get(0)->state().settings.bytes_max, uint64_t{1} << 20);
  EXPECT_EQ(rig.taken->options().settings.bytes_max, uint64_t{1} << 20);
}

TEST(Transfer, WritersGoOnWhileTheStateMoves) {
  Rig rig;
  FillUp(rig);
  rig.Join();
  for (int i = 0; rig.Step(); ++i) {
    rig.Do(PutOp{"key" + std::to_string(i * 37 % 3000), "during"});
    rig.Do(IncrementOp{"counter"});
    if (i % 10 == 0) rig.Do(EraseOp{"key" + std::to_string(i)});
  }
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_GT(rig.joiner->stats().replayed_ops, 0u);
}

TEST(Transfer, OperationsTheStateHoldsAlreadyAreSkipped) {
  Rig rig;
  rig.Do(PutOp{"n", "1"});
  rig.Join();
  rig.Do(IncrementOp{"n"});  // Before the donor takes its snapshot.
  rig.Step();
  rig.Do(IncrementOp{"n"});  // After it.
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.taken->Get(0)->Get("n", 0)->text(), "3");
  EXPECT_EQ(rig.joiner->stats().skipped_ops, 1u);
  EXPECT_EQ(rig.joiner->stats().replayed_ops, 1u);
}

TEST(Transfer, TellsTheResultsOfOperationsThatWaited) {
  Rig rig;
  rig.Join();
  rig.Step();
  rig.Do(IncrementOp{"n", 5});
  rig.RunToEnd();
  ASSERT_EQ(rig.applied.size(), 1u);
  EXPECT_EQ(rig.applied[0].result.number, 5);
  EXPECT_EQ(rig.applied[0].place.position, 1u);
}

TEST(Transfer, KeepsAtMostSixteenChunksInFlight) {
  Rig rig;
  FillUp(rig);
  rig.Join();
  size_t most = 0;
  do {
    const auto chunks = std::count_if(rig.wire.begin(), rig.wire.end(), [](const auto& message) {
      return DecodeHeader(message.body)->type == MessageType::kChunk;
    });
    most = std::max(most, static_cast<size_t>(chunks));
  } while (rig.Step());
  EXPECT_EQ(most, kChunksInFlight);
  for (const auto& message : rig.wire) EXPECT_LE(message.body.size(), kChunkBytesAim);
  ExpectEqual(rig);
}

TEST(Transfer, GoesOnAcrossAViewChange) {
  Rig rig(2);
  FillUp(rig);
  rig.Join();
  for (int i = 0; i < 10; ++i) rig.Step();
  rig.Do(PutOp{"key1", "changed"});
  rig.NextView();
  rig.Do(PutOp{"key1", "changed again"});
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->stats().attempts, 1u);
}

TEST(Transfer, ARequestWaitsForADonorThatInstallsTheViewLater) {
  Rig rig;
  const ViewId later = map::ViewNo(2);
  Output out;
  rig.joiner->Start(rig.now, later, rig.Donors(), out);
  Server& server = *rig.servers[0];
  Output answer;
  server.donor.OnMessage(rig.now, rig.joiner_id, out.messages[0].body, server.replica.maps(), true,
                         answer);
  EXPECT_TRUE(answer.messages.empty());
  server.replica.View(2);
  server.donor.OnView(rig.now, server.replica.maps(), true, answer);
  for (const auto& message : answer.messages)
    rig.joiner->OnMessage(rig.now, server.id, message.body, out);
  EXPECT_TRUE(out.synced);
}

TEST(Transfer, ASilentDonorIsLeftForTheNextAndNothingIsEverCalledReceivedByTime) {
  Rig rig(2);
  FillUp(rig, 10);
  rig.Join();
  rig.wire.clear();
  rig.Wait();
  EXPECT_EQ(rig.joiner->stats().attempts, 2u);
  rig.wire.clear();
  rig.Wait();
  EXPECT_EQ(rig.joiner->state(), Joiner::State::kRequested);
  rig.Wait();  // Every donor has failed once: a pause, then the first again.
  rig.RunToEnd();
  ExpectEqual(rig);
}

TEST(Transfer, AMemberThatIsNotSyncedRefusesToServe) {
  Rig rig(2);
  rig.Join();
  Output answer;
  Server& first = *rig.servers[0];
  first.donor.OnMessage(rig.now, rig.joiner_id, rig.wire.front().body, first.replica.maps(), false,
                        answer);
  rig.wire.front() = {true, first.id, answer.messages[0].body};
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.servers[1]->donor.stats().completed, 1u);
}

// Lets messages pass until a chunk is the next.
void RunToAChunk(Rig& rig) {
  while (!rig.wire.empty() && DecodeHeader(rig.wire.front().body)->type != MessageType::kChunk)
    rig.Step();
  ASSERT_FALSE(rig.wire.empty());
}

TEST(Transfer, AChangedByteIsNoticedByTheDigestAndTheStateComesFromAnotherDonor) {
  Rig rig(2);
  FillUp(rig, 100);
  rig.Join();
  RunToAChunk(rig);
  Buffer changed = Buffer::CopyOf(rig.wire.front().body.bytes());
  changed.Fill()[changed.size() - 1] ^= std::byte{1};  // The last byte of a value.
  rig.wire.front().body = changed;
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->gathered().digest_mismatches, 1u);
  EXPECT_EQ(rig.joiner->stats().attempts, 2u);
}

TEST(Transfer, ALostChunkIsNoticed) {
  Rig rig(2);
  FillUp(rig);
  rig.Join();
  RunToAChunk(rig);
  rig.wire.pop_front();
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_EQ(rig.joiner->stats().failures, 1u);
}

TEST(Transfer, LeftoversOfAnEarlierAttemptAreIgnored) {
  Rig rig(2);
  FillUp(rig);
  rig.Join();
  rig.Step();
  const auto leftovers = rig.wire;
  rig.Kill(0);
  rig.Step();
  rig.wire.insert(rig.wire.begin(), leftovers.begin(), leftovers.end());
  rig.RunToEnd();
  ExpectEqual(rig);
  EXPECT_GE(rig.joiner->stats().stale, leftovers.size());
}

TEST(Transfer, AsksForAPauseBeforeItsQueueIsFullAndStartsOverWhenItIs) {
  Joiner::Options options;
  options.queue_bytes_max = 100'000;
  Rig rig(1, options);
  FillUp(rig, 100);
  rig.Join();
  rig.Step();
  const std::string value(1000, 'w');
  for (int i = 0; i < 60; ++i) rig.Do(PutOp{"key" + std::to_string(i), value});
  EXPECT_FALSE(rig.joiner->wants_pause());
  for (int i = 0; i < 10; ++i) rig.Do(PutOp{"key" + std::to_string(i), value});
  EXPECT_TRUE(rig.joiner->wants_pause());
  for (int i = 0; i < 40; ++i) rig.Do(PutOp{"key" + std::to_string(i), value});
  EXPECT_EQ(rig.joiner->stats().failures, 1u);
  EXPECT_FALSE(rig.joiner->wants_pause());
  rig.RunToEnd();
  if (rig.taken == nullptr) rig.Wait();
  rig.RunToEnd();
  ExpectEqual(rig);
}

TEST(Transfer, ItsPauseLastsUntilHalfOfTheQueueIsLeft) {
  Joiner::Options options;
  options.queue_bytes_max = size_t{4} << 20;
  Rig rig(1, options);
  FillUp(rig, 100);
  rig.Join();
  rig.Step();
  const std::string value(600, 'w');
  for (int i = 0; i < 4800; ++i) rig.Do(PutOp{"key", value});
  ASSERT_TRUE(rig.joiner->wants_pause());
  while (rig.Step()) {
  }
  ASSERT_EQ(rig.joiner->stats().replayed_ops, kReplayPerTurn);
  EXPECT_TRUE(rig.joiner->wants_pause()) << "or it would pause again at the next operation";
  rig.Wait();
  EXPECT_FALSE(rig.joiner->wants_pause());
  rig.RunToEnd();
  ExpectEqual(rig);
}

TEST(Transfer, AFailedAttemptEndsThePause) {
  Joiner::Options options;
  options.queue_bytes_max = 100'000;
  Rig rig(2, options);
  FillUp(rig, 100);
  rig.Join();
  rig.Step();
  const std::string value(1000, 'w');
  for (int i = 0; i < 70; ++i) rig.Do(PutOp{"key" + std::to_string(i), value});
  ASSERT_TRUE(rig.joiner->wants_pause());
  rig.Kill(0);
  rig.Step();
  EXPECT_EQ(rig.joiner->stats().failures, 1u);
  EXPECT_FALSE(rig.joiner->wants_pause());
  rig.RunToEnd();
  if (rig.taken == nullptr) rig.Wait();
  rig.RunToEnd();
  ExpectEqual(rig);
}

TEST(Transfer, AStateFromBeforeTheGivenUpOperationsIsNotTaken) {
  Joiner::Options options;
  options.queue_bytes_max = 10'000;
  Rig rig(1, options);
  rig.Join();
  rig.Step();
  const std::deque<Rig::InFlight> old = rig.wire;
  const std::string value(1000, 'w');
  rig.wire.clear();
  for (int i = 0; i < 12; ++i) rig.Do(PutOp{"key" + std::to_string(i), value});
  rig.Wait();  // The retry.
  EXPECT_EQ(rig.joiner->stats().attempts, 2u);
  // A donor that lags: its answer is what it was.
  for (const auto& message : old) {
    Buffer relabelled = Buffer::CopyOf(message.body.bytes());
    relabelled.Fill()[1] = std::byte{2};
    Output out;
    rig.joiner->OnMessage(rig.now, message.peer, relabelled, out);
    EXPECT_FALSE(out.synced);
  }
  EXPECT_EQ(rig.joiner->stats().failures, 2u);
}

TEST(Transfer, ADonorOfAnotherHistoryIsNotBelieved) {
  Rig rig;
  rig.Do(PutOp{"k", "v"});
  rig.Join();
  Output out;
  rig.joiner->Stop();
  rig.joiner->Start(rig.now, map::ViewNo(2, 5), rig.Donors(), out);
  rig.wire = {{false, rig.servers[0]->id, out.messages[0].body}};
  rig.RunToEnd();
  EXPECT_EQ(rig.taken, nullptr);
  EXPECT_GE(rig.joiner->stats().failures, 1u);
}

// The donor has delivered operations that are to die with it, or has installed a view that the
// joiner never comes to.
class TransferAhead : public ::testing::Test {
 protected:
  void SetUp() override {
    rig_.Do(PutOp{"k", "v"});
    rig_.Join();
  }
  // An operation that only the donor delivers.
  void DonorAlone(std::string_view key) {
    map::Replica& donor = rig_.servers[0]->replica;
    donor.Apply(map::EncodeMapOp(map::OpOf(PutOp{key, "v"})), donor.NextPlace());
  }
  // What the joiner delivers after the donor has.
  void JoinerCatchesUp(std::string_view key, uint64_t position) {
    const map::Place place{rig_.servers[0]->replica.view(), position, map::Writer(1)};
    rig_.joiner->OnOrderedOp(rig_.now, map::EncodeMapOp(map::OpOf(PutOp{key, "v"})), place, out_);
  }
  Rig rig_{1, SmallQueue()};
  Output out_;

 private:
  static Joiner::Options SmallQueue() {
    Joiner::Options options;
    options.queue_bytes_max = 4000;
    return options;
  }
};

TEST_F(TransferAhead, AStateGivenUpInTheTurnThatCompletedItIsNotGoneOnWith) {
  DonorAlone("a");
  rig_.RunToEnd();
  ASSERT_EQ(rig_.joiner->state(), Joiner::State::kReplaying);
  JoinerCatchesUp("a", 1);  // Complete: its replay is due, but the turn has more.
  JoinerCatchesUp(std::string(5000, 'k'), 2);
  EXPECT_TRUE(rig_.joiner->IsConsistent());
  rig_.joiner->OnTimer(rig_.now, out_);
  EXPECT_EQ(rig_.joiner->state(), Joiner::State::kRequested);
  EXPECT_FALSE(out_.synced);
}

TEST_F(TransferAhead, AStateCountsOnlyOnceTheJoinerHasDeliveredAsFar) {
  DonorAlone("a");
  DonorAlone("b");
  rig_.RunToEnd();
  EXPECT_EQ(rig_.taken, nullptr);
  EXPECT_FALSE(rig_.joiner->complete());
  JoinerCatchesUp("a", 1);
  EXPECT_FALSE(rig_.joiner->complete());
  JoinerCatchesUp("b", 2);
  EXPECT_TRUE(rig_.joiner->complete());
  rig_.RunToEnd();
  ExpectEqual(rig_);
  EXPECT_EQ(rig_.joiner->stats().replayed_ops, 0u) << "the state held both";
}

TEST_F(TransferAhead, WhatDiesWithTheDonorTakesTheStateWithIt) {
  DonorAlone("a");
  DonorAlone("b");
  rig_.RunToEnd();
  JoinerCatchesUp("a", 1);
  // The view ends without "b": nobody who goes on has it.
  rig_.joiner->OnView(rig_.now, map::ViewNo(3, 7), {}, out_);
  EXPECT_EQ(rig_.joiner->state(), Joiner::State::kRequested);
  EXPECT_EQ(rig_.joiner->stats().failures, 1u);
  EXPECT_FALSE(out_.synced);
}

// The donor was cut off after "a", which nobody else has; in the order that ends the view another
// operation takes that position.
TEST_F(TransferAhead, AStateOfAnEndThatTheDonorDoesNotShareIsGivenUp) {
  DonorAlone("a");
  rig_.RunToEnd();
  rig_.joiner->OnClosing();
  JoinerCatchesUp("b", 1);
  rig_.joiner->OnView(rig_.now, map::ViewNo(3, 7), {}, out_);
  EXPECT_EQ(rig_.joiner->state(), Joiner::State::kRequested);
  EXPECT_EQ(rig_.joiner->stats().failures, 1u);
  EXPECT_FALSE(out_.synced);
}

TEST_F(TransferAhead, AStateOfAnEndThatTheDonorSharesIsGood) {
  DonorAlone("a");
  rig_.RunToEnd();
  rig_.joiner->OnClosing();
  JoinerCatchesUp("a", 1);
  rig_.NextView();
  rig_.RunToEnd();
  ExpectEqual(rig_);
}

TEST_F(TransferAhead, AStateOfAViewTheJoinerNeverComesToIsRefused) {
  rig_.servers[0]->replica.View(3, 1);
  rig_.RunToEnd();
  EXPECT_EQ(rig_.joiner->state(), Joiner::State::kReplaying) << "it may come to that view yet";
  EXPECT_EQ(rig_.taken, nullptr);
  rig_.joiner->OnView(rig_.now, map::ViewNo(3, 2), rig_.Donors(), out_);
  EXPECT_EQ(rig_.joiner->state(), Joiner::State::kRequested);
  EXPECT_EQ(rig_.joiner->stats().failures, 1u);
}

TEST_F(TransferAhead, AStateOfTheNextViewIsCompleteWhenTheJoinerHasComeToItsPlaceThere) {
  rig_.servers[0]->replica.View(3, 1);
  DonorAlone("a");
  rig_.RunToEnd();
  rig_.joiner->OnView(rig_.now, rig_.servers[0]->replica.view(), rig_.Donors(), out_);
  EXPECT_FALSE(rig_.joiner->complete());
  JoinerCatchesUp("a", 1);
  EXPECT_TRUE(rig_.joiner->complete());
  rig_.RunToEnd();
  ExpectEqual(rig_);
}

TEST_F(TransferAhead, HeldItIsNotSyncedBeforeTheNextView) {
  rig_.joiner->Hold();
  rig_.RunToEnd();
  EXPECT_EQ(rig_.taken, nullptr);
  rig_.NextView();
  rig_.RunToEnd();
  ExpectEqual(rig_);
}

// Spec 9.10. Its state was not the group's in the views it waited in, and the history says so.
TEST(Transfer, AStateBegunAnewHoldsWhatWaitedAndClaimsNoHistory) {
  Rig rig;
  rig.Join();
  rig.Do(PutOp{"waited", "v"});
  rig.Kill(0);
  Output out;
  const ViewId last = map::ViewNo(3, 7);
  rig.joiner->OnView(rig.now, last, {}, out);
  auto carried = std::make_unique<map::MapSet>(map::MapSet::Options{77, {}});
  carried->OnView(map::ViewNo(1, 5));
  map::Output ignored;
  carried->Apply(map::EncodeMapOp(map::OpOf(PutOp{"carried", "v"})),
                 {map::ViewNo(1, 5), 1, map::Writer(99)}, ignored);
  rig.joiner->BeginWith(rig.now, std::move(carried));
  rig.RunToEnd();
  ASSERT_NE(rig.taken, nullptr);
  EXPECT_EQ(rig.taken->Entries(), 2u);
  EXPECT_EQ(rig.taken->view(), last);
  EXPECT_EQ(rig.taken->history().recent(), (std::vector<ViewId>{map::ViewNo(1, 5), last}));
}

// One message of a donor, somewhere on the way of the state, is changed or cut short.
Buffer Harmed(Random& random, Bytes body) {
  Buffer bytes = Buffer::CopyOf(body);
  bytes.Fill()[random.Below(std::min<size_t>(bytes.size(), 200))] ^=
      static_cast<std::byte>(random.Between(1, 255));
  return random.Chance(0.2) ? bytes.Slice(0, random.Below(bytes.size())) : bytes;
}

TEST(Transfer, HostileMessagesFailTheAttemptAndNothingElse) {
  Random random(3);
  uint64_t synced = 0;
  Rig rig(1, {}, {}, {.chunk_bytes = 10'000});
  FillUp(rig, 100);
  for (int round = 0; round < 300; ++round) {
    rig.wire.clear();
    rig.taken.reset();
    Output asked;
    rig.joiner->Start(rig.now, rig.servers[0]->replica.view(), rig.Donors(), asked);
    rig.wire.push_back({false, rig.servers[0]->id, asked.messages[0].body});
    size_t until = random.Below(14);
    while (!rig.wire.empty()) {
      Rig::InFlight& next = rig.wire.front();
      if (next.to_joiner && until-- == 0) next.body = Harmed(random, next.body);
      rig.Step();  // With the checks that the joiner and the donor are consistent.
    }
    if (rig.taken == nullptr) continue;
    ++synced;
    EXPECT_EQ(rig.taken->digest(), rig.servers[0]->replica.maps().digest()) << "round " << round;
  }
  // Only changes that do not matter (a reserved size, an expected byte count) pass.
  EXPECT_LT(synced, 60u);
}

// Property: whatever is written, and whenever messages, view changes and donor deaths happen, the
// joiner ends equal.
void RunSeed(uint64_t seed) {
  Random random(seed);
  map::MapSettings settings;
  if (random.Chance(0.5)) settings.tombstones_max = random.Between(1, 10);
  if (random.Chance(0.5)) settings.bytes_max = random.Between(2'000, 20'000);
  Joiner::Options options;
  if (random.Chance(0.7)) options.gathering.helped_bytes_min = 0;
  options.gathering.slow_after = milliseconds(static_cast<int64_t>(random.Below(300)));
  // Chunks so small that the state is on its way for a while.
  Rig rig(4, options, settings, {.chunk_bytes = random.Between(100, 1000)});
  map::OpSource source(random, 60);
  std::deque<std::string> kept;
  map::GroupTime now = 50'000;
  rig.Do(PutOp{"first", "v"});  // Makes the map at one place everywhere.
  const auto write = [&] {
    now += static_cast<map::GroupTime>(random.Below(60));
    map::MapOp op = map::RandomOp(random, source, rig.servers[0]->replica.map(), now, kept);
    if (random.Chance(0.1)) op.map = "other";
    if (random.Chance(0.02)) {
      op.body = PutOp{kept.emplace_back("big" + std::to_string(random.Below(9))),
                      kept.emplace_back(std::string(random.Below(90'000), 'b'))};
    }
    rig.Write(op);
  };
  for (uint64_t i = random.Below(300); i > 0; --i) write();
  rig.Join();
  size_t kills = 0;
  for (int i = 0; i < 2000 && (rig.taken == nullptr || !rig.wire.empty()); ++i) {
    const uint64_t dice = random.Below(100);
    if (dice < 5) {
      rig.Pass(milliseconds(static_cast<int64_t>(random.Below(400))));
    } else if (dice < 60) {
      if (!rig.StepAny(random) && rig.taken == nullptr) rig.Wait();
    } else if (dice < 97) {
      write();
    } else if (dice < 98 && kills < 3) {
      rig.Kill(3 - kills++);
    } else {
      if (rig.taken == nullptr) rig.NextView();
    }
  }
  rig.RunToEnd();
  for (int i = 0; i < 5; ++i) write();
  ASSERT_NE(rig.taken, nullptr) << "seed " << seed;
  ASSERT_EQ(rig.joiner->gathered().malformed, 0u) << "seed " << seed;
  ASSERT_EQ(rig.taken->digest(), rig.servers[0]->replica.maps().digest()) << "seed " << seed;
  ASSERT_TRUE(rig.taken->IsConsistent()) << "seed " << seed;
}

TEST(TransferModel, TheJoinerEndsEqualWhateverHappensMeanwhile) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    RunSeed(seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace cohort::transfer
