// Inputs, the turn, and the readings of the engine's core.
#include "engine/core.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace cohort::engine {

namespace {

constexpr int kTurnRounds = 4;  // Rounds of sending in one turn; what is left waits for the next.

uint64_t Word(const std::array<std::byte, 32>& entropy, size_t index) {
  uint64_t word = 0;
  std::memcpy(&word, entropy.data() + 8 * index, 8);
  return word;
}

security::Security::Options SecurityOptions(const EngineOptions& options, const MemberId& self) {
  security::Security::Options result;
  result.group = options.group;
  if (options.key.has_value())
    result.key = security::GroupKey(std::span<const std::byte, 32>(*options.key));
  result.self = self;
  return result;
}

failure::Options FailureOptions(const EngineOptions& options) {
  failure::Options result;
  result.dead_after = options.dead_after;
  result.stall_after = options.stalled_after;
  result.multicast = options.has_multicast;
  return result;
}

flow::LagTable::Options LagOptions(const EngineOptions& options) {
  flow::LagTable::Options result;
  result.too_slow_after = options.slow_after;
  return result;
}

DataPlane::Options PlaneOptions(const EngineOptions& options) {
  DataPlane::Options result;
  result.packer.queue_bytes_max = options.send_queue_bytes_max;
  result.packer.large_bytes_max = options.large_queue_bytes_max;
  result.packer.message_max = options.large_message_min;
  result.reassembler.large_under_way_max = options.large_under_way_max;
  if (options.without_data) {
    for (const MessageKind kind : {MessageKind::kMap, MessageKind::kConvergent})
      result.reassembler.not_kept |= uint64_t{1} << static_cast<unsigned>(kind);
  }
  result.receive_bytes = options.receive_buffer_bytes;
  // Packets come in coalesced, so one costs little more of the buffer than its own bytes.
  result.flow.bytes_per_packet = 1600;
  result.trace = options.trace;
  return result;
}

Replica::Options ReplicaOptions(const EngineOptions& options, uint64_t hash_key) {
  Replica::Options result;
  result.maps.hash_key = hash_key;
  result.maps.settings.bytes_max = options.map_bytes_max;
  const auto horizon = std::chrono::duration_cast<milliseconds>(options.tombstone_horizon).count();
  result.maps.settings.tombstone_horizon_ms = static_cast<uint64_t>(horizon);
  result.merge_horizon_ms = static_cast<uint64_t>(horizon);
  result.joiner_queue_bytes_max = options.joiner_queue_bytes_max;
  result.transfer_chunk_bytes = options.transfer_chunk_bytes;
  result.transfer_helped_bytes_min = options.transfer_helped_bytes_min;
  result.without_data = options.without_data;
  result.policy = options.policy;
  result.trace = options.trace;
  return result;
}

discovery::Options DiscoveryOptions(const EngineOptions& options) {
  discovery::Options result;
  result.group = options.group;
  result.seeds = options.seeds;
  result.remembered = options.remembered;
  result.initial_members = options.bootstrap ? 0 : options.initial_members;
  result.votes = options.votes;
  return result;
}

membership::MembershipOptions MembershipOptionsOf(const EngineOptions& options) {
  membership::MembershipOptions result;
  result.group = options.group;
  result.policy = options.policy;
  result.bootstrap = options.bootstrap;
  result.initial_members = options.initial_members;
  result.tie_breaker = options.tie_breaker;
  return result;
}

}  // namespace

