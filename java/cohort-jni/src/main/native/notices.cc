#include "notices.h"

#include <jni.h>

#include <iterator>
#include <new>
#include <utility>

#include "attributes.h"
#include "calls.h"
#include "packing.h"

namespace cohort::jni {
namespace {

// Of a packed session, what is of one length.
constexpr size_t kSessionHeadBytes = 6 * 8 + 1 + 4 + 4;

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
    Notices::Instance().Lose(ListenerOf(user));
  }
}

}  // namespace

Notices& Notices::Instance() {
  // Never destroyed: a group that the JVM did not close still tells while the process ends.
  static Notices& notices = *new Notices;
  return notices;
}

bool Notices::TryPut(std::string& notice) {
  const bool fits = queue_.size() < kNoticesMax && bytes_ + notice.size() <= kNoticeBytesMax;
  if (notice.empty() || !fits) return false;
  Push(std::move(notice));
  return true;
}

void Notices::Push(std::string&& notice) {
  queue_.push_back(std::move(notice));
  bytes_ += queue_.back().size();
}

void Notices::Put(uint64_t listener, std::string notice, std::string shorter) {
  const std::lock_guard lock(mutex_);
  if (!TryPut(notice) && !TryPut(shorter)) NoteLost(listener);
  changed_.notify_one();
}

void Notices::PutEnd(uint64_t listener) {
  std::string notice = Packer().Byte(kNoticeEnd).Long(listener).Take();
  const std::lock_guard lock(mutex_);
  Push(std::move(notice));
  changed_.notify_one();
}

void Notices::Lose(uint64_t listener) noexcept {
  const std::lock_guard lock(mutex_);
  NoteLost(listener);
  changed_.notify_one();
}

void Notices::NoteLost(uint64_t listener) noexcept {
  ++lost_total_;
  try {
    ++lost_[listener];
  } catch (const std::bad_alloc&) {
    ++lost_by_all_;
  }
}

