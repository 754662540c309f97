#include "map/types.h"

#include <array>
#include <bit>

namespace cohort::map {

namespace {

constexpr uint64_t kSpread = 0x9E3779B97F4A7C15u;
// So that kSpread * kGather == 1: by Newton's iteration, each step of which doubles the bits.
constexpr uint64_t kGather = [] {
  uint64_t inverse = kSpread;
  for (int i = 0; i < 6; ++i) inverse *= 2 - kSpread * inverse;
  return inverse;
}();
static_assert(kSpread * kGather == 1);

uint64_t WordOf(const InstanceId& instance) { return instance.hi ^ std::rotl(instance.lo, 31); }

}  // namespace

uint64_t WriterWord(const MemberId& member) {
  return WordOf(member.instance) ^ (member.join_no * kSpread);
}

bool IsWordOf(uint64_t word, const MemberId& member) {
  return (word ^ WordOf(member.instance)) * kGather <= member.join_no;
}

std::string Digest::ToString() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(32);
  for (uint64_t word : std::array{hi, lo}) {
    for (int shift = 60; shift >= 0; shift -= 4) text.push_back(kDigits[(word >> shift) & 15]);
  }
  return text;
}

}  // namespace cohort::map
