#include "map/value_delta.h"

#include <zstd.h>

#include <algorithm>
#include <memory>

#include "base/xxhash.h"
#include "map/limits.h"

namespace cohort::map {
namespace {

constexpr int kLevel = 1;
// Reaches over the base and the value.
constexpr int kWindowLog = 20;
static_assert((size_t{1} << kWindowLog) >= 2 * kRegistersBytesMax);

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

std::optional<std::string> EncodeDelta(std::string_view base, std::string_view value,
                                       size_t size_max) {
  if (std::max(base.size(), value.size()) > kRegistersBytesMax) return std::nullopt;
  const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  if (context == nullptr) return std::nullopt;
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kWindowLog);
  ZSTD_CCtx_refPrefix(context.get(), base.data(), base.size());
  std::string delta(size_max, '\0');
  const size_t size =
      ZSTD_compress2(context.get(), delta.data(), delta.size(), value.data(), value.size());
  if (ZSTD_isError(size) != 0) return std::nullopt;  // Of the errors, that it does not fit.
  delta.resize(size);
  return delta;
}

std::optional<std::string> DecodeDelta(std::string_view base, std::string_view delta, size_t size) {
  if (size > kRegistersBytesMax) return std::nullopt;
  if (ZSTD_getFrameContentSize(delta.data(), delta.size()) != size) return std::nullopt;
  const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  if (context == nullptr) return std::nullopt;
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLog);
  ZSTD_DCtx_refPrefix(context.get(), base.data(), base.size());
  std::string value(size, '\0');
  const size_t made =
      ZSTD_decompressDCtx(context.get(), value.data(), size, delta.data(), delta.size());
  if (made != size) return std::nullopt;  // An error is a number beyond every size.
  return value;
}

uint64_t ValueHash(std::string_view value) { return XXH3_64bits(value.data(), value.size()); }

}  // namespace cohort::map
