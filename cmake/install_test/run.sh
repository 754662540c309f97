#!/bin/sh
# Installs Cohort into a scratch prefix, static and shared, and builds a foreign program against each: by find_package
# and by pkg-config. Usage: run.sh [CMAKE_ARGS...]. Prints one line a case; fails if one does.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
consumer=$source/cmake/install_test
# The two kinds have the same objects: the second build takes them from the cache.
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR="$work" CCACHE_NOHASHDIR=1
fi

for kind in static shared; do
  shared=OFF
  [ "$kind" = shared ] && shared=ON
  prefix=$work/$kind
  cmake -S "$source" -B "$work/build-$kind" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=$shared \
    -DCOHORT_BUILD_TESTS=OFF -DCOHORT_BUILD_BENCH=OFF -DCOHORT_BUILD_TOOLS=OFF \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  cmake --build "$work/build-$kind" >"$work/log" 2>&1 || { tail -50 "$work/log"; exit 1; }
  cmake --install "$work/build-$kind" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }

  cmake -S "$consumer" -B "$work/consumer-$kind" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" 2>&1 &&
    cmake --build "$work/consumer-$kind" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  "$work/consumer-$kind/consumer"
  echo "passed: find_package, $kind"

  PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  export PKG_CONFIG_PATH
  flags=
  [ "$kind" = static ] && flags=--static
  # shellcheck disable=SC2046
  c++ -std=c++20 "$consumer/main.cc" -o "$work/by-pc-$kind" $(pkg-config $flags --cflags --libs cohort) \
    -Wl,-rpath,"$prefix/lib"
  "$work/by-pc-$kind"
  echo "passed: pkg-config, $kind"
done

foreign=$(nm -DC --defined-only "$work/shared/lib/libcohort.so" | grep -v -c ' cohort' || true)
echo "symbols of others exported by the shared library: $foreign"
[ "$foreign" -eq 0 ]
