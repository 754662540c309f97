#include "map/convergent_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
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
  EXPECT_TRUE(a_.map().Resolve(*op, Writer(1), stamp).ok());
  MapOp claim = OpOf(ClaimOp{"s", 0});
  claim.hlc = a_.NextTime(1000);
  ASSERT_TRUE(a_.map().Apply(claim, {ViewNo(1), 1, Writer(2)}, a_.out()).status.ok());
  EXPECT_EQ(a_.map().Resolve(*op, Writer(1), stamp).code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(a_.map().Resolve(*op, Writer(2), stamp).ok());
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

TEST_F(ConvergentMapTest, APurgeOfAnotherEpochOrViewDoesNothing) {
  ASSERT_TRUE(a_.Write(PutOp{"k", "v"}).ok());
  ASSERT_TRUE(a_.Write(EraseOp{"k"}).ok());
  const PurgeOp purge{.upto = a_.map().state().greatest, .view = 1, .epoch = 7};
  a_.Order(OpOf(purge));
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

// ---- Properties over random histories.

std::string Dump(const ConvergentMap& map) {
  std::string text = "cleared " + map.state().cleared.ToString() + " greatest " +
                     std::to_string(map.state().greatest) + "\n";
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
    for (const auto& [key, entry] : map.EntriesOf(bucket)) {
      const std::optional<Registers> registers = ParseRegisters(entry->value);
      text += *key + (entry->tombstone ? " gone" : "") + " version " + entry->version.ToString() +
              " floor " + registers->floor.ToString() + " expired " +
              registers->expired.stamp.ToString() + " created " + registers->created.ToString() +
              " ttl " + registers->ttl.stamp.ToString() + " access " +
              registers->access.stamp.ToString();
      for (const Attribute& attribute : registers->attributes) {
        text += " [" + std::string(attribute.name) + (attribute.absent ? " absent " : " ") +
                attribute.mark.stamp.ToString() + " of " + attribute.mark.life.ToString() + "]";
      }
      text += "\n";
    }
  }
  return text;
}

class History {
 public:
  explicit History(uint64_t seed) : random_(seed) {
    for (uint64_t number = 1; number <= 3; ++number) members_.emplace_back(number);
  }

  // A write of one of three members, each of which has seen some prefix of the others' writes.
  std::vector<Member::Sent> Draw(size_t count) {
    std::vector<Member::Sent> all;
    for (size_t i = 0; i < count; ++i) {
      Member& writer = members_[random_.Below(members_.size())];
      const GroupTime now = 1000 + static_cast<GroupTime>(random_.Below(50) * i);
      absl::StatusOr<Member::Sent> sent = writer.Write(DrawRequest(), now);
      if (!sent.ok() || sent->bytes.empty()) continue;
      all.push_back(*sent);
      for (Member& other : members_) {
        if (random_.Chance(0.5)) other.Apply(*sent);
      }
      if (random_.Chance(0.1)) all.push_back(DrawExpiry(writer, now));
      if (random_.Chance(0.1)) all.push_back(DrawClaim(writer, now));
    }
    return all;
  }
  Random& random() { return random_; }

 private:
  Member::Sent DrawExpiry(Member& expirer, GroupTime now) {
    ExpireOp expire{.keys = {}, .evicts = random_.Chance(0.3), .view = 1};
    for (const auto& [key, version, life] : expirer.map().DueForExpiry(now + 3000, 2))
      expire.keys.push_back({Keep(key), version, life});
    Member::Sent sent;
    sent.ordered = OpOf(expire);
    sent.ordered->hlc = expirer.NextTime(now);
    return sent;
  }
  // All claims come in one order; what else is under way comes between them as it likes.
  Member::Sent DrawClaim(Member& claimer, GroupTime now) {
    const std::string_view key = Key();
    Member::Sent sent;
    sent.ordered = OpOf(ClaimOp{key, claims_[std::string(key)]++});
    sent.ordered->hlc = claimer.NextTime(now);
    return sent;
  }
  std::string_view Keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  std::string_view Key() { return Keep("k" + std::to_string(random_.Below(4))); }
  ConvergentRequest DrawRequest() {
    const std::string_view name = Keep("a" + std::to_string(random_.Below(3)));
    switch (random_.Below(12)) {
      case 0:
      case 1:
      case 2:
        return PutOp{Key(), Keep(std::to_string(random_.Below(1000))),
                     random_.Chance(0.3) ? random_.Between(1, 5000) : 0, random_.Chance(0.2)};
      case 3:
      case 4:
        return EraseOp{Key()};
      case 5:
        return TouchOp{Key(), static_cast<TouchOp::Mode>(random_.Below(4)),
                       random_.Between(1, 5000), 4000};
      case 6:
        return random_.Chance(0.2) ? ConvergentRequest(ClearOp{}) : Unset(Key(), name);
      case 7: {
        BatchOp batch;
        batch.items.push_back(PutOp{Key(), Keep("b"), 0, false});
        batch.items.push_back(EraseOp{Key()});
        return batch;
      }
      default:
        return Set(Key(), name, Keep(std::to_string(random_.Below(1000))));
    }
  }

  Random random_;
  std::deque<std::string> kept_;
  std::deque<Member> members_;
  std::map<std::string, uint64_t> claims_;
};

// What is in total order stays in it.
std::vector<Member::Sent> Shuffled(std::vector<Member::Sent> all, Random& random) {
  std::deque<Member::Sent> ordered;
  for (const Member::Sent& sent : all) {
    if (sent.ordered.has_value()) ordered.push_back(sent);
  }
  for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random.Below(i)]);
  for (Member::Sent& sent : all) {
    if (!sent.ordered.has_value()) continue;
    sent = ordered.front();
    ordered.pop_front();
  }
  return all;
}

