"""Cases in which servers stand still, fall silent, do not hear each other, or come back; while hundreds of users go on."""

import random
import signal
import statistics
import time

import checker
from loads import SERVED_AGAIN_MS, WARM_SECONDS, expect_nothing_lost, judged, now_us
from website import Users, fill, nginx_site, servers

# What users of a server that stands still or fell silent have asked it before it was marked down waits for NGINX's read timeout: here
# one for a site whose pages take milliseconds.
SITES = {what: {"connect_timeout": "250ms", "read_timeout": "1200ms"} for what in ("stall", "silent")}
# What docs/nginx.md promises is 1 s until a server that is sick is marked down, and, with these timeouts, 2 s until all are served. These
# bounds have room for a machine that does other things as well, and are less than what the fault lasts, as it would be for NGINX alone.
OTHERS_WAIT_MS = 4000
UNANSWERED_MS = 5000
SICK_SERVED_MS = 5000
FAULT_SECONDS = 10
ROUNDS_LONG = 6
FILLED = 10_000


def case_stall(site, options):
    """A process that stands still, and then runs on."""
    return _fault_that_heals(site, options, lambda sick: sick.signal(signal.SIGSTOP), lambda sick: sick.signal(signal.SIGCONT))


def case_silent(site, options):
    """A host that the network forgets, and remembers; its link stays up."""
    return _fault_that_heals(site, options, lambda sick: site.net.isolate(sick.host), lambda sick: site.net.reconnect())


def _fault_that_heals(site, options, begin, heal):
    """The agent marks the sick one down, and up when it is well; then both hold the same sessions; then the other one dies."""
    agent = site.start_agent(options.cohort)
    instances = list(site.instances.values())
    faults, figures = [], []
    with Users(site, options.driver, options.users, options.pause_ms) as users:
        users.runs_for(WARM_SECONDS)
        for number in range(ROUNDS_LONG if options.long else 1):
            sick = instances[number % 2]
            at = now_us()
            begin(sick)
            down = agent.wait_for("marked_down", at / 1e6, sick.route)[0] - at / 1e6
            users.runs_for(FAULT_SECONDS - (now_us() - at) / 1e6)
            healed = time.monotonic()
            heal(sick)
            up = agent.wait_for("marked_up", healed, sick.route, 60)[0] - healed
            users.runs_for(2)
            agreed, sessions = _agreement_without_requests(site, users)
            faults.append((at, sick.route))
            figures.append("%s: marked down after %.2f s, up %.2f s after it was well; equal, %d sessions, after %.2f s without requests" % (
                sick.route, down, up, sessions, agreed))
        # Whoever was with the other one has nobody but the one that was sick.
        kill = now_us()
        instances[number % 2 - 1].kill()
        users.runs_for(4)
        users.end()
    records = checker.read(users.records)
    verdict = checker.judge(records, [at for at, _ in faults] + [kill])
    for index, (at, route) in enumerate(faults):
        felt = checker.felt(records, at, at + FAULT_SECONDS * 1_000_000, route)
        figures[index] += "; " + felt.words()
        assert felt.others_wait_ms < OTHERS_WAIT_MS, figures[index]
        assert felt.unanswered_ms < UNANSWERED_MS, figures[index]
        assert felt.served_again_ms is not None and felt.served_again_ms < SICK_SERVED_MS, figures[index]
    return "; ".join(figures) + "; " + judged(verdict, options)


def _agreement_without_requests(site, users):
    users.pause()
    try:
        return site.agree()
    finally:
        users.go_on()