Engine::Core::Core(EngineOptions options, const std::array<std::byte, 32>& entropy)
    : options_(std::move(options)),
      random_(Word(entropy, 2) ^ Word(entropy, 3)),
      self_{.id = {.instance = {Word(entropy, 0), Word(entropy, 1)}, .join_no = 0},
            .name = options_.name,
            .address = options_.address,
            .without_data = options_.without_data,
            .votes = options_.votes || !options_.without_data},
      security_(SecurityOptions(options_, self_.id)),
      packetizer_(security_, options_.has_multicast, options_.trace),
      discovery_(DiscoveryOptions(options_), random_),
      failure_(FailureOptions(options_), random_),
      membership_(MembershipOptionsOf(options_), random_),
      plane_(PlaneOptions(options_), random_, this),
      size_(std::min(options_.datagram_bytes_max, options_.interface_datagram_bytes)),
      replica_(ReplicaOptions(options_, security_.TableSeed())),
      lag_(LagOptions(options_)) {
  lifelines_.SetSelf({.id = self_.id, .address = self_.address, .name = self_.name}, turn_.streams);
}

void Engine::Core::Start(Instant now, int64_t unix_ms, Output& out) {
  if (started_) return;
  started_ = true;
  clock_.Set(now, unix_ms);
  incarnation_ = static_cast<uint64_t>(unix_ms);
  self_.incarnation = incarnation_;
  next_mesh_check_ = now + milliseconds(500);
  membership_.SetGroupClock(now, static_cast<uint64_t>(unix_ms));
  membership_.Start(now, self_, membership_out_);
  ApplyMembership(now);
  Finish(now, out);
}

// Spec 7.2. Among others the detector knows by its ticks that this process stood still; outside a
// view, and alone in one, it has none. What waited in the sockets is handled next.
void Engine::Core::NoteStop(Instant now) {
  if (left_ || !started_ || (member_ && members() > 1)) return;
  failure_.OnLate(now, now - NextDeadline());
}

void Engine::Core::OnDatagrams(Instant now, std::span<const Datagram> datagrams, Output& out) {
  NoteStop(now);
  gathers_ = true;
  for (const Datagram& datagram : datagrams) Receive(now, datagram);
  gathers_ = false;
  AfterPlane(now);
  AfterFailure(now);
  TellProgress(now);
  Finish(now, out);
}

void Engine::Core::OnStream(Instant now, const StreamEvent& event, Output& out) {
  NoteStop(now);
  Lifelines::Output lifelines;
  lifelines_.OnStream(now, event, turn_.streams, lifelines);
  HandleLifelines(now, lifelines);
  Finish(now, out);
}

void Engine::Core::OnHost(Instant now, const HostEvent& event, Output& out) {
  switch (event.kind) {
    case HostEvent::Kind::kUnreachable:
      if (const std::optional<Rank> rank = RankOf(event.peer))
        failure_.OnUnreachable(now, *rank, failure_out_);
      break;
    case HostEvent::Kind::kInterfaceDown:
    case HostEvent::Kind::kInterfaceUp:
      failure_.OnInterface(now, event.kind == HostEvent::Kind::kInterfaceUp);
      break;
    case HostEvent::Kind::kSocketDrops:
      queue_drops_ = static_cast<uint16_t>(queue_drops_ + event.count);
      failure_.OnSocketDrops(now, event.count);
      break;
    case HostEvent::Kind::kDatagramMax:
      size_.SetOwn(now, std::min<size_t>(event.count, options_.datagram_bytes_max));
      break;
  }
  AfterFailure(now);
  Finish(now, out);
}

void Engine::Core::SetSeeds(Instant now, std::span<const Address> seeds, Output& out) {
  discovery_.SetSeeds(now, seeds, discovery_out_);
  AfterDiscovery(now);
  Finish(now, out);
}