TEST(ConvergentMapProperty, AnyOrderAndAnyRepetitionLeadToTheSame) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    History history(seed);
    std::vector<Member::Sent> all = history.Draw(60);
    Member first{7};
    for (const Member::Sent& sent : all) first.Apply(sent);
    for (int round = 0; round < 4; ++round) {
      Member other{8};
      for (const Member::Sent& sent : Shuffled(all, history.random())) {
        other.Apply(sent);
        if (!sent.ordered.has_value() && history.random().Chance(0.2)) other.Apply(sent);
      }
      ASSERT_EQ(first.map().digest(), other.map().digest()) << "seed " << seed << "\n"
                                                            << Dump(first.map()) << "and\n"
                                                            << Dump(other.map());
      ASSERT_TRUE(other.map().IsConsistent()) << "seed " << seed;
    }
  }
}

TEST(ConvergentMapProperty, JoiningCopiesIsCommutativeAssociativeAndIdempotent) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    History history(seed);
    const std::vector<Member::Sent> all = history.Draw(60);
    std::deque<Member> parts;
    for (int i = 0; i < 3; ++i) parts.emplace_back(static_cast<uint64_t>(20 + i));
    for (const Member::Sent& sent : all) parts[history.random().Below(3)].Apply(sent);
    const auto joined = [&](std::vector<size_t> order) {
      Member whole{30};
      for (const size_t part : order) whole.map().Absorb(parts[part].map(), whole.out());
      return whole.map().digest();
    };
    const Digest digest = joined({0, 1, 2});
    EXPECT_EQ(digest, joined({2, 1, 0})) << "seed " << seed;
    EXPECT_EQ(digest, joined({1, 0, 1, 2, 2, 0})) << "seed " << seed;
    Member pair{31};
    pair.map().Absorb(parts[1].map(), pair.out());
    pair.map().Absorb(parts[2].map(), pair.out());
    Member nested{32};
    nested.map().Absorb(parts[0].map(), nested.out());
    nested.map().Absorb(pair.map(), nested.out());
    EXPECT_EQ(digest, nested.map().digest()) << "seed " << seed;
  }
}

TEST(ConvergentMapProperty, RegistersSurviveTheirBytes) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    History history(seed);
    Member member{7};
    for (const Member::Sent& sent : history.Draw(40)) member.Apply(sent);
    Map::Options options{.hash_key = 77, .id = 0, .settings = {}};
    ConvergentMap restored("m", options);
    restored.RestoreState(member.map().state());
    for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
      for (const auto& [key, entry] : member.map().EntriesOf(bucket)) {
        ASSERT_TRUE(restored.Restore(*key, *entry)) << "seed " << seed;
      }
    }
    EXPECT_EQ(restored.digest(), member.map().digest()) << "seed " << seed;
  }
}

TEST(ConvergentEntry, AnyBytesAreParsedOrRefused) {
  Registers registers;
  registers.created = registers.floor = {5, 1};
  registers.expired = registers.ttl = registers.access = {{5, 1}, {6, 1}};
  registers.claim = {3, 2};
  registers.view = 3;
  registers.attributes.push_back({"", "value", {{5, 1}, {5, 1}}, 3, false});
  registers.attributes.push_back({"name", "", {{5, 1}, {6, 1}}, 2, true});
  const Buffer good = EncodeRegisters(registers);
  ASSERT_TRUE(ParseRegisters(good).has_value());
  EXPECT_EQ(UnnamedValueOf(good).text(), "value");
  EXPECT_EQ(OwnerIn(good), 2u);
  Registers unclaimed = registers;
  unclaimed.claim = {};
  EXPECT_EQ(OwnerIn(EncodeRegisters(unclaimed)), 1u);
  EXPECT_EQ(OwnerIn({}), 0u);
  Random random(5);
  size_t accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(good.text());
    for (uint64_t n = random.Between(1, 3); n > 0; --n) {
      const size_t at = random.Below(bytes.size());
      if (random.Chance(0.2))
        bytes.resize(std::max<size_t>(1, at));
      else
        bytes[at % bytes.size()] = static_cast<char>(random.Below(256));
    }
    const std::optional<Registers> parsed = ParseRegisters(AsBytes(bytes));
    if (!parsed.has_value()) continue;
    ++accepted;
    EXPECT_EQ(EncodeRegisters(*parsed).text(), bytes);
    EXPECT_EQ(ClaimIn(AsBytes(bytes)), parsed->claim);
    EXPECT_EQ(OwnerIn(AsBytes(bytes)), parsed->Owner());
  }
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace cohort::map
