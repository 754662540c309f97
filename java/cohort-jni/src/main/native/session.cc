// Session stores: opening, reading, writing, replication, following.
#include <jni.h>

#include <cstddef>
#include <iterator>
#include <limits>
#include <new>
#include <string>
#include <string_view>

#include "attributes.h"
#include "calls.h"
#include "notices.h"
#include "packing.h"
#include "saves.h"

namespace cohort::jni {
namespace {

cohort_session_store_t* Store(jlong handle) { return To<cohort_session_store_t>(handle); }

struct SessionFreed {
  cohort_session_t* session = nullptr;
  ~SessionFreed() { cohort_session_free(session); }
};

jlong OpenStore(JNIEnv* env, jclass, jlong group, jbyteArray application, jint ack, jboolean evict,
                jlong timeout_ms, jlong bytes_max, jlong successor_step_ms, jlong orphan_time_ms) {
  return Guarded<jlong>(env, 0, [&]() -> jlong {
    const std::string name = BytesOf(env, application);
    cohort_session_store_options_t options = COHORT_SESSION_STORE_OPTIONS_INIT;
    options.application = name.c_str();
    options.ack = static_cast<cohort_ack_t>(ack);
    options.eviction =
        evict != JNI_FALSE ? COHORT_EVICTION_LEAST_RECENTLY_USED : COHORT_EVICTION_REFUSE;
    options.timeout_ms = timeout_ms;
    options.bytes_max = static_cast<uint64_t>(bytes_max);
    options.successor_step_ms = successor_step_ms;
    options.orphan_time_ms = orphan_time_ms;
    cohort_session_store_t* store = nullptr;
    Error error;
    return error.Check(env, cohort_session_store_open(&options, To<cohort_group_t>(group), &store,
                                                      error.out()))
               ? From(store)
               : 0;
  });
}

void CloseStore(JNIEnv*, jclass, jlong store) { cohort_session_store_close(Store(store)); }

// The packed session, which is copied once.
jbyteArray ArrayOfSession(JNIEnv* env, const cohort_session_t* session) {
  const size_t bytes = PackedBytes(session);
  if (bytes > static_cast<size_t>(std::numeric_limits<jsize>::max())) throw std::bad_alloc();
  jbyteArray array = env->NewByteArray(static_cast<jsize>(bytes));
  if (array == nullptr) return nullptr;
  void* const into = env->GetPrimitiveArrayCritical(array, nullptr);
  if (into == nullptr) throw std::bad_alloc();
  Packer to(static_cast<char*>(into), bytes);
  PackSession(session, to);
  env->ReleasePrimitiveArrayCritical(array, into, 0);
  return array;
}

// ---- Reading ------------------------------------------------------------------------------------

jbyteArray Load(JNIEnv* env, jclass, jlong store, jbyteArray id_array) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const std::string id = BytesOf(env, id_array);
    SessionFreed loaded;
    Error error;
    const cohort_status_t status =
        cohort_session_load(Store(store), id.data(), id.size(), &loaded.session, error.out());
    if (status == COHORT_NOT_FOUND || !error.Check(env, status)) return nullptr;
    return ArrayOfSession(env, loaded.session);
  });
}

jboolean Exists(JNIEnv* env, jclass, jlong store, jbyteArray id_array) {
  return Guarded<jboolean>(env, JNI_FALSE, [&]() -> jboolean {
    const std::string id = BytesOf(env, id_array);
    return cohort_session_exists(Store(store), id.data(), id.size()) != 0 ? JNI_TRUE : JNI_FALSE;
  });
}

jboolean IsOwner(JNIEnv* env, jclass, jlong store, jbyteArray id_array) {
  return Guarded<jboolean>(env, JNI_FALSE, [&]() -> jboolean {
    const std::string id = BytesOf(env, id_array);
    return cohort_session_is_owner(Store(store), id.data(), id.size()) != 0 ? JNI_TRUE : JNI_FALSE;
  });
}

// At most `max` ids, packed.
jbyteArray Ids(JNIEnv* env, jclass, jlong store, jint max) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    Packer ids;
    const auto visit = [](const void* id, size_t size, void* user) noexcept -> int {
      static_cast<Packer*>(user)->Bytes(id, size);
      return 0;
    };
    Error error;
    if (!error.Check(env, cohort_session_store_ids(Store(store), static_cast<size_t>(max), visit,
                                                   &ids, error.out()))) {
      return nullptr;
    }
    return ArrayOf(env, ids.bytes());
  });
}

void Stats(JNIEnv* env, jclass, jlong store, jlongArray to) {
  cohort_session_stats_t stats = COHORT_SESSION_STATS_INIT;
  Error error;
  if (!error.Check(env, cohort_session_store_stats(Store(store), &stats, error.out()))) return;
  const uint64_t fields[] = {
      stats.sessions, stats.owned,   stats.local,         stats.bytes,
      stats.saves,    stats.claims,  stats.conflicts,     stats.refused_attributes,
      stats.expired,  stats.evicted, stats.events_dropped};
  jlong numbers[std::size(fields)];
  for (size_t i = 0; i < std::size(fields); ++i) numbers[i] = static_cast<jlong>(fields[i]);
  env->SetLongArrayRegion(to, 0, std::size(numbers), numbers);
}

