// Members without data: they vote and watch, and nobody waits for them (Spec 4.88, 9.10).
#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/engine_net.h"

namespace cohort::engine {
namespace {

using ::testing::HasSubstr;
using testing_support::EngineNet;

class WithoutDataTest : public ::testing::Test {
 protected:
  EngineOptions Options(const std::string& name, bool without_data) {
    EngineOptions options = net_.Options(name);
    options.policy = policy_;
    options.initial_members = policy_ == Policy::kPrimary ? initial_members_ : 0;
    options.without_data = without_data;
    return options;
  }
  size_t AddHolder(const std::string& name) { return net_.Add(Options(name, false)); }
  size_t AddWitness(const std::string& name) { return net_.Add(Options(name, true)); }
  size_t AddObserver(const std::string& name) {
    EngineOptions options = Options(name, true);
    options.votes = false;
    return net_.Add(std::move(options));
  }
  // Gives up on those it does not hear even later than those without data do on the last holder.
  size_t AddPatientHolder(const std::string& name) {
    EngineOptions options = Options(name, false);
    options.dead_after = seconds(20);
    options.stalled_after = seconds(20);
    return net_.Add(std::move(options));
  }

  // All of them in one view of so many, and each has what it will have.
  bool Together(std::initializer_list<size_t> hosts) {
    const ViewId id = net_.engine(*hosts.begin()).view().id;
    return std::all_of(hosts.begin(), hosts.end(), [&](size_t host) {
      const View& view = net_.engine(host).view();
      return view.id == id && view.members.size() == hosts.size() && net_.engine(host).joined();
    });
  }
  void ExpectTogether(std::initializer_list<size_t> hosts) {
    ASSERT_TRUE(net_.RunUntil([&] { return Together(hosts); })) << Describe();
  }
  // Two that hold data, hosts 0 and 1, and a third that does not.
  void StartThree() {
    AddHolder("a");
    AddHolder("b");
    AddWitness("w");
    ExpectTogether({0, 1, 2});
  }
  // As after a loss of power: no lifeline ends, and another process is at the address.
  void Restart(size_t host, const std::string& name) {
    EngineOptions options = Options(name, false);
    options.address = EngineNet::AddressOf(host);
    const std::array<std::byte, 32> entropy{std::byte{99}};
    net_.host(host).held.clear();
    net_.host(host).held_streams.clear();
    net_.host(host).engine = std::make_unique<Engine>(std::move(options), entropy);
    Output first;  // Lost; it says it again.
    net_.engine(host).Start(net_.now(), 1'700'000'000'000, first);
    net_.Release(host);
  }
  bool Done(size_t host, uint64_t command) { return net_.host(host).done.contains(command); }
  bool Told(size_t host, EventKind kind, std::string_view text) {
    return std::any_of(net_.host(host).events.begin(), net_.host(host).events.end(),
                       [&](const Event& event) {
                         return event.kind == kind && event.text.find(text) != std::string::npos;
                       });
  }
  std::string Describe() {
    std::string text;
    for (size_t i = 0; i < net_.size(); ++i) {
      text += "host " + std::to_string(i) + ": " + net_.engine(i).view().id.ToString() + ", " +
              std::to_string(net_.engine(i).view().members.size()) + " members, synced " +
              std::to_string(net_.engine(i).synced()) + "\n";
      for (const Event& event : net_.host(i).events)
        text += std::string("   ") + ToString(event.kind) + " " + event.text + "\n";
    }
    return text;
  }

