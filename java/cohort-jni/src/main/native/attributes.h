// Lists of attributes on their way between Java and C++: each name and each value after its length.
#ifndef COHORT_JNI_ATTRIBUTES_H_
#define COHORT_JNI_ATTRIBUTES_H_

#include <jni.h>

#include <cstddef>
#include <string_view>

#include "cohort/c.h"
#include "packing.h"

namespace cohort::jni {

struct AttributesFreed {
  cohort_attributes_t* list = nullptr;
  ~AttributesFreed() { cohort_attributes_free(list); }
};

// `packed`: names and values, or with `names_only` names. False: an exception is pending.
bool ReadAttributes(JNIEnv* env, std::string_view packed, bool names_only, AttributesFreed& to);

// The same with the first `length` bytes of an array, which are read where they are. Null: `to`
// gets no list.
bool ReadAttributes(JNIEnv* env, jbyteArray packed, jint length, bool names_only,
                    AttributesFreed& to);

// Appends all of `list`.
void PackAttributes(const cohort_attributes_t* list, Packer& to);
// Bytes that this appends.
size_t PackedBytes(const cohort_attributes_t* list);

}  // namespace cohort::jni

#endif  // COHORT_JNI_ATTRIBUTES_H_
