#include "runtime/stream_set.h"

#include <utility>

namespace cohort::runtime {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;

}  // namespace

StreamSet::StreamSet(asio::io_context& io, const Address& local, const TlsContext* tls,
                     std::string identity, Sink sink)
    : io_(io),
      local_(local),
      tls_(tls),
      identity_(std::move(identity)),
      sink_(std::move(sink)),
      read_buffer_(kReadBytes) {}

void StreamSet::Adopt(const std::shared_ptr<Stream>& stream) {
  if (streams_.size() >= kStreamsMax) {
    ++stats_.turned_away;
    stream->Abort();
    return;
  }
  const engine::StreamId id = next_accepted_;
  next_accepted_ += 2;
  stream->MoveTo(*this, id, stats_.counters);
  streams_.emplace(id, stream);
  stats_.open = streams_.size();
  engine::StreamEvent event;
  event.kind = engine::StreamEvent::Kind::kAccepted;
  event.stream = id;
  event.from = stream->peer();
  sink_(event);
}

void StreamSet::Perform(engine::StreamAction action) {
  using ActionKind = engine::StreamAction::Kind;
  if (action.kind == ActionKind::kOpen || action.kind == ActionKind::kProbe) {
    Open(action);
    return;
  }
  const auto it = streams_.find(action.stream);
  if (it == streams_.end()) return;  // Ended meanwhile; its event is on the way.
  const std::shared_ptr<Stream> stream = it->second;
  if (action.kind == ActionKind::kSend) {
    stream->Send(std::move(action.data));
  } else {
    stream->Close();
  }
}

void StreamSet::Open(const engine::StreamAction& action) {
  const bool probe = action.kind == engine::StreamAction::Kind::kProbe;
  if (streams_.size() >= kStreamsMax) {
    Fail(action, engine::StreamEvent::Kind::kFailed, "too many connections");
    return;
  }
  absl::StatusOr<StreamSocket> socket = StreamSocket::Connect(local_, action.to);
  if (!socket.ok()) {
    Fail(action, engine::StreamEvent::Kind::kFailed, std::string(socket.status().message()));
    return;
  }
  auto stream = std::make_shared<Stream>(io_, *this, action.stream,
                                         probe ? Stream::Purpose::kProbe : Stream::Purpose::kOpen,
                                         action.to, *std::move(socket), stats_.counters);
  streams_.emplace(action.stream, stream);
  stats_.open = streams_.size();
  stream->Start(tls_, tls_ == nullptr && !probe ? identity_ : std::string());
}

void StreamSet::Fail(const engine::StreamAction& action, engine::StreamEvent::Kind kind,
                     std::string text) {
  engine::StreamEvent event;
  event.kind = kind;
  event.stream = action.stream;
  event.from = action.to;
  event.text = std::move(text);
  sink_(event);
}

void StreamSet::OnHandshakeOver(bool succeeded) {
  if (!succeeded) ++stats_.handshakes_failed;
}

void StreamSet::OnStreamGone(Stream& stream) {
  streams_.erase(stream.id());
  stats_.open = streams_.size();
}

void StreamSet::Close() {
  const auto streams = streams_;
  for (const auto& [id, stream] : streams) stream->Close();
}

void StreamSet::Abort() {
  const auto streams = streams_;
  for (const auto& [id, stream] : streams) stream->Abort();
}

}  // namespace cohort::runtime
