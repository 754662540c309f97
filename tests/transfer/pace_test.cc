// How fast state is sent: by what the writers notice of it.
#include "transfer/pace.h"

#include <gtest/gtest.h>

#include "transfer/transfer_rig.h"

namespace cohort::transfer {
namespace {

constexpr double kMegabyte = 1e6;

// A minute of writes that take 200 us each, and nothing is sent.
Pace Usual(Instant& now, const Pace::Options& options = {}) {
  Pace pace(options);
  for (int i = 0; i < 100; ++i) {
    pace.OnWrite(now);
    now = now + microseconds(200);
    pace.OnDelay(now, microseconds(200), false);
  }
  pace.Begin();
  return pace;
}

// `count` writes, one each millisecond, while state is sent.
void Write(Pace& pace, Instant& now, Duration delay, int count) {
  for (int i = 0; i < count; ++i) {
    now = now + milliseconds(1);
    pace.OnWrite(now);
    pace.OnDelay(now + delay, delay, true);
  }
}

// `rounds` of eight writes each: some that take as long as usual, then `slow` that take `delay`.
void WriteSomeSlowly(Pace& pace, Instant& now, int rounds, int slow, Duration delay) {
  for (int i = 0; i < rounds; ++i) {
    Write(pace, now, microseconds(200), 8 - slow);
    Write(pace, now, delay, slow);
  }
}

// Bytes a second that get through in one second of chunks, which are asked for all the time.
double Sent(Pace& pace, Instant now, size_t chunk = 64 << 10) {
  size_t bytes = 0;
  for (int i = 0; i < 10000; ++i, now = now + microseconds(100)) {
    pace.OnWrite(now);
    if (!pace.MaySend(now)) continue;
    pace.OnSent(now, chunk);
    bytes += chunk;
  }
  return static_cast<double>(bytes);
}

TEST(Pace, WithoutWritersThereIsNoLimit) {
  Pace pace({});
  const Instant now = Instant::Zero() + seconds(1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(pace.MaySend(now));
    pace.OnSent(now, 1 << 20);
  }
}

TEST(Pace, WhatWasSentWithoutALimitIsNotCounted) {
  Instant now;
  Pace pace = Usual(now);
  now = now + seconds(1);
  for (int i = 0; i < 100; ++i) pace.OnSent(now, 1 << 20);
  pace.OnWrite(now);
  EXPECT_TRUE(pace.MaySend(now));
}

TEST(Pace, WhenTheWritersPauseTheLimitIsGoneSoon) {
  Instant now;
  Pace pace = Usual(now);
  pace.OnSent(now, 1 << 24);
  EXPECT_FALSE(pace.MaySend(now));
  EXPECT_EQ(pace.next(), now + milliseconds(50));
  EXPECT_TRUE(pace.MaySend(now + milliseconds(50)));
}

TEST(Pace, AWriteThatHasNotEndedIsNoPause) {
  Instant now;
  Pace pace = Usual(now);
  pace.OnWrite(now);
  now = now + seconds(1);
  pace.OnSent(now, 1 << 20);
  EXPECT_FALSE(pace.MaySend(now));
  pace.OnView();  // Nobody will tell any more.
  EXPECT_TRUE(pace.MaySend(now));
}

TEST(Pace, GrowsWhileTheWritersNoticeNothing) {
  Instant now;
  Pace pace = Usual(now);
  const double before = pace.rate();
  Write(pace, now, microseconds(220), 16);
  EXPECT_NEAR(pace.rate(), before * 1.2 * 1.2, before * 0.01);
  Write(pace, now, microseconds(220), 10000);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_max);
}

TEST(Pace, IsCutWhileTheyWaitLonger) {
  Instant now;
  Pace pace = Usual(now);
  Write(pace, now, microseconds(200), 80);
  const double before = pace.rate();
  Write(pace, now, microseconds(500), 8);  // Four that take more than twice as long are enough.
  EXPECT_NEAR(pace.rate(), before * 0.25, before * 0.01);
}

TEST(Pace, NeverFallsBelowItsLeast) {
  Instant now;
  Pace pace = Usual(now);
  Write(pace, now, milliseconds(20), 1000);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_min);
  EXPECT_NEAR(Sent(pace, now), pace.rate(), kMegabyte);
}

TEST(Pace, EachTransferBeginsAnewWhateverTheOneBeforeCameTo) {
  Instant now;
  Pace pace = Usual(now);
  Write(pace, now, milliseconds(20), 1000);
  Write(pace, now, milliseconds(20), 3);  // One more, and the rate would be cut.
  pace.Begin();
  Write(pace, now, milliseconds(20), 1);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_start);
}

