#!/usr/bin/env bash
# ./run bench [NAME...]: the microbenchmarks, all or those named (wire, security, rmcast, order, map, engine,
# session). One alone may be given arguments:  ./run bench engine --benchmark_filter=PutPipelined
# ./run bench e2e ..., ./run bench faults ...: real processes; see bench/e2e/run.py and bench/e2e/faults.py.
# ./run bench web: what replication costs a web server; see tests/web/figures.py.
# ./run bench java [local]: session stores in Java, as session does in C++; local: without groups.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./run build
if [ "${1:-}" = e2e ]; then shift; exec /usr/bin/python3 bench/e2e/run.py "$@"; fi
if [ "${1:-}" = faults ]; then shift; exec /usr/bin/python3 bench/e2e/faults.py "$@"; fi
if [ "${1:-}" = web ]; then
  shift
  cmake --preset release -DCOHORT_BUILD_JNI=ON >/dev/null
  ninja -C build/release cohort_jni web_driver
  exec /usr/bin/python3 tests/web/figures.py --driver build/release/tests/web_driver --native build/release/java "$@"
fi
if [ "${1:-}" = java ]; then
  shift
  cmake --preset release -DCOHORT_BUILD_JNI=ON >/dev/null
  ninja -C build/release cohort_jni
  mvn -B -q -f java/pom.xml -pl cohort-jni -Dcohort.native.dir="$PWD/build/release/java" \
    -Dcohort.native.platform="linux-$(uname -m)" -DskipTests package
  classes=java/cohort-jni/target
  exec java -Xmx512m -XX:+UseSerialGC -cp $classes/classes:$classes/test-classes io.cohort.SessionBench "$@"
fi
names=()
while [ $# -gt 0 ] && [[ $1 != -* ]]; do names+=("$1"); shift; done
[ ${#names[@]} -gt 0 ] || names=(wire security rmcast order map engine session)
for name in "${names[@]}"; do
  program=build/release/bench/${name}_bench
  [ -x "$program" ] || { echo "bench: no $program"; continue; }
  echo "== $name"
  # Debian's library prints that it was built for debugging on every run; it is the distribution's build, not ours.
  "$program" "$@" 2> >(grep -v 'Library was built as DEBUG' >&2)
done
