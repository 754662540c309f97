# Cohort::testing: simulated groups for users' own tests (cohort/testing/sim_group.h), always a static library. It drives
# engines itself, which a shared libcohort hides; so it then brings objects of its own.
set(objects $<TARGET_OBJECTS:cohort_testing> $<TARGET_OBJECTS:cohort_sim>)
if(BUILD_SHARED_LIBS)
  get_property(shipped GLOBAL PROPERTY COHORT_SHIPPED_LAYERS)
  foreach(layer ${shipped})
    list(APPEND objects $<TARGET_OBJECTS:${layer}>)
  endforeach()
endif()

# The layer has the name cohort_testing.
add_library(cohort_sim_group STATIC ${objects})
add_library(Cohort::testing ALIAS cohort_sim_group)
set_target_properties(cohort_sim_group PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME testing OUTPUT_NAME cohort_sim_group)
target_link_libraries(cohort_sim_group PUBLIC cohort)
if(BUILD_SHARED_LIBS)
  target_link_libraries(cohort_sim_group PRIVATE ${COHORT_PRIVATE_LINK})
endif()
