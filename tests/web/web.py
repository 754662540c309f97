#!/usr/bin/env python3
"""Real web servers with replicated sessions, behind a real NGINX, with hundreds of users, while servers are killed.

A case is KIND/REPLICATION/WHAT, as tomcat/cohort/kill. What there is:

    canary   without replication, a kill makes the sessions of that server vanish: else the test sees nothing
    kill     servers are killed in turn under load and started again: no session vanishes, no acknowledged change is missing,
             nothing is executed twice, and all users are served again
    edges    what one user sees after a failover: login, logout, changes in place, what cannot be serialized, long pages
    figures  (--long) how fast it is without kills and what one kill does, measured and not judged; for comparison, too

    ./run web                   canary, edges and three kills for each kind
    ./run web --long            twenty kills, and the figures
    ./run web jetty/cohort/kill --kills 5
"""

import argparse
import os
import shutil
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import checker  # noqa: E402
import checker_test  # noqa: E402
import edges  # noqa: E402
import install  # noqa: E402
import servers  # noqa: E402
from website import Users, Website, lab  # noqa: E402

USERS = 500
PAUSE_MS = 400
WARM_SECONDS = 8
# Of users who wait for an answer; a bound that says "broken" and not "slow".
SERVED_AGAIN_MS = 20_000


def kills_under_load(site, options, count):
    """Kills the servers in turn, each of which comes back before the next goes; the verdict about all that users saw."""
    kills = []
    with Users(site, options.driver, options.users, options.pause_ms) as users:
        users.runs_for(WARM_SECONDS)
        for number in range(count):
            victim = list(site.instances.values())[number % len(site.instances)]
            kills.append(int(time.monotonic() * 1e6))
            victim.kill()
            users.runs_for(4)
            victim.start()
            victim.wait_until_serving()
            users.runs_for(3)
        users.end()
    return checker.judge(checker.read(users.records), kills)


def judged(verdict, options):
    assert verdict.users == options.users, "%d users were served" % verdict.users
    assert not verdict.faults(), verdict.words() + "\n" + "\n".join(verdict.examples)
    for ms in verdict.served_again_ms:
        assert ms is not None and ms < SERVED_AGAIN_MS, verdict.words()
    return verdict.words()


def case_canary(site, options):
    verdict = kills_under_load(site, options, 1)
    # Half of the users, and no others: the servers are alone, each on a host of its own, and know nothing of each other.
    assert 0.3 * options.users < verdict.vanished < 0.7 * options.users, verdict.words()
    assert set(verdict.faults()) == {"vanished"}, verdict.words() + "\n" + "\n".join(verdict.examples)
    return "seen as it should be: " + verdict.words()


def case_kill(site, options):
    return judged(kills_under_load(site, options, options.kills), options)


def case_edges(site, options):
    return edges.check(site)


def case_figures(site, options):
    with Users(site, options.driver, options.users, pause_ms=0) as users:
        users.runs_for(20)
        warm = int(time.monotonic() * 1e6)
        users.runs_for(10)
        users.end()
    steady = [record for record in checker.read(users.records) if warm <= record["start"] < warm + 10_000_000]
    verdict = checker.judge(steady)
    words = "%d req/s, p50 %.1f, p99 %.1f, max %.0f ms, %d errors" % (
        len(steady) / 10, verdict.p50_ms, verdict.p99_ms, verdict.max_ms, verdict.errors)
    return words + "; a kill: " + kills_under_load(site, options, 1).words()


def all_cases(long):
    """The comparison with others' replication is for figures only."""
    cases = []
    for kind in servers.KINDS.values():
        cases.append(kind.name + "/none/canary")
        if "cohort" in kind.replications:
            cases += [kind.name + "/cohort/edges", kind.name + "/cohort/kill"]
        if long:
            cases += ["%s/%s/figures" % (kind.name, replication) for replication in kind.replications]
    return cases


def run_case(name, options, files):
    kind, replication, what = name.split("/")
    directory = os.path.join(files.folder, "run", name.replace("/", "-"))
    shutil.rmtree(directory, ignore_errors=True)
    start = time.monotonic()
    try:
        with Website(servers.KINDS[kind], replication, directory, files) as site:
            result = globals()["case_" + what](site, options)
        print("ok      %-22s %5.1f s  %s" % (name, time.monotonic() - start, result), flush=True)
        return True
    except Exception as error:  # The next case is another failure.
        print("FAILED  %-22s %5.1f s  %s: %s\n        logs: %s" % (
            name, time.monotonic() - start, type(error).__name__, str(error)[:4000], directory), flush=True)
        return False


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--kills", type=int, help="3; with --long 20")
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--pause-ms", type=int, default=PAUSE_MS)
    parser.add_argument("--driver", required=True, help="web_driver")
    parser.add_argument("--native", required=True, help="the folder of libcohort_jni.so")
    options = parser.parse_args()
    options.driver = os.path.abspath(options.driver)
    options.kills = options.kills or (20 if options.long else 3)
    known = ["%s/%s/%s" % (kind.name, replication, what) for kind in servers.KINDS.values() for replication in kind.replications
             for what in ("canary", "kill", "edges", "figures")]
    options.cases = lab.chosen(parser, options.cases, known, "case") if options.cases else all_cases(options.long)
    return options


def main():
    options = parse()
    files = install.Files(options.native)
    for name in sorted(set(case.split("/")[0] for case in options.cases)):
        servers.KINDS[name].install(files)
    if lab.INSIDE not in os.environ:  # Inside there is no network to load anything from.
        files.build_application()
        files.build_connectors()
    lab.enter("web", ["nginx", "java"])
    os.environ["PATH"] = lab.PATH
    # Who judges is judged first.
    tests = unittest.defaultTestLoader.loadTestsFromModule(checker_test)
    assert unittest.TextTestRunner(verbosity=0).run(tests).wasSuccessful()
    good = [run_case(name, options, files) for name in options.cases]
    print("web: %d passed, %d failed" % (good.count(True), good.count(False)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
