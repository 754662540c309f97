// The functions behind the command table. Those over MapTransaction know nothing of connections and
// can be run twice.
#ifndef COHORT_TOOLS_RESP_COMMANDS_H_
#define COHORT_TOOLS_RESP_COMMANDS_H_

#include "resp_command.h"

namespace cohort::tools {

#define COHORT_RESP_RUN(name) void name(MapTransaction& keys, Arguments arguments, RespReply& reply)
#define COHORT_RESP_CONTROL(name) \
  void name(RespSession& session, Arguments arguments, RespReply& reply)
#define COHORT_RESP_PLAN(name) bool name(Arguments arguments, WritePlan& plan)

// resp_commands_string.cc
COHORT_RESP_RUN(RunGet);
COHORT_RESP_RUN(RunSet);
COHORT_RESP_RUN(RunSetEx);
COHORT_RESP_RUN(RunPSetEx);
COHORT_RESP_RUN(RunSetNx);
COHORT_RESP_RUN(RunGetSet);
COHORT_RESP_RUN(RunGetDel);
COHORT_RESP_RUN(RunMGet);
COHORT_RESP_RUN(RunMSet);
COHORT_RESP_RUN(RunIncr);
COHORT_RESP_RUN(RunDecr);
COHORT_RESP_RUN(RunIncrBy);
COHORT_RESP_RUN(RunDecrBy);
COHORT_RESP_RUN(RunAppend);
COHORT_RESP_RUN(RunStrLen);
// resp_plans.cc
COHORT_RESP_PLAN(PlanSet);
COHORT_RESP_PLAN(PlanSetEx);
COHORT_RESP_PLAN(PlanPSetEx);
COHORT_RESP_PLAN(PlanSetNx);
COHORT_RESP_PLAN(PlanMSet);
COHORT_RESP_PLAN(PlanIncr);
COHORT_RESP_PLAN(PlanDecr);
COHORT_RESP_PLAN(PlanIncrBy);
COHORT_RESP_PLAN(PlanDecrBy);
COHORT_RESP_PLAN(PlanDel);
COHORT_RESP_PLAN(PlanExpire);
COHORT_RESP_PLAN(PlanPExpire);
COHORT_RESP_PLAN(PlanFlush);
// Of `map`, a convergent one: writes of hashes go to attributes, several keys are erased as they
// are.
bool PlanConvergent(const ReplicatedMap& map, Arguments arguments, WritePlan& plan);
// resp_commands_key.cc
COHORT_RESP_RUN(RunDel);
COHORT_RESP_RUN(RunExists);
COHORT_RESP_RUN(RunType);
COHORT_RESP_RUN(RunRename);
COHORT_RESP_RUN(RunRenameNx);
COHORT_RESP_RUN(RunExpire);
COHORT_RESP_RUN(RunPExpire);
COHORT_RESP_RUN(RunExpireAt);
COHORT_RESP_RUN(RunPExpireAt);
COHORT_RESP_RUN(RunPersist);
COHORT_RESP_RUN(RunTtl);
COHORT_RESP_RUN(RunPTtl);
// resp_commands_hash.cc
COHORT_RESP_RUN(RunHSet);
COHORT_RESP_RUN(RunHSetNx);
COHORT_RESP_RUN(RunHGet);
COHORT_RESP_RUN(RunHMGet);
COHORT_RESP_RUN(RunHGetAll);
COHORT_RESP_RUN(RunHDel);
COHORT_RESP_RUN(RunHExists);
COHORT_RESP_RUN(RunHLen);
COHORT_RESP_RUN(RunHKeys);
COHORT_RESP_RUN(RunHVals);
COHORT_RESP_RUN(RunHIncrBy);
COHORT_RESP_RUN(RunHScan);
// resp_commands_map.cc
COHORT_RESP_CONTROL(ControlScan);
COHORT_RESP_CONTROL(ControlKeys);
COHORT_RESP_CONTROL(ControlDbSize);
COHORT_RESP_CONTROL(ControlFlush);
COHORT_RESP_CONTROL(ControlWait);
COHORT_RESP_CONTROL(ControlCohort);
// resp_commands_connection.cc
COHORT_RESP_RUN(RunPing);
COHORT_RESP_RUN(RunEcho);
COHORT_RESP_RUN(RunSelect);
COHORT_RESP_CONTROL(ControlPing);
COHORT_RESP_CONTROL(ControlHello);
COHORT_RESP_CONTROL(ControlAuth);
COHORT_RESP_CONTROL(ControlSelect);
COHORT_RESP_CONTROL(ControlQuit);
COHORT_RESP_CONTROL(ControlReset);
COHORT_RESP_CONTROL(ControlClient);
COHORT_RESP_CONTROL(ControlMulti);
COHORT_RESP_CONTROL(ControlExec);
COHORT_RESP_CONTROL(ControlDiscard);
// resp_commands_pubsub.cc
COHORT_RESP_CONTROL(ControlSubscribe);
COHORT_RESP_CONTROL(ControlPSubscribe);
COHORT_RESP_CONTROL(ControlUnsubscribe);
COHORT_RESP_CONTROL(ControlPUnsubscribe);
// resp_commands_server.cc
COHORT_RESP_CONTROL(ControlCommand);
COHORT_RESP_CONTROL(ControlConfig);
COHORT_RESP_CONTROL(ControlInfo);

// The lifetime `text` asks for, in units of `unit`. False when it is no number, not positive, or
// too large.
bool ParseLifetime(std::string_view text, absl::Duration unit, absl::Duration& ttl);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_COMMANDS_H_
