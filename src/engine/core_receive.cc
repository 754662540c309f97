// What comes in: packets, lifeline messages, and what discovery and failure make of them.
#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/core.h"

namespace cohort::engine {
namespace {

constexpr Duration kTooSlowLag = milliseconds(25);  // Spec 5.19: beyond the round trips.

}  // namespace

void Engine::Core::Receive(Instant now, const Datagram& datagram) {
  security::OpenResult opened = security_.Open(now, datagram.from, datagram.bytes);
  if (!opened.ok()) {
    if (auto drop = drops_.OnDrop(now, opened.verdict, datagram.from)) {
      Report(now, EventKind::kDropped, std::move(drop->text), {}, {}, drop->number);
    }
    return;
  }
  Trace(options_.trace, TraceKind::kOpened, [&](TraceRecord& record) {
    const wire::PacketHeader header = wire::ParsePacketHeader(datagram.bytes).header;
    record.subkey = TraceSubkey(opened.origin.member.instance, opened.origin.member.join_no,
                                static_cast<uint64_t>(header.type), header.key_slot);
    record.packet = header.packet_number;
  });
  if (!wire::ParseFrames(opened.plaintext, frames_).ok()) {
    ++frames_malformed_;
    return;
  }
  switch (opened.origin.view) {
    case security::ViewSlot::kNone:
      ReceiveFromStranger(now, datagram, opened.origin);
      break;
    case security::ViewSlot::kCurrent:
      ReceiveInView(now, opened.origin, datagram.multicast, false);
      break;
    case security::ViewSlot::kPrevious:
      ReceiveInView(now, opened.origin, datagram.multicast, true);
      break;
    case security::ViewSlot::kAccepted: {
      // Its sender has installed that view: it is decided (Spec 4.39).
      AfterPlane(now);
      std::vector<wire::Frame> frames = std::move(frames_);
      AskMembership(now, [&](const membership::Turn& turn) {
        membership_.OnAcceptedViewTraffic(turn, opened.origin.member, membership_out_);
      });
      frames_ = std::move(frames);
      if (member_ && view_.id == opened.origin.view_id)
        ReceiveInView(now, opened.origin, datagram.multicast, false);
      break;
    }
  }
}

void Engine::Core::ReceiveFromStranger(Instant now, const Datagram& datagram,
                                       const security::Origin& origin) {
  AfterPlane(now);
  for (const wire::Frame& frame : frames_) {
    const auto* control = std::get_if<wire::ControlFrame>(&frame);
    if (control == nullptr || control->kind != wire::ControlKind::kDiscovery) continue;
    discovery_.OnMessage(now, datagram.from, origin.member.instance, control->body, discovery_out_);
  }
  AfterDiscovery(now);
}

void Engine::Core::ReceiveInView(Instant now, const security::Origin& origin, bool by_multicast,
                                 bool previous) {
  const Rank from = origin.rank;
  const ViewId view = origin.view_id;
  if (!previous && member_) {
    failure_.OnHeard(now, from, by_multicast);
    membership_.OnHeardInView(now, from);
    pending_.OnHeardInView(from, {members(), members_with_data()}, turn_.upcalls);
  }
  // Handling a frame may install a view; the frames after it then belong to the one before.
  std::vector<wire::Frame> frames = std::move(frames_);
  for (wire::Frame& frame : frames) {
    const bool is_previous = previous || view_.id != view;
    if (is_previous && (!previous_context_.has_value() || previous_context_->id != view)) break;
    if (auto* control = std::get_if<wire::ControlFrame>(&frame)) {
      if (control->kind != wire::ControlKind::kViewChange) continue;
      AfterPlane(now);
      AskMembership(now, [&](const membership::Turn& turn) {
        membership_.OnViewChangeMessage(turn, origin.member, control->body, membership_out_);
      });
      continue;
    }
    std::visit(
        [&](auto& body) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(body)>, wire::ControlFrame>) {
            Handle(now, from, is_previous, body);
          }
        },
        frame);
  }
  frames.clear();
  frames_ = std::move(frames);  // Keeps the memory.
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::DataFrame& frame) {
  plane_.OnData(now, from, previous, frame, plane_out_);
  if (!MayGather()) AfterPlane(now);
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::NakFrame& frame) {
  plane_.OnNak(now, from, previous, frame, plane_out_);
  AfterPlane(now);
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::StatusFrame& frame) {
  if (previous || !member_) return;
  failure_.OnLocalHealth(from, frame.local_health);
  plane_.OnStatus(now, from, frame, plane_out_);
  AfterPlane(now);
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::HeartbeatFrame& frame) {
  if (previous || !member_) return;
  failure_.OnHeartbeat(now, from, frame, failure_out_);
  plane_.OnHeartbeat(now, from, frame.high, plane_out_);
  AfterPlane(now);
  AskMembership(now, [&](const membership::Turn& turn) {
    membership_.OnPeerProgress(turn, from, frame.progress);
  });
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::PingFrame& frame) {
  if (!previous && member_) failure_.OnPing(now, from, frame, failure_out_);
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::PongFrame& frame) {
  if (!previous && member_) failure_.OnPong(now, from, frame, failure_out_);
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::PingRequestFrame& frame) {
  if (!previous && member_) failure_.OnPingRequest(now, from, frame, failure_out_);
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::SuspectFrame& frame) {
  if (!previous && member_) failure_.OnSuspect(now, from, frame, failure_out_);
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::SizeOfferFrame& frame) {
  if (!previous && member_) size_.OnOffer(now, from, frame);
}

