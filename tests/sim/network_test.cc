#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/datagram_network.h"
#include "sim/host.h"
#include "sim/links.h"
#include "sim/scheduler.h"
#include "sim/stream_network.h"

namespace cohort::sim {
namespace {

using engine::StreamAction;
using engine::StreamEvent;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Kind = engine::StreamEvent::Kind;

TEST(Scheduler, RunsTasksByTimeAndThenInTheOrderTheyCame) {
  Scheduler scheduler;
  for (uint64_t number = 0; number < 4; ++number) {
    scheduler.After(milliseconds(number < 2 ? 2 : 1), {Task::Kind::kPhase, false, 0, number, {}});
  }
  std::vector<uint64_t> order;
  while (!scheduler.empty()) order.push_back(scheduler.Pop().number);
  EXPECT_THAT(order, ElementsAre(2, 3, 0, 1));
  EXPECT_EQ(scheduler.now(), Instant::Zero() + milliseconds(2));
}

TEST(Scheduler, NeverGoesBack) {
  Scheduler scheduler;
  scheduler.After(seconds(1), {});
  scheduler.Pop();
  scheduler.At(Instant::Zero(), {});
  EXPECT_EQ(scheduler.next(), Instant::Zero() + seconds(1));
}

TEST(LocalClock, FindsTheMomentOfAReadingWhateverItsDrift) {
  for (const int64_t ppm : {-10'000, -50, 0, 50, 10'000}) {
    const LocalClock clock(Instant::Zero() + seconds(3), Instant::FromNanos(77), ppm);
    for (const int64_t ns : std::initializer_list<int64_t>{78, 1000, 999'999'937, 50'000'000'123}) {
      const Instant at = clock.When(Instant::FromNanos(ns));
      EXPECT_GE(clock.Read(at).nanos(), ns);
      EXPECT_LE(clock.Read(at).nanos(), ns + 2);
    }
  }
}

class DatagramNetworkTest : public ::testing::Test {
 protected:
  void Send(HostIndex from, std::string_view text, std::optional<HostIndex> to = {}) {
    engine::Packets packets;
    const Bytes bytes = AsBytes(text);
    packets.arena.assign(bytes.begin(), bytes.end());
    engine::Packets::One one;
    one.multicast = !to.has_value();
    if (to.has_value()) one.to = AddressOf(*to);
    one.size = static_cast<uint32_t>(text.size());
    packets.packets.push_back(one);
    network_.Send(from, packets, 1, scheduler_);
  }
  std::vector<std::string> Arrivals() {
    std::vector<std::string> arrivals;
    while (!scheduler_.empty()) {
      const Task task = scheduler_.Pop();
      arrivals.push_back(std::to_string(task.host) + (task.flag ? "<" : "=") +
                         std::string(task.data.text()));
    }
    std::sort(arrivals.begin(), arrivals.end());
    return arrivals;
  }

  Random random_{1};
  Scheduler scheduler_;
  Links links_{3, microseconds(50), microseconds(100), random_};
  DatagramNetwork network_{{}, links_, 1};
};

TEST_F(DatagramNetworkTest, CarriesMulticastToAllOthersAndUnicastToOne) {
  Send(0, "a");
  Send(1, "b", 2);
  EXPECT_THAT(Arrivals(), ElementsAre("1<a", "2<a", "2=b"));
}

TEST_F(DatagramNetworkTest, CutsOneDirectionOnly) {
  links_.at(0, 1).cuts = 1;
  Send(0, "a");
  Send(1, "b");
  EXPECT_THAT(Arrivals(), ElementsAre("0<b", "2<a", "2<b"));
}

TEST_F(DatagramNetworkTest, LosesMulticastAloneIfToldSo) {
  links_.at(0, 1).multicast_loss = 1;
  Send(0, "a");
  Send(0, "b", 1);
  EXPECT_THAT(Arrivals(), ElementsAre("1=b", "2<a"));
}

TEST_F(DatagramNetworkTest, LosesAboutAsMuchAsAsked) {
  for (HostIndex to = 0; to < 3; ++to) links_.at(0, to).loss = 0.1;
  size_t arrived = 0;
  for (int i = 0; i < 2000; ++i) {
    Send(0, "x", 1);
    arrived += Arrivals().size();
  }
  EXPECT_NEAR(static_cast<double>(arrived), 1800, 60);
}

TEST_F(DatagramNetworkTest, DuplicatesAndDamages) {
  links_.at(0, 1).duplicate = 1;
  Send(0, "twice", 1);
  EXPECT_THAT(Arrivals(), ElementsAre("1=twice", "1=twice"));
  links_.Heal();
  links_.at(0, 1).corrupt = 1;
  Send(0, "damaged", 1);
  EXPECT_NE(Arrivals().front(), "1=damaged");
}

TEST_F(DatagramNetworkTest, DropsWhatItsInterfaceCannotSendInTime) {
  const std::string large(60'000, 'x');
  for (int i = 0; i < 100; ++i) Send(0, large, 1);
  EXPECT_GT(network_.stats().overflowed, 0u);
  EXPECT_LT(network_.stats().overflowed, 100u);
}

// Process 1 on host 0 and process 2 on host 1.
class StreamNetworkTest : public ::testing::Test {
 protected:
  StreamNetworkTest() : hosts_(2) {
    hosts_[0] = {HostState::kRunning, 1};
    hosts_[1] = {HostState::kRunning, 2};
  }
  void Do(HostIndex from, StreamAction::Kind kind, engine::StreamId stream,
          std::string_view data = {}) {
    StreamAction action;
    action.kind = kind;
    action.stream = stream;
    action.to = AddressOf(1);
    action.data = Buffer::CopyOf(data);
    streams_.OnAction(from, hosts_[from].process, action, scheduler_);
  }
  // Runs everything that is due in `time`; what the processes were told, in words.
  std::vector<std::string> Run(Duration time) {
    static constexpr const char* kNames[] = {"opened", "accepted", "bytes",  "writable",
                                             "closed", "refused",  "failed", "answered"};
    StreamNetwork::Deliveries out;
    const Instant end = scheduler_.now() + time;
    while (!scheduler_.empty() && scheduler_.next() <= end) {
      const Task task = scheduler_.Pop();
      if (task.kind == Task::Kind::kStreamStep) streams_.OnStep(task.number, scheduler_, out);
      if (task.kind == Task::Kind::kStreamFlush) {
        streams_.OnFlush(task.number, task.flag, scheduler_, out);
      }
    }
    scheduler_.At(end, {});
    while (!scheduler_.empty() && scheduler_.now() < end) scheduler_.Pop();
    std::vector<std::string> words;
    for (const StreamDelivery& delivery : out) {
      words.push_back(std::to_string(delivery.host) + " " +
                      kNames[static_cast<size_t>(delivery.event.kind)] +
                      (delivery.event.reset ? " reset" : "") +
                      (delivery.held.empty() ? "" : " " + std::string(delivery.held.text())));
      if (delivery.event.kind == Kind::kAccepted) accepted_ = delivery.event.stream;
    }
    return words;
  }
  void Open() {
    Do(0, StreamAction::Kind::kOpen, 1);
    ASSERT_THAT(Run(milliseconds(10)), ElementsAre("1 accepted", "0 opened"));
  }
  void Cut(uint32_t cuts) { links_.at(0, 1).cuts = cuts; }

  Random random_{1};
  Scheduler scheduler_;
  HostTable hosts_;
  Links links_{2, microseconds(50), microseconds(100), random_};
  StreamNetwork streams_{{}, links_, hosts_, 1};
  engine::StreamId accepted_ = 0;
};

TEST_F(StreamNetworkTest, CarriesBytesInOrderBothWays) {
  Open();
  EXPECT_EQ(accepted_ % 2, 0u);
  Do(0, StreamAction::Kind::kSend, 1, "a");
  Do(0, StreamAction::Kind::kSend, 1, "b");
  EXPECT_THAT(Run(milliseconds(10)), ElementsAre("1 bytes a", "1 bytes b"));
  Do(1, StreamAction::Kind::kSend, accepted_, "c");
  EXPECT_THAT(Run(milliseconds(10)), ElementsAre("0 bytes c"));
}

TEST_F(StreamNetworkTest, TellsOnlyThePeerOfAClose) {
  Open();
  Do(0, StreamAction::Kind::kSend, 1, "last");
  Do(0, StreamAction::Kind::kClose, 1);
  EXPECT_THAT(Run(milliseconds(10)), ElementsAre("1 bytes last", "1 closed"));
  EXPECT_EQ(streams_.connections(), 0u);
}

TEST_F(StreamNetworkTest, IsRefusedWhereNobodyListens) {
  hosts_[1].state = HostState::kDown;
  Do(0, StreamAction::Kind::kOpen, 1);
  Do(0, StreamAction::Kind::kProbe, 3);
  EXPECT_THAT(Run(milliseconds(10)), ElementsAre("0 refused", "0 refused"));
}

TEST_F(StreamNetworkTest, FindsAStoppedProcessByItsKernelOnly) {
  hosts_[1].state = HostState::kPaused;
  Do(0, StreamAction::Kind::kOpen, 1);
  Do(0, StreamAction::Kind::kProbe, 3);
  EXPECT_THAT(Run(seconds(1)), ElementsAre("0 answered"));
  EXPECT_THAT(Run(seconds(3)), ElementsAre("0 failed"));
}

TEST_F(StreamNetworkTest, GivesUpOnAHostWithoutPowerInItsTime) {
  hosts_[1].state = HostState::kPowerless;
  Do(0, StreamAction::Kind::kProbe, 3);
  EXPECT_THAT(Run(milliseconds(990)), IsEmpty());
  EXPECT_THAT(Run(milliseconds(20)), ElementsAre("0 failed"));
}

TEST_F(StreamNetworkTest, KeepsBytesThroughAShortCutAndBreaksInALongOne) {
  Open();
  Cut(1);
  Do(0, StreamAction::Kind::kSend, 1, "late");
  EXPECT_THAT(Run(seconds(2)), IsEmpty());
  Cut(0);
  EXPECT_THAT(Run(seconds(3)), ElementsAre("1 bytes late"));
  Cut(1);
  Do(0, StreamAction::Kind::kSend, 1, "never");
  EXPECT_THAT(Run(seconds(30)), ElementsAre("0 closed reset", "1 closed reset"));
}

// As the runtime's: a donor that ignored it could not serve large values.
TEST_F(StreamNetworkTest, BreaksWhenMoreWaitsThanADriverQueues) {
  Open();
  const std::string mebibyte(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) Do(0, StreamAction::Kind::kSend, 1, mebibyte);
  EXPECT_THAT(Run(seconds(1)), Not(Contains(HasSubstr("closed"))));
  for (int i = 0; i < 9; ++i) Do(0, StreamAction::Kind::kSend, 1, mebibyte);
  EXPECT_THAT(Run(seconds(1)), ElementsAre("0 closed reset", "1 closed reset"));
}

TEST_F(StreamNetworkTest, TellsThePeersOfADeadProcess) {
  Open();
  Do(0, StreamAction::Kind::kSend, 1, "last");
  Run(microseconds(1));
  hosts_[0].state = HostState::kDown;
  streams_.OnProcessGone(0, 1, scheduler_);
  EXPECT_THAT(Run(milliseconds(10)), ElementsAre("1 bytes last", "1 closed"));
}

TEST_F(StreamNetworkTest, ResetsAStreamIntoAHostThatHasForgottenIt) {
  Open();
  hosts_[1].state = HostState::kPowerless;
  streams_.OnPowerLost(1, 2);
  EXPECT_THAT(Run(seconds(1)), IsEmpty());
  hosts_[1] = {HostState::kRunning, 3};
  Do(0, StreamAction::Kind::kSend, 1, "x");
  EXPECT_THAT(Run(milliseconds(10)), ElementsAre("0 closed reset"));
}

TEST_F(StreamNetworkTest, SaysWhenAFullQueueHasDrained) {
  Open();
  const std::string large(100'000, 'x');
  Do(0, StreamAction::Kind::kSend, 1, large);
  EXPECT_THAT(Run(milliseconds(100)), ElementsAre("1 bytes " + large, "0 writable"));
}

}  // namespace
}  // namespace cohort::sim
