// `cohort doctor`: why members do not find each other.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "doctor_checks.h"
#include "doctor_report.h"
#include "group_flags.h"

namespace cohort::tools {
namespace {

constexpr double kListenSecondsMax = 3600;

constexpr const char* kDoctorExamples = R"(Examples:
  cohort doctor --group shop --key-file shop.key
      on a host whose members do not find the others, with the flags its node is started with
  cohort doctor --group shop --key-file shop.key --seconds 60
      on two hosts at the same time: doctors hear each other, so no member has to run
  cohort doctor --group shop --key-file shop.key --bind eth1 --seed 10.0.0.5:7601 --json
      one JSON object, for programs

It does not join the group, and members do not notice it. As root it also reads the packet filter's rules.
Exit status: 0 no problem, 1 problems found, 2 used wrongly. docs/doctor.md tells what each finding means.
)";

int FailExamination(const absl::Status& status) {
  PrintError("doctor", status);
  std::fputs("See `cohort doctor --help`.\n", stderr);
  return kExitUsage;
}

DoctorReport Examine(Examination& exam, bool json) {
  DoctorReport report;
  report.group = exam.options.group;
  for (const Check& check : kChecks) {
    for (Finding& finding : check.run(exam)) {
      finding.check = check.name;
      if (!json) {
        std::fputs(ProgressLine(finding).c_str(), stdout);
        std::fflush(stdout);
      }
      report.findings.push_back(std::move(finding));
    }
  }
  if (exam.choice) {
    report.interface = exam.choice->interface.name;
    report.address = IpText(exam.choice->address);
  }
  if (!exam.multicast.IsNone()) report.multicast = exam.multicast.ToString();
  if (exam.census == nullptr) return report;
  for (const auto& [address, sender] : exam.census->senders()) {
    if (sender.Of(Census::Kind::kMember) == 0) continue;
    report.heard.push_back(
        absl::StrCat(sender.name.empty() ? "?" : sender.name, " at ", address.ToString()));
  }
  return report;
}

}  // namespace

int RunDoctor(int argc, char** argv) {
  CLI::App app("Why members of a group do not find each other, and what to do about it.",
               "cohort doctor");
  GroupFlags flags;
  flags.AddTo(app);
  double seconds = 3;
  bool json = false;
  app.add_option("--seconds", seconds, "How long to listen for other members")
      ->check(CLI::Range(0.0, kListenSecondsMax))
      ->capture_default_str();
  app.add_flag("--json", json, "One JSON object instead of lines");
  app.set_config("-c,--config", "", "A node's configuration file; what is not the group's is left")
      ->envname("COHORT_CONFIG");
  app.allow_config_extras(CLI::config_extras_mode::ignore);
  app.footer(kDoctorExamples);
  int exit_code = kExitOk;
  if (!ParseCommandLine(app, argc, argv, exit_code)) return exit_code;
  absl::StatusOr<GroupOptions> options = flags.ToOptions();
  if (!options.ok()) return FailExamination(options.status());
  Examination exam;
  exam.options = *std::move(options);
  exam.listen_for = absl::Seconds(seconds);
  if (absl::Status status = exam.Prepare(); !status.ok()) return FailExamination(status);
  const DoctorReport report = Examine(exam, json);
  const std::string text =
      json
          ? report.ToJson().dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                "\n"
          : Summary(report);
  std::fputs(text.c_str(), stdout);
  return report.ExitStatus();
}

}  // namespace cohort::tools
