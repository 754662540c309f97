// Groups: joining, leaving, views, stats.
#include <jni.h>

#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "calls.h"
#include "notices.h"
#include "packing.h"
#include "resolver.h"

namespace cohort::jni {
namespace {

// As many as cohort_group_options_t takes, and as io.cohort.GroupOptions sends.
constexpr size_t kNumbers = 20;
constexpr size_t kTexts = 8;

const char* OrNull(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

// `packed`: the eight texts in the order of the struct, then the seeds.
bool ReadTexts(std::string_view packed, std::vector<std::string>& texts) {
  Unpacker from(packed);
  while (from.ok() && !from.at_end()) texts.emplace_back(from.Bytes());
  return from.ok() && texts.size() >= kTexts;
}

void SetNumbers(const std::vector<jlong>& numbers, cohort_group_options_t& options) {
  size_t i = 0;
  const auto small = [&] { return static_cast<uint32_t>(numbers[i++]); };
  const auto large = [&] { return static_cast<uint64_t>(numbers[i++]); };
  options.allow_plaintext = small();
  options.policy = small();
  options.failure_profile = small();
  options.initial_members = small();
  options.bootstrap = small();
  options.no_multicast = small();
  options.multicast_ttl = small();
  options.dead_timeout_ms = numbers[i++];
  options.stall_timeout_ms = numbers[i++];
  options.slow_timeout_ms = numbers[i++];
  options.join_timeout_ms = numbers[i++];
  options.leave_timeout_ms = numbers[i++];
  options.send_queue_bytes_max = large();
  options.delivery_queue_bytes_max = large();
  options.map_bytes_max = large();
  options.receive_buffer_bytes = large();
  options.datagram_bytes_max = large();
  options.on_view = numbers[i++] != 0 ? OnView : nullptr;
  options.on_message = numbers[i++] != 0 ? OnMessage : nullptr;
  options.on_event = numbers[i] != 0 ? OnEvent : nullptr;
}

jlong Join(JNIEnv* env, jclass, jbyteArray packed_texts, jlongArray packed_numbers,
           jlong listener) {
  return Guarded<jlong>(env, 0, [&]() -> jlong {
    std::vector<std::string> texts;
    std::vector<jlong> numbers(kNumbers);
    if (!ReadTexts(BytesOf(env, packed_texts), texts) ||
        env->GetArrayLength(packed_numbers) != static_cast<jsize>(kNumbers)) {
      ThrowCohort(env, COHORT_INTERNAL, "options are not packed as they are read");
      return 0;
    }
    env->GetLongArrayRegion(packed_numbers, 0, static_cast<jsize>(kNumbers), numbers.data());
    std::vector<const char*> seeds;
    for (size_t i = kTexts; i < texts.size(); ++i) seeds.push_back(texts[i].c_str());
    cohort_group_options_t options = COHORT_GROUP_OPTIONS_INIT;
    const char** const fields[] = {&options.group,     &options.name,       &options.bind,
                                   &options.multicast, &options.peer_cache, &options.key,
                                   &options.key_file,  &options.tie_breaker};
    for (size_t i = 0; i < kTexts; ++i) *fields[i] = OrNull(texts[i]);
    options.seeds = seeds.data();
    options.seed_count = seeds.size();
    SetNumbers(numbers, options);
    options.user = To<void>(listener);
    cohort_group_t* group = nullptr;
    Error error;
    if (!error.Check(env, cohort_group_join(&options, &group, error.out()))) return 0;
    return From(group);
  });
}

void Leave(JNIEnv* env, jclass, jlong group) {
  Error error;
  error.Check(env, cohort_group_leave(To<cohort_group_t>(group), error.out()));
}

void Drain(JNIEnv* env, jclass, jlong group, jlong timeout_ms) {
  Error error;
  error.Check(env, cohort_group_drain(To<cohort_group_t>(group), timeout_ms, error.out()));
}

void Send(JNIEnv* env, jclass, jlong handle, jbyteArray array, jint delivery, jboolean waits,
          jlong timeout_ms) {
  Guarded(env, 0, [&] {
    auto* group = To<cohort_group_t>(handle);
    const std::string payload = BytesOf(env, array);
    const auto to = static_cast<cohort_delivery_t>(delivery);
    Error error;
    error.Check(env,
                waits != JNI_FALSE
                    ? cohort_group_send_sync(group, payload.data(), payload.size(), to, timeout_ms,
                                             error.out())
                    : cohort_group_send(group, payload.data(), payload.size(), to, error.out()));
    return 0;
  });
}

void CloseGroup(JNIEnv*, jclass, jlong group) { cohort_group_close(To<cohort_group_t>(group)); }

// The name, the address, and the identity.
jbyteArray Describe(JNIEnv* env, jclass, jlong handle) {
  return Guarded<jbyteArray>(env, nullptr, [&] {
    const auto* group = To<const cohort_group_t>(handle);
    Packer to;
    to.Text(cohort_group_name(group)).Text(cohort_group_address(group)).Id(cohort_group_id(group));
    return ArrayOf(env, to.bytes());
  });
}

jboolean IsSynced(JNIEnv*, jclass, jlong group) {
  return cohort_group_synced(To<const cohort_group_t>(group)) != 0 ? JNI_TRUE : JNI_FALSE;
}

jboolean IsWritable(JNIEnv*, jclass, jlong group) {
  return cohort_group_writable(To<const cohort_group_t>(group)) != 0 ? JNI_TRUE : JNI_FALSE;
}

jbyteArray ViewOf(JNIEnv* env, jclass, jlong group) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    cohort_view_t* view = nullptr;
    Error error;
    if (!error.Check(env, cohort_group_view(To<const cohort_group_t>(group), &view, error.out()))) {
      return nullptr;
    }
    struct Freed {
      cohort_view_t* view;
      ~Freed() { cohort_view_free(view); }
    } const freed{view};
    return ArrayOf(env, PackView(view));
  });
}

