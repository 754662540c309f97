#include "sim/stream_network.h"

#include <algorithm>
#include <utility>

namespace cohort::sim {

using engine::StreamAction;
using engine::StreamEvent;

uint64_t StreamNetwork::Find(HostIndex, ProcessNumber process, engine::StreamId stream) const {
  const auto found = by_stream_.find({process, stream});
  return found == by_stream_.end() ? 0 : found->second;
}

void StreamNetwork::Forget(uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  for (const End& end : found->second.ends) {
    if (const auto entry = by_stream_.find({end.process, end.stream});
        entry != by_stream_.end() && entry->second == id) {
      by_stream_.erase(entry);
    }
  }
  connections_.erase(found);
}

void StreamNetwork::Tell(const End& end, StreamEvent event, Buffer held, Deliveries& out) {
  if (end.closed) return;
  event.stream = end.stream;
  event.bytes = held.bytes();
  out.push_back({end.host, end.process, std::move(event), std::move(held)});
}

void StreamNetwork::OnAction(HostIndex from, ProcessNumber process, const StreamAction& action,
                             Scheduler& scheduler) {
  if (action.kind == StreamAction::Kind::kOpen || action.kind == StreamAction::Kind::kProbe) {
    const uint64_t id = next_connection_++;
    Connection& connection = connections_[id];
    connection.probe = action.kind == StreamAction::Kind::kProbe;
    connection.deadline =
        scheduler.now() + (connection.probe ? options_.probe_timeout : options_.open_timeout);
    connection.ends[0] = {from, process, action.stream};
    connection.ends[1].host = HostOf(action.to, links_.hosts());
    connection.ends[1].closed = true;
    by_stream_[{process, action.stream}] = id;
    Call(id, connection, scheduler);
    return;
  }
  const uint64_t id = Find(from, process, action.stream);
  if (id == 0) return;  // It broke before the process heard of it.
  Connection& connection = connections_.at(id);
  const int side =
      connection.ends[1].process == process && connection.ends[1].stream == action.stream ? 1 : 0;
  if (action.kind == StreamAction::Kind::kSend) {
    Push(id, connection, side, {Instant(), action.data}, scheduler);
    return;
  }
  connection.ends[side].closed = true;
  if (connection.state != State::kOpen) {
    Forget(id);
    return;
  }
  Push(id, connection, side, {Instant(), {}, /*end=*/true}, scheduler);
}

// A SYN leaves; the next step is its arrival, or its retransmission.
void StreamNetwork::Call(uint64_t id, Connection& connection, Scheduler& scheduler) {
  const HostIndex from = connection.ends[0].host;
  const HostIndex to = connection.ends[1].host;
  connection.state = State::kCalling;
  const bool reachable = to < links_.hosts() && !links_.IsCutEitherWay(from, to) &&
                         hosts_[to].state != HostState::kPowerless &&
                         !links_.DrawLoss(from, to, false, random_);
  if (!reachable) {
    const Instant again = scheduler.now() + options_.retry_min * 5;  // Linux waits one second.
    if (again >= connection.deadline) {
      Answer(id, connection, connection.deadline - scheduler.now(), StreamEvent::Kind::kFailed,
             scheduler);
      return;
    }
    scheduler.At(again, {Task::Kind::kStreamStep, false, from, id, {}});
    return;
  }
  connection.state = State::kGreeting;
  scheduler.After(links_.DrawDelay(from, to, random_),
                  {Task::Kind::kStreamStep, false, from, id, {}});
}

void StreamNetwork::Answer(uint64_t id, Connection& connection, Duration delay,
                           StreamEvent::Kind answer, Scheduler& scheduler) {
  connection.state = State::kAnswering;
  connection.answer = answer;
  scheduler.After(delay, {Task::Kind::kStreamStep, false, connection.ends[0].host, id, {}});
}

void StreamNetwork::OnStep(uint64_t id, Scheduler& scheduler, Deliveries& out) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  switch (connection.state) {
    case State::kCalling:
      Call(id, connection, scheduler);
      return;
    case State::kGreeting:
      Greet(id, connection, scheduler, out);
      return;
    case State::kAnswering: {
      StreamEvent event;
      event.kind = connection.answer;
      event.from = AddressOf(connection.ends[1].host);
      if (event.kind == StreamEvent::Kind::kRefused) ++stats_.refused;
      if (event.kind == StreamEvent::Kind::kFailed) {
        ++stats_.failed;
        event.text = "timed out";
      }
      Tell(connection.ends[0], std::move(event), {}, out);
      Forget(id);
      return;
    }
    case State::kOpen:
      return;
  }
}

