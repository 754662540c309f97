#include "runtime/asio_driver.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <ctime>

#include "base/absl_bridge.h"
#include "base/address.h"
#include "runtime/delivery_queue.h"
#include "runtime/mutex.h"

namespace cohort::runtime {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int kBatchesPerWake =
    8;  // Of one socket, before the other one and the streams get their turn.
constexpr int kBatchesPerTimer =
    64;  // Before a timer judges silence: a socket buffer of 8 MiB, read whole.

int64_t UnixMs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / kNanosPerMilli;
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

AsioDriver::AsioDriver(Options options, MemberSockets sockets, UpcallSink sink,
                       Housekeeping housekeeping)
    : io_(1),
      work_(io_.get_executor()),
      tls_(std::move(options.tls)),
      sockets_(std::move(sockets)),
      sink_(std::move(sink)),
      housekeeping_(std::move(housekeeping)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      link_(sockets_.interface.interface.index),
      unicast_waiter_(io_, sockets_.unicast.fd()),
      multicast_waiter_(io_),
      timer_waiter_(io_, timer_.get()),
      link_waiter_(io_),
      stop_timer_(io_),
      engine_(std::make_unique<engine::Engine>(options.engine, options.entropy)),
      sender_(sockets_.unicast.fd(), sockets_.multicast_to) {
  if (sockets_.multicast) multicast_waiter_.assign(sockets_.multicast->fd());
  if (link_.fd() >= 0) link_waiter_.assign(link_.fd());
  streams_ = std::make_unique<StreamSet>(
      io_, std::move(sockets_.listener), sockets_.address, tls_.get(),
      [this](const engine::StreamEvent& event) {
        Turn([&](engine::Engine& engine, Instant now, engine::Output& out) {
          engine.OnStream(now, event, out);
        });
      });
}

AsioDriver::~AsioDriver() {
  Stop();
  ReleaseWaiters();  // Also if it never started.
}

// They only borrow the descriptors, so they let go before these are closed.
void AsioDriver::ReleaseWaiters() {
  for (asio::posix::stream_descriptor* waiter :
       {&unicast_waiter_, &multicast_waiter_, &timer_waiter_, &link_waiter_}) {
    if (waiter->is_open()) waiter->release();
  }
}

void AsioDriver::Start() {
  streams_->Start();
  ArmReceive(unicast_waiter_, sockets_.unicast);
  if (sockets_.multicast) ArmReceive(multicast_waiter_, *sockets_.multicast);
  ArmTimerWait();
  if (link_waiter_.is_open()) ArmLinkWait();
  thread_ = StartThread("cohort-io", [this] { Run(); });
  asio::post(io_, [this] {
    Turn([](engine::Engine& engine, Instant now, engine::Output& out) {
      engine.Start(now, UnixMs(), out);
    });
  });
}

void AsioDriver::Run() { io_.run(); }

template <class Function>
void AsioDriver::Turn(Function&& input) {
  bool has_actions = false;
  {
    runtime::MutexLock lock(&mutex_);
    if (stopped_) return;
    const Instant now = SteadyNow();
    input(*engine_, now, output_);
    FlushLocked(now);
    stats_.streams = streams_->stats();
    has_actions = !actions_.empty();
  }
  if (has_actions) PerformStreamActions();
}

template <class Function>
absl::Status AsioDriver::TurnOfCaller(Function&& input) {
  bool wake = false;
  {
    runtime::MutexLock lock(&mutex_);
    if (stopped_) return absl::CancelledError("the group was left");
    const Instant now = SteadyNow();
    const bool had_actions = !actions_.empty();
    if (absl::Status status = input(*engine_, now, output_); !status.ok()) return status;
    FlushLocked(now);
    wake = !had_actions && !actions_.empty();
  }
  if (wake) asio::post(io_, [this] { PerformStreamActions(); });
  return absl::OkStatus();
}

absl::Status AsioDriver::Execute(const engine::Command& command) {
  return TurnOfCaller([&](engine::Engine& engine, Instant now, engine::Output& out) {
    return engine.Execute(now, command, out);
  });
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
    if (!output_.upcalls.empty()) sink_(*engine_, output_.upcalls);
    if (std::exchange(output_.rejoin_multicast, false) && sockets_.multicast) {
      sockets_.multicast->Rejoin();
    }
    output_.packets.Clear();
    output_.streams.clear();
    output_.upcalls.clear();
  }
  group_time_offset_ms_.store(engine_->GroupTimeMs(now) - now.nanos() / kNanosPerMilli,
                              std::memory_order_relaxed);
  const Instant deadline = std::min(engine_->NextDeadline(), housekeeping_at_.load());
  // A deadline that moved away is left armed: it comes back here and is set again then.
  if (deadline < armed_) ArmTimerLocked(deadline);
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
  if (!sockets_.multicast_to.IsNone()) {
    fellows_here_before_ = std::exchange(fellows_here_, AnyOnThisHost(view, sockets_.address));
    return;
  }
  // What is for everybody is for members only: discovery asks the seeds by itself.
  std::vector<Address> peers;
  for (const Member& member : view.members) {
    const std::optional<Address> address = ParseAddress(member.address);
    if (address && *address != sockets_.address) peers.push_back(*address);
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
      runtime::MutexLock lock(&mutex_);
      actions.swap(actions_);
    }
    if (actions.empty()) break;
    for (engine::StreamAction& action : actions) streams_->Perform(std::move(action));
  }
  performing_ = false;
}

