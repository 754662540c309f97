// Discovery alone: several of them on a bus of the test, in virtual time.
#include "discovery/discovery.h"

#include <deque>
#include <map>
#include <memory>

#include "discovery/host_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "wire/limits.h"

namespace cohort::discovery {
namespace {

constexpr char kGroup[] = "shop";

Self MakeSelf(int host) {
  Self self;
  self.id = {{static_cast<uint64_t>(host), 7}, 1};
  self.name = "host" + std::to_string(host);
  self.address = HostAddress(host);
  self.incarnation = 1000 + static_cast<uint64_t>(host);
  return self;
}

struct Event {
  Instant at;
  int from = 0;
  int to = 0;
  Buffer body;
};

// Hosts are numbers from 1. Delivery takes 1 ms; `cut` decides which host hears which.
class Bus {
 public:
  struct Host {
    Self self;
    std::unique_ptr<Random> random;
    std::unique_ptr<Discovery> discovery;
    std::vector<GroupSighting> sightings;
    std::vector<Instant> form_at;
    std::vector<Instant> multicasts_at;
    std::vector<cohort::Event> events;
    int received_bytes = 0;
  };

  Host& Add(int number, Options options = {}) {
    options.group = kGroup;
    Host& host = hosts_[number];
    host.self = MakeSelf(number);
    host.random = std::make_unique<Random>(static_cast<uint64_t>(number));
    host.discovery = std::make_unique<Discovery>(options, *host.random);
    return host;
  }
  void Search(int number) {
    Output out;
    hosts_[number].discovery->Search(now_, hosts_[number].self, out);
    Drain(number, out);
  }
  void Coordinate(int number, uint32_t members = 1, Rank rank = 0, int coordinator = 0,
                  std::vector<Address> addresses = {}) {
    Standing standing;
    standing.rank = rank;
    const int first = coordinator == 0 ? number : coordinator;
    standing.side.coordinator = MakeSelf(first).id;
    standing.side.address = HostAddress(first);
    standing.side.view = {5, static_cast<uint64_t>(first)};
    standing.side.members = members;
    standing.side.weight = members;
    standing.side.primary = true;
    Output out;
    hosts_[number].discovery->OnMember(now_, hosts_[number].self, standing, addresses, out);
    Drain(number, out);
  }
  void SetSeeds(int number, const std::vector<Address>& seeds) {
    Output out;
    hosts_[number].discovery->SetSeeds(now_, seeds, out);
    Drain(number, out);
  }
  void RunFor(Duration duration) {
    const Instant end = now_ + duration;
    while (true) {
      Instant next = queue_.empty() ? Instant::Infinite() : queue_.front().at;
      int timer_of = 0;
      for (auto& [number, host] : hosts_) {
        if (host.discovery->NextDeadline() < next) {
          next = host.discovery->NextDeadline();
          timer_of = number;
        }
      }
      if (next > end) break;
      now_ = std::max(now_, next);
      Output out;
      if (timer_of != 0) {
        hosts_[timer_of].discovery->OnTimer(now_, out);
        Drain(timer_of, out);
        continue;
      }
      const Event event = queue_.front();
      queue_.pop_front();
      const auto to = hosts_.find(event.to);
      if (to == hosts_.end()) continue;
      to->second.received_bytes += static_cast<int>(event.body.size());
      to->second.discovery->OnMessage(now_, HostAddress(event.from),
                                      MakeSelf(event.from).id.instance, event.body, out);
      Drain(event.to, out);
    }
    now_ = end;
  }
  void Inject(int from, int to, Buffer body) {
    queue_.push_back({now_, from, to, std::move(body)});
  }
  Host& host(int number) { return hosts_[number]; }
  void Kill(int number) { hosts_.erase(number); }
  Instant now() const { return now_; }
  bool multicast_works = true;

