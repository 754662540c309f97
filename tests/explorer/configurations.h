// The bounds explored by default, and the wider ones of --long.
#ifndef COHORT_TESTS_EXPLORER_CONFIGURATIONS_H_
#define COHORT_TESTS_EXPLORER_CONFIGURATIONS_H_

#include <vector>

#include "tests/explorer/config.h"

namespace cohort::explorer {

std::vector<Config> Configurations(bool is_long);

}  // namespace cohort::explorer

#endif  // COHORT_TESTS_EXPLORER_CONFIGURATIONS_H_
