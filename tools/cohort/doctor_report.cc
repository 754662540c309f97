#include "doctor_report.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "commands.h"

namespace cohort::tools {
namespace {

std::string Counted(size_t count, const char* noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

// `text` under a heading, further lines under the first.
std::string Section(const char* heading, const std::string& text) {
  if (text.empty()) return "";
  return absl::StrCat("  ", heading, "  ", absl::StrReplaceAll(text, {{"\n", "\n            "}}),
                      "\n");
}

}  // namespace

const char* ToString(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kNote:
      return "note";
    case Level::kNotRun:
      return "not run";
    case Level::kWarning:
      return "warning";
    case Level::kProblem:
      return "problem";
  }
  return "?";
}

size_t DoctorReport::Count(Level level) const {
  return static_cast<size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [level](const Finding& finding) { return finding.level == level; }));
}

int DoctorReport::ExitStatus() const { return Count(Level::kProblem) > 0 ? kExitFailed : kExitOk; }

nlohmann::ordered_json DoctorReport::ToJson() const {
  nlohmann::ordered_json json = {{"group", group},
                                 {"interface", interface},
                                 {"address", address},
                                 {"multicast", multicast},
                                 {"heard", heard},
                                 {"problems", Count(Level::kProblem)},
                                 {"warnings", Count(Level::kWarning)}};
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    json["findings"].push_back({{"check", finding.check},
                                {"level", ToString(finding.level)},
                                {"finding", finding.finding},
                                {"evidence", finding.evidence},
                                {"remedy", finding.remedy}});
  }
  return json;
}

std::string ProgressLine(const Finding& finding) {
  char head[32];
  std::snprintf(head, sizeof head, "%-8s %-12s ", ToString(finding.level), finding.check.c_str());
  return absl::StrCat(head, finding.finding, "\n");
}

std::string Summary(const DoctorReport& report) {
  std::string text = absl::StrCat("\n", Counted(report.Count(Level::kProblem), "problem"), ", ",
                                  Counted(report.Count(Level::kWarning), "warning"), "\n");
  for (const Level level : {Level::kNote, Level::kWarning, Level::kProblem}) {
    for (const Finding& finding : report.findings) {
      if (finding.level != level) continue;
      absl::StrAppend(&text, "\n", ToString(level), ": ", finding.finding, "\n",
                      Section("evidence", finding.evidence), Section("mend    ", finding.remedy));
    }
  }
  return text;
}

}  // namespace cohort::tools
