#include "calls.h"

#include <cstddef>
#include <limits>

namespace cohort::jni {
namespace {

// Weak: a strong one would keep the class loader that has this library, and so the library.
jweak exception_class = nullptr;
jmethodID make_exception = nullptr;

}  // namespace

bool FindClasses(JNIEnv* env) {
  jclass local = env->FindClass("io/cohort/CohortException");
  if (local == nullptr) return false;
  exception_class = env->NewWeakGlobalRef(local);
  if (exception_class != nullptr) {
    make_exception = env->GetStaticMethodID(local, "make", "(I[B)Lio/cohort/CohortException;");
  }
  env->DeleteLocalRef(local);
  return exception_class != nullptr && make_exception != nullptr;
}

void ForgetClasses(JNIEnv* env) {
  if (exception_class != nullptr) env->DeleteWeakGlobalRef(exception_class);
  exception_class = nullptr;
}

void ThrowCohort(JNIEnv* env, cohort_status_t status, std::string_view message) {
  if (env->ExceptionCheck() != JNI_FALSE) return;  // What came first says why.
  jbyteArray text = ArrayOf(env, message);
  if (text == nullptr) return;
  // It is there as long as its loader is, and the loader as long as somebody is in this call.
  auto* const known = static_cast<jclass>(env->NewLocalRef(exception_class));
  jobject exception =
      env->CallStaticObjectMethod(known, make_exception, static_cast<jint>(status), text);
  if (env->ExceptionCheck() == JNI_FALSE) env->Throw(static_cast<jthrowable>(exception));
  env->DeleteLocalRef(exception);
  env->DeleteLocalRef(known);
  env->DeleteLocalRef(text);
}

std::string BytesOf(JNIEnv* env, jbyteArray array) {
  std::string bytes;
  if (array == nullptr) return bytes;
  const jsize size = env->GetArrayLength(array);
  bytes.resize(static_cast<size_t>(size));
  env->GetByteArrayRegion(array, 0, size, reinterpret_cast<jbyte*>(bytes.data()));
  return bytes;
}

jbyteArray ArrayOf(JNIEnv* env, std::string_view bytes) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<jsize>::max())) {
    ThrowCohort(env, COHORT_OUT_OF_RANGE, "more bytes than an array of Java has");
    return nullptr;
  }
  const jsize size = static_cast<jsize>(bytes.size());
  jbyteArray array = env->NewByteArray(size);
  if (array != nullptr) {
    env->SetByteArrayRegion(array, 0, size, reinterpret_cast<const jbyte*>(bytes.data()));
  }
  return array;
}

}  // namespace cohort::jni
