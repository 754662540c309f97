// Packets from outside our views, and groups without a key.
#include <gtest/gtest.h>

#include <string>

#include "members.h"

namespace cohort::security {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the fixture of this folder.

Address AddressOf(uint32_t number) {
  Address address = kSomewhere;
  for (size_t i = 0; i < 4; ++i) address.ip[i] = static_cast<uint8_t>(number >> (8 * i));
  return address;
}

TEST(Strangers, AreOpenedWithTheirInstanceAndAttempt) {
  Security carol(OptionsOf(IdOf(7, 0x12345678))), bob = MemberOf(1);
  const OpenResult result = Open(bob, SealToStranger(carol, "hello"));
  ASSERT_EQ(result.verdict, Verdict::kOk);
  EXPECT_EQ(result.plaintext.text(), "hello");
  EXPECT_EQ(result.origin.view, ViewSlot::kNone);
  EXPECT_EQ(result.origin.rank, kNoRank);
  EXPECT_EQ(result.origin.member, IdOf(7, 0x12345678));
  EXPECT_FALSE(result.origin.direct);
}

TEST(Strangers, AnAddressedPacketOpensOnlyAtItsReceiver) {
  Security carol(OptionsOf(IdOf(7))), alice = MemberOf(0), bob = MemberOf(1);
  const Datagram datagram = SealToStranger(carol, "hello", kMembers[1].instance);
  EXPECT_EQ(VerdictOf(alice, datagram), Verdict::kForged);
  const OpenResult result = Open(bob, datagram);
  EXPECT_EQ(result.verdict, Verdict::kOk);
  EXPECT_TRUE(result.origin.direct);
}

TEST(Strangers, AreNotReplayed) {
  Security carol(OptionsOf(IdOf(7))), bob = MemberOf(1);
  const Datagram datagram = SealToStranger(carol, "hello");
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kOk);
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kReplay);
}

TEST(Strangers, ALaterAttemptUsesAnotherSubkeyAndStartsAnew) {
  Security carol(OptionsOf(IdOf(7))), bob = MemberOf(1);
  EXPECT_EQ(VerdictOf(bob, SealToStranger(carol, "hello")), Verdict::kOk);
  carol.SetJoinNo(2);
  const OpenResult result = Open(bob, SealToStranger(carol, "hello"));
  EXPECT_EQ(result.verdict, Verdict::kOk);
  EXPECT_EQ(result.origin.member, IdOf(7, 2));
  carol.SetJoinNo(1);
  EXPECT_EQ(Open(bob, SealToStranger(carol, "hello")).origin.member, IdOf(7, 2))
      << "attempts never go back";
}

TEST(Strangers, AMemberMaySpeakAsOne) {
  Security alice = MemberOf(0), carol(OptionsOf(IdOf(7)));
  EXPECT_EQ(Open(carol, SealToStranger(alice, "announce")).origin.member, kMembers[0]);
}

