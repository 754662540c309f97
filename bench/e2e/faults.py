#!/usr/bin/env python3
"""./run bench faults: how long a group of real processes takes to see what happened to a member, many times over.

Three members, each a process on a host (network namespace) of its own, everything encrypted. `load` means that a Redis client
at each of them writes pipelines of 64 sets of 1 KiB, acknowledged by all members, without pause; `steady` that it pauses 50 ms
after each.

    ./run bench faults                          everything, about a quarter of an hour
    ./run bench faults kill big                 only these
    ./run bench faults --kills 100 kill         more often
    ./run bench faults --minutes 3 loss         shorter than its ten minutes

All times are differences on one clock, the wall clock of the machine: from just before the signal or the command, to the
stamp that the surviving members print with their own event (microseconds; when its handler is told, on the delivery thread).
Prints rows of the table in docs/performance.md.
"""

import argparse
import calendar
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import lab  # noqa: E402
import members  # noqa: E402
import sessions  # noqa: E402

NAMES = ["a", "b", "c"]
VIEW_SECONDS = 30
SIZE = 1024
PAUSES = {"load": 0.0, "steady": 0.05}  # After each pipeline.
CLOCK_STEP_MAX = 0.0005  # Wall clock against monotonic clock, over one measurement.


def stamp(event):
    """Wall time of an event, in seconds."""
    whole, fraction = event["at"].rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + fraction)


def offset():
    return time.time() - time.monotonic()


def spread(times):
    """p50, p90, max of seconds, in words."""
    ordered = sorted(times)
    if not ordered:
        return "none"
    pick = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.9)] + [ordered[-1]]
    unit, scale = ("s", 1) if pick[0] >= 1 else ("ms", 1000)
    return "p50 %s, p90 %s, max %s %s" % (*("%.2f" % (scale * t) if scale * t < 10 else "%.0f" % (scale * t) for t in pick), unit)


