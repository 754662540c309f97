#include "map/transaction.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "base/absl_bridge.h"

namespace cohort::map {
namespace {

// Decimal text as an increment reads and writes it: no blanks, no plus sign, no leading zeros.
std::optional<int64_t> ParseDecimal(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits[0] == '0' && text.size() > 1)) return std::nullopt;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

ApplyResult Refused(absl::Status status) {
  ApplyResult result;
  result.status = std::move(status);
  return result;
}

}  // namespace

OrderedMap::Transaction::Transaction(const OrderedMap& map, uint64_t hlc, const Place& place,
                                     size_t items)
    : map_(map),
      hlc_(hlc),
      now_(static_cast<GroupTime>(hlc >> 16)),
      place_(place),
      several_(items > 1) {
  if (several_) drafts_.reserve(items);
}

const Entry* OrderedMap::Transaction::Current(uint64_t hash, std::string_view key) const {
  if (several_) {
    const auto draft = latest_.find(ToAbsl(key));
    if (draft != latest_.end()) return &drafts_[draft->second].entry;
  }
  return map_.FindHashed(hash, key);
}

const Entry* OrderedMap::Transaction::Visible(const Entry* current) const {
  return current != nullptr && current->IsVisible(now_) ? current : nullptr;
}

absl::Status OrderedMap::Transaction::CheckCondition(Condition condition, const Version& wanted,
                                                     const Entry* visible) const {
  const Version version = visible == nullptr ? Version::None() : visible->version;
  switch (condition) {
    case Condition::kNone:
      return absl::OkStatus();
    case Condition::kAbsent:
      if (visible == nullptr) return absl::OkStatus();
      return absl::AbortedError("the key is there");
    case Condition::kPresent:
      if (visible != nullptr) return absl::OkStatus();
      return absl::AbortedError("the key is absent");
    case Condition::kVersion:
      if (version == wanted) return absl::OkStatus();
      return absl::AbortedError("another write came first: the version is not the expected one");
  }
  return absl::InvalidArgumentError("unknown condition");
}

// Spec 8.12
absl::Status OrderedMap::Transaction::CheckGrowth(std::string_view key, size_t value_size,
                                                  const Entry* current) {
  const auto wanted = static_cast<int64_t>(key.size() + value_size + kEntryOverheadBytes);
  int64_t held = 0;
  if (current != nullptr && !current->tombstone) {
    held = static_cast<int64_t>(CostOf(key, *current));
  }
  const uint64_t cap = map_.state_.settings.bytes_max;
  // A map that evicts makes room for what this operation writes, if that fits an empty one.
  if (several_) {
    const auto draft = latest_.find(ToAbsl(key));
    if (draft != latest_.end() && !drafts_[draft->second].entry.tombstone)
      written_ -= static_cast<int64_t>(CostOf(key, drafts_[draft->second].entry));
  }
  written_ += wanted;
  const int64_t total = map_.state_.settings.evicts
                            ? written_
                            : static_cast<int64_t>(map_.bytes_) + growth_ + wanted - held;
  if (wanted > held && cap != 0 && total > static_cast<int64_t>(cap)) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "the map holds as many bytes as its cap of " + std::to_string(cap) +
                          " allows; erase entries, give them a time to live, or raise the cap");
  }
  growth_ += wanted - held;
  return absl::OkStatus();
}

// Spec 8.5
Version OrderedMap::Transaction::NextVersion(const Entry* current) const {
  const uint64_t before = current == nullptr ? map_.state_.forgotten : current->version.time;
  // Where the oldest goes, what comes later at its place in the order is younger, whatever the
  // clocks of the writers say.
  const uint64_t last = map_.state_.settings.evicts ? map_.state_.greatest : 0;
  return {std::max({hlc_, before + 1, last + 1}), WriterWord(place_.writer)};
}

GroupTime OrderedMap::Transaction::After(uint64_t ttl_ms) const {
  return ttl_ms == 0 ? 0 : now_ + static_cast<GroupTime>(ttl_ms);
}

Entry& OrderedMap::Transaction::AddDraft(std::string_view key, uint64_t hash, const Entry* current,
                                         ChangeCause cause, ApplyResult& result) {
  Draft draft;
  draft.key = key;
  draft.hash = hash;
  draft.cause = cause;
  draft.entry.version = NextVersion(current);
  draft.entry.view = place_.view;
  result.applied = true;
  result.version = draft.entry.version;
  if (several_) latest_[ToAbsl(key)] = drafts_.size();
  drafts_.push_back(std::move(draft));
  return drafts_.back().entry;
}

ApplyResult OrderedMap::Transaction::Judge(const PutOp& op) {
  const uint64_t hash = map_.HashOf(op.key);
  const Entry* current = Current(hash, op.key);
  const Entry* visible = Visible(current);
  ApplyResult result;
  if (visible != nullptr) {
    result.previous = visible->value;
    result.version = visible->version;
  }
  result.status = CheckCondition(op.condition, op.version, visible);
  if (!result.status.ok()) return result;
  result.status = CheckGrowth(op.key, op.value.size(), current);
  if (!result.status.ok()) return result;
  const bool keeps = op.keep_ttl && visible != nullptr;
  const GroupTime expires_at = keeps ? visible->expires_at : After(op.ttl_ms);
  const uint64_t ttl_ms = keeps ? visible->ttl_ms : op.ttl_ms;
  Entry& entry = AddDraft(op.key, hash, current, ChangeCause::kPut, result);
  entry.value = op.shared.empty() ? Buffer::CopyOf(op.value) : op.shared;
  entry.expires_at = expires_at;
  entry.ttl_ms = ttl_ms;
  return result;
}

