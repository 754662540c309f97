#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "fuzz/messaging_fuzz.h"
#include "fuzz/replay.h"

namespace cohort::fuzz {
namespace {

TEST(MessagingFuzz, TheCorpusAndItsMutationsKeepEveryPromise) {
  const std::vector<Input> corpus = Corpus("messaging");
  ASSERT_GE(corpus.size(), 6u);
  for (const Input& input : corpus) FuzzMessaging(input);
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FuzzMessaging(Mutate(corpus, seed));
  }
}

TEST(MessagingFuzz, RandomScriptsKeepEveryPromise) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Input input(random.Between(10, 3000));
    for (std::byte& byte : input) byte = static_cast<std::byte>(random.Next());
    FuzzMessaging(input);
  }
}

}  // namespace
}  // namespace cohort::fuzz
