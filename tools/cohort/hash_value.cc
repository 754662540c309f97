#include "hash_value.h"

#include <cstdint>

namespace cohort::tools {
namespace {

constexpr size_t kSizeBytes = 4;

// Cuts a size and as many bytes off the front of `rest`.
bool TakeText(std::string_view& rest, std::string_view& text) {
  if (rest.size() < kSizeBytes) return false;
  size_t size = 0;
  for (size_t i = kSizeBytes; i-- > 0;) size = size << 8 | static_cast<uint8_t>(rest[i]);
  rest.remove_prefix(kSizeBytes);
  if (size > rest.size()) return false;
  text = rest.substr(0, size);
  rest.remove_prefix(size);
  return true;
}

void AppendText(std::string_view text, std::string& out) {
  for (size_t i = 0; i < kSizeBytes; ++i) out.push_back(static_cast<char>(text.size() >> 8 * i));
  out += text;
}

}  // namespace

bool HashValue::Parse(std::string_view value) {
  fields_.clear();
  encoded_bytes_ = value.size();
  if (!IsHash(value)) return false;
  std::string_view rest = value.substr(kHashMark.size());
  while (!rest.empty()) {
    std::string_view field;
    std::string_view text;
    if (!TakeText(rest, field) || !TakeText(rest, text)) return false;
    if (!fields_.empty() && field <= fields_.rbegin()->first) return false;
    fields_.emplace_hint(fields_.end(), field, text);
  }
  return !fields_.empty();
}

std::string HashValue::Encode() const {
  std::string value;
  value.reserve(encoded_bytes_);
  value += kHashMark;
  for (const auto& [field, text] : fields_) {
    AppendText(field, value);
    AppendText(text, value);
  }
  return value;
}

std::optional<std::string_view> HashValue::Find(std::string_view field) const {
  const auto found = fields_.find(field);
  if (found == fields_.end()) return std::nullopt;
  return found->second;
}

bool HashValue::Set(std::string_view field, std::string_view value) {
  const auto [slot, added] = fields_.try_emplace(field, value);
  if (added) {
    encoded_bytes_ += 2 * kSizeBytes + field.size() + value.size();
  } else {
    encoded_bytes_ = encoded_bytes_ - slot->second.size() + value.size();
    slot->second = value;
  }
  return added;
}

bool HashValue::Erase(std::string_view field) {
  const auto found = fields_.find(field);
  if (found == fields_.end()) return false;
  encoded_bytes_ -= 2 * kSizeBytes + field.size() + found->second.size();
  fields_.erase(found);
  return true;
}

}  // namespace cohort::tools
