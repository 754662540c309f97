#include "cohort/ids.h"

#include <cinttypes>
#include <cstdio>

namespace cohort {

std::string InstanceId::ToString() const {
  char text[33];
  std::snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, hi, lo);
  return text;
}

std::string MemberId::ToString() const {
  char text[24];
  std::snprintf(text, sizeof text, "%08" PRIx64 "/%" PRIu32, instance.hi >> 32, join_no);
  return text;
}

std::string ViewId::ToString() const {
  char text[32];
  std::snprintf(text, sizeof text, "%" PRIu64 "-%06" PRIx64, num, cid >> 40);
  return text;
}

std::string Version::ToString() const {
  if (*this == None()) return "none";
  char text[64];
  std::snprintf(text, sizeof text, "%" PRIu64 ".%u@%" PRIx64, time >> 16,
                static_cast<unsigned>(time & 0xFFFF), writer);
  return text;
}

}  // namespace cohort