  Policy policy_ = Policy::kAvailable;
  uint32_t initial_members_ = 3;
  EngineNet net_;
};

TEST_F(WithoutDataTest, ItIsInTheViewAndShownThere) {
  StartThree();
  for (size_t host = 0; host < 3; ++host) {
    for (const Member& member : net_.engine(host).view().members) {
      EXPECT_EQ(member.without_data, member.name == "w") << host;
      EXPECT_FALSE(member.name == "w" && member.synced) << host;
    }
  }
  EXPECT_FALSE(net_.engine(2).synced());
  EXPECT_TRUE(net_.engine(2).joined());
}

TEST_F(WithoutDataTest, ItBeginsNoGroupAndWaitsForOneThatDoes) {
  AddWitness("w");
  net_.RunFor(seconds(5));
  EXPECT_TRUE(net_.engine(0).view().members.empty());
  AddHolder("a");
  ExpectTogether({0, 1});
}

TEST_F(WithoutDataTest, ItAsksForNoStateAndKeepsNone) {
  AddHolder("a");
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0}); }));
  const uint64_t before = net_.Put(0, "main", "before", "1");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, before); }));
  AddWitness("w");
  ExpectTogether({0, 1});
  const uint64_t after = net_.Put(0, "main", "after", "2");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, after); }));
  net_.RunFor(seconds(1));
  EXPECT_EQ(net_.Get(1, "main", "before"), "(no map)");
  EXPECT_EQ(net_.Get(1, "main", "after"), "(no map)");
  EXPECT_FALSE(Told(0, EventKind::kTransferStarted, ""));
}

TEST_F(WithoutDataTest, MapsAreRefusedThereInWordsThatSayWhatToDo) {
  StartThree();
  const absl::Status opened = net_.Execute(2, OpenMap{.id = 900, .name = "main"});
  EXPECT_EQ(opened.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(opened.message()), HasSubstr("open them in a member that holds data"));
  net_.Put(2, "main", "k", "v");
  EXPECT_EQ(net_.last_status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(net_.Execute(2, VerifyReplicas{.id = 901}).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(WithoutDataTest, WritesDoNotWaitForItAndDoNotCountIt) {
  StartThree();
  net_.host(2).Pause();
  const Instant start = net_.now();
  const uint64_t put = net_.Put(0, "main", "k", "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, put); }, seconds(5)));
  EXPECT_LT(net_.now() - start, milliseconds(100));
  EXPECT_EQ(net_.engine(0).view().members.size(), 3u) << "it was still in the view";
  EXPECT_EQ(net_.host(0).done[put].replicas, 2);
  EXPECT_EQ(net_.Get(1, "main", "k"), "v");
}

TEST_F(WithoutDataTest, AConditionalWriteThatIsAppliedHereDoesNotWaitForItEither) {
  StartThree();
  net_.host(2).Pause();
  const Instant start = net_.now();
  const map::MapOp op{
      .map = "main",
      .hlc = net_.engine(0).NextHlc(net_.now()),
      .body = map::PutOp{.key = "k", .value = "v", .condition = map::Condition::kAbsent}};
  ASSERT_TRUE(net_.Execute(0, MapWrite{.id = 900,
                                       .operation = map::EncodeMapOp(op),
                                       .ack = AckLevel::kLocal,
                                       .conditional = true,
                                       .subjects = map::SubjectsOf(op)})
                  .ok());
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, 900); }, seconds(5)));
  EXPECT_LT(net_.now() - start, milliseconds(100));
  EXPECT_TRUE(net_.host(0).done[900].status.ok());
  EXPECT_EQ(net_.engine(0).view().members.size(), 3u) << "it was still in the view";
}

TEST_F(WithoutDataTest, BesideItALoneHolderIsNotWaitedForByItself) {
  AddHolder("a");
  AddWitness("w");
  ExpectTogether({0, 1});
  for (const AckLevel ack : {AckLevel::kLocal, AckLevel::kOne, AckLevel::kAll}) {
    const uint64_t put = net_.Put(0, "main", "k", "v", ack);
    ASSERT_TRUE(net_.RunUntil([&] { return Done(0, put); }, seconds(1)));
    EXPECT_EQ(net_.host(0).done[put].replicas, 1);
  }
}

TEST_F(WithoutDataTest, MessagesReachItAndWaitForIt) {
  StartThree();
  net_.host(2).Pause();
  ASSERT_TRUE(net_.Execute(0, SendMessage{.id = 900,
                                          .cls = DeliveryClass::kAgreed,
                                          .payload = Buffer::CopyOf("hello"),
                                          .ack = AckLevel::kAll})
                  .ok());
  net_.RunFor(milliseconds(300));
  EXPECT_FALSE(Done(0, 900));
  net_.Release(2);
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, 900); }, seconds(5)));
  ASSERT_EQ(net_.host(2).messages.size(), 1u);
  EXPECT_EQ(net_.host(0).done[900].replicas, 3);
  // And it sends its own.
  ASSERT_TRUE(net_.Execute(2, SendMessage{.id = 901,
                                          .cls = DeliveryClass::kAgreed,
                                          .payload = Buffer::CopyOf("hello"),
                                          .ack = AckLevel::kAll})
                  .ok());
  ASSERT_TRUE(net_.RunUntil([&] { return Done(2, 901); }, seconds(5)));
}

