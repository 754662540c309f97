// What the JVM calls when it loads and unloads the library, and what is asked of the library
// itself.
#include <jni.h>

#include <iterator>

#include "calls.h"
#include "resolver.h"

namespace cohort::jni {
namespace {

jint AbiVersion(JNIEnv*, jclass) { return static_cast<jint>(cohort_abi_version()); }
// Digits and points, which are the same in every encoding.
jstring Version(JNIEnv* env, jclass) { return env->NewStringUTF(cohort_version()); }

bool RegisterLibrary(JNIEnv* env, jclass native) {
  const JNINativeMethod methods[] = {
      Method("abiVersion", "()I", AbiVersion),
      Method("version", "()Ljava/lang/String;", Version),
  };
  return env->RegisterNatives(native, methods, std::size(methods)) == JNI_OK;
}

JNIEnv* EnvOf(JavaVM* vm) {
  void* env = nullptr;
  return vm->GetEnv(&env, JNI_VERSION_10) == JNI_OK ? static_cast<JNIEnv*>(env) : nullptr;
}

}  // namespace
}  // namespace cohort::jni

// With an exception pending it returns JNI_ERR, and the JVM throws.
extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void*) {
  JNIEnv* env = cohort::jni::EnvOf(vm);
  if (env == nullptr) return JNI_ERR;
  jclass native = env->FindClass("io/cohort/Native");
  if (native == nullptr) return JNI_ERR;
  const bool ok =
      cohort::jni::FindClasses(env) && cohort::jni::FindResolvers(env) &&
      cohort::jni::RegisterLibrary(env, native) && cohort::jni::RegisterGroup(env, native) &&
      cohort::jni::RegisterMap(env, native) && cohort::jni::RegisterWrites(env, native) &&
      cohort::jni::RegisterNotices(env, native) && cohort::jni::RegisterSessions(env, native) &&
      cohort::jni::RegisterSaves(env, native);
  env->DeleteLocalRef(native);
  return ok ? JNI_VERSION_10 : JNI_ERR;
}

extern "C" JNIEXPORT void JNICALL JNI_OnUnload(JavaVM* vm, void*) {
  JNIEnv* env = cohort::jni::EnvOf(vm);
  if (env == nullptr) return;
  cohort::jni::ForgetClasses(env);
  cohort::jni::ForgetResolvers(env);
}