// So a group whose members all send costs its writers no more at first than one that has a single
// donor.
TEST(Pace, BeginsAtAPartOfItsRateWhereOthersMaySendTooAndGrowsToAPart) {
  Instant now;
  Pace pace = Usual(now);
  pace.SetSenders(3);
  pace.Begin();
  EXPECT_EQ(pace.rate(), Pace::Options().rate_start / 3);
  Write(pace, now, microseconds(220), 10000);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_max / 3);
  Write(pace, now, milliseconds(20), 1000);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_min / 3);
}

TEST(Pace, KeepsToItsPartWhenOthersBeginToSendToo) {
  Instant now;
  Pace pace = Usual(now);
  Write(pace, now, microseconds(220), 10000);
  pace.SetSenders(2);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_max / 2);
  pace.SetSenders(1);  // Alone again it may grow.
  EXPECT_EQ(pace.rate(), Pace::Options().rate_max / 2);
  Write(pace, now, microseconds(220), 10000);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_max);
}

TEST(Pace, WhatWritesTakeWhileNothingIsSentDoesNotMoveTheRate) {
  Instant now;
  Pace pace = Usual(now);
  for (int i = 0; i < 100; ++i) pace.OnDelay(now, milliseconds(20), false);
  for (int i = 0; i < 100; ++i) pace.OnDelay(now, microseconds(200), false);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_start);
}

int SentAtOnce(Pace& pace, Instant now, size_t chunk) {
  int chunks = 0;
  pace.OnWrite(now);
  for (; pace.MaySend(now); ++chunks) pace.OnSent(now, chunk);
  return chunks;
}