// Spec 4.24
TEST_F(WithoutDataTest, WhoHoldsDataCoordinatesAndOrdersHoweverMuchYounger) {
  AddHolder("a");
  AddWitness("w");
  AddHolder("b");
  ExpectTogether({0, 1, 2});
  const uint64_t put = net_.Put(0, "main", "k", "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, put); }));
  net_.Kill(0);
  ExpectTogether({1, 2});
  EXPECT_EQ(net_.engine(1).view().members[0].name, "b") << Describe();
  AddHolder("c");
  ExpectTogether({1, 2, 3});
  EXPECT_EQ(net_.Get(3, "main", "k"), "v");
  net_.host(1).Pause();
  for (const size_t host : {2u, 3u}) {
    const Instant start = net_.now();
    const uint64_t later = net_.Put(host, "main", "later", "1");
    ASSERT_TRUE(net_.RunUntil([&, host] { return Done(host, later); }, seconds(1)));
    EXPECT_LT(net_.now() - start, milliseconds(100)) << "nobody's writes wait for the witness";
  }
}

// Spec 4.24: the view of those without data alone had nobody else to coordinate it.
TEST_F(WithoutDataTest, ItHandsItsPlaceOverToTheFirstThatHoldsData) {
  AddHolder("a");
  AddWitness("v");
  AddWitness("w");
  ExpectTogether({0, 1, 2});
  net_.Kill(0);
  ExpectTogether({1, 2});
  AddHolder("b");
  ASSERT_TRUE(net_.RunUntil([&] {
    return Together({1, 2, 3}) && net_.engine(1).view().members[0].name == "b";
  })) << Describe();
  const uint64_t put = net_.Put(3, "main", "k", "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(3, put); }));
  AddHolder("c");
  ExpectTogether({1, 2, 3, 4});
  EXPECT_EQ(net_.Get(4, "main", "k"), "v");
}

TEST_F(WithoutDataTest, WhenTheLastHolderDiesItSaysThatTheStateIsGoneAndTheNextBeginsAnew) {
  AddHolder("a");
  AddWitness("w");
  ExpectTogether({0, 1});
  const uint64_t put = net_.Put(0, "main", "k", "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, put); }));
  net_.Kill(0);
  ExpectTogether({1});
  EXPECT_TRUE(Told(1, EventKind::kWarning, "the group has no state")) << Describe();
  AddHolder("b");
  ExpectTogether({1, 2});
  EXPECT_EQ(net_.Get(2, "main", "k"), "(no map)");
  const uint64_t fresh = net_.Put(2, "main", "k", "new");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(2, fresh); }));
  AddHolder("c");
  ExpectTogether({1, 2, 3});
  EXPECT_EQ(net_.Get(3, "main", "k"), "new");
}

TEST_F(WithoutDataTest, AfterASplitItsSideGoesToTheOneThatHasTheState) {
  StartThree();
  const uint64_t put = net_.Put(0, "main", "k", "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, put); }));
  net_.Split({0, 0, 1});
  ASSERT_TRUE(net_.RunUntil([&] { return Together({2}) && Together({0, 1}); }, seconds(20)))
      << Describe();
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0, 1, 2}); }, seconds(20))) << Describe();
  EXPECT_EQ(net_.Get(0, "main", "k"), "v");
  EXPECT_TRUE(net_.engine(0).synced());
  EXPECT_TRUE(net_.engine(1).synced());
  EXPECT_FALSE(Told(2, EventKind::kMerged, "")) << "it brought nothing";
}

