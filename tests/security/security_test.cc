#include "security/security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/random.h"
#include "bench/allocations.h"
#include "members.h"
#include "support/golden_file.h"

namespace cohort::security {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the fixture of this folder.
using ::cohort::testing::Golden;
using ::testing::AnyOf;
using ::testing::ElementsAreArray;

TEST(Security, AMemberOpensWhatAnotherSealedForAll) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  const OpenResult result = Open(bob, SealText(alice, kAllRanks, "frames"));
  ASSERT_EQ(result.verdict, Verdict::kOk);
  EXPECT_EQ(result.plaintext.text(), "frames");
  EXPECT_EQ(result.origin.view, ViewSlot::kCurrent);
  EXPECT_EQ(result.origin.view_id, kView);
  EXPECT_EQ(result.origin.rank, 0);
  EXPECT_EQ(result.origin.member, kMembers[0]);
  EXPECT_FALSE(result.origin.direct);
  EXPECT_TRUE(bob.IsConsistent());
}

TEST(Security, EverySizeOfPacketComesBackWhole) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  for (size_t size = 0; size <= wire::kJumboFramesMax; size += 44) {
    const std::string text(size, 'x');
    EXPECT_EQ(Open(bob, SealText(alice, kAllRanks, text)).plaintext.text(), text) << size;
  }
}

TEST(Security, PacketsAreAppendedToTheArenaBackToBack) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  Datagram arena;
  const size_t first = alice.Seal(ViewSlot::kCurrent, kAllRanks, AsBytes("one"), arena);
  const size_t second = alice.Seal(ViewSlot::kCurrent, 1, AsBytes("second"), arena);
  ASSERT_EQ(arena.size(), first + second);
  EXPECT_EQ(first, wire::kPacketHeaderBytes + 3 + wire::kTagBytes);
  EXPECT_EQ(bob.Open({}, kSomewhere, Bytes(arena).first(first)).plaintext.text(), "one");
  const OpenResult result = bob.Open({}, kSomewhere, Bytes(arena).subspan(first));
  EXPECT_EQ(result.plaintext.text(), "second");
  EXPECT_TRUE(result.origin.direct);
}

TEST(Security, NothingOfThePlaintextIsSeenInThePacket) {
  Security alice = MemberOf(0);
  const std::string text = "a text long enough not to appear by chance";
  const Datagram datagram = SealText(alice, kAllRanks, text);
  EXPECT_EQ(AsText(datagram).find(text.substr(0, 8)), std::string_view::npos);
}

TEST(Security, EveryBitOfAPacketIsAuthenticated) {
  for (const bool stranger : {false, true}) {
    Security alice = MemberOf(0), bob = MemberOf(1);
    Datagram datagram = stranger ? SealToStranger(alice, "frames", kMembers[1].instance)
                                 : SealText(alice, 1, "frames");
    Instant now;
    for (size_t i = 0; i < datagram.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        now = now + milliseconds(100);
        datagram[i] ^= static_cast<std::byte>(1 << bit);
        EXPECT_NE(VerdictOf(bob, datagram, now), Verdict::kOk) << "byte " << i << " bit " << bit;
        datagram[i] ^= static_cast<std::byte>(1 << bit);
      }
    }
    EXPECT_EQ(VerdictOf(bob, datagram, now + seconds(1)), Verdict::kOk)
        << "none of that spoiled the real one";
  }
}

TEST(Security, APacketCutShortOrExtendedIsRefused) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  Datagram datagram = SealText(alice, 1, "frames");
  for (size_t size = 0; size < datagram.size(); ++size) {
    EXPECT_EQ(
        VerdictOf(bob, Datagram(datagram.begin(), datagram.begin() + static_cast<long>(size))),
        Verdict::kMalformed);
  }
  datagram.push_back(std::byte{0});
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kMalformed);
}

