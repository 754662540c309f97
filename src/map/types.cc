#include "map/types.h"

#include <array>
#include <bit>

namespace cohort::map {

uint64_t WriterWord(const MemberId& member) {
  return member.instance.hi ^ std::rotl(member.instance.lo, 31) ^
         (member.join_no * 0x9E3779B97F4A7C15u);
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
