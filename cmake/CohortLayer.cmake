# One word names a layer everywhere: folder, namespace, target cohort_<name>, test <name>_test, bench <name>_bench.

# cohort_layer(NAME [DEPS layer...] [LINK target...] [NOT_SHIPPED])
# Builds src/NAME/*.cc. DEPS are other layers, LINK outside targets. Shipped layers become part of libcohort.
function(cohort_layer name)
  cmake_parse_arguments(arg "NOT_SHIPPED" "" "DEPS;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  if(sources)
    add_library(cohort_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(cohort_${name} PRIVATE cohort_warnings)
    set_target_properties(cohort_${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    cohort_use_pch(cohort_${name} layer)
    if(NOT arg_NOT_SHIPPED)
      set_property(GLOBAL APPEND PROPERTY COHORT_SHIPPED_LAYERS cohort_${name})
    endif()
  else()
    add_library(cohort_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(cohort_${name} ${scope} ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  foreach(dep ${arg_DEPS})
    target_link_libraries(cohort_${name} ${scope} cohort_${dep})
  endforeach()
  target_link_libraries(cohort_${name} ${scope} ${arg_LINK})
endfunction()

# Tests are run once for each time they are compiled: what counts is the sum. The layers under test keep their optimisation.
set(COHORT_TEST_OPTIONS $<$<CONFIG:Release>:-O1>
  # With -O1, GCC 12 takes a std::string's short buffer for all it has, also of strings that are long (bug 105651 and kin).
  $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>:-Wno-array-bounds>
  $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>:-Wno-stringop-overflow>
  $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>:-Wno-stringop-overread>)
function(cohort_fast_compile test)
  target_compile_options(${test} PRIVATE ${COHORT_TEST_OPTIONS})
  cohort_use_pch(${test} test)
endfunction()

# cohort_test(NAME [LINK target...]): tests/NAME/*_test.cc as one program, run by ctest.
function(cohort_test name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name}_test PRIVATE COHORT_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name}_test PRIVATE ${arg_LINK} cohort_warnings GTest::gmock GTest::gtest_main)
  cohort_fast_compile(${name}_test)
  add_test(NAME ${name} COMMAND ${name}_test)
  set_tests_properties(${name} PROPERTIES LABELS unit)
endfunction()

# cohort_bench(NAME [LINK target...]): bench/NAME_bench.cc, a Google Benchmark program.
function(cohort_bench name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  if(NOT EXISTS ${PROJECT_SOURCE_DIR}/bench/${name}_bench.cc)
    return()
  endif()
  add_executable(${name}_bench ${PROJECT_SOURCE_DIR}/bench/${name}_bench.cc)
  target_include_directories(${name}_bench PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name}_bench PRIVATE ${arg_LINK} cohort_warnings benchmark::benchmark_main)
endfunction()
