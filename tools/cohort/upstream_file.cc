#include "upstream_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "runtime/file_descriptor.h"

namespace cohort::tools {
namespace {

constexpr std::string_view kServer = "server ";
constexpr std::string_view kDown = " down";
constexpr std::string_view kComment = "# down:";
constexpr std::string_view kPartners = "upstream cohort_for_";

// A line of a server: "  server ADDRESS PARAMETERS[ down]; # NAME".
struct ServerLine {
  std::string_view before;  // Up to the mark, or to the ";".
  std::string_view after;   // From the ";" on.
  std::string_view name;
  std::string_view address;
  bool down = false;
};

std::string_view Trimmed(std::string_view line) {
  const size_t begin = line.find_first_not_of(" \t");
  return begin == line.npos ? std::string_view() : line.substr(begin);
}

std::optional<ServerLine> ParseServer(std::string_view line) {
  constexpr std::string_view kEnd = "; # ";
  if (!Trimmed(line).starts_with(kServer)) return std::nullopt;
  const size_t end = line.find(kEnd);
  if (end == line.npos) return std::nullopt;
  ServerLine server;
  server.before = line.substr(0, end);
  server.after = line.substr(end);
  server.name = server.after.substr(kEnd.size());
  if (server.name.empty() || server.name.find_first_of(" \t;#{}") != server.name.npos)
    return std::nullopt;
  server.down = server.before.ends_with(kDown);
  if (server.down) server.before.remove_suffix(kDown.size());
  const std::string_view words = Trimmed(Trimmed(server.before).substr(kServer.size()));
  server.address = words.substr(0, words.find_first_of(" \t"));
  return server;
}

// Calls `use` with each line, without its end.
template <class Use>
void ForEachLine(std::string_view text, Use use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    use(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// The name in "upstream cohort_for_NAME {"; empty for another line.
std::string_view PartnersOf(std::string_view line) {
  if (!line.starts_with(kPartners)) return {};
  line.remove_prefix(kPartners.size());
  return line.substr(0, line.find(' '));
}

FileStamp StampOf(const struct stat& facts) {
  return {.device = facts.st_dev,
          .inode = facts.st_ino,
          .changed_ns = int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec,
          .bytes = facts.st_size};
}

std::string ErrorText(const std::string& path, int error) {
  return absl::StrCat(path, ": ", std::generic_category().message(error));
}

}  // namespace

absl::StatusOr<UpstreamFile> ParseUpstreams(std::string text) {
  if (text.find('\r') != text.npos) {
    return absl::InvalidArgumentError(
        "its lines end with CR LF, so no name in it is a member's: write it anew with "
        "cohort-nginx, "
        "or convert it to lines that end with LF");
  }
  UpstreamFile file;
  std::map<std::string, bool, std::less<>> all_down;
  std::map<std::string, std::set<std::string>> partners;
  std::string block;
  ForEachLine(text, [&](std::string_view line) {
    if (const std::string_view name = PartnersOf(line); !name.empty()) block = name;
    if (Trimmed(line) == "}") block.clear();
    const std::optional<ServerLine> server = ParseServer(line);
    if (!server.has_value()) return;
    const auto [known, is_new] = all_down.try_emplace(std::string(server->name), server->down);
    if (is_new) file.names.push_back(known->first);
    if (is_new) file.addresses[known->first] = std::string(server->address);
    known->second = known->second && server->down;
    if (!block.empty()) partners[block].insert(known->first);
  });
  if (file.names.empty()) {
    return absl::InvalidArgumentError(
        "no line is one of a server, as cohort-nginx writes them: they end with `; # NAME`");
  }
  if (file.names.size() > kUpstreamServersMax)
    return absl::InvalidArgumentError(absl::StrCat("more than ", kUpstreamServersMax, " servers"));
  for (const std::string& name : file.names) {
    if (all_down[name]) file.down.insert(name);
    std::set<std::string> cluster = partners[name];
    cluster.insert(name);
    if (std::find(file.clusters.begin(), file.clusters.end(), cluster) == file.clusters.end())
      file.clusters.push_back(std::move(cluster));
  }
  file.text = std::move(text);
  return file;
}

std::string WithMarks(const UpstreamFile& file, const std::map<std::string, bool>& marks) {
  const auto is_down = [&](const std::string& name) {
    const auto mark = marks.find(name);
    return mark == marks.end() ? file.down.contains(name) : mark->second;
  };
  std::string text;
  text.reserve(file.text.size() + file.names.size() * 32);
  ForEachLine(file.text, [&](std::string_view line) {
    const std::optional<ServerLine> server = ParseServer(line);
    if (server.has_value() && marks.contains(std::string(server->name))) {
      absl::StrAppend(&text, ToAbsl(server->before),
                      is_down(std::string(server->name)) ? ToAbsl(kDown) : "",
                      ToAbsl(server->after));
    } else if (line.starts_with(kComment)) {
      absl::StrAppend(&text, ToAbsl(kComment));
      const size_t bare = text.size();
      for (const std::string& name : file.names) {
        if (is_down(name)) absl::StrAppend(&text, " ", name);
      }
      if (text.size() == bare) absl::StrAppend(&text, " -");
    } else {
      absl::StrAppend(&text, ToAbsl(line));
    }
    text.push_back('\n');
  });
  if (!file.text.ends_with('\n')) text.pop_back();
  return text;
}

absl::StatusOr<UpstreamFile> ReadUpstreams(const std::string& path) {
  const runtime::FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    const std::string text = ErrorText(path, errno);
    if (errno == EACCES) return absl::PermissionDeniedError(text);
    return absl::NotFoundError(text);
  }
  struct stat facts{};  // As it was before the first byte was read.
  if (::fstat(fd.get(), &facts) != 0) return absl::UnavailableError(ErrorText(path, errno));
  std::string text(kUpstreamFileBytesMax + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0) return absl::UnavailableError(ErrorText(path, errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kUpstreamFileBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": larger than ", kUpstreamFileBytesMax, " bytes"));
  }
  text.resize(size);
  absl::StatusOr<UpstreamFile> file = ParseUpstreams(std::move(text));
  if (!file.ok())
    return absl::Status(file.status().code(), absl::StrCat(path, ": ", file.status().message()));
  file->stamp = StampOf(facts);
  return file;
}

absl::Status ReplaceUpstreams(const std::string& path, const UpstreamFile& read,
                              std::string_view text) {
  // The file itself, not a link to it.
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (real == nullptr) return absl::UnavailableError(ErrorText(path, errno));
  const std::string target(real.get());
  const std::string fresh = absl::StrCat(target, ".new-", getpid());
  const auto fail = [&fresh](const std::string& of) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return absl::UnavailableError(ErrorText(of, error));
  };
  struct stat facts{};
  if (::stat(target.c_str(), &facts) != 0) return fail(path);
  {
    const runtime::FileDescriptor fd(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.is_open()) return fail(fresh);
    while (!text.empty()) {
      const ssize_t put = ::write(fd.get(), text.data(), text.size());
      if (put <= 0) return fail(fresh);
      text.remove_prefix(static_cast<size_t>(put));
    }
    // Only root can give a file away; for others it is theirs already, or becomes so.
    if (facts.st_uid != ::geteuid() || facts.st_gid != ::getegid())
      static_cast<void>(::fchown(fd.get(), facts.st_uid, facts.st_gid) == 0);
    if (::fchmod(fd.get(), facts.st_mode & 07777) != 0 || ::fsync(fd.get()) != 0)
      return fail(fresh);
  }
  // As late as it can be: fsync takes its time. What is left is a few microseconds.
  if (::stat(target.c_str(), &facts) != 0) return fail(path);
  if (StampOf(facts) != read.stamp) {
    ::unlink(fresh.c_str());
    return absl::AbortedError(absl::StrCat(path, ": was written by another since it was read"));
  }
  if (::rename(fresh.c_str(), target.c_str()) != 0) return fail(path);
  return absl::OkStatus();
}

}  // namespace cohort::tools
