#include "tidy/rules.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>
#include <regex>

namespace cohort::tidy {
namespace {

void Add(Findings& findings, const char* rule, const Source& source, size_t index,
         const std::string& text) {
  findings.push_back({rule, source.path, index + 1, 1, text});
}

// Every line of `lines` that matches; only lines that hold one of `hints` are tried, for speed.
void AddMatches(Findings& findings, const char* rule, const Source& source,
                const std::vector<std::string>& lines, const std::regex& pattern,
                std::initializer_list<std::string_view> hints) {
  const auto is_in = [](const std::string& line) {
    return [&line](std::string_view hint) { return line.find(hint) != std::string::npos; };
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    if (std::none_of(hints.begin(), hints.end(), is_in(lines[i]))) continue;
    if (std::regex_search(lines[i], pattern)) Add(findings, rule, source, i, source.raw[i]);
  }
}

bool MayTouchTheWorld(const Source& source) {
  if (source.path == "include/cohort/asio.h") return true;  // Asio is what it is for.
  // Threads of which one runs at a time: stores wait inside their calls.
  if (source.path == "src/simsession/fibers.cc") return true;
  // Memory of the whole process, as malloc's is: shared by all engines and their callers.
  if (source.path == "src/base/block_pool.cc" || source.path == "tests/base/block_pool_test.cc")
    return true;
  for (const char* folder :
       {"java/", "src/runtime/", "src/session/", "src/c_api/", "tests/session/", "tools/",
        "examples/", "cmake/", "tests/runtime/", "tests/tools/", "tests/public/", "tests/c_api/",
        "tests/e2e/", "tests/web/", "bench/"}) {
    if (source.IsUnder(folder)) return true;
  }
  return false;
}

// What `layer` may include of src besides itself; "*" stands for every layer of the engine.
bool MayInclude(const std::string& layer, const std::string& other) {
  if (layer == other || other == "cohort") return true;
  // A wrapper of the public interface, and of nothing else; nobody needs it.
  if (layer == "c_api" || other == "c_api") return false;
  if (other == "base") return true;
  const bool outer =
      other == "engine" || other == "runtime" || other == "sim" || other == "testing";
  // The seats of session stores in the simulator. Only programs link it.
  if (layer == "simsession") return other != "messaging" && other != "lock" && other != "testing";
  if (layer == "base" || other == "session" || other == "simsession") return false;
  // On the public interface, with the runtime's locks, threads and queue.
  if (layer == "session") return other == "runtime";
  if (layer == "engine") return !outer && other != "messaging" && other != "lock";
  if (layer == "testing") return true;
  if (layer == "sim" && (other == "messaging" || other == "lock")) return false;
  if (layer == "runtime" || layer == "sim") return !outer || other == "engine";
  return other == "wire" || (layer == "transfer" && other == "map");
}

bool IsLayer(const std::string& name) {
  static constexpr std::array kLayers = {
      "base",   "wire",    "security", "discovery", "failure",  "membership", "rmcast",
      "order",  "flow",    "frag",     "map",       "transfer", "messaging",  "lock",
      "engine", "runtime", "sim",      "testing",   "c_api",    "session",    "simsession"};
  for (const char* layer : kLayers) {
    if (name == layer) return true;
  }
  return false;
}

bool IsEngineLayer(const Source& source) {
  const std::string layer = source.Layer();
  return !layer.empty() && layer != "runtime" && layer != "sim" && layer != "testing" &&
         layer != "c_api" && layer != "session" && layer != "simsession";
}

void CollectHashTables(const Source& source, std::vector<std::string>& names) {
  static const std::regex kDeclared(
      R"(flat_hash_(?:map|set)<.*>\s*[&*]?\s*(\w+)\s*(?:;|=|\{|ABSL))");
  for (const std::string& line : source.code) {
    if (line.find("flat_hash_") == std::string::npos) continue;
    std::smatch match;
    if (std::regex_search(line, match, kDeclared)) names.push_back(match[1]);
  }
}

}  // namespace

void CheckPurity(const Source& source, Findings& findings) {
  if (MayTouchTheWorld(source)) return;
  static const std::regex kIncludes(
      R"(^\s*#\s*include\s*[<"](asio|thread>|mutex>|shared_mutex>|condition_variable>|future>|random>|)"
      R"(pthread\.h|sys/socket\.h|sys/epoll\.h|sys/random\.h|netdb\.h|openssl/rand\.h|)"
      R"(absl/synchronization/|absl/random/|absl/time/clock\.h))");
  static const std::regex kCalls(
      R"(\b(system_clock|steady_clock|high_resolution_clock)::now|\babsl::Now\b|\bgettimeofday\b|)"
      R"(\bclock_gettime\b|\bgetrandom\b|\brandom_device\b|\bstd::rand\b|\bRAND_bytes\b|\bstd::thread\b)");
  AddMatches(findings, "purity", source, source.raw, kIncludes, {"#"});
  AddMatches(findings, "purity", source, source.code, kCalls,
             {"_clock", "Now", "gettime", "rand", "RAND", "thread"});
}

