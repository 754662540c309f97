#include "fuzz/messaging_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cohort::fuzz::FuzzMessaging(std::as_bytes(std::span(data, size)));
  return 0;
}
