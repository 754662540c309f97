#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fuzz/replay.h"
#include "fuzz/resp_fuzz.h"

namespace cohort::fuzz {
namespace {

TEST(RespFuzz, TheCorpusAndItsMutationsKeepEveryPromise) {
  const std::vector<Input> corpus = Corpus("resp");
  ASSERT_GE(corpus.size(), 7u);
  for (const Input& input : corpus) FuzzResp(input);
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FuzzResp(Mutate(corpus, seed));
  }
}

}  // namespace
}  // namespace cohort::fuzz
