#include "map/validation.h"

#include <algorithm>
#include <string>

#include "base/absl_bridge.h"
#include "map/limits.h"

namespace cohort::map {
namespace {

// Fields, tags and lengths of one item besides key and value, generously.
constexpr size_t kItemFieldBytes = 80;

std::string Has(size_t size) { return " has " + std::to_string(size) + " bytes; "; }

absl::Status ValidateVersion(const Version& version) {
  if (version.time < kHlcMax) return absl::OkStatus();
  return Invalid("a version's time is beyond 2^63; pass one that a read or write returned");
}

absl::Status ValidateCount(const char* what, size_t count, size_t max) {
  if (count <= max) return absl::OkStatus();
  return Invalid(std::string(what) + " has " + std::to_string(count) + " items; at most " +
                 std::to_string(max) + " are allowed, send several");
}

absl::Status ValidateExpiry(GroupTime expires_at) {
  if (expires_at >= 0 && expires_at <= kGroupTimeMaxMs) return absl::OkStatus();
  return Invalid("an expiry must be between 0 and 2^47 Unix milliseconds");
}

template <class... Statuses>
absl::Status First(const absl::Status& status, const Statuses&... rest) {
  if constexpr (sizeof...(rest) == 0) {
    return status;
  } else {
    return status.ok() ? First(std::move(rest)...) : status;
  }
}

// Each check adds the bytes it has seen to `size`.
absl::Status Check(const PutOp& op, size_t& size) {
  size += op.key.size() + op.value.size() + kItemFieldBytes;
  if (op.condition > Condition::kVersion) return Invalid("unknown condition");
  return First(ValidateKey(op.key), ValidateValue(op.value), ValidateTtl(op.ttl_ms),
               ValidateVersion(op.version));
}

absl::Status Check(const EraseOp& op, size_t& size) {
  size += op.key.size() + kItemFieldBytes;
  if (op.condition > Condition::kVersion) return Invalid("unknown condition");
  return First(ValidateKey(op.key), ValidateVersion(op.version));
}

absl::Status Check(const IncrementOp& op, size_t& size) {
  size += op.key.size() + kItemFieldBytes;
  return First(ValidateKey(op.key), ValidateTtl(op.ttl_ms));
}

absl::Status Check(const AppendOp& op, size_t& size) {
  size += op.key.size() + op.value.size() + kItemFieldBytes;
  return First(ValidateKey(op.key), ValidateValue(op.value));
}

absl::Status Check(const TouchOp& op, size_t& size) {
  size += op.key.size() + kItemFieldBytes;
  if (op.mode > TouchOp::Mode::kPersist) return Invalid("unknown kind of touch");
  return First(ValidateKey(op.key), ValidateTtl(op.ttl_ms), ValidateExpiry(op.expires_at));
}

absl::Status Check(const BatchOp& op, size_t& size) {
  absl::Status status = ValidateCount("a batch", op.items.size(), kBatchItemsMax);
  for (size_t i = 0; status.ok() && i < op.items.size(); ++i) {
    status = std::visit([&size](const auto& item) { return Check(item, size); }, op.items[i]);
  }
  return status;
}

absl::Status Check(const ClearOp&, size_t&) { return absl::OkStatus(); }

absl::Status Check(const ExpireOp& op, size_t& size) {
  absl::Status status = ValidateCount("an expiry", op.keys.size(), kExpireKeysMax);
  for (size_t i = 0; status.ok() && i < op.keys.size(); ++i) {
    size += op.keys[i].key.size() + kItemFieldBytes;
    status = First(ValidateKey(op.keys[i].key), ValidateVersion(op.keys[i].version),
                   ValidateVersion(op.keys[i].life));
  }
  return status;
}

absl::Status Check(const MergeEntry& entry, size_t& size) {
  size += entry.key.size() + entry.value.size() + kItemFieldBytes;
  if (entry.version.time == 0) return Invalid("a merged entry needs a version");
  if (entry.tombstone && (!entry.value.empty() || entry.expires_at != 0 || entry.ttl_ms != 0)) {
    return Invalid("an erased entry has neither value nor expiry");
  }
  return First(ValidateKey(entry.key), ValidateValue(entry.value), ValidateVersion(entry.version),
               ValidateExpiry(entry.expires_at), ValidateTtl(entry.ttl_ms));
}

absl::Status Check(const MergeOp& op, size_t& size) {
  size += kItemFieldBytes;
  absl::Status status = First(ValidateCount("a merge", op.entries.size(), kMergeEntriesMax),
                              ValidateVersion(op.cleared));
  for (size_t i = 0; status.ok() && i < op.entries.size(); ++i) {
    status = Check(op.entries[i], size);
  }
  return status;
}

absl::Status Check(const ConfigureOp&, size_t&) { return absl::OkStatus(); }

absl::Status Check(const ClaimOp& op, size_t& size) {
  size += op.key.size() + kItemFieldBytes;
  return ValidateKey(op.key);
}

absl::Status Check(const DeltaOp& op, size_t& size) {
  size += op.key.size() + kItemFieldBytes;
  absl::Status status =
      First(ValidateKey(op.key), ValidateVersion(op.life), ValidateExpiry(op.accessed_at),
            ValidateCount("a delta", op.writes.size(), kOpAttributesMax));
  if (op.life.time == 0) return Invalid("a delta needs a life");
  size_t made = 0;  // Of the values that come of it: what applying it may cost.
  for (const DeltaOp::Write& write : op.writes) {
    size += write.name.size() + write.value.size() + kItemFieldBytes;
    made += std::max<size_t>(write.value.size(), write.size);
    if (write.name.size() > kAttributeNameBytesMax || made > kRegistersBytesMax ||
        (write.absent && !write.value.empty()))
      return Invalid("the writes of a delta make more than an entry, or erase and set");
    if (status.ok()) status = ValidateVersion(write.base);
  }
  if (status.ok() && size > kConvergentOpBytesMax) return Invalid("a delta is beyond 1 MiB");
  return status;
}

absl::Status Check(const PurgeOp& op, size_t& size) {
  if (op.upto >= kHlcMax || op.contents >= kHlcMax) return Invalid("a purge's time is beyond 2^63");
  absl::Status status = ValidateCount("a purge", op.claims.size(), kPurgeClaimsMax);
  for (size_t i = 0; status.ok() && i < op.claims.size(); ++i) status = Check(op.claims[i], size);
  return status;
}

}  // namespace

absl::Status Invalid(const std::string& message) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, message);
}

