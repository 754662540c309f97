// Users of a web site: each has a cookie and a kept connection, posts, waits for the answer,
// pauses, and posts again. Every request becomes a line of JSON on standard output; who reads them
// judges them (tests/web/checker.py).
//   web_driver ADDRESS PORT PATH USERS PAUSE_MS[-PAUSE_MAX_MS] [PATIENCE_MS [ARRIVALS_MS [VISIT]]]
// Who has waited for PATIENCE_MS gives up, and posts again after the pause, as somebody who reloads
// a page. With two pauses each is drawn between them: users who all pause alike gather in crowds,
// since those who have waited for each other come back together. With VISIT, each user comes anew,
// without a cookie, after about so many requests, the last of which was answered. Ends when
// standard input does, after the answers that are awaited.
#include <sys/socket.h>
#include <unistd.h>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using asio::ip::tcp;
using std::chrono::steady_clock;

// A request that is not answered by then is one that failed.
constexpr int kPatienceMsDefault = 60'000;
// All at once they would find servers that have compiled nothing yet, unless it is said otherwise.
constexpr int kArrivalsMsDefault = 4000;
constexpr size_t kHeaderBytesMax = 64 << 10;
constexpr size_t kBodyBytesMax = 4 << 20;
constexpr int kUsersMax = 10'000;

// As time.monotonic() of Python: microseconds of CLOCK_MONOTONIC.
int64_t NowUs() {
  const auto now = steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

struct Site {
  tcp::endpoint endpoint;
  std::string path;
  std::chrono::milliseconds pause_min{};
  std::chrono::milliseconds pause_max{};
  std::chrono::milliseconds patience{};
  int visit = 0;  // Requests of one, about; 0: it never ends.
  bool ending = false;
};

struct Response {
  int status = 0;
  std::optional<size_t> length;  // None: in chunks.
  bool closes = false;
  std::string cookie;
};

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// Of the headers only what a user needs; NGINX writes them as below.
Response ParseHeader(std::string_view text) {
  Response response;
  if (text.size() > 12) response.status = std::atoi(std::string(text.substr(9, 3)).c_str());
  for (size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at)) {
    ++at;
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = Trimmed(line.substr(colon + 1));
    if (name == "Content-Length") {
      response.length = std::strtoull(std::string(value).c_str(), nullptr, 10);
    } else if (name == "Connection") {
      response.closes = value == "close";
    } else if (name == "Set-Cookie") {
      response.cookie = std::string(value.substr(0, value.find(';')));
    }
  }
  return response;
}

class User {
 public:
  User(asio::io_context& io, Site& site, int number)
      : site_(site), number_(number), random_(number), socket_(io), deadline_(io), pause_(io) {
    BeginVisit();
  }