void Engine::Core::Handle(Instant, Rank from, bool previous, wire::SizeProbeFrame& frame) {
  if (previous || !member_) return;
  const wire::SizeAnswerFrame answer{.nonce = frame.nonce, .bytes = frame.bytes};
  packetizer_.Add({.to = from, .frame = answer}, turn_.packets);
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::SizeAnswerFrame& frame) {
  if (!previous && member_) size_.OnAnswer(now, from, frame);
}

void Engine::Core::Handle(Instant now, Rank from, bool previous, wire::PieceFrame& frame) {
  if (previous) return;
  const auto is_wanted = [this](Rank origin, SeqNo seq) { return plane_.Wants(origin, seq); };
  if (is_wanted(frame.origin, frame.seq)) {
    if (std::optional<wire::DataFrame> data = pieces_.Add(frame, is_wanted))
      Handle(now, from, previous, *data);
  } else if (frame.index == 0) {
    // It is dropped as the whole chunk would be, and perhaps answered (Spec 5.8).
    wire::DataFrame data{
        .seq = frame.seq, .origin = frame.origin, .cls = frame.cls, .flags = frame.flags};
    Handle(now, from, previous, data);
  }
}

// Spec 5.24
void Engine::Core::OfferSize() {
  if (const std::optional<wire::SizeOfferFrame> offer = size_.Offer())
    packetizer_.Add({.frame = *offer}, turn_.packets);
}

// Spec 5.25, 5.27
void Engine::Core::ProbeSize(Instant now) {
  std::vector<wire::OutFrame> frames;
  const std::optional<DatagramSize::Fall> fall =
      size_.OnTimer(now, [this](Rank rank) { return failure_.IsLive(rank); }, frames);
  AddFrames(frames);
  if (!fall) return;
  const MemberInfo& member = view_infos_[fall->member];
  std::string text = absl::StrCat(
      "datagrams of ", fall->bytes,
      " bytes do not reach it any more, although it is heard; small ones are sent. Look for an MTU "
      "that was lowered on the way");
  if (fall->held > Duration::zero()) {
    absl::StrAppend(&text, ". It is the ", fall->times, ". time lately: they stay small for ",
                    fall->held / seconds(1), " s");
  }
  Report(now, EventKind::kSmallDatagrams, std::move(text), member.id, member.name,
         static_cast<int64_t>(fall->bytes));
}

