#include "c_api/call.h"

#include "c_api/handles.h"

namespace cohort::c_api {
namespace {

// The first field of every struct.
size_t SizeOf(const void* of) {
  size_t size = 0;
  std::memcpy(&size, of, sizeof size);
  return size;
}

absl::Status CheckSize(size_t size, const char* name) {
  // Structs hold pointers or 64-bit numbers, so their sizes are multiples of this one's.
  if (size >= sizeof(size_t) && size <= kStructBytesMax && size % alignof(size_t) == 0)
    return absl::OkStatus();
  return Invalid(std::string(name) + ": its size is " + std::to_string(size) +
                 "; set it by the macro of the struct");
}

}  // namespace

absl::Status Invalid(const std::string& text) {
  return absl::Status(absl::StatusCode::kInvalidArgument, text);
}

cohort_status_t Report(const absl::Status& status, cohort_error_t** error) noexcept {
  const auto code = static_cast<cohort_status_t>(status.code());
  if (error == nullptr || status.ok()) return code;
  try {
    *error = new cohort_error{code, std::string(status.message())};
  } catch (const std::bad_alloc&) {
    *error = nullptr;  // The number has to do.
  }
  return code;
}

absl::Status Check(std::initializer_list<Bytes> arguments) {
  for (const Bytes& argument : arguments) {
    if (argument.data == nullptr && argument.size != 0)
      return Invalid(std::string(argument.name) + " is NULL");
  }
  return absl::OkStatus();
}

absl::Status ReadBytes(const void* from, size_t known, const char* name, void* to) {
  if (from == nullptr) return absl::OkStatus();
  const size_t size = SizeOf(from);
  if (absl::Status status = CheckSize(size, name); !status.ok()) return status;
  std::memcpy(to, from, std::min(size, known));
  std::memcpy(to, &known, sizeof known);
  const auto* const bytes = static_cast<const unsigned char*>(from);
  for (size_t i = known; i < size; ++i) {
    if (bytes[i] == 0) continue;
    return Invalid(std::string(name) + ": a field is set that this release (" COHORT_VERSION_TEXT
                                       ") does not know");
  }
  return absl::OkStatus();
}

absl::Status CheckResult(const void* to, const char* name) {
  return to == nullptr ? absl::OkStatus() : CheckSize(SizeOf(to), name);
}

void WriteBytes(const void* from, size_t known, void* to) {
  const size_t size = SizeOf(to);
  const size_t written = std::min(size, known);
  auto* const bytes = static_cast<unsigned char*>(to);
  std::memcpy(bytes + sizeof size, static_cast<const unsigned char*>(from) + sizeof size,
              written - sizeof size);
  std::memset(bytes + written, 0, size - written);
}

absl::StatusOr<absl::Duration> ToTimeout(int64_t ms, absl::Duration otherwise) {
  if (ms == 0) return otherwise;
  if (ms == COHORT_FOREVER) return absl::InfiniteDuration();
  if (ms < 0) return Invalid("a timeout is " + std::to_string(ms) + " ms");
  return absl::Milliseconds(ms);
}

}  // namespace cohort::c_api
