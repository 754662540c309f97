#include "runtime/asio_driver.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <atomic>
#include <ctime>

#include "absl/cleanup/cleanup.h"
#include "base/absl_bridge.h"
#include "base/address.h"
#include "base/block_pool.h"
#include "runtime/delivery_queue.h"

namespace cohort::runtime {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr Duration kTrimBlocksEvery = seconds(1);

int64_t UnixMs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / kNanosPerMilli;
}

// One of the process's drivers trims for all, since the blocks are those of all.
bool IsTimeToTrim(Instant now) {
  static std::atomic<Instant> due{Instant::Zero()};
  Instant seen = due.load();
  return seen <= now && due.compare_exchange_strong(seen, now + kTrimBlocksEvery);
}

bool AnyOnThisHost(const View& view, const Address& self) {
  const std::vector<Interface> interfaces = ListInterfaces();
  return std::any_of(view.members.begin(), view.members.end(), [&](const Member& member) {
    const std::optional<Address> address = ParseAddress(member.address);
    return address && *address != self && IsOfThisHost(*address, interfaces);
  });
}

}  // namespace

Instant SteadyNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Instant::FromNanos(int64_t{now.tv_sec} * kNanosPerSecond + now.tv_nsec);
}

AsioDriver::AsioDriver(Options options, EndpointLease endpoint, UpcallSink sink,
                       Housekeeping housekeeping)
    : endpoint_(std::move(endpoint)),
      group_tag_(options.group_tag),
      psk_(std::move(options.psk)),
      tls_(std::move(options.tls)),
      sink_(std::move(sink)),
      housekeeping_(std::move(housekeeping)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      timer_waiter_(endpoint_->io(), timer_.get()),
      stop_timer_(endpoint_->io()),
      engine_(std::make_unique<engine::Engine>(options.engine, options.entropy)),
      sender_(sockets().unicast.fd(), sockets().multicast_to, endpoint_->gate()) {
  streams_ = std::make_unique<StreamSet>(
      endpoint_->io(), sockets().address, tls_.get(), psk_.identity,
      [this](const engine::StreamEvent& event) {
        Turn([&](engine::Engine& engine, Instant now, engine::Output& out) {
          engine.OnStream(now, event, out);
        });
      });
}

AsioDriver::~AsioDriver() {
  Stop();
  // Only borrows the descriptor, so it lets go before that is closed. Also if it never started.
  if (timer_waiter_.is_open()) timer_waiter_.release();
}

template <class Function>
auto AsioDriver::WhileHere(Function function) {
  return [here = here_, function = std::move(function)](const auto&... arguments) {
    if (*here != nullptr) function(arguments...);
  };
}

void AsioDriver::Start() {
  running_ = true;
  asio::post(endpoint_->io(), WhileHere([this] {
               endpoint_->Attach(*this, group_tag_, psk_, tls_ != nullptr);
               ArmTimerWait();
               Turn([](engine::Engine& engine, Instant now, engine::Output& out) {
                 engine.Start(now, UnixMs(), out);
               });
             }));
}

template <class Function>
void AsioDriver::Turn(Function&& input) {
  bool has_actions = false;
  Wakes wakes;
  {
    FirstEngineLock lock(&mutex_);
    if (stopped_) return;
    const Instant now = SteadyNow();
    RunErrandsLocked(now);
    input(*engine_, now, output_);
    FlushLocked(now);
    stats_.streams = streams_->stats();
    const StreamDoor::Stats door = endpoint_->door_stats();
    stats_.streams.handshakes_failed += door.handshakes_failed;
    stats_.streams.turned_away += door.turned_away;
    has_actions = !actions_.empty();
    wakes.swap(wakes_);
  }
  for (const auto& one : wakes) one->Notify();
  if (has_actions) PerformStreamActions();
}

template <class Function>
absl::Status AsioDriver::TurnOfCaller(Function&& input) {
  bool wake = false;
  Wakes wakes;
  {
    EngineLock lock(&mutex_);
    if (stopped_) return absl::CancelledError("the group was left");
    const Instant now = SteadyNow();
    const bool had_actions = !actions_.empty();
    if (absl::Status status = input(*engine_, now, output_); !status.ok()) return status;
    FlushLocked(now);
    wake = !had_actions && !actions_.empty();
    wakes.swap(wakes_);
  }
  for (const auto& one : wakes) one->Notify();
  if (wake) asio::post(endpoint_->io(), WhileHere([this] { PerformStreamActions(); }));
  return absl::OkStatus();
}

absl::Status AsioDriver::Execute(const engine::Command& command) {
  return TurnOfCaller([&](engine::Engine& engine, Instant now, engine::Output& out) {
    return engine.Execute(now, command, out);
  });
}

absl::Status AsioDriver::ExecuteMade(Make make) { return TurnOfCaller(make); }

void AsioDriver::Submit(Errand& errand) {
  if (errands_.Add(errand)) Serve();
}

void AsioDriver::SubmitLater(Errand& errand) {
  if (!errands_.Add(errand)) return;
  // If it stops after this was asked, Stop() finds the errand.
  if (stopping_) return Serve();
  asio::post(endpoint_->io(), WhileHere([this] { Serve(); }));
}

void AsioDriver::Serve() {
  // While others come without a pause, a caller that serves would not get on itself. Also where
  // what a host gave throws.
  absl::Cleanup hand_over = [this] { asio::post(endpoint_->io(), WhileHere([this] { Serve(); })); };
  for (int round = 0; round < kRoundsServed;) {
    if (RunErrands()) ++round;  // Else it has stopped, and there is nobody to hand over to.
    if (errands_.Rest()) return std::move(hand_over).Cancel();
  }
}

bool AsioDriver::RunErrands() {
  const absl::Status status = TurnOfCaller([this](engine::Engine&, Instant now, engine::Output&)
                                               ABSL_NO_THREAD_SAFETY_ANALYSIS {
                                                 RunErrandsLocked(now);
                                                 return absl::OkStatus();
                                               });
  if (!status.ok()) RefuseErrands();
  return status.ok();
}

void AsioDriver::RunErrandsLocked(Instant now) {
  errands_.Take(running_errands_);
  Instant deadline = Instant::Infinite();
  for (const Errand* errand : running_errands_) deadline = std::min(deadline, errand->deadline());
  RunAll(running_errands_, *engine_, now, output_);
  // After what they began can be found: OnTimer() forgets the time, and then looks for the next.
  if (deadline < housekeeping_at_.load()) housekeeping_at_ = deadline;
}

void AsioDriver::RefuseErrands() {
  std::vector<Errand*> refused;
  {
    EngineLock lock(&mutex_);
    errands_.Take(refused);
  }
  // What their callers gave may end here.
  for (Errand* errand : refused) errand->Refuse();
}

void AsioDriver::SetSeeds(const std::vector<Address>& seeds) {
  TurnOfCaller([&](engine::Engine& engine, Instant now, engine::Output& out) {
    engine.SetSeeds(now, seeds, out);
    return absl::OkStatus();
  }).IgnoreError();
}

void AsioDriver::FlushLocked(Instant now) {
  if (!output_.IsEmpty()) {
    NoteUpcallsLocked();  // First: packets of a new view are for its members.
    if (!output_.packets.packets.empty()) {
      sender_.SetLoop(WantsLoopLocked(now));
      sender_.Send(output_.packets);
    }
    for (engine::StreamAction& action : output_.streams) actions_.push_back(std::move(action));
    if (!output_.upcalls.empty()) sink_(*engine_, output_.upcalls, wakes_);
    if (std::exchange(output_.rejoin_multicast, false)) endpoint_->RejoinMulticast();
    output_.packets.Clear();
    output_.streams.clear();
    output_.upcalls.clear();
  }
  group_time_offset_ms_.store(engine_->GroupTimeMs(now) - now.nanos() / kNanosPerMilli,
                              std::memory_order_relaxed);
  const Instant deadline = NextDeadlineLocked();
  // A deadline that moved away is left armed: it comes back and is set again then (WasLeftArmed).
  if (deadline < armed_) ArmTimerLocked(deadline);
}

Instant AsioDriver::NextDeadlineLocked() const {
  return std::min(engine_->NextDeadline(), housekeeping_at_.load());
}

void AsioDriver::NoteUpcallsLocked() {
  for (const engine::Upcall& upcall : output_.upcalls) {
    if (const auto* view = std::get_if<engine::ViewUpcall>(&upcall)) NoteViewLocked(view->view);
  }
}

// Each packet that loops back wakes the I/O thread, for nothing unless others are here: a third of
// what a write costs a member that is alone on its host.
bool AsioDriver::WantsLoopLocked(Instant now) {
  if (fellows_here_ || fellows_here_before_ || output_.packets.for_strangers) return true;
  if (now < loop_at_) return false;
  loop_at_ = now + kLoopEvery;
  return true;
}

void AsioDriver::NoteViewLocked(const View& view) {
  if (!sockets().multicast_to.IsNone()) {
    fellows_here_before_ = std::exchange(fellows_here_, AnyOnThisHost(view, sockets().address));
    return;
  }
  // What is for everybody is for members only: discovery asks the seeds by itself.
  std::vector<Address> peers;
  for (const Member& member : view.members) {
    const std::optional<Address> address = ParseAddress(member.address);
    if (address && *address != sockets().address) peers.push_back(*address);
  }
  std::sort(peers.begin(), peers.end());
  peers.erase(std::unique(peers.begin(), peers.end()), peers.end());
  sender_.SetPeers(std::move(peers));
}

void AsioDriver::ArmTimerLocked(Instant deadline) {
  armed_ = deadline;
  itimerspec spec{};
  if (!deadline.is_infinite()) {
    const int64_t nanos = std::max<int64_t>(deadline.nanos(), 1);  // 0 would disarm.
    spec.it_value.tv_sec = nanos / kNanosPerSecond;
    spec.it_value.tv_nsec = nanos % kNanosPerSecond;
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void AsioDriver::PerformStreamActions() {
  if (performing_) return;  // The loop below, further up the stack, takes what came.
  performing_ = true;
  for (;;) {
    std::vector<engine::StreamAction> actions;
    {
      FirstEngineLock lock(&mutex_);
      actions.swap(actions_);
    }
    if (actions.empty()) break;
    for (engine::StreamAction& action : actions) streams_->Perform(std::move(action));
  }
  performing_ = false;
}

void AsioDriver::OnDatagrams(std::span<const engine::Datagram> datagrams) {
  Turn([&](engine::Engine& engine, Instant now, engine::Output& out)
           ABSL_NO_THREAD_SAFETY_ANALYSIS {
             ++stats_.receive_batches;
             stats_.datagrams_received += datagrams.size();
             for (const engine::Datagram& datagram : datagrams)
               stats_.bytes_received += datagram.bytes.size();
             engine.OnDatagrams(now, datagrams, out);
           });
}

void AsioDriver::OnHost(const engine::HostEvent& event) {
  Turn([&](engine::Engine& engine, Instant now, engine::Output& out) {
    engine.OnHost(now, event, out);
  });
}

void AsioDriver::OnDatagramsLost(uint32_t count) {
  engine::HostEvent event;
  event.kind = engine::HostEvent::Kind::kSocketDrops;
  event.count = count;
  {
    FirstEngineLock lock(&mutex_);
    stats_.datagrams_lost_here += count;
  }
  OnHost(event);
}

void AsioDriver::OnUnreachable(const Address& peer) {
  engine::HostEvent event;
  event.kind = engine::HostEvent::Kind::kUnreachable;
  event.peer = peer;
  OnHost(event);
}

void AsioDriver::OnLink(bool up) {
  engine::HostEvent event;
  event.kind = up ? engine::HostEvent::Kind::kInterfaceUp : engine::HostEvent::Kind::kInterfaceDown;
  OnHost(event);
}

void AsioDriver::OnMtu(uint32_t bytes) {
  engine::HostEvent event;
  event.kind = engine::HostEvent::Kind::kDatagramMax;
  event.count = DatagramBytesOf(bytes);
  OnHost(event);
}

void AsioDriver::ArmTimerWait() {
  timer_waiter_.async_wait(asio::posix::stream_descriptor::wait_read,
                           WhileHere([this](const std::error_code& error) {
                             if (error) return;
                             OnTimer();
                             ArmTimerWait();
                           }));
}

bool AsioDriver::WasLeftArmed() {
  FirstEngineLock lock(&mutex_);
  const Instant deadline = NextDeadlineLocked();
  if (deadline <= SteadyNow()) return false;
  ArmTimerLocked(deadline);
  return true;
}

void AsioDriver::OnTimer() {
  uint64_t expirations = 0;
  if (::read(timer_.get(), &expirations, sizeof(expirations)) < 0) return;  // Set anew meanwhile.
  if (WasLeftArmed()) return;
  endpoint_->ReceiveAll();
  const Instant now = SteadyNow();
  if (housekeeping_at_.load() <= now) {
    // Cleared first, so that a wish that comes meanwhile is not lost.
    housekeeping_at_ = Instant::Infinite();
    WakeAt(housekeeping_(now));
  }
  Turn([this](engine::Engine& engine, Instant turn_now, engine::Output& out)
           ABSL_NO_THREAD_SAFETY_ANALYSIS {
             armed_ = Instant::Infinite();  // It has fired; whatever is next has to be set.
             if (engine.NextDeadline() <= turn_now) engine.OnTimer(turn_now, out);
           });
  if (IsTimeToTrim(now)) TrimBlocks();
}

void AsioDriver::WakeAt(Instant deadline) {
  if (deadline >= housekeeping_at_.load()) return;
  EngineLock lock(&mutex_);
  housekeeping_at_ = std::min(housekeeping_at_.load(), deadline);
  if (deadline < armed_) ArmTimerLocked(deadline);
}

void AsioDriver::WatchMap(const std::string& name, bool wanted) {
  EngineLock lock(&mutex_);
  engine_->WatchMap(name, wanted);
}

bool AsioDriver::WaitUntil(const std::function<bool(const engine::Engine&)>& condition,
                           absl::Duration timeout) const {
  const auto holds = [&]() { return condition(*engine_); };
  EngineLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(holds, timeout);
}

int64_t AsioDriver::GroupTimeMs() const {
  return SteadyNow().nanos() / kNanosPerMilli +
         group_time_offset_ms_.load(std::memory_order_relaxed);
}

AsioDriver::Stats AsioDriver::stats() const {
  EngineLock lock(&mutex_);
  Stats stats = stats_;
  stats.sent = sender_.stats();
  return stats;
}

void AsioDriver::StopStreams(Instant give_up) {
  if (streams_->empty() || SteadyNow() >= give_up) {
    Finish();
    return;
  }
  stop_timer_.expires_after(kStopPoll);
  stop_timer_.async_wait(
      WhileHere([this, give_up](const std::error_code&) { StopStreams(give_up); }));
}

void AsioDriver::Finish() {
  streams_->Abort();
  if (timer_waiter_.is_open()) timer_waiter_.release();
  *here_ = nullptr;
  finished_.Notify();  // The last: whoever waits may destroy us.
}

void AsioDriver::Stop() {
  if (!std::exchange(running_, false)) return;
  stopping_ = true;
  {
    EngineLock lock(&mutex_);
    stopped_ = true;
  }
  asio::post(endpoint_->io(), WhileHere([this] {
               endpoint_->Detach(*this);
               PerformStreamActions();
               streams_->Close();
               StopStreams(SteadyNow() + kStopTimeout);
             }));
  finished_.WaitForNotification();
  // What was left to the I/O thread. What comes now serves itself, and is refused.
  do {
    RefuseErrands();
  } while (!errands_.Rest());
  endpoint_.Release();
}

}  // namespace cohort::runtime