void AsioDriver::ArmReceive(asio::posix::stream_descriptor& waiter, UdpSocket& socket) {
  waiter.async_wait(asio::posix::stream_descriptor::wait_read,
                    [this, &waiter, &socket](const std::error_code& error) {
                      if (error) return;
                      ReceiveSome(socket, kBatchesPerWake);
                      ArmReceive(waiter, socket);
                    });
}

void AsioDriver::ReceiveSome(UdpSocket& socket, int batches_max) {
  for (int i = 0; i < batches_max; ++i) {
    if (!socket.Receive(batch_)) {
      if (i == 0) ReportErrors(socket);
      return;
    }
    Turn([this](engine::Engine& engine, Instant now, engine::Output& out)
             ABSL_NO_THREAD_SAFETY_ANALYSIS {
               ++stats_.receive_batches;
               stats_.datagrams_received += batch_.datagrams().size();
               stats_.bytes_received += batch_.bytes();
               stats_.datagrams_lost_here += batch_.drops();
               engine.OnDatagrams(now, batch_.datagrams(), out);
               if (batch_.drops() == 0) return;
               engine::HostEvent event;
               event.kind = engine::HostEvent::Kind::kSocketDrops;
               event.count = batch_.drops();
               engine.OnHost(now, event, out);
             });
    if (!batch_.full()) return;
  }
}

void AsioDriver::ReportErrors(UdpSocket& socket) {
  for (const Address& peer : socket.DrainErrors()) {
    engine::HostEvent event;
    event.kind = engine::HostEvent::Kind::kUnreachable;
    event.peer = peer;
    Turn([&](engine::Engine& engine, Instant now, engine::Output& out) {
      engine.OnHost(now, event, out);
    });
  }
}

void AsioDriver::ArmTimerWait() {
  timer_waiter_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [this](const std::error_code& error) {
                             if (error) return;
                             OnTimer();
                             ArmTimerWait();
                           });
}

void AsioDriver::OnTimer() {
  uint64_t expirations = 0;
  if (::read(timer_.get(), &expirations, sizeof(expirations)) < 0) return;  // Set anew meanwhile.
  ReceiveSome(sockets_.unicast, kBatchesPerTimer);
  if (sockets_.multicast) ReceiveSome(*sockets_.multicast, kBatchesPerTimer);
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
}

void AsioDriver::WakeAt(Instant deadline) {
  if (deadline >= housekeeping_at_.load()) return;
  runtime::MutexLock lock(&mutex_);
  housekeeping_at_ = std::min(housekeeping_at_.load(), deadline);
  if (deadline < armed_) ArmTimerLocked(deadline);
}

void AsioDriver::ArmLinkWait() {
  link_waiter_.async_wait(
      asio::posix::stream_descriptor::wait_read, [this](const std::error_code& error) {
        if (error) return;
        if (const std::optional<bool> up = link_.Poll()) {
          // Switches forget who listens when a link goes away, and may miss the next query.
          if (*up && sockets_.multicast) sockets_.multicast->Rejoin();
          engine::HostEvent event;
          event.kind =
              *up ? engine::HostEvent::Kind::kInterfaceUp : engine::HostEvent::Kind::kInterfaceDown;
          Turn([&](engine::Engine& engine, Instant now, engine::Output& out) {
            engine.OnHost(now, event, out);
          });
        }
        ArmLinkWait();
      });
}

void AsioDriver::WatchMap(const std::string& name, bool wanted) {
  runtime::MutexLock lock(&mutex_);
  engine_->WatchMap(name, wanted);
}

bool AsioDriver::WaitUntil(const std::function<bool(const engine::Engine&)>& condition,
                           absl::Duration timeout) const {
  const auto holds = [&]() { return condition(*engine_); };
  runtime::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(holds, timeout);
}

int64_t AsioDriver::GroupTimeMs() const {
  return SteadyNow().nanos() / kNanosPerMilli +
         group_time_offset_ms_.load(std::memory_order_relaxed);
}

AsioDriver::Stats AsioDriver::stats() const {
  runtime::MutexLock lock(&mutex_);
  Stats stats = stats_;
  stats.sent = sender_.stats();
  return stats;
}

void AsioDriver::StopStreams(Instant give_up) {
  if (!streams_->empty() && SteadyNow() < give_up) {
    stop_timer_.expires_after(kStopPoll);
    stop_timer_.async_wait([this, give_up](const std::error_code&) { StopStreams(give_up); });
    return;
  }
  streams_->Abort();
  io_.stop();
}

void AsioDriver::Stop() {
  if (!thread_.joinable()) return;
  {
    runtime::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  asio::post(io_, [this] {
    PerformStreamActions();
    streams_->Close();
    StopStreams(SteadyNow() + kStopTimeout);
  });
  thread_.join();
  ReleaseWaiters();
  sockets_.unicast.Close();
  sockets_.multicast.reset();
}

}  // namespace cohort::runtime
