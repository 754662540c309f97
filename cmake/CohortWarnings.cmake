# The warnings every target of ours is built with; errors while developing.
add_library(cohort_warnings INTERFACE)
target_compile_options(cohort_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wunused
  # Fields left out of a designated initialiser have their defaults: that is what they are for.
  -Wno-missing-field-initializers
  $<$<BOOL:${COHORT_WERROR}>:-Werror>
  # GCC 12 sees overlaps, and lengths beyond all memory, in inlined std::string code that cannot be (its bug 105651 and
  # kin). Where it does depends on what else was inlined; the sanitized builds are clang's, and see the real ones.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds>
  # gcc 12 takes a variant or an inlined vector that is moved for one of the alternatives it does not hold.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
if(COHORT_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # atomic_thread_fence inside Asio: not ours, and harmless there.
  target_compile_options(cohort_warnings INTERFACE -Wno-tsan)
endif()
