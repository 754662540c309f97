// Bytes that Java gives for a write.
#ifndef COHORT_JNI_GIVEN_H_
#define COHORT_JNI_GIVEN_H_

#include <jni.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "calls.h"

namespace cohort::jni {

// Bytes of a write: in an array, of which they are a copy, or in memory outside the heap, where
// they are read. What Java passes has been checked there; this holds for what cannot be.
class Given {
 public:
  Given(JNIEnv* env, jbyteArray array, jobject direct, jint offset, jint length) {
    if (direct == nullptr) {
      const jsize size = array == nullptr ? 0 : env->GetArrayLength(array);
      valid_ = offset >= 0 && length >= 0 && length <= size - offset;
      if (!valid_ || length == 0) return;
      copy_.resize(static_cast<size_t>(length));
      env->GetByteArrayRegion(array, offset, length, reinterpret_cast<jbyte*>(copy_.data()));
      bytes_ = copy_;
      return;
    }
    const auto* address = static_cast<const char*>(env->GetDirectBufferAddress(direct));
    const jlong capacity = env->GetDirectBufferCapacity(direct);
    valid_ = address != nullptr && offset >= 0 && length >= 0 && length <= capacity - offset;
    if (valid_) bytes_ = {address + offset, static_cast<size_t>(length)};
  }

  // False, with an exception pending, if there are no such bytes.
  bool Check(JNIEnv* env) const {
    if (!valid_) ThrowCohort(env, COHORT_INVALID_ARGUMENT, "no such bytes in the buffer");
    return valid_;
  }
  std::string_view bytes() const { return bytes_; }

 private:
  bool valid_ = false;
  std::string copy_;
  std::string_view bytes_;
};

}  // namespace cohort::jni

#endif  // COHORT_JNI_GIVEN_H_
