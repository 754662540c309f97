// One client's socket: reads requests, feeds the session, writes replies. Runs on the server's
// thread only.
//
// Nothing grows without bound: it stops reading while the session has to wait or replies pile up,
// and hangs up on a client that takes nothing of its replies for RespOptions::write_timeout. After
// an error that ends the connection it reads on for a moment and throws away what comes, because a
// socket that is closed with unread bytes takes the error text down with it.
#ifndef COHORT_TOOLS_RESP_CONNECTION_H_
#define COHORT_TOOLS_RESP_CONNECTION_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "asio/generic/stream_protocol.hpp"
#include "asio/steady_timer.hpp"
#include "resp_parser.h"
#include "resp_session.h"

namespace cohort::tools {

inline constexpr size_t kRespOutputHigh =
    size_t{1} << 20;  // Unsent replies at which no more requests are run.
// Messages of channels that wait for a client to take them; beyond it the client is disconnected.
inline constexpr size_t kRespMessagesMax = size_t{8} << 20;
inline constexpr std::chrono::seconds kRespLingerTimeout{2};  // For the client to see why.

class RespConnection : public std::enable_shared_from_this<RespConnection> {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  RespConnection(Socket socket, RespService& service, uint64_t id, std::string peer,
                 std::function<void(uint64_t)> on_closed);

  void Start() { Read(); }
  void OnWritten(const WriteCompletion& completion) { session_.OnWritten(completion); }
  // A message of a channel the client listens to, by that name or by `pattern` (may be null).
  // False: there are more than kRespMessagesMax bytes of them; the caller disconnects the client.
  bool AddMessage(const std::string* pattern, std::string_view channel, std::string_view message);
  // After completions and messages: answers what is ready, runs what waited.
  void Continue();
  void Close();
  // Close, without waiting for the client; `reason` goes to the events.
  void Drop(std::string_view reason);

 private:
  void Read();
  void Process();
  bool RunRequests();
  void MakeRoom(size_t wanted);
  void WaitForRoom();
  void Flush();
  void WriteSome();
  void OnWrittenSome(size_t bytes);
  void Linger();
  void DiscardSome();

  Socket socket_;
  asio::steady_timer room_timer_;
  asio::steady_timer write_timer_;
  RespSession session_;
  RespParser parser_;
  RespService& service_;
  const uint64_t id_;
  std::function<void(uint64_t)> on_closed_;

  std::string in_;
  size_t in_start_ = 0;
  std::array<char, 64 * 1024> chunk_;
  std::string out_;      // Not yet given to the socket.
  std::string writing_;  // Being written, from written_ on.
  size_t written_ = 0;
  size_t messages_out_ = 0;      // Bytes of messages in out_ ...
  size_t messages_writing_ = 0;  // ... and, at most, in what is left of writing_.
  bool reading_ = false;
  bool room_wanted_ = false;
  bool closing_ = false;    // After out_ is written.
  bool lingering_ = false;  // All is written; only what the client still sends is thrown away.
  bool closed_ = false;
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_CONNECTION_H_