class Rig:
    """Three members; `load` is idle, steady or load."""

    def __init__(self, options, load, extra=()):
        self.options = options
        self.extra = list(extra)
        self.directory = tempfile.mkdtemp(prefix="cohort-faults-")
        self.key = os.path.join(self.directory, "key")
        subprocess.run([options.cohort, "keygen", "--out", self.key], check=True, stdout=subprocess.DEVNULL)
        self.net = lab.Lab()
        self.hosts = {}
        self.members = {}
        self.writers = None
        self.load = load

    def __enter__(self):
        for name in NAMES:
            self.start(name)
        self.settle(NAMES)
        if self.load != "idle":
            self.write()
        return self

    def write(self):
        targets = [("s-" + m.name, m.socket) for m in self.members.values()]
        self.writers = sessions.Writers(self.directory, targets, SIZE, 2000, PAUSES[self.load])
        time.sleep(1.0)

    def start(self, name):
        if name not in self.hosts:
            self.hosts[name] = self.net.add_host()
        self.members[name] = members.Member(
            self.options.cohort, self.hosts[name], name, self.directory, self.key, self.extra)

    def settle(self, names):
        for name in names:
            if name in self.members:
                self.members[name].wait_until_serving()
        for member in self.members.values():
            member.wait_for_view(names, VIEW_SECONDS)

    def start_big(self, name):
        """A member that holds a heap of 1 GiB; it prints a line once it is in."""
        process = self.hosts[name].popen(
            [self.options.group_bench, "replica", "--group", "demo", "--name", name, "--bind", self.hosts[name].address,
             "--key-file", self.key, "--heap-mib", str(self.options.heap_mib)], stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        return process

    def rate(self, seconds):
        before, at = self.writers.acknowledged(), time.monotonic()
        time.sleep(seconds)
        return (self.writers.acknowledged() - before) / (time.monotonic() - at)

    def __exit__(self, *_):
        if self.writers:
            self.writers.stop_flag.set()
        for member in self.members.values():
            member.close()
        if self.writers:
            for process in self.writers.processes:
                process.join(25)
        self.net.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Fault:
    """What happened to `victim` from this moment on, as its survivors print it."""

    def __init__(self, rig, victim):
        self.victim = victim
        self.survivors = [m for m in rig.members.values() if m.name != victim]
        self.seen = {m.name: len(m.events) for m in self.survivors}
        self.names = sorted(m.name for m in self.survivors)
        self.offset = offset()
        self.at = time.time()

    def wait(self):
        """(to the first suspicion, to the new view at the last survivor, what they say) in seconds."""
        views, suspected, why = [], [], []
        for member in self.survivors:
            start = self.seen[member.name]
            _, event = member.wait_for(
                lambda e: e.get("event") == "view" and sorted(e["members"]) == self.names and stamp(e) >= self.at,
                VIEW_SECONDS, "view of %s" % self.names)
            views.append(stamp(event) - self.at)
            why += ["%s: %s" % (left["cause"], left["evidence"]) for left in event["left"]]
            suspected += [stamp(e) - self.at for _, e in member.events[start:]
                          if e.get("event") == "suspected" and e.get("member") == self.victim]
        if abs(offset() - self.offset) > CLOCK_STEP_MAX:
            print("   the wall clock was set meanwhile; not counted", flush=True)
            return None
        return min(suspected, default=None), max(views), why


def report(what, rows, bound=None):
    seen = [row for row in rows if row is not None]
    found = [row[0] for row in seen if row[0] is not None]
    line = "| %s | detected %s; new view %s | %d times |" % (
        what, spread(found), spread([row[1] for row in seen]), len(seen))
    if bound:
        line += " %d within %.0f ms |" % (sum(row[1] <= bound for row in seen), 1000 * bound)
    print(line, flush=True)
    slowest = max(seen, key=lambda row: row[1])
    print("   slowest: %.1f ms, %s" % (1000 * slowest[1], "; ".join(sorted(set(slowest[2])))), flush=True)


def measure_kill(options):
    for load in ("idle", "steady", "load"):
        rows, gone = [], []
        with Rig(options, load) as rig:
            for number in range(options.kills):
                name = NAMES[number % len(NAMES)]  # The sequencer among them.
                victim = rig.members[name]
                time.sleep(0.2)
                fault = Fault(rig, name)
                victim.kill()
                gone.append(victim.gone_after)
                rows.append(fault.wait())
                victim.close()
                del rig.members[name]
                rig.start(name)
                rig.settle(NAMES)
        report("kill -9 of a member, %s" % load, rows, 0.005)
        print("   the kernel had ended the process after %s" % spread(gone), flush=True)


def measure_big(options):
    for load in ("idle", "load"):
        rows, gone = [], []
        with Rig(options, load) as rig:
            rig.hosts["d"] = rig.net.add_host()
            for _ in range(options.big_kills):
                process = rig.start_big("d")
                rig.settle(NAMES + ["d"])
                time.sleep(0.5)
                fault = Fault(rig, "d")
                process.kill()
                process.wait()  # The stamps of the events do not mind.
                gone.append(time.time() - fault.at)
                rows.append(fault.wait())
        report("kill -9 of a member with a heap of %d MiB, %s" % (options.heap_mib, load), rows)
        print("   the kernel had ended the process after %s" % spread(gone), flush=True)


def measure_silent(options):
    rows, back = [], []
    with Rig(options, load="load") as rig:
        for number in range(options.cuts):
            name = NAMES[number % len(NAMES)]
            fault = Fault(rig, name)
            rig.net.cut(rig.hosts[name])
            rows.append(fault.wait())
            healed = time.monotonic()
            rig.net.heal(rig.hosts[name])
            back.append(max(m.wait_for_view(NAMES, 60, since=healed) for m in rig.members.values()) - healed)
            time.sleep(1.0)
    report("a host falls silent (cable pulled), load", rows)
    print("| cable back, to one view again, load | %s | %d times |" % (spread(back), len(back)), flush=True)


def measure_loss(options):
    with Rig(options, load="load") as rig:
        before = rig.rate(5)
        for host in rig.hosts.values():
            host.lose(10)
        views = {m.name: len(m.views()) for m in rig.members.values()}
        suspected = {m.name: len(m.events) for m in rig.members.values()}
        rate = rig.rate(60 * options.minutes)
        changes = sum(len(m.views()) - views[m.name] for m in rig.members.values())
        doubts = sum(e.get("event") == "suspected" for m in rig.members.values() for _, e in m.events[suspected[m.name]:])
        print("| %g minutes at 10 %% loss of wire packets, load | %d view changes, %d suspicions; "
              "%.0f writes/s acknowledged by all, %.0f %% of %.0f/s just before | once |" % (
                  options.minutes, changes, doubts, rate, 100 * rate / before, before), flush=True)


def lost_in(events):
    return [change["name"] for e in events if e.get("event") == "view" for change in e["left"]]


def measure_observer(options):
    for what, extra in (("", []), (", stall time-out 10 s", ["--stall-timeout", "10s"])):
        found = dict.fromkeys(("others", "itself", "alone", "accused", "doubts"), 0)
        back = []
        with Rig(options, load="load", extra=extra) as rig:
            for number in range(options.stops):
                observer = rig.members[NAMES[number % len(NAMES)]]
                seen = {m.name: len(m.events) for m in rig.members.values()}
                observer.stop()
                time.sleep(5)
                resumed = observer.resume()
                time.sleep(6)
                back.append(max(0, max(m.wait_for_view(NAMES, 60) for m in rig.members.values()) - resumed))
                for member in rig.members.values():
                    events = [e for _, e in member.events[seen[member.name]:]]
                    lost = lost_in(events)
                    if member is observer:
                        found["alone"] += any(len(e["members"]) == 1 for e in events if e.get("event") == "view")
                        found["accused"] += sum(e.get("event") == "suspected" for e in events)
                        found["doubts"] += any("doubt" in e.get("event", "") for e in events)
                    else:
                        found["itself"] += observer.name in lost
                        found["others"] += sum(name != observer.name for name in lost)
        print("| an observer is stopped for 5 s and resumed, load%s | lost in the views of the two others: others %d, the observer %d "
              "of %d; the observer then doubted itself %d times, accused %d, was alone in a view %d times; one view %s after it was "
              "resumed | %d times |" % (what, found["others"], found["itself"], 2 * options.stops, found["doubts"], found["accused"],
                                        found["alone"], spread(back), options.stops), flush=True)


def measure_share(options):
    with Rig(options, load="load") as rig:
        rates = {0: [], 5: []}
        for _ in range(3):  # Alternating: the machine's other work weighs on both alike.
            for percent in (0, 5):
                for host in rig.hosts.values():
                    if percent:
                        host.lose(percent)
                    else:
                        host.clear_rules()
                time.sleep(0.5)
                rates[percent].append(rig.rate(options.seconds))
        views = max(len(m.views()) for m in rig.members.values())
        clean, lossy = (sum(rates[p]) / 3 for p in (0, 5))
        print("| 5 %% loss of wire packets, load | %.0f writes/s acknowledged by all, %.0f %% of the %.0f/s without loss; "
              "views in all: %d | 3 x %g s each |" % (lossy, 100 * lossy / clean, clean, views, options.seconds), flush=True)


MEASUREMENTS = {name[len("measure_"):]: function for name, function in globals().items() if name.startswith("measure_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", default=os.path.join(ROOT, "build", "release", "cohort"))
    parser.add_argument("--group-bench", default=os.path.join(ROOT, "build", "release", "bench", "e2e", "group_bench"))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--big-kills", type=int, default=5)
    parser.add_argument("--heap-mib", type=int, default=1024)
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--stops", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10, help="of 10 %% loss")
    parser.add_argument("--seconds", type=float, default=5, help="of each measured rate")
    parser.add_argument("what", nargs="*", help=" ".join(MEASUREMENTS))
    options = parser.parse_args()
    options.cohort, options.group_bench = os.path.abspath(options.cohort), os.path.abspath(options.group_bench)
    chosen = lab.chosen(parser, options.what, MEASUREMENTS, "measurement")
    lab.enter("bench")
    for name in chosen:
        MEASUREMENTS[name](options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