def case_cut(site, options):
    """The two do not hear each other, and NGINX reaches both: each goes on alone with its own users. Then they hear each other again."""
    first, second = site.instances.values()
    with Users(site, options.driver, options.users, options.pause_ms) as users:
        users.runs_for(WARM_SECONDS)
        cut = now_us()
        first.host.block_from(second.host)
        second.host.block_from(first.host)
        # Users that come now begin sessions of which one side knows nothing.
        with Users(site, options.driver, LATE_USERS, options.pause_ms, name="late.json") as late:
            users.runs_for(FAULT_SECONDS)
            users.pause()
            late.end()
            said = [instance.digest() for instance in (first, second)]
            assert None not in said and said[0] != said[1], "the cut cut nothing: %s" % said
            site.net.reconnect()
            agreed, sessions = site.agree(sessions=options.users + LATE_USERS)
            healed = now_us()
            users.go_on()
        users.runs_for(3)
        kill = now_us()
        first.kill()
        users.runs_for(4)
        users.end()
    records, late_records = checker.read(users.records), checker.read(late.records)
    expect_nothing_lost(checker.judge(late_records))
    moved = checker.moved(records, cut, healed)
    assert not moved, "%d users did not stay where they were" % moved
    # Nobody asked while the sides were merged, so nobody's changes are of before.
    refused = checker.errors_between(records, healed, kill)
    assert not refused, "%d requests after the end of the cut failed, as %s" % (len(refused), refused[0])
    return "equal, %d sessions, %.2f s after the end of the cut, without requests; longest wait in the cut %.0f ms; %s" % (
        sessions, agreed, checker.longest_wait_ms(records, cut, cut + FAULT_SECONDS * 1_000_000 // 2),
        judged(checker.judge(records, [kill]), options))


LATE_USERS = 40


def case_two_clusters(site, options):
    """Both of the first cluster die: everybody is at the second one, which knows nothing of their sessions."""
    second = [site.instances[route] for route in site.clusters["second"]]
    for instance in second:
        fill(instance, WARMING)  # Or the first of all would wait for its compiler.
    with Users(site, options.driver, options.users, options.pause_ms) as users:
        users.runs_for(WARM_SECONDS)
        first_kill = now_us()
        site.instances["n1"].kill()
        users.runs_for(4)
        kill = now_us()
        site.instances["n2"].kill()
        users.runs_for(5)
        users.end()
        _, sessions = site.agree("second")
    records = checker.read(users.records)
    before = checker.judge([record for record in records if record["end"] < kill], [first_kill])
    expect_nothing_lost(before)
    after = checker.judge(records, [kill])
    assert after.faults() == {"vanished": options.users}, after.words() + "\n" + "\n".join(after.examples)
    served = after.served_again_ms[0]
    assert served is not None and served < SERVED_AGAIN_MS, after.words()
    late = [record for record in records if record["answer"] and record["start"] >= kill]
    assert {record["answer"]["route"] for record in late} == set(site.clusters["second"]), "not both of the second cluster were asked"
    # All of the second cluster's own: nothing of the first one's group has come over.
    assert sessions == WARMING * len(second) + options.users, "%d sessions in the second cluster" % sessions
    return "n1 dies: %s; n2 dies: all %d users have a page of the second cluster after %.0f ms (pauses included), longest wait for one %.0f ms" % (
        before.words(), options.users, served, checker.longest_wait_ms(records, kill, kill + 5_000_000))


WARMING = 300


def case_restart(site, options):
    """The one that died is back: it has all sessions before anybody is sent to it; then the other one dies."""
    agent = site.start_agent(options.cohort)
    first, second = site.instances.values()
    cookies = fill(second, FILLED)
    with Users(site, options.driver, options.users, options.pause_ms) as users:
        users.runs_for(WARM_SECONDS)
        kills = [now_us()]
        first.kill()
        users.runs_for(3)
        since = time.monotonic()
        first.start()
        started = first.wait_until_serving()
        at_first_answer = first.digest()
        assert at_first_answer is not None, "it answers and does not know what it holds"
        synced = agent.wait_for("synced", since, first.route, 60)[0]
        joined = min(at for at, event in list(agent.events) if at >= since and event["event"] == "view" and first.route in event["members"])
        up = agent.wait_for("marked_up", since, first.route, 60)[0]
        assert up >= synced - 0.05, "marked up %.2f s before it had the sessions" % (synced - up)
        assert at_first_answer[1] >= FILLED, "it answered with %d sessions" % at_first_answer[1]
        users.runs_for(2)
        kills.append(now_us())
        second.kill()
        users.runs_for(4)
        users.end()
    _expect_filled(site, cookies)
    words = judged(checker.judge(checker.read(users.records), kills), options)
    return "under load %s answers after %.1f s, with %d sessions; it has all of them %.2f s after it has joined, and users %.2f s after that; %s; %s" % (
        first.route, started, at_first_answer[1], synced - joined, up - synced, words, _starts(site, options))


def _expect_filled(site, cookies):
    """Sessions that nobody has used since they were made are where all others are now."""
    for cookie in random.Random(1).sample(cookies, 100):
        answer = nginx_site.User(site, cookie=cookie).ask("/%s/read" % servers.CONTEXT)
        assert answer.status == 200 and answer.json["n"] == 1 and answer.json["whole"], (cookie, answer)


def _starts(site, options):
    """What a start costs, with and without replication, in turn, as pairs: the machine is not always as busy."""
    instance, other = site.instances["n2"], site.instances["n1"]
    sessions = other.digest()[1]
    seconds, cpu = {"cohort": [], "none": []}, {"cohort": [], "none": []}
    for _ in range(options.starts):
        for replication in seconds:
            if instance.process is not None:
                instance.kill()
            instance.configure(replication)
            instance.start()
            seconds[replication].append(instance.wait_until_serving())
            cpu[replication].append(servers.processor_seconds(instance.process.pid))
    return "%d starts of each kind, with Cohort and %d sessions to be had, and without: until it serves %s; of the processors %s" % (
        options.starts, sessions, _pairs(**seconds), _pairs(**cpu))


def _pairs(cohort, none):
    more = [with_it - without for with_it, without in zip(cohort, none)]
    return "%.2f and %.2f s (medians), of the pairs %.2f s more (median; %s)" % (
        statistics.median(cohort), statistics.median(none), statistics.median(more), " ".join("%.2f" % each for each in more))