void CheckLayers(const Source& source, Findings& findings) {
  const std::string layer = source.Layer();
  if (layer.empty()) return;
  static const std::regex kInclude(R"re(^\s*#\s*include\s*"(\w+)/)re");
  for (size_t i = 0; i < source.raw.size(); ++i) {
    std::smatch match;
    if (source.raw[i].find('#') == std::string::npos) continue;
    if (!std::regex_search(source.raw[i], match, kInclude) || !IsLayer(match[1])) continue;
    if (!MayInclude(layer, match[1])) Add(findings, "layers", source, i, source.raw[i]);
  }
}

void CheckProtobuf(const Source& source, Findings& findings) {
  static const std::regex kCodec(
      R"(^src/(discovery/message|membership/\w+_codec|map/\w+_codec|transfer/messages)\.cc$)");
  if (std::regex_search(source.path, kCodec) || source.IsUnder("tests/")) return;
  static const std::regex kInclude(R"(^\s*#\s*include\s*[<"].*\.pb\.h)");
  AddMatches(findings, "protobuf", source, source.raw, kInclude, {"#"});
}

void CheckHashOrder(const Source& source, const Source* header, Findings& findings) {
  if (!IsEngineLayer(source)) return;
  std::vector<std::string> tables;
  CollectHashTables(source, tables);
  if (header != nullptr) CollectHashTables(*header, tables);
  if (tables.empty()) return;
  static const std::regex kLoop(R"(\bfor\s*\(.*[^:]:\s*\*?(?:this->)?(\w+)\))");
  for (size_t i = 0; i < source.code.size(); ++i) {
    std::smatch match;
    if (!std::regex_search(source.code[i], match, kLoop)) continue;
    for (const std::string& table : tables) {
      if (match[1] == table) Add(findings, "hash-order", source, i, source.raw[i]);
    }
  }
}

void CheckStreams(const Source& source, Findings& findings) {
  if (!source.IsUnder("src/") && !source.IsUnder("include/")) return;
  static const std::regex kInclude(R"(^\s*#\s*include\s*<iostream>)");
  AddMatches(findings, "iostream", source, source.raw, kInclude, {"#"});
}

void CheckSizes(const Source& source, Findings& findings) {
  for (size_t i = 0; i < source.raw.size(); ++i) {
    // Bytes of UTF-8 that continue a character take no column.
    size_t columns = 0;
    for (char c : source.raw[i]) columns += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    if (columns > kLineColumnsMax) Add(findings, "line", source, i, source.raw[i]);
  }
  const size_t lines = source.raw.size();
  const size_t lines_max = source.IsHeader() ? kHeaderLinesMax : kFileLinesMax;
  if (lines > lines_max) {
    findings.push_back({"file", source.path, lines, lines,
                        std::to_string(lines) + " lines, allowed " + std::to_string(lines_max)});
  }
}

void CheckTests(const Source& source, Findings& findings) {
  const bool of_java = source.path.find("/src/test/java/") != std::string::npos;
  if (!source.IsUnder("tests/") && !of_java) return;
  static const std::regex kSkipped(R"(\bGTEST_SKIP\b|\bDISABLED_|@Disabled\b)");
  AddMatches(findings, "skipped", source, source.code, kSkipped, {"SKIP", "DISABLED", "@Disabled"});
  if (source.IsUnder("tests/e2e/") || source.IsUnder("tests/web/")) return;
  static const std::regex kSleep(
      R"(\bsleep_for\b|\bsleep_until\b|\busleep\b|\bnanosleep\b|\bSleepFor\b|\bsleep\s*\()");
  AddMatches(findings, "sleep", source, source.code, kSleep, {"leep"});
}

void CheckMarks(const Source& source, Findings& findings) {
  // Written in two parts so that this line is not one.
  static const std::regex kMarks(
      "\\b(TO"
      "DO|FIX"
      "ME|XX"
      "X)\\b");
  AddMatches(findings, "marks", source, source.raw, kMarks,
             {"TO"
              "DO",
              "FIX"
              "ME",
              "XX"
              "X"});
}

void CheckLinks(const std::string& root, const std::string& path, std::string_view text,
                Findings& findings) {
  namespace fs = std::filesystem;
  const Source source = MakeSource(path, text);
  static const std::regex kLink(R"(\]\(([^)\s#]+)(?:#[^)]*)?\))");
  static const std::regex kElsewhere(R"(^[a-z]+:)");
  for (size_t i = 0; i < source.raw.size(); ++i) {
    const std::string& line = source.raw[i];
    for (std::sregex_iterator it(line.begin(), line.end(), kLink), end; it != end; ++it) {
      const std::string target = (*it)[1];
      if (std::regex_search(target, kElsewhere)) continue;
      if (!fs::exists(fs::path(root) / fs::path(path).parent_path() / target)) {
        Add(findings, "links", source, i, target);
      }
    }
  }
}

}  // namespace cohort::tidy