// The SYN has arrived, or the handshake is tried again because nobody has read it yet.
void StreamNetwork::Greet(uint64_t id, Connection& connection, Scheduler& scheduler,
                          Deliveries& out) {
  const HostIndex from = connection.ends[0].host;
  const HostIndex to = connection.ends[1].host;
  const HostStatus& host = hosts_[to];
  const Duration back = links_.DrawDelay(to, from, random_);
  if (host.state == HostState::kPowerless || links_.IsCutEitherWay(from, to)) {
    Call(id, connection, scheduler);
    return;
  }
  if (host.state == HostState::kDown) {
    Answer(id, connection, back, StreamEvent::Kind::kRefused, scheduler);
    return;
  }
  if (connection.probe) {
    Answer(id, connection, back, StreamEvent::Kind::kAnswered, scheduler);
    return;
  }
  if (host.state != HostState::kRunning) {  // The kernel accepts, but nobody speaks TLS.
    if (scheduler.now() >= connection.deadline) {
      Answer(id, connection, Duration(0), StreamEvent::Kind::kFailed, scheduler);
    } else {
      scheduler.After(milliseconds(20), {Task::Kind::kStreamStep, false, from, id, {}});
    }
    return;
  }
  connection.state = State::kOpen;
  connection.ends[1] = {to, host.process, next_accepted_};
  by_stream_[{host.process, next_accepted_}] = id;
  next_accepted_ += 2;
  ++stats_.opened;
  StreamEvent accepted;
  accepted.kind = StreamEvent::Kind::kAccepted;
  accepted.from = AddressOf(from);
  Tell(connection.ends[1], std::move(accepted), {}, out);
  StreamEvent opened;
  opened.kind = StreamEvent::Kind::kOpened;
  opened.from = AddressOf(to);
  Tell(connection.ends[0], std::move(opened), {}, out);
}

void StreamNetwork::Push(uint64_t id, Connection& connection, int direction, Item item,
                         Scheduler& scheduler) {
  Pipe& pipe = connection.pipes[direction];
  const HostIndex from = connection.ends[direction].host;
  const HostIndex to = connection.ends[1 - direction].host;
  const uint64_t wire_ns = item.data.size() * uint64_t{1'000'000'000} / options_.bytes_per_second;
  Duration delay = links_.DrawDelay(from, to, random_) + Duration(static_cast<int64_t>(wire_ns));
  // Lost segments: mostly repaired within a round trip or two, sometimes only by the timer.
  const size_t segments = 1 + item.data.size() / 1448;
  for (size_t i = 0; i < std::min<size_t>(segments, 16); ++i) {
    if (!links_.DrawLoss(from, to, false, random_)) continue;
    delay += segments > 3 && random_.Chance(0.8) ? Duration(milliseconds(3)) : options_.retry_min;
  }
  item.ready = scheduler.now() + delay;
  if (!pipe.items.empty()) {
    item.ready =
        std::max(item.ready, pipe.items.back().ready + Duration(static_cast<int64_t>(wire_ns)));
  }
  pipe.queued += item.data.size();
  pipe.above_low_mark |= pipe.queued > options_.low_mark;
  pipe.is_overfull |= pipe.queued > options_.queue_bytes_max;
  const Instant ready = item.ready;
  pipe.items.push_back(std::move(item));
  Schedule(id, pipe, direction, ready, scheduler);
}

void StreamNetwork::Schedule(uint64_t id, Pipe& pipe, int direction, Instant at,
                             Scheduler& scheduler) {
  if (pipe.scheduled) return;
  pipe.scheduled = true;
  scheduler.At(at, {Task::Kind::kStreamFlush, direction == 1, 0, id, {}});
}

void StreamNetwork::OnFlush(uint64_t id, bool flag, Scheduler& scheduler, Deliveries& out) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  const int direction = flag ? 1 : 0;
  Pipe& pipe = connection.pipes[direction];
  pipe.scheduled = false;
  if (pipe.items.empty() || connection.state != State::kOpen) return;
  if (pipe.is_overfull) {
    Break(connection, "send queue full: the peer does not read", out);
    Forget(id);
    return;
  }
  End& source = connection.ends[direction];
  const End& target = connection.ends[1 - direction];
  if (source.gone || hosts_[target.host].state == HostState::kPowerless ||
      links_.IsCutEitherWay(source.host, target.host)) {
    if (Stall(id, connection, direction, scheduler, out)) Forget(id);
    return;
  }
  if (target.gone) {  // Power is back, and the new kernel has never heard of this stream.
    ++stats_.resets;
    StreamEvent event;
    event.kind = StreamEvent::Kind::kClosed;
    event.reset = true;
    Tell(source, std::move(event), {}, out);
    Forget(id);
    return;
  }
  pipe.retry = Duration(0);
  pipe.stalled_since = Instant::Infinite();
  const bool ended = pipe.items.back().end;
  DeliverReady(connection, direction, scheduler.now(), out);
  if (pipe.items.empty()) {
    if (ended || (connection.ends[0].closed && connection.ends[1].closed)) Forget(id);
    return;
  }
  Schedule(id, pipe, direction, pipe.items.front().ready, scheduler);
}

