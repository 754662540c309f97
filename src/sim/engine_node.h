// The engine as a node of the simulator.
#ifndef COHORT_SIM_ENGINE_NODE_H_
#define COHORT_SIM_ENGINE_NODE_H_

#include "sim/node.h"

namespace cohort::sim {

// Makes nodes that are engines.
NodeFactory EngineNodes();

}  // namespace cohort::sim

#endif  // COHORT_SIM_ENGINE_NODE_H_
