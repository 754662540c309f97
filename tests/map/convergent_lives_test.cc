// Which life of an entry a register belongs to, what an expiry ends, and what is forgotten with it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "map/convergent_map.h"
#include "map/convergent_member.h"
#include "map/map_builders.h"

namespace cohort::map {
namespace {

class ConvergentLivesTest : public TwoMembers {
 protected:
  static MapOp Claim(uint64_t epoch, uint64_t hlc) {
    MapOp op = OpOf(ClaimOp{"s", epoch});
    op.hlc = hlc;
    return op;
  }
};

TEST_F(ConvergentLivesTest, ALifetimeSetWhileAnotherReplacesTheEntryIsNotThatOfTheNewLife) {
  b_.Apply(*a_.Write(PutOp{"s", "old", 10'000}, 1000));
  const auto replaced = b_.Write(PutOp{"s", "new", 10'000}, 1000);
  // Later by its stamp, but of the life that is over.
  const auto shortened = a_.Write(TouchOp{"s", TouchOp::Mode::kTtl, 5, 0}, 2000);
  a_.Apply(*replaced);
  b_.Apply(*shortened);
  for (Member* member : {&a_, &b_}) {
    EXPECT_EQ(member->Value("s", 5000), "new");
    EXPECT_EQ(member->map().GetWithMeta("s", 5000)->ttl_ms, 10'000u);
  }
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentLivesTest, AnExpiryEndsTheLifeThatWasSeenAndNotOneBegunWithALowerClock) {
  b_.Apply(*a_.Write(PutOp{"s", "old", 10}, 1000));
  const auto replaced = b_.Write(PutOp{"s", "new"}, 1001);
  a_.Apply(*a_.Write(TouchOp{"s", TouchOp::Mode::kTtl, 5, 0}, 1009));
  const Member::Sent expire = Expire(a_, 3000);
  ASSERT_EQ(std::get<ExpireOp>(expire.ordered->body).keys.size(), 1u);
  a_.Apply(expire);
  b_.Apply(expire);
  a_.Apply(*replaced);
  EXPECT_EQ(a_.Value("s", 3001), "new");
  EXPECT_EQ(b_.Value("s", 3001), "new");
}

TEST_F(ConvergentLivesTest, AnEntryIsMeasuredAgainWhenTheWriteLeaves) {
  const std::string half(kRegistersBytesMax / 2, 'x');
  b_.Apply(*a_.Write(Set("s", "x", "1")));
  std::vector<Member::Sent> waiting;
  for (const std::string_view name : {"y", "z"}) {
    waiting.push_back(
        {.bytes = EncodeConvergentOp(*PrepareConvergent(a_.map(), Set("s", name, half), 1000)),
         .stamp = {},
         .place = {},
         .ordered = {}});
  }
  EXPECT_TRUE(a_.Leave(waiting[0]).status.ok());
  EXPECT_EQ(a_.Leave(waiting[1]).status.code(), absl::StatusCode::kInvalidArgument);
  for (const Member::Sent& sent : waiting) b_.Apply(sent);
  EXPECT_EQ(b_.Attribute("s", "z"), "(absent)");
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentLivesTest, AClearThatAMergeBringsIsToldOfEveryEntryItChanges) {
  b_.out().wants_changes = true;
  ASSERT_TRUE(b_.Write(Set("whole", "x", "1"), 1000).ok());
  ASSERT_TRUE(b_.Write(Set("claimed", "x", "1"), 1000).ok());
  MapOp claim = OpOf(ClaimOp{"claimed", 0});
  claim.hlc = b_.NextTime(1000);
  b_.Order(claim);
  ASSERT_TRUE(b_.Write(Set("later", "x", "1"), 9000).ok());
  b_.out().changes.clear();
  MergeOp merge;
  merge.convergent = true;
  merge.cleared = {HlcAt(5000), 1};
  MapOp op = OpOf(merge);
  op.hlc = b_.NextTime(9000);
  b_.Order(op);
  std::vector<std::string> told;
  for (const Change& change : b_.out().changes) {
    EXPECT_EQ(change.cause, ChangeCause::kMerge);
    told.push_back(change.key + (change.value.has_value() ? " there" : " gone"));
  }
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, (std::vector<std::string>{"claimed gone", "whole gone"}));
}

// ---- What is told of an owner's writes.

TEST_F(ConvergentLivesTest, AnOwnerGoesOnWhereItsWriteChangesNeitherLifeNorOwnerNorLifetime) {
  b_.out().wants_changes = true;
  const auto goes_on = [&](const Member::Sent& sent) {
    b_.out().changes.clear();
    b_.Apply(sent);
    EXPECT_EQ(b_.out().changes.size(), 1u);
    return !b_.out().changes.empty() && b_.out().changes[0].by_owner;
  };
  EXPECT_FALSE(goes_on(*a_.Write(Set("s", "x", "1")))) << "it begins";
  EXPECT_TRUE(goes_on(*a_.Write(Set("s", "x", "2"))));
  AttributesOp lasting = Set("s", "x", "3");
  lasting.sets_ttl = true;
  lasting.ttl_ms = kHour;
  EXPECT_FALSE(goes_on(*a_.Write(lasting)));
  EXPECT_TRUE(goes_on(*a_.Write(Set("s", "x", "4"))));
  EXPECT_FALSE(goes_on(*a_.Write(PutOp{"s", "anew"})));
  EXPECT_FALSE(goes_on(*a_.Write(EraseOp{"s"})));
  EXPECT_FALSE(goes_on(*a_.Write(Set("s", "x", "5"))));
  Member::Sent claim;
  claim.ordered = Claim(0, a_.NextTime(1000));  // By member 9.
  a_.Apply(claim);
  EXPECT_FALSE(goes_on(claim));
  EXPECT_FALSE(goes_on(*a_.Write(Set("s", "x", "6")))) << "it was the owner";
}

// ---- Claims that nobody needs any more.

TEST_F(ConvergentLivesTest, AClaimIsForgottenByNameBeyondTheHorizonWithTheTombstoneItIsIn) {
  a_.Write(Set("s", "x", "1"), 1000).IgnoreError();
  a_.Order(Claim(0, a_.NextTime(1000)));
  EXPECT_TRUE(a_.map().DueForPurge(UINT64_MAX >> 1, 9 * kHour).claims.empty());  // Alive.
  a_.Write(EraseOp{"s"}, 1000).IgnoreError();
  const uint64_t settled = a_.map().state().greatest;
  EXPECT_TRUE(a_.map().DueForPurge(settled, 2000).claims.empty());           // Too young.
  EXPECT_TRUE(a_.map().DueForPurge(settled - 1, 2 * kHour).claims.empty());  // Not settled.
  PurgeOp purge = Due(a_, settled, 2 * kHour);
  ASSERT_EQ(purge.claims.size(), 1u);
  Purge(a_, purge);
  EXPECT_EQ(a_.map().ClaimOf("s").epoch, 0u);
  EXPECT_TRUE(a_.map().MayPurge());
  Purge(a_, Due(a_, settled, 2 * kHour));
  EXPECT_EQ(a_.map().Tombstones(), 0u);
  EXPECT_FALSE(a_.map().MayPurge());
}

TEST_F(ConvergentLivesTest, AClaimIsForgottenAlikeWhereTheNextLifeHasBegunAndWhereNot) {
  b_.Apply(*a_.Write(Set("s", "x", "1"), 1000));
  const uint64_t hlc = a_.NextTime(1000);
  for (Member* member : {&a_, &b_}) member->Order(Claim(0, hlc));
  b_.Apply(*a_.Write(EraseOp{"s"}, 1000));
  const PurgeOp purge = Due(a_, a_.map().state().greatest, 2 * kHour);
  const auto again = b_.Write(Set("s", "x", "2"), 2 * kHour);
  Purge(a_, purge);
  Purge(b_, purge);
  a_.Apply(*again);
  EXPECT_EQ(b_.map().ClaimOf("s").epoch, 0u);
  EXPECT_EQ(a_.Attribute("s", "x", 2 * kHour), "2");
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
  // Another claim that came before the purge is not the one it names.
  const uint64_t later = a_.NextTime(2 * kHour);
  for (Member* member : {&a_, &b_}) {
    member->Order(Claim(0, later));
    member->Order(Claim(1, later + 1));
    Purge(*member, purge);
    EXPECT_EQ(member->map().ClaimOf("s").epoch, 2u);
  }
}

TEST_F(ConvergentLivesTest, AClearAtTheMomentAClaimIsForgottenLeavesTheSame) {
  b_.Apply(*a_.Write(Set("s", "x", "1"), 1000));
  const uint64_t hlc = a_.NextTime(1000);
  for (Member* member : {&a_, &b_}) member->Order(Claim(0, hlc));
  b_.Apply(*a_.Write(EraseOp{"s"}, 1000));
  const PurgeOp purge = Due(a_, a_.map().state().greatest, 2 * kHour);
  ASSERT_EQ(purge.claims.size(), 1u);
  const auto clear = b_.Write(ClearOp{}, 2 * kHour);
  Purge(a_, purge);
  a_.Apply(*clear);
  Purge(b_, purge);
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentLivesTest, WhatAJoinerGathersKeepsWhatAClearCoversForAClaimItDoesNotKnow) {
  b_.Apply(*a_.Write(Set("s", "x", "1"), 1000));
  const uint64_t hlc = a_.NextTime(1000);
  for (Member* member : {&a_, &b_}) member->Order(Claim(0, hlc));
  ConvergentMap early("m", {.hash_key = 77, .id = 0, .settings = {}});
  early.KeepAll();
  a_.SetView(2);
  ConvergentOpDecoder decoder;
  Output ignored;
  for (const auto& sent : {a_.Write(EraseOp{"s"}, 2000), a_.Write(ClearOp{}, 3000)})
    early.Join(**decoder.Decode(sent->bytes), sent->stamp, sent->place, ignored);
  b_.map().Absorb(early, ignored);
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentLivesTest, AnErasureThatAPutFollowsInTheBatchStillAsksForTheEntry) {
  b_.Apply(*a_.Write(Set("s", "x", "1"), 1000));
  BatchOp batch;
  batch.items = {EraseOp{"s"}, PutOp{"s", "again"}};
  const auto op = PrepareConvergent(a_.map(), batch, 1000, {.if_present = true});
  Member::Sent waiting;
  waiting.bytes = EncodeConvergentOp(*op);
  a_.Apply(*b_.Write(EraseOp{"s"}, 1000));
  EXPECT_EQ(a_.Leave(waiting).status.code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(a_.map().Exists("s", 1000));
}

}  // namespace
}  // namespace cohort::map