jbyteArray Stats(JNIEnv* env, jclass, jlong group) {
  return Guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    cohort_stats_t* stats = nullptr;
    Error error;
    if (!error.Check(env,
                     cohort_group_stats(To<const cohort_group_t>(group), &stats, error.out()))) {
      return nullptr;
    }
    struct Freed {
      cohort_stats_t* stats;
      ~Freed() { cohort_stats_free(stats); }
    } const freed{stats};
    Packer to;
    const size_t count = cohort_stats_count(stats);
    to.Int(static_cast<uint32_t>(count));
    for (size_t i = 0; i < count; ++i) {
      to.Text(cohort_stats_name(stats, i)).Long(cohort_stats_value(stats, i));
    }
    return ArrayOf(env, to.bytes());
  });
}

jint VerifyConvergence(JNIEnv* env, jclass, jlong group, jlong timeout_ms) {
  uint32_t members = 0;
  Error error;
  error.Check(env, cohort_group_verify_convergence(To<cohort_group_t>(group), timeout_ms, &members,
                                                   error.out()));
  return static_cast<jint>(members);
}

jlong OpenMap(JNIEnv* env, jclass, jlong group, jbyteArray name, jint kind, jlong bytes_max,
              jlong timeout_ms, jlong resolver) {
  return Guarded<jlong>(env, 0, [&]() -> jlong {
    cohort_map_options_t options = COHORT_MAP_OPTIONS_INIT;
    options.kind = static_cast<cohort_map_kind_t>(kind);
    options.bytes_max = static_cast<uint64_t>(bytes_max);
    options.timeout_ms = timeout_ms;
    if (resolver != 0) {
      options.resolver = Resolve;
      options.resolver_user = To<void>(resolver);
    }
    cohort_map_t* map = nullptr;
    Error error;
    const std::string text = BytesOf(env, name);
    return error.Check(env, cohort_group_open_map(To<cohort_group_t>(group), text.c_str(), &options,
                                                  &map, error.out()))
               ? From(map)
               : 0;
  });
}

}  // namespace

bool RegisterGroup(JNIEnv* env, jclass native) {
  const JNINativeMethod methods[] = {
      Method("join", "([B[JJ)J", Join),
      Method("leave", "(J)V", Leave),
      Method("drain", "(JJ)V", Drain),
      Method("closeGroup", "(J)V", CloseGroup),
      Method("send", "(J[BIZJ)V", Send),
      Method("describe", "(J)[B", Describe),
      Method("isSynced", "(J)Z", IsSynced),
      Method("isWritable", "(J)Z", IsWritable),
      Method("view", "(J)[B", ViewOf),
      Method("stats", "(J)[B", Stats),
      Method("verifyConvergence", "(JJ)I", VerifyConvergence),
      Method("openMap", "(J[BIJJJ)J", OpenMap),
  };
  return env->RegisterNatives(native, methods, std::size(methods)) == JNI_OK;
}

}  // namespace cohort::jni
