#!/usr/bin/env bash
# All tests, from nothing: packages, builds, unit tests, sanitizers, simulator, explorer, real processes, installation.
# Ends with `N passed, N failed`; exit status 0 only if nothing failed. Called by ./run test.
#
#   ./run test                 everything
#   ./run test unit asan       only these stages (see the list at the end)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

logs=build/test-logs
mkdir -p "$logs"
passed=0
failed=0
failures=()
jobs=${COHORT_JOBS:-$(nproc)}

say() { printf '\n\033[1m== [%4ds] %s\033[0m\n' "$SECONDS" "$*"; }
ok() { passed=$((passed + ${2:-1})); printf '   ok      %s\n' "$1"; }
bad() { failed=$((failed + ${2:-1})); failures+=("$1"); printf '   FAILED  %s\n' "$1"; }

# step NAME COMMAND...: one test; its output is shown when it fails, its last line always. If it was begun ahead, its end
# is waited for.
step() {
  local name=$1 log start=$SECONDS status=0 begun=; shift
  log="$logs/${name//[ \/]/_}.log"
  if [ -n "$beginning" ]; then begin_step "$name" "$log" "$@"; return; fi
  if [ -n "${begun_ahead[$name]:-}" ]; then
    wait "${begun_ahead[$name]}" || status=$?
    unset "begun_ahead[$name]"
    begun=", begun ahead"
  else "$@" >"$log" 2>&1 || status=$?; fi
  if [ "$status" = 0 ]; then ok "$name ($((SECONDS - start)) s$begun): $(tail -n 1 "$log" | cut -c 1-140)"
  else bad "$name (log: $log)"; tail -n 60 "$log"; fi
  return "$status"
}

# ahead FUNCTION...: begins their steps, one after the other, which only compute, while others mostly wait for clocks and
# sockets. Each has a session of its own, whose processes run where a processor has nothing else to do.
declare -A begun_ahead
beginning=
last_begun=
ahead() {
  beginning=yes
  local function; for function in "$@"; do "$function"; done
  beginning=
}
begin_step() {
  local name=$1 log=$2; shift 2
  (
    while [ -n "$last_begun" ] && kill -0 "$last_begun" 2>/dev/null; do sleep 1; done
    # shellcheck disable=SC2016
    exec setsid bash -c '{ echo 19 >/proc/self/autogroup; } 2>/dev/null; exec chrt --idle 0 "$@"' ahead "$@"
  ) >"$log" 2>&1 &
  last_begun=$!
  begun_ahead[$name]=$last_begun
}
end_begun() { local pid; for pid in "${begun_ahead[@]}"; do kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null; done; }
trap end_begun EXIT

# ctests BUILD_DIR ARGUMENTS...: counts every ctest test.
ctests() {
  local dir=$1 log; shift
  log="$logs/ctest-${dir//\//_}.log"
  ctest --test-dir "$dir" --output-on-failure -j "$jobs" --timeout 900 "$@" >"$log" 2>&1
  grep -aE '^ *[0-9]+/[0-9]+ Test' "$log" | sed 's/^ */   /' | cut -c 1-110
  local summary count bad_count
  summary=$(grep -aE 'tests passed, [0-9]+ tests? failed out of' "$log" | tail -n 1)
  if [ -z "$summary" ]; then bad "ctest in $dir ran nothing (log: $log)"; tail -n 20 "$log"; return; fi
  count=$(sed -E 's/.*out of ([0-9]+).*/\1/' <<<"$summary")
  bad_count=$(sed -E 's/.*, ([0-9]+) tests? failed.*/\1/' <<<"$summary")
  passed=$((passed + count - bad_count))
  if [ "$bad_count" != 0 ]; then
    failed=$((failed + bad_count))
    failures+=("$bad_count ctest tests in $dir (log: $log)")
    sed -n '/The following tests FAILED/,$p' "$log"
    grep -aE -B2 -A25 '\[  FAILED  \]|Failure$|ERROR: |SUMMARY: |violation' "$log" | head -n 150
  fi
}

built() { step "build $1" ./run build-preset "$@"; }