ApplyResult OrderedMap::Transaction::Judge(const EraseOp& op) {
  const uint64_t hash = map_.HashOf(op.key);
  const Entry* current = Current(hash, op.key);
  const Entry* visible = Visible(current);
  ApplyResult result;
  if (visible != nullptr) {
    result.previous = visible->value;
    result.version = visible->version;
  }
  result.status = CheckCondition(op.condition, op.version, visible);
  if (!result.status.ok()) return result;
  if (current == nullptr || current->tombstone) return result;
  // Also an entry that has expired and was not deleted yet goes, though the writer is told that
  // there was none.
  growth_ -= static_cast<int64_t>(CostOf(op.key, *current));
  result.number = visible == nullptr ? 0 : 1;
  AddDraft(op.key, hash, current, ChangeCause::kErase, result).tombstone = true;
  result.version = Version::None();
  return result;
}

// Spec 8.8
ApplyResult OrderedMap::Transaction::Judge(const IncrementOp& op) {
  const uint64_t hash = map_.HashOf(op.key);
  const Entry* current = Current(hash, op.key);
  const Entry* visible = Visible(current);
  std::optional<int64_t> before = op.initial;
  if (visible != nullptr) before = ParseDecimal(visible->value.text());
  if (!before.has_value()) {
    return Refused(absl::FailedPreconditionError("value is not an integer or out of range"));
  }
  int64_t sum = 0;
  if (__builtin_add_overflow(*before, op.delta, &sum)) {
    return Refused(absl::OutOfRangeError("increment or decrement would overflow"));
  }
  const std::string text = std::to_string(sum);
  ApplyResult result;
  result.status = CheckGrowth(op.key, text.size(), current);
  if (!result.status.ok()) return result;
  const GroupTime expires_at = visible != nullptr ? visible->expires_at : After(op.ttl_ms);
  const uint64_t ttl_ms = visible != nullptr ? visible->ttl_ms : op.ttl_ms;
  Entry& entry = AddDraft(op.key, hash, current, ChangeCause::kPut, result);
  entry.value = Buffer::CopyOf(text);
  entry.expires_at = expires_at;
  entry.ttl_ms = ttl_ms;
  result.number = sum;
  return result;
}

ApplyResult OrderedMap::Transaction::Judge(const AppendOp& op) {
  const uint64_t hash = map_.HashOf(op.key);
  const Entry* current = Current(hash, op.key);
  const Entry* visible = Visible(current);
  const Buffer before = visible == nullptr ? Buffer() : visible->value;
  const size_t size = before.size() + op.value.size();
  if (size > kValueBytesMax) {
    return Refused(MakeStatus(absl::StatusCode::kResourceExhausted,
                              "the value would be larger than " + std::to_string(kValueBytesMax) +
                                  " bytes; split it over several keys"));
  }
  ApplyResult result;
  result.status = CheckGrowth(op.key, size, current);
  if (!result.status.ok()) return result;
  const GroupTime expires_at = visible == nullptr ? 0 : visible->expires_at;
  const uint64_t ttl_ms = visible == nullptr ? 0 : visible->ttl_ms;
  Entry& entry = AddDraft(op.key, hash, current, ChangeCause::kPut, result);
  entry.value = Buffer::Allocate(size);
  const auto end =
      std::copy(before.bytes().begin(), before.bytes().end(), entry.value.Fill().begin());
  const cohort::Bytes added = AsBytes(op.value);
  std::copy(added.begin(), added.end(), end);
  entry.expires_at = expires_at;
  entry.ttl_ms = ttl_ms;
  result.number = static_cast<int64_t>(size);
  return result;
}

ApplyResult OrderedMap::Transaction::Judge(const TouchOp& op) {
  const uint64_t hash = map_.HashOf(op.key);
  const Entry* visible = Visible(Current(hash, op.key));
  if (visible == nullptr) return Refused(absl::NotFoundError("the key is absent"));
  ApplyResult result;
  result.version = visible->version;
  const Entry before = *visible;  // AddDraft may move what `visible` points to.
  GroupTime expires_at = 0;
  uint64_t ttl_ms = 0;
  switch (op.mode) {
    case TouchOp::Mode::kRearm:
      // A map that evicts wants to know what is used, also without a lifetime.
      if (before.ttl_ms == 0 && !map_.state_.settings.evicts) return result;
      ttl_ms = before.ttl_ms;
      expires_at = After(ttl_ms);
      break;
    case TouchOp::Mode::kTtl:
      ttl_ms = op.ttl_ms;
      expires_at = After(ttl_ms);
      break;
    case TouchOp::Mode::kExpiresAt:
      expires_at = std::max<GroupTime>(op.expires_at, 1);
      ttl_ms = expires_at > now_ ? static_cast<uint64_t>(expires_at - now_) : 0;
      break;
    case TouchOp::Mode::kPersist:
      if (before.expires_at == 0) return result;
      break;
  }
  Entry& entry = AddDraft(op.key, hash, &before, ChangeCause::kPut, result);
  drafts_.back().feed = false;
  entry.value = before.value;
  entry.expires_at = expires_at;
  entry.ttl_ms = ttl_ms;
  result.number = 1;
  return result;
}

}  // namespace cohort::map
