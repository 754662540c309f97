// Runs a fuzz body without a fuzzer: on every file of its corpus, and on seeded mutations of given
// inputs.
#ifndef COHORT_TESTS_FUZZ_REPLAY_H_
#define COHORT_TESTS_FUZZ_REPLAY_H_

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/random.h"
#include "support/golden_file.h"

namespace cohort::fuzz {

using Input = std::vector<std::byte>;

// The files of tests/fuzz/corpus/NAME, in the order of their names.
inline std::vector<Input> Corpus(const std::string& name) {
  std::vector<std::string> paths;
  const std::string folder = std::string(COHORT_SOURCE_DIR) + "/tests/fuzz/corpus/" + name;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.is_regular_file()) paths.push_back(file.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    const std::string text = cohort::testing::ReadTextFile(path);
    const Bytes bytes = AsBytes(text);
    inputs.emplace_back(bytes.begin(), bytes.end());
  }
  return inputs;
}

// One to four small accidents: a byte or a bit changed, bytes cut, doubled or inserted, or another
// input appended.
inline Input Mutate(const std::vector<Input>& inputs, uint64_t seed) {
  Random random(seed);
  Input input = inputs.at(random.Below(inputs.size()));
  for (uint64_t accidents = random.Between(1, 4); accidents > 0; --accidents) {
    const auto at = static_cast<std::ptrdiff_t>(random.Below(input.size() + 1));
    const auto left = static_cast<uint64_t>(static_cast<std::ptrdiff_t>(input.size()) - at);
    const auto some = static_cast<std::ptrdiff_t>(random.Below(std::min<uint64_t>(left, 16) + 1));
    switch (random.Below(6)) {
      case 0:
        if (left > 0) input[static_cast<size_t>(at)] = static_cast<std::byte>(random.Next());
        break;
      case 1:
        if (left > 0)
          input[static_cast<size_t>(at)] ^= static_cast<std::byte>(1 << random.Below(8));
        break;
      case 2:
        input.erase(input.begin() + at, input.begin() + at + some);
        break;
      case 3: {
        const Input piece(input.begin() + at, input.begin() + at + some);
        input.insert(input.begin() + at, piece.begin(), piece.end());
        break;
      }
      case 4:
        input.insert(input.begin() + at, static_cast<std::byte>(random.Next()));
        break;
      default: {
        const Input& other = inputs[random.Below(inputs.size())];
        input.insert(input.end(), other.begin(), other.end());
      }
    }
  }
  return input;
}

}  // namespace cohort::fuzz

#endif  // COHORT_TESTS_FUZZ_REPLAY_H_