void Engine::Core::OnTimer(Instant now, Output& out) {
  if (left_ || !started_) {
    Finish(now, out);
    return;
  }
  NoteStop(now);
  if (discovery_.NextDeadline() <= now) {
    discovery_.OnTimer(now, discovery_out_);
    AfterDiscovery(now);
  }
  if (member_ && failure_.NextDeadline() <= now) {
    WatchLag(now);
    failure_.OnTimer(now, failure_out_);
    AfterFailure(now);
  }
  if (member_ && size_.NextDeadline() <= now) ProbeSize(now);
  if (plane_.NextDeadline() <= now) {
    plane_.OnTimer(now, plane_out_);
    AfterPlane(now);
  }
  if (membership_.NextDeadline() <= now) {
    AskMembership(
        now, [&](const membership::Turn& turn) { membership_.OnTimer(turn, membership_out_); });
  }
  if (replica_.NextDeadline(clock_) <= now) {
    Replica::Output replica_out;
    replica_.OnTimer(now, clock_.NowMs(now), ReplicaHlc(now), replica_out);
    AfterReplica(now, replica_out);
  }
  if (lifelines_.NextDeadline() <= now) {
    Lifelines::Output lifelines;
    lifelines_.OnTimer(now, turn_.streams, lifelines);
    HandleLifelines(now, lifelines);
  }
  if (next_mesh_check_ <= now) KeepMesh(now);
  if (verifications_.NextDeadline() <= now) verifications_.OnTimer(now, turn_.upcalls);
  TellProgress(now);
  Finish(now, out);
}

void Engine::Core::Finish(Instant now, Output& out) {
  const DataPlane::Health health{.local_health = static_cast<uint8_t>(failure_.local_health()),
                                 .member_state = static_cast<uint8_t>(leaving_   ? 2
                                                                      : joined() ? 0
                                                                                 : 1),
                                 .queue_drops = queue_drops_,
                                 .wants_pause = replica_.wants_pause()};
  NoteSizes(now);
  // A delivery may make the replica send (EXPIRE, MERGE, "synced"), so sending may need another
  // round.
  for (int round = 0; round < kTurnRounds && member_; ++round) {
    if (verifications_.size() > 0) AskForProofs();
    TellWhoIsWrong();
    AdvanceMarks(now);
    turn_at_ = now;
    plane_.EndOfTurn(now, health, HoldsMessages(), plane_out_);
    const bool quiet = plane_out_.messages.empty() && plane_out_.sent.empty();
    AfterPlane(now);
    if (quiet) break;
  }
  StepAsideIfWrong(now);
  if (std::exchange(acks_moved_, false)) {
    pending_.OnProgress(plane_.progress(replica_.synced_ranks(), with_data_),
                        {members(), members_with_data()}, turn_.upcalls);
  }
  if (!fences_.empty()) fences_.Advance(plane_.acks(), plane_.HandedUp(), turn_.upcalls);
  if (!opening_.empty()) ForgetOpened();
  Settle(now);
  TimeWrites(now);
  read_budget_.OnEndOfTurn();
  if (!reads_.empty()) AdvanceReads(now);
  TellBackPressure(now);
  // Weights change inside a view; with stale ones two sides would each wait for the other to join.
  if (member_) discovery_.SetSide(membership_.Side());
  failure_.SetHigh(plane_.high());
  failure_.SetProgress(membership_.view_change().progress());
  packetizer_.Flush(turn_.packets);
  if (packetizer_.TakeSentToGroup()) failure_.NoteSentToGroup(now);
  if (options_.trace != nullptr) TraceState();
  // The driver's Output may hold what an earlier input of the same batch left.
  if (out.IsEmpty()) {
    std::swap(out, turn_);
  } else {
    const uint32_t base = static_cast<uint32_t>(out.packets.arena.size());
    out.packets.arena.insert(out.packets.arena.end(), turn_.packets.arena.begin(),
                             turn_.packets.arena.end());
    for (Packets::One one : turn_.packets.packets) {
      one.offset += base;
      out.packets.packets.push_back(one);
    }
    out.packets.for_strangers |= turn_.packets.for_strangers;
    out.rejoin_multicast |= turn_.rejoin_multicast;
    std::move(turn_.streams.begin(), turn_.streams.end(), std::back_inserter(out.streams));
    std::move(turn_.upcalls.begin(), turn_.upcalls.end(), std::back_inserter(out.upcalls));
  }
  turn_.packets.Clear();
  turn_.streams.clear();
  turn_.upcalls.clear();
  turn_.rejoin_multicast = false;
}

