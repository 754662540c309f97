#include "engine/lifelines.h"

#include <algorithm>
#include <utility>

#include "base/address_bytes.h"
#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace cohort::engine {

namespace {
constexpr Duration kCheckInterval = milliseconds(500);

void Append(std::vector<StreamAction>& actions, StreamAction::Kind kind, StreamId stream,
            const Address& to = {}, Buffer data = {}) {
  actions.push_back({.kind = kind, .stream = stream, .to = to, .data = std::move(data)});
}
}  // namespace

Buffer Lifelines::HelloMessage() const {
  std::array<std::byte, 256> memory;
  wire::ByteWriter writer(memory);
  const std::string address = EncodeAddress(self_.address);
  writer.WriteU64(self_.id.instance.hi);
  writer.WriteU64(self_.id.instance.lo);
  writer.WriteU32(self_.id.join_no);
  writer.WriteU8(static_cast<uint8_t>(address.size()));
  writer.WriteBytes(AsBytes(address));
  writer.WriteU8(static_cast<uint8_t>(self_.name.size()));
  writer.WriteBytes(AsBytes(self_.name));
  COHORT_CHECK(writer.ok());
  return wire::EncodeStreamMessage(wire::StreamMessage::kHello, writer.written());
}

void Lifelines::SetSelf(Peer self, std::vector<StreamAction>& actions) {
  const bool changed = self.id != self_.id;
  self_ = std::move(self);
  if (!changed) return;
  for (const auto& [id, stream] : streams_) {
    if (stream.open) Append(actions, StreamAction::Kind::kSend, id, {}, HelloMessage());
  }
}

Lifelines::Streams::iterator Lifelines::FindByAddress(const Address& address) {
  // An introduced stream first: one that still opens may never. Of several the latest: an earlier
  // one leads to a process that was at this address before, and whose end may not have shown yet.
  auto found = streams_.end();
  auto introduced = streams_.end();
  for (auto it = streams_.begin(); it != streams_.end(); ++it) {
    const Stream& stream = it->second;
    if (stream.address != address) continue;
    if (stream.dialled) found = it;
    if (!stream.introduced) continue;
    if (introduced == streams_.end() || introduced->second.introduction_no < stream.introduction_no)
      introduced = it;
  }
  return introduced != streams_.end() ? introduced : found;
}

void Lifelines::Dial(Instant now, const Address& to, std::vector<StreamAction>& actions) {
  if (to.IsNone() || to == self_.address || FindByAddress(to) != streams_.end()) return;
  if (streams_.size() >= kLifelinesMax) {
    ++stats_.refused_limit;
    return;
  }
  const StreamId id = next_id_;
  next_id_ += 2;
  Stream& stream = streams_[id];
  stream.address = to;
  stream.dialled = true;
  stream.since = stream.used = now;
  if (next_check_.is_infinite()) next_check_ = now + kCheckInterval;
  Append(actions, StreamAction::Kind::kOpen, id, to);
}

void Lifelines::SendTo(Instant now, const Address& to, wire::StreamMessage type, Bytes body,
                       std::vector<StreamAction>& actions) {
  Dial(now, to, actions);
  const auto it = FindByAddress(to);
  if (it == streams_.end()) return;
  Stream& stream = it->second;
  stream.used = now;
  Buffer message = wire::EncodeStreamMessage(type, body);
  if (stream.open) {
    Append(actions, StreamAction::Kind::kSend, it->first, {}, std::move(message));
  } else if (stream.queued_bytes + message.size() <= kLifelineQueuedBytesMax) {
    stream.queued_bytes += message.size();
    stream.queued.push_back(std::move(message));
  }
}

bool Lifelines::SendToInstance(Instant now, const InstanceId& to, wire::StreamMessage type,
                               Bytes body, std::vector<StreamAction>& actions) {
  for (auto& [id, stream] : streams_) {
    if (!stream.introduced || stream.peer.id.instance != to) continue;
    stream.used = now;
    Append(actions, StreamAction::Kind::kSend, id, {}, wire::EncodeStreamMessage(type, body));
    return true;
  }
  return false;
}

bool Lifelines::IsUp(const InstanceId& instance) const {
  return std::any_of(streams_.begin(), streams_.end(), [&](const auto& entry) {
    return entry.second.introduced && entry.second.peer.id.instance == instance;
  });
}

void Lifelines::Probe(const Address& to, std::vector<StreamAction>& actions) {
  const StreamId id = next_id_;
  next_id_ += 2;
  probes_[id] = to;
  Append(actions, StreamAction::Kind::kProbe, id, to);
}

void Lifelines::Retain(std::vector<InstanceId> instances) {
  retained_ = std::move(instances);
  std::sort(retained_.begin(), retained_.end());
}

bool Lifelines::IsRetained(const Stream& stream) const {
  return stream.introduced &&
         std::binary_search(retained_.begin(), retained_.end(), stream.peer.id.instance);
}

void Lifelines::CloseAll(std::vector<StreamAction>& actions) {
  for (auto& [id, stream] : streams_) {
    if (stream.open) {
      Append(actions, StreamAction::Kind::kSend, id, {},
             wire::EncodeStreamMessage(wire::StreamMessage::kBye, {}));
    }
    Append(actions, StreamAction::Kind::kClose, id);
  }
  streams_.clear();
  probes_.clear();
  next_check_ = Instant::Infinite();
}

