// Maps: reading and following.
#include <jni.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

#include "attributes.h"
#include "calls.h"
#include "given.h"
#include "notices.h"
#include "packing.h"

namespace cohort::jni {
namespace {

// Of an entry: the version's two numbers, what is left of its lifetime.
constexpr jsize kEntryNumbers = 3;

const cohort_map_t* Map(jlong handle) { return To<const cohort_map_t>(handle); }
cohort_map_t* MutableMap(jlong handle) { return To<cohort_map_t>(handle); }

struct BufferFreed {
  cohort_buffer_t* buffer = nullptr;
  ~BufferFreed() { cohort_buffer_free(buffer); }
};

void Return(JNIEnv* env, const cohort_entry_t& entry, jlongArray to) {
  if (to == nullptr) return;
  const jlong numbers[kEntryNumbers] = {static_cast<jlong>(entry.version.time),
                                        static_cast<jlong>(entry.version.writer),
                                        static_cast<jlong>(entry.ttl_ms)};
  env->SetLongArrayRegion(to, 0, kEntryNumbers, numbers);
}

// ---- Reading ------------------------------------------------------------------------------------

// The entry that `get(value, entry, error)` finds; null if there is none, or an exception is
// pending.
template <class Find>
jbyteArray Found(JNIEnv* env, jlongArray entry_numbers, Find&& find) {
  BufferFreed value;
  cohort_entry_t entry = COHORT_ENTRY_INIT;
  Error error;
  const cohort_status_t status = find(&value.buffer, &entry, error.out());
  if (status == COHORT_NOT_FOUND || !error.Check(env, status)) return nullptr;
  Return(env, entry, entry_numbers);
  return ArrayOf(env, {static_cast<const char*>(cohort_buffer_data(value.buffer)),
                       cohort_buffer_size(value.buffer)});
}

cohort_read_options_t ReadOptions(jlong ask_others_ms) {
  cohort_read_options_t options = COHORT_READ_OPTIONS_INIT;
  options.ask_others_ms = ask_others_ms;
  return options;
}

jbyteArray Get(JNIEnv* env, jclass, jlong map, jbyteArray key_array, jlongArray entry_numbers) {
  return Guarded<jbyteArray>(env, nullptr, [&] {
    const std::string key = BytesOf(env, key_array);
    return Found(env, entry_numbers, [&](auto... rest) {
      return cohort_map_get(Map(map), key.data(), key.size(), rest...);
    });
  });
}

jbyteArray GetWith(JNIEnv* env, jclass, jlong map, jbyteArray key_array, jlong ask_others_ms,
                   jlongArray entry_numbers) {
  return Guarded<jbyteArray>(env, nullptr, [&] {
    const std::string key = BytesOf(env, key_array);
    const cohort_read_options_t options = ReadOptions(ask_others_ms);
    return Found(env, entry_numbers, [&](auto... rest) {
      return cohort_map_get_with(Map(map), key.data(), key.size(), &options, rest...);
    });
  });
}

void GetAsync(JNIEnv* env, jclass, jlong map, jbyteArray key_array, jlong ask_others_ms,
              jlong call) {
  Guarded<int>(env, 0, [&] {
    const std::string key = BytesOf(env, key_array);
    const cohort_read_options_t options = ReadOptions(ask_others_ms);
    Error error;
    error.Check(env, cohort_map_get_async(Map(map), key.data(), key.size(), &options, OnRead,
                                          To<void>(call), error.out()));
    return 0;
  });
}

// Bytes of the value, whether they fit or not; -1: there is no entry.
jint GetInto(JNIEnv* env, jclass, jlong map, jbyteArray key_array, jobject buffer, jint offset,
             jint length, jlongArray entry_numbers) {
  return Guarded<jint>(env, 0, [&]() -> jint {
    const std::string key = BytesOf(env, key_array);
    const Given room(env, nullptr, buffer, offset, length);
    if (!room.Check(env)) return 0;
    size_t size = 0;
    cohort_entry_t entry = COHORT_ENTRY_INIT;
    Error error;
    const cohort_status_t status =
        cohort_map_copy(Map(map), key.data(), key.size(), const_cast<char*>(room.bytes().data()),
                        room.bytes().size(), &size, &entry, error.out());
    if (status == COHORT_NOT_FOUND) return -1;
    if (status != COHORT_OUT_OF_RANGE && !error.Check(env, status)) return 0;
    Return(env, entry, entry_numbers);
    return static_cast<jint>(size);
  });
}

// False if there is no entry, or an exception is pending.
bool FindAttributes(JNIEnv* env, jlong map, jbyteArray key_array, AttributesFreed& found) {
  const std::string key = BytesOf(env, key_array);
  Error error;
  const cohort_status_t status =
      cohort_map_get_attributes(Map(map), key.data(), key.size(), &found.list, error.out());
  return status != COHORT_NOT_FOUND && error.Check(env, status);
}

std::string Packed(const cohort_attributes_t* list) {
  Packer to(PackedBytes(list));
  PackAttributes(list, to);
  return to.Take();
}

jbyteArray GetAttributes(JNIEnv* env, jclass, jlong map, jbyteArray key) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    AttributesFreed found;
    if (!FindAttributes(env, map, key, found)) return nullptr;
    return ArrayOf(env, Packed(found.list));
  });
}

