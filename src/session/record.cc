#include "session/record.h"

#include <algorithm>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cohort::session {
namespace {

constexpr uint8_t kFormat = 1;
constexpr char kSessionPrefix = 's';
constexpr char kEndPrefix = 'e';
constexpr char kNewIdPrefix = 'n';
constexpr char kAttributePrefix = 'a';

void AppendNumber(std::string& out, uint64_t number, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(number >> (8 * i) & 0xFF));
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  uint64_t Number(size_t bytes) {
    const std::string_view taken = Take(bytes);
    uint64_t number = 0;
    for (size_t i = 0; i < taken.size(); ++i) {
      number |= static_cast<uint64_t>(static_cast<uint8_t>(taken[i])) << (8 * i);
    }
    return number;
  }
  std::string_view Take(size_t bytes) {
    if (left_.size() < bytes) ok_ = false;
    const std::string_view taken = ok_ ? left_.substr(0, bytes) : std::string_view();
    left_.remove_prefix(taken.size());
    return taken;
  }
  // All was there, and nothing else.
  bool IsComplete() const { return ok_ && left_.empty(); }

 private:
  std::string_view left_;
  bool ok_ = true;
};

bool IsInterval(int64_t millis) {
  return millis >= 0 && millis <= absl::ToInt64Milliseconds(kIntervalMax);
}

std::string Prefixed(char prefix, std::string_view text) {
  std::string key(1, prefix);
  key.append(text);
  return key;
}

}  // namespace

std::string SessionKey(std::string_view id) { return Prefixed(kSessionPrefix, id); }
std::string NewIdKey(std::string_view old_id) { return Prefixed(kNewIdPrefix, old_id); }
std::string AttributeName(std::string_view name) { return Prefixed(kAttributePrefix, name); }

std::optional<std::string_view> IdOfKey(std::string_view key) {
  if (key.size() < 2 || key[0] != kSessionPrefix) return std::nullopt;
  return key.substr(1);
}

bool IsEndKey(std::string_view key) { return !key.empty() && key[0] == kEndPrefix; }

std::string EndKey(uint64_t writer, uint64_t number) {
  std::string key(1, kEndPrefix);
  AppendNumber(key, writer, 8);
  AppendNumber(key, number, 8);
  return key;
}

std::string Encode(const InfoRecord& info) {
  const bool expires = info.max_inactive != absl::InfiniteDuration();
  std::string out;
  AppendNumber(out, kFormat, 1);
  AppendNumber(out, static_cast<uint64_t>(absl::ToUnixMillis(info.created)), 8);
  AppendNumber(
      out, static_cast<uint64_t>(expires ? absl::ToInt64Milliseconds(info.max_inactive) : 0), 8);
  AppendNumber(out, static_cast<uint64_t>(absl::ToInt64Milliseconds(info.orphan_time)), 8);
  return out;
}

std::optional<InfoRecord> DecodeInfo(std::string_view bytes) {
  Reader reader(bytes);
  const uint64_t format = reader.Number(1);
  const auto created = static_cast<int64_t>(reader.Number(8));
  const auto interval = static_cast<int64_t>(reader.Number(8));
  const auto orphan = static_cast<int64_t>(reader.Number(8));
  if (!reader.IsComplete() || format != kFormat) return std::nullopt;
  if (!IsInterval(interval) || !IsInterval(orphan)) return std::nullopt;
  InfoRecord info;
  info.created = absl::FromUnixMillis(created);
  if (interval > 0) info.max_inactive = absl::Milliseconds(interval);
  info.orphan_time = absl::Milliseconds(orphan);
  return info;
}

std::string Encode(const EndRecord& end) {
  std::string out;
  AppendNumber(out, kFormat, 1);
  AppendNumber(out, static_cast<uint64_t>(end.cause), 1);
  for (const std::string* id : {&end.id, &end.new_id}) {
    AppendNumber(out, id->size(), 2);
    out.append(*id);
  }
  return out;
}

std::optional<EndRecord> DecodeEnd(std::string_view bytes) {
  Reader reader(bytes);
  const uint64_t format = reader.Number(1);
  const uint64_t cause = reader.Number(1);
  const std::string_view id = reader.Take(reader.Number(2));
  const std::string_view new_id = reader.Take(reader.Number(2));
  if (!reader.IsComplete() || format != kFormat) return std::nullopt;
  if (cause < static_cast<uint64_t>(EndCause::kInvalidated) ||
      cause > static_cast<uint64_t>(EndCause::kWithdrawn))
    return std::nullopt;
  const bool is_renamed = cause == static_cast<uint64_t>(EndCause::kRenamed);
  if (id.empty() || is_renamed == new_id.empty()) return std::nullopt;
  if (std::max(id.size(), new_id.size()) > kSessionIdBytesMax) return std::nullopt;
  return EndRecord{static_cast<EndCause>(cause), std::string(id), std::string(new_id)};
}

absl::StatusOr<Contents> ContentsOf(std::vector<Attribute> entry) {
  Contents contents;
  std::optional<std::string> info;
  for (Attribute& attribute : entry) {
    if (attribute.name == kInfoName) {
      info = std::move(attribute.value);
    } else if (attribute.name == kMetadataName) {
      contents.metadata = std::move(attribute.value);
    } else if (attribute.name.size() > 1 && attribute.name[0] == kAttributePrefix) {
      contents.attributes[attribute.name.substr(1)] = std::move(attribute.value);
    }  // Whatever else is there is of a later release.
  }
  if (!info.has_value()) return absl::NotFoundError("no such session");
  const std::optional<InfoRecord> record = DecodeInfo(*info);
  if (!record.has_value())
    return absl::DataLossError("the session's record has another format than this release reads");
  contents.info = *record;
  return contents;
}

size_t BytesOf(const Contents& contents) {
  size_t bytes = contents.metadata.size();
  for (const auto& [name, value] : contents.attributes) bytes += BytesOf(name, value.size());
  return bytes;
}

ContentHash HashOf(const Contents& contents) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  const auto add = [&](std::string_view bytes) {
    const uint64_t size = bytes.size();
    XXH3_128bits_update(&state, &size, sizeof(size));
    XXH3_128bits_update(&state, bytes.data(), bytes.size());
  };
  add(Encode(contents.info));
  add(contents.metadata);
  for (const auto& [name, value] : contents.attributes) {
    add(name);
    add(value);
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return {hash.high64, hash.low64};
}

absl::Duration Interval(absl::Duration max_inactive) {
  if (max_inactive <= absl::ZeroDuration() || max_inactive > kIntervalMax)
    return absl::InfiniteDuration();
  return absl::Ceil(max_inactive, absl::Milliseconds(1));
}

absl::Duration AccessSlack(absl::Duration max_inactive) {
  return std::min(absl::Seconds(5), max_inactive / 10);
}

}  // namespace cohort::session
