#!/usr/bin/env bash
# ./run bench [NAME...]: the microbenchmarks, all or those named (wire, security, rmcast, order, map, engine).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./run build
if [ "${1:-}" = e2e ]; then shift; exec /usr/bin/python3 bench/e2e/run.py "$@"; fi
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(wire security rmcast order map engine)
for name in "${names[@]}"; do
  program=build/release/bench/${name}_bench
  [ -x "$program" ] || { echo "bench: no $program"; continue; }
  echo "== $name"
  # Debian's library prints that it was built for debugging on every run; it is the distribution's build, not ours.
  "$program" 2> >(grep -v 'Library was built as DEBUG' >&2)
done
