// Properties of convergent maps, and of the registers of their entries, over random histories.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "map/convergent_map.h"
#include "map/convergent_member.h"
#include "map/convergent_op_codec.h"
#include "map/map_builders.h"

namespace cohort::map {
namespace {

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
    const auto joined = [&](const std::vector<size_t>& order) {
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

// What a put makes.
Registers LifeOf(const Stamp& stamp, uint64_t view) {
  Registers life;
  life.floor = life.created = stamp;
  life.ttl = life.access = {stamp, stamp};
  life.view = view;
  life.attributes.push_back({"", "value", {stamp, stamp}, view, false});
  return life;
}

// Judges JoinIfOver() by Join(). Whether all that is in `held` is over.
bool ExpectJoinedAlike(const Registers& held, const Registers& life) {
  Stamp latest =
      std::max({held.floor, held.created, held.expired.life, held.ttl.life, held.access.life});
  for (const Attribute& attribute : held.attributes) latest = std::max(latest, attribute.mark.life);
  const bool is_over = latest < life.floor;
  const Buffer bytes = EncodeRegisters(held);
  const std::optional<Registers> joined = JoinIfOver(bytes, life);
  EXPECT_EQ(joined.has_value(), is_over);
  if (joined.has_value()) {
    EXPECT_EQ(EncodeRegisters(*joined).text(), EncodeRegisters(Join(held, life)).text());
  }
  // Whatever else is in it has to be joined register by register.
  Registers more = life;
  more.expired = {life.floor, life.floor};
  EXPECT_FALSE(JoinIfOver(bytes, more).has_value());
  more = life;
  more.attributes.clear();
  EXPECT_FALSE(JoinIfOver(bytes, more).has_value());
  more = life;
  more.access = {};
  EXPECT_FALSE(JoinIfOver(bytes, more).has_value());
  return is_over;
}

// What is told by an entry itself is what its value tells.
void ExpectSaysWhatItsValueSays(const Entry& entry, const Registers& life) {
  const std::optional<Registers> by_entry = JoinIfOver(entry, life);
  const std::optional<Registers> by_value = JoinIfOver(entry.value.bytes(), life);
  ASSERT_EQ(by_entry.has_value(), by_value.has_value());
  if (by_entry.has_value()) {
    EXPECT_EQ(EncodeRegisters(*by_entry).text(), EncodeRegisters(*by_value).text());
  }
}

// What a put makes, with any stamp, is joined to whatever is there without parsing it, or it is
// not.
TEST(ConvergentMapProperty, WhatIsOverIsJoinedUnparsedAsIfItWereParsed) {
  size_t over = 0;
  size_t not_over = 0;
  size_t not_read = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    Random& random = history.random();
    Member member{7};
    for (const Member::Sent& sent : history.Draw(60)) member.Apply(sent);
    for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
      for (const auto& [key, entry] : member.map().EntriesOf(bucket)) {
        const Registers held = *ParseRegisters(entry->value);
        const Stamp stamp =
            random.Chance(0.2)
                ? held.Latest()
                : Stamp{HlcAt(static_cast<GroupTime>(random.Between(1000, 5000))), 8};
        Registers life = LifeOf(stamp, random.Below(3));
        if (random.Chance(0.5)) life.claim = {random.Below(4), random.Below(4)};
        ++(ExpectJoinedAlike(held, life) ? over : not_over);
        ExpectSaysWhatItsValueSays(*entry, life);
        not_read += entry->is_one_life ? 1 : 0;
        if (HasFailure()) return;
      }
    }
  }
  EXPECT_GT(over, 40u);
  EXPECT_GT(not_over, 40u);
  EXPECT_GT(not_read, 10u);
}

// Each register alone may be of a life that is not over, or be it by a stamp that is the same.
TEST(ConvergentMapProperty, OneRegisterThatIsNotOverIsEnough) {
  const Stamp put{HlcAt(2000), 8};
  const Stamp earlier{HlcAt(1000), 8};
  for (const Stamp& stamp : {put, Stamp{HlcAt(2000), 9}, Stamp{HlcAt(3000), 1}}) {
    SCOPED_TRACE(stamp.ToString());
    const Registers old = LifeOf(earlier, 1);
    EXPECT_TRUE(ExpectJoinedAlike(old, LifeOf(put, 1)));
    EXPECT_TRUE(EntryOf(old, earlier).is_one_life);
    EXPECT_TRUE(JoinIfOver(EntryOf(old, earlier), LifeOf(put, 1)).has_value());
    std::vector<Registers> all(6, old);
    all[0].floor = stamp;
    all[1].created = stamp;
    all[2].expired.life = stamp;
    all[3].ttl.life = stamp;
    all[4].access.life = stamp;
    all[5].attributes[0].mark.life = stamp;
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_FALSE(ExpectJoinedAlike(all[i], LifeOf(put, 1))) << i;
      EXPECT_FALSE(EntryOf(all[i], earlier).is_one_life) << i;
    }
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

// Sessions have several attributes that are written at once.
TEST(ConvergentEntry, WhatIsAsSaidBeforeIsNotSaidAgain) {
  Registers registers = LifeOf({5, 1}, 3);
  registers.attributes[0] = {"a", "1", {{5, 1}, {6, 1}}, 3, false};
  registers.access = {{5, 1}, {6, 1}};
  const size_t one = EncodeRegisters(registers).size();
  EXPECT_EQ(one, kRegistersHeaderBytes + 1 + 2 + 4 + 2);
  registers.attributes.push_back({"b", "2", {{5, 1}, {6, 1}}, 3, false});
  const size_t two = EncodeRegisters(registers).size();
  EXPECT_EQ(two, one + 1 + 2 + 4 + 2);
  registers.attributes.push_back({"c", "3", {{5, 1}, {5, 1}}, 3, false});  // Another write.
  const size_t three = EncodeRegisters(registers).size();
  EXPECT_EQ(three, two + 1 + 2 + 4 + 24 + 2);
  registers.attributes.push_back({"d", "4", {{5, 1}, {5, 1}}, 2, false});  // In another view.
  const size_t four = EncodeRegisters(registers).size();
  EXPECT_EQ(four, three + 1 + 2 + 4 + 24 + 2);
  registers.attributes.push_back({"e", "5", {{7, 1}, {7, 1}}, 3, false});  // Of another life.
  const Buffer bytes = EncodeRegisters(registers);
  EXPECT_EQ(bytes.size(), four + kAttributeBytes + 2);
  EXPECT_EQ(ParseRegisters(bytes), registers);
  EXPECT_EQ(registers.CountedBytes(), kRegistersHeaderBytes + 5 * (kAttributeBytes + 2));
  EXPECT_EQ(bytes.size() + BytesLeftOut(bytes), registers.CountedBytes());
}

// Else replicas that hold the same could have other digests.
TEST(ConvergentEntry, WhatIsSaidAgainIsRefused) {
  const Registers registers = LifeOf({5, 1}, 3);
  std::string whole(EncodeRegisters(registers).text());
  const size_t flags_at = kRegistersHeaderBytes;
  const size_t marks_at = flags_at + 1 + 2 + 4;
  ASSERT_EQ(whole[flags_at], 6);
  const std::string stamp("\5\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 16);
  std::string life = whole;
  life[flags_at] = 4;
  life.insert(marks_at, stamp);
  EXPECT_FALSE(ParseRegisters(AsBytes(life)).has_value());
  std::string write = whole;
  write[flags_at] = 2;
  write.insert(marks_at, stamp + std::string("\3\0\0\0\0\0\0\0", 8));
  EXPECT_FALSE(ParseRegisters(AsBytes(write)).has_value());
  write[marks_at + 16] = 2;  // An older view is another write.
  EXPECT_TRUE(ParseRegisters(AsBytes(write)).has_value());
  whole[flags_at] = 14;
  EXPECT_FALSE(ParseRegisters(AsBytes(whole)).has_value());
}

TEST(ConvergentEntry, AnyBytesAreParsedOrRefused) {
  Registers registers;
  registers.created = registers.floor = {5, 1};
  registers.expired = registers.ttl = registers.access = {{5, 1}, {6, 1}};
  registers.claim = {3, 2};
  registers.view = 3;
  registers.attributes.push_back({"", "value", {{5, 1}, {5, 1}}, 3, false});
  registers.attributes.push_back({"name", "", {{5, 1}, {6, 1}}, 2, true});
  registers.attributes.push_back({"next", "of one write", {{5, 1}, {6, 1}}, 2, false});
  registers.attributes.push_back({"of a later life", "x", {{7, 1}, {7, 1}}, 3, false});
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
    EXPECT_EQ(bytes.size() + BytesLeftOut(AsBytes(bytes)), parsed->CountedBytes());
    EXPECT_EQ(OwnerIn(AsBytes(bytes)), parsed->Owner());
    EXPECT_EQ(CreatedIn(AsBytes(bytes)), parsed->created);
  }
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace cohort::map
