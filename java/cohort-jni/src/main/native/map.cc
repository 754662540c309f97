// Maps: reading, writing, following.
#include <jni.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

#include "attributes.h"
#include "calls.h"
#include "notices.h"
#include "packing.h"

namespace cohort::jni {
namespace {

// Of a write: replicas, the version's two numbers, the number that is told with the write.
constexpr jsize kResultNumbers = 4;
// Of an entry: the version's two numbers, what is left of its lifetime.
constexpr jsize kEntryNumbers = 3;

const cohort_map_t* Map(jlong handle) { return To<const cohort_map_t>(handle); }
cohort_map_t* MutableMap(jlong handle) { return To<cohort_map_t>(handle); }

struct BufferFreed {
  cohort_buffer_t* buffer = nullptr;
  ~BufferFreed() { cohort_buffer_free(buffer); }
};

// Bytes of a write: in an array, of which they are a copy, or in memory outside the heap, where
// they are read. What Java passes has been checked there; this holds for what cannot be.
class Given {
 public:
  Given(JNIEnv* env, jbyteArray array, jobject direct, jint offset, jint length) {
    if (direct == nullptr) {
      const jsize size = array == nullptr ? 0 : env->GetArrayLength(array);
      valid_ = offset >= 0 && length >= 0 && length <= size - offset;
      if (!valid_ || length == 0) return;
      copy_.resize(static_cast<size_t>(length));
      env->GetByteArrayRegion(array, offset, length, reinterpret_cast<jbyte*>(copy_.data()));
      bytes_ = copy_;
      return;
    }
    const auto* address = static_cast<const char*>(env->GetDirectBufferAddress(direct));
    const jlong capacity = env->GetDirectBufferCapacity(direct);
    valid_ = address != nullptr && offset >= 0 && length >= 0 && length <= capacity - offset;
    if (valid_) bytes_ = {address + offset, static_cast<size_t>(length)};
  }

  // False, with an exception pending, if there are no such bytes.
  bool Check(JNIEnv* env) const {
    if (!valid_) ThrowCohort(env, COHORT_INVALID_ARGUMENT, "no such bytes in the buffer");
    return valid_;
  }
  std::string_view bytes() const { return bytes_; }

