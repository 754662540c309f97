"""Users in their hundreds on a site, and what is thought of what they saw."""

import os
import time

import checker
from website import Users

WARM_SECONDS = 8
# Of users who wait for an answer; a bound that says "broken" and not "slow".
SERVED_AGAIN_MS = 20_000


def now_us():
    """As web_driver counts."""
    return int(time.monotonic() * 1e6)


def kills_under_load(site, options, count):
    """Kills the servers in turn, each of which comes back before the next goes; the verdict about all that users saw."""
    kills = []
    with Users(site, options.driver, options.users, options.pause_ms, visit=options.visit) as users:
        users.runs_for(max(WARM_SECONDS, options.settle_seconds))
        for number in range(count):
            victim = list(site.instances.values())[number % len(site.instances)]
            kills.append(now_us())
            victim.kill()
            users.runs_for(4)
            victim.start()
            seconds = victim.wait_until_serving()
            _say("kill %d of %d: %s, which serves %.1f s after it was started; load %.1f" % (
                number + 1, count, victim.route, seconds, os.getloadavg()[0]))
            users.runs_for(options.settle_seconds)
        users.end()
    return checker.judge(checker.read(users.records), kills)


def _say(words):
    """How far a case is, for who waits for a long one."""
    print("        " + words, flush=True)


def judged(verdict, options):
    assert verdict.users == options.users, "%d users were served" % verdict.users
    expect_nothing_lost(verdict)
    return verdict.words()


def expect_nothing_lost(verdict):
    assert not verdict.faults(), verdict.words() + "\n" + "\n".join(verdict.examples)
    # A server that is killed answers nothing; one that answers so is broken.
    assert not verdict.statuses[500], verdict.words()
    # Nor does one that has not got its application yet get users.
    assert not verdict.statuses[404], verdict.words()
    for ms in verdict.served_again_ms:
        assert ms is not None and ms < SERVED_AGAIN_MS, verdict.words()
