#include "saves.h"

#include <iterator>
#include <new>

#include "calls.h"
#include "packing.h"

namespace cohort::jni {
namespace {

// What this thread begins just now, and has not been refused.
thread_local const Save* beginning = nullptr;

}  // namespace

ResultNumbers NumbersOf(cohort_status_t status, const cohort_session_result_t& result) {
  return {static_cast<jlong>(status),
          static_cast<jlong>(result.replicas),
          static_cast<jlong>(result.version.time),
          static_cast<jlong>(result.version.writer),
          static_cast<jlong>(result.fence),
          static_cast<jlong>(result.refused)};
}

std::string PackWhy(const char* message, const cohort_session_result_t& result) {
  Packer why;
  why.Text(message).Bytes(result.new_id, result.new_id_size);
  return why.Take();
}

Saves& Saves::Instance() {
  // Never destroyed: a group that the JVM did not close still answers while the process ends.
  static Saves& saves = *new Saves;
  return saves;
}

void Saves::Put(Save* answered) noexcept {
  const std::lock_guard lock(mutex_);
  (last_ == nullptr ? first_ : last_->next) = answered;
  last_ = answered;
  if (waits_) changed_.notify_one();
}

Save* Saves::Take(jsize max) {
  std::unique_lock lock(mutex_);
  waits_ = true;
  changed_.wait(lock, [this] { return woken_ || first_ != nullptr; });
  waits_ = false;
  if (first_ == nullptr) {
    woken_ = false;
    return nullptr;
  }
  Save* const taken = first_;
  Save* end = taken;
  for (jsize i = 1; i < max && end->next != nullptr; ++i) end = end->next;
  first_ = end->next;
  if (first_ == nullptr) last_ = nullptr;
  end->next = nullptr;
  return taken;
}

void Saves::Wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_one();
}

BeginningSave::BeginningSave(jlong number) : save_(std::make_unique<Save>(number)) {
  beginning = save_.get();
}

BeginningSave::~BeginningSave() { beginning = nullptr; }

bool BeginningSave::WasRefused() {
  if (beginning == nullptr) return true;
  // Whoever takes the answer frees it, and may have done so.
  static_cast<void>(save_.release());
  return false;
}

void OnSaved(const cohort_session_result_t* result, const char* message, void* user) noexcept {
  auto* const save = static_cast<Save*>(user);
  const bool refused = result->status == COHORT_INVALID_ARGUMENT && save == beginning;
  save->result = NumbersOf(result->status, *result);
  try {
    if (refused) {
      save->why = message;
    } else if (result->status != COHORT_OK) {
      save->why = PackWhy(message, *result);
    }
  } catch (const std::bad_alloc&) {
    save->why.clear();  // The status says the most of it.
  }
  if (refused) {
    beginning = nullptr;
  } else {
    Saves::Instance().Put(save);
  }
}

namespace {

// Where Java has no memory for it, it is told without.
void PutWhy(JNIEnv* env, const Save& save, jobjectArray whys, jsize at) {
  if (save.why.empty()) return;
  jbyteArray why = ArrayOf(env, save.why);
  if (why == nullptr) return env->ExceptionClear();
  env->SetObjectArrayElement(whys, at, why);
  env->DeleteLocalRef(why);
}

// Waits for an answer, and puts as many as there are, and there is room for, into the arrays: of
// each its number and those of the result, and why it did not go well, which is left as it is where
// it did. How many; 0: it was woken.
jint TakeSaves(JNIEnv* env, jclass, jlongArray numbers, jobjectArray whys) {
  const Save* save = Saves::Instance().Take(env->GetArrayLength(whys));
  jsize count = 0;
  while (save != nullptr) {
    const std::unique_ptr<const Save> freed(save);
    env->SetLongArrayRegion(numbers, count * (1 + kResultNumbers), 1, &save->number);
    env->SetLongArrayRegion(numbers, count * (1 + kResultNumbers) + 1, kResultNumbers,
                            save->result.data());
    PutWhy(env, *save, whys, count);
    ++count;
    save = save->next;
  }
  return count;
}

void WakeSaves(JNIEnv*, jclass) { Saves::Instance().Wake(); }

}  // namespace

bool RegisterSaves(JNIEnv* env, jclass native) {
  const JNINativeMethod methods[] = {
      Method("takeSaves", "([J[[B)I", TakeSaves),
      Method("wakeSaves", "()V", WakeSaves),
  };
  return env->RegisterNatives(native, methods, std::size(methods)) == JNI_OK;
}

}  // namespace cohort::jni
