// What `cohort doctor` found out, and how it is told: a line for each check as it runs, at the end
// what to do about it, or all of it as one JSON object.
#ifndef COHORT_TOOLS_DOCTOR_REPORT_H_
#define COHORT_TOOLS_DOCTOR_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace cohort::tools {

enum class Level : uint8_t {
  kOk,
  kNote,     // As it may be meant, or not: the reader has to say.
  kNotRun,   // Nothing can be said; `evidence` tells why.
  kWarning,  // Members may find each other all the same.
  kProblem,  // A reason why they do not.
};
const char* ToString(Level level);

struct Finding {
  std::string check;  // The word the check goes by: one of those in docs/doctor.md.
  Level level = Level::kOk;
  std::string finding;   // In one sentence.
  std::string evidence;  // What it rests on; may be empty.
  std::string remedy;    // Commands, one a line; empty when nothing has to be done.
};
using Findings = std::vector<Finding>;

struct DoctorReport {
  std::string group;
  std::string interface;  // Empty: none could be chosen.
  std::string address;
  std::string multicast;           // Empty: without multicast, or its address is wrong.
  std::vector<std::string> heard;  // Other members, "NAME at ADDRESS".
  Findings findings;

  size_t Count(Level level) const;
  // kExitFailed if there is a problem, else kExitOk.
  int ExitStatus() const;
  nlohmann::ordered_json ToJson() const;
};

// One line, with its line end.
std::string ProgressLine(const Finding& finding);
// Notes, warnings and problems with evidence and remedy, problems last, where the eye rests.
std::string Summary(const DoctorReport& report);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_DOCTOR_REPORT_H_