void StoreDigest(JNIEnv* env, jclass, jlong store, jlongArray to) {
  cohort_digest_t digest = COHORT_DIGEST_INIT;
  Error error;
  if (!error.Check(env, cohort_session_store_digest(Store(store), &digest, error.out()))) return;
  const jlong numbers[] = {static_cast<jlong>(digest.hi), static_cast<jlong>(digest.lo),
                           static_cast<jlong>(digest.entries)};
  env->SetLongArrayRegion(to, 0, std::size(numbers), numbers);
}

// ---- Writing ------------------------------------------------------------------------------------

// Does `write(result, error)` and puts the result's numbers into `to`. Null if it went well; else
// why not and the new id, packed. Only what is not of the group is thrown.
template <class Write>
jbyteArray DoWrite(JNIEnv* env, jlongArray to, Write&& write) {
  cohort_session_result_t result = COHORT_SESSION_RESULT_INIT;
  cohort_error_t* error = nullptr;
  const cohort_status_t status = write(&result, &error);
  struct Freed {
    cohort_error_t* error;
    ~Freed() { cohort_error_free(error); }
  } const freed{error};
  const ResultNumbers numbers = NumbersOf(status, result);
  env->SetLongArrayRegion(to, 0, kResultNumbers, numbers.data());
  if (status == COHORT_OK) return nullptr;
  return ArrayOf(env, PackWhy(cohort_error_message(error), result));
}

// What Java packed of changes, as the C interface takes it.
class Changes {
 public:
  // False: an exception is pending.
  bool Read(JNIEnv* env, jbyteArray set, jint set_length, jbyteArray erased, jint erased_length,
            jbyteArray metadata) {
    if (!ReadAttributes(env, set, set_length, false, set_) ||
        !ReadAttributes(env, erased, erased_length, true, erased_)) {
      return false;
    }
    metadata_ = BytesOf(env, metadata);
    changes_.taken = set_.list;
    changes_.erased = erased_.list;
    changes_.metadata = metadata == nullptr ? nullptr : metadata_.data();
    changes_.metadata_size = metadata_.size();
    return true;
  }
  void ReadNumbers(jlong max_inactive_ms, jlong created_ms, jlong fence, jboolean no_touch) {
    changes_.max_inactive_ms = max_inactive_ms;
    changes_.created_ms = created_ms;
    changes_.fence = static_cast<uint64_t>(fence);
    changes_.no_touch = no_touch != JNI_FALSE ? 1 : 0;
  }
  const cohort_session_changes_t* get() const { return &changes_; }

 private:
  AttributesFreed set_;
  AttributesFreed erased_;
  std::string metadata_;
  cohort_session_changes_t changes_ = COHORT_SESSION_CHANGES_INIT;
};

// Creates the session, or saves what has changed.
jbyteArray Write(JNIEnv* env, jclass, jlong store, jboolean create, jbyteArray id_array,
                 jbyteArray set, jint set_length, jbyteArray erased, jint erased_length,
                 jbyteArray metadata, jlong max_inactive_ms, jlong created_ms, jlong fence,
                 jboolean no_touch, jlongArray numbers) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const std::string id = BytesOf(env, id_array);
    Changes changes;
    if (!changes.Read(env, set, set_length, erased, erased_length, metadata)) return nullptr;
    changes.ReadNumbers(max_inactive_ms, created_ms, fence, no_touch);
    const auto write = create != JNI_FALSE ? cohort_session_create : cohort_session_save;
    return DoWrite(env, numbers, [&](auto... rest) {
      return write(Store(store), id.data(), id.size(), changes.get(), rest...);
    });
  });
}

// Saves what has changed, which is answered under this number (saves.h). The text of why an
// argument is refused, of which there is no answer; else null.
jbyteArray SaveAsync(JNIEnv* env, jclass, jlong store, jbyteArray id_array, jbyteArray set,
                     jint set_length, jbyteArray erased, jint erased_length, jbyteArray metadata,
                     jlong max_inactive_ms, jlong fence, jboolean no_touch, jlong number) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const std::string id = BytesOf(env, id_array);
    Changes changes;
    if (!changes.Read(env, set, set_length, erased, erased_length, metadata)) return nullptr;
    changes.ReadNumbers(max_inactive_ms, 0, fence, no_touch);
    BeginningSave save(number);
    Error error;
    if (!error.Check(env,
                     cohort_session_save_async(Store(store), id.data(), id.size(), changes.get(),
                                               OnSaved, save.save(), error.out()))) {
      return nullptr;
    }
    return save.WasRefused() ? ArrayOf(env, save.save()->why) : nullptr;
  });
}

