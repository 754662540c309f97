#include "runtime/peer_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "base/absl_bridge.h"
#include "base/address.h"
#include "runtime/delivery_queue.h"
#include "runtime/file_descriptor.h"
#include "runtime/mutex.h"

namespace cohort::runtime {
namespace {

constexpr std::string_view kFormat = "cohort-peers-1 ";
constexpr absl::Duration kStopTimeout = absl::Seconds(1);

// A group's name may hold any byte, and the file has lines.
std::string Quoted(std::string_view group) {
  std::string text;
  for (const char c : group) {
    if (c > ' ' && c < 0x7F && c != '%') {
      text.push_back(c);
      continue;
    }
    constexpr char kDigits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return text;
}

absl::Status Trouble(const std::string& path, absl::StatusCode code, std::string_view why) {
  return MakeStatus(code, "peer_cache: " + path + ": " + std::string(why));
}

absl::Status SystemTrouble(const std::string& path, int error) {
  const auto code = error == EACCES || error == EPERM ? absl::StatusCode::kPermissionDenied
                                                      : absl::StatusCode::kUnavailable;
  return Trouble(path, code, std::generic_category().message(error));
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

std::string FormatPeerCache(std::string_view group, std::span<const Address> peers) {
  std::string text = std::string(kFormat) + Quoted(group) + "\n";
  for (const Address& peer : peers.first(std::min(peers.size(), kPeersMax)))
    text += peer.ToString() + "\n";
  return text;
}

absl::StatusOr<std::vector<Address>> ParsePeerCache(std::string_view group, std::string_view text) {
  if (text.empty()) return std::vector<Address>();
  if (!text.starts_with(kFormat)) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "this is no peer cache; it is neither used nor replaced: give another path, "
                      "or remove it");
  }
  const size_t first = std::min(text.find('\n'), text.size());
  if (text.substr(kFormat.size(), first - kFormat.size()) != Quoted(group)) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "the peer cache of another group; it is neither used nor replaced: give each "
                      "group a path of its own");
  }
  const auto damaged = [](const std::string& why) {
    return MakeStatus(absl::StatusCode::kDataLoss,
                      why + "; the file is not used, and replaced with the next view");
  };
  if (text.size() > kPeerCacheBytesMax) return damaged("it is too large");
  if (!text.ends_with('\n')) return damaged("its end is missing");
  std::vector<Address> peers;
  size_t line = 2;
  for (text.remove_prefix(first + 1); !text.empty(); ++line) {
    const size_t end = text.find('\n');
    const std::optional<Address> address = ParseAddress(text.substr(0, end));
    if (!address || address->port == 0)
      return damaged("line " + std::to_string(line) + " is no address");
    if (peers.size() >= kPeersMax) return damaged("it has too many lines");
    peers.push_back(*address);
    text.remove_prefix(end + 1);
  }
  return peers;
}

absl::StatusOr<std::vector<Address>> ReadPeerCache(const std::string& path,
                                                   std::string_view group) {
  // Without waiting, should it be a pipe.
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open() && errno == ENOENT) return std::vector<Address>();
  if (!fd.is_open()) return SystemTrouble(path, errno);
  struct stat facts{};
  if (fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
    return Trouble(path, absl::StatusCode::kFailedPrecondition, "it is no file");
  std::string text(kPeerCacheBytesMax + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0) return SystemTrouble(path, errno);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  absl::StatusOr<std::vector<Address>> peers = ParsePeerCache(group, text);
  if (peers.ok()) return peers;
  return Trouble(path, peers.status().code(), ToStd(peers.status().message()));
}

absl::Status WritePeerCache(const std::string& path, std::string_view group,
                            std::span<const Address> peers) {
  std::string temporary = path + ".XXXXXX";
  FileDescriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.is_open()) return SystemTrouble(path, errno);
  const bool written = WriteAll(fd.get(), FormatPeerCache(group, peers)) && fsync(fd.get()) == 0;
  int error = written ? 0 : errno;
  fd.Close();
  if (written && std::rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  if (written) error = errno;
  ::unlink(temporary.c_str());
  return SystemTrouble(path, error);
}

std::vector<Address> PeersOf(const View& view, const Address& own) {
  std::vector<Address> peers;
  for (const Member& member : view.members) {
    const std::optional<Address> address = ParseAddress(member.address);
    if (address && *address != own && peers.size() < kPeersMax) peers.push_back(*address);
  }
  return peers;
}

// ---- The writer.

// Shared with the thread, which a hung file system may hold for ever.
struct PeerCacheWriter::State {
  State(std::string wanted_path, std::string wanted_group)
      : path(std::move(wanted_path)), group(std::move(wanted_group)) {}
  const std::string path;
  const std::string group;
  Mutex mutex;
  std::function<void(const std::string&)> on_trouble ABSL_GUARDED_BY(mutex);
  std::optional<std::vector<Address>> wanted ABSL_GUARDED_BY(mutex);
  bool stopped ABSL_GUARDED_BY(mutex) = false;
  bool ended ABSL_GUARDED_BY(mutex) = false;
};

PeerCacheWriter::PeerCacheWriter(std::string path, std::string group,
                                 std::function<void(const std::string&)> on_trouble)
    : state_(std::make_shared<State>(std::move(path), std::move(group))) {
  {
    MutexLock lock(&state_->mutex);
    state_->on_trouble = std::move(on_trouble);
  }
  StartThread("cohort-peers", [state = state_] { Run(state); }).detach();
}

PeerCacheWriter::~PeerCacheWriter() { Stop(); }

void PeerCacheWriter::Note(std::vector<Address> peers) {
  if (peers.empty()) return;
  MutexLock lock(&state_->mutex);
  state_->wanted = std::move(peers);
}

void PeerCacheWriter::Stop() {
  State& state = *state_;
  MutexLock lock(&state.mutex);
  state.stopped = true;
  const auto ended = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return state.ended; };
  state.mutex.AwaitWithTimeout(ended, kStopTimeout);
  state.on_trouble = nullptr;
}

void PeerCacheWriter::Run(const std::shared_ptr<State>& state) {
  std::vector<Address> last;
  bool told = false;
  const auto wake = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return state->wanted.has_value() || state->stopped;
  };
  for (;;) {
    std::vector<Address> peers;
    {
      MutexLock lock(&state->mutex);
      state->mutex.Await(wake);
      if (!state->wanted) {
        state->ended = true;
        return;
      }
      peers = *std::exchange(state->wanted, std::nullopt);
    }
    if (peers == last) continue;
    const absl::Status status = WritePeerCache(state->path, state->group, peers);
    if (status.ok()) last = std::move(peers);
    if (!status.ok() && !told) {
      MutexLock lock(&state->mutex);
      if (state->on_trouble) state->on_trouble(std::string(ToStd(status.message())));
    }
    told = !status.ok();
  }
}

}  // namespace cohort::runtime
