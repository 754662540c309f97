// Drives one Engine on the sockets of an endpoint: the sibling of the simulator's driver, and the
// only place where an engine meets a clock, a lock and a thread.
//
// Idea: one leaf lock guards the engine, and whoever holds it drives it. A caller's thread executes
// its own command, and those of others that wait for the lock (ErrandQueue), and sends the packets
// they made, without handing them over; the endpoint's I/O
// thread does everything that arrives: it reads a batch of datagrams, takes the lock once for all
// of this group's, sends what they caused, lets go. Upcalls are passed on under the lock, so that
// their order is the engine's. Streams belong to the I/O thread; what callers' commands want of
// them is queued for it. A timer first reads the sockets: silence is judged only by who has
// listened.
//
// The I/O thread may outlive the driver, for other groups have it too. So whatever the driver
// leaves there to be done later looks first whether the driver is still there; only that thread, in
// Stop, says that it is not.
//
// Threads: Execute, Read and WaitUntil by any thread but a delivery thread that would block.
// Lifetime: Stop before destruction.
#ifndef COHORT_RUNTIME_ASIO_DRIVER_H_
#define COHORT_RUNTIME_ASIO_DRIVER_H_

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/instant.h"
#include "engine/engine.h"
#include "runtime/endpoint.h"
#include "runtime/engine_mutex.h"
#include "runtime/errand_queue.h"
#include "runtime/fork_guard.h"
#include "runtime/packet_sender.h"
#include "runtime/stream_set.h"
#include "runtime/tls_context.h"

namespace cohort::runtime {

// Steady, in nanoseconds. The only clock an engine of this driver knows.
Instant SteadyNow();

class AsioDriver final : private EndpointGroup {
 public:
  struct Options {
    engine::EngineOptions engine;
    std::array<std::byte, 32> entropy{};
    uint32_t group_tag = 0;
    security::TlsPsk psk;             // In plaintext only the identity counts.
    std::unique_ptr<TlsContext> tls;  // Null: plaintext lifelines.
  };
  // Who is woken when the lock is released: whoever runs at once would want it, or take the place
  // of the thread that has it.
  using Wakes = std::vector<std::shared_ptr<Notification>>;
  // Called with the upcalls of one turn, under the lock: must neither block nor come back.
  using UpcallSink = std::function<void(const engine::Engine& engine,
                                        std::vector<engine::Upcall>& upcalls, Wakes& wakes)>;
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

  AsioDriver(Options options, EndpointLease endpoint, UpcallSink sink, Housekeeping housekeeping);
  ~AsioDriver() override;

  // Attaches to the endpoint and starts the engine.
  void Start();
  // Closes lifelines in order (at most kStopTimeout), then all that is this group's; gives the
  // endpoint up. Idempotent; the engine can still be read. Not from the I/O thread.
  void Stop();