 private:
  void Drain(int number, const Output& out) {
    Host& host = hosts_[number];
    EXPECT_TRUE(host.discovery->IsConsistent());
    for (const Packet& packet : out.packets) {
      EXPECT_LE(packet.body.size(), wire::kControlBodyMax);
      if (packet.multicast) host.multicasts_at.push_back(now_);
      for (auto& [other, _] : hosts_) {
        const bool reaches = packet.multicast ? multicast_works : packet.to == HostAddress(other);
        if (other != number && reaches) {
          queue_.push_back({now_ + milliseconds(1), number, other, packet.body});
        }
      }
    }
    host.sightings.insert(host.sightings.end(), out.sightings.begin(), out.sightings.end());
    host.events.insert(host.events.end(), out.events.begin(), out.events.end());
    if (out.form_group) host.form_at.push_back(now_);
  }

  Instant now_ = Instant::Zero() + seconds(1);
  std::map<int, Host> hosts_;
  std::deque<Event> queue_;
};

TEST(Discovery, SaysHelloAt0And50And150And350MsAndThenLessOftenButNeverStops) {
  Bus bus;
  bus.Add(1);
  const Instant start = bus.now();
  bus.Search(1);
  bus.RunFor(seconds(30));
  const std::vector<Instant>& at = bus.host(1).multicasts_at;
  ASSERT_GE(at.size(), 15u);
  EXPECT_EQ(at[0], start);
  EXPECT_EQ(at[1], start + milliseconds(50));
  EXPECT_EQ(at[2], start + milliseconds(150));
  EXPECT_EQ(at[3], start + milliseconds(350));
  for (size_t i = 8; i < at.size(); ++i) EXPECT_LE(at[i] - at[i - 1], milliseconds(2200));
}

TEST(Discovery, ALoneSearcherBeginsTheGroupAfter300Ms) {
  Bus bus;
  bus.Add(1);
  const Instant start = bus.now();
  bus.Search(1);
  bus.RunFor(milliseconds(299));
  EXPECT_TRUE(bus.host(1).form_at.empty());
  bus.RunFor(milliseconds(2));
  ASSERT_EQ(bus.host(1).form_at.size(), 1u);
  EXPECT_EQ(bus.host(1).form_at[0], start + milliseconds(300));
}

TEST(Discovery, OnlyTheOldestOfSeveralSearchersBeginsTheGroup) {
  Bus bus;
  for (int i = 1; i <= 5; ++i) bus.Add(i);
  for (int i = 5; i >= 1; --i) bus.Search(i);
  bus.RunFor(milliseconds(310));
  EXPECT_FALSE(bus.host(1).form_at.empty());
  for (int i = 2; i <= 5; ++i) EXPECT_TRUE(bus.host(i).form_at.empty()) << i;
}

TEST(Discovery, ASearcherThatCarriesStateRanksBeforeAnOlderOneThatDoesNot) {
  Bus bus;
  for (int i = 1; i <= 2; ++i) bus.Add(i);
  bus.host(2).self.carries_state = true;
  bus.Search(1);
  bus.Search(2);
  bus.RunFor(milliseconds(310));
  EXPECT_TRUE(bus.host(1).form_at.empty());
  EXPECT_FALSE(bus.host(2).form_at.empty());
}

TEST(Discovery, TheNextBestBeginsWhenTheBestDiesWhileItSearches) {
  Bus bus;
  for (int i = 1; i <= 3; ++i) bus.Add(i);
  for (int i = 1; i <= 3; ++i) bus.Search(i);
  bus.RunFor(milliseconds(200));
  bus.Kill(1);
  bus.RunFor(milliseconds(1500));
  EXPECT_FALSE(bus.host(2).form_at.empty());
  EXPECT_TRUE(bus.host(3).form_at.empty());
}

TEST(Discovery, TheCoordinatorAnswersAHelloAndTheSearcherThenDoesNotBeginAGroup) {
  Bus bus;
  bus.Add(1);
  bus.Add(2);
  bus.Coordinate(1, 3);
  bus.Search(2);
  bus.RunFor(milliseconds(1000));
  ASSERT_FALSE(bus.host(2).sightings.empty());
  EXPECT_EQ(bus.host(2).sightings[0].address, HostAddress(1));
  EXPECT_EQ(bus.host(2).sightings[0].members, 3u);
  EXPECT_TRUE(bus.host(2).form_at.empty());
}

TEST(Discovery, AnOfferThatAnswersAnotherSearchIsIgnored) {
  Bus bus;
  bus.Add(2);
  bus.Search(2);
  Message old;
  old.kind = MessageKind::kOffer;
  old.sender = MakeSelf(1);
  old.nonce = 4711;
  old.sighting = {MakeSelf(1).id, HostAddress(1), {5, 1}, 1, 1, true};
  bus.Inject(1, 2, Encode(old, kGroup));
  bus.RunFor(milliseconds(310));
  EXPECT_TRUE(bus.host(2).sightings.empty());
  EXPECT_FALSE(bus.host(2).form_at.empty());
}

TEST(Discovery, OtherMembersOfferOnceTheCoordinatorSeemsSilent) {
  Bus bus;
  bus.Add(2);
  bus.Add(3);
  bus.Coordinate(2, 2, 1, 1);  // Rank 1 of a view whose coordinator, host 1, is dead.
  const Instant start = bus.now();
  bus.Search(3);
  bus.RunFor(milliseconds(149));
  EXPECT_TRUE(bus.host(3).sightings.empty());
  bus.RunFor(milliseconds(1000));
  ASSERT_FALSE(bus.host(3).sightings.empty());
  EXPECT_EQ(bus.host(3).sightings[0].coordinator, MakeSelf(1).id);
  EXPECT_EQ(bus.now() - start, milliseconds(1149));
}

TEST(Discovery, OtherMembersOfferSoonWhenTheySuspectTheCoordinator) {
  Bus bus;
  bus.Add(2);
  bus.Add(3);
  bus.Coordinate(2, 2, 1, 1);
  bus.host(2).discovery->SetCoordinatorSilent(true);
  bus.Search(3);
  bus.RunFor(milliseconds(149));
  EXPECT_FALSE(bus.host(3).sightings.empty());
}

TEST(Discovery, SeedsAreAskedByUnicastWhereMulticastDoesNotWork) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(1)};
  bus.Add(1, options);
  bus.Add(2, options);
  bus.Coordinate(1);
  bus.Search(2);
  bus.RunFor(milliseconds(100));
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

TEST(Discovery, NewSeedsAreAskedAtOnceAndThoseThatAreGoneNoMore) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(3)};
  bus.Add(1);
  bus.Add(2, options);
  bus.Add(3);
  bus.Coordinate(1);
  bus.Search(2);
  bus.RunFor(seconds(60));  // The next HELLO is up to two seconds away.
  EXPECT_TRUE(bus.host(2).sightings.empty());
  const int before = bus.host(3).received_bytes;
  bus.SetSeeds(2, {HostAddress(1), HostAddress(2)});
  bus.RunFor(milliseconds(2));
  EXPECT_EQ(bus.host(2).sightings.size(), 1u);
  bus.RunFor(seconds(10));
  EXPECT_EQ(bus.host(3).received_bytes, before);
}