 private:
  bool valid_ = false;
  std::string copy_;
  std::string_view bytes_;
};

cohort_write_options_t Options(jint ack, jboolean keep_ttl, jlong ttl_ms, jlong timeout_ms) {
  cohort_write_options_t options = COHORT_WRITE_OPTIONS_INIT;
  options.ack = static_cast<cohort_ack_t>(ack);
  options.keep_ttl = keep_ttl != JNI_FALSE ? 1 : 0;
  options.ttl_ms = ttl_ms;
  options.timeout_ms = timeout_ms;
  return options;
}

void Return(JNIEnv* env, const cohort_write_result_t& result, jlongArray to) {
  const jlong numbers[kResultNumbers] = {
      static_cast<jlong>(result.replicas), static_cast<jlong>(result.version.time),
      static_cast<jlong>(result.version.writer), static_cast<jlong>(result.number)};
  env->SetLongArrayRegion(to, 0, kResultNumbers, numbers);
}

void Return(JNIEnv* env, const cohort_entry_t& entry, jlongArray to) {
  if (to == nullptr) return;
  const jlong numbers[kEntryNumbers] = {static_cast<jlong>(entry.version.time),
                                        static_cast<jlong>(entry.version.writer),
                                        static_cast<jlong>(entry.ttl_ms)};
  env->SetLongArrayRegion(to, 0, kEntryNumbers, numbers);
}

// Does `write(options, result, error)` and puts the result into `to`.
template <class Write>
void DoWrite(JNIEnv* env, const cohort_write_options_t& options, jlongArray to, Write&& write) {
  cohort_write_result_t result = COHORT_WRITE_RESULT_INIT;
  Error error;
  if (error.Check(env, write(&options, &result, error.out()))) Return(env, result, to);
}

// ---- Reading ------------------------------------------------------------------------------------

jbyteArray Get(JNIEnv* env, jclass, jlong map, jbyteArray key_array, jlongArray entry_numbers) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const std::string key = BytesOf(env, key_array);
    BufferFreed value;
    cohort_entry_t entry = COHORT_ENTRY_INIT;
    Error error;
    const cohort_status_t status =
        cohort_map_get(Map(map), key.data(), key.size(), &value.buffer, &entry, error.out());
    if (status == COHORT_NOT_FOUND || !error.Check(env, status)) return nullptr;
    Return(env, entry, entry_numbers);
    return ArrayOf(env, {static_cast<const char*>(cohort_buffer_data(value.buffer)),
                         cohort_buffer_size(value.buffer)});
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

// ---- Writing ------------------------------------------------------------------------------------

void Put(JNIEnv* env, jclass, jlong map, jbyteArray key_array, jbyteArray array, jobject direct,
         jint offset, jint length, jint ack, jboolean keep_ttl, jlong ttl_ms, jlong timeout_ms,
         jlongArray result) {
  Guarded<int>(env, 0, [&] {
    const std::string key = BytesOf(env, key_array);
    const Given value(env, array, direct, offset, length);
    if (!value.Check(env)) return 0;
    DoWrite(env, Options(ack, keep_ttl, ttl_ms, timeout_ms), result, [&](auto... rest) {
      return cohort_map_put(MutableMap(map), key.data(), key.size(), value.bytes().data(),
                            value.bytes().size(), rest...);
    });
    return 0;
  });
}

void WriteAttributes(JNIEnv* env, jclass, jlong map, jboolean erase, jbyteArray key_array,
                     jbyteArray array, jobject direct, jint offset, jint length, jint ack,
                     jboolean keep_ttl, jlong ttl_ms, jlong timeout_ms, jlongArray result) {
  Guarded<int>(env, 0, [&] {
    const std::string key = BytesOf(env, key_array);
    const Given packed(env, array, direct, offset, length);
    AttributesFreed attributes;
    if (!packed.Check(env) ||
        !ReadAttributes(env, packed.bytes(), erase != JNI_FALSE, attributes)) {
      return 0;
    }
    const auto write = erase != JNI_FALSE ? cohort_map_erase_attributes : cohort_map_put_attributes;
    DoWrite(env, Options(ack, keep_ttl, ttl_ms, timeout_ms), result, [&](auto... rest) {
      return write(MutableMap(map), key.data(), key.size(), attributes.list, rest...);
    });
    return 0;
  });
}

template <class Write>
void WriteKey(JNIEnv* env, jlong map, jbyteArray key_array, jint ack, jlong timeout_ms,
              jlongArray result, Write* write) {
  Guarded<int>(env, 0, [&] {
    const std::string key = BytesOf(env, key_array);
    DoWrite(env, Options(ack, JNI_FALSE, 0, timeout_ms), result,
            [&](auto... rest) { return write(MutableMap(map), key.data(), key.size(), rest...); });
    return 0;
  });
}

void Erase(JNIEnv* env, jclass, jlong map, jbyteArray key, jint ack, jlong timeout_ms,
           jlongArray result) {
  WriteKey(env, map, key, ack, timeout_ms, result, cohort_map_erase);
}

void Touch(JNIEnv* env, jclass, jlong map, jbyteArray key, jint ack, jlong timeout_ms,
           jlongArray result) {
  WriteKey(env, map, key, ack, timeout_ms, result, cohort_map_touch);
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
      Method("getInto", "(J[BLjava/nio/ByteBuffer;II[J)I", GetInto),
      Method("getAttributes", "(J[B)[B", GetAttributes),
      Method("getAttributesInto", "(J[BLjava/nio/ByteBuffer;II)I", GetAttributesInto),
      Method("getAttribute", "(J[B[B)[B", GetAttribute),
      Method("exists", "(J[B)Z", Exists),
      Method("size", "(J)J", Size),
      Method("bytes", "(J)J", Bytes),
      Method("digest", "(J[J)V", Digest),
      Method("scanKeys", "(JJI)[B", ScanKeys),
      Method("put", "(J[B[BLjava/nio/ByteBuffer;IIIZJJ[J)V", Put),
      Method("writeAttributes", "(JZ[B[BLjava/nio/ByteBuffer;IIIZJJ[J)V", WriteAttributes),
      Method("erase", "(J[BIJ[J)V", Erase),
      Method("touch", "(J[BIJ[J)V", Touch),
      Method("subscribe", "(J[BJ)J", Subscribe),
      Method("cancel", "(J)V", Cancel),
      Method("closeMap", "(J)V", CloseMap),
  };
  return env->RegisterNatives(native, methods, std::size(methods)) == JNI_OK;
}

}  // namespace cohort::jni