// Spec 7.5: it would go on without any data, and be back a moment later.
TEST_F(WithoutDataTest, ItWaitsForTheLastThatHoldsDataWhileThatStandsStill) {
  AddHolder("a");
  AddWitness("w");
  ExpectTogether({0, 1});
  const ViewId before = net_.engine(1).view().id;
  net_.host(0).Pause();
  net_.RunFor(seconds(10));
  EXPECT_TRUE(Told(1, EventKind::kSuspected, "")) << Describe();
  net_.Release(0);
  net_.RunFor(seconds(2));
  EXPECT_EQ(net_.engine(0).view().id, before) << Describe();
  EXPECT_EQ(net_.engine(1).view().id, before) << Describe();
}

// Spec 7.5: who has gone on is no process that stands still.
TEST_F(WithoutDataTest, SeveralDoNotWaitForTheLastThatHoldsDataWhereThatHasGoneOnWithoutThem) {
  AddHolder("a");
  AddWitness("v");
  AddWitness("w");
  ExpectTogether({0, 1, 2});
  net_.SplitDatagrams({0, 1, 1});
  // They do not hear their lifelines end, which would tell them as well.
  for (const size_t host : {1u, 2u}) net_.host(host).drops_streams = true;
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0}); }, seconds(5))) << Describe();
  for (const size_t host : {1u, 2u}) net_.host(host).drops_streams = false;
  ASSERT_EQ(net_.engine(1).view().members.size(), 3u) << "they wait\n" << Describe();
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0, 1, 2}); }, seconds(3))) << Describe();
}

TEST_F(WithoutDataTest, ItDoesNotWaitForTheLastThatHoldsDataWhereThatHasJoinedAnotherSide) {
  AddHolder("a");
  AddWitness("w");
  AddHolder("b");
  AddHolder("c");
  ExpectTogether({0, 1, 2, 3});
  net_.SplitDatagrams({0, 0, 1, 1});
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0, 1}) && Together({2, 3}); })) << Describe();
  net_.SplitDatagrams({0, 1, 0, 0});
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0, 2, 3}); })) << Describe();
  ASSERT_EQ(net_.engine(1).view().members.size(), 2u) << "it waits\n" << Describe();
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0, 1, 2, 3}); }, seconds(5))) << Describe();
}

// It sends who searches to the coordinator, which is the one that searches.
TEST_F(WithoutDataTest,
       ItDoesNotWaitForTheLastThatHoldsDataWhereAnotherProcessSearchesAtItsAddress) {
  AddHolder("a");
  AddWitness("w");
  ExpectTogether({0, 1});
  net_.host(0).Pause();
  net_.RunFor(milliseconds(1500));
  ASSERT_TRUE(Told(1, EventKind::kSuspected, "")) << Describe();
  Restart(0, "a");
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0, 1}); }, seconds(3))) << Describe();
}

// The witness gives the holder up, and the cut ends before the holder does likewise.
TEST_F(WithoutDataTest, TheOnlyHolderDoesNotFollowItIntoAViewWithoutState) {
  AddPatientHolder("a");
  AddWitness("w");
  ExpectTogether({0, 1});
  const uint64_t put = net_.Put(0, "main", "k", "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, put); }));
  const MemberId before = net_.engine(0).self();
  net_.SplitDatagrams({0, 1});
  ASSERT_TRUE(net_.RunUntil([&] { return Together({1}); }, seconds(20))) << Describe();
  ASSERT_EQ(net_.engine(0).view().members.size(), 2u) << Describe();
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return net_.engine(1).view().members.size() == 2; }, seconds(20)))
      << Describe();
  ExpectTogether({0, 1});
  EXPECT_EQ(net_.engine(0).self(), before) << "it never left\n" << Describe();
  EXPECT_EQ(net_.Get(0, "main", "k"), "v");
}

TEST_F(WithoutDataTest, HoldersDoNotFollowAsManyOfThemIntoAViewWithoutState) {
  AddPatientHolder("a");
  AddPatientHolder("b");
  AddWitness("v");
  AddWitness("w");
  ExpectTogether({0, 1, 2, 3});
  const uint64_t put = net_.Put(1, "main", "k", "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(1, put); }));
  const MemberId before = net_.engine(1).self();
  net_.SplitDatagrams({0, 0, 1, 1});
  ASSERT_TRUE(net_.RunUntil([&] { return Together({2, 3}); }, seconds(20))) << Describe();
  ASSERT_EQ(net_.engine(0).view().members.size(), 4u) << Describe();
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return net_.engine(2).view().members.size() == 4; }, seconds(20)))
      << Describe();
  ExpectTogether({0, 1, 2, 3});
  EXPECT_EQ(net_.engine(1).self(), before) << "it never left\n" << Describe();
  EXPECT_EQ(net_.Get(0, "main", "k"), "v");
}