// Nothing gets through. True once the stream has broken for good.
bool StreamNetwork::Stall(uint64_t id, Connection& connection, int direction, Scheduler& scheduler,
                          Deliveries& out) {
  Pipe& pipe = connection.pipes[direction];
  const Instant now = scheduler.now();
  if (pipe.stalled_since.is_infinite()) pipe.stalled_since = now;
  if (now - pipe.stalled_since >= options_.reset_after) {
    Break(connection, "stalled for too long", out);
    return true;
  }
  pipe.retry = std::clamp(pipe.retry * 2, options_.retry_min, options_.retry_max);
  Schedule(id, pipe, direction, now + pipe.retry, scheduler);
  return false;
}

void StreamNetwork::Break(Connection& connection, const char* why, Deliveries& out) {
  ++stats_.resets;
  for (const End& end : connection.ends) {
    StreamEvent event;
    event.kind = StreamEvent::Kind::kClosed;
    event.reset = true;
    event.text = why;
    if (!end.gone) Tell(end, std::move(event), {}, out);
  }
}

void StreamNetwork::DeliverReady(Connection& connection, int direction, Instant now,
                                 Deliveries& out) {
  Pipe& pipe = connection.pipes[direction];
  End& source = connection.ends[direction];
  End& target = connection.ends[1 - direction];
  while (!pipe.items.empty() && pipe.items.front().ready <= now) {
    Item item = std::move(pipe.items.front());
    pipe.items.pop_front();
    pipe.queued -= item.data.size();
    stats_.bytes += item.data.size();
    StreamEvent event;
    event.kind = StreamEvent::Kind::kBytes;
    if (item.end) {
      event.kind = StreamEvent::Kind::kClosed;
      event.reset = item.reset;
    } else if (target.closed) {  // A closed socket answers bytes with a reset.
      ++stats_.resets;
      StreamEvent reset;
      reset.kind = StreamEvent::Kind::kClosed;
      reset.reset = true;
      Tell(source, std::move(reset), {}, out);
      source.closed = true;
      pipe.items.clear();
      pipe.queued = 0;
      return;
    }
    Tell(target, std::move(event), std::move(item.data), out);
    if (item.end) target.closed = true;
  }
  if (pipe.above_low_mark && pipe.queued < options_.low_mark) {
    pipe.above_low_mark = false;
    StreamEvent event;
    event.kind = StreamEvent::Kind::kWritable;
    Tell(source, std::move(event), {}, out);
  }
}

void StreamNetwork::OnProcessGone(HostIndex, ProcessNumber process, Scheduler& scheduler) {
  std::vector<uint64_t> unborn;
  for (auto& [id, connection] : connections_) {
    for (int side = 0; side < 2; ++side) {
      End& end = connection.ends[side];
      if (end.process != process || end.closed) continue;
      end.closed = true;
      if (connection.state != State::kOpen) {
        unborn.push_back(id);
        continue;
      }
      const bool unread = !connection.pipes[1 - side].items.empty();
      Push(id, connection, side, {Instant(), {}, /*end=*/true, /*reset=*/unread}, scheduler);
    }
  }
  for (const uint64_t id : unborn) Forget(id);
}

void StreamNetwork::OnPowerLost(HostIndex, ProcessNumber process) {
  std::vector<uint64_t> unborn;
  for (auto& [id, connection] : connections_) {
    for (End& end : connection.ends) {
      if (end.process != process) continue;
      end.closed = true;
      end.gone = true;
      if (connection.state != State::kOpen) unborn.push_back(id);
    }
  }
  for (const uint64_t id : unborn) Forget(id);
}

}  // namespace cohort::sim