Instant Engine::Core::NextDeadline() const {
  if (left_ || !started_) return Instant::Infinite();
  Instant next =
      std::min({discovery_.NextDeadline(), membership_.NextDeadline(), lifelines_.NextDeadline(),
                next_mesh_check_, verifications_.NextDeadline(), reads_.NextDeadline()});
  if (member_) {
    next = std::min({next, failure_.NextDeadline(), plane_.NextDeadline(), size_.NextDeadline()});
  }
  return std::min(next, replica_.NextDeadline(clock_));
}

// Maps whose opening has ended, well or badly.
void Engine::Core::ForgetOpened() {
  for (const Upcall& upcall : turn_.upcalls) {
    if (const auto* done = std::get_if<DoneUpcall>(&upcall)) opening_.erase(done->command);
  }
}

// Told when it is over, with how long it was.
void Engine::Core::TellBackPressure(Instant now) {
  const Rank by = member_ ? plane_.flow().starved_by() : kNoRank;
  const MemberId starver = by < view_infos_.size() ? view_infos_[by].id : MemberId{};
  if (starver == starver_.id) return;
  if (starver_.id != MemberId{}) {
    const int64_t waited = std::chrono::duration_cast<milliseconds>(now - starved_since_).count();
    Report(now, EventKind::kBackPressure,
           absl::StrCat("writes waited for ", starver_.name,
                        ", which takes no more until it has applied what came in meanwhile"),
           starver_.id, starver_.name, waited);
  }
  starver_ = by < view_infos_.size() ? view_infos_[by] : MemberInfo{};
  starved_since_ = now;
}

void Engine::Core::TraceState() {
  const membership::ViewChange<>& change = membership_.view_change();
  const uint64_t promise = uint64_t{change.promised().round} << 16 | change.promised().rank;
  if (promise != traced_promise_ && !change.promised().IsNone()) {
    Trace(options_.trace, TraceKind::kPromised, [&](TraceRecord& record) {
      record.view = view_.id;
      record.ballot_round = change.promised().round;
      record.ballot_rank = change.promised().rank;
    });
  }
  traced_promise_ = promise;
  TraceBuffer(0, "rmcast", plane_.rmcast().bytes_held(), size_t{2} * 64 << 20);
  TraceBuffer(1, "send queue", plane_.queued_bytes() - plane_.queued_exempt_bytes(),
              std::max<uint64_t>(options_.send_queue_bytes_max, frag::kMessageMax));
  TraceBuffer(2, "large messages to send",
              plane_.queued_large_bytes() - plane_.queued_large_exempt_bytes(),
              options_.large_queue_bytes_max);
  TraceBuffer(3, "marked states", marks_.bytes(),
              kMarkedMax * (map::kMarkedBytesMax + frag::kMessageMax));
  TraceBuffer(4, "parts of large messages", plane_.reassembler().large_bytes_held(),
              options_.large_under_way_max);
}

// Told when it has changed.
void Engine::Core::TraceBuffer(size_t index, const char* text, uint64_t number, uint64_t limit) {
  if (std::exchange(traced_buffers_[index], number) == number) return;
  Trace(options_.trace, TraceKind::kBuffers, [&](TraceRecord& record) {
    record.text = text;
    record.number = number;
    record.limit = limit;
  });
}

bool Engine::Core::IsConsistent() const {
  return plane_.IsConsistent() && replica_.IsConsistent() && failure_.IsConsistent() &&
         discovery_.IsConsistent() && membership_.IsConsistent() && security_.IsConsistent();
}

