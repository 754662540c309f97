#!/usr/bin/env bash
# Runs every libFuzzer target for SECS seconds each. Called by ./run fuzz [SECS].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-60}
cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang-19 \
  -DCMAKE_CXX_COMPILER=clang++-19 -DCOHORT_BUILD_FUZZ=ON -DCOHORT_BUILD_BENCH=OFF >/dev/null
targets=()
for entry in tests/fuzz/entry/*.cc; do targets+=("$(basename "$entry" .cc)"); done
ninja -C build/fuzz "${targets[@]}"
for target in "${targets[@]}"; do
  corpus=tests/fuzz/corpus/${target%_fuzz}
  new=build/fuzz/corpus/$target
  mkdir -p "$new"
  echo "== $target, $seconds s"
  "$(find build/fuzz -type f -name "$target" -perm -u+x | head -n 1)" -max_total_time="$seconds" -rss_limit_mb=512 \
    "$new" $([ -d "$corpus" ] && echo "$corpus")
done