jbyteArray ChangeId(JNIEnv* env, jclass, jlong store, jbyteArray old_array, jbyteArray new_array,
                    jlongArray numbers) {
  return Guarded<jbyteArray>(env, nullptr, [&] {
    const std::string from = BytesOf(env, old_array);
    const std::string to = BytesOf(env, new_array);
    return DoWrite(env, numbers, [&](auto... rest) {
      return cohort_session_change_id(Store(store), from.data(), from.size(), to.data(), to.size(),
                                      rest...);
    });
  });
}

jbyteArray Invalidate(JNIEnv* env, jclass, jlong store, jbyteArray id_array, jlongArray numbers) {
  return Guarded<jbyteArray>(env, nullptr, [&] {
    const std::string id = BytesOf(env, id_array);
    return DoWrite(env, numbers, [&](auto... rest) {
      return cohort_session_invalidate(Store(store), id.data(), id.size(), rest...);
    });
  });
}

// False: there is none.
jboolean Touch(JNIEnv* env, jclass, jlong store, jbyteArray id_array) {
  return Guarded<jboolean>(env, JNI_FALSE, [&]() -> jboolean {
    const std::string id = BytesOf(env, id_array);
    Error error;
    const cohort_status_t status =
        cohort_session_touch(Store(store), id.data(), id.size(), error.out());
    return status != COHORT_NOT_FOUND && error.Check(env, status) ? JNI_TRUE : JNI_FALSE;
  });
}

// ---- Replication --------------------------------------------------------------------------------

jlong SetReplication(JNIEnv* env, jclass, jlong store, jlong group) {
  uint64_t task = 0;
  Error error;
  error.Check(env, cohort_session_store_set_replication(Store(store), To<cohort_group_t>(group),
                                                        &task, error.out()));
  return static_cast<jlong>(task);
}

jboolean Replicated(JNIEnv*, jclass, jlong store) {
  return cohort_session_store_replicated(Store(store)) != 0 ? JNI_TRUE : JNI_FALSE;
}

void AwaitTask(JNIEnv* env, jclass, jlong store, jlong task, jlong timeout_ms) {
  Error error;
  error.Check(env, cohort_session_store_await_task(Store(store), static_cast<uint64_t>(task),
                                                   timeout_ms, error.out()));
}

jbyteArray Tasks(JNIEnv* env, jclass, jlong store) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    Packer tasks;
    const auto visit = [](const cohort_session_task_t* task, void* user) noexcept {
      PackTask(*task, *static_cast<Packer*>(user));
    };
    Error error;
    if (!error.Check(env, cohort_session_store_tasks(Store(store), visit, &tasks, error.out()))) {
      return nullptr;
    }
    return ArrayOf(env, tasks.bytes());
  });
}

// ---- Following ----------------------------------------------------------------------------------

jlong SubscribeSessions(JNIEnv* env, jclass, jlong store, jboolean with_changes, jlong listener) {
  cohort_subscription_t* subscription = nullptr;
  Error error;
  const uint32_t changes = with_changes != JNI_FALSE ? 1 : 0;
  return error.Check(env, cohort_session_store_subscribe_events(Store(store), changes,
                                                                OnSessionEvent, To<void>(listener),
                                                                &subscription, error.out()))
             ? From(subscription)
             : 0;
}

jlong SubscribeTasks(JNIEnv* env, jclass, jlong store, jlong listener) {
  cohort_subscription_t* subscription = nullptr;
  Error error;
  return error.Check(
             env, cohort_session_store_subscribe_tasks(
                      Store(store), OnSessionTask, To<void>(listener), &subscription, error.out()))
             ? From(subscription)
             : 0;
}

}  // namespace

bool RegisterSessions(JNIEnv* env, jclass native) {
  const JNINativeMethod methods[] = {
      Method("openStore", "(J[BIZJJJJ)J", OpenStore),
      Method("closeStore", "(J)V", CloseStore),
      Method("loadSession", "(J[B)[B", Load),
      Method("sessionExists", "(J[B)Z", Exists),
      Method("isSessionOwner", "(J[B)Z", IsOwner),
      Method("sessionIds", "(JI)[B", Ids),
      Method("sessionStats", "(J[J)V", Stats),
      Method("sessionDigest", "(J[J)V", StoreDigest),
      Method("writeSession", "(JZ[B[BI[BI[BJJJZ[J)[B", Write),
      Method("saveSessionAsync", "(J[B[BI[BI[BJJZJ)[B", SaveAsync),
      Method("changeSessionId", "(J[B[B[J)[B", ChangeId),
      Method("invalidateSession", "(J[B[J)[B", Invalidate),
      Method("touchSession", "(J[B)Z", Touch),
      Method("setReplication", "(JJ)J", SetReplication),
      Method("replicated", "(J)Z", Replicated),
      Method("awaitSessionTask", "(JJJ)V", AwaitTask),
      Method("sessionTasks", "(J)[B", Tasks),
      Method("subscribeSessions", "(JZJ)J", SubscribeSessions),
      Method("subscribeSessionTasks", "(JJ)J", SubscribeTasks),
  };
  return env->RegisterNatives(native, methods, std::size(methods)) == JNI_OK;
}

}  // namespace cohort::jni