stage_setup() { say "packages"; step "setup" ./run setup; }
stage_format() { say "format"; step "format" ./run fmt --check; }
stage_unit() {
  say "release build, unit tests, explorer, house rules"
  local unity=()  # What is there keeps its setting; nobody who edits a test wants to wait for its neighbours.
  [ -e build/release/CMakeCache.txt ] || unity=(-DCOHORT_UNITY=ON)
  built release "${unity[@]}" || return
  ctests build/release
}
asan_layers=(wire security failure membership rmcast order flow frag map transfer engine runtime public c_api session)
build_asan() { built asan "${asan_layers[@]/%/_test}" cohort_swarm; }
simulate_asan() {
  # 1002 is left out: docs/status.md tells why.
  step "simulator under ASan and UBSan, 100 seeds" \
    build/asan/tests/sim/swarm/cohort_sim --seeds 1003..1102 --members 2..7 --minutes 0.4 --policy both --jobs "$jobs"
}
stage_asan() {
  say "address and undefined-behaviour sanitizers: the protocol's layers, the engine, the simulator, real sockets"
  build_asan || return
  ctests build/asan -R "^($(IFS='|'; echo "${asan_layers[*]}"))\$"
  simulate_asan
}
build_tsan() { built tsan runtime_test public_test c_api_test session_test; }
stage_tsan() {
  say "thread sanitizer"
  build_tsan || return
  ctests build/tsan -R '^(runtime|public|c_api|session)$'
}
simulate() {
  step "simulator, mixed faults, 1000 seeds" \
    build/release/cohort sim --seeds 1..1000 --members 2..7 --minutes 1 --policy both --jobs "$jobs"
  step "simulator, session stores, 100 seeds" \
    build/release/cohort sim --seeds 1..100 --members 2..7 --minutes 1 --policy both --mix sessions --jobs "$jobs"
  step "simulator, large datagrams, 50 seeds" \
    build/release/cohort sim --seeds 1..50 --members 2..7 --minutes 1 --policy both --mix jumbo --jobs "$jobs"
  step "simulator, the long watch: 60 member-hours, members that stand still, nobody excluded falsely" \
    build/release/cohort sim --seeds 1..24 --members 3..5 --minutes 40 --mix patience --jobs "$jobs"
}
stage_sim() {
  say "simulator, 60 s of faults a seed, 2 to 7 members, both policies"
  simulate
}
stage_e2e() { say "real processes in network namespaces"; step "e2e" /usr/bin/python3 tests/e2e/e2e.py --cohort build/release/cohort; }
stage_clients() { say "Redis's own clients"; step "clients" /usr/bin/python3 tests/e2e/redis_clients.py --cohort build/release/cohort; }
stage_doctor() { say "cohort doctor, one fault at a time"; step "doctor" /usr/bin/python3 tests/e2e/doctor.py --cohort build/release/cohort; }
stage_nginx() {
  say "a real NGINX, as cohort-nginx configures it; and marked by cohort nginx-agent"
  step "nginx" /usr/bin/python3 tests/e2e/nginx.py
  step "nginx-agent" /usr/bin/python3 tests/e2e/nginx_agent.py --cohort build/release/cohort
}
stage_web() { say "real web servers, killed under load"; step "web" ./run web; }
# Counts every JUnit test.
stage_java() {
  say "Java"
  local log=$logs/java.log summary
  COHORT_JOBS=$jobs ./run java >"$log" 2>&1
  summary=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
  if [ -z "$summary" ]; then bad "java ran nothing (log: $log)"; tail -n 40 "$log"; return; fi
  passed=$((passed + ${summary%% passed*}))
  printf '   %s\n' "$summary"
  summary=${summary#*passed, }
  if [ "${summary% failed}" != 0 ]; then
    bad "JUnit tests (log: $log)" "${summary% failed}"
    grep -aE -A8 '^\[ERROR\]' "$log" | head -n 100
  fi
}
stage_install() { say "installation"; step "install-test" ./run install-test --build build/release; }

stages=(setup format unit install java e2e clients doctor nginx web asan tsan sim)
for name in "$@"; do
  declare -F "stage_$name" >/dev/null && continue
  # A stage that is not there would not be missed among others that pass.
  [ "$name" = --help ] && status=0 || { status=2; echo "run test: no stage '$name'" >&2; }
  printf 'usage: ./run test [STAGE...]\n\nStages, in this order; all of them where none is named: %s\n\n  ./run test              everything, 40 to 65 minutes\n  ./run test unit asan    two of them\n' "${stages[*]}"
  exit "$status"
done
[ $# -gt 0 ] && stages=("$@")
for stage in "${stages[@]}"; do
  # From here to the web servers all but Java mostly wait.
  if [ $# = 0 ] && [ "$stage" = java ]; then ahead build_asan build_tsan simulate_asan simulate; fi
  "stage_$stage"
done

[ $# -gt 0 ] || echo "   not run: the long scenarios (./run e2e --long, ./run web --long)"
say "done"
for failure in "${failures[@]:-}"; do [ -n "$failure" ] && printf '   failed: %s\n' "$failure"; done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
