#!/usr/bin/env python3
"""Real web servers with replicated sessions, behind a real NGINX, with hundreds of users, while servers are killed, stand still and
are cut off.

A case is KIND/REPLICATION/WHAT, as tomcat/cohort/kill. What there is:

    canary        without replication, a kill makes the sessions of that server vanish: else the test sees nothing
    kill          servers are killed in turn under load and started again: no session vanishes, no acknowledged change is missing,
                  nothing is executed twice, and all users are served again
    edges         what one user sees after a failover: login, logout, a login form that was shown before it (Tomcat), changes in place, what
                  cannot be serialized, long pages
    stall         a server stands still and runs on; silent: its network is gone and comes back. `cohort nginx-agent` marks it down and up;
                  afterwards both hold the same sessions, and the other one is killed
    cut           the servers do not hear each other and users reach both; then they hear each other again
    two_clusters  both servers of the first cluster die
    restart       a server that died comes back to 10,000 sessions more; then the other one dies
    upgrade       servers are stopped in turn and started with another release of the application, under load, and back again
    figures       (--long) how fast it is without kills and what one kill does, measured and not judged; for comparison, too

The kind `mixed` is a Tomcat and a Jetty in one group.

    ./run web                   canary, edges and three kills for each kind, and each fault once
    ./run web --long            twenty kills, more faults, and the figures
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
import faults  # noqa: E402
import install  # noqa: E402
import kinds  # noqa: E402
import upgrade  # noqa: E402
from loads import judged, kills_under_load, now_us  # noqa: E402
from website import Users, Website, lab  # noqa: E402

USERS = 500
PAUSE_MS = 400
FAULTS = ("stall", "silent", "cut", "two_clusters", "restart")
# Those of the short form: each fault once.
SHORT_FAULTS = {"tomcat": ("stall", "cut", "two_clusters", "restart"), "jetty": ("silent",)}
# Takes minutes to start; by name, or with --long.
LONG_KINDS = ("glassfish",)


def case_canary(site, options):
    verdict = kills_under_load(site, options, 1)
    # Half of the users, and no others: the servers are alone, each on a host of its own, and know nothing of each other.
    assert 0.3 * options.users < verdict.vanished < 0.7 * options.users, verdict.words()
    assert set(verdict.faults()) == {"vanished"}, verdict.words() + "\n" + "\n".join(verdict.examples)
    return "seen as it should be: " + verdict.words()


def case_kill(site, options):
    if any(instance.kind.opens_early for instance in site.instances.values()):
        site.start_agent(options.cohort, health=True)
    return judged(kills_under_load(site, options, options.kills), options)


def case_edges(site, options):
    return edges.check(site)


def case_upgrade(site, options):
    return upgrade.check(site, options)


def case_figures(site, options):
    with Users(site, options.driver, options.users, pause_ms=0) as users:
        users.runs_for(20)
        warm = now_us()
        users.runs_for(10)
        users.end()
    steady = [record for record in checker.read(users.records) if warm <= record["start"] < warm + 10_000_000]
    verdict = checker.judge(steady)
    words = "%d req/s, p50 %.1f, p99 %.1f, max %.0f ms, %d errors" % (
        len(steady) / 10, verdict.p50_ms, verdict.p99_ms, verdict.max_ms, verdict.errors)
    return words + "; a kill: " + kills_under_load(site, options, 1).words()


CASES = {"canary": case_canary, "kill": case_kill, "edges": case_edges, "upgrade": case_upgrade, "figures": case_figures,
         **{name: getattr(faults, "case_" + name) for name in FAULTS}}


def all_cases(long):
    """The comparison with others' replication is for figures only."""
    cases = ["mixed/cohort/edges", "mixed/cohort/kill"]
    for name, kind in kinds.KINDS.items():
        if name in LONG_KINDS and not long:
            continue
        cases.append(name + "/none/canary")
        judged_here = ["kill"] if name == "glassfish" else ["edges", "kill"]  # It refuses what cannot be serialized (docs/glassfish.md).
        judged_here += ["upgrade"] if long and name != "glassfish" or name == "tomcat" else []
        judged_here += () if name == "glassfish" else FAULTS if long else SHORT_FAULTS.get(name, ())
        cases += ["%s/cohort/%s" % (name, what) for what in judged_here]
        if long:
            cases += ["%s/%s/figures" % (name, replication) for replication in kind.replications]
    return cases


def run_case(name, options, files):
    kind, replication, what = name.split("/")
    directory = os.path.join(files.folder, "run", name.replace("/", "-"))
    shutil.rmtree(directory, ignore_errors=True)
    start = time.monotonic()
    try:
        with Website(kinds.clusters(kind, what), replication, directory, files, **faults.SITES.get(what, {})) as site:
            result = CASES[what](site, options)
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
    parser.add_argument("--settle-seconds", type=float, default=3, help="from when a server serves again to the next kill; its code is cold at first")
    parser.add_argument("--starts", type=int, help="of case restart, with and without replication: 1; with --long 5")
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--pause-ms", type=int, default=PAUSE_MS)
    parser.add_argument("--visit", type=int, default=0, help="of kill: requests after about which a user leaves and comes anew, so that both servers have users at each kill; else all of them are at the one that was not killed before")
    parser.add_argument("--driver", required=True, help="web_driver")
    parser.add_argument("--cohort", required=True, help="the program `cohort`, for its agent")
    parser.add_argument("--native", required=True, help="the folder of libcohort_jni.so")
    options = parser.parse_args()
    options.driver, options.cohort = os.path.abspath(options.driver), os.path.abspath(options.cohort)
    options.kills = options.kills or (20 if options.long else 3)
    options.starts = options.starts or (5 if options.long else 1)
    known = ["%s/%s/%s" % (kind, replication, what) for kind in [*kinds.KINDS, *kinds.MIXED] for replication in kinds.replications(kind)
             for what in CASES]
    options.cases = lab.chosen(parser, options.cases, known, "case") if options.cases else all_cases(options.long)
    return options


def main():
    options = parse()
    files = install.Files(options.native)
    for name in sorted(set(case.split("/")[0] for case in options.cases)):
        for kind in kinds.pair(name):
            kind.install(files)
    if lab.INSIDE not in os.environ:  # Inside there is no network to load anything from.
        files.build_application()
        if any(name.endswith("/upgrade") for name in options.cases):
            files.build_application(release=2)
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
