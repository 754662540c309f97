"""Judges what users of the counter (app/) saw: each posts one request after the other, and the answer to each says how many
have counted in the session, and which of them was the last before it. So what became of every request is known exactly.

A request that was not answered with 200 may have been executed or not, then or later, but once at most."""

import collections
import dataclasses
import json
import statistics

# Requests that begin so soon after a kill do not belong to the figures of steady times.
DISTURBED_US = 3_000_000


@dataclasses.dataclass
class Verdict:
    requests: int = 0
    users: int = 0
    errors: int = 0          # Answers that were none, or not 200.
    statuses: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    vanished: int = 0        # Sessions that were gone.
    vanished_updates: int = 0  # What was acknowledged in them.
    back: int = 0            # A counter was less than before, or the same.
    missing: int = 0         # What was acknowledged last is not what was executed last.
    twice: int = 0           # More was executed than was asked for, or a request after itself.
    torn: int = 0            # Two attributes that one request sets were of two requests.
    applied: int = 0         # Executed though answered with an error: not a fault, but worth a number.
    served_again_ms: list = dataclasses.field(default_factory=list)  # For each kill, all users; None: not all.
    p50_ms: float = 0
    p99_ms: float = 0
    max_ms: float = 0
    examples: list = dataclasses.field(default_factory=list)

    def faults(self):
        return {name: getattr(self, name) for name in ("vanished", "back", "missing", "twice", "torn") if getattr(self, name)}

    def words(self):
        text = "%d requests of %d users, %d errors %s (%d of them executed)" % (
            self.requests, self.users, self.errors, dict(sorted(self.statuses.items(), key=str)), self.applied)
        if self.served_again_ms:
            text += "; all served again after " + " ".join("never" if ms is None else "%d" % ms for ms in self.served_again_ms) + " ms"
            if len(self.served_again_ms) > 3 and None not in self.served_again_ms:
                text += " (median %.0f, max %.0f)" % (statistics.median(self.served_again_ms), max(self.served_again_ms))
        faults = self.faults()
        text += "; " + (", ".join("%s %d" % pair for pair in faults.items()) if faults else "nothing lost, nothing twice")
        if self.vanished:
            text += " (with %d acknowledged updates)" % self.vanished_updates
        return text + "; p50 %.1f, p99 %.1f, max %.0f ms" % (self.p50_ms, self.p99_ms, self.max_ms)


class _User:
    """One user's session as far as the answers tell."""

    def __init__(self, verdict):
        self.verdict = verdict
        self.session = None
        self._begin("")

    def _begin(self, session):
        self.session = session or None
        self.n = 0
        self.last = ""
        self.unknown = set()  # Requests whose fate is not known.
        self.counted = 0      # How many of them have counted without being named.

    def _fault(self, name, record):
        setattr(self.verdict, name, getattr(self.verdict, name) + 1)
        if len(self.verdict.examples) < 20:
            self.verdict.examples.append("%s after n=%d last=%s unknown=%s: %s" % (
                name, self.n, self.last, sorted(self.unknown), json.dumps(record)))

    def on_error(self, record):
        self.verdict.errors += 1
        self.verdict.statuses[record["status"] or record["error"]] += 1
        self.unknown.add(record["request"])

    def on_answer(self, record):
        answer = record["answer"]
        if self.session is not None and answer["session"] != self.session:
            self._fault("vanished", record)
            self.verdict.vanished_updates += self.n
        if answer["session"] != self.session:
            self._begin(answer["session"])
        if not answer["whole"]:
            self._fault("torn", record)
        self._judge_count(record, answer["n"], answer["before"])
        self.n, self.last = answer["n"], record["request"]

    def _judge_count(self, record, n, before):
        more = n - self.n - 1  # Of the unknown ones so many have counted meanwhile.
        if more < 0:
            self._fault("back", record)
        elif before == record["request"] or more > len(self.unknown) - self.counted:
            self._fault("twice", record)
        elif before in self.unknown and more > 0:
            self.unknown.discard(before)
            self.verdict.applied += more
            self.counted += more - 1
        elif before != self.last or more > 0:
            self._fault("missing", record)