TEST(Strangers, OneSourceGetsItsShareAndNoMore) {
  Security bob = MemberOf(1), other(OptionsOf(IdOf(7))), friendly(OptionsOf(IdOf(8)));
  Datagram forged = SealToStranger(other, "x");
  forged.back() ^= std::byte{1};
  Instant now = Instant::FromNanos(5'000'000'000);
  for (uint32_t i = 0; i < kStrangerPacketsPerSource; ++i)
    EXPECT_EQ(VerdictOf(bob, forged, now), Verdict::kForged);
  EXPECT_EQ(VerdictOf(bob, forged, now), Verdict::kStrangerLimit);
  Address other_port = kSomewhere;
  other_port.port = 1;
  EXPECT_EQ(bob.Open(now, other_port, forged).verdict, Verdict::kStrangerLimit)
      << "ports do not count";
  EXPECT_EQ(bob.Open(now, AddressOf(77), SealToStranger(friendly, "x")).verdict, Verdict::kOk)
      << "others do";
  now = now + milliseconds(10);
  EXPECT_EQ(VerdictOf(bob, forged, now), Verdict::kForged)
      << "one more after a hundredth of a second";
  EXPECT_EQ(VerdictOf(bob, forged, now), Verdict::kStrangerLimit);
  now = now + seconds(100);
  uint32_t opened = 0;
  for (uint32_t i = 0; i < 3 * kStrangerPacketsPerSource; ++i)
    opened += VerdictOf(bob, forged, now) == Verdict::kForged;
  EXPECT_EQ(opened, kStrangerPacketsPerSource) << "rest does not add up";
}

TEST(Strangers, AllSourcesTogetherGetTheirShareAndNoMore) {
  Security bob = MemberOf(1), other(OptionsOf(IdOf(7)));
  Datagram forged = SealToStranger(other, "x");
  forged.back() ^= std::byte{1};
  const Instant now = Instant::FromNanos(5'000'000'000);
  uint32_t looked_at = 0;
  for (uint32_t i = 0; i < 5000; ++i) {
    looked_at += bob.Open(now, AddressOf(i), forged).verdict == Verdict::kForged ? 1 : 0;
  }
  EXPECT_EQ(looked_at, kStrangerPacketsTotal);
}

TEST(Strangers, MembersAreNotRationed) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  for (uint32_t i = 0; i < 2 * kStrangerPacketsTotal; ++i) {
    ASSERT_EQ(VerdictOf(bob, SealText(alice, kAllRanks, "x")), Verdict::kOk);
  }
}

TEST(Strangers, OnlyTheLatestAreRememberedAndForgersNever) {
  Security bob = MemberOf(1);
  Instant now;
  for (uint64_t i = 100; i < 100 + 2 * kStrangersMax; ++i) {
    Security stranger(OptionsOf(IdOf(i)));
    now = now + milliseconds(50);
    EXPECT_EQ(VerdictOf(bob, SealToStranger(stranger, "x"), now), Verdict::kOk);
    EXPECT_TRUE(bob.IsConsistent());
  }
  Security first(OptionsOf(IdOf(9999)));
  const Datagram datagram = SealToStranger(first, "x");
  EXPECT_EQ(VerdictOf(bob, datagram, now + seconds(1)), Verdict::kOk);
  for (uint64_t i = 5000; i < 5000 + 2 * kStrangersMax; ++i) {
    Security forger(OptionsOf(IdOf(i)));
    Datagram forged = SealToStranger(forger, "x");
    forged.back() ^= std::byte{1};
    now = now + milliseconds(50);
    EXPECT_EQ(VerdictOf(bob, forged, now + seconds(1)), Verdict::kForged);
  }
  EXPECT_EQ(VerdictOf(bob, datagram, now + seconds(2)), Verdict::kReplay);
}

Security WithoutKey(Rank self) {
  Security::Options options = OptionsOf(kMembers[self]);
  options.key.reset();
  Security security(options);
  security.SetViews(ViewOf(kView, kMembers, self), std::nullopt, {});
  return security;
}

TEST(Plaintext, MembersWithoutAKeyUnderstandOneAnother) {
  Security alice = WithoutKey(0), bob = WithoutKey(1);
  EXPECT_TRUE(alice.plaintext());
  const Datagram datagram = SealText(alice, kAllRanks, "frames");
  EXPECT_EQ(datagram.size(), wire::kPacketHeaderBytes + 6) << "no tag";
  EXPECT_EQ(Open(bob, datagram).plaintext.text(), "frames");
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kReplay);
  EXPECT_EQ(Open(bob, SealToStranger(alice, "hello")).plaintext.text(), "hello");
}

TEST(Plaintext, GroupsAreStillToldApart) {
  Security::Options options = OptionsOf(kMembers[0]);
  options.key.reset();
  options.group = "other";
  Security alice(options), bob = WithoutKey(1);
  EXPECT_EQ(VerdictOf(bob, SealToStranger(alice, "x")), Verdict::kForeignGroup);
}

TEST(Plaintext, NeverMixesWithEncryption) {
  Security with = MemberOf(0), without = WithoutKey(1);
  EXPECT_EQ(VerdictOf(with, SealText(without, kAllRanks, "x")), Verdict::kPlaintextMismatch);
  EXPECT_EQ(VerdictOf(without, SealText(with, kAllRanks, "x")), Verdict::kPlaintextMismatch);
  // A plaintext packet dressed up with our own tags.
  Datagram datagram = SealText(without, kAllRanks, "x");
  const Datagram ours = SealText(with, kAllRanks, "x");
  std::copy(ours.begin() + 4, ours.begin() + 12, datagram.begin() + 4);
  EXPECT_NE(VerdictOf(with, datagram), Verdict::kOk);
}

}  // namespace
}  // namespace cohort::security
