#include "session/limits.h"

#include <map>
#include <string>
#include <utility>

#include "base/absl_bridge.h"

namespace cohort::session {
namespace {

absl::Status Invalid(const std::string& text) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, text);
}

absl::Status CheckName(std::string_view name) {
  if (!name.empty() && name.size() <= kSessionNameBytesMax) return absl::OkStatus();
  return Invalid("an attribute's name has 1 to " + std::to_string(kSessionNameBytesMax) +
                 " bytes, not " + std::to_string(name.size()));
}

// Why `name` cannot have a value of `bytes`; empty: it can.
std::string WhyNot(const Shape& shape, std::string_view name, bool is_new, size_t bytes,
                   size_t session_bytes) {
  if (bytes > kSessionValueBytesMax)
    return "its value has " + std::to_string(bytes) + " bytes; at most " +
           std::to_string(kSessionValueBytesMax) + " are allowed";
  if (is_new && shape.values().size() >= kSessionAttributesMax)
    return "the session has " + std::to_string(shape.values().size()) +
           " attributes already, as many as are allowed";
  if (session_bytes + BytesOf(name, bytes) > kSessionBytesMax)
    return "the session would have " + std::to_string(session_bytes + BytesOf(name, bytes)) +
           " bytes; at most " + std::to_string(kSessionBytesMax) + " are allowed";
  return {};
}

}  // namespace

absl::Status CheckOptions(const SessionStoreOptions& options) {
  const size_t size = options.application.size();
  if (size == 0 || size > kApplicationBytesMax)
    return Invalid("application: 1 to " + std::to_string(kApplicationBytesMax) + " bytes, not " +
                   std::to_string(size));
  if (options.timeout <= absl::ZeroDuration())
    return absl::InvalidArgumentError("timeout: above zero");
  if (options.successor_step < absl::Milliseconds(1) || options.successor_step > absl::Hours(1))
    return absl::InvalidArgumentError("successor_step: 1 ms to 1 h");
  if (options.orphan_time < absl::Milliseconds(100) || options.orphan_time > absl::Hours(24))
    return absl::InvalidArgumentError("orphan_time: 100 ms to 1 d");
  return absl::OkStatus();
}

absl::Status CheckId(std::string_view id) {
  if (!id.empty() && id.size() <= kSessionIdBytesMax) return absl::OkStatus();
  return Invalid("a session's id has 1 to " + std::to_string(kSessionIdBytesMax) + " bytes, not " +
                 std::to_string(id.size()));
}

absl::Status CheckChanges(const SessionChanges& changes) {
  for (const Attribute& attribute : changes.set) {
    if (absl::Status status = CheckName(attribute.name); !status.ok()) return status;
  }
  for (const std::string& name : changes.erased) {
    if (absl::Status status = CheckName(name); !status.ok()) return status;
  }
  if (changes.metadata && changes.metadata->size() > kSessionMetadataBytesMax)
    return Invalid("metadata: at most " + std::to_string(kSessionMetadataBytesMax) +
                   " bytes, not " + std::to_string(changes.metadata->size()));
  return absl::OkStatus();
}

SessionChanges Fit(const SessionChanges& changes, Shape& shape,
                   std::vector<RefusedAttribute>& refused) {
  SessionChanges fitting;
  fitting.touch = changes.touch;
  fitting.metadata = changes.metadata;
  fitting.max_inactive = changes.max_inactive;
  if (changes.metadata) shape.metadata_bytes = changes.metadata->size();
  if (changes.max_inactive) shape.info.max_inactive = Interval(*changes.max_inactive);
  std::map<std::string_view, const Attribute*> set;
  for (const Attribute& attribute : changes.set) set[attribute.name] = &attribute;
  const auto erase = [&](const std::string& name) {
    if (shape.Erase(name)) fitting.erased.push_back(name);
  };
  for (const std::string& name : changes.erased) {
    if (set.find(name) == set.end()) erase(name);
  }
  size_t bytes = shape.Bytes();
  for (const auto& [name, attribute] : set) {
    const auto old = shape.values().find(name);
    const bool is_new = old == shape.values().end();
    if (!is_new) bytes -= BytesOf(name, old->second);
    const std::string why = WhyNot(shape, name, is_new, attribute->value.size(), bytes);
    if (!why.empty()) {
      refused.push_back({attribute->name, why});
      erase(attribute->name);
      continue;
    }
    bytes += BytesOf(name, attribute->value.size());
    shape.Set(name, attribute->value.size());
    fitting.set.push_back(*attribute);
  }
  return fitting;
}

bool FitsWhole(const SessionChanges& changes, Shape& shape) {
  constexpr size_t kFewAttributes = 16;  // Whose names are compared in pairs.
  if (!changes.erased.empty() || changes.set.size() > kFewAttributes) return false;
  size_t bytes = shape.Bytes();
  for (size_t i = 0; i < changes.set.size(); ++i) {
    const auto& [name, value] = changes.set[i];
    for (size_t j = 0; j < i; ++j) {
      if (changes.set[j].name == name) return false;
    }
    const auto old = shape.values().find(name);
    if (old == shape.values().end()) return false;
    bytes -= BytesOf(name, old->second);
    if (!WhyNot(shape, name, false, value.size(), bytes).empty()) return false;
    bytes += BytesOf(name, value.size());
  }
  if (changes.metadata) shape.metadata_bytes = changes.metadata->size();
  if (changes.max_inactive) shape.info.max_inactive = Interval(*changes.max_inactive);
  for (const Attribute& attribute : changes.set) {
    shape.Set(attribute.name, attribute.value.size());
  }
  return true;
}

}  // namespace cohort::session
