# libcohort_c: the C interface (cohort/c.h) on top of libcohort, of the same kind, static or shared. Only what cohort/c.h
# declares is exported.
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/c_api/*.cc)
file(STRINGS ${PROJECT_SOURCE_DIR}/include/cohort/c/base.h abi REGEX "^#define COHORT_ABI_VERSION ")
string(REGEX REPLACE "^#define COHORT_ABI_VERSION ([0-9]+)$" "\\1" abi "${abi}")

add_library(cohort_c ${sources})
add_library(Cohort::c ALIAS cohort_c)
# The soname changes with the binary interface, not with each release.
set_target_properties(cohort_c PROPERTIES EXPORT_NAME c VERSION ${abi}.${PROJECT_VERSION} SOVERSION ${abi}
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
  DEFINE_SYMBOL ""  # Its objects are the same whichever kind it is.
  INSTALL_RPATH "$ORIGIN")  # libcohort lies beside it.
target_include_directories(cohort_c PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}> PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(cohort_c PRIVATE COHORT_VERSION_TEXT="${PROJECT_VERSION}")
target_link_libraries(cohort_c PRIVATE cohort $<BUILD_INTERFACE:cohort_warnings>)
cohort_use_pch(cohort_c layer)
# A static library brings libcohort and what C++ needs to the final link, which may be done by a C compiler; a shared one
# knows what it needs. CohortInstall.cmake writes the names into cohort.pc, too.
set(COHORT_C_RUNTIME)
if(NOT BUILD_SHARED_LIBS)
  set(COHORT_C_RUNTIME stdc++ m)
  if("c++" IN_LIST CMAKE_CXX_IMPLICIT_LINK_LIBRARIES)
    set(COHORT_C_RUNTIME c++ m)
  endif()
  foreach(library ${COHORT_C_RUNTIME})
    target_link_libraries(cohort_c INTERFACE $<INSTALL_INTERFACE:${library}>)
  endforeach()
endif()
set(COHORT_C_RUNTIME ${COHORT_C_RUNTIME} PARENT_SCOPE)
if(BUILD_SHARED_LIBS)
  set(script ${PROJECT_SOURCE_DIR}/cmake/cohort_c.map)
  target_link_options(cohort_c PRIVATE LINKER:--version-script=${script})
  set_property(TARGET cohort_c PROPERTY LINK_DEPENDS ${script})
endif()
