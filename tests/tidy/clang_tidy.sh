#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy, over build/tidy/compile_commands.json.
#   tests/tidy/clang_tidy.sh            sources that differ from the last commit, or are new
#   tests/tidy/clang_tidy.sh --all      every source of src, tools and examples
#   tests/tidy/clang_tidy.sh FILE...    these
# Headers are checked through the sources that include them. Not part of ./run test: it takes long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build=${COHORT_BUILD:-build}/tidy
[ -e "$build/compile_commands.json" ] || { echo "clang_tidy.sh: no $build/compile_commands.json; ./run tidy makes it" >&2; exit 1; }
command -v clang-tidy-19 >/dev/null || { echo "clang_tidy.sh: no clang-tidy-19; ./run setup installs it" >&2; exit 1; }

if [ "${1:-}" = --all ]; then mapfile -t files < <(git ls-files 'src/*.cc' 'tools/*.cc' 'examples/*.cc')
elif [ $# -gt 0 ]; then files=("$@")
else mapfile -t files < <({ git diff --name-only --diff-filter=d HEAD; git ls-files -o --exclude-standard; } |
  grep -E '^(src|tools|examples|tests|bench)/.*\.cc$' | sort -u)
fi

known=()
for file in "${files[@]}"; do
  if grep -q "/$file\"" "$build/compile_commands.json"; then known+=("$file")
  else echo "clang_tidy.sh: not checked, not in the build: $file" >&2; fi
done
if [ ${#known[@]} = 0 ]; then echo "clang-tidy: nothing to check"; exit 0; fi
printf '%s\n' "${known[@]}" | xargs -n 1 -P "${COHORT_JOBS:-$(nproc)}" clang-tidy-19 --quiet -p "$build"
echo "clang-tidy: ${#known[@]} files, nothing found"