TEST_F(WithoutDataTest, UnderPrimaryItIsTheThirdVote) {
  policy_ = Policy::kPrimary;
  StartThree();
  // Until all have their votes.
  net_.RunFor(seconds(1));
  net_.Split({0, 1, 0});
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0, 2}); }, seconds(20))) << Describe();
  const uint64_t put = net_.Put(0, "main", "k", "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, put); }, seconds(5)));
  EXPECT_FALSE(net_.engine(1).writable());
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0, 1, 2}); }, seconds(20))) << Describe();
  EXPECT_EQ(net_.Get(1, "main", "k"), "v");
}

TEST_F(WithoutDataTest, UnderPrimaryTheDeathOfAnObserverCostsNoQuorum) {
  policy_ = Policy::kPrimary;
  initial_members_ = 1;
  AddHolder("a");
  AddObserver("o");
  ExpectTogether({0, 1});
  net_.RunFor(seconds(1));
  net_.Kill(1);
  ASSERT_TRUE(net_.RunUntil([&] { return Together({0}); }, seconds(20))) << Describe();
  EXPECT_TRUE(net_.engine(0).writable());
  EXPECT_FALSE(Told(0, EventKind::kHalted, "")) << Describe();
  AddObserver("o");
  ExpectTogether({0, 2});
}

TEST_F(WithoutDataTest, ObserversAreNotAmongTheInitialMembersAndWitnessesAre) {
  policy_ = Policy::kPrimary;
  AddHolder("a");
  AddObserver("o");
  AddObserver("p");
  net_.RunFor(seconds(5));
  EXPECT_TRUE(net_.engine(0).view().members.empty()) << Describe();
  AddWitness("w");
  net_.RunFor(seconds(5));
  EXPECT_TRUE(net_.engine(0).view().members.empty()) << Describe();
  AddHolder("b");
  ExpectTogether({0, 1, 2, 3, 4});
}

TEST_F(WithoutDataTest, UnderPrimaryAnObserverThatIsLeftOverStandsInNobodysWay) {
  policy_ = Policy::kPrimary;
  initial_members_ = 2;
  AddHolder("a");
  AddHolder("b");
  AddObserver("o");
  ExpectTogether({0, 1, 2});
  net_.RunFor(seconds(1));
  net_.Kill(0);
  net_.Kill(1);
  ASSERT_TRUE(net_.RunUntil([&] { return Told(2, EventKind::kHalted, ""); })) << Describe();
  AddHolder("a");
  AddHolder("b");
  ASSERT_TRUE(net_.RunUntil([&] { return Together({2, 3, 4}); }, seconds(20))) << Describe();
  EXPECT_TRUE(net_.engine(3).writable());
}

TEST_F(WithoutDataTest, UnderPrimaryVotesWithoutAHolderDoNotGoOn) {
  policy_ = Policy::kPrimary;
  AddHolder("a");
  AddWitness("v");
  AddWitness("w");
  ExpectTogether({0, 1, 2});
  net_.RunFor(seconds(1));
  const ViewId before = net_.engine(1).view().id;
  net_.Split({0, 1, 1});
  net_.RunFor(seconds(10));
  EXPECT_EQ(net_.engine(1).view().id, before) << "two votes of three, and no state";
  EXPECT_TRUE(Told(1, EventKind::kHalted, "") || Told(2, EventKind::kHalted, "")) << Describe();
  EXPECT_FALSE(net_.engine(1).writable());
  net_.Heal();
  ASSERT_TRUE(
      net_.RunUntil([&] { return Together({0, 1, 2}) && net_.engine(0).writable(); }, seconds(20)))
      << Describe();
}

}  // namespace
}  // namespace cohort::engine