TEST(Discovery, ACoordinatorAnnouncesItselfToSeedsThatCameLater) {
  Bus bus;
  bus.multicast_works = false;
  bus.Add(1);
  bus.Add(2);
  bus.Coordinate(1);
  bus.Coordinate(2);
  bus.RunFor(seconds(5));
  EXPECT_TRUE(bus.host(2).sightings.empty());
  bus.SetSeeds(1, {HostAddress(2)});
  bus.RunFor(milliseconds(1200));
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

TEST(Discovery, MembersOfAnEarlierRunAreAskedByUnicast) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.remembered = {HostAddress(1), HostAddress(2)};
  bus.Add(1);
  bus.Add(2, options);
  bus.Coordinate(1);
  bus.Search(2);
  bus.RunFor(milliseconds(100));
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

TEST(Discovery, FormerFellowMembersAreAskedByUnicast) {
  Bus bus;
  bus.multicast_works = false;
  bus.Add(1);
  bus.Add(2);
  bus.Coordinate(1, 2, 0, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(2, 2, 1, 1, {HostAddress(1), HostAddress(2)});
  bus.Search(2);
  bus.RunFor(milliseconds(100));
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

TEST(Discovery, CoordinatorsOfTwoSidesHearOfOneAnotherAlsoThroughOneSeedOnly) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(1)};
  bus.Add(1);
  bus.Add(2, options);
  bus.Coordinate(1);
  bus.Coordinate(2);
  bus.RunFor(milliseconds(1500));
  EXPECT_FALSE(bus.host(1).sightings.empty());
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

// Its only seed is in a group by now, and does not coordinate it.
TEST(Discovery, CoordinatorsHearOfOneAnotherThroughASeedThatIsNoCoordinator) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(2)};
  bus.Add(1, options);
  bus.Add(2, options);
  bus.Add(3, options);
  bus.Coordinate(1, 2, 0, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(2, 2, 1, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(3);
  bus.RunFor(seconds(3));
  ASSERT_FALSE(bus.host(3).sightings.empty());
  EXPECT_EQ(bus.host(3).sightings[0].coordinator, MakeSelf(1).id);
  ASSERT_FALSE(bus.host(1).sightings.empty());
  EXPECT_EQ(bus.host(1).sightings[0].coordinator, MakeSelf(3).id);
}

// Neither coordinator knows of the other side, but one who does not coordinate does.
TEST(Discovery, CoordinatorsHearOfOneAnotherThroughTheSeedsOfAMember) {
  Bus bus;
  bus.multicast_works = false;
  for (int number = 1; number <= 4; ++number) bus.Add(number);
  bus.Coordinate(1, 2, 0, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(2, 2, 1, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(3, 2, 0, 3, {HostAddress(3), HostAddress(4)});
  bus.Coordinate(4, 2, 1, 3, {HostAddress(3), HostAddress(4)});
  bus.RunFor(seconds(3));
  EXPECT_TRUE(bus.host(3).sightings.empty());
  bus.SetSeeds(2, {HostAddress(1), HostAddress(4)});
  bus.RunFor(seconds(3));
  ASSERT_FALSE(bus.host(3).sightings.empty());
  EXPECT_EQ(bus.host(3).sightings[0].coordinator, MakeSelf(1).id);
  ASSERT_FALSE(bus.host(1).sightings.empty());
  EXPECT_EQ(bus.host(1).sightings[0].coordinator, MakeSelf(3).id);
  bus.SetSeeds(2, {});
  bus.RunFor(seconds(1));
  bus.host(3).sightings.clear();
  bus.RunFor(seconds(3));
  EXPECT_TRUE(bus.host(3).sightings.empty());
}

TEST(Discovery, ThreeMembersOfALargeGroupAnnounceItToTheirSeedsInASecond) {
  constexpr int kMembers = 30;
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(100)};
  for (int number = 1; number <= kMembers; ++number) {
    bus.Add(number, number == 1 ? Options() : options);
    bus.Coordinate(number, kMembers, static_cast<Rank>(number - 1), 1);
  }
  bus.Add(100);
  bus.Coordinate(100);
  bus.RunFor(seconds(60));
  EXPECT_GE(bus.host(100).sightings.size(), 150u);
  EXPECT_LE(bus.host(100).sightings.size(), 200u);
}

TEST(Discovery, CoordinatorsAnnounceAboutOnceASecond) {
  Bus bus;
  bus.Add(1);
  bus.Coordinate(1);
  bus.RunFor(seconds(20));
  EXPECT_GE(bus.host(1).multicasts_at.size(), 19u);
  EXPECT_LE(bus.host(1).multicasts_at.size(), 24u);
}

TEST(Discovery, WaitsForTheInitialMembersAndSaysSo) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 3; ++i) bus.Add(i, options);
  bus.Search(1);
  bus.Search(2);
  bus.RunFor(seconds(2));
  EXPECT_TRUE(bus.host(1).form_at.empty());
  ASSERT_EQ(bus.host(1).events.size(), 1u);
  EXPECT_THAT(bus.host(1).events[0].text, testing::HasSubstr("--bootstrap"));
  bus.Search(3);
  bus.RunFor(seconds(3));
  EXPECT_FALSE(bus.host(1).form_at.empty());
  EXPECT_TRUE(bus.host(2).form_at.empty());
}

TEST(Discovery, AProcessThatHasEndedSinceItAnsweredIsNoInitialMember) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 4; ++i) bus.Add(i, options);
  bus.Search(1);
  bus.Search(2);
  bus.RunFor(seconds(2));
  bus.Kill(2);
  bus.RunFor(seconds(11));
  bus.Search(3);
  bus.RunFor(seconds(60));
  EXPECT_TRUE(bus.host(1).form_at.empty()) << "two are there";
  bus.Search(4);
  bus.RunFor(seconds(5));
  EXPECT_FALSE(bus.host(1).form_at.empty());
}

