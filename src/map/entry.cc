#include "map/entry.h"

#include "base/xxhash.h"
#include "map/convergent_entry.h"

namespace cohort::map {
namespace {

// Fixed layout, no padding: it is hashed as it lies. The hash is of numbers in the machine's order;
// all members of a group are little-endian, as the wire is.
struct Fields {
  XXH128_hash_t key;
  XXH128_hash_t value;
  uint64_t version_time;
  uint64_t version_writer;
  uint64_t view_num;
  uint64_t view_cid;
  int64_t expires_at;
  uint64_t ttl_ms;
  uint64_t tombstone;
};
static_assert(sizeof(Fields) == 88);

}  // namespace

// Spec 8.15
Uint128 DigestOf(std::string_view key, const Entry& entry) {
  Fields fields;
  fields.key = XXH3_128bits(key.data(), key.size());
  fields.value = XXH3_128bits(entry.value.data(), entry.value.size());
  fields.version_time = entry.version.time;
  fields.version_writer = entry.version.writer;
  fields.view_num = entry.view.num;
  fields.view_cid = entry.view.cid;
  fields.expires_at = entry.expires_at;
  fields.ttl_ms = entry.ttl_ms;
  fields.tombstone = entry.tombstone ? 1 : 0;
  const XXH128_hash_t hash = XXH3_128bits(&fields, sizeof(fields));
  return (static_cast<Uint128>(hash.high64) << 64) | hash.low64;
}

Reading ReadingOf(const Entry& entry, bool convergent) {
  return {convergent ? UnnamedValueOf(entry.value) : entry.value, entry.version, entry.expires_at,
          entry.ttl_ms};
}

}  // namespace cohort::map