// What this turn sends is cut for the size that holds now; what the last one sent is a reason to
// probe.
void Engine::Core::NoteSizes(Instant now) {
  const Packetizer::Stats& sent = packetizer_.stats();
  if (std::exchange(noted_.large, sent.large) != sent.large) size_.OnSent();
  if (std::exchange(noted_.pieces, sent.pieces) != sent.pieces) size_.OnAskedAgain(now);
  const size_t frames = size_.bytes() - wire::kPacketHeaderBytes - wire::kTagBytes;
  packetizer_.SetGroupFramesMax(frames);
  plane_.SetChunkMax(frames - wire::kDataHeaderBytes);
}

void Engine::Core::AddFrames(std::vector<wire::OutFrame>& frames) {
  for (wire::OutFrame& frame : frames) packetizer_.Add(frame, turn_.packets);
  frames.clear();
}

void Engine::Core::AfterDiscovery(Instant now) {
  discovery::Output discovered = std::exchange(discovery_out_, {});
  for (discovery::Packet& packet : discovered.packets) {
    const Address to = packet.multicast ? Address{} : packet.to;
    packetizer_.AddStranger(
        to,
        wire::ControlFrame{.kind = wire::ControlKind::kDiscovery, .body = std::move(packet.body)},
        turn_.packets);
  }
  for (Event& event : discovered.events) AddUpcall(EventUpcall{std::move(event)});
  if (left_) return;
  if (discovered.speaker.has_value()) {
    const discovery::Self& speaker = *discovered.speaker;
    membership_.OnSeen(
        {.id = speaker.id, .address = speaker.address, .incarnation = speaker.incarnation},
        membership_out_);
    if (!membership_out_.replaced.empty()) ApplyMembership(now);
  }
  for (const GroupSighting& sighting : discovered.elsewhere) {
    if (membership_.OnElsewhere(now, sighting, membership_out_)) failure_.OnElsewhere(now);
    ApplyMembership(now);
  }
  for (const discovery::Self& searcher : discovered.in_no_view) {
    membership_.OnInNoView(searcher.id, searcher.address, membership_out_);
    ApplyMembership(now);
  }
  for (const GroupSighting& sighting : discovered.sightings) {
    membership_.OnSighting(now, sighting, failure_.WasStopped(now), membership_out_);
    ApplyMembership(now);
  }
  if (discovered.form_group) {
    membership_.OnFormGroup(now, membership_out_);
    ApplyMembership(now);
  }
}

void Engine::Core::AfterFailure(Instant now) {
  failure::Output judged = std::exchange(failure_out_, {});
  const bool heartbeat =
      std::any_of(judged.frames.begin(), judged.frames.end(), [](const wire::OutFrame& frame) {
        return std::holds_alternative<wire::HeartbeatFrame>(frame.frame);
      });
  if (heartbeat) {
    plane_.WantStatus();
    OfferSize();
  }
  AddFrames(judged.frames);
  if (!member_) return;
  for (const Rank rank : judged.probes) {
    if (rank < members()) lifelines_.Probe(view_infos_[rank].address, turn_.streams);
  }
  for (const Rank rank : judged.where) {
    if (rank < members()) discovery_.AskWhere(view_infos_[rank].address, discovery_out_);
  }
  if (!judged.where.empty()) AfterDiscovery(now);
  for (const failure::RoundTrip& trip : judged.round_trips) {
    plane_.SetRoundTrip(trip.peer, trip.srtt);
    membership_.SetRoundTrip(trip.srtt);
  }
  for (failure::Suspicion& suspicion : judged.suspected) {
    plane_.SetSuspected(suspicion.subject, true);
    if (suspicion.subject == 0) discovery_.SetCoordinatorSilent(true);
    const MemberInfo& member = view_infos_[suspicion.subject];
    Report(now, EventKind::kSuspected, std::move(suspicion.evidence), member.id, member.name,
           std::chrono::duration_cast<milliseconds>(suspicion.silence).count());
  }
  for (const Rank rank : judged.unsuspected) {
    plane_.SetSuspected(rank, false);
    if (rank == 0) discovery_.SetCoordinatorSilent(false);
    Report(now, EventKind::kUnsuspected, "it answered", view_infos_[rank].id,
           view_infos_[rank].name);
  }
  for (const failure::MulticastChange& change : judged.multicast_changes) {
    ReportMulticast(now, change);
  }
  turn_.rejoin_multicast |= judged.rejoin_multicast;
  if (judged.copies_changed) packetizer_.SetCopies(failure_.copies());
  // Spec 5.19: where votes count nobody steps aside, whatever one member says.
  if (judged.found_slow_by.has_value() && options_.policy != Policy::kPrimary) {
    membership_.OnFoundSlow(now, view_infos_[*judged.found_slow_by].name, membership_out_);
    ApplyMembership(now);
    if (!member_) return;
  }
  if (judged.self_doubt.has_value())
    Report(now, EventKind::kSelfDoubt, std::move(*judged.self_doubt), self_.id, self_.name);
  const ViewId view = view_.id;
  for (failure::Conviction& conviction : judged.convicted) {
    // A conviction may end the view at once; the ranks of those that follow are of the view before.
    if (view_.id != view) break;
    const MemberInfo& member = view_infos_[conviction.subject];
    Report(now, EventKind::kSuspected, "convicted: " + conviction.evidence, member.id, member.name);
    AskMembership(now, [&](const membership::Turn& turn) {
      membership_.OnConviction(turn, conviction.subject, conviction.cause, conviction.evidence,
                               membership_out_);
    });
  }
}