// It was in the group: what is begun now would be a second history, without what it holds.
TEST(Discovery, NoGroupIsBegunBesideAMemberThatCarriesTheStateOfAnEarlierOne) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 4; ++i) bus.Add(i, options);
  bus.host(4).self.carries_state = true;
  bus.host(4).self.may_form = false;
  for (int i = 1; i <= 4; ++i) bus.Search(i);
  bus.RunFor(seconds(10));
  for (int i = 1; i <= 4; ++i) EXPECT_TRUE(bus.host(i).form_at.empty()) << i;
  ASSERT_GE(bus.host(1).events.size(), 1u);
  EXPECT_THAT(bus.host(1).events[0].text, testing::HasSubstr("host4"));
  EXPECT_THAT(bus.host(1).events[0].text, testing::HasSubstr("--bootstrap"));
}

TEST(Discovery, ACarrierThatIsGoneIsNotWaitedForAnyMore) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 4; ++i) bus.Add(i, options);
  bus.host(4).self.carries_state = true;
  bus.host(4).self.may_form = false;
  for (int i = 1; i <= 4; ++i) bus.Search(i);
  bus.RunFor(seconds(10));
  ASSERT_TRUE(bus.host(1).form_at.empty());
  bus.Kill(4);  // As the warning advises.
  bus.RunFor(seconds(9));
  EXPECT_TRUE(bus.host(1).form_at.empty()) << "it may be back";
  bus.RunFor(seconds(2));
  EXPECT_FALSE(bus.host(1).form_at.empty());
}

