#include "shell_command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "runtime/file_descriptor.h"

extern char** environ;

namespace cohort::tools {
namespace {

constexpr size_t kOutputKept = 1000;  // Bytes, the last ones.

std::string ErrorText(int error) { return std::generic_category().message(error); }

// Its output goes to `pipe`; it is a process group of its own. 0 or an errno.
int Spawn(const std::string& command, int pipe, pid_t& child) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, pipe, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, pipe, STDERR_FILENO);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  sigset_t none;
  sigemptyset(&none);
  sigset_t pipe_only;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  posix_spawnattr_setsigmask(&how, &none);
  posix_spawnattr_setsigdefault(&how, &pipe_only);
  posix_spawnattr_setpgroup(&how, 0);
  posix_spawnattr_setflags(&how,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string word = command;
  char shell[] = "/bin/sh";
  char option[] = "-c";
  char* const words[] = {shell, option, word.data(), nullptr};
  const int error = posix_spawn(&child, shell, &files, &how, words, environ);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

// False: the time was over before it had ended. What keeps its output open is not waited for.
bool AwaitEnd(pid_t child, int pipe, absl::Time until, std::string& output, int& status) {
  std::array<char, 512> bytes;
  while (true) {
    pollfd waits{.fd = pipe, .events = POLLIN, .revents = 0};
    static_cast<void>(::poll(&waits, 1, 20));
    const ssize_t got = waits.revents == 0 ? 0 : ::read(pipe, bytes.data(), bytes.size());
    if (got > 0) {
      output.append(bytes.data(), static_cast<size_t>(got));
      if (output.size() > kOutputKept) output.erase(0, output.size() - kOutputKept);
    }
    const bool silent = got <= 0;
    if (silent && ::waitpid(child, &status, WNOHANG) == child) return true;
    if (absl::Now() > until) return false;
    if (silent && waits.revents != 0) absl::SleepFor(absl::Milliseconds(2));  // It closed it.
  }
}

}  // namespace

absl::Status RunShellCommand(const std::string& command, absl::Duration within) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return absl::InternalError(ErrorText(errno));
  const runtime::FileDescriptor reading(ends[0]);
  pid_t child = 0;
  {
    const runtime::FileDescriptor writing(ends[1]);
    if (const int error = Spawn(command, writing.get(), child); error != 0)
      return absl::InternalError(absl::StrCat("cannot run /bin/sh: ", ErrorText(error)));
  }
  std::string output;
  int status = 0;
  const bool ended = AwaitEnd(child, reading.get(), absl::Now() + within, output, status);
  if (!ended) {
    ::kill(-child, SIGKILL);
    ::waitpid(child, &status, 0);
  }
  std::replace_if(
      output.begin(), output.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; },
      ' ');
  const std::string said =
      absl::StrCat(output.empty() ? "" : ": ", absl::StripAsciiWhitespace(output));
  if (!ended) {
    return absl::DeadlineExceededError(
        absl::StrCat("killed after ", absl::FormatDuration(within), said));
  }
  if (WIFSIGNALED(status))
    return absl::InternalError(absl::StrCat("ended by signal ", WTERMSIG(status), said));
  if (WEXITSTATUS(status) != 0)
    return absl::InternalError(absl::StrCat("exit status ", WEXITSTATUS(status), said));
  return absl::OkStatus();
}

}  // namespace cohort::tools
