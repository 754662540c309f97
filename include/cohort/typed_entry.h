// What comes out of a TypedMap: entries, changes, and in words what does not decode.
#ifndef COHORT_TYPED_ENTRY_H_
#define COHORT_TYPED_ENTRY_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/ids.h"
#include "cohort/replicated_map.h"

namespace cohort {

template <class Value>
struct TypedEntry {
  Value value;
  Version version;
  absl::Duration ttl = absl::InfiniteDuration();
};

// One applied change; a value, unlike Change.
template <class Key, class Value>
struct TypedChange {
  ChangeCause cause = ChangeCause::kPut;
  // kDataLoss: these bytes are no such key or no such value, and that one is empty.
  absl::Status status;
  std::optional<Key> key;      // Empty also for kClear and kSync.
  std::optional<Value> value;  // Empty also where the entry is gone.
  Version version;
  MemberId writer;
};

template <class Key, class Value>
struct TypedScanResult {
  struct Item {
    Key key;
    TypedEntry<Value> entry;
  };
  std::vector<Item> items;
  uint64_t cursor = 0;
  // kDataLoss: names the first entry that does not decode. It and its like are not in `items`.
  absl::Status status;
};

namespace detail {

inline constexpr size_t kKeyBytesShown = 64;  // Of a key in a message.

// A key as a message shows it: what is not printable as \xNN.
inline std::string ShownKey(std::string_view key) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string shown = "'";
  for (const char byte : key.substr(0, kKeyBytesShown)) {
    const auto number = static_cast<unsigned char>(byte);
    if (number >= 0x20 && number < 0x7F && byte != '\'' && byte != '\\') {
      shown += byte;
    } else {
      shown += "\\x";
      shown += kDigits[number >> 4];
      shown += kDigits[number & 0xF];
    }
  }
  return shown + (key.size() > kKeyBytesShown ? "...'" : "'");
}

inline absl::Status KeyDoesNotDecode(std::string_view key) {
  return absl::DataLossError("key " + ShownKey(key) +
                             " is no key of this map's type: somebody writes it in another format");
}
inline absl::Status ValueDoesNotDecode(std::string_view key, size_t bytes) {
  return absl::DataLossError("the value of key " + ShownKey(key) + ", " + std::to_string(bytes) +
                             " bytes, is not of this map's type: somebody writes it in another "
                             "format");
}

// What a refused call returns, whose outcome is a WriteResult or a status.
template <class Result>
Result Refused(absl::Status status) {
  if constexpr (std::same_as<Result, WriteResult>) {
    WriteResult result;
    result.status = std::move(status);
    return result;
  } else {
    return status;
  }
}

}  // namespace detail

}  // namespace cohort

#endif  // COHORT_TYPED_ENTRY_H_
