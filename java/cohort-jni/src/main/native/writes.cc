// Writes of maps, of all kinds alike, each in two forms.
#include <jni.h>

#include <iterator>
#include <string>
#include <string_view>

#include "attributes.h"
#include "calls.h"
#include "given.h"
#include "notices.h"

namespace cohort::jni {
namespace {

// Of a write: replicas, the version's two numbers, the number that is told with the write.
constexpr jsize kResultNumbers = 4;

// As io.cohort.WriteKind.
enum class Kind : jint {
  kPut,
  kPutIf,
  kPutIfAbsent,
  kErase,
  kEraseIf,
  kIncrement,
  kAppend,
  kExpire,
  kPersist,
  kTouch,
  kPutAttributes,
  kEraseAttributes,
  kClear,
};

// What is to be written. `first` and `second`: the version that is expected, or a number.
struct Write {
  cohort_map_t* map;
  Kind kind;
  std::string key;
  std::string_view value;
  const cohort_attributes_t* attributes;
  jlong first;
  jlong second;
  cohort_write_options_t options;
};

// The function of the form that `kWaits` says.
template <bool kWaits, class Waiting, class Asynchronous>
auto Form(Waiting* waiting, Asynchronous* asynchronous) {
  if constexpr (kWaits) {
    return waiting;
  } else {
    return asynchronous;
  }
}

// `rest`: the arguments that all functions of the form end with.
template <bool kWaits, class... Rest>
cohort_status_t Do(const Write& write, Rest... rest) {
  const auto of_key = [&](auto* function, auto... arguments) {
    return function(write.map, write.key.data(), write.key.size(), arguments..., &write.options,
                    rest...);
  };
  const char* const value = write.value.data();
  const size_t size = write.value.size();
  const cohort_version_t expected = {static_cast<uint64_t>(write.first),
                                     static_cast<uint64_t>(write.second)};
  switch (write.kind) {
    case Kind::kPut:
      return of_key(Form<kWaits>(cohort_map_put, cohort_map_put_async), value, size);
    case Kind::kPutIf:
      return of_key(Form<kWaits>(cohort_map_put_if, cohort_map_put_if_async), expected, value,
                    size);
    case Kind::kPutIfAbsent:
      return of_key(Form<kWaits>(cohort_map_put_if_absent, cohort_map_put_if_absent_async), value,
                    size);
    case Kind::kErase:
      return of_key(Form<kWaits>(cohort_map_erase, cohort_map_erase_async));
    case Kind::kEraseIf:
      return of_key(Form<kWaits>(cohort_map_erase_if, cohort_map_erase_if_async), expected);
    case Kind::kIncrement:
      return of_key(Form<kWaits>(cohort_map_increment, cohort_map_increment_async), write.first);
    case Kind::kAppend:
      return of_key(Form<kWaits>(cohort_map_append, cohort_map_append_async), value, size);
    case Kind::kExpire:
      return of_key(Form<kWaits>(cohort_map_expire, cohort_map_expire_async), write.first);
    case Kind::kPersist:
      return of_key(Form<kWaits>(cohort_map_persist, cohort_map_persist_async));
    case Kind::kTouch:
      return of_key(Form<kWaits>(cohort_map_touch, cohort_map_touch_async));
    case Kind::kPutAttributes:
      return of_key(Form<kWaits>(cohort_map_put_attributes, cohort_map_put_attributes_async),
                    write.attributes);
    case Kind::kEraseAttributes:
      return of_key(Form<kWaits>(cohort_map_erase_attributes, cohort_map_erase_attributes_async),
                    write.attributes);
    case Kind::kClear:
      return Form<kWaits>(cohort_map_clear, cohort_map_clear_async)(write.map, &write.options,
                                                                    rest...);
  }
  return COHORT_INVALID_ARGUMENT;
}

// What Java has passed, in the order in which it passes it.
struct Passed {
  jlong map;
  jint kind;
  jbyteArray key;
  jbyteArray array;
  jobject direct;
  jint offset;
  jint length;
  jlong first;
  jlong second;
  jint ack;
  jboolean keep_ttl;
  jlong ttl_ms;
  jlong timeout_ms;
};

// Calls `then(write)` with what was passed, unless an exception is pending.
template <class Then>
void With(JNIEnv* env, const Passed& passed, Then&& then) {
  Guarded<int>(env, 0, [&] {
    const Given value(env, passed.array, passed.direct, passed.offset, passed.length);
    if (!value.Check(env)) return 0;
    const Kind kind{passed.kind};
    AttributesFreed attributes;
    const bool erases = kind == Kind::kEraseAttributes;
    if ((erases || kind == Kind::kPutAttributes) &&
        !ReadAttributes(env, value.bytes(), erases, attributes)) {
      return 0;
    }
    Write write{.map = To<cohort_map_t>(passed.map),
                .kind = kind,
                .key = BytesOf(env, passed.key),
                .value = value.bytes(),
                .attributes = attributes.list,
                .first = passed.first,
                .second = passed.second,
                .options = COHORT_WRITE_OPTIONS_INIT};
    write.options.ack = static_cast<cohort_ack_t>(passed.ack);
    write.options.keep_ttl = passed.keep_ttl != JNI_FALSE ? 1 : 0;
    write.options.ttl_ms = passed.ttl_ms;
    write.options.timeout_ms = passed.timeout_ms;
    then(write);
    return 0;
  });
}

void WriteAndWait(JNIEnv* env, jclass, jlong map, jint kind, jbyteArray key, jbyteArray array,
                  jobject direct, jint offset, jint length, jlong first, jlong second, jint ack,
                  jboolean keep_ttl, jlong ttl_ms, jlong timeout_ms, jlongArray to) {
  With(env,
       {map, kind, key, array, direct, offset, length, first, second, ack, keep_ttl, ttl_ms,
        timeout_ms},
       [&](const Write& write) {
         cohort_write_result_t result = COHORT_WRITE_RESULT_INIT;
         Error error;
         const cohort_status_t status = Do<true>(write, &result, error.out());
         // With an exception, too: what is there where the condition did not hold.
         const jlong numbers[kResultNumbers] = {
             static_cast<jlong>(result.replicas), static_cast<jlong>(result.version.time),
             static_cast<jlong>(result.version.writer), static_cast<jlong>(result.number)};
         env->SetLongArrayRegion(to, 0, kResultNumbers, numbers);
         error.Check(env, status);
       });
}

void WriteAsync(JNIEnv* env, jclass, jlong map, jint kind, jbyteArray key, jbyteArray array,
                jobject direct, jint offset, jint length, jlong first, jlong second, jint ack,
                jboolean keep_ttl, jlong ttl_ms, jlong timeout_ms, jlong call) {
  With(env,
       {map, kind, key, array, direct, offset, length, first, second, ack, keep_ttl, ttl_ms,
        timeout_ms},
       [&](const Write& write) {
         Error error;
         error.Check(env, Do<false>(write, OnWritten, To<void>(call), error.out()));
       });
}

}  // namespace

bool RegisterWrites(JNIEnv* env, jclass native) {
  const JNINativeMethod methods[] = {
      Method("write", "(JI[B[BLjava/nio/ByteBuffer;IIJJIZJJ[J)V", WriteAndWait),
      Method("writeAsync", "(JI[B[BLjava/nio/ByteBuffer;IIJJIZJJJ)V", WriteAsync),
  };
  return env->RegisterNatives(native, methods, std::size(methods)) == JNI_OK;
}

}  // namespace cohort::jni
