// One broken rule each. These structs exist in this program only.
#ifndef COHORT_TESTS_EXPLORER_MUTANTS_H_
#define COHORT_TESTS_EXPLORER_MUTANTS_H_

#include <string>
#include <vector>

#include "tests/explorer/config.h"

namespace cohort::explorer {

struct Mutant {
  std::string name;
  Report (*run)(const Config&);
  Config config;  // Where it is known to show.
};

std::vector<Mutant> Mutants();

}  // namespace cohort::explorer

#endif  // COHORT_TESTS_EXPLORER_MUTANTS_H_
