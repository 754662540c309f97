// What every native method does around its call: take bytes out of Java and put them in, keep C++
// exceptions in, and turn a cohort_error_t into a CohortException.
#ifndef COHORT_JNI_CALLS_H_
#define COHORT_JNI_CALLS_H_

#include <jni.h>

#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "cohort/c.h"

namespace cohort::jni {

// Finds what ThrowCohort needs; false with a Java exception pending. Once, in JNI_OnLoad.
bool FindClasses(JNIEnv* env);
void ForgetClasses(JNIEnv* env);

// Registers the methods of one part of io.cohort.Native; false with a Java exception pending.
bool RegisterGroup(JNIEnv* env, jclass native);
bool RegisterMap(JNIEnv* env, jclass native);
bool RegisterWrites(JNIEnv* env, jclass native);
bool RegisterNotices(JNIEnv* env, jclass native);
bool RegisterSessions(JNIEnv* env, jclass native);
bool RegisterSaves(JNIEnv* env, jclass native);

// Makes a CohortException pending. `message` is UTF-8.
void ThrowCohort(JNIEnv* env, cohort_status_t status, std::string_view message);

// An error of the C interface; freed at the end of the scope.
class Error {
 public:
  Error() = default;
  Error(const Error&) = delete;
  Error& operator=(const Error&) = delete;
  ~Error() { cohort_error_free(error_); }

  cohort_error_t** out() { return &error_; }
  // True if `status` is OK; else an exception is pending.
  bool Check(JNIEnv* env, cohort_status_t status) {
    if (status != COHORT_OK) ThrowCohort(env, status, cohort_error_message(error_));
    return status == COHORT_OK;
  }

 private:
  cohort_error_t* error_ = nullptr;
};

// `body`, whose C++ exceptions become Java's.
template <class Result, class Body>
Result Guarded(JNIEnv* env, Result otherwise, Body&& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    ThrowCohort(env, COHORT_RESOURCE_EXHAUSTED, "no memory");
  } catch (const std::exception& exception) {
    ThrowCohort(env, COHORT_INTERNAL, exception.what());
  } catch (...) {
    ThrowCohort(env, COHORT_INTERNAL, "unknown exception");
  }
  return otherwise;
}

template <class Handle>
Handle* To(jlong handle) {
  return reinterpret_cast<Handle*>(static_cast<uintptr_t>(handle));
}
template <class Handle>
jlong From(Handle* handle) {
  return static_cast<jlong>(reinterpret_cast<uintptr_t>(handle));
}

template <class Function>
JNINativeMethod Method(const char* name, const char* signature, Function* function) {
  return {const_cast<char*>(name), const_cast<char*>(signature), reinterpret_cast<void*>(function)};
}

// A copy; null is empty.
std::string BytesOf(JNIEnv* env, jbyteArray array);
// Null, with an exception pending, if there is no memory.
jbyteArray ArrayOf(JNIEnv* env, std::string_view bytes);

}  // namespace cohort::jni

#endif  // COHORT_JNI_CALLS_H_
