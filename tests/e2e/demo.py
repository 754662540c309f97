#!/usr/bin/env python3
"""./run demo: a real group at work, and what happens to it when a member is killed, stopped, isolated.

Exit status 0 only if nothing that was acknowledged is missing or old at any member, and all digests agree.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402
import members  # noqa: E402
import sessions  # noqa: E402


class Timeline:
    def __init__(self):
        self.start = time.monotonic()
        self.rows = []

    def say(self, text):
        print("[%6.2f s] %s" % (time.monotonic() - self.start, text), flush=True)

    def row(self, at, who, what, why="", detect=None, view=None):
        self.rows.append((at - self.start, who, what, why, detect, view))

    def show(self):
        print("\n%9s  %-6s %-34s %-52s %9s %9s" % ("at", "who", "what", "why (as the members say)", "detected", "new view"))
        for at, who, what, why, detect, view in sorted(self.rows, key=lambda row: row[0]):
            first, *more = textwrap.wrap(why, 52) or [""]
            print("%8.2fs  %-6s %-34s %-52s %9s %9s" % (
                at, who, what, first, "" if detect is None else "%.1f ms" % detect, "" if view is None else "%.1f ms" % view))
            for line in more:
                print("%9s  %-6s %-34s %s" % ("", "", "", line))


class Progress:
    """Says every two seconds what `describe()` answers, as long as the block lasts; nothing if it is over sooner."""

    def __init__(self, timeline, describe):
        self.timeline = timeline
        self.describe = describe
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.wait(2):
            try:
                self.timeline.say("   ... " + self.describe())
            except Exception as error:  # A member that is just being killed.
                self.timeline.say("   ... (%s)" % error)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Demo:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.key_file = os.path.join(directory, "group.key")
        subprocess.run([options.cohort, "keygen", "--out", self.key_file], check=True, stdout=subprocess.DEVNULL)
        self.timeline = Timeline()
        self.net = lab.Lab()
        self.all = []

    def start(self, name):
        member = members.Member(self.options.cohort, self.net.add_host(), name, self.directory, self.key_file)
        self.all.append(member)
        return member

    def close(self):
        for member in self.all:
            member.close()
        self.net.close()

    def wait_entries(self, writers, mebibytes):
        """Until the group holds so much; with progress."""
        wanted = mebibytes << 20
        client = self.all[0].client()
        shown = 0.0
        while True:
            entries = client.dbsize()
            if entries * self.options.size >= wanted:
                return entries
            if time.monotonic() - shown > 2:
                shown = time.monotonic()
                self.timeline.say("   %d MiB of %d in %d sessions, %d writes acknowledged" % (
                    entries * self.options.size >> 20, mebibytes, entries, writers.acknowledged()))
            if time.monotonic() - self.timeline.start > 150:
                raise TimeoutError("the state did not grow to %d MiB in time" % mebibytes)
            time.sleep(0.1)

    def waiting(self, what, writers=None):
        """Progress while the block runs."""
        count = (lambda: ", %d writes acknowledged" % writers.acknowledged()) if writers else (lambda: "")
        return Progress(self.timeline, lambda: what + count())

    def fault(self, survivor, names_after, name, what, act, seconds):
        """Does `act`, waits until `survivor` has a view of `names_after`, notes how long it took."""
        self.timeline.say("%s: %s" % (name, what))
        at = time.monotonic()
        act()
        with self.waiting("the others still wait for %s" % name):
            installed = survivor.wait_for_view(names_after, seconds, since=at)
        suspected = [t for t, e in survivor.events if e.get("event") == "suspected" and e.get("member") == name and t >= at]
        left = survivor.views()[-1][1].get("left", [])
        why = "; ".join("%s: %s" % (c["cause"], c["evidence"]) for c in left) or survivor.views()[-1][1].get("cause", "")
        detect = (suspected[0] - at) * 1000 if suspected else None
        self.timeline.row(at, name, what, why, detect, (installed - at) * 1000)
        self.timeline.say("   new view of %s after %.1f ms (%s)" % (" ".join(names_after), (installed - at) * 1000, why))

    def back(self, survivor, names, name, what, act, seconds):
        self.timeline.say("%s: %s" % (name, what))
        at = time.monotonic()
        act()
        with self.waiting("%s is not back yet" % name):
            installed = survivor.wait_for_view(names, seconds, since=at)
        self.timeline.row(at, name, what, survivor.views()[-1][1].get("cause", ""), None, (installed - at) * 1000)
        self.timeline.say("   back in the view after %.0f ms" % ((installed - at) * 1000))

    def run(self):
        say = self.timeline.say
        say("starting three members, each on a host (network namespace) of its own")
        a, b, c = (self.start(name) for name in ("a", "b", "c"))
        at = time.monotonic()
        for member in (a, b, c):
            member.wait_until_serving()
        installed = max(member.wait_for_view(["a", "b", "c"], 20) for member in (a, b, c))
        self.timeline.row(at, "a b c", "start, find each other by multicast", "formed", None, (installed - at) * 1000)
        say("   one view of a b c after %.0f ms" % ((installed - at) * 1000))

        say("one Redis client at each writes sessions of %d bytes with --ack all, each its own keys" % self.options.size)
        targets = [("s-" + m.name, m.socket) for m in (a, b, c)]
        writers = sessions.Writers(self.directory, targets, self.options.size, self.options.keys)
        self.wait_entries(writers, self.options.mebibytes)

        say("d joins under load")
        at = time.monotonic()
        d = self.start("d")
        with self.waiting("d receives the state", writers):
            installed = a.wait_for_view(["a", "b", "c", "d"], 30)
            synced, _ = d.wait_for(lambda e: e.get("event") == "synced" and e.get("member", "d") == "d", 60, "synced event")
        self.timeline.row(at, "d", "joins under load", "joined", None, (installed - at) * 1000)
        self.timeline.row(synced, "d", "holds the whole state", "digest compared", None, None)
        say("   in the view after %.0f ms, whole state after %.0f ms" % ((installed - at) * 1000, (synced - at) * 1000))

        self.fault(a, ["a", "b", "d"], "c", "killed with -9", c.kill, 20)
        c.close()
        time.sleep(1)
        self.fault(a, ["a", "d"], "b", "stopped (SIGSTOP)", b.stop, 20)
        self.back(a, ["a", "b", "d"], "b", "resumed (SIGCONT)", b.resume, 40)
        time.sleep(1)
        self.fault(a, ["a", "b"], "d", "isolated (cable pulled)", lambda: self.net.cut(d.host), 20)
        self.back(a, ["a", "b", "d"], "d", "healed (cable back)", lambda: self.net.heal(d.host), 40)
        time.sleep(2)

        say("stopping the clients")
        with self.waiting("writes under way are answered", writers):
            writers.stop()
        return self.prove([a, b, d], writers)

    def prove(self, alive, writers):
        say = self.timeline.say
        deadline = time.monotonic() + 30
        while True:
            digests = [m.digest() for m in alive]
            if (digests[0] is not None and all(digest == digests[0] for digest in digests)) or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        newest = sessions.read_ledgers(writers.ledgers)
        say("reading %d keys of the clients' ledgers from each of %s" % (len(newest), " ".join(m.name for m in alive)))
        done = [0]
        with Progress(self.timeline, lambda: "%d of %d values read" % (done[0], len(newest) * len(alive))):
            missing, stale, wrong, examples = sessions.verify(newest, self.options.size, alive, done)
        agree = digests[0] is not None and all(digest == digests[0] for digest in digests)
        self.timeline.show()
        print("\nacknowledged writes       %d (%d refused or unanswered, reported to the clients as such)" % (
            writers.acknowledged(), writers.refused()))
        print("keys with acknowledged writes  %d, %d MiB" % (len(newest), len(newest) * self.options.size >> 20))
        print("missing anywhere          %d" % missing)
        print("older than acknowledged   %d" % stale)
        print("wrong bytes               %d" % wrong)
        print("digests                   %s" % ("all agree" if agree else "DIFFER: %s" % digests))
        for example in examples:
            print("   " + example)
        good = missing == stale == wrong == 0 and agree and len(newest) > 0
        print("\n%s in %.0f s" % ("nothing that was acknowledged is missing" if good else "FAILED",
                                  time.monotonic() - self.timeline.start))
        return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohort", required=True, help="the program")
    parser.add_argument("--mebibytes", type=int, default=300, help="session state to build up before the faults")
    parser.add_argument("--size", type=int, default=4096, help="bytes of a session")
    parser.add_argument("--keys", type=int, default=60000, help="keys of each client")
    parser.add_argument("--keep", action="store_true", help="keep logs and ledgers")
    options = parser.parse_args()
    options.cohort = os.path.abspath(options.cohort)
    lab.enter("run demo")
    directory = tempfile.mkdtemp(prefix="cohort-demo-")
    demo = Demo(options, directory)
    status = 1
    try:
        status = demo.run()
    except KeyboardInterrupt:
        print("\ninterrupted; members are ended", file=sys.stderr)
        status = 130
    except (TimeoutError, RuntimeError) as error:
        demo.timeline.show()
        print("\nFAILED: %s\nlogs: %s" % (error, directory), file=sys.stderr)
        options.keep = True
    finally:
        demo.close()
        if not options.keep and status == 0:
            shutil.rmtree(directory, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