TEST(Security, APacketOpensOnce) {
  Security alice = MemberOf(0), bob = MemberOf(1), carol = MemberOf(2);
  const Datagram datagram = SealText(alice, kAllRanks, "frames");
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kOk);
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kReplay);
  EXPECT_EQ(VerdictOf(carol, datagram), Verdict::kOk);
  EXPECT_EQ(bob.stats().Received(Verdict::kReplay), 1u);
}

TEST(Security, PacketsInAnyOrderAreOpenedWithinTheWindowAndNotBeforeIt) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  std::vector<Datagram> datagrams;
  for (size_t i = 0; i < ReplayWindow::kPackets + 1; ++i)
    datagrams.push_back(SealText(alice, kAllRanks, "x"));
  EXPECT_EQ(VerdictOf(bob, datagrams.back()), Verdict::kOk);
  EXPECT_EQ(VerdictOf(bob, datagrams[1]), Verdict::kOk);
  EXPECT_EQ(VerdictOf(bob, datagrams[2000]), Verdict::kOk);
  EXPECT_EQ(VerdictOf(bob, datagrams[0]), Verdict::kReplay) << "4096 numbers behind";
}

TEST(Security, AForgedNumberDoesNotMoveTheWindow) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  Datagram forged = SealText(alice, kAllRanks, "x");
  forged[20] = std::byte{0xFF};  // Packet number, far ahead.
  EXPECT_EQ(VerdictOf(bob, forged), Verdict::kForged);
  EXPECT_EQ(VerdictOf(bob, SealText(alice, kAllRanks, "x")), Verdict::kOk);
}

TEST(Security, AUnicastPacketOpensOnlyAtItsReceiver) {
  Security alice = MemberOf(0), bob = MemberOf(1), carol = MemberOf(2);
  const Datagram datagram = SealText(alice, 1, "for bob");
  EXPECT_EQ(VerdictOf(carol, datagram), Verdict::kForged);
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kOk);
}

TEST(Security, AUnicastPacketIsNotAMulticastOne) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  Datagram datagram = SealText(alice, 1, "for bob");
  datagram[1] = std::byte{wire::kWireVersion << 4 | 0};
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kForged);
}

TEST(Security, APacketOfAnUnknownViewIsRefused) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  bob.SetViews(ViewOf({.num = 8, .cid = 1}, kMembers, 1), std::nullopt, {});
  EXPECT_EQ(VerdictOf(bob, SealText(alice, kAllRanks, "x")), Verdict::kUnknownView);
}

TEST(Security, TheWholeViewIdIsAuthenticatedNotOnlyItsTag) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  const ViewId other{.num = 8, .cid = 1};
  bob.SetViews(ViewOf(other, kMembers, 1), std::nullopt, {});
  Datagram datagram = SealText(alice, kAllRanks, "x");
  const uint32_t tag = bob.ViewTag(other);
  for (size_t i = 0; i < 4; ++i) datagram[8 + i] = static_cast<std::byte>(tag >> (8 * i));
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kForged) << "the header is authenticated anyway";

  // As if the tags of two views collided: the header is alike, the views are not.
  const Binding alike{.view = &kView, .receiver = nullptr},
      differs{.view = &other, .receiver = nullptr};
  const KeyDerivation keys(KeyOfByte(1), "group");
  PacketSealer sealer(kMembers[0], 1);
  PacketOpener opener(kMembers[0]);
  Datagram sealed;
  wire::PacketHeader header{.join_no = 1};
  ASSERT_NE(sealer.Seal(&keys, 0, header, alike, AsBytes("x"), sealed), 0u);
  header = wire::ParsePacketHeader(sealed).header;
  const Bytes head = Bytes(sealed).first(header.Size()),
              body = Bytes(sealed).subspan(header.Size());
  std::array<std::byte, 1> out;
  EXPECT_FALSE(opener.Open(&keys, 0, header, head, differs, body, out));
  EXPECT_TRUE(opener.Open(&keys, 0, header, head, alike, body, out));
}