absl::Status ValidateMapName(std::string_view name) {
  if (name.empty()) return Invalid("a map needs a name; give it one of 1 to 64 bytes");
  if (name.size() <= kMapNameBytesMax) return absl::OkStatus();
  return Invalid("the map's name" + Has(name.size()) + "at most " +
                 std::to_string(kMapNameBytesMax) + " are allowed, choose a shorter one");
}

absl::Status ValidateKey(std::string_view key) {
  if (key.empty()) return Invalid("the key is empty; a key has 1 to 4096 bytes");
  if (key.size() <= kKeyBytesMax) return absl::OkStatus();
  return Invalid("the key" + Has(key.size()) + "at most " + std::to_string(kKeyBytesMax) +
                 " are allowed, use a hash of it as the key and keep it in the value");
}

absl::Status ValidateValue(std::string_view value) {
  if (value.size() <= kValueBytesMax) return absl::OkStatus();
  return Invalid("the value" + Has(value.size()) + "at most " + std::to_string(kValueBytesMax) +
                 " are allowed, split it over several keys or compress it");
}

absl::Status ValidateTtl(uint64_t ttl_ms) {
  if (ttl_ms <= kTtlMaxMs) return absl::OkStatus();
  return Invalid("a time to live of " + std::to_string(ttl_ms) + " ms is above the limit of " +
                 std::to_string(kTtlMaxMs) + " ms (139 years); use 0 for an entry that stays");
}

absl::Status ValidateOp(const MapOp& op) {
  if (op.hlc == 0 || op.hlc >= kHlcMax) return Invalid("the operation's time is out of range");
  size_t size = op.map.size() + kItemFieldBytes;
  absl::Status status =
      First(ValidateMapName(op.map),
            std::visit([&size](const auto& body) { return Check(body, size); }, op.body));
  if (status.ok() && size > kOpBytesMax) {
    return Invalid("the operation has about " + std::to_string(size) + " bytes; at most " +
                   std::to_string(kOpBytesMax) + " are allowed, send several smaller ones");
  }
  return status;
}

}  // namespace cohort::map
