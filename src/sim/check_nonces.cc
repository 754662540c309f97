#include "sim/check_nonces.h"

#include <string>

namespace cohort::sim {

bool NonceChecker::NumberSet::Insert(uint64_t number) {
  const uint64_t page = number / kPageBits;
  if (page != last_page_) {
    last_ = &pages_[page];
    last_->resize(kPageBits / 64);
    last_page_ = page;
  }
  uint64_t& word = (*last_)[number % kPageBits / 64];
  const uint64_t bit = uint64_t{1} << (number % 64);
  const bool fresh = (word & bit) == 0;
  word |= bit;
  return fresh;
}

void NonceChecker::OnTrace(const Moment& moment, const TraceRecord& record) {
  if (record.kind == TraceKind::kSealed) {
    if (!sealed_[record.subkey].Insert(record.packet)) {
      violations_.Add("I20", moment,
                      "sealed packet number " + std::to_string(record.packet) +
                          " twice under subkey " + std::to_string(record.subkey));
    }
  } else if (record.kind == TraceKind::kOpened) {
    if (!opened_[{moment.process, record.subkey}].Insert(record.packet)) {
      violations_.Add("I21", moment,
                      "took packet number " + std::to_string(record.packet) +
                          " twice under subkey " + std::to_string(record.subkey));
    }
  }
}

}  // namespace cohort::sim
