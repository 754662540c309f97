// Asks resolvers of Java what stays of what both sides of a partition have written. They have to
// answer while the group's thread waits, so that thread is one of the JVM's for that long; nothing
// else of C++ calls Java.
#ifndef COHORT_JNI_RESOLVER_H_
#define COHORT_JNI_RESOLVER_H_

#include <jni.h>

#include "cohort/c.h"

namespace cohort::jni {

// False with a Java exception pending. Once, in JNI_OnLoad.
bool FindResolvers(JNIEnv* env);
void ForgetResolvers(JNIEnv* env);

// A cohort_resolve_fn; `user` is the resolver's number in io.cohort.Resolvers.
void Resolve(const cohort_merge_conflict_t* conflict, cohort_resolution_t* resolution,
             void* user) noexcept;

}  // namespace cohort::jni

#endif  // COHORT_JNI_RESOLVER_H_
