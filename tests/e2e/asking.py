"""Members that ask one another and hold locks: processes of e2e_member, one of which is killed while it answers."""

import os
import signal
import subprocess
import threading
import time

SECONDS = 20


class Process:
    """One e2e_member; its lines, with the moment they came."""

    def __init__(self, program, host, name, key_file, log):
        self.name = name
        self.log = open(log, "ab")
        self.process = host.popen([program, name, host.address, key_file], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=self.log, text=True, bufsize=1)
        self.lines = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append((time.monotonic(), line.strip()))
                self._changed.notify_all()

    def say(self, line):
        self.process.stdin.write(line + "\n")

    def wait_for(self, beginning, seconds=SECONDS, after=0):
        """When the first line that begins so came, and the line, of those after the first `after` ones."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for at, line in self.lines[after:]:
                    if line.startswith(beginning):
                        return at, line
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError("%s: no line '%s...' in %.0f s; last lines: %s" % (
                        self.name, beginning, seconds, [line for _, line in self.lines[-5:]]))
                self._changed.wait(min(left, 0.5))

    def ask(self, how, milliseconds):
        """Begins a request; returns what waits for its end: when it came, status and states by member."""
        after = len(self.lines)
        self.say("ask %s %d" % (how, milliseconds))

        def wait():
            at, line = self.wait_for("asked %s " % how, after=after)
            words = line.split()
            return at, words[2], dict(zip(words[3::2], words[4::2]))
        return wait

    def lock(self, name):
        """Begins to wait for a lock; returns what waits until it is there: when, and its fence."""
        self.say("lock " + name)

        def wait():
            at, line = self.wait_for("locked %s " % name)
            return at, tuple(int(word) for word in line.split()[2:4])
        return wait

    def kill(self):
        at = time.monotonic()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return at

    def close(self):
        if self.process.poll() is None:
            self.kill()
        self.log.close()


def expect(got, status, **states):
    if got[1] != status or got[2] != states:
        raise AssertionError("%s %s, not %s %s" % (got[1], got[2], status, states))
    return got[0]


def run(program, net, directory, key_file):
    """Three processes: all ask all; z is killed while it answers, and holds a lock that y waits for."""
    members = [Process(program, net.add_host(), name, key_file, os.path.join(directory, name + ".log")) for name in "xyz"]
    try:
        return ask_and_kill(*members)
    finally:
        for member in members:
            member.close()


def ask_and_kill(x, y, z):
    for member in (x, y, z):
        member.wait_for("ready")
    # Asked are those that hold the whole state, as y knows it.
    deadline = time.monotonic() + SECONDS
    while len(y.ask("all", 5000)()[2]) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    expect(y.ask("all", 5000)(), "OK", x="answered", y="answered", z="answered")

    fence = z.lock("l")()[1]
    waiting = y.lock("l")
    z.say("hold")
    z.wait_for("held")
    began = time.monotonic()
    ended = expect(x.ask("all", 300)(), "DEADLINE_EXCEEDED", x="answered", y="answered", z="timed-out")
    assert 0.25 < ended - began < 5, "a limit of 300 ms ended after %.1f s" % (ended - began)
    expect(x.ask("majority", 60000)(), "OK", x="answered", y="answered", z="was-not-awaited")
    assert expect_first(x.ask("first", 60000)())

    kept = len([line for _, line in z.lines if line == "kept"])
    after = len(z.lines)
    waits_for_all = x.ask("all", 60000)
    z.wait_for("kept", after=after)
    assert kept < len([line for _, line in z.lines if line == "kept"])
    killed = z.kill()
    told = expect(waits_for_all(), "UNAVAILABLE", x="answered", y="answered", z="left") - killed
    locked, next_fence = waiting()
    assert next_fence > fence, "fence %s after %s" % (next_fence, fence)
    assert told < 5 and locked - killed < 5, "told after %.1f s, locked after %.1f s" % (told, locked - killed)
    expect(x.ask("all", 5000)(), "OK", x="answered", y="answered")
    return "kill -9 of a member that was answering: told %.0f ms later, its lock passed on after %.0f ms, fence greater" % (
        told * 1000, (locked - killed) * 1000)


def expect_first(got):
    """One has answered, whoever it was; z cannot be it."""
    return got[1] == "OK" and "answered" in got[2].values() and got[2]["z"] == "was-not-awaited"
