#include "fuzz/frame_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cohort::fuzz::FuzzFrames(std::as_bytes(std::span(data, size)));
  return 0;
}