  // Engine::Execute, and sends what it caused. Errors: as there; kCancelled after Stop.
  absl::Status Execute(const engine::Command& command);
  // The same, of what `make` finds to execute, or to refuse, under the lock: nothing of the user's
  // may run, or end, in it.
  using Make =
      absl::FunctionRef<absl::Status(engine::Engine& engine, Instant now, engine::Output& out)>;
  absl::Status ExecuteMade(Make make);
  // Has `errand` run, perhaps by another thread and a little later, and what it caused sent;
  // refused after Stop. It may have gone when this returns.
  void Submit(Errand& errand);
  // As Submit, but the caller does not serve: the I/O thread does, with what has gathered by then.
  void SubmitLater(Errand& errand);
  // Whatever waits has been run, or, after Stop, refused, when this returns: whether it was run.
  bool RunErrands();
  // Engine::SetSeeds, and sends what it caused. Nothing after Stop.
  void SetSeeds(const std::vector<Address>& seeds);
  // Calls read(engine, now) under the lock.
  template <class Function>
  auto Read(Function&& read) const {
    EngineLock lock(&mutex_);
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
  const MemberSockets& sockets() const { return endpoint_->sockets(); }
  // To be asked before anything that takes the lock, which in a child nobody may ever release.
  const ForkGuard& fork_guard() const { return fork_guard_; }

 private:
  static constexpr std::chrono::milliseconds kStopTimeout{300};
  static constexpr std::chrono::milliseconds kStopPoll{2};
  static constexpr int kRoundsServed = 4;
  // What is sent to the group is also heard on this host so often, when no member there needs it:
  // `cohort doctor` may be listening.
  static constexpr Duration kLoopEvery = std::chrono::milliseconds(100);

  // EndpointGroup: on the I/O thread.
  void OnDatagrams(std::span<const engine::Datagram> datagrams) override;
  void OnDatagramsLost(uint32_t count) override;
  void OnUnreachable(const Address& peer) override;
  void OnLink(bool up) override;
  void OnMtu(uint32_t bytes) override;
  void OnLifeline(const std::shared_ptr<Stream>& stream) override { streams_->Adopt(stream); }
  void OnHost(const engine::HostEvent& event);

  // `function`, as something that the I/O thread may do if the driver is still there then.
  template <class Function>
  auto WhileHere(Function function);
  template <class Function>
  void Turn(Function&& input);
  // As Turn, from any thread. Its status.
  template <class Function>
  absl::Status TurnOfCaller(Function&& input);
  // By one thread at a time.
  void Serve();
  void RunErrandsLocked(Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RefuseErrands();
  void FlushLocked(Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteUpcallsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteViewLocked(const View& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WantsLoopLocked(Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Instant NextDeadlineLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ArmTimerLocked(Instant deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What the timer was armed for has moved away since: it is set again, and nothing is due.
  bool WasLeftArmed();
  void PerformStreamActions();
  void ArmTimerWait();
  void OnTimer();
  void StopStreams(Instant give_up);
  void Finish();

  const ForkGuard fork_guard_;
  // Declared before what uses its thread, so given up after.
  EndpointLease endpoint_;
  const uint32_t group_tag_;
  const security::TlsPsk psk_;
  const std::unique_ptr<TlsContext> tls_;
  const UpcallSink sink_;
  const Housekeeping housekeeping_;
  FileDescriptor timer_;
  asio::posix::stream_descriptor timer_waiter_;
  std::unique_ptr<StreamSet> streams_;
  asio::steady_timer stop_timer_;
  // Null once Finish has run: read and written by the I/O thread only.
  const std::shared_ptr<AsioDriver*> here_ = std::make_shared<AsioDriver*>(this);
  Notification finished_;
  bool running_ = false;  // By whoever calls Start and Stop.
  bool performing_ =
      false;  // I/O thread: stream actions are being carried out further up the stack.
  std::atomic<int64_t> group_time_offset_ms_{0};
  std::atomic<Instant> housekeeping_at_{Instant::Infinite()};  // Moved earlier under the lock only.

  ErrandQueue errands_;

  mutable EngineMutex mutex_;
  std::unique_ptr<engine::Engine> engine_ ABSL_PT_GUARDED_BY(mutex_);
  engine::Output output_ ABSL_GUARDED_BY(mutex_);
  Wakes wakes_ ABSL_GUARDED_BY(mutex_);
  std::vector<Errand*> running_errands_ ABSL_GUARDED_BY(mutex_);  // Kept for its memory.
  PacketSender sender_ ABSL_GUARDED_BY(mutex_);
  // Another member of the view, or of the one before, is on this host.
  bool fellows_here_ ABSL_GUARDED_BY(mutex_) = false;
  bool fellows_here_before_ ABSL_GUARDED_BY(mutex_) = false;
  Instant loop_at_ ABSL_GUARDED_BY(mutex_);
  std::vector<engine::StreamAction> actions_ ABSL_GUARDED_BY(mutex_);
  Instant armed_ ABSL_GUARDED_BY(mutex_) = Instant::Infinite();
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> stopping_{false};  // Stop() has begun.
  Stats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_ASIO_DRIVER_H_