EngineStats Engine::Core::Stats() const {
  EngineStats stats;
  const security::Stats& sealed = security_.stats();
  for (size_t verdict = 0; verdict < sealed.received.size(); ++verdict) {
    stats[std::string("security.received_") +
          security::CounterName(static_cast<security::Verdict>(verdict))] =
        sealed.received[verdict];
  }
  stats["security.received_bytes"] = sealed.received_bytes;
  stats["security.sealed_packets"] = sealed.sealed_packets;
  stats["security.sealed_bytes"] = sealed.sealed_bytes;
  stats["security.ipsec_mb"] = security_.UsesIpsecMb() ? 1 : 0;
  stats["engine.frames_malformed"] = frames_malformed_;
  stats["engine.messages_malformed"] = messages_malformed_;
  stats["engine.datagram_bytes"] = size_.bytes();
  stats["engine.datagrams_large"] = packetizer_.stats().large;
  stats["engine.foreseen"] = foreseen_;
  stats["engine.pieces_sent"] = packetizer_.stats().pieces;
  stats["engine.size_falls"] = size_.falls();
  stats["engine.size_probes"] = size_.probes();
  stats["engine.pending_commands"] = pending_.size();
  stats["engine.queued_bytes"] = plane_.queued_bytes();
  stats["engine.queued_large_bytes"] = plane_.queued_large_bytes();
  const rmcast::ReliableMulticast::Stats& rmcast = plane_.rmcast().stats();
  stats["rmcast.sent"] = rmcast.sent;
  stats["rmcast.received"] = rmcast.received;
  stats["rmcast.duplicates"] = rmcast.duplicates;
  stats["rmcast.naks_sent"] = rmcast.naks_sent;
  stats["rmcast.naks_received"] = rmcast.naks_received;
  stats["rmcast.repairs_sent"] = rmcast.repairs_sent;
  stats["rmcast.repairs_received"] = rmcast.repairs_received;
  stats["rmcast.tail_probes"] = rmcast.tail_probes;
  stats["rmcast.dropped_outside_window"] = rmcast.dropped_outside_window;
  stats["rmcast.bytes_held"] = plane_.rmcast().bytes_held();
  stats["order.orders_sent"] = plane_.order().stats().orders_sent;
  stats["order.orders_malformed"] = plane_.order().stats().orders_malformed;
  stats["flow.lag_ms"] = static_cast<uint64_t>(lag_.worst() / milliseconds(1));
  stats["flow.window"] = plane_.flow().window();
  stats["flow.losses"] = plane_.flow().stats().losses;
  stats["flow.receiver_drops"] = plane_.flow().stats().receiver_drops;
  stats["frag.large_announced"] = plane_.reassembler().stats().announced;
  stats["frag.large_bytes_held"] = plane_.reassembler().large_bytes_held();
  stats["frag.malformed_chunks"] = plane_.reassembler().stats().malformed_chunks;
  stats["failure.heartbeats_sent"] = failure_.stats().heartbeats_sent;
  stats["failure.suspicions"] = failure_.stats().suspicions;
  stats["failure.convictions"] = failure_.stats().convictions;
  stats["failure.multicast_lost"] = failure_.stats().multicast_lost;
  stats["failure.local_health"] = failure_.local_health();
  stats["membership.in_view"] = member_ ? 1 : 0;  // 0: view() is the last one it was in.
  stats["membership.views"] = membership_.stats().views;
  stats["membership.exclusions"] = membership_.stats().exclusions;
  stats["membership.rejoin_wait_ms"] = static_cast<uint64_t>(
      std::chrono::duration_cast<milliseconds>(membership_.rejoin_wait()).count());
  stats["membership.joins_admitted"] = membership_.stats().joins_admitted;
  stats["membership.malformed"] = membership_.stats().malformed;
  stats["transfer.reads_turned_away"] = read_budget_.turned_away();
  stats["lifelines.opened"] = lifelines_.stats().opened;
  stats["lifelines.broken"] = lifelines_.stats().broken;
  if (const map::MapSet* maps = replica_.maps()) {
    stats["map.entries"] = maps->Entries();
    stats["map.applied"] = maps->stats().applied;
    stats["map.joined"] = maps->stats().joined;
    stats["map.malformed"] = maps->stats().malformed;
  }
  return stats;
}

}  // namespace cohort::engine
