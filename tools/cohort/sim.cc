// `cohort sim`: the simulator's campaigns.
#include "commands.h"
#include "sim/campaign.h"
#include "simsession/users.h"

namespace cohort::tools {

int RunSim(int argc, char** argv) {
  sim::SimCommandOptions options;
  options.tenants = simsession::SessionStores();
  if (!sim::ParseSimCommand(argc - 1, argv + 1, options)) return kExitUsage;
  if (options.help) return kExitOk;
  return sim::RunSimCommand(options);
}

}  // namespace cohort::tools
