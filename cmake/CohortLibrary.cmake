# libcohort: the shipped layers in one library, static or shared (BUILD_SHARED_LIBS). Only the public interface is
# exported: everything else is compiled hidden, and a version script keeps templates of other libraries in.
get_property(shipped GLOBAL PROPERTY COHORT_SHIPPED_LAYERS)
set(objects)
foreach(layer ${shipped})
  list(APPEND objects $<TARGET_OBJECTS:${layer}>)
endforeach()

# What consumers see in our headers, and what only the library itself needs. CohortInstall.cmake writes both lists into
# the package files, so a dependency is added here and nowhere else.
set(COHORT_PUBLIC_LINK absl::status absl::statusor absl::time)
set(COHORT_PRIVATE_LINK absl::cleanup absl::strings absl::flat_hash_map absl::btree absl::inlined_vector absl::synchronization
    OpenSSL::SSL OpenSSL::Crypto PkgConfig::XXHASH PkgConfig::ZSTD protobuf::libprotobuf Threads::Threads
    ${CMAKE_DL_LIBS})
set(COHORT_PUBLIC_LINK ${COHORT_PUBLIC_LINK} PARENT_SCOPE)
set(COHORT_PRIVATE_LINK ${COHORT_PRIVATE_LINK} PARENT_SCOPE)

add_library(cohort ${objects})
add_library(Cohort::cohort ALIAS cohort)
set_target_properties(cohort PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_compile_features(cohort PUBLIC cxx_std_20)
target_include_directories(cohort PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(cohort PUBLIC ${COHORT_PUBLIC_LINK} PRIVATE ${COHORT_PRIVATE_LINK})
if(BUILD_SHARED_LIBS)
  set(script ${PROJECT_SOURCE_DIR}/cmake/cohort.map)
  target_link_options(cohort PRIVATE LINKER:--version-script=${script})
  set_property(TARGET cohort PROPERTY LINK_DEPENDS ${script})
endif()