void Lifelines::OnOpened(Instant now, StreamId id, Stream& stream,
                         std::vector<StreamAction>& actions) {
  stream.open = true;
  stream.since = stream.used = now;
  Append(actions, StreamAction::Kind::kSend, id, {}, HelloMessage());
  for (Buffer& message : stream.queued)
    Append(actions, StreamAction::Kind::kSend, id, {}, std::move(message));
  stream.queued.clear();
  stream.queued_bytes = 0;
}

void Lifelines::OnEnded(Streams::iterator it, bool reset, Output& out) {
  const Stream& stream = it->second;
  if (!stream.introduced) {
    if (stream.dialled)
      out.unreachable.push_back(
          {stream.address, "the connection ended before the peer said who it is"});
    streams_.erase(it);
    return;
  }
  const Down down{.peer = stream.peer, .said_bye = stream.said_bye, .reset = reset};
  streams_.erase(it);
  if (!IsUp(down.peer.id.instance)) out.down.push_back(down);
}

void Lifelines::OnHello(Streams::iterator it, Bytes body, Output& out) {
  wire::ByteReader reader(body);
  Peer peer;
  peer.id.instance.hi = reader.ReadU64();
  peer.id.instance.lo = reader.ReadU64();
  peer.id.join_no = reader.ReadU32();
  const std::optional<Address> address = DecodeAddress(AsText(reader.ReadBytes(reader.ReadU8())));
  peer.name = AsText(reader.ReadBytes(reader.ReadU8()));
  if (!reader.AtEnd() || !address.has_value() || peer.name.size() > wire::kMemberNameMax) {
    ++stats_.broken;
    return;
  }
  // Spec 10.21: somebody on the way sent our own connection back to us.
  if (peer.id.instance == self_.id.instance) return;
  peer.address = *address;
  // The scope of a link-local address is ours to know: it is that of the address we dialled.
  peer.address.scope = it->second.address.scope;
  Stream& stream = it->second;
  stream.peer = peer;
  // Keeps the dialled address, so that the next message to it finds this stream.
  if (!stream.dialled) stream.address = peer.address;
  stream.introduced = true;
  stream.introduction_no = ++introductions_;
  out.up.push_back(std::move(peer));
}

void Lifelines::OnBytes(Instant now, Streams::iterator it, Bytes bytes,
                        std::vector<StreamAction>& actions, Output& out) {
  Stream& stream = it->second;
  stream.used = now;
  std::vector<wire::StreamRecord> records;
  const bool sound = stream.framer.Feed(bytes, records) == wire::StreamFramer::Verdict::kOk;
  for (wire::StreamRecord& record : records) {
    if (record.type == wire::StreamMessage::kHello) {
      OnHello(it, record.body, out);
    } else if (record.type == wire::StreamMessage::kBye) {
      stream.said_bye = true;
    } else if (stream.introduced) {
      out.messages.push_back({stream.peer, record.type, std::move(record.body)});
    }
  }
  if (sound && (stream.introduced || records.empty())) return;
  ++stats_.broken;
  Append(actions, StreamAction::Kind::kClose, it->first);
  OnEnded(it, false, out);
}

void Lifelines::OnStream(Instant now, const StreamEvent& event, std::vector<StreamAction>& actions,
                         Output& out) {
  using Kind = StreamEvent::Kind;
  if (const auto probe = probes_.find(event.stream); probe != probes_.end()) {
    out.probes.push_back({probe->second, event.kind});
    probes_.erase(probe);
    return;
  }
  if (event.kind == Kind::kAccepted) {
    if (streams_.size() >= kLifelinesMax) {
      ++stats_.refused_limit;
      Append(actions, StreamAction::Kind::kClose, event.stream);
      return;
    }
    ++stats_.accepted;
    Stream& stream = streams_[event.stream];
    stream.address = event.from;
    if (next_check_.is_infinite()) next_check_ = now + kCheckInterval;
    OnOpened(now, event.stream, stream, actions);
    return;
  }
  const auto it = streams_.find(event.stream);
  if (it == streams_.end()) return;  // Closed by us already.
  switch (event.kind) {
    case Kind::kOpened:
      ++stats_.opened;
      OnOpened(now, it->first, it->second, actions);
      break;
    case Kind::kBytes:
      OnBytes(now, it, event.bytes, actions, out);
      break;
    case Kind::kClosed:
      OnEnded(it, event.reset, out);
      break;
    case Kind::kRefused:
    case Kind::kFailed:
      out.unreachable.push_back({it->second.address, event.text, event.kind == Kind::kRefused});
      streams_.erase(it);
      break;
    default:
      break;
  }
}

void Lifelines::OnTimer(Instant now, std::vector<StreamAction>& actions, Output& out) {
  if (now < next_check_) return;
  next_check_ = streams_.empty() ? Instant::Infinite() : now + kCheckInterval;
  for (auto it = streams_.begin(); it != streams_.end();) {
    const auto current = it++;
    const Stream& stream = current->second;
    const bool mute = !stream.introduced && now - stream.since > kLifelineHelloMax;
    const bool idle =
        stream.introduced && !IsRetained(stream) && now - stream.used > kLifelineIdleMax;
    if (!mute && !idle) continue;
    if (mute) ++stats_.broken;
    Append(actions, StreamAction::Kind::kClose, current->first);
    OnEnded(current, false, out);
  }
}

Instant Lifelines::NextDeadline() const { return next_check_; }

}  // namespace cohort::engine