  asio::awaitable<void> Run(std::chrono::milliseconds first) {
    std::error_code error;
    pause_.expires_after(first);
    co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    while (!site_.ending) {
      co_await Post();
      if (site_.ending) break;
      // Even without a pause the others get their turn.
      pause_.expires_after(DrawPause());
      co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
    socket_.close(error);
  }

  void WakeUp() { pause_.cancel(); }

 private:
  std::chrono::milliseconds DrawPause() {
    std::uniform_int_distribution<int64_t> pauses(site_.pause_min.count(), site_.pause_max.count());
    return std::chrono::milliseconds(pauses(random_));
  }

  void BeginVisit() {
    ++visits_;
    cookie_.clear();
    std::uniform_int_distribution<int> lengths((site_.visit + 1) / 2,
                                               site_.visit + site_.visit / 2);
    left_in_visit_ = lengths(random_);
  }

  asio::awaitable<void> Post() {
    const std::string id = "u" + std::to_string(number_) + "-" + std::to_string(++requests_);
    const int64_t start = NowUs();
    // The socket is closed under whoever waits for it.
    deadline_.expires_after(site_.patience);
    deadline_.async_wait([this](const std::error_code& error) {
      std::error_code ignored;
      if (!error) socket_.close(ignored);
    });
    std::error_code error;
    std::string body;
    const Response response = co_await Exchange(id, body, error);
    deadline_.cancel();
    if (error || response.closes) {
      std::error_code ignored;
      socket_.close(ignored);
    }
    if (!error && !response.cookie.empty()) cookie_ = response.cookie;
    const bool good = !error && response.status == 200;
    const bool leaves = site_.visit > 0 && --left_in_visit_ <= 0 && good;
    std::printf(
        R"({"user":%d,"visit":%d,"leaves":%s,"request":"%s","start":%lld,"end":%lld,"status":%d,)"
        R"("error":"%s","answer":%s})"
        "\n",
        number_, visits_, leaves ? "true" : "false", id.c_str(), static_cast<long long>(start),
        static_cast<long long>(NowUs()), error ? 0 : response.status,
        error ? error.message().c_str() : "", good ? body.c_str() : "null");
    if (leaves) BeginVisit();
  }

  // A browser sees that a kept connection was closed, as by an NGINX that reloads, and opens
  // another.
  bool WasClosed() {
    char byte = 0;
    const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  }

  // One request and its answer; the connection is opened if there is none.
  asio::awaitable<Response> Exchange(const std::string& id, std::string& body,
                                     std::error_code& error) {
    auto token = asio::redirect_error(asio::use_awaitable, error);
    if (socket_.is_open() && WasClosed()) {
      std::error_code ignored;
      socket_.close(ignored);
    }
    if (!socket_.is_open()) {
      received_.clear();
      co_await socket_.async_connect(site_.endpoint, token);
      if (error) co_return Response{};
      socket_.set_option(tcp::no_delay(true), error);
    }
    std::string request = "POST " + site_.path + "?request=" + id +
                          " HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\n";
    if (!cookie_.empty()) request += "Cookie: " + cookie_ + "\r\n";
    request += "\r\n";
    co_await asio::async_write(socket_, asio::buffer(request), token);
    if (error) co_return Response{};
    const auto headers = asio::dynamic_buffer(received_, kHeaderBytesMax);
    const size_t header = co_await asio::async_read_until(socket_, headers, "\r\n\r\n", token);
    if (error) co_return Response{};
    Response response = ParseHeader(std::string_view(received_).substr(0, header));
    received_.erase(0, header);
    size_t length = response.length.value_or(0);
    if (!response.length) {  // Only pages of errors come in chunks, and nobody reads them.
      const auto rest = asio::dynamic_buffer(received_, kBodyBytesMax);
      length = co_await asio::async_read_until(socket_, rest, "0\r\n\r\n", token);
    } else if (length > kBodyBytesMax) {
      error = std::make_error_code(std::errc::message_size);
    } else if (received_.size() < length) {
      const auto rest = asio::dynamic_buffer(received_, kBodyBytesMax);
      co_await asio::async_read(socket_, rest, asio::transfer_exactly(length - received_.size()),
                                token);
    }
    if (error) co_return Response{};
    body = received_.substr(0, length);
    received_.erase(0, length);
    co_return response;
  }

  Site& site_;
  const int number_;
  std::minstd_rand random_;
  int requests_ = 0;
  int visits_ = 0;
  int left_in_visit_ = 0;
  std::string cookie_;
  std::string received_;
  tcp::socket socket_;
  asio::steady_timer deadline_;
  asio::steady_timer pause_;
};

// "50" or "50-150".
bool ParsePauses(const std::string& text, Site& site) {
  const size_t dash = text.find('-');
  site.pause_min = std::chrono::milliseconds(std::atoi(text.c_str()));
  site.pause_max = dash == std::string::npos
                       ? site.pause_min
                       : std::chrono::milliseconds(std::atoi(text.c_str() + dash + 1));
  return site.pause_min.count() >= 0 && site.pause_min <= site.pause_max;
}

}  // namespace

int main(int argc, char** argv) {
  std::error_code bad;
  const bool is_counted = argc >= 6 && argc <= 9;
  const int count = is_counted ? std::atoi(argv[4]) : 0;
  const int arrivals = argc > 7 ? std::atoi(argv[7]) : kArrivalsMsDefault;
  const std::chrono::milliseconds spread(arrivals);
  Site site;
  bool is_right = count >= 1 && count <= kUsersMax && arrivals >= 0;
  if (is_right) {
    const auto port = static_cast<uint16_t>(std::atoi(argv[2]));
    site.endpoint = tcp::endpoint(asio::ip::make_address(argv[1], bad), port);
    site.path = argv[3];
    const int patience = argc > 6 ? std::atoi(argv[6]) : kPatienceMsDefault;
    site.patience = std::chrono::milliseconds(patience);
    site.visit = argc > 8 ? std::atoi(argv[8]) : 0;
    is_right = !bad && ParsePauses(argv[5], site) && patience >= 1 && site.visit >= 0;
  }
  if (!is_right) {
    std::fprintf(stderr,
                 "usage: web_driver ADDRESS PORT PATH USERS PAUSE_MS[-PAUSE_MAX_MS] "
                 "[PATIENCE_MS [ARRIVALS_MS [VISIT]]] (up to %d users)\n",
                 kUsersMax);
    return 2;
  }
  asio::io_context io(1);
  std::vector<std::unique_ptr<User>> users;
  for (int i = 0; i < count; ++i) {
    users.push_back(std::make_unique<User>(io, site, i));
    const auto first = spread * i / count;
    asio::co_spawn(io, users.back()->Run(first), asio::detached);
  }
  asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  std::string ignored;
  asio::async_read(input, asio::dynamic_buffer(ignored), [&](const std::error_code&, size_t) {
    site.ending = true;
    for (const auto& user : users) user->WakeUp();
  });
  io.run();
  return std::fflush(stdout) == 0 ? 0 : 1;
}
