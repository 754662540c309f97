#include "notices.h"

#include <jni.h>

#include <iterator>
#include <utility>

#include "calls.h"
#include "packing.h"

namespace cohort::jni {
namespace {

uint64_t ListenerOf(void* user) { return reinterpret_cast<uintptr_t>(user); }

void PackMember(Packer& to, const cohort_member_t& member) {
  to.Id(member.id).Byte(member.synced != 0 ? 1 : 0).Text(member.name).Text(member.address);
}

void PackChange(Packer& to, const cohort_member_change_t& change) {
  PackMember(to, *change.member);
  to.Int(change.cause).Text(change.cause_name).Text(change.evidence);
}

// Without memory the notice is lost, as where the queue is full.
template <class Pack>
void Tell(void* user, uint8_t kind, Pack&& pack) noexcept {
  try {
    Packer notice;
    notice.Byte(kind).Long(ListenerOf(user));
    pack(notice);
    Notices::Instance().Put(ListenerOf(user), notice.Take());
  } catch (...) {
    Notices::Instance().Put(ListenerOf(user), "");
  }
}

}  // namespace

Notices& Notices::Instance() {
  // Never destroyed: a group that the JVM did not close still tells while the process ends.
  static Notices& notices = *new Notices;
  return notices;
}

void Notices::Put(uint64_t listener, std::string notice) {
  const std::lock_guard lock(mutex_);
  const bool fits = queue_.size() < kNoticesMax && notice.size() <= kNoticeBytesMax - bytes_;
  if (notice.empty() || !fits) {
    ++lost_total_;
    ++lost_[listener];
  } else {
    bytes_ += notice.size();
    queue_.push_back(std::move(notice));
  }
  changed_.notify_one();
}

std::string Notices::Take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return woken_ || !queue_.empty() || !lost_.empty(); });
  if (!queue_.empty()) {
    std::string notice = std::move(queue_.front());
    queue_.pop_front();
    bytes_ -= notice.size();
    return notice;
  }
  if (!lost_.empty()) {
    // After all that was kept: whoever now reads what is there has missed nothing.
    const auto lost = lost_.begin();
    std::string notice = Packer().Byte(kNoticeLost).Long(lost->first).Long(lost->second).Take();
    lost_.erase(lost);
    return notice;
  }
  woken_ = false;
  return "";
}

void Notices::Wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_one();
}

void Notices::Forget(uint64_t listener) {
  const std::lock_guard lock(mutex_);
  lost_.erase(listener);
}

uint64_t Notices::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_total_;
}

std::string PackView(const cohort_view_t* view) {
  Packer to;
  to.Id(cohort_view_get_id(view)).Byte(cohort_view_primary(view) != 0 ? 1 : 0);
  const size_t members = cohort_view_member_count(view);
  to.Int(static_cast<uint32_t>(members));
  for (size_t i = 0; i < members; ++i) PackMember(to, *cohort_view_member(view, i));
  const size_t joined = cohort_view_joined_count(view);
  to.Int(static_cast<uint32_t>(joined));
  for (size_t i = 0; i < joined; ++i) PackChange(to, *cohort_view_joined(view, i));
  const size_t left = cohort_view_left_count(view);
  to.Int(static_cast<uint32_t>(left));
  for (size_t i = 0; i < left; ++i) PackChange(to, *cohort_view_left(view, i));
  return to.Take();
}

void OnView(const cohort_view_t* view, void* user) noexcept {
  Tell(user, kNoticeView, [view](Packer& to) {
    const std::string packed = PackView(view);
    to.Bytes(packed.data(), packed.size());
  });
}

void OnEvent(const cohort_event_t* event, void* user) noexcept {
  Tell(user, kNoticeEvent, [event](Packer& to) {
    to.Int(event->kind).Text(event->kind_name).Long(static_cast<uint64_t>(event->at_ns));
    to.Id(event->view).Id(event->subject).Text(event->subject_name).Text(event->text);
    to.Bytes(event->key, event->key_size).Long(static_cast<uint64_t>(event->number));
  });
}

void OnChange(const cohort_change_t* change, void* user) noexcept {
  Tell(user, kNoticeChange, [change](Packer& to) {
    to.Int(change->cause).Bytes(change->key, change->key_size);
    to.Byte(change->value != nullptr ? 1 : 0).Bytes(change->value, change->value_size);
    to.Long(change->version.time).Long(change->version.writer).Id(change->writer);
  });
}

namespace {

jbyteArray TakeNotice(JNIEnv* env, jclass) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const std::string notice = Notices::Instance().Take();
    return notice.empty() ? nullptr : ArrayOf(env, notice);
  });
}

void WakeNotices(JNIEnv*, jclass) { Notices::Instance().Wake(); }
void ForgetListener(JNIEnv*, jclass, jlong listener) {
  Notices::Instance().Forget(static_cast<uint64_t>(listener));
}
jlong LostNotices(JNIEnv*, jclass) { return static_cast<jlong>(Notices::Instance().lost()); }

}  // namespace

bool RegisterNotices(JNIEnv* env, jclass native) {
  const JNINativeMethod methods[] = {
      Method("takeNotice", "()[B", TakeNotice),
      Method("wakeNotices", "()V", WakeNotices),
      Method("forgetListener", "(J)V", ForgetListener),
      Method("lostNotices", "()J", LostNotices),
  };
  return env->RegisterNatives(native, methods, std::size(methods)) == JNI_OK;
}

}  // namespace cohort::jni