def judge(records, kills=()):
    """`records`: of web_driver, in any order. `kills`: microseconds of the same clock."""
    verdict = Verdict()
    by_user = _by_visit(records)
    verdict.users = len({record["user"] for record in records})
    milliseconds = []
    for of_user in by_user:
        user = _User(verdict)
        for record in of_user:
            verdict.requests += 1
            if record["answer"] is None:
                user.on_error(record)
                continue
            user.on_answer(record)
            if not any(kill <= record["end"] and record["start"] < kill + DISTURBED_US for kill in kills):
                milliseconds.append((record["end"] - record["start"]) / 1000)
    verdict.served_again_ms = [_served_again(by_user, kill) for kill in kills]
    if len(milliseconds) > 1:
        hundredths = statistics.quantiles(milliseconds, n=100)
        verdict.p50_ms, verdict.p99_ms, verdict.max_ms = hundredths[49], hundredths[98], max(milliseconds)
    return verdict


def errors_between(records, begin, end):
    """What was asked and answered in between, but not with 200."""
    return [record for record in records if begin <= record["start"] and record["end"] < end and record["answer"] is None]


def _served_again(visits, kill):
    """Milliseconds until each user who was there at the kill had asked anew after it, and was answered. Who left meanwhile did not ask."""
    worst = 0
    for records in visits:
        if records[0]["start"] >= kill or records[-1]["leaves"] and records[-1]["start"] < kill:
            continue
        good = [record["end"] for record in records if record["start"] >= kill and record["answer"] is not None]
        if not good:
            return None
        worst = max(worst, min(good) - kill)
    return worst / 1000


@dataclasses.dataclass
class Felt:
    """What users felt of a fault of one server."""

    others_wait_ms: float = 0          # The longest wait of a user of the other servers.
    served_again_ms: float | None = 0  # As _served_again, for the users of that server.
    unanswered_ms: float = 0           # Of their requests, when after the fault the last one began that was not answered.

    def words(self):
        return "its users served again after %s ms, who asked after %.0f ms was answered at once; longest wait of the others %.0f ms" % (
            "never" if self.served_again_ms is None else "%.0f" % self.served_again_ms, self.unanswered_ms, self.others_wait_ms)


def felt(records, at, until, route):
    """Of the fault of the server `route` from `at` to `until`, microseconds. A user belongs to the server that answered last before."""
    felt_by = Felt()
    sick = []
    for of_user in _by_visit(records):
        if _route_at(of_user, at) == route:
            sick.append(of_user)
            lost = [record["start"] - at for record in of_user if at <= record["start"] < until and record["answer"] is None]
            felt_by.unanswered_ms = max([felt_by.unanswered_ms] + [us / 1000 for us in lost])
        else:
            felt_by.others_wait_ms = max(felt_by.others_wait_ms, longest_wait_ms(of_user, at, until))
    felt_by.served_again_ms = _served_again(sick, at)
    return felt_by


def moved(records, at, until):
    """How many users were answered by another server than before."""
    count = 0
    for of_user in _by_visit(records):
        routes = {record["answer"]["route"] for record in of_user if record["answer"] and at <= record["start"] < until}
        count += bool(routes - {_route_at(of_user, at)})
    return count


def longest_wait_ms(records, at, until):
    """Of requests that were under way at some time from `at` to `until`."""
    return max([0] + [(record["end"] - record["start"]) / 1000 for record in records if record["end"] >= at and record["start"] < until])


def _by_visit(records):
    """A user who has left and come anew is somebody else to the site."""
    visits = collections.defaultdict(list)
    for record in records:
        visits[record["user"], record["visit"]].append(record)
    for of_visit in visits.values():
        of_visit.sort(key=lambda record: record["start"])
    return list(visits.values())


def _route_at(of_user, at):
    routes = [record["answer"]["route"] for record in of_user if record["answer"] and record["end"] < at]
    return routes[-1] if routes else None


def read(path):
    with open(path) as file:
        return [json.loads(line) for line in file]