TEST(Security, PreviousAndAcceptedViewsAreOpenedAndTold) {
  const ViewId next{.num = 8, .cid = 1};
  Security alice = MemberOf(0), bob = MemberOf(1);
  bob.SetViews(ViewOf(kView, kMembers, 1), std::nullopt, {ViewOf(next, kMembers, 1)});
  alice.SetViews(ViewOf(next, kMembers, 0), ViewOf(kView, kMembers, 0), {});
  EXPECT_EQ(Open(bob, SealText(alice, kAllRanks, "new")).origin.view, ViewSlot::kAccepted);
  EXPECT_EQ(Open(bob, SealText(alice, kAllRanks, "old", ViewSlot::kPrevious)).origin.view,
            ViewSlot::kCurrent);
  bob.SetViews(ViewOf(next, kMembers, 1), ViewOf(kView, kMembers, 1), {});
  EXPECT_EQ(Open(bob, SealText(alice, 1, "old", ViewSlot::kPrevious)).origin.view,
            ViewSlot::kPrevious);
}

TEST(Security, OnlySoManyAcceptedViewsAreOpened) {
  Security bob = MemberOf(1);
  std::vector<ViewContext> accepted;
  for (uint64_t i = 0; i < 100; ++i) accepted.push_back(ViewOf({.num = 8, .cid = i}, kMembers, 1));
  bob.SetViews(ViewOf(kView, kMembers, 1), std::nullopt, accepted);
  EXPECT_TRUE(bob.IsConsistent());
}

TEST(Security, WhatWasSeenStaysSeenAcrossViews) {
  const ViewId next{.num = 8, .cid = 1};
  Security alice = MemberOf(0), bob = MemberOf(1);
  const Datagram datagram = SealText(alice, kAllRanks, "x");
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kOk);
  bob.SetViews(ViewOf(next, {kMembers[1], kMembers[0]}, 0), ViewOf(kView, kMembers, 1), {});
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kReplay);
  EXPECT_EQ(VerdictOf(bob, SealText(alice, kAllRanks, "x")), Verdict::kOk);
}

TEST(Security, ARankOutsideTheViewOrOfAnotherAttemptIsRefused) {
  Security bob = MemberOf(1);
  Security stranger(OptionsOf(IdOf(9)));
  stranger.SetViews(ViewOf(kView, {IdOf(0), IdOf(1), IdOf(2), IdOf(9)}, 3), std::nullopt, {});
  EXPECT_EQ(VerdictOf(bob, SealText(stranger, kAllRanks, "x")), Verdict::kBadRank);
  Security earlier(OptionsOf(IdOf(0, 2)));
  earlier.SetViews(ViewOf(kView, {IdOf(0, 2), IdOf(1)}, 0), std::nullopt, {});
  EXPECT_EQ(VerdictOf(bob, SealText(earlier, kAllRanks, "x")), Verdict::kBadRank);
}

TEST(Security, AMemberThatClaimsAnothersRankIsForged) {
  Security bob = MemberOf(1);
  Security evil(OptionsOf(IdOf(9)));
  evil.SetViews(ViewOf(kView, {IdOf(9), IdOf(1), IdOf(2)}, 0), std::nullopt, {});
  EXPECT_EQ(VerdictOf(bob, SealText(evil, kAllRanks, "x")), Verdict::kForged);
}

TEST(Security, OwnPacketsThatLoopBackAreToldApart) {
  Security alice = MemberOf(0);
  EXPECT_EQ(VerdictOf(alice, SealText(alice, kAllRanks, "x")), Verdict::kOwn);
  EXPECT_EQ(VerdictOf(alice, SealToStranger(alice, "x")), Verdict::kOwn);
}

