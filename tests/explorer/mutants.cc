#include "tests/explorer/mutants.h"

namespace cohort::explorer {
std::vector<Mutant> Mutants() { return {}; }
}  // namespace cohort::explorer
