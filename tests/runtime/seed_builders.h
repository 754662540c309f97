// Addresses and seeds from their texts.
#ifndef COHORT_TESTS_RUNTIME_SEED_BUILDERS_H_
#define COHORT_TESTS_RUNTIME_SEED_BUILDERS_H_

#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "runtime/seed_table.h"

namespace cohort::runtime {

inline Address At(const std::string& text) { return *ParseAddress(text); }

// Of the member at 10.0.0.1:7600.
inline SeedTable Table(const std::vector<std::string>& texts) {
  std::vector<Seed> seeds;
  for (const std::string& text : texts) seeds.push_back(*ParseSeed(text));
  return {std::move(seeds), At("10.0.0.1:7600"), 1};
}

}  // namespace cohort::runtime

#endif  // COHORT_TESTS_RUNTIME_SEED_BUILDERS_H_
