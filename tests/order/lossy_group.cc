#include "order/lossy_group.h"

#include <algorithm>
#include <utility>

namespace cohort::order {
namespace {

rmcast::ReliableMulticast::Options MulticastOptions(const LossyGroup::Options& options) {
  rmcast::ReliableMulticast::Options result;
  result.window_chunks_max = options.window_chunks_max;
  result.window_bytes_max = 1u << 20;
  return result;
}

CutOrder::Options OrderOptions(const LossyGroup::Options& options) {
  CutOrder::Options result;
  result.window_chunks_max = options.window_chunks_max;
  return result;
}

bool IsOrdered(const LossyGroup::Delivered& chunk) {
  return chunk.cls == DeliveryClass::kAgreed || chunk.cls == DeliveryClass::kSafe ||
         (chunk.flags & wire::DataFrame::kBarrier) != 0;
}

std::string Name(const LossyGroup::Delivered& chunk) {
  return std::to_string(chunk.sender) + ":" + std::to_string(chunk.seq);
}

}  // namespace

LossyGroup::Member::Member(size_t member_number, const Options& options, Random& random)
    : number(member_number),
      rmcast(MulticastOptions(options), random),
      order(OrderOptions(options)) {}

LossyGroup::LossyGroup(const Options& options, uint64_t seed) : options_(options), random_(seed) {
  views_.emplace_back();
  for (size_t i = 0; i < options.members; ++i) views_[0].push_back(i);
  for (size_t i = 0; i < options.members; ++i) {
    members_.push_back(std::make_unique<Member>(i, options, random_));
    Member& member = *members_[i];
    const auto rank = static_cast<Rank>(i);
    member.rmcast.OnView(now_, {1, 1}, rank, options.members, member.rmcast_out);
    member.order.OnView(now_, rank, options.members, member.order_out);
    member.reassembler.OnView(options.members);
  }
}

Rank LossyGroup::RankIn(size_t view, size_t number) const {
  const std::vector<size_t>& members = views_[view];
  const auto it = std::find(members.begin(), members.end(), number);
  return it == members.end() ? kNoRank : static_cast<Rank>(it - members.begin());
}

void LossyGroup::Fault(const Member& member, const std::string& what) {
  if (faults_.size() < 20) {
    faults_.push_back("member " + std::to_string(member.number) + " view " +
                      std::to_string(member.view) + " at " + std::to_string(now_.nanos()) + ": " +
                      what);
  }
}

// ---- Network ------------------------------------------------------------------------------------

void LossyGroup::Transmit(Member& from, const wire::OutFrame& frame) {
  const size_t view = frame.previous_view ? from.view - 1 : from.view;
  for (size_t rank = 0; rank < views_[view].size(); ++rank) {
    const size_t to = views_[view][rank];
    if (to == from.number || (frame.to != kAllRanks && frame.to != rank)) continue;
    TransmitOne(from.number, to, view, frame.frame);
  }
}

void LossyGroup::TransmitOne(size_t from, size_t to, size_t view, const wire::Frame& frame) {
  const int copies = random_.Chance(options_.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (random_.Chance(options_.loss)) continue;
    const Instant at = now_ + random_.Between(options_.delay_min, options_.delay_max);
    packets_.emplace(at, Packet{to, from, view, frame});
  }
}

void LossyGroup::Receive(Member& member, const Packet& packet) {
  const bool previous = packet.view + 1 == member.view;
  if (!member.alive || (packet.view != member.view && !previous)) return;
  const Rank from = RankIn(packet.view, packet.from);
  auto& out = member.rmcast_out;
  if (const auto* data = std::get_if<wire::DataFrame>(&packet.frame)) {
    member.rmcast.OnData(now_, from, previous, *data, out);
  } else if (const auto* nak = std::get_if<wire::NakFrame>(&packet.frame)) {
    member.rmcast.OnNak(now_, from, previous, *nak, out);
  } else if (const auto* status = std::get_if<wire::StatusFrame>(&packet.frame); !previous) {
    member.rmcast.OnStatus(now_, from, *status, out);
    if (!member.rmcast.wedged()) member.order.OnStatus(from, status->applied_cut);
  }
  Route(member);
}

// ---- One member ---------------------------------------------------------------------------------

void LossyGroup::Push(size_t number, frag::Message message) {
  Member& member = *members_[number];
  if (!member.packer.Push(std::move(message)).ok()) Fault(member, "the packer refused");
  member.turn_ends = std::min(member.turn_ends, now_);
}

void LossyGroup::Route(Member& member) {
  auto& multicast = member.rmcast_out;
  auto& ordered = member.order_out;
  while (!multicast.arrived.empty() || multicast.acks_moved || !ordered.deliveries.empty() ||
         !ordered.held.empty() || !ordered.missing.empty()) {
    if (member.rmcast.wedged() && !member.installing && !multicast.arrived.empty()) {
      Fault(member, "handed up while wedged");
    }
    std::vector<wire::Chunk> arrived;
    arrived.swap(multicast.arrived);
    for (wire::Chunk& chunk : arrived) member.order.OnChunk(now_, std::move(chunk), ordered);
    if (std::exchange(multicast.acks_moved, false)) {
      member.order.OnAcks(now_, member.rmcast.acks(), ordered);
    }
    for (const auto& held : ordered.held) {
      member.rmcast.OnHeld(held.holder, held.origin, held.upto, multicast);
    }
    ordered.held.clear();
    for (const auto& missing : ordered.missing) {
      member.rmcast.OnMissing(now_, missing.origin, missing.upto);
    }
    ordered.missing.clear();
    for (const auto& delivery : ordered.deliveries) Deliver(member, delivery);
    ordered.deliveries.clear();
  }
  for (const wire::OutFrame& frame : multicast.frames) {
    const auto* data = std::get_if<wire::DataFrame>(&frame.frame);
    if (member.rmcast.wedged() && data != nullptr &&
        (data->flags & wire::DataFrame::kRepair) == 0) {
      Fault(member, "sent a new chunk while wedged");
    }
    Transmit(member, frame);
  }
  multicast.frames.clear();
  member.status_due |= multicast.ack_due | ordered.ack_due;
  multicast.ack_due = ordered.ack_due = false;
  // A turn takes in a few packets at times.
  if (member.turn_ends.is_infinite()) {
    member.turn_ends = random_.Chance(0.7) ? now_ : now_ + microseconds(30);
  }
  CheckMember(member);
}

void LossyGroup::Deliver(Member& member, const CutOrder::Delivery& delivery) {
  const wire::Chunk& chunk = delivery.chunk;
  const size_t sender = views_[member.view][chunk.origin];
  const auto sent = sent_.find({member.view, sender, chunk.seq});
  if (sent == sent_.end() || sent->second != chunk.payload.text()) {
    Fault(member, "delivered what nobody sent");
  }
  member.delivered[member.view].push_back(
      {sender, chunk.seq, chunk.cls, chunk.flags, delivery.transitional});
  std::vector<Buffer> messages;
  member.reassembler.OnChunk(chunk.origin, chunk.cls, chunk.flags, chunk.payload, messages);
  for (const Buffer& message : messages) member.messages.emplace_back(message.text());
}

void LossyGroup::SendChunk(Member& member, DeliveryClass cls, uint8_t flags, Buffer payload) {
  const SeqNo seq = member.rmcast.high() + 1;
  sent_[{member.view, member.number, seq}] = std::string(payload.text());
  member.rmcast.Send(now_, cls, flags, std::move(payload), member.rmcast_out);
}

void LossyGroup::EndOfTurn(Member& member) {
  member.turn_ends = Instant::Infinite();
  if (!member.alive || member.rmcast.wedged()) return;
  frag::Packed packed;
  while (!member.packer.empty() && member.rmcast.CanSend(member.packer.NextClass())) {
    member.packer.Next(packed);
    SendChunk(member, packed.cls, packed.flags, packed.payload);
  }
  Route(member);
  if (member.rmcast.CanSend(DeliveryClass::kCtrl)) {
    member.order.EndOfTurn(now_, member.order_out);
    for (Buffer& record : member.order_out.order_records) {
      SendChunk(member, DeliveryClass::kCtrl, 0, std::move(record));
    }
    member.order_out.order_records.clear();
    Route(member);
  }
  const size_t members = views_[member.view].size();
  for (size_t i = 0; i < members; ++i) {
    const auto rank = static_cast<Rank>(i);
    member.rmcast.SetDelivered(rank, member.order.delivered(rank));
  }
  if (std::exchange(member.status_due, false) && members > 1) {
    wire::StatusFrame status;
    status.status_no = ++member.status_no;
    status.applied_cut = member.order.applied_cut();
    member.rmcast.FillStatus(now_, status);
    Transmit(member, {kAllRanks, false, status});
  }
  const Rank self = RankIn(member.view, member.number);
  acknowledged_[{member.view, member.number}] = member.rmcast.acks().ByAll(self);
  member.turn_ends = Instant::Infinite();
}

// ---- Time ---------------------------------------------------------------------------------------

void LossyGroup::RunUntil(Instant end) {
  while (true) {
    Instant next = packets_.empty() ? Instant::Infinite() : packets_.begin()->first;
    Member* due = nullptr;
    for (const auto& member : members_) {
      if (!member->alive) continue;
      const Instant wanted = std::min(member->rmcast.NextDeadline(), member->turn_ends);
      if (wanted < next) {
        next = wanted;
        due = member.get();
      }
    }
    if (next > end) break;
    now_ = std::max(now_, next);
    if (due == nullptr) {
      const Packet packet = packets_.begin()->second;
      packets_.erase(packets_.begin());
      Receive(*members_[packet.to], packet);
    } else if (due->turn_ends <= now_) {
      EndOfTurn(*due);
    } else {
      due->rmcast.OnTimer(now_, due->rmcast_out);
      Route(*due);
    }
  }
  now_ = std::max(now_, end);
}

bool LossyGroup::IsQuiet() const {
  for (const size_t number : views_.back()) {
    const Member& member = *members_[number];
    if (!member.packer.empty() || member.rmcast.in_flight() > 0) return false;
    if (member.order.pending_chunks() > 0 ||
        member.order.applied_cut() != member.order.last_cut()) {
      return false;
    }
    for (size_t rank = 0; rank < views_.back().size(); ++rank) {
      const SeqNo high = members_[views_.back()[rank]]->rmcast.high();
      if (member.rmcast.Received()[rank] != high) return false;
    }
  }
  return true;
}

bool LossyGroup::RunUntilQuiet(Duration limit) {
  const Instant end = now_ + limit;
  while (now_ < end) {
    RunUntil(now_ + milliseconds(1));
    if (IsQuiet()) return true;
  }
  return false;
}

// ---- View change --------------------------------------------------------------------------------

void LossyGroup::Crash(size_t number) {
  members_[number]->alive = false;
  // Some of what it sent last never left.
  for (auto it = packets_.begin(); it != packets_.end();) {
    it = it->second.from == number && random_.Chance(0.5) ? packets_.erase(it) : std::next(it);
  }
}

bool LossyGroup::ChangeView(const std::vector<size_t>& survivors) {
  const size_t old_view = views_.size() - 1;
  const size_t old_size = views_[old_view].size();
  std::map<size_t, std::vector<SeqNo>> states;
  std::vector<size_t> shuffled = survivors;
  for (size_t i = shuffled.size(); i > 1; --i)
    std::swap(shuffled[i - 1], shuffled[random_.Below(i)]);
  for (const size_t number : shuffled) {
    for (size_t rank = 0; rank < old_size; ++rank) {
      if (members_[views_[old_view][rank]]->alive) continue;
      members_[number]->rmcast.SetSuspected(static_cast<Rank>(rank), true);
    }
    RunUntil(now_ + random_.Between(Duration(0), microseconds(800)));
    members_[number]->rmcast.Wedge();
    states[number] = members_[number]->rmcast.Received();
  }
  std::vector<SeqNo> trim(old_size, 0);
  for (const auto& [number, state] : states) {
    for (size_t i = 0; i < old_size; ++i) trim[i] = std::max(trim[i], state[i]);
  }
  std::vector<std::vector<Rank>> holders(old_size);
  for (const auto& [number, state] : states) {
    for (size_t i = 0; i < old_size; ++i) {
      if (state[i] == trim[i]) holders[i].push_back(RankIn(old_view, number));
    }
  }
  trims_[old_view] = trim;
  // The last of them stays behind while the others go on: it is repaired from their previous view.
  const size_t late = random_.Chance(0.5) ? shuffled.back() : members_.size();
  for (const size_t number : shuffled) {
    if (number == late) continue;
    RunUntil(now_ + random_.Between(Duration(0), microseconds(800)));
    members_[number]->rmcast.FetchTo(now_, trim, holders, members_[number]->rmcast_out);
    Route(*members_[number]);
  }
  views_.push_back(survivors);
  for (const size_t number : shuffled) {
    Member& member = *members_[number];
    if (number == late) {
      member.rmcast.FetchTo(now_, trim, holders, member.rmcast_out);
      Route(member);
    }
    const Instant limit = now_ + seconds(2);
    while (!member.rmcast.CompleteTo(trim) && now_ < limit) RunUntil(now_ + microseconds(200));
    if (!member.rmcast.CompleteTo(trim)) return false;
    if (number != late) continue;
  }
  for (const size_t number : shuffled) {
    if (members_[number]->view == old_view) Install(*members_[number], trim);
    RunUntil(now_ + random_.Between(Duration(0), microseconds(300)));
  }
  CheckClosedView(old_view);
  return true;
}

void LossyGroup::Install(Member& member, const std::vector<SeqNo>& trim) {
  member.installing = true;
  member.rmcast.ReleaseTo(trim, member.rmcast_out);
  Route(member);
  member.order.CloseView(now_, trim, member.order_out);
  Route(member);
  member.installing = false;
  ++member.view;
  const Rank rank = RankIn(member.view, member.number);
  const size_t size = views_[member.view].size();
  member.rmcast.OnView(now_, {member.view, 1}, rank, size, member.rmcast_out);
  member.order.OnView(now_, rank, size, member.order_out);
  member.packer.OnView();
  member.reassembler.OnView(size);
  member.status_no = 0;
  member.turn_ends = now_;
}

// ---- Checks -------------------------------------------------------------------------------------

void LossyGroup::CheckMember(Member& member) {
  if (!member.rmcast.IsConsistent()) Fault(member, "rmcast is inconsistent");
  if (!member.order.IsConsistent()) Fault(member, "order is inconsistent");
  if (!member.packer.IsConsistent() || !member.reassembler.IsConsistent()) {
    Fault(member, "frag is inconsistent");
  }
  if (member.rmcast.bytes_held() > 2 * options_.members * (1u << 20)) {
    Fault(member, "more bytes than allowed");
  }
}

// What all who closed the view together must agree on.
void LossyGroup::CheckClosedView(size_t view) {
  const std::vector<size_t>& survivors = views_[view + 1];
  const auto ordered_of = [&](size_t number, bool safe_only) {
    std::vector<Delivered> chunks;
    for (const Delivered& chunk : members_[number]->delivered[view]) {
      if (!IsOrdered(chunk)) continue;
      if (safe_only && (chunk.cls != DeliveryClass::kSafe || chunk.transitional)) continue;
      chunks.push_back(chunk);
    }
    return chunks;
  };
  const std::vector<Delivered> model = ordered_of(survivors[0], false);
  const auto set_of = [&](size_t number) {
    std::set<std::pair<size_t, SeqNo>> chunks;
    for (const Delivered& chunk : members_[number]->delivered[view]) {
      if (!chunks.insert({chunk.sender, chunk.seq}).second) {
        Fault(*members_[number], "delivered twice: " + Name(chunk));
      }
    }
    return chunks;
  };
  const auto all = set_of(survivors[0]);
  for (const size_t number : survivors) {
    if (ordered_of(number, false) != model) Fault(*members_[number], "another total order");
    if (set_of(number) != all) Fault(*members_[number], "another set of chunks");
  }
  // What anybody, the dead included, delivered as SAFE or had acknowledged by all, the survivors
  // have.
  for (const size_t number : views_[view]) {
    size_t at = 0;
    for (const Delivered& chunk : ordered_of(number, true)) {
      while (at < model.size() && !(model[at] == chunk)) ++at;
      if (at == model.size()) {
        Fault(*members_[number], "SAFE is not uniform: " + Name(chunk));
        break;
      }
    }
    const Rank rank = RankIn(view, number);
    if (acknowledged_[{view, number}] > trims_[view][rank]) {
      Fault(*members_[number], "acknowledged by all, then lost");
    }
  }
  for (const size_t number : survivors) {
    std::map<std::pair<size_t, int>, SeqNo> last;
    for (const Delivered& chunk : members_[number]->delivered[view]) {
      const bool barrier = (chunk.flags & wire::DataFrame::kBarrier) != 0;
      SeqNo& seq = last[{chunk.sender, barrier ? 3 : static_cast<int>(chunk.cls)}];
      if (chunk.seq <= seq) Fault(*members_[number], "not FIFO: " + Name(chunk));
      seq = chunk.seq;
    }
  }
}

}  // namespace cohort::order