TEST(Security, AnotherGroupAndAnotherKeyAreForeign) {
  Security bob = MemberOf(1);
  Security::Options other_group = OptionsOf(kMembers[0]), other_key = OptionsOf(kMembers[0]);
  other_group.group = "other";
  other_key.key = KeyOfByte(2);
  for (const Security::Options& options : {other_group, other_key}) {
    Security alice(options);
    alice.SetViews(ViewOf(kView, kMembers, 0), std::nullopt, {});
    Datagram datagram = SealText(alice, kAllRanks, "x");
    EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kForeignGroup);
    // Even with our tags copied onto it.
    const Datagram ours = SealText(bob, kAllRanks, "x");
    std::copy(ours.begin() + 4, ours.begin() + 12, datagram.begin() + 4);
    EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kForged);
  }
}

TEST(Security, AnotherEpochIsAnUnknownKey) {
  Security bob = MemberOf(1);
  Security::Options options = OptionsOf(kMembers[0]);
  options.epoch = 1;
  Security alice(options);
  alice.SetViews(ViewOf(kView, kMembers, 0), std::nullopt, {});
  EXPECT_EQ(VerdictOf(bob, SealText(alice, kAllRanks, "x")), Verdict::kUnknownKey);
  options.epoch = 256;  // The slot is the same, the subkey is not.
  Security later(options);
  later.SetViews(ViewOf(kView, kMembers, 0), std::nullopt, {});
  EXPECT_EQ(VerdictOf(bob, SealText(later, kAllRanks, "x")), Verdict::kForged);
}

TEST(Security, AnotherWireVersionIsTold) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  Datagram datagram = SealText(alice, kAllRanks, "x");
  datagram[1] = static_cast<std::byte>((wire::kWireVersion + 1) << 4);
  EXPECT_EQ(VerdictOf(bob, datagram), Verdict::kWrongVersion);
}

TEST(Security, NoPacketIsSealedTwiceAlike) {
  // Restarts, further attempts, channels and repetitions: the same frames, never the same bytes.
  std::set<std::string> bodies;
  size_t sealed = 0;
  const auto add = [&](const Datagram& datagram, size_t header) {
    ++sealed;
    bodies.insert(std::string(AsText(datagram).substr(header)));
  };
  for (const MemberId self : {IdOf(0), IdOf(0, 2), IdOf(5)}) {
    Security alice(OptionsOf(self));
    alice.SetViews(ViewOf(kView, {self, IdOf(1)}, 0), std::nullopt, {});
    for (int i = 0; i < 3; ++i) {
      add(SealText(alice, kAllRanks, "the same frames"), wire::kPacketHeaderBytes);
      add(SealText(alice, 1, "the same frames"), wire::kPacketHeaderBytes);
      add(SealToStranger(alice, "the same frames"), wire::kStrangerHeaderBytes);
    }
  }
  EXPECT_EQ(bodies.size(), sealed);
}

TEST(Security, ANumberIsNotUsedAgainWhenAnAttemptComesBack) {
  Security alice(OptionsOf(IdOf(0, 1)));
  std::set<std::string> bodies;
  size_t sealed = 0;
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t join_no = 1; join_no <= 2 * kOwnJoinsKept; ++join_no) {
      alice.SetViews(ViewOf(kView, {IdOf(0, join_no), IdOf(1)}, 0), std::nullopt, {});
      const Datagram datagram = SealText(alice, kAllRanks, "the same frames");
      if (datagram.empty()) continue;  // Its numbers were forgotten, so it is refused.
      ++sealed;
      bodies.insert(std::string(AsText(datagram).substr(wire::kPacketHeaderBytes)));
    }
  }
  EXPECT_EQ(bodies.size(), sealed);
  EXPECT_GE(sealed, 2 * kOwnJoinsKept);
  EXPECT_TRUE(alice.IsConsistent());
}

