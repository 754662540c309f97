// Writes that say how a value differs from the one before (Spec 11.24, 11.25).
#include "map/convergent_member.h"
#include "map/delta_plan.h"
#include "map/limits.h"
#include "map/map_set.h"
#include "map/value_delta.h"

namespace cohort::map {
namespace {

std::string Changed(std::string value, Random& random) {
  value[random.Below(value.size())] ^= static_cast<char>(1 + random.Below(255));
  return value;
}

// The request of `writer` as a delta, if it makes one.
std::optional<Delta> DeltaFor(Member& member, uint64_t writer, const AttributesOp& request,
                              uint64_t view = 1) {
  const absl::StatusOr<ConvergentOp> op =
      PrepareConvergent(member.map(), request, 1000, {.by_owner = true, .if_present = true});
  if (!op.ok()) return std::nullopt;
  const std::optional<DeltaPlan> plan =
      member.map().PlanDelta(op->items[0], Writer(writer), view, 1000);
  return plan.has_value() ? MakeDelta(*plan, op->items[0]) : std::nullopt;
}

class ConvergentDeltaTest : public TwoMembers {
 protected:
  // Member 1 begins the entry, at both.
  void Begin(const std::string& value) { b_.Apply(*a_.Write(Set("s", "cart", value))); }
  MapOp Ordered(const Delta& delta, Member& member) {
    MapOp op = OpOf(kept_.emplace_back(delta).op());
    op.hlc = member.NextTime(1000);
    return op;
  }
  // A value that differs little, kept for whoever borrows it.
  std::string_view Near() { return texts_.emplace_back(Changed(value_, random_)); }
  std::deque<Delta> kept_;  // What operations borrow.
  std::deque<std::string> texts_;
  Random random_{5};
  std::string value_ = Noise(random_, 50'000);
};

TEST_F(ConvergentDeltaTest, ALargeValueThatChangedLittleTravelsInAFewBytes) {
  Begin(value_);
  const std::string next = Changed(value_, random_);
  AttributesOp request = Set("s", "cart", next);
  request.writes.push_back({"n", "1", false});
  const std::optional<Delta> delta = DeltaFor(a_, 1, request);
  ASSERT_TRUE(delta.has_value());
  const MapOp op = Ordered(*delta, a_);
  EXPECT_LT(EncodeMapOp(op).size(), 500u);
  for (Member* member : {&a_, &b_}) {
    const ApplyResult result = member->Order(op, 1);
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_EQ(result.version, (Version{op.hlc, WriterWord(Writer(1))}));
    EXPECT_EQ(member->Attribute("s", "cart"), next);
    EXPECT_EQ(member->Attribute("s", "n"), "1");
  }
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentDeltaTest, ItsBytesSayTheSameAgain) {
  Begin(value_);
  AttributesOp request = Set("s", "cart", Near());
  request.writes.push_back({"gone", {}, true});
  const MapOp op = Ordered(*DeltaFor(a_, 1, request), a_);
  const Buffer bytes = EncodeMapOp(op);
  MapOpDecoder decoder;
  const absl::StatusOr<const MapOp*> decoded = decoder.Decode(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(EncodeMapOp(**decoded).text(), bytes.text());
  EXPECT_EQ(std::get<DeltaOp>((*decoded)->body).writes[0].size, value_.size());
}

TEST_F(ConvergentDeltaTest, SmallValuesNewOnesAndThoseThatAreOthersGoWhole) {
  Begin(value_);
  EXPECT_FALSE(DeltaFor(a_, 1, Set("s", "cart", std::string(kDeltaValueMin - 1, 'x'))));
  EXPECT_FALSE(DeltaFor(a_, 1, Set("s", "other", value_)));
  EXPECT_FALSE(DeltaFor(a_, 1, Set("s", "cart", Noise(random_, 50'000))));
  EXPECT_FALSE(DeltaFor(a_, 1, Set("none", "cart", value_)));
  EXPECT_FALSE(DeltaFor(a_, 2, Set("s", "cart", Near())));
}

TEST_F(ConvergentDeltaTest, WhatAnotherMemberWroteInThisViewIsNoBaseYet) {
  Begin(value_);
  MapOp claim = OpOf(ClaimOp{"s", 0});
  claim.hlc = b_.NextTime(1000);
  for (Member* member : {&a_, &b_}) member->Order(claim, 2);
  const AttributesOp request = Set("s", "cart", Near());
  EXPECT_FALSE(DeltaFor(b_, 2, request, 1));
  EXPECT_TRUE(DeltaFor(b_, 2, request, 2)) << "all who are in a later view have it";
}

TEST_F(ConvergentDeltaTest, ItIsVoidOnceAnotherMemberHasClaimedTheEntry) {
  Begin(value_);
  const MapOp op = Ordered(*DeltaFor(a_, 1, Set("s", "cart", Near())), a_);
  MapOp claim = OpOf(ClaimOp{"s", 0});
  claim.hlc = b_.NextTime(1000);
  for (Member* member : {&a_, &b_}) {
    member->Order(claim, 2);
    EXPECT_TRUE(absl::IsAborted(member->Order(op, 1).status));
    EXPECT_EQ(member->Attribute("s", "cart"), value_);
  }
  // Nor is it by right again when its writer has claimed the entry back.
  MapOp back = OpOf(ClaimOp{"s", 1});
  back.hlc = a_.NextTime(1000);
  a_.Order(back, 1);
  EXPECT_TRUE(absl::IsAborted(a_.Order(op, 1).status));
  b_.Order(back, 1);
  // And of nobody who is not its writer.
  const MapOp forged = Ordered(*DeltaFor(a_, 1, Set("s", "cart", value_ + "x")), a_);
  EXPECT_TRUE(absl::IsAborted(b_.Order(forged, 2).status));
}

TEST_F(ConvergentDeltaTest, ALaterValueThatCameBeforeItStays) {
  Begin(value_);
  AttributesOp request = Set("s", "cart", Near());
  request.writes.push_back({"n", "1", false});
  const MapOp op = Ordered(*DeltaFor(a_, 1, request), a_);
  const auto later = *a_.Write(Set("s", "cart", "short"));
  b_.Order(op, 1);
  b_.Apply(later);
  EXPECT_TRUE(a_.Order(op, 1).status.ok());
  for (Member* member : {&a_, &b_}) {
    EXPECT_EQ(member->Attribute("s", "cart"), "short");
    EXPECT_EQ(member->Attribute("s", "n"), "1");
  }
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentDeltaTest, WhereItsBaseIsGoneNothingOfItIsWritten) {
  Begin(value_);
  AttributesOp request = Set("s", "cart", Near());
  request.writes.push_back({"n", "1", false});
  Delta delta = *DeltaFor(a_, 1, request);
  delta.writes[0].base.time += 1;
  EXPECT_TRUE(absl::IsAborted(a_.Order(Ordered(delta, a_), 1).status));
  EXPECT_EQ(a_.Attribute("s", "n"), "(absent)");
  EXPECT_EQ(a_.Attribute("s", "cart"), value_);
  EXPECT_FALSE(a_.out().differs);
}

TEST_F(ConvergentDeltaTest, AReplicaThatHoldsAnotherValueUnderThatStampSaysSo) {
  Begin(value_);
  Delta delta = *DeltaFor(a_, 1, Set("s", "cart", Near()));
  delta.writes[0].hash ^= 1;
  EXPECT_TRUE(absl::IsAborted(b_.Order(Ordered(delta, a_), 1).status));
  EXPECT_TRUE(b_.out().differs);
  EXPECT_EQ(b_.Attribute("s", "cart"), value_);
}

TEST_F(ConvergentDeltaTest, AFewBytesThatWouldMakeMoreThanAnEntryAreRefused) {
  Begin(value_);
  Delta delta = *DeltaFor(a_, 1, Set("s", "cart", Near()));
  delta.writes.resize(11, delta.writes[0]);
  MapOpDecoder decoder;
  EXPECT_FALSE(decoder.Decode(EncodeMapOp(Ordered(delta, a_))).ok()) << "11 times 50 000 bytes";
  delta.writes.resize(10);
  EXPECT_TRUE(decoder.Decode(EncodeMapOp(Ordered(delta, a_))).ok());
}

// Attributes of such a life could not be read back.
TEST_F(ConvergentDeltaTest, ALifeOfNoTimeIsRefused) {
  Begin(value_);
  Delta delta = *DeltaFor(a_, 1, Set("s", "cart", Near()));
  delta.life = Version{0, 7};
  MapOpDecoder decoder;
  EXPECT_FALSE(decoder.Decode(EncodeMapOp(Ordered(delta, a_))).ok());
}

TEST_F(ConvergentDeltaTest, AMapThatIsNotHereIsNotMadeByIt) {
  Begin(value_);
  MapSet maps({77, {}});
  maps.OnView(ViewNo(1));
  const MapOp op = Ordered(*DeltaFor(a_, 1, Set("s", "cart", Near())), a_);
  Output out;
  EXPECT_TRUE(absl::IsAborted(maps.Apply(EncodeMapOp(op), {ViewNo(1), 1, Writer(1)}, out).status));
  EXPECT_EQ(maps.size(), 0u);
}

// Three members, of which two own the entry in turn; whole writes arrive anywhere, deltas and
// claims in one order, and after what their sender sent before.
class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    for (uint64_t i = 0; i < kMembers; ++i) members_.push_back(std::make_unique<Member>(i + 1));
  }
  void Run(int steps) {
    Whole(Set("s", "cart", Noise(random_)));
    for (int i = 0; i < steps; ++i) random_.Chance(0.3) ? Issue() : Deliver();
    for (int i = 0; i < 20'000 && !IsQuiet(); ++i) Deliver();
    ASSERT_TRUE(IsQuiet());
    for (const auto& member : members_) {
      EXPECT_EQ(member->map().digest(), members_[0]->map().digest());
      EXPECT_EQ(member->Attribute("s", "cart"), expected_);
      EXPECT_EQ(member->Attribute("s", "n"), expected_n_);
      EXPECT_FALSE(member->out().differs);
      EXPECT_TRUE(member->map().IsConsistent());
    }
  }
  int deltas() const { return deltas_; }
  int voids() const { return voids_; }

 private:
  static constexpr size_t kMembers = 3;
  struct Ordered {
    Delta delta;  // Or, without a key, a claim ...
    uint64_t epoch = 0;
    uint64_t hlc = 0;
    size_t writer = 0;
    size_t after = 0;  // So many whole writes of its writer.
    std::string value, n;
  };

  Member& owner() { return *members_[owner_]; }
  void Whole(const AttributesOp& request) {
    sent_[owner_].push_back(*owner().Write(request));
    expected_ = owner().Attribute("s", "cart");
    expected_n_ = owner().Attribute("s", "n");
  }
  // Nothing that it wrote may be under way when the owner writes again.
  bool MayWrite() const { return !claiming_ && applied_[owner_] >= own_place_; }
  void Issue() {
    if (!MayWrite()) return;
    const bool is_large = random_.Chance(0.8);
    AttributesOp request = is_large ? Set("s", "cart", Next()) : Set("s", "cart", "small");
    request.writes.push_back({"n", random_.Chance(0.5) ? "1" : "2", false});
    if (random_.Chance(0.1)) return Claim();
    if (random_.Chance(0.1)) return Whole(Unset("s", "cart"));
    if (const std::optional<Delta> delta = DeltaFor(owner(), owner_ + 1, request)) {
      order_.push_back({*delta, 0, owner().NextTime(1000), owner_, sent_[owner_].size(),
                        std::string(request.writes[0].value),
                        std::string(request.writes[1].value)});
      own_place_ = order_.size();
      return;
    }
    Whole(request);
  }
  const std::string& Next() {
    const std::string held = owner().Attribute("s", "cart");
    return kept_ = held.size() < kDeltaValueMin ? Noise(random_) : Changed(held, random_);
  }
  // The other one claims while the owner may go on writing, until it knows.
  void Claim() {
    const size_t other = 1 - owner_;
    order_.push_back({{},
                      owner().map().ClaimOf("s").epoch,
                      members_[other]->NextTime(1000),
                      other,
                      sent_[other].size(),
                      {},
                      {}});
    const auto delta = DeltaFor(owner(), owner_ + 1, Set("s", "cart", Next()));
    if (delta.has_value() && random_.Chance(0.5)) {
      // Too late, whenever its writer learns of it.
      order_.push_back(
          {*delta, 0, owner().NextTime(1000), owner_, sent_[owner_].size(), kept_, expected_n_});
    }
    claim_place_ = order_.size();
    claiming_ = true;
  }
  // As the fence of 11.21 says.
  void FinishClaim() {
    const size_t other = 1 - owner_;
    if (!claiming_ || applied_[owner_] < claim_place_ || applied_[other] < claim_place_ ||
        got_[other][owner_] < sent_[owner_].size())
      return;
    claiming_ = false;
    owner_ = other;
    own_place_ = 0;
  }
  void Deliver() {
    const size_t at = random_.Below(kMembers);
    const size_t from = random_.Below(2);
    if (random_.Chance(0.5)) {
      // What is sent whole reaches the third one late.
      if (from != at && (at < 2 || random_.Chance(0.1)) && got_[at][from] < sent_[from].size())
        members_[at]->Apply(sent_[from][got_[at][from]++]);
    } else if (applied_[at] < order_.size()) {
      const Ordered& next = order_[applied_[at]];
      if (at != next.writer && got_[at][next.writer] < next.after) return;
      ++applied_[at];
      Apply(at, next);
    }
    FinishClaim();
  }
  void Apply(size_t at, const Ordered& next) {
    MapOp op = OpOf(ClaimOp{"s", next.epoch});
    if (!next.delta.key.empty()) op.body = next.delta.op();
    op.hlc = next.hlc;
    const ApplyResult result = members_[at]->Order(op, next.writer + 1);
    if (at != next.writer || next.delta.key.empty()) return;
    ++(result.status.ok() ? deltas_ : voids_);
    if (!result.status.ok()) return;
    expected_ = next.value;
    expected_n_ = next.n;
  }
  bool IsQuiet() const {
    for (size_t at = 0; at < kMembers; ++at) {
      if (applied_[at] < order_.size()) return false;
      for (size_t from = 0; from < 2; ++from) {
        if (from != at && got_[at][from] < sent_[from].size()) return false;
      }
    }
    return true;
  }

  Random random_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Member::Sent> sent_[kMembers];
  std::deque<Ordered> order_;
  size_t got_[kMembers][kMembers] = {};
  size_t applied_[kMembers] = {};
  size_t owner_ = 0;
  size_t own_place_ = 0;
  size_t claim_place_ = 0;
  bool claiming_ = false;
  int deltas_ = 0;
  int voids_ = 0;
  std::string kept_, expected_, expected_n_;
};

TEST(ConvergentDeltaWorld, WhateverTheOrderOfArrivalAllEndWithWhatWasAcknowledgedLast) {
  int deltas = 0;
  int voids = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    world.Run(200);
    deltas += world.deltas();
    voids += world.voids();
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(deltas, 1000);
  EXPECT_GT(voids, 50);
}

}  // namespace
}  // namespace cohort::map