TEST(Discovery, OfCarriersThatMayBeginAGroupTheBestDoes) {
  Bus bus;
  Options options;
  options.initial_members = 2;
  for (int i = 1; i <= 2; ++i) bus.Add(i, options);
  for (int i = 1; i <= 2; ++i) bus.host(i).self.carries_state = true;
  for (int i = 1; i <= 2; ++i) bus.Search(i);
  bus.RunFor(seconds(2));
  EXPECT_FALSE(bus.host(1).form_at.empty());
  EXPECT_TRUE(bus.host(2).form_at.empty());
}

TEST(Discovery, AReplayedHelloDoesNotCountAsAnInitialMember) {
  Bus bus;
  Options options;
  options.initial_members = 2;
  bus.Add(1, options);
  bus.Search(1);
  Message old;
  old.kind = MessageKind::kHello;
  old.sender = MakeSelf(2);
  old.nonce = 99;
  for (int i = 0; i < 10; ++i) {
    bus.Inject(2, 1, Encode(old, kGroup));
    bus.RunFor(milliseconds(200));
  }
  EXPECT_TRUE(bus.host(1).form_at.empty());
}

TEST(Discovery, TwoProcessesOfOneNameCountAsOneInitialMember) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 3; ++i) bus.Add(i, options);
  bus.host(3).self.name = "host2";
  for (int i = 1; i <= 3; ++i) bus.Search(i);
  bus.RunFor(seconds(3));
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(bus.host(i).form_at.empty());
}

