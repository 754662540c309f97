// Options of a simulated group that prints how to replay it where the test has failed.
#ifndef COHORT_TESTS_TESTING_SEED_H_
#define COHORT_TESTS_TESTING_SEED_H_

#include <gtest/gtest.h>

#include "cohort/testing/sim_group.h"

namespace cohort::testing {

inline SimOptions Seed(uint64_t seed, Policy policy = Policy::kAvailable) {
  SimOptions options;
  options.seed = seed;
  options.policy = policy;
  options.failed = ::testing::Test::HasFailure;
  return options;
}

}  // namespace cohort::testing

#endif  // COHORT_TESTS_TESTING_SEED_H_
