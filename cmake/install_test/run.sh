#!/usr/bin/env bash
# Installs Cohort into a scratch prefix, static and shared, and builds a foreign program against each: by find_package
# and by pkg-config; then looks at what is installed. The objects are compiled once, for both kinds: in build/install,
# without precompiled headers, as consumers do.
# Usage: run.sh [--build DIR] [CMAKE_ARGS...]. --build: takes the objects of this build folder, which is of a static
# library before and afterwards. Prints one line a case; fails if one does.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
consumer=$source/cmake/install_test
build=$source/build/install
compile=(-DCMAKE_BUILD_TYPE=Release -DCOHORT_BUILD_TESTS=OFF -DCOHORT_BUILD_BENCH=OFF -DCOHORT_PCH=OFF)
if [ "${1:-}" = --build ]; then build=$2; compile=(); shift 2; fi
jobs=${COHORT_JOBS:-$(nproc)}
work=$(mktemp -d)
leave() {
  rm -rf "$work"
  if [ ${#compile[@]} = 0 ]; then cmake -S "$source" -B "$build" -DBUILD_SHARED_LIBS=OFF >/dev/null; fi
}
trap leave EXIT
command -v ccache >/dev/null && export CMAKE_CXX_COMPILER_LAUNCHER=ccache

# must COMMAND...: what it prints is shown only if it fails, and then all ends.
must() { "$@" >"$work/log" 2>&1 || { tail -n 50 "$work/log"; echo "FAILED: $*"; exit 1; }; }
# check NAME COMMAND...: one case, while others are compiled.
check() {
  local name=$1; shift
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
  (
    log=$(mktemp -p "$work")
    if "$@" >"$log" 2>&1; then echo "passed: $name ($(tail -n 1 "$log"))"
    else touch "$work/failed"; tail -n 50 "$log"; echo "FAILED: $name"; fi
  ) &
}
# One at a time: else members of two cases would find each other.
alone() { flock "$work" "$@"; }

install_kind() {
  local kind=$1 shared=$2; shift 2
  must cmake -S "$source" -B "$build" -G Ninja "${compile[@]}" -DBUILD_SHARED_LIBS="$shared" -DCMAKE_INSTALL_LIBDIR=lib "$@"
  # shellcheck disable=SC2046
  must cmake --build "$build" -j "$jobs" --target cohort cohort_c cohort_tool $([ "$shared" = ON ] || echo cohort_sim_group)
  must cmake --install "$build" --prefix "$work/$kind"
}

by_find_package() {
  cmake -S "$consumer" -B "$work/consumer-$1" -G Ninja -DCMAKE_PREFIX_PATH="$work/$1" &&
    cmake --build "$work/consumer-$1" && alone "$work/consumer-$1/shop"
}

with_asio() {
  cmake -S "$consumer/asio" -B "$work/asio-$1" -G Ninja -DCMAKE_PREFIX_PATH="$work/$1" &&
    cmake --build "$work/asio-$1" && alone "$work/asio-$1/visits"
}

in_c() {
  cmake -S "$consumer/c" -B "$work/c-$1" -G Ninja -DCMAKE_C_COMPILER=gcc -DCMAKE_PREFIX_PATH="$work/$1" &&
    cmake --build "$work/c-$1" && alone "$work/c-$1/shop_c"
}

in_c_by_pkg_config() {
  local kind=$1 flags
  flags=$(PKG_CONFIG_PATH=$work/$kind/lib/pkgconfig \
    pkg-config --cflags --libs $([ "$kind" = static ] && echo --static) cohort-c) || return 1
  # shellcheck disable=SC2086
  gcc -std=c11 -Wall -Wextra -Wpedantic -Werror "$consumer/c/main.c" -o "$work/c-by-pc-$kind" $flags \
    -Wl,-rpath,"$work/$kind/lib" && alone "$work/c-by-pc-$kind"
}

with_testing() {
  cmake -S "$consumer/testing" -B "$work/testing-$1" -G Ninja -DCMAKE_PREFIX_PATH="$work/$1" &&
    cmake --build "$work/testing-$1" && alone "$work/testing-$1/shop_test"
}

shared_has_no_testing() {
  cmake -S "$consumer/testing" -B "$work/testing-shared" -G Ninja -DCMAKE_PREFIX_PATH="$work/shared" >"$work/refusal" 2>&1 &&
    { echo "it was found"; return 1; }
  tr -s ' \n' ' ' <"$work/refusal" | grep -o 'comes with a static libcohort'
}

by_pkg_config() {
  local kind=$1 flags
  flags=$(PKG_CONFIG_PATH=$work/$kind/lib/pkgconfig \
    pkg-config --cflags --libs $([ "$kind" = static ] && echo --static) cohort) || return 1
  # shellcheck disable=SC2086
  c++ -std=c++20 "$consumer/main.cc" -o "$work/by-pc-$kind" $flags -Wl,-rpath,"$work/$kind/lib" && alone "$work/by-pc-$kind"
}

# Configures the whole, compiles the foreign program and plans the rest: to compile the library once more proves nothing new.
by_fetch_content() {
  local dir=$work/fetch object
  cmake -S "$consumer/fetch" -B "$dir" -G Ninja -DCOHORT_SOURCE="$source" || return 1
  ninja -C "$dir" -t targets all >"$work/targets"
  if grep -E '(cohort_tool|_test|_bench): phony' "$work/targets"; then echo "are built inside another project"; return 1; fi
  object=$(sed -n 's/^\(.*shop\.dir.*main\.cc\.o\):.*/\1/p' "$work/targets")
  ninja -C "$dir" "$object" || return 1
  ninja -C "$dir" -t commands shop >"$work/plan"
  grep -q 'libcohort\.a' "$work/plan" && grep -q '/src/engine/engine\.cc' "$work/plan" &&
    echo "$(grep -c '\.o -c ' "$work/plan") objects would be compiled"
}

headers_stand_alone() {
  local header flags
  flags=$(PKG_CONFIG_PATH=$work/static/lib/pkgconfig pkg-config --cflags cohort) || return 1
  # shellcheck disable=SC2086
  find "$work/static/include/cohort" -name '*.h' -print0 |
    xargs -0 -n 1 -P "$jobs" c++ -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Werror $flags -x c++ || return 1
  for header in "$work"/static/include/cohort/*.h "$work"/static/include/cohort/{c,testing}/*.h; do
    [ "${header##*/}" = asio.h ] && continue  # Asio is what it is for; so nobody else may include it.
    if grep -E '^ *# *include' "$header" | grep -E 'cohort/asio\.h|[<"](asio|google)' ||
      grep -E '^ *# *include' "$header" | grep -vE '[<"](cohort/|absl/|[a-z_]+>|std(def|int)\.h>)'; then echo "foreign include in $header"; return 1; fi
  done
  diff -r "$source/include/cohort" "$work/static/include/cohort" && echo "$(find "$work/static/include/cohort" -name '*.h' | wc -l) headers"
}

# Strict C11, without what the C++ headers need.
c_headers_are_c() {
  local header
  for header in "$work"/static/include/cohort/c.h "$work"/static/include/cohort/c/*.h; do
    gcc -std=c11 -fsyntax-only -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror -I"$work/static/include" -x c "$header" || return 1
    if grep -E '^ *# *include' "$header" | grep -vE '"cohort/c/|<std(def|int)\.h>'; then echo "foreign include in $header"; return 1; fi
  done
  echo "$(find "$work"/static/include/cohort/c -name '*.h' | wc -l) headers below c.h"
}

# The functions that the C headers declare, as the compiler sees them.
declared_in_c() {
  gcc -std=c11 -E -P -I"$work/shared/include" -x c "$work/shared/include/cohort/c.h" | tr '\n' ' ' |
    grep -oE 'visibility\("default"\)[^;(]*\)\) [^;(]*[ *]cohort_[a-z_]+\(' | grep -oE 'cohort_[a-z_]+\($' | tr -d '(' | sort -u
}
c_library_exports_what_is_declared() {
  declared_in_c >"$work/declared"
  nm -D --defined-only "$work/shared/lib/libcohort_c.so" | cut -d ' ' -f 3- | sort -u >"$work/exported_c"
  [ -s "$work/declared" ] && diff "$work/declared" "$work/exported_c" && echo "$(wc -l <"$work/exported_c") functions"
}

# The interface, as it is named by nm -C.
api='^cohort::((Group|Channel|Responder|LockService|HeldLock|SessionStore|ReplicatedMap|Subscription|WriteBatch|InstanceId|MemberId|ViewId|Version|MapDigest)::[^:(]*(\[abi:cxx11\])?\(|ToString\()'
exported() { nm -DC --defined-only "$work/shared/lib/libcohort.so" | cut -d ' ' -f 3-; }

only_the_interface_is_exported() {
  exported >"$work/exported"
  if grep -vE "$api" "$work/exported" || grep '::Impl' "$work/exported"; then echo "are exported, but are not the interface"; return 1; fi
  echo "$(wc -l <"$work/exported") symbols"
}

# Whatever of the interface the static library defines.
the_whole_interface_is_exported() {
  nm -C --defined-only "$work/static/lib/libcohort.a" 2>/dev/null | grep -E '^[0-9a-f]+ T ' | cut -d ' ' -f 3- |
    grep -E "$api" | grep -v '::Impl' | sort -u >"$work/defined"
  exported | sort -u >"$work/exported_sorted"
  [ -s "$work/defined" ] && [ -z "$(comm -23 "$work/defined" "$work/exported_sorted" | tee /dev/stderr)" ] &&
    echo "$(wc -l <"$work/defined") functions"
}

has_soname() {
  readelf -d "$work/shared/lib/libcohort.so" | grep -F 'soname: [libcohort.so.0.1]' &&
    readelf -d "$work/shared/lib/libcohort_c.so" | grep -F 'soname: [libcohort_c.so.1]'
}

program_works() {
  local cohort=$work/$1/bin/cohort
  "$cohort" keygen --out "$work/$1.key" && "$cohort" node --help && "$cohort" --version
}

install_kind static OFF "$@"
install_kind shared ON "$@"
# Those that take longest come first.
check "installed headers stand alone; all but asio.h include only the standard library and Abseil" headers_stand_alone
check "find_package with the component testing, static" with_testing static
for kind in static shared; do
  check "find_package, $kind" by_find_package $kind
  check "find_package with the component asio, $kind" with_asio $kind
  check "pkg-config, $kind" by_pkg_config $kind
  check "C11 by find_package, $kind" in_c $kind
  check "C11 by pkg-config, $kind" in_c_by_pkg_config $kind
  check "program cohort, $kind" program_works $kind
done
check "find_package says why a shared library is without the component testing" shared_has_no_testing
check "FetchContent and add_subdirectory, planned" by_fetch_content
check "the C headers are strict C11 and need nothing else" c_headers_are_c
check "libcohort_c exports exactly the functions that its headers declare" c_library_exports_what_is_declared
check "the shared library exports only the interface" only_the_interface_is_exported
check "the shared library exports the whole interface" the_whole_interface_is_exported
check "the shared libraries have sonames" has_soname
wait
[ ! -e "$work/failed" ] && echo "all cases passed in $SECONDS s"