TEST(Discovery, AnswersAtMostTenTimesASecondToOneAskerAndOneHundredTimesInAll) {
  Bus bus;
  bus.Add(1);
  bus.Coordinate(1);
  Message hello;
  for (int i = 0; i < 50; ++i) {
    hello.sender = MakeSelf(9);
    bus.Inject(9, 1, Encode(hello, kGroup));
  }
  bus.RunFor(milliseconds(500));
  EXPECT_EQ(bus.host(1).discovery->stats().offers_sent, 10u);
  for (int i = 10; i < 250; ++i) {
    hello.sender = MakeSelf(i);
    bus.Inject(i, 1, Encode(hello, kGroup));
  }
  bus.RunFor(milliseconds(100));
  EXPECT_EQ(bus.host(1).discovery->stats().offers_sent, 100u);
  EXPECT_GT(bus.host(1).discovery->stats().not_answered, 0u);
}

TEST(Discovery, NoAnswerIsLargerThanTheHelloItAnswers) {
  Message hello;
  hello.sender = MakeSelf(1);
  hello.sender.name = "a";
  Message offer;
  offer.kind = MessageKind::kOffer;
  offer.sender = MakeSelf(2);
  offer.sender.name = std::string(wire::kMemberNameMax, 'n');
  offer.nonce = ~uint64_t{0};
  offer.sighting = {{{~uint64_t{0}, ~uint64_t{0}}, ~uint32_t{0}},
                    HostAddress(2),
                    {~uint64_t{0}, 1},
                    1024,
                    ~uint32_t{0},
                    true};
  offer.sighting.address.family = offer.sender.address.family = 6;
  const std::string group(wire::kGroupNameMax, 'g');
  EXPECT_LE(Encode(offer, group).size(), Encode(hello, group).size());
}

TEST(Discovery, AMessageOfAnotherInstanceThanThePacketsIsDropped) {
  Bus bus;
  bus.Add(1);
  bus.Coordinate(1);
  Message hello;
  hello.sender = MakeSelf(2);
  bus.Inject(3, 1, Encode(hello, kGroup));
  bus.RunFor(milliseconds(10));
  EXPECT_EQ(bus.host(1).discovery->stats().malformed, 1u);
  EXPECT_EQ(bus.host(1).discovery->stats().offers_sent, 0u);
}

TEST(Discovery, AMessageOfAnotherGroupIsDropped) {
  Bus bus;
  bus.Add(1);
  bus.Coordinate(1);
  Message hello;
  hello.sender = MakeSelf(2);
  bus.Inject(2, 1, Encode(hello, "other"));
  bus.RunFor(milliseconds(10));
  EXPECT_EQ(bus.host(1).discovery->stats().malformed, 1u);
}

TEST(DiscoveryMessage, ReturnsFromItsBytesAsItWas) {
  Message message;
  message.kind = MessageKind::kAnnounce;
  message.sender = MakeSelf(4);
  message.nonce = 17;
  message.sighting = {MakeSelf(3).id, HostAddress(3), {9, 8}, 7, 6, true};
  const auto back = Decode(Encode(message, kGroup), kGroup);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->kind, message.kind);
  EXPECT_EQ(back->sender.id, message.sender.id);
  EXPECT_EQ(back->sender.name, message.sender.name);
  EXPECT_EQ(back->sighting, message.sighting);
}

TEST(DiscoveryMessage, DamagedBytesAreRefusedOrWellFormed) {
  const uint64_t seed = 20240607;
  SCOPED_TRACE(seed);
  Random random(seed);
  Message message;
  message.kind = MessageKind::kOffer;
  message.sender = MakeSelf(4);
  message.sighting = {MakeSelf(3).id, HostAddress(3), {9, 8}, 7, 6, true};
  const std::string good(Encode(message, kGroup).text());
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    bad[random.Below(bad.size())] = static_cast<char>(random.Next());
    if (random.Chance(0.3)) bad.resize(random.Below(bad.size()));
    const auto decoded = Decode(AsBytes(bad), kGroup);
    if (!decoded) continue;
    EXPECT_FALSE(decoded->sender.name.empty());
    EXPECT_FALSE(decoded->sender.address.IsNone());
  }
  EXPECT_FALSE(Decode(AsBytes(std::string(wire::kControlBodyMax + 1, 'x')), kGroup).has_value());
}

}  // namespace
}  // namespace cohort::discovery