void Engine::Core::ReportMulticast(Instant now, const failure::MulticastChange& change) {
  const MemberInfo& member = view_infos_[change.peer];
  const int64_t silent_ms = change.silence / milliseconds(1);
  std::string text =
      change.lost
          ? absl::StrCat("nothing that it multicasts has arrived for ", silent_ms,
                         " ms, although it is heard by unicast; it is asked for unicast copies. "
                         "Look for a filter, or for a switch that snoops without an IGMP or MLD "
                         "querier")
          : "what it multicasts arrives again";
  if (change.held > Duration::zero()) {
    absl::StrAppend(&text, ". It is the ", change.times,
                    ". time lately: taken for lost for at least ", change.held / seconds(1),
                    " s, though a little may get through");
  }
  Report(now, change.lost ? EventKind::kMulticastLost : EventKind::kMulticastBack, std::move(text),
         member.id, member.name, silent_ms);
}

// Spec 5.19.
void Engine::Core::WatchLag(Instant now) {
  if (now < lag_.NextDeadline() || plane_.wedged()) return;
  std::vector<flow::LagTable::Change> changes;
  lag_.Sample(now, plane_.acks(), plane_.SomebodyWaits(), changes);
  for (const flow::LagTable::Change& change : changes) {
    const MemberInfo& member = view_infos_[change.member];
    const int64_t lag_ms = change.lag / milliseconds(1);
    std::string text = change.degraded
                           ? absl::StrCat("has been behind the others for 2 s, now by ", lag_ms,
                                          " ms; writes that all members acknowledge wait for it")
                           : absl::StrCat("has caught up; it was behind by up to ", lag_ms, " ms");
    Report(now, change.degraded ? EventKind::kDegraded : EventKind::kCaughtUp, std::move(text),
           member.id, member.name, lag_ms);
  }
  // One observer must not judge alone, and the vote of who steps aside may be needed.
  if (members() < 3 || options_.policy == Policy::kPrimary) return;
  if (options_.slow_after == Duration::max()) return;  // It is told, and that is all.
  for (Rank rank = 0; rank < members(); ++rank) {
    if (rank == rank_) continue;
    // What is on its way is no lag: acknowledgements are a round trip old, or some of them.
    const Duration lag = lag_.lag(rank) - 4 * failure_.peer_status(rank).srtt;
    const bool too_slow = lag_.IsTooSlow(rank) && lag >= kTooSlowLag;
    failure_.SetSlow(
        rank, !too_slow ? std::string()
                        : absl::StrCat("too slow: behind the others by ", lag / milliseconds(1),
                                       " ms, while others could not send for it"));
  }
}

