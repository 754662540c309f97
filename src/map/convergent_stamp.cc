#include "map/convergent_stamp.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "map/limits.h"

namespace cohort::map {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

template <class T>
void Put(std::byte*& at, T number) {
  std::memcpy(at, &number, sizeof(number));
  at += sizeof(number);
}

template <class T>
T Take(const std::byte*& at) {
  T number;
  std::memcpy(&number, at, sizeof(number));
  at += sizeof(number);
  return number;
}

}  // namespace

// Spec 11.9
void EncodeStamp(const ConvergentStamp& stamp, std::span<std::byte> to) {
  COHORT_CHECK(to.size() == StampBytes(stamp.lives.size()));
  std::byte* at = to.data();
  for (const Life& life : stamp.lives) {
    Put(at, static_cast<uint8_t>(life.kind));
    Put(at, life.begun.time);
    Put(at, life.begun.writer);
  }
  Put(at, stamp.mark);
  Put(at, stamp.time);
  Put(at, static_cast<uint16_t>(stamp.lives.size()));
}

std::optional<std::pair<Bytes, ConvergentStamp>> ParseStamp(Bytes message) {
  if (message.size() < kStampFixedBytes) return std::nullopt;
  const std::byte* at = message.data() + message.size() - kStampFixedBytes;
  ConvergentStamp stamp;
  stamp.mark = Take<uint64_t>(at);
  stamp.time = Take<uint64_t>(at);
  const size_t lives = Take<uint16_t>(at);
  if (lives > kOpLivesMax || message.size() < StampBytes(lives)) return std::nullopt;
  if (stamp.time >= kHlcMax || stamp.mark >= kHlcMax) return std::nullopt;
  const size_t body = message.size() - StampBytes(lives);
  at = message.data() + body;
  for (size_t i = 0; i < lives; ++i) {
    const auto kind = Take<uint8_t>(at);
    const auto time = Take<uint64_t>(at);
    const auto writer = Take<uint64_t>(at);
    if (kind > static_cast<uint8_t>(Life::Kind::kBeginsAnew) || time >= kHlcMax)
      return std::nullopt;
    const bool goes_on = static_cast<Life::Kind>(kind) == Life::Kind::kGoesOn;
    if (goes_on != (time != 0)) return std::nullopt;
    stamp.lives.push_back({static_cast<Life::Kind>(kind), {time, writer}});
  }
  return std::pair(message.first(body), std::move(stamp));
}

}  // namespace cohort::map
