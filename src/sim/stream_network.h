// Carries byte streams between processes, as TCP does: reliable, in order, and honest about what it
// knows. A cut link stalls a stream and breaks it only after a long time; a dead process ends it,
// but only once the kernel has freed the process's memory; a stopped process still lets its kernel
// accept connections.
//
// The idea: a connection is two pipes and a small state machine whose steps are tasks of the
// scheduler. What a process is to be told is appended to the output of each call; the cluster hands
// it over (later, if the process is stopped).
#ifndef COHORT_SIM_STREAM_NETWORK_H_
#define COHORT_SIM_STREAM_NETWORK_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/random.h"
#include "engine/io.h"
#include "sim/host_table.h"
#include "sim/links.h"
#include "sim/scheduler.h"

namespace cohort::sim {

struct StreamNetworkOptions {
  Duration open_timeout = seconds(3);
  Duration probe_timeout = seconds(1);
  Duration retry_min = milliseconds(200);  // First retransmission; doubles ...
  Duration retry_max = seconds(2);         // ... up to here.
  Duration reset_after = seconds(20);      // A stream stalled for longer breaks.
  uint64_t bytes_per_second = 60'000'000;
  size_t queue_bytes_max = engine::kStreamQueueBytesMax;
  size_t low_mark = 64 << 10;  // kWritable is reported when the queue drains below it.
};

// An event for one process. `held` owns the bytes that event.bytes refers to.
struct StreamDelivery {
  HostIndex host = 0;
  ProcessNumber process = 0;
  engine::StreamEvent event;
  Buffer held;
};

class StreamNetwork {
 public:
  struct Stats {
    uint64_t opened = 0;
    uint64_t refused = 0;
    uint64_t failed = 0;
    uint64_t resets = 0;
    uint64_t bytes = 0;
  };
  using Deliveries = std::vector<StreamDelivery>;

  StreamNetwork(const StreamNetworkOptions& options, Links& links, const HostTable& hosts,
                uint64_t seed)
      : options_(options), links_(links), hosts_(hosts), random_(seed) {}

  // What a process asked for.
  void OnAction(HostIndex from, ProcessNumber process, const engine::StreamAction& action,
                Scheduler& scheduler);
  // Tasks of kinds kStreamFlush and kStreamStep come back here.
  void OnFlush(uint64_t connection, bool direction, Scheduler& scheduler, Deliveries& out);
  void OnStep(uint64_t connection, Scheduler& scheduler, Deliveries& out);
  // The kernel closes what `process` had open. Call it when the process is gone and its memory is
  // freed.
  void OnProcessGone(HostIndex host, ProcessNumber process, Scheduler& scheduler);
  // The host lost its power: nobody is told; peers find out by their own timeouts.
  void OnPowerLost(HostIndex host, ProcessNumber process);

  size_t connections() const { return connections_.size(); }
  const Stats& stats() const { return stats_; }

 private:
  struct End {
    HostIndex host = 0;
    ProcessNumber process = 0;
    engine::StreamId stream = 0;
    bool closed = false;  // By its process, or because it died: it is told nothing any more.
    bool gone = false;    // The host does not even answer for it.
  };
  struct Item {
    Instant ready;
    Buffer data;
    bool end = false;    // FIN ...
    bool reset = false;  // ... or RST.
  };
  struct Pipe {
    std::deque<Item> items;
    size_t queued = 0;
    bool above_low_mark = false;
    bool scheduled = false;
    bool is_overfull = false;  // Ends at the next step.
    Duration retry{};
    Instant stalled_since = Instant::Infinite();
  };
  enum class State : uint8_t { kCalling, kGreeting, kAnswering, kOpen };
  struct Connection {
    State state = State::kCalling;
    bool probe = false;
    engine::StreamEvent::Kind answer = engine::StreamEvent::Kind::kFailed;
    Instant deadline;
    std::array<End, 2> ends;    // 0 opened it.
    std::array<Pipe, 2> pipes;  // pipes[d] leads from ends[d] to ends[1 - d].
  };

  void Call(uint64_t id, Connection& connection, Scheduler& scheduler);
  void Greet(uint64_t id, Connection& connection, Scheduler& scheduler, Deliveries& out);
  void Answer(uint64_t id, Connection& connection, Duration delay, engine::StreamEvent::Kind answer,
              Scheduler& scheduler);
  void Push(uint64_t id, Connection& connection, int direction, Item item, Scheduler& scheduler);
  void Schedule(uint64_t id, Pipe& pipe, int direction, Instant at, Scheduler& scheduler);
  bool Stall(uint64_t id, Connection& connection, int direction, Scheduler& scheduler,
             Deliveries& out);
  void DeliverReady(Connection& connection, int direction, Instant now, Deliveries& out);
  void Break(Connection& connection, const char* why, Deliveries& out);
  static void Tell(const End& end, engine::StreamEvent event, Buffer held, Deliveries& out);
  uint64_t Find(HostIndex host, ProcessNumber process, engine::StreamId stream) const;
  void Forget(uint64_t id);

  StreamNetworkOptions options_;
  Links& links_;
  const HostTable& hosts_;
  Random random_;
  uint64_t next_connection_ = 1;
  engine::StreamId next_accepted_ = 2;
  std::map<uint64_t, Connection> connections_;
  std::map<std::pair<ProcessNumber, engine::StreamId>, uint64_t> by_stream_;
  Stats stats_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_STREAM_NETWORK_H_
