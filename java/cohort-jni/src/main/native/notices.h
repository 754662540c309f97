// The queue between the threads on which groups tell something, which are no threads of the JVM and
// must not wait, and the one thread of the JVM that tells it to listeners. So nothing of C++ calls
// Java, and no thread is attached, but for a resolver's answer (resolver.h).
#ifndef COHORT_JNI_NOTICES_H_
#define COHORT_JNI_NOTICES_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "cohort/c.h"
#include "packing.h"

namespace cohort::jni {

// Notices that wait, and their bytes. A listener that is so slow that one more does not fit loses
// it, and is told how many it has lost. Ends of listeners always fit: there is one for each group
// that is closed (again where the JVM had no memory to take it), and without it the listener would
// never be let go.
inline constexpr size_t kNoticesMax = 65536;
inline constexpr size_t kNoticeBytesMax = size_t{16} << 20;

// Kinds, as in io.cohort.Notices.
// A notice of what was lost is for all listeners if its listener is 0.
inline constexpr uint8_t kNoticeView = 1;
inline constexpr uint8_t kNoticeEvent = 2;
inline constexpr uint8_t kNoticeChange = 3;
inline constexpr uint8_t kNoticeLost = 4;
inline constexpr uint8_t kNoticeSessionEvent = 5;
inline constexpr uint8_t kNoticeSessionTask = 6;
inline constexpr uint8_t kNoticeMessage = 7;
inline constexpr uint8_t kNoticeAnswer = 8;  // Of a call that was not waited for.
inline constexpr uint8_t kNoticeEnd = 9;     // No other comes for this listener.

class Notices {
 public:
  static Notices& Instance();

  // Any threads. `listener` is whom the notice is for. If it does not fit, `shorter` is taken,
  // which says less; if that is empty or does not fit either, the listener has lost one.
  void Put(uint64_t listener, std::string notice, std::string shorter = {});
  // Behind all that waits, and however much that is: no other notice comes for the listener. Throws
  // where there is no memory for it.
  void PutEnd(uint64_t listener);
  // It has lost one. Where there is no memory even to note that, all listeners have.
  void Lose(uint64_t listener) noexcept;
  // Waits for a notice; "" after Wake.
  std::string Take();
  // The next Take, or the one that waits, returns "".
  void Wake();
  // How many this listener has lost and not been told, which needs no memory any more. What all
  // have lost is one.
  uint64_t Forget(uint64_t listener);
  uint64_t lost() const;

 private:
  // All hold the lock. Takes it if it fits.
  bool TryPut(std::string& notice);
  void Push(std::string&& notice);
  void NoteLost(uint64_t listener) noexcept;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;
  size_t bytes_ = 0;
  bool woken_ = false;
  uint64_t lost_total_ = 0;
  // What every listener has lost, and is still to be told.
  uint64_t lost_by_all_ = 0;
  // By listener, what is still to be told. As many as there are subscriptions, at most.
  std::map<uint64_t, uint64_t> lost_;
};

// Callbacks of the C interface; `user` is the listener's number.
void OnView(const cohort_view_t* view, void* user) noexcept;
void OnEvent(const cohort_event_t* event, void* user) noexcept;
void OnMessage(const cohort_message_t* message, void* user) noexcept;
void OnChange(const cohort_change_t* change, void* user) noexcept;
void OnWritten(const cohort_write_result_t* result, const char* message, void* user) noexcept;
void OnRead(cohort_status_t status, const char* message, const void* value, size_t value_size,
            const cohort_entry_t* entry, void* user) noexcept;
void OnSessionEvent(const cohort_session_event_t* event, void* user) noexcept;
void OnSessionTask(const cohort_session_task_t* task, void* user) noexcept;

// A view as io.cohort.View reads it.
std::string PackView(const cohort_view_t* view);
// A session as io.cohort.Session reads it, and how many bytes that is.
void PackSession(const cohort_session_t* session, Packer& to);
size_t PackedBytes(const cohort_session_t* session);
// A task as io.cohort.SessionTask reads it.
void PackTask(const cohort_session_task_t& task, Packer& to);

}  // namespace cohort::jni

#endif  // COHORT_JNI_NOTICES_H_
