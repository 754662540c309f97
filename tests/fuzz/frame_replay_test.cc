#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "fuzz/frame_fuzz.h"
#include "fuzz/replay.h"

namespace cohort::fuzz {
namespace {

std::vector<Input> GoldenInputs() {
  std::vector<std::string> paths;
  for (const auto& file :
       std::filesystem::directory_iterator(cohort::testing::TestDataPath("wire"))) {
    if (file.path().extension() == ".hex") paths.push_back(file.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    inputs.push_back(cohort::testing::FromHex(cohort::testing::ReadTextFile(path)));
  }
  return inputs;
}

TEST(FrameFuzz, TheCorpusKeepsEveryPromise) {
  const std::vector<Input> corpus = Corpus("frame");
  EXPECT_FALSE(corpus.empty());
  for (const Input& input : corpus) FuzzFrames(input);
}

TEST(FrameFuzz, MutatedGoldenFramesKeepEveryPromise) {
  const std::vector<Input> inputs = GoldenInputs();
  ASSERT_GE(inputs.size(), 12u);
  for (const Input& input : inputs) FuzzFrames(input);
  // A finding aborts, so its seed is told by bisection of this range; 1000 take a few milliseconds.
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FuzzFrames(Mutate(inputs, seed));
  }
}

}  // namespace
}  // namespace cohort::fuzz
