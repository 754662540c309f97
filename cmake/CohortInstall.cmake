# What `cmake --install` puts where, and the two descriptions consumers find it by: CohortConfig.cmake, cohort.pc.
include(CMakePackageConfigHelpers)
include(${CMAKE_CURRENT_LIST_DIR}/CohortPkgConfig.cmake)

set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Cohort)
install(TARGETS cohort EXPORT CohortTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/cohort DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev
  FILES_MATCHING PATTERN "*.h")
if(TARGET Cohort::c)
  install(TARGETS cohort_c EXPORT CohortTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
endif()
if(TARGET Cohort::testing)
  install(TARGETS cohort_sim_group EXPORT CohortTestingTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
  install(EXPORT CohortTestingTargets NAMESPACE Cohort:: DESTINATION ${cmake_dir} COMPONENT dev)
endif()
install(EXPORT CohortTargets NAMESPACE Cohort:: DESTINATION ${cmake_dir} COMPONENT dev)

set(COHORT_SHARED ${BUILD_SHARED_LIBS})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/CohortConfig.cmake.in ${PROJECT_BINARY_DIR}/CohortConfig.cmake
  INSTALL_DESTINATION ${cmake_dir})
# While the version is 0.x, each minor release may break the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/CohortConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/CohortConfig.cmake ${PROJECT_BINARY_DIR}/CohortConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/FindAsio.cmake
  DESTINATION ${cmake_dir} COMPONENT dev)

# Like the CMake package, cohort.pc may be moved with its prefix, unless the folder of libraries lies outside it.
set(COHORT_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  set(COHORT_PC_PREFIX "\${pcfiledir}/${up}")
endif()
foreach(folder LIBDIR INCLUDEDIR)
  set(COHORT_PC_${folder} ${CMAKE_INSTALL_${folder}})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_${folder}})
    set(COHORT_PC_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
  endif()
endforeach()
cohort_pkg_config_names(COHORT_PC_REQUIRES ${COHORT_PUBLIC_LINK})
cohort_pkg_config_names(COHORT_PC_REQUIRES_PRIVATE ${COHORT_PRIVATE_LINK})
# What a C compiler that links a static libcohort does not know by itself; in cohort.pc, so that it follows -lcohort.
list(TRANSFORM COHORT_C_RUNTIME PREPEND " -l" OUTPUT_VARIABLE COHORT_PC_RUNTIME)
list(JOIN COHORT_PC_RUNTIME "" COHORT_PC_RUNTIME)
configure_file(${CMAKE_CURRENT_LIST_DIR}/cohort.pc.in ${PROJECT_BINARY_DIR}/cohort.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cohort.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

if(TARGET Cohort::c)
  set(COHORT_C_PC_PRIVATE "Requires.private: cohort")
  if(BUILD_SHARED_LIBS)
    set(COHORT_C_PC_PRIVATE "")  # It knows what it needs.
  endif()
  configure_file(${CMAKE_CURRENT_LIST_DIR}/cohort-c.pc.in ${PROJECT_BINARY_DIR}/cohort-c.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/cohort-c.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endif()
