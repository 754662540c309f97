// The floor: a bare UDP multicast echo, to hold a group's SYNC latency against.
//
//   multicast_echo server --bind ADDR [--multicast ADDR:PORT]
//   multicast_echo client --bind ADDR [--multicast ADDR:PORT] [--count N] [--size BYTES]
//
// The client multicasts a datagram, every server answers it by unicast, and the client waits for
// the first answer. Prints p50 and p99 in microseconds, then one line of JSON.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Flags {
  std::string role;
  std::string bind = "127.0.0.1";
  std::string group = "239.255.77.9";
  uint16_t port = 7609;
  size_t count = 20000;
  size_t size = 100;
};

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

Flags ReadFlags(int argc, char** argv) {
  Flags flags;
  if (argc > 1) flags.role = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--bind") flags.bind = value;
    if (name == "--count") flags.count = std::stoul(value);
    if (name == "--size") flags.size = std::clamp<size_t>(std::stoul(value), 8, 1472);
    if (name == "--multicast") {
      flags.group = value.substr(0, value.find(':'));
      flags.port = static_cast<uint16_t>(std::stoul(value.substr(value.find(':') + 1)));
    }
  }
  return flags;
}

sockaddr_in NewAddress(const std::string& ip, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1) Fail("address");
  return address;
}

int NewSocket(const std::string& ip, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  const sockaddr_in address = NewAddress(ip, port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) Fail("bind");
  return fd;
}

void Serve(const Flags& flags) {
  const int listener = NewSocket(flags.group, flags.port);
  ip_mreq membership{};
  membership.imr_multiaddr = NewAddress(flags.group, 0).sin_addr;
  membership.imr_interface = NewAddress(flags.bind, 0).sin_addr;
  if (setsockopt(listener, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof(membership)) != 0)
    Fail("join");
  const int answers = NewSocket(flags.bind, 0);
  char data[2048];
  for (;;) {
    sockaddr_in from{};
    socklen_t from_size = sizeof(from);
    const ssize_t size =
        recvfrom(listener, data, sizeof(data), 0, reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0) Fail("recvfrom");
    sendto(answers, data, static_cast<size_t>(size), 0, reinterpret_cast<sockaddr*>(&from),
           from_size);
  }
}

// True if the answer to `number` came within a second; older answers are passed over.
bool AwaitAnswer(int fd, uint64_t number) {
  char data[2048];
  for (;;) {
    pollfd wait{fd, POLLIN, 0};
    if (poll(&wait, 1, 1000) <= 0) return false;
    uint64_t got = 0;
    if (recv(fd, data, sizeof(data), 0) < static_cast<ssize_t>(sizeof(got))) continue;
    std::memcpy(&got, data, sizeof(got));
    if (got == number) return true;
  }
}

int Ask(const Flags& flags) {
  const int fd = NewSocket(flags.bind, 0);
  const in_addr interface = NewAddress(flags.bind, 0).sin_addr;
  setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface));
  const sockaddr_in group = NewAddress(flags.group, flags.port);
  std::vector<char> data(flags.size, 'x');
  std::vector<double> micros;
  size_t lost = 0;
  for (uint64_t number = 1; number <= flags.count && lost < 10; ++number) {
    std::memcpy(data.data(), &number, sizeof(number));
    const auto begin = std::chrono::steady_clock::now();
    sendto(fd, data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&group),
           sizeof(group));
    if (!AwaitAnswer(fd, number)) {
      ++lost;
      continue;
    }
    const std::chrono::duration<double, std::micro> taken =
        std::chrono::steady_clock::now() - begin;
    micros.push_back(taken.count());
  }
  if (micros.empty()) {
    std::fprintf(stderr, "no server answered\n");
    return 1;
  }
  std::sort(micros.begin(), micros.end());
  const double p50 = micros[micros.size() / 2];
  const double p99 = micros[micros.size() * 99 / 100];
  std::printf("multicast echo, %zu B: p50 %.1f us, p99 %.1f us, %zu lost\n", flags.size, p50, p99,
              lost);
  std::printf(
      "{\"bench\":\"multicast_echo\",\"bytes\":%zu,\"count\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,"
      "\"lost\":%zu}\n",
      flags.size, micros.size(), p50, p99, lost);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Flags flags = ReadFlags(argc, argv);
  if (flags.role == "server") Serve(flags);
  if (flags.role == "client") return Ask(flags);
  std::fprintf(stderr,
               "usage: multicast_echo server|client [--bind ADDR] [--multicast ADDR:PORT] [--count "
               "N] [--size B]\n");
  return 2;
}
