# Cohort::testing: simulated groups for users' own tests (cohort/testing/sim_group.h). It drives engines, which a shared
# libcohort hides, and a second copy of them beside it would register the messages of Protocol Buffers twice, which
# ends the process. So it comes with the static library only.
if(BUILD_SHARED_LIBS)
  return()
endif()

# The layer has the name cohort_testing.
add_library(cohort_sim_group STATIC $<TARGET_OBJECTS:cohort_testing> $<TARGET_OBJECTS:cohort_sim>)
add_library(Cohort::testing ALIAS cohort_sim_group)
set_target_properties(cohort_sim_group PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME testing OUTPUT_NAME cohort_sim_group)
target_link_libraries(cohort_sim_group PUBLIC cohort)