TEST(Pace, WhatAMillisecondAllowsGoesAtOnceAndNoMore) {
  Instant now;
  Pace pace = Usual(now);
  EXPECT_EQ(SentAtOnce(pace, now, 15'000), 7);  // Six of 96 kB, and one goes before it is due.
}

TEST(Pace, WhereThatIsLittleABurstGoesAtOnce) {
  Instant now;
  Pace pace = Usual(now);
  Write(pace, now, milliseconds(20), 1000);
  EXPECT_EQ(SentAtOnce(pace, now, 15'000), 3);  // Two of 32 KiB, and one goes before it is due.
}

// So a network of 100 Mbit/s, which the first chunks fill, has room for its writers soon.
TEST(Pace, FallsFromItsBeginningToItsLeastWithinTwentySlowWrites) {
  Instant now;
  Pace pace = Usual(now);
  Write(pace, now, milliseconds(2), 20);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_min);
  EXPECT_LT(pace.rate(), 12.5e6 / 2);
}

TEST(Pace, ForAWhileAfterAWriteThereIsALimit) {
  Instant now;
  Pace pace = Usual(now);
  pace.OnWrite(now);
  now = now + seconds(1);
  pace.OnDelay(now, seconds(1), true);
  pace.OnSent(now, 1 << 24);
  EXPECT_FALSE(pace.MaySend(now + milliseconds(49)));
  EXPECT_TRUE(pace.MaySend(now + milliseconds(50)));
}

TEST(Pace, StaysWhereSomeButNotManyAreSlow) {
  Instant now;
  Pace pace = Usual(now);
  const double before = pace.rate();
  WriteSomeSlowly(pace, now, 100, 3, microseconds(500));
  EXPECT_EQ(pace.rate(), before);
  EXPECT_NEAR(Sent(pace, now), before, kMegabyte);
}

TEST(Pace, OneSlowWriteAmongManyIsNoReason) {
  Instant now;
  Pace pace = Usual(now);
  const double before = pace.rate();
  WriteSomeSlowly(pace, now, 10, 1, milliseconds(50));
  EXPECT_GT(pace.rate(), before);
}

// What it sees while it sends at the least rate is nearly what is normal.
TEST(Pace, WhatIsNormalIsLearnedAtTheLeastRateWhereItIsNotKnown) {
  Instant now;
  Pace pace({});
  pace.Begin();
  Write(pace, now, microseconds(300), 15);
  EXPECT_EQ(pace.rate(), Pace::Options().rate_min);
  Write(pace, now, microseconds(300), 200);
  EXPECT_GT(pace.rate(), 4 * Pace::Options().rate_min);
  EXPECT_NEAR(static_cast<double>(pace.normal().count()), 300e3, 15e3);
}

// So a burst of writers before the transfer does not make everything that follows look fast.
TEST(Pace, WhatIsNormalIsTheMedianAndSoonForgetsABurst) {
  Instant now;
  Pace pace = Usual(now);
  const auto write = [&](Duration delay, int count) {
    for (int i = 0; i < count; ++i) pace.OnDelay(now, delay, false);
  };
  for (int i = 0; i < 100; ++i) {
    write(milliseconds(20), 2);
    write(microseconds(200), 3);
  }
  EXPECT_LT(pace.normal(), microseconds(300));
  write(milliseconds(20), 300);
  EXPECT_GT(pace.normal(), milliseconds(15));
  write(microseconds(200), 100);
  EXPECT_LT(pace.normal(), microseconds(250));
}

TEST(Pace, WhatWritesTakeBesideATransferIsNotTakenForNormal) {
  Instant now;
  Pace pace = Usual(now);
  Write(pace, now, milliseconds(2), 1000);
  EXPECT_NEAR(static_cast<double>(pace.normal().count()), 200e3, 10e3);
}

// ---- In a donor.

// Somebody writes all the time, where a write took 200 us before.
Rig SlowWriters(const Donor::Options& options = {.chunk_bytes = 60000}) {
  Rig rig(1, {}, {}, options);
  FillUp(rig, 3000);
  Donor& donor = rig.servers[0]->donor;
  for (int i = 0; i < 100; ++i) donor.OnWriteDelay(rig.now, microseconds(200));
  return rig;
}

// Messages pass at once; a chunk waits for its time. Returns how long the state took.
Duration TimeToSync(Rig& rig, Duration delay) {
  rig.Join();
  const Instant begin = rig.now;
  for (int i = 0; i < 1'000'000 && rig.taken == nullptr; ++i) {
    rig.RunToEnd();
    rig.Pass(milliseconds(1));
    rig.servers[0]->donor.OnWrite(rig.now);
    if (delay > Duration::zero()) rig.servers[0]->donor.OnWriteDelay(rig.now, delay);
    rig.TimeDonors();
  }
  EXPECT_NE(rig.taken, nullptr);
  return rig.now - begin;
}

TEST(PacedDonor, GivesAStateOf3MegabytesAtOnceWhereNobodyWrites) {
  Rig rig;
  FillUp(rig, 3000);
  rig.Join();
  rig.RunToEnd();
  EXPECT_NE(rig.taken, nullptr);
}

TEST(PacedDonor, TakesItsTimeWhileWritersWaitLonger) {
  Rig rig = SlowWriters();
  const Duration taken = TimeToSync(rig, milliseconds(2));
  EXPECT_GE(taken, milliseconds(500));  // 3 MB at 4 MB/s at last.
  EXPECT_LE(taken, milliseconds(800));
}

TEST(PacedDonor, IsFasterWhereTheyNoticeNothing) {
  Rig slow = SlowWriters();
  Rig fast = SlowWriters();
  EXPECT_LT(3 * TimeToSync(fast, microseconds(200)), TimeToSync(slow, milliseconds(2)));
}

double RateAtFirst(size_t holders, uint64_t helped_bytes_min) {
  Rig rig = SlowWriters({.chunk_bytes = 60000, .helped_bytes_min = helped_bytes_min});
  rig.servers[0]->donor.SetHolders(holders);
  rig.Join();
  rig.RunToEnd();
  return rig.servers[0]->donor.pace().rate();
}

TEST(PacedDonor, BeginsSlowerWhereOthersThatHoldTheStateHelp) {
  EXPECT_EQ(RateAtFirst(1, 0), Pace::Options().rate_start);
  EXPECT_EQ(RateAtFirst(2, 0), Pace::Options().rate_start / 2);
  EXPECT_EQ(RateAtFirst(100, 0), Pace::Options().rate_start / 4);  // No more send to one joiner.
}

TEST(PacedDonor, SendsAStateThatIsTooSmallForHelpAsOneThatIsAlone) {
  EXPECT_EQ(RateAtFirst(100, kHelpedBytesMin), Pace::Options().rate_start);
}

TEST(PacedDonor, HurriesWhenMuchWasWritten) {
  Rig rig = SlowWriters();
  rig.Join();
  rig.servers[0]->donor.OnWrite(rig.now);
  rig.RunToEnd();
  EXPECT_EQ(rig.taken, nullptr);
  rig.servers[0]->donor.OnOperation(kPacedWritesBytesMax);
  rig.Pass(milliseconds(10));  // The next chunk is due, and all others then.
  rig.TimeDonors();
  rig.RunToEnd();
  EXPECT_NE(rig.taken, nullptr);
}

TEST(PacedDonor, HurriesWhenItHasTakenLong) {
  Donor::Options options{.chunk_bytes = 60000};
  options.pace.rate_min = options.pace.rate_start = 50'000;  // 3 MB would take a minute.
  Rig rig = SlowWriters(options);
  const Duration taken = TimeToSync(rig, milliseconds(2));
  EXPECT_GE(taken, kPacedFor);
  EXPECT_LE(taken, kPacedFor + seconds(1));
}

}  // namespace
}  // namespace cohort::transfer
