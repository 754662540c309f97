// How one value differs from another one, as bytes: what a large attribute that changed little is
// sent as (Spec 11.24).
//
// It is a frame of Zstandard (RFC 8878) whose dictionary is the whole of the value before.
//
// Thread rule: none; pure functions. Cost, measured with noise that changed in two places:
// EncodeDelta 40, 200 and 690 us for 8, 100 and 400 kB, and 0.6 MB for the time of the call;
// DecodeDelta 30 to 50 us, and never more than `size` bytes.
#ifndef COHORT_MAP_VALUE_DELTA_H_
#define COHORT_MAP_VALUE_DELTA_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cohort::map {

// Empty when it would have more than `size_max` bytes. Both values have at most kRegistersBytesMax.
std::optional<std::string> EncodeDelta(std::string_view base, std::string_view value,
                                       size_t size_max);
// The value of `size` bytes. Empty when `delta` is not one of `base` that makes so many.
std::optional<std::string> DecodeDelta(std::string_view base, std::string_view delta, size_t size);
// By which a member finds that it holds another base than the writer. XXH3, 64 bits.
uint64_t ValueHash(std::string_view value);

}  // namespace cohort::map

#endif  // COHORT_MAP_VALUE_DELTA_H_
