// Drives one Engine on real sockets: the sibling of the simulator's driver, and the only place
// where an engine meets a clock, a lock and a thread.
//
// Idea: one leaf lock guards the engine, and whoever holds it drives it. A caller's thread executes
// its own command and sends the packets it made, without handing them over; the I/O thread
// ("cohort-io") does everything that arrives: it reads a batch of datagrams, takes the lock once
// for all of them, sends what they caused, lets go. Upcalls are passed on under the lock, so that
// their order is the engine's. Streams belong to the I/O thread; what callers' commands want of
// them is queued for it. A timer first reads the sockets: silence is judged only by who has
// listened.
//
// Threads: Execute, Read and WaitUntil by any thread but a delivery thread that would block.
// Lifetime: Stop before destruction.
#ifndef COHORT_RUNTIME_ASIO_DRIVER_H_
#define COHORT_RUNTIME_ASIO_DRIVER_H_

#include <array>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/instant.h"
#include "engine/engine.h"
#include "runtime/fork_guard.h"
#include "runtime/link_monitor.h"
#include "runtime/member_sockets.h"
#include "runtime/mutex.h"
#include "runtime/packet_sender.h"
#include "runtime/stream_set.h"
#include "runtime/tls_context.h"

namespace cohort::runtime {

// Steady, in nanoseconds. The only clock an engine of this driver knows.
Instant SteadyNow();

class AsioDriver {
 public:
  struct Options {
    engine::EngineOptions engine;
    std::array<std::byte, 32> entropy{};
    std::unique_ptr<TlsContext> tls;  // Null: plaintext lifelines.
  };
  // Called with the upcalls of one turn, under the lock: must neither block nor come back.
  using UpcallSink =
      std::function<void(const engine::Engine& engine, std::vector<engine::Upcall>& upcalls)>;
  // Called on the I/O thread without the lock when `deadline()` of the host has come; returns the
  // next one.
  using Housekeeping = std::function<Instant(Instant now)>;
  struct Stats {
    PacketSender::Stats sent;
    uint64_t datagrams_received = 0;
    uint64_t bytes_received = 0;
    uint64_t receive_batches = 0;
    uint64_t datagrams_lost_here = 0;
    StreamSet::Stats streams;
  };

  AsioDriver(Options options, MemberSockets sockets, UpcallSink sink, Housekeeping housekeeping);
  ~AsioDriver();

  // Starts the engine and the I/O thread.
  void Start();
  // Closes lifelines in order (at most kStopTimeout), then everything; ends the I/O thread.
  // Idempotent; the engine can still be read. Not from the I/O thread.
  void Stop();

  // Engine::Execute, and sends what it caused. Errors: as there; kCancelled after Stop.
  absl::Status Execute(const engine::Command& command);
  // Engine::SetSeeds, and sends what it caused. Nothing after Stop.
  void SetSeeds(const std::vector<Address>& seeds);
  // Calls read(engine, now) under the lock.
  template <class Function>
  auto Read(Function&& read) const {
    runtime::MutexLock lock(&mutex_);
    return std::forward<Function>(read)(std::as_const(*engine_), SteadyNow());
  }
  // Whether changes of the map of this name are wanted as upcalls; lasts over views, in which its
  // number may change.
  void WatchMap(const std::string& name, bool wanted);
  // Waits until condition(engine) holds, which is looked at after each turn. False if `timeout`
  // passed first.
  bool WaitUntil(const std::function<bool(const engine::Engine&)>& condition,
                 absl::Duration timeout) const;
  // Housekeeping is wanted at `deadline`, perhaps earlier than was known.
  void WakeAt(Instant deadline);
  // Unix milliseconds of the group's clock, without the lock; as of the last turn, carried on by
  // the steady clock.
  int64_t GroupTimeMs() const;
  Stats stats() const;
  const MemberSockets& sockets() const { return sockets_; }
  // To be asked before anything that takes the lock, which in a child nobody may ever release.
  const ForkGuard& fork_guard() const { return fork_guard_; }

 private:
  static constexpr std::chrono::milliseconds kStopTimeout{300};
  static constexpr std::chrono::milliseconds kStopPoll{2};
  // What is sent to the group is also heard on this host so often, when no member there needs it:
  // `cohort doctor` may be listening.
  static constexpr Duration kLoopEvery = std::chrono::milliseconds(100);

  void Run();
  template <class Function>
  void Turn(Function&& input);
  // As Turn, from any thread. Its status.
  template <class Function>
  absl::Status TurnOfCaller(Function&& input);
  void FlushLocked(Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteUpcallsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteViewLocked(const View& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WantsLoopLocked(Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ArmTimerLocked(Instant deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PerformStreamActions();
  void ArmReceive(asio::posix::stream_descriptor& waiter, UdpSocket& socket);
  void ReceiveSome(UdpSocket& socket, int batches_max);
  void ReportErrors(UdpSocket& socket);
  void ArmTimerWait();
  void OnTimer();
  void ArmLinkWait();
  void StopStreams(Instant give_up);
  void ReleaseWaiters();

  const ForkGuard fork_guard_;
  // Declared before what uses it, so destroyed after.
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  const std::unique_ptr<TlsContext> tls_;
  MemberSockets sockets_;
  const UpcallSink sink_;
  const Housekeeping housekeeping_;
  FileDescriptor timer_;
  LinkMonitor link_;
  asio::posix::stream_descriptor unicast_waiter_;
  asio::posix::stream_descriptor multicast_waiter_;
  asio::posix::stream_descriptor timer_waiter_;
  asio::posix::stream_descriptor link_waiter_;
  std::unique_ptr<StreamSet> streams_;
  asio::steady_timer stop_timer_;
  DatagramBatch batch_;
  bool performing_ =
      false;  // I/O thread: stream actions are being carried out further up the stack.
  std::thread thread_;
  std::atomic<int64_t> group_time_offset_ms_{0};
  std::atomic<Instant> housekeeping_at_{Instant::Infinite()};  // Moved earlier under the lock only.

  mutable runtime::Mutex mutex_;
  std::unique_ptr<engine::Engine> engine_ ABSL_PT_GUARDED_BY(mutex_);
  engine::Output output_ ABSL_GUARDED_BY(mutex_);
  PacketSender sender_ ABSL_GUARDED_BY(mutex_);
  // Another member of the view, or of the one before, is on this host.
  bool fellows_here_ ABSL_GUARDED_BY(mutex_) = false;
  bool fellows_here_before_ ABSL_GUARDED_BY(mutex_) = false;
  Instant loop_at_ ABSL_GUARDED_BY(mutex_);
  std::vector<engine::StreamAction> actions_ ABSL_GUARDED_BY(mutex_);
  Instant armed_ ABSL_GUARDED_BY(mutex_) = Instant::Infinite();
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Stats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_ASIO_DRIVER_H_
