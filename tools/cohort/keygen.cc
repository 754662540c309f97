// `cohort keygen`: a new group key.
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "commands.h"
#include "group_flags.h"
#include "security/group_key.h"

namespace cohort::tools {
namespace {

constexpr const char* kKeygenExamples = R"(Examples:
  cohort keygen --out shop.key     writes a file that only you can read
  cohort keygen > shop.key         to standard output; mind the file's mode: members want 0600
)";

bool WriteNewFile(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fsync(file) == 0;
  const bool closed = close(file) == 0;
  if (!written || !closed) unlink(path.c_str());
  return written && closed;
}

}  // namespace

int RunKeygen(int argc, char** argv) {
  CLI::App app(
      "Makes a new group key. Whoever has it is a member; copy it to every host of the group.",
      "cohort keygen");
  std::string out;
  app.add_option("-o,--out", out,
                 "File to write, which must not exist yet; mode 0600. Default: standard output");
  app.footer(kKeygenExamples);
  int exit_code = kExitOk;
  if (!ParseCommandLine(app, argc, argv, exit_code)) return exit_code;
  std::array<std::byte, security::kKeyBytes> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    std::fprintf(stderr, "cohort keygen: the system gives no random numbers: %s\n",
                 std::strerror(errno));
    return kExitFailed;
  }
  const std::string text = security::GenerateKeyFile(random);
  if (out.empty()) {
    std::fputs(text.c_str(), stdout);
  } else if (!WriteNewFile(out, text)) {
    const char* advice = errno == EEXIST ? "; it is left as it is: copy it to the other hosts, or "
                                           "give --out another name"
                         : errno == ENOENT ? "; make the folder first"
                                           : "";
    std::fprintf(stderr, "cohort keygen: cannot write %s: %s%s\n", out.c_str(),
                 std::strerror(errno), advice);
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace cohort::tools
