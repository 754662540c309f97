#include "map/convergent_map.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "map/convergent_member.h"
#include "map/convergent_op_codec.h"
#include "map/map_builders.h"

namespace cohort::map {
namespace {

constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

class ConvergentMapTest : public TwoMembers {};

// ---- What waits in the send queue.

TEST_F(ConvergentMapTest, AWriteThatWaitedWritesToTheLifeThereIsWhenItLeaves) {
  b_.Apply(*a_.Write(Set("s", "old", "1")));
  const auto op = PrepareConvergent(a_.map(), Set("s", "x", "2"), 1000);
  Member::Sent waiting;
  waiting.bytes = EncodeConvergentOp(*op);
  const auto erased = b_.Write(EraseOp{"s"});
  a_.Apply(*erased);
  Purge(a_, {.upto = a_.map().state().greatest});
  Purge(b_, {.upto = b_.map().state().greatest});
  a_.Leave(waiting);
  b_.Apply(waiting);
  for (Member* member : {&a_, &b_}) {
    EXPECT_EQ(member->Attribute("s", "x"), "2");
    EXPECT_EQ(member->Attribute("s", "old"), "(absent)");
  }
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, AnErasedAttributeOrATouchThatWaitedBeginsNoLife) {
  b_.Apply(*a_.Write(PutOp{"s", "v", 10'000}));
  Member::Sent unset;
  unset.bytes = EncodeConvergentOp(*PrepareConvergent(a_.map(), Unset("s", "x"), 1000));
  Member::Sent touch;
  touch.bytes = EncodeConvergentOp(
      *PrepareConvergent(a_.map(), TouchOp{"s", TouchOp::Mode::kTtl, 500, 0}, 1000));
  a_.Apply(*b_.Write(EraseOp{"s"}));
  for (Member::Sent* late : {&unset, &touch}) {
    EXPECT_EQ(a_.Leave(*late).status.code(), absl::StatusCode::kNotFound);
    EXPECT_FALSE(b_.Apply(*late).applied);
  }
  EXPECT_FALSE(a_.map().Exists("s", 1000));
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

// ---- Ownership.

TEST_F(ConvergentMapTest, WhoBeganALifeOwnsItUntilAnotherClaimsItAndOfTwoClaimsTheFirstCounts) {
  b_.Apply(*a_.Write(PutOp{"s", "v"}));
  EXPECT_EQ(b_.map().OwnerOf("s", 1000), WriterWord(Writer(1)));
  const auto claim = [&](Member& member, uint64_t writer) {
    MapOp op = OpOf(ClaimOp{"s", 0});
    op.hlc = member.map().state().greatest + 1;
    return member.map().Apply(op, {ViewNo(1), 1, Writer(writer)}, member.out());
  };
  for (Member* member : {&a_, &b_}) {
    EXPECT_TRUE(claim(*member, 2).status.ok());
    EXPECT_EQ(claim(*member, 3).status.code(), absl::StatusCode::kAborted);
    EXPECT_EQ(member->map().OwnerOf("s", 1000), WriterWord(Writer(2)));
    EXPECT_EQ(member->map().ClaimOf("s").epoch, 1u);
  }
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
  // A claim outlasts what the owner before had under way, and the life it was made in.
  b_.Apply(*a_.Write(EraseOp{"s"}));
  EXPECT_EQ(b_.map().OwnerOf("s", 1000), std::nullopt);
  b_.Apply(*a_.Write(PutOp{"s", "again"}));
  EXPECT_EQ(b_.map().OwnerOf("s", 1000), WriterWord(Writer(2)));
}

TEST(WriterWord, IsKnownAgainAfterItsMemberHasJoinedAgain) {
  MemberId member = Writer(1);
  member.join_no = 3;
  const uint64_t word = WriterWord(member);
  member.join_no = 5;
  EXPECT_TRUE(IsWordOf(word, member));
  EXPECT_TRUE(IsWordOf(WriterWord(member), member));
  member.join_no = 2;
  EXPECT_FALSE(IsWordOf(word, member));
  EXPECT_FALSE(IsWordOf(word, Writer(2)));
}

TEST_F(ConvergentMapTest, AWriteByRightFailsWhereAnotherOwnsTheEntryWhenItLeaves) {
  b_.Apply(*a_.Write(Set("s", "x", "1")));
  const auto op = PrepareConvergent(a_.map(), Set("s", "x", "2"), 1000, {.by_owner = true});
  ConvergentStamp stamp{.time = a_.NextTime(1000)};
  EXPECT_TRUE(a_.map().Resolve(*op, Writer(1), nullptr, stamp).ok());
  MapOp claim = OpOf(ClaimOp{"s", 0});
  claim.hlc = a_.NextTime(1000);
  ASSERT_TRUE(a_.map().Apply(claim, {ViewNo(1), 1, Writer(2)}, a_.out()).status.ok());
  EXPECT_EQ(a_.map().Resolve(*op, Writer(1), nullptr, stamp).code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(a_.map().Resolve(*op, Writer(2), nullptr, stamp).ok());
}

// Else who compares versions would not see what the owner before has written last.
TEST_F(ConvergentMapTest, AClaimIsNoVersionSoAWriteFromBeforeItThatArrivesAfterItIsSeen) {
  b_.Apply(*a_.Write(Set("s", "x", "1")));
  const auto late = a_.Write(Set("s", "x", "2"));
  MapOp claim = OpOf(ClaimOp{"s", 0});
  claim.hlc = a_.NextTime(1000) + 100;
  const Version before = b_.map().GetWithMeta("s", 1000)->version;
  const ApplyResult claimed = b_.map().Apply(claim, {ViewNo(1), 1, Writer(2)}, b_.out());
  ASSERT_TRUE(claimed.status.ok());
  EXPECT_EQ(claimed.version, before);
  EXPECT_EQ(b_.map().GetWithMeta("s", 1000)->version, before);
  // But later times are above it.
  EXPECT_GE(b_.map().state().greatest, claim.hlc);
  b_.Apply(*late);
  EXPECT_GT(b_.map().GetWithMeta("s", 1000)->version, before);
  a_.map().Apply(claim, {ViewNo(1), 1, Writer(2)}, a_.out());
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, AClaimIsNotForgottenWithTheTombstoneItIsIn) {
  b_.Apply(*a_.Write(PutOp{"s", "v"}));
  for (Member* member : {&a_, &b_}) {
    MapOp claim = OpOf(ClaimOp{"s", 0});
    claim.hlc = HlcAt(2000);
    ASSERT_TRUE(member->map().Apply(claim, {ViewNo(1), 1, Writer(2)}, member->out()).status.ok());
  }
  b_.Apply(*a_.Write(EraseOp{"s"}, 2001));
  const auto again = b_.Write(PutOp{"s", "again"}, 2002);
  const PurgeOp purge{.upto = a_.map().state().greatest};
  Purge(a_, purge);
  Purge(b_, purge);
  EXPECT_EQ(a_.map().ClaimOf("s").epoch, 1u);
  EXPECT_FALSE(a_.map().DueForPurge(a_.map().state().greatest, 9'000'000).upto > 0);
  a_.Apply(*again);
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

// ---- Expiry.

TEST_F(ConvergentMapTest, AnAccessLaterThanWhatTheExpirerSawKeepsTheLifeWhateverArrivesFirst) {
  b_.Apply(*a_.Write(PutOp{"s", "v", 100}, 1000));
  b_.Apply(*a_.Write(Set("s", "x", "1"), 1000));
  const Member::Sent expire = Expire(a_, 1200);
  const auto access = b_.Write(TouchOp{"s", TouchOp::Mode::kRearm, 0, 0}, 1090);
  a_.Apply(expire);
  EXPECT_FALSE(a_.map().Exists("s", 1100));
  a_.Apply(*access);
  b_.Apply(expire);
  for (Member* member : {&a_, &b_}) EXPECT_EQ(member->Attribute("s", "x", 1100), "1");
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, WhatHasExpiredLosesItsContentsWhenThatIsSettled) {
  ASSERT_TRUE(a_.Write(PutOp{"s", std::string(1000, 'v'), 100}, 1000).ok());
  a_.Apply(Expire(a_, 1200));
  EXPECT_EQ(a_.map().Tombstones(), 1u);
  EXPECT_GT(a_.map().Find("s")->value.size(), 1000u);
  EXPECT_EQ(a_.map().DueForPurge(a_.map().state().greatest - 1, 1300).contents, 0u);
  const PurgeOp due = a_.map().DueForPurge(a_.map().state().greatest, 1300);
  EXPECT_GT(due.contents, 0u);
  EXPECT_EQ(due.upto, 0u);
  Purge(a_, due);
  EXPECT_LT(a_.map().Find("s")->value.size(), 300u);
  EXPECT_EQ(a_.map().Tombstones(), 1u);
  EXPECT_EQ(a_.map().DueForPurge(a_.map().state().greatest, 1300).contents, 0u);
}

// What all have of the group's maps is settled up to a time at which some have nothing in this one.
TEST_F(ConvergentMapTest, APurgeForgetsAlikeWhereTheLaterWritesOfTheCaretakerAreYetToArrive) {
  b_.Apply(*a_.Write(PutOp{"s", std::string(1000, 'v'), 100}, 1000));
  const Member::Sent expire = Expire(a_, 1200);
  for (Member* member : {&a_, &b_}) member->Apply(expire);
  const uint64_t settled = HlcAt(1250);
  const auto on_its_way = a_.Write(PutOp{"k", "v"}, 1300);
  const PurgeOp due = a_.map().DueForPurge(settled, 1300);
  ASSERT_GT(due.contents, b_.map().state().greatest);
  for (Member* member : {&a_, &b_}) Purge(*member, due);
  b_.Apply(*on_its_way);
  EXPECT_LT(b_.map().Find("s")->value.size(), 300u);
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, APurgeOfWhatIsLaterThanItselfDoesNothing) {
  ASSERT_TRUE(a_.Write(PutOp{"k", "v"}).ok());
  ASSERT_TRUE(a_.Write(EraseOp{"k"}).ok());
  Purge(a_, {.upto = HlcAt(kLateMs) + 1});
  EXPECT_EQ(a_.map().Tombstones(), 1u);
}

TEST_F(ConvergentMapTest, APurgeOfAnotherEpochOrViewDoesNothing) {
  ASSERT_TRUE(a_.Write(PutOp{"k", "v"}).ok());
  ASSERT_TRUE(a_.Write(EraseOp{"k"}).ok());
  const PurgeOp purge{.upto = a_.map().state().greatest, .view = 1, .epoch = 7};
  a_.Order(OpOf(purge, kLateMs));
  EXPECT_EQ(a_.map().Tombstones(), 1u);
  Purge(a_, {.upto = purge.upto});
  EXPECT_EQ(a_.map().Tombstones(), 0u);
}

TEST_F(ConvergentMapTest, AWriterReadsItsOwnWriteAtOnce) {
  ASSERT_TRUE(a_.Write(PutOp{"k", "1"}).ok());
  EXPECT_EQ(a_.Value("k"), "1");
  ASSERT_TRUE(a_.Write(PutOp{"k", "2"}).ok());
  EXPECT_EQ(a_.Value("k"), "2");
  ASSERT_TRUE(a_.Write(EraseOp{"k"}).ok());
  EXPECT_EQ(a_.Value("k"), "(absent)");
}

TEST_F(ConvergentMapTest, OfTwoWritesAtOnceTheLaterStampStaysOnBothMembers) {
  const auto one = a_.Write(PutOp{"k", "one"});
  const auto two = b_.Write(PutOp{"k", "two"});
  a_.Apply(*two);
  b_.Apply(*one);
  EXPECT_EQ(a_.Value("k"), b_.Value("k"));
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, AttributesWrittenApartAtOnceAreBothThere) {
  b_.Apply(*a_.Write(Set("s", "user", "ann")));
  const auto cart = a_.Write(Set("s", "cart", "3"));
  const auto theme = b_.Write(Set("s", "theme", "dark"));
  a_.Apply(*theme);
  b_.Apply(*cart);
  for (Member* member : {&a_, &b_}) {
    EXPECT_EQ(member->Attribute("s", "user"), "ann");
    EXPECT_EQ(member->Attribute("s", "cart"), "3");
    EXPECT_EQ(member->Attribute("s", "theme"), "dark");
  }
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, ALifeThatBeginsOnTwoMembersAtOnceBecomesOne) {
  const auto one = a_.Write(Set("s", "x", "1"));
  const auto two = b_.Write(Set("s", "y", "2"));
  a_.Apply(*two);
  b_.Apply(*one);
  EXPECT_EQ(a_.Attribute("s", "x"), "1");
  EXPECT_EQ(a_.Attribute("s", "y"), "2");
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, ARemovalEndsWhatWasWrittenToThatLifeElsewhere) {
  b_.Apply(*a_.Write(Set("s", "user", "ann")));
  const auto erased = a_.Write(EraseOp{"s"});
  const auto late = b_.Write(Set("s", "cart", "3"), 5000);
  a_.Apply(*late);
  b_.Apply(*erased);
  EXPECT_FALSE(a_.map().Exists("s", 1000));
  EXPECT_FALSE(b_.map().Exists("s", 1000));
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, AnErasedAttributeDoesNotComeBackWithAnOlderWrite) {
  b_.Apply(*a_.Write(Set("s", "x", "1")));
  const auto older = b_.Write(Set("s", "x", "2"));
  a_.Apply(*older);
  const auto erased = a_.Write(Unset("s", "x"));
  EXPECT_EQ(a_.Attribute("s", "x"), "(absent)");
  a_.Apply(*older);
  EXPECT_EQ(a_.Attribute("s", "x"), "(absent)");
  b_.Apply(*erased);
  EXPECT_EQ(b_.Attribute("s", "x"), "(absent)");
  EXPECT_TRUE(b_.map().Exists("s", 1000));
}

TEST_F(ConvergentMapTest, APutReplacesTheWholeEntry) {
  ASSERT_TRUE(a_.Write(Set("s", "x", "1")).ok());
  ASSERT_TRUE(a_.Write(PutOp{"s", "whole"}).ok());
  EXPECT_EQ(a_.Attribute("s", "x"), "(absent)");
  EXPECT_EQ(a_.Value("s"), "whole");
}

TEST_F(ConvergentMapTest, ConditionalWritesNeedAnOrderedMap) {
  EXPECT_EQ(a_.Write(PutOp{"k", "v", 0, false, Condition::kAbsent, {}}).status().code(),
            kFailedPrecondition);
  EXPECT_EQ(a_.Write(EraseOp{"k", Condition::kPresent, {}}).status().code(), kFailedPrecondition);
  EXPECT_EQ(a_.Write(IncrementOp{"k"}).status().code(), kFailedPrecondition);
  EXPECT_EQ(a_.Write(AppendOp{"k", "v"}).status().code(), kFailedPrecondition);
  EXPECT_EQ(a_.Order(OpOf(PutOp{"k", "v"})).status.code(), kFailedPrecondition);
  EXPECT_NE(a_.Write(IncrementOp{"k"}).status().message().find("needs an ordered map"),
            absl::string_view::npos);
}

TEST_F(ConvergentMapTest, TouchesAreSentOnceInATenthOfTheLifetime) {
  ASSERT_TRUE(a_.Write(PutOp{"k", "v", 10'000}, 1000).ok());
  const TouchOp touch{"k", TouchOp::Mode::kRearm, 0, 0};
  EXPECT_TRUE(a_.Write(touch, 1500)->bytes.empty());
  EXPECT_FALSE(a_.Write(touch, 2100)->bytes.empty());
  EXPECT_EQ(a_.map().GetWithMeta("k", 3000)->expires_at, 12'100);
  EXPECT_EQ(a_.Write(TouchOp{"none", TouchOp::Mode::kRearm, 0, 0}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ConvergentMapTest, AnAccessThatOvertakesTheWriteCountsAllTheSame) {
  const auto put = a_.Write(PutOp{"k", "v", 10'000}, 1000);
  Member c{3};
  c.Apply(*put);
  const auto touch = c.Write(TouchOp{"k", TouchOp::Mode::kRearm, 0, 0}, 5000);
  b_.Apply(*touch);
  b_.Apply(*put);
  a_.Apply(*touch);
  EXPECT_EQ(b_.map().GetWithMeta("k", 5000)->expires_at, 15'000);
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, ReadersDoNotSeeWhatHasExpiredAndAnExpireOperationDeletesIt) {
  b_.Apply(*a_.Write(PutOp{"k", "v", 10}, 1000));
  EXPECT_EQ(a_.Value("k", 1011), "(absent)");
  EXPECT_EQ(a_.map().Size(), 1u);
  const auto due = a_.map().DueForExpiry(1011, 10);
  ASSERT_EQ(due.size(), 1u);
  MapOp expire = OpOf(ExpireOp{{{due[0].key, due[0].version, due[0].life}}});
  expire.hlc = a_.NextTime(1011);
  const auto again = b_.Write(PutOp{"k", "new"}, 1012);  // Before the expiry comes to its place.
  a_.Order(expire);
  b_.Order(expire);
  EXPECT_EQ(a_.map().Size(), 0u);
  a_.Apply(*again);
  EXPECT_EQ(a_.Value("k", 1013), "new");
  EXPECT_EQ(b_.Value("k", 1013), "new");
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, AClearLeavesWhatWasWrittenLater) {
  b_.Apply(*a_.Write(PutOp{"old", "v"}));
  const auto later = b_.Write(PutOp{"new", "v"}, 9000);
  const auto cleared = a_.Write(ClearOp{}, 5000);
  a_.Apply(*later);
  b_.Apply(*cleared);
  EXPECT_EQ(a_.Value("old"), "(absent)");
  EXPECT_EQ(b_.Value("new"), "v");
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentMapTest, APurgeForgetsTombstonesAndMarkersUpToItsTime) {
  ASSERT_TRUE(a_.Write(PutOp{"k", "v"}).ok());
  ASSERT_TRUE(a_.Write(EraseOp{"k"}).ok());
  ASSERT_TRUE(a_.Write(Set("s", "x", "1")).ok());
  ASSERT_TRUE(a_.Write(Unset("s", "x")).ok());
  EXPECT_EQ(a_.map().Tombstones(), 1u);
  const uint64_t settled = a_.map().state().greatest;
  EXPECT_EQ(a_.map().DueForPurge(settled, 2000).upto, 0u);
  const uint64_t upto = a_.map().DueForPurge(settled, 1000 + 5'000'000).upto;
  EXPECT_GT(upto, 0u);
  EXPECT_LE(upto, settled);
  Purge(a_, {.upto = settled});
  EXPECT_EQ(a_.map().Tombstones(), 0u);
  EXPECT_FALSE(a_.map().MayPurge());
  EXPECT_TRUE(a_.map().Exists("s", 1000));
}

TEST_F(ConvergentMapTest, RefusesEntriesBeyondTheLimit) {
  const std::string large(kRegistersBytesMax - 300, 'x');
  ASSERT_TRUE(a_.Write(Set("s", "x", large)).ok());
  EXPECT_EQ(a_.Write(Set("s", "y",
                         "0123456789012345678901234567890123456789012345678901234567890"
                         "0123456789012345678901234567890123456789012345678901234567890"))
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(a_.Write(Set("s", "x", large)).ok());  // In place of the one before.
}

}  // namespace
}  // namespace cohort::map
