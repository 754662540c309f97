// Saves of sessions that are not waited for: the queue between the threads that answer them, which
// are no threads of the JVM and must not wait, and the one thread of the JVM that tells the answers
// (io.cohort.Saves). It is not that of the notices, whose listeners may be slow.
#ifndef COHORT_JNI_SAVES_H_
#define COHORT_JNI_SAVES_H_

#include <jni.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "cohort/c.h"

namespace cohort::jni {

// Of a write: status, replicas, the version's two numbers, fence, refused attributes; as
// io.cohort.SessionResult reads them.
inline constexpr jsize kResultNumbers = 6;
using ResultNumbers = std::array<jlong, kResultNumbers>;
ResultNumbers NumbersOf(cohort_status_t status, const cohort_session_result_t& result);
// Of one that did not go well: why not, and the new id, packed.
std::string PackWhy(const char* message, const cohort_session_result_t& result);

// A save that is under way, and then its answer. It is there before the save begins, so that an
// answer needs no memory and none is lost.
struct Save {
  explicit Save(jlong of) : number(of) {}

  const jlong number;  // In io.cohort.Saves.
  ResultNumbers result{};
  std::string why;  // Empty where it went well, or where there was no memory for it.
  Save* next = nullptr;
};

// No more answers wait than saves are under way, which the group bounds.
class Saves {
 public:
  static Saves& Instance();

  // Any threads. It is the queue's from here on.
  void Put(Save* answered) noexcept;
  // Waits for an answer. At most `max` (1 and more), oldest first, which are the caller's; null
  // after Wake.
  Save* Take(jsize max);
  // The next Take that finds no answer, or the one that waits, returns null.
  void Wake();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Save* first_ = nullptr;
  Save* last_ = nullptr;
  bool waits_ = false;  // Somebody, in Take.
  bool woken_ = false;
};

// A save that this thread begins, with a callback: OnSaved, save().
//
// What the store refuses as an argument is to be thrown by the call, and not told: OnSaved, which
// comes before the call has returned then, leaves it here.
class BeginningSave {
 public:
  explicit BeginningSave(jlong number);
  BeginningSave(const BeginningSave&) = delete;
  BeginningSave& operator=(const BeginningSave&) = delete;
  ~BeginningSave();

  Save* save() const { return save_.get(); }
  // After the call has returned OK. True: it was refused, and save()->why says why. False: the
  // answer comes or came to the queue, and save() is null.
  bool WasRefused();

 private:
  std::unique_ptr<Save> save_;
};

// The callback of the C interface; `user` is the Save.
void OnSaved(const cohort_session_result_t* result, const char* message, void* user) noexcept;

}  // namespace cohort::jni

#endif  // COHORT_JNI_SAVES_H_