// Spec 9.13
void Engine::Core::TimeWrites(Instant now) {
  if (!member_ || members() < 2 || plane_.wedged()) return;
  write_timer_.Advance(now, plane_.acks(), rank_, replica_.is_donor());
  if (const std::optional<Duration> delay = write_timer_.TakeDelay())
    replica_.OnWriteDelay(now, *delay);
  if (write_timer_.TakeBegun()) replica_.OnWrite(now);
}

void Engine::Core::HandleLifelines(Instant now, Lifelines::Output& lifelines) {
  if (left_) return;
  for (const Lifelines::Peer& peer : lifelines.up) {
    if (const auto rank = RankOf(peer.id.instance); rank.has_value() && member_)
      failure_.OnLifelineOpened(now, *rank);
  }
  for (Lifelines::Message& message : lifelines.messages) HandleLifelineMessage(now, message);
  for (const Lifelines::Down& down : lifelines.down) {
    const std::optional<Rank> rank = RankOf(down.peer.id.instance);
    if (rank.has_value() && member_ && !down.said_bye)
      failure_.OnLifelineClosed(now, *rank, failure_out_);
    Replica::Output replica_out;
    replica_.OnLifelineDown(now, rank.has_value() ? view_infos_[*rank].id : down.peer.id,
                            replica_out);
    AfterReplica(now, replica_out);
    if (rank.has_value()) OnHolderGone(now, view_infos_[*rank].id);
    membership_.OnLifelineDown(now, down.peer.address, membership_out_);
    ApplyMembership(now);
  }
  for (const Lifelines::Unreachable& unreachable : lifelines.unreachable) {
    if (const auto rank = RankOf(unreachable.address); rank.has_value() && member_) {
      failure_.OnUnreachable(now, *rank, failure_out_);
      OnHolderGone(now, view_infos_[*rank].id);
    }
    membership_.OnLifelineDown(now, unreachable.address, membership_out_);
    ApplyMembership(now);
  }
  for (const Lifelines::ProbeAnswer& probe : lifelines.probes) {
    const std::optional<Rank> rank = RankOf(probe.address);
    if (!rank.has_value() || !member_) continue;
    const auto result =
        probe.verdict == StreamEvent::Kind::kRefused    ? failure::ProbeResult::kRefused
        : probe.verdict == StreamEvent::Kind::kAnswered ? failure::ProbeResult::kAnswered
                                                        : failure::ProbeResult::kFailed;
    failure_.OnProbeResult(now, *rank, result, failure_out_);
  }
  AfterFailure(now);
}

void Engine::Core::HandleLifelineMessage(Instant now, Lifelines::Message& message) {
  switch (message.type) {
    case wire::StreamMessage::kJoin:
    case wire::StreamMessage::kWelcome:
    case wire::StreamMessage::kRefused:
    case wire::StreamMessage::kMerge:
      AskMembership(now, [&](const membership::Turn& turn) {
        membership_.OnLifelineMessage(
            turn, {.instance = message.from.id.instance, .address = message.from.address},
            message.type, message.body, membership_out_);
      });
      break;
    case wire::StreamMessage::kControl:
      AskMembership(now, [&](const membership::Turn& turn) {
        const std::optional<Rank> rank = RankOf(message.from.id.instance);
        const MemberId from = rank.has_value() ? view_infos_[*rank].id : message.from.id;
        membership_.OnViewChangeMessage(turn, from, message.body, membership_out_);
      });
      break;
    case wire::StreamMessage::kTransfer: {
      if (HandleRead(now, message.from.id, message.body)) break;
      Replica::Output replica_out;
      replica_.OnTransferMessage(now, message.from.id, message.body, plane_.HandedUp(),
                                 replica_out);
      AfterReplica(now, replica_out);
      break;
    }
    case wire::StreamMessage::kHello:
    case wire::StreamMessage::kBye:
      break;  // The lifelines' own.
  }
}

}  // namespace cohort::engine
