#include "resp_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/absl_bridge.h"

namespace cohort::tools {
namespace {

constexpr std::chrono::milliseconds kRoomPause{1};

}  // namespace

RespConnection::RespConnection(Socket socket, RespService& service, uint64_t id, std::string peer,
                               std::function<void(uint64_t)> on_closed)
    : socket_(std::move(socket)),
      room_timer_(socket_.get_executor()),
      write_timer_(socket_.get_executor()),
      session_(service, id, std::move(peer)),
      service_(service),
      id_(id),
      on_closed_(std::move(on_closed)) {}

void RespConnection::Read() {
  if (reading_ || closed_ || closing_) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(chunk_),
                          [self = shared_from_this()](const asio::error_code& error, size_t bytes) {
                            self->reading_ = false;
                            if (self->closed_) return;
                            if (error) return self->Close();
                            if (self->lingering_) return self->DiscardSome();
                            self->in_.append(self->chunk_.data(), bytes);
                            self->Process();
                          });
}

void RespConnection::Process() {
  const bool read_on = RunRequests();
  Flush();
  if (read_on) Read();
}

// Whether more input is wanted.
bool RespConnection::RunRequests() {
  bool wait = false;
  while (!wait && !closing_ && !closed_) {
    if (out_.size() + writing_.size() >= kRespOutputHigh) {
      wait = true;
      break;
    }
    const std::string_view data = std::string_view(in_).substr(in_start_);
    const RespParser::Verdict verdict = parser_.Parse(data);
    if (verdict == RespParser::Verdict::kNeedMore) {
      MakeRoom(in_start_ + parser_.wanted());
      break;
    }
    if (verdict == RespParser::Verdict::kError) {
      ++service_.stats.connections_dropped;
      session_.Fail("ERR " + parser_.error());
      closing_ = true;
      break;
    }
    switch (session_.Execute(parser_.arguments())) {
      case RespSession::Outcome::kDone:
        break;
      case RespSession::Outcome::kClose:
        closing_ = true;
        break;
      case RespSession::Outcome::kWaitForRoom:
        WaitForRoom();
        [[fallthrough]];
      case RespSession::Outcome::kWait:
        wait = true;
        continue;  // Not consumed: it runs again.
    }
    in_start_ += parser_.consumed();
    session_.TakeReplies(out_);
  }
  in_.erase(0, in_start_);
  in_start_ = 0;
  if (in_.empty() && in_.capacity() > kRespOutputHigh) in_.shrink_to_fit();
  return !wait && !closing_;
}

// A string that grows by doubling would copy a large request again when most of it is here. What
// was only announced gets no room.
void RespConnection::MakeRoom(size_t wanted) {
  if (in_.size() >= wanted / 4 && wanted > in_.capacity()) in_.reserve(wanted);
}

void RespConnection::WaitForRoom() {
  if (room_wanted_) return;
  room_wanted_ = true;
  room_timer_.expires_after(kRoomPause);
  room_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    self->room_wanted_ = false;
    if (!error && !self->closed_) self->Process();
  });
}

void RespConnection::Continue() {
  if (!closed_) Process();
}

void RespConnection::Flush() {
  session_.TakeReplies(out_);
  if (closed_ || lingering_ || !writing_.empty()) return;
  if (out_.empty()) {
    if (closing_ && session_.waiting() == 0) Linger();
    return;
  }
  std::swap(out_, writing_);
  messages_writing_ = std::exchange(messages_out_, 0);
  written_ = 0;
  WriteSome();
}

void RespConnection::WriteSome() {
  // Anew for every part that the client takes: slow is not silent.
  write_timer_.expires_after(
      absl::ToChronoMilliseconds(std::min(service_.options.write_timeout, absl::Hours(24))));
  write_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    // It may have been set anew when this call was under way already.
    const bool due = self->write_timer_.expiry() <= std::chrono::steady_clock::now();
    if (!error && !self->closed_ && due) {
      self->Drop("it takes nothing of its replies (see --resp-write-timeout)");
    }
  });
  socket_.async_write_some(
      asio::buffer(writing_.data() + written_, writing_.size() - written_),
      [self = shared_from_this()](const asio::error_code& error, size_t bytes) {
        if (self->closed_) return;
        if (error) return self->Close();
        self->OnWrittenSome(bytes);
      });
}

void RespConnection::OnWrittenSome(size_t bytes) {
  written_ += bytes;
  messages_writing_ = std::min(messages_writing_, writing_.size() - written_);
  if (written_ < writing_.size()) return WriteSome();
  write_timer_.cancel();
  writing_.clear();
  if (writing_.capacity() > kRespOutputHigh) writing_.shrink_to_fit();
  Process();
}

void RespConnection::Linger() {
  lingering_ = true;
  asio::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  in_ = std::string();
  write_timer_.expires_after(kRespLingerTimeout);
  write_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error) self->Close();
  });
  if (!reading_) DiscardSome();
}

void RespConnection::DiscardSome() {
  reading_ = true;
  socket_.async_read_some(asio::buffer(chunk_),
                          [self = shared_from_this()](const asio::error_code& error, size_t) {
                            self->reading_ = false;
                            if (self->closed_) return;
                            error ? self->Close() : self->DiscardSome();
                          });
}

bool RespConnection::AddMessage(const std::string* pattern, std::string_view channel,
                                std::string_view message) {
  if (closed_ || closing_) return true;
  RespReply push(session_.version());
  push.Push(pattern != nullptr ? 4 : 3);
  push.Bulk(pattern != nullptr ? "pmessage" : "message");
  if (pattern != nullptr) push.Bulk(*pattern);
  push.Bulk(channel);
  push.Bulk(message);
  if (messages_out_ + messages_writing_ + push.size() > kRespMessagesMax) return false;
  messages_out_ += push.size();
  out_ += push.text();
  ++service_.stats.messages;
  return true;
}

void RespConnection::Drop(std::string_view reason) {
  if (closed_) return;
  ++service_.stats.connections_dropped;
  if (service_.on_dropped) {
    service_.on_dropped(
        absl::StrCat("Redis client ", id_, " at ", session_.peer(), ": ", ToAbsl(reason)));
  }
  // With a reset: the kernel is not to keep what the client does not take either.
  asio::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  Close();
}

void RespConnection::Close() {
  if (closed_) return;
  closed_ = true;
  asio::error_code ignored;
  room_timer_.cancel();
  write_timer_.cancel();
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
  on_closed_(id_);
}

}  // namespace cohort::tools
