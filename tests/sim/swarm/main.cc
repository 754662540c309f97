// cohort_sim: `cohort sim` as a program of its own, for builds without the tools.
#include "sim/campaign.h"
#include "simsession/users.h"

int main(int argc, char** argv) {
  cohort::sim::SimCommandOptions options;
  options.tenants = cohort::simsession::SessionStores();
  if (!cohort::sim::ParseSimCommand(argc - 1, argv + 1, options)) return 2;
  if (options.help) return 0;
  return cohort::sim::RunSimCommand(options);
}
