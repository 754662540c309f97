# The warnings every target of ours is built with; errors while developing.
add_library(cohort_warnings INTERFACE)
target_compile_options(cohort_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wunused
  $<$<BOOL:${COHORT_WERROR}>:-Werror>
  # atomic_thread_fence inside Asio under TSan: not ours, and harmless there.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<STREQUAL:${COHORT_SANITIZE},thread>>:-Wno-tsan>)