std::string Notices::Take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock,
                [this] { return woken_ || !queue_.empty() || !lost_.empty() || lost_by_all_ > 0; });
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
  if (lost_by_all_ > 0) {
    std::string notice = Packer().Byte(kNoticeLost).Long(0).Long(lost_by_all_).Take();
    lost_by_all_ = 0;
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

uint64_t Notices::Forget(uint64_t listener) {
  const std::lock_guard lock(mutex_);
  const auto lost = lost_.extract(listener);
  return (lost.empty() ? 0 : lost.mapped()) + (lost_by_all_ > 0 ? 1 : 0);
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

void OnMessage(const cohort_message_t* message, void* user) noexcept {
  Tell(user, kNoticeMessage, [message](Packer& to) {
    to.Id(message->from).Int(message->delivery).Byte(message->transitional != 0 ? 1 : 0);
    to.Bytes(message->payload, message->payload_size);
  });
}

void OnChange(const cohort_change_t* change, void* user) noexcept {
  Tell(user, kNoticeChange, [change](Packer& to) {
    to.Int(change->cause).Bytes(change->key, change->key_size);
    to.Byte(change->value != nullptr ? 1 : 0).Bytes(change->value, change->value_size);
    to.Long(change->version.time).Long(change->version.writer).Id(change->writer);
  });
}

void OnWritten(const cohort_write_result_t* result, const char* message, void* user) noexcept {
  Tell(user, kNoticeAnswer, [&](Packer& to) {
    to.Int(static_cast<uint32_t>(result->status)).Text(message);
    to.Long(result->replicas).Long(result->version.time).Long(result->version.writer);
    to.Long(static_cast<uint64_t>(result->number));
  });
}

void OnRead(cohort_status_t status, const char* message, const void* value, size_t value_size,
            const cohort_entry_t* entry, void* user) noexcept {
  Tell(user, kNoticeAnswer, [&](Packer& to) {
    to.Int(static_cast<uint32_t>(status)).Text(message);
    if (status != COHORT_OK) return;
    to.Long(entry->version.time).Long(entry->version.writer);
    to.Long(static_cast<uint64_t>(entry->ttl_ms)).Bytes(value, value_size);
  });
}

void PackSession(const cohort_session_t* session, Packer& to) {
  const cohort_attributes_t* const attributes = cohort_session_attributes(session);
  cohort_session_info_t info = COHORT_SESSION_INFO_INIT;
  cohort_session_get_info(session, &info);
  size_t metadata_size = 0;
  const void* const metadata = cohort_session_metadata(session, &metadata_size);
  to.Long(static_cast<uint64_t>(info.created_ms));
  to.Long(static_cast<uint64_t>(info.last_accessed_ms));
  to.Long(static_cast<uint64_t>(info.max_inactive_ms));
  to.Long(info.version.time).Long(info.version.writer).Long(info.fence);
  to.Byte(info.owned != 0 ? 1 : 0).Bytes(metadata, metadata_size);
  to.Int(static_cast<uint32_t>(cohort_attributes_count(attributes)));
  PackAttributes(attributes, to);
}

size_t PackedBytes(const cohort_session_t* session) {
  size_t metadata_size = 0;
  cohort_session_metadata(session, &metadata_size);
  return kSessionHeadBytes + metadata_size + PackedBytes(cohort_session_attributes(session));
}

void PackTask(const cohort_session_task_t& task, Packer& to) {
  to.Long(task.id).Int(task.kind).Int(task.state);
  to.Long(static_cast<uint64_t>(task.started_ms)).Long(static_cast<uint64_t>(task.changed_ms));
  to.Long(task.total).Long(task.moved).Long(task.failed).Int(static_cast<uint32_t>(task.status));
}

void OnSessionEvent(const cohort_session_event_t* event, void* user) noexcept {
  const uint64_t listener = ListenerOf(user);
  try {
    Packer notice;
    notice.Byte(kNoticeSessionEvent).Long(listener).Int(event->kind).Byte(event->here != 0 ? 1 : 0);
    notice.Bytes(event->id, event->id_size).Bytes(event->new_id, event->new_id_size);
    notice.Bytes(event->attribute, event->attribute_size);
    notice.Long(static_cast<uint64_t>(event->at_ms)).Id(event->by);
    notice.Long(event->version.time).Long(event->version.writer).Text(event->text);
    if (event->session == nullptr) return Notices::Instance().Put(listener, notice.Take());
    // That a session has ended has to be known even if there is no room for what it held.
    Packer whole(notice.bytes().size() + PackedBytes(event->session));
    whole.Append(notice.bytes().data(), notice.bytes().size());
    PackSession(event->session, whole);
    Notices::Instance().Put(listener, whole.Take(), notice.Take());
  } catch (...) {
    Notices::Instance().Lose(listener);
  }
}

void OnSessionTask(const cohort_session_task_t* task, void* user) noexcept {
  Tell(user, kNoticeSessionTask, [task](Packer& to) { PackTask(*task, to); });
}

namespace {

jbyteArray TakeNotice(JNIEnv* env, jclass) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const std::string notice = Notices::Instance().Take();
    return notice.empty() ? nullptr : ArrayOf(env, notice);
  });
}

void WakeNotices(JNIEnv*, jclass) { Notices::Instance().Wake(); }
jlong ForgetListener(JNIEnv*, jclass, jlong listener) {
  return static_cast<jlong>(Notices::Instance().Forget(static_cast<uint64_t>(listener)));
}
void EndListener(JNIEnv* env, jclass, jlong listener) {
  Guarded<int>(env, 0, [&] {
    Notices::Instance().PutEnd(static_cast<uint64_t>(listener));
    return 0;
  });
}
jlong LostNotices(JNIEnv*, jclass) { return static_cast<jlong>(Notices::Instance().lost()); }

}  // namespace

bool RegisterNotices(JNIEnv* env, jclass native) {
  const JNINativeMethod methods[] = {
      Method("takeNotice", "()[B", TakeNotice),         Method("wakeNotices", "()V", WakeNotices),
      Method("forgetListener", "(J)J", ForgetListener), Method("endListener", "(J)V", EndListener),
      Method("lostNotices", "()J", LostNotices),
  };
  return env->RegisterNatives(native, methods, std::size(methods)) == JNI_OK;
}

}  // namespace cohort::jni
