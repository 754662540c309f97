// The subcommands of the program `cohort`. argv[0] is the subcommand's name; each returns the exit
// status: 0 done, 1 failed (told on standard error), 2 used wrongly.
#ifndef COHORT_TOOLS_COMMANDS_H_
#define COHORT_TOOLS_COMMANDS_H_

namespace cohort::tools {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

int RunNode(int argc, char** argv);
int RunStatus(int argc, char** argv);
int RunKeygen(int argc, char** argv);
int RunDecode(int argc, char** argv);
int RunBench(int argc, char** argv);
int RunSim(int argc, char** argv);         // sim.cc
int RunDoctor(int argc, char** argv);      // doctor.cc
int RunNginxAgent(int argc, char** argv);  // nginx_agent_command.cc

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_COMMANDS_H_