jint GetAttributesInto(JNIEnv* env, jclass, jlong map, jbyteArray key, jobject buffer, jint offset,
                       jint length) {
  return Guarded<jint>(env, 0, [&]() -> jint {
    const Given room(env, nullptr, buffer, offset, length);
    AttributesFreed found;
    if (!room.Check(env)) return 0;
    if (!FindAttributes(env, map, key, found)) return -1;
    const std::string packed = Packed(found.list);
    if (packed.size() <= room.bytes().size()) {
      std::copy(packed.begin(), packed.end(), const_cast<char*>(room.bytes().data()));
    }
    return static_cast<jint>(packed.size());
  });
}

jbyteArray GetAttribute(JNIEnv* env, jclass, jlong map, jbyteArray key_array,
                        jbyteArray name_array) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const std::string key = BytesOf(env, key_array);
    const std::string name = BytesOf(env, name_array);
    BufferFreed value;
    Error error;
    const cohort_status_t status = cohort_map_get_attribute(
        Map(map), key.data(), key.size(), name.data(), name.size(), &value.buffer, error.out());
    if (status == COHORT_NOT_FOUND || !error.Check(env, status)) return nullptr;
    return ArrayOf(env, {static_cast<const char*>(cohort_buffer_data(value.buffer)),
                         cohort_buffer_size(value.buffer)});
  });
}

jboolean Exists(JNIEnv* env, jclass, jlong map, jbyteArray key_array) {
  return Guarded<jboolean>(env, JNI_FALSE, [&]() -> jboolean {
    const std::string key = BytesOf(env, key_array);
    return cohort_map_exists(Map(map), key.data(), key.size()) != 0 ? JNI_TRUE : JNI_FALSE;
  });
}

jlong Size(JNIEnv*, jclass, jlong map) { return static_cast<jlong>(cohort_map_size(Map(map))); }
jlong Bytes(JNIEnv*, jclass, jlong map) { return static_cast<jlong>(cohort_map_bytes(Map(map))); }

void Digest(JNIEnv* env, jclass, jlong map, jlongArray to) {
  cohort_digest_t digest = COHORT_DIGEST_INIT;
  Error error;
  if (!error.Check(env, cohort_map_digest(Map(map), &digest, error.out()))) return;
  const jlong numbers[] = {static_cast<jlong>(digest.hi), static_cast<jlong>(digest.lo),
                           static_cast<jlong>(digest.entries)};
  env->SetLongArrayRegion(to, 0, std::size(numbers), numbers);
}

// About `count` keys, packed, after where to go on (8 bytes).
jbyteArray ScanKeys(JNIEnv* env, jclass, jlong map, jlong cursor, jint count) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    Packer keys;
    const auto visit = [](const void* key, size_t key_size, const void*, size_t,
                          const cohort_entry_t*, void* user) noexcept -> int {
      static_cast<Packer*>(user)->Bytes(key, key_size);
      return 0;
    };
    auto at = static_cast<uint64_t>(cursor);
    Error error;
    if (!error.Check(env, cohort_map_scan(Map(map), &at, static_cast<size_t>(count), visit, &keys,
                                          error.out()))) {
      return nullptr;
    }
    return ArrayOf(env, Packer().Long(at).bytes() + keys.bytes());
  });
}

// ---- Following ----------------------------------------------------------------------------------

jlong Subscribe(JNIEnv* env, jclass, jlong map, jbyteArray prefix_array, jlong listener) {
  return Guarded<jlong>(env, 0, [&]() -> jlong {
    const std::string prefix = BytesOf(env, prefix_array);
    cohort_subscription_t* subscription = nullptr;
    Error error;
    if (!error.Check(env,
                     cohort_map_subscribe(MutableMap(map), prefix.data(), prefix.size(), OnChange,
                                          To<void>(listener), &subscription, error.out()))) {
      return 0;
    }
    return From(subscription);
  });
}

void Cancel(JNIEnv*, jclass, jlong subscription) {
  cohort_subscription_cancel(To<cohort_subscription_t>(subscription));
}

void CloseMap(JNIEnv*, jclass, jlong map) { cohort_map_close(MutableMap(map)); }

}  // namespace

bool RegisterMap(JNIEnv* env, jclass native) {
  const JNINativeMethod methods[] = {
      Method("get", "(J[B[J)[B", Get),
      Method("getWith", "(J[BJ[J)[B", GetWith),
      Method("getAsync", "(J[BJJ)V", GetAsync),
      Method("getInto", "(J[BLjava/nio/ByteBuffer;II[J)I", GetInto),
      Method("getAttributes", "(J[B)[B", GetAttributes),
      Method("getAttributesInto", "(J[BLjava/nio/ByteBuffer;II)I", GetAttributesInto),
      Method("getAttribute", "(J[B[B)[B", GetAttribute),
      Method("exists", "(J[B)Z", Exists),
      Method("size", "(J)J", Size),
      Method("bytes", "(J)J", Bytes),
      Method("digest", "(J[J)V", Digest),
      Method("scanKeys", "(JJI)[B", ScanKeys),
      Method("subscribe", "(J[BJ)J", Subscribe),
      Method("cancel", "(J)V", Cancel),
      Method("closeMap", "(J)V", CloseMap),
  };
  return env->RegisterNatives(native, methods, std::size(methods)) == JNI_OK;
}

}  // namespace cohort::jni
