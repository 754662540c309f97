#!/usr/bin/env python3
"""Whether everything in a build's compile_commands.json compiles, as far as clang's front end tells. Nothing is written.

    tests/tidy/syntax.py build/tidy            each source by itself, without precompiled headers: it includes what it uses
    tests/tidy/syntax.py build/tidy-together   all sources of a target as one: no two give a name to different things, so
                                               that they can be compiled several at once, whichever these are
    tests/tidy/syntax.py build/tidy src tools  of these folders only
"""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys


def check(entry):
    words = [word for word in shlex.split(entry["command"]) if word != "-c"]
    if os.path.basename(words[0]) == "ccache":
        del words[0]
    at = words.index("-o")
    del words[at : at + 2]
    run = subprocess.run(words + ["-fsyntax-only"], cwd=entry["directory"], stderr=subprocess.PIPE, text=True)
    return entry["file"], run.returncode, run.stderr


def main():
    with open(os.path.join(sys.argv[1], "compile_commands.json")) as file:
        entries = json.load(file)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folders = tuple(os.path.join(root, folder, "") for folder in sys.argv[2:])
    entries = [entry for entry in entries if not folders or entry["file"].startswith(folders)]
    failed = 0
    jobs = int(os.environ.get("COHORT_JOBS") or os.cpu_count())
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for file, status, text in pool.map(check, entries):
            if status != 0:
                failed += 1
                print(f"{text}FAILED: {file}", file=sys.stderr)
    print(f"syntax: {len(entries)} files of {sys.argv[1]}, {failed} of them do not compile")
    return 1 if failed or not entries else 0


sys.exit(main())
