#include "resolver.h"

#include <cstdint>
#include <string>

#include "calls.h"
#include "packing.h"

namespace cohort::jni {
namespace {

JavaVM* machine = nullptr;
// Weak: a strong one would keep the class loader that has this library, and so the library.
jweak resolvers_class = nullptr;
jmethodID resolve_method = nullptr;

// A thread of C++ that is one of the JVM's in this scope.
class Attached {
 public:
  Attached() {
    JavaVMAttachArgs args{JNI_VERSION_10, const_cast<char*>("cohort-io"), nullptr};
    void* env = nullptr;
    if (machine->AttachCurrentThreadAsDaemon(&env, &args) == JNI_OK)
      env_ = static_cast<JNIEnv*>(env);
  }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;
  ~Attached() {
    if (env_ != nullptr) machine->DetachCurrentThread();
  }
  JNIEnv* env() const { return env_; }

 private:
  JNIEnv* env_ = nullptr;
};

// Whatever goes wrong, nothing is said.
void Ask(JNIEnv* env, jlong resolver, const std::string& packed, cohort_resolution_t* resolution) {
  auto* const known = static_cast<jclass>(env->NewLocalRef(resolvers_class));
  jbyteArray conflict = known == nullptr ? nullptr : ArrayOf(env, packed);
  if (conflict == nullptr) return env->ExceptionClear();
  auto* const value = static_cast<jbyteArray>(
      env->CallStaticObjectMethod(known, resolve_method, resolver, conflict));
  if (env->ExceptionCheck() != JNI_FALSE || value == nullptr) return env->ExceptionClear();
  const std::string bytes = BytesOf(env, value);
  cohort_resolution_set(resolution, bytes.data(), bytes.size());
}

}  // namespace

bool FindResolvers(JNIEnv* env) {
  if (env->GetJavaVM(&machine) != JNI_OK) return false;
  jclass local = env->FindClass("io/cohort/Resolvers");
  if (local == nullptr) return false;
  resolvers_class = env->NewWeakGlobalRef(local);
  if (resolvers_class != nullptr)
    resolve_method = env->GetStaticMethodID(local, "resolve", "(J[B)[B");
  env->DeleteLocalRef(local);
  return resolvers_class != nullptr && resolve_method != nullptr;
}

void ForgetResolvers(JNIEnv* env) {
  if (resolvers_class != nullptr) env->DeleteWeakGlobalRef(resolvers_class);
  resolvers_class = nullptr;
}

void Resolve(const cohort_merge_conflict_t* conflict, cohort_resolution_t* resolution,
             void* user) noexcept {
  try {
    Packer packed;
    packed.Bytes(conflict->key, conflict->key_size);
    packed.Bytes(conflict->attribute, conflict->attribute_size);
    packed.Bytes(conflict->held, conflict->held_size);
    packed.Bytes(conflict->brought, conflict->brought_size);
    const Attached attached;
    if (attached.env() == nullptr) return;  // The JVM ends.
    Ask(attached.env(), static_cast<jlong>(reinterpret_cast<uintptr_t>(user)), packed.bytes(),
        resolution);
  } catch (...) {
    return;  // No memory: the later version stays.
  }
}

}  // namespace cohort::jni
