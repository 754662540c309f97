# Precompiled headers. Most of compiling a file of ours is reading the same headers of others again; so each kind of
# target reads those once, here, and its files reuse what was read. Only headers of others: they do not change.
#
# No file relies on it: each includes what it uses, and compiles by itself with -DCOHORT_PCH=OFF; `./run tidy` looks.

# cohort_pch(KIND [LINK target...] [OPTIONS option...] HEADERS header...): makes cohort_pch_KIND, for cohort_use_pch.
function(cohort_pch kind)
  cmake_parse_arguments(arg "" "" "LINK;OPTIONS;HEADERS" ${ARGN})
  if(NOT COHORT_PCH)
    return()
  endif()
  # CMake precompiles headers for a target with sources only.
  add_library(cohort_pch_${kind} OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch.cc)
  target_link_libraries(cohort_pch_${kind} PRIVATE ${arg_LINK} cohort_warnings)
  target_compile_options(cohort_pch_${kind} PRIVATE ${arg_OPTIONS}
    # Else clang's differs each time, and ccache finds nothing.
    $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
  target_precompile_headers(cohort_pch_${kind} PRIVATE ${arg_HEADERS})
endfunction()

# The target must be compiled with the options of cohort_pch_KIND; compilers refuse the header otherwise.
function(cohort_use_pch target kind)
  if(TARGET cohort_pch_${kind})
    target_precompile_headers(${target} REUSE_FROM cohort_pch_${kind})
  endif()
endfunction()