TEST(Security, WhatCannotBeSealedIsRefusedAndCounted) {
  Security alice = MemberOf(0);
  Datagram arena;
  EXPECT_EQ(alice.Seal(ViewSlot::kPrevious, kAllRanks, AsBytes("x"), arena), 0u) << "no such view";
  EXPECT_EQ(alice.Seal(ViewSlot::kNone, kAllRanks, AsBytes("x"), arena), 0u);
  EXPECT_EQ(alice.Seal(ViewSlot::kCurrent, 3, AsBytes("x"), arena), 0u) << "no such rank";
  const std::string long_text(wire::kJumboFramesMax + 1, 'x');
  EXPECT_EQ(alice.Seal(ViewSlot::kCurrent, 1, AsBytes(long_text), arena), 0u);
  EXPECT_EQ(alice.SealStranger(std::nullopt, AsBytes(long_text).first(wire::kStrangerFramesMax + 1),
                               arena),
            0u);
  alice.SetViews(ViewOf(kView, kMembers, kNoRank), std::nullopt, {});
  EXPECT_EQ(alice.Seal(ViewSlot::kCurrent, 1, AsBytes("x"), arena), 0u) << "not a member of it";
  EXPECT_TRUE(arena.empty());
  EXPECT_EQ(alice.stats().seals_refused, 6u);
}

TEST(Security, ASubkeyIsRenewedInTimeAndNeverUsedUp) {
  Security::Options options = OptionsOf(IdOf(0));
  options.first_packet_number = kRekeyAfterPackets - 1;
  Security rekey(options);
  EXPECT_NE(rekey.SealStranger(std::nullopt, {}, *std::make_unique<Datagram>()), 0u);
  EXPECT_FALSE(rekey.NeedsRekey());
  EXPECT_NE(rekey.SealStranger(std::nullopt, {}, *std::make_unique<Datagram>()), 0u);
  EXPECT_TRUE(rekey.NeedsRekey());

  options.first_packet_number = kPacketNumberMax;
  Security last(options);
  Security bob = MemberOf(1);
  EXPECT_EQ(VerdictOf(bob, SealToStranger(last, "x")), Verdict::kOk);
  EXPECT_TRUE(SealToStranger(last, "x").empty());
}

TEST(Security, ForgedPacketsOfMembersCostNoAllocation) {
  if (!bench::kAllocationsAreCounted) GTEST_SKIP() << "a sanitizer owns the allocator";
  Security alice = MemberOf(0), bob = MemberOf(1);
  const Datagram good = SealText(alice, kAllRanks, std::string(1200, 'x'));
  Datagram forged = SealText(alice, kAllRanks, std::string(1200, 'x'));
  forged.back() ^= std::byte{1};
  EXPECT_EQ(VerdictOf(bob, forged), Verdict::kForged);  // Makes the subkey's context.
  EXPECT_EQ(VerdictOf(bob, good), Verdict::kOk);
  EXPECT_EQ(VerdictOf(bob, forged), Verdict::kForged);
  const uint64_t before = bench::Allocations();
  for (int i = 0; i < 100; ++i) bob.Open({}, kSomewhere, forged);  // Forged.
  for (int i = 0; i < 100; ++i) bob.Open({}, kSomewhere, good);    // Replayed.
  EXPECT_EQ(bench::Allocations() - before, 0u);
}

TEST(Security, WritesItsGoldenPacket) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  const Datagram datagram = SealText(alice, kAllRanks, "golden frames");
  const std::vector<std::byte> golden =
      Golden("wire/sealed_multicast.hex",
             "`golden frames` in a packet: key bytes 01 to 20, group `group`", datagram);
  EXPECT_THAT(datagram, ElementsAreArray(golden));
  EXPECT_EQ(Open(bob, golden).plaintext.text(), "golden frames");
}

TEST(Security, RandomBytesAreNeverOpened) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  const Datagram datagram = SealText(alice, 1, "frames");
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Random random(seed);
    Datagram mutated = datagram;
    for (uint64_t i = random.Between(1, 4); i > 0; --i) {
      mutated[random.Below(mutated.size())] ^= static_cast<std::byte>(random.Between(1, 255));
    }
    if (mutated == datagram) continue;
    EXPECT_NE(VerdictOf(bob, mutated), Verdict::kOk) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cohort::security
