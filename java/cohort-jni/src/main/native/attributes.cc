#include "attributes.h"

#include <new>

#include "calls.h"

namespace cohort::jni {
namespace {

// What of `packed` could not be read, if anything; calls nothing of the JVM.
cohort_status_t Read(std::string_view packed, bool names_only, cohort_attributes_t* to,
                     cohort_error_t** error) {
  Unpacker from(packed);
  while (!from.at_end()) {
    const std::string_view name = from.Bytes();
    const std::string_view value = names_only ? std::string_view() : from.Bytes();
    if (!from.ok()) return COHORT_OUT_OF_RANGE;
    const cohort_status_t status =
        cohort_attributes_add(to, name.data(), name.size(), value.data(), value.size(), error);
    if (status != COHORT_OK) return status;
  }
  return COHORT_OK;
}

bool Check(JNIEnv* env, cohort_status_t status, Error& error) {
  if (status != COHORT_OUT_OF_RANGE) return error.Check(env, status);
  ThrowCohort(env, COHORT_INVALID_ARGUMENT, "attributes are cut off");
  return false;
}

void MakeList(AttributesFreed& to) {
  to.list = cohort_attributes_new();
  if (to.list == nullptr) throw std::bad_alloc();
}

}  // namespace

bool ReadAttributes(JNIEnv* env, std::string_view packed, bool names_only, AttributesFreed& to) {
  MakeList(to);
  Error error;
  return Check(env, Read(packed, names_only, to.list, error.out()), error);
}

bool ReadAttributes(JNIEnv* env, jbyteArray packed, jint length, bool names_only,
                    AttributesFreed& to) {
  if (packed == nullptr || length == 0) return true;
  if (length < 0 || length > env->GetArrayLength(packed)) {
    ThrowCohort(env, COHORT_INVALID_ARGUMENT, "no such bytes in the array");
    return false;
  }
  MakeList(to);
  // The collector may have to wait for the end of this, which neither blocks nor calls the JVM.
  void* const bytes = env->GetPrimitiveArrayCritical(packed, nullptr);
  if (bytes == nullptr) throw std::bad_alloc();
  Error error;
  const cohort_status_t status =
      Read({static_cast<const char*>(bytes), static_cast<size_t>(length)}, names_only, to.list,
           error.out());
  env->ReleasePrimitiveArrayCritical(packed, bytes, JNI_ABORT);
  return Check(env, status, error);
}

void PackAttributes(const cohort_attributes_t* list, Packer& to) {
  const size_t count = cohort_attributes_count(list);
  for (size_t i = 0; i < count; ++i) {
    size_t size = 0;
    const void* name = cohort_attributes_name(list, i, &size);
    to.Bytes(name, size);
    const void* value = cohort_attributes_value(list, i, &size);
    to.Bytes(value, size);
  }
}

size_t PackedBytes(const cohort_attributes_t* list) {
  size_t bytes = 0;
  const size_t count = cohort_attributes_count(list);
  for (size_t i = 0; i < count; ++i) {
    size_t size = 0;
    cohort_attributes_name(list, i, &size);
    bytes += 4 + size;
    cohort_attributes_value(list, i, &size);
    bytes += 4 + size;
  }
  return bytes;
}

}  // namespace cohort::jni
