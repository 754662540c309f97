// A blocking Redis client for tests: sends what it is told, answers replies as they are on the
// wire, made short.
#ifndef COHORT_TESTS_TOOLS_RESP_CLIENT_H_
#define COHORT_TESTS_TOOLS_RESP_CLIENT_H_

#include <poll.h>

#include <string>
#include <vector>

#include "asio/connect.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/write.hpp"

namespace cohort::tools {

class RespClient {
 public:
  explicit RespClient(uint16_t port) : socket_(io_) {
    socket_.connect({asio::ip::make_address("127.0.0.1"), port});
    socket_.set_option(asio::ip::tcp::no_delay(true));
  }

  static std::string Encode(const std::vector<std::string>& words) {
    std::string text = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words)
      text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    return text;
  }
  // Whether the server's side took all of it.
  bool Send(const std::string& bytes) {
    asio::error_code error;
    asio::write(socket_, asio::buffer(bytes), error);
    return !error;
  }
  // Whether the server hangs up within five seconds; reads nothing.
  bool SeesTheEnd() {
    pollfd wait{socket_.native_handle(), POLLRDHUP, 0};
    return poll(&wait, 1, 5000) == 1;
  }
  // "+OK" -> "OK", ":1" -> "1", bulk -> its text, null -> "(nil)", error -> "-ERR ...", array ->
  // "[a, b]", map -> "{k: v}", set -> "~[a, b]", push -> ">[a, b]".
  std::string Do(const std::vector<std::string>& words) {
    Send(Encode(words));
    return Read();
  }
  // "(closed)" when the server has hung up, "(silence)" after five seconds.
  std::string Read() {
    const std::string line = ReadLine();
    if (line.empty() || line[0] == '(') return line;
    const std::string rest = line.substr(1);
    switch (line[0]) {
      case '+':
      case ':':
        return rest;
      case '-':
        return line;
      case '_':
        return "(nil)";
      case '$':
        return rest == "-1" ? "(nil)" : ReadBulk(std::stoul(rest));
      case '=':
        return ReadBulk(std::stoul(rest)).substr(4);
      case '*':
        return rest == "-1" ? "(nil)" : "[" + ReadParts(std::stoul(rest)) + "]";
      case '~':
      case '>':
        return line.substr(0, 1) + "[" + ReadParts(std::stoul(rest)) + "]";
      case '%': {
        std::string text;
        for (size_t i = 0; i < std::stoul(rest); ++i) {
          text += (i > 0 ? ", " : "") + Read() + ": ";
          text += Read();
        }
        return "{" + text + "}";
      }
      default:
        return "(not RESP) " + line;
    }
  }

 private:
  bool Fill() {
    pollfd wait{socket_.native_handle(), POLLIN, 0};
    if (poll(&wait, 1, 5000) <= 0) {
      end_ = "(silence)";
      return false;
    }
    char chunk[65536];
    asio::error_code error;
    const size_t size = socket_.read_some(asio::buffer(chunk), error);
    if (error) {
      end_ = "(closed)";
      return false;
    }
    data_.append(chunk, size);
    return true;
  }
  std::string ReadLine() {
    while (data_.find("\r\n") == std::string::npos) {
      if (!Fill()) return end_;
    }
    const size_t end = data_.find("\r\n");
    std::string line = data_.substr(0, end);
    data_.erase(0, end + 2);
    return line;
  }
  std::string ReadBulk(size_t size) {
    while (data_.size() < size + 2) {
      if (!Fill()) return end_;
    }
    std::string text = data_.substr(0, size);
    data_.erase(0, size + 2);
    return text;
  }
  std::string ReadParts(size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += (i > 0 ? ", " : "") + Read();
    return text;
  }

  asio::io_context io_;
  asio::ip::tcp::socket socket_;
  std::string data_;
  std::string end_;
};

}  // namespace cohort::tools

#endif  // COHORT_TESTS_TOOLS_RESP_CLIENT_H_
