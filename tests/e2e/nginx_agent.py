#!/usr/bin/env python3
"""`cohort nginx-agent` on the host of a real NGINX, before servers that are stopped, killed and cut off.

NGINX and the servers are those of nginx.py. Beside each server of the first cluster runs a `cohort node` of its name on the same
host: together they are one instance, and what happens to it happens to both. Nobody marks a server by hand.

    python3 tests/e2e/nginx_agent.py --cohort build/release/cohort [CASE...]
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402
import nginx_site as sites  # noqa: E402
from nginx_site import Load, User, wait_until  # noqa: E402

FIRST = ("n1", "n2")
GROUP = "shop"
DETECTED = 1.0  # Seconds from a stop to the agent's mark: the stall timeout is 800 ms.
SERVED = 2.0    # And until its users are served by the partner.


class Process:
    """A `cohort` that prints events: (seconds on our clock, event)."""

    def __init__(self, host, command, log):
        self.errors = open(log, "ab")
        self.process = host.popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True, bufsize=1)
        self.events = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.events.append((time.monotonic(), json.loads(line)))
                self._changed.notify_all()

    def wait_for(self, kind, since=0.0, member=None, seconds=15.0):
        """The first event of that kind at or after `since`; (when, event)."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for at, event in self.events:
                    if at >= since and event["event"] == kind and member in (None, event.get("member")):
                        return at, event
                if time.monotonic() > deadline:
                    raise TimeoutError("no %s of %s in %.0f s; the last events: %s" % (
                        kind, member, seconds, [event for _, event in self.events[-6:]]))
                self._changed.wait(0.2)

    def count(self, kind, since):
        with self._changed:
            return sum(at >= since and event["event"] == kind for at, event in self.events)

    def end(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(20)
        self.errors.close()
        return self.process.returncode


class Shop:
    """The site, the group, and the agent."""

    def __init__(self, site, binary):
        self.site, self.binary = site, binary
        self.key = os.path.join(site.directory, "shop.key")
        subprocess.run([binary, "keygen", "--out", self.key], check=True, capture_output=True)
        self.members = {}
        self.agent = None

    def flags(self, host):
        return ["--group", GROUP, "--key-file", self.key, "--bind", host.address, "--events", "json"]

    def start_member(self, route):
        host = self.site.backends[route].host
        self.members[route] = Process(host, [self.binary, "node", "--name", route, "--failure-profile", "web-sessions",
                                             "--map", "sessions=convergent"] + self.flags(host),
                                      os.path.join(self.site.directory, route + ".log"))
        self.members[route].wait_for("ready")

    def start_agent(self, *more, nginx=None):
        command = nginx or " ".join([self.site.wrapper, "-e", "stderr", "-c", os.path.join(self.site.out, "nginx.conf")])
        self.agent = Process(self.site.host, [self.binary, "nginx-agent", "--name", "agent", "--upstreams", self.file,
                                              "--nginx", command] + self.flags(self.site.host) + list(more),
                             os.path.join(self.site.directory, "agent.log"))
        self.agent.wait_for("ready")
        if nginx is None and "--dry-run" not in more:
            self.agent.wait_for("reloaded")  # Whatever it was that the last one did not tell.

    @property
    def file(self):
        return os.path.join(self.site.out, "cohort-upstreams.conf")

    def down(self):
        """Routes that the file says are down, all of their lines."""
        with open(self.file) as file:
            text = file.read()
        marked = set(re.findall(r"(?m) down; # (\S+)$", text))
        unmarked = set(re.findall(r"(?m)(?<! down); # (\S+)$", text))
        assert not marked & unmarked, "marked in some lines only: %s" % (marked & unmarked)
        return marked

    def reset(self):
        """Both members are in the group, the agent has just started, nobody is down, NGINX has forgotten who failed."""
        self.end_agent()
        for route in FIRST:
            self.send(route, signal.SIGCONT)
        self.site.net.reconnect()
        self.site.reset()
        for route in FIRST:
            if route not in self.members:
                self.start_member(route)
        wait_until(lambda: all(self.view_of(route) == set(FIRST) for route in FIRST), "both are in one view", 30)
        self.start_agent()

    def view_of(self, route):
        views = [event["members"] for _, event in list(self.members[route].events) if event["event"] == "view"]
        return set(views[-1]) if views else set()

    def send(self, route, number):
        """To both processes of an instance; when, on our clock."""
        at = time.monotonic()
        if route in self.members:
            self.members[route].process.send_signal(number)
        if self.site.backends[route].process:
            self.site.backends[route].process.send_signal(number)
        return at

    def kill(self, route):
        at = time.monotonic()
        self.site.backends[route].kill()
        self.members.pop(route).end()
        return at

    def end_agent(self, number=signal.SIGTERM):
        if self.agent:
            self.agent.end(number)
            self.agent = None

    def close(self):
        self.end_agent(signal.SIGKILL)
        for route in list(self.members):
            self.send(route, signal.SIGCONT)
            self.members.pop(route).end()


def settled(site, count):
    """Users with a session each, on both servers."""
    users = [User(site) for _ in range(count)]
    for user in users:
        user.session = user.ask().json["session"]
    assert set(user.route for user in users) == set(FIRST), [user.route for user in users]
    return users


def expect_kept(users, routes):
    for user in users:
        answer = user.ask()
        assert answer.status == 200 and answer.json["route"] in routes, (answer.status, answer.json)
        assert answer.json["session"] == user.session, "%s lost its session" % user.cookie


def served_by_partner(shop, user, since):
    """How long after `since` a new request of `user` is answered by another server; each waits no longer than needed to see."""
    while True:
        start = time.monotonic()
        probe = User(shop.site, cookie="JSESSIONID=%s.%s" % (user.session, user.route))
        answer = None
        thread = threading.Thread(target=lambda: results.append(probe.ask()), daemon=True)
        results = []
        thread.start()
        thread.join(0.3)
        if results:
            answer = results[0]
            if answer.status == 200 and answer.json["route"] != user.route:
                assert answer.json["session"] == user.session
                return time.monotonic() - since
        assert start - since < 15, "not served by the partner"


def case_stop(shop):
    """A process that stands still: its users are at the partner within 2 s; it runs on, and is up again."""
    users = settled(shop.site, 12)
    victims = [user for user in users if user.route == "n1"]
    at = shop.send("n1", signal.SIGSTOP)
    seconds = served_by_partner(shop, victims[0], at)
    marked = shop.agent.wait_for("marked_down", at, "n1")
    assert "stalled" in marked[1]["text"], marked
    detected = marked[0] - at
    reloaded = shop.agent.wait_for("reloaded", marked[0])[0] - at
    assert shop.down() == {"n1"}, shop.down()
    # Whoever asks now does not wait at all.
    slowest = max(User(shop.site, cookie="JSESSIONID=%s.n1" % user.session).ask().seconds for user in victims)
    at = shop.send("n1", signal.SIGCONT)
    back = shop.agent.wait_for("marked_up", at, "n1")[0] - at
    shop.agent.wait_for("reloaded", at)
    assert shop.down() == set()
    wait_until(lambda: any(User(shop.site).ask().json["route"] == "n1" for _ in range(4)), "n1 is asked again")
    assert detected <= DETECTED and seconds <= SERVED, "marked after %.2f s, served after %.2f s" % (detected, seconds)
    assert slowest < 0.8, slowest
    return "marked after %.2f s, reloaded %.2f s, served by the partner %.2f s, others %.2f s; up %.2f s after it runs on" % (
        detected, reloaded, seconds, slowest, back)


def case_kill(shop):
    """Nobody sees an error, and NGINX tries the dead one no more; started again it is up when it has the data."""
    users = settled(shop.site, 12)
    loads = [Load(user, lambda n: ("/", "GET"), 0.02) for user in users]
    for load in loads:
        load.start()
    time.sleep(0.5)
    at = shop.kill("n1")
    marked, event = shop.agent.wait_for("marked_down", at, "n1")
    reloaded = shop.agent.wait_for("reloaded", marked)[0]
    time.sleep(0.5)
    answers = [answer for load in loads for _, _, answer in load.end()]
    assert set(answer.status for answer in answers) == {200}, set(answer.status for answer in answers)
    expect_kept(users, {"n2"})
    assert shop.down() == {"n1"}
    shop.site.backends["n1"].start()
    again = time.monotonic()
    shop.start_member("n1")
    back = shop.agent.wait_for("marked_up", again, "n1")[0]
    synced = shop.agent.wait_for("synced", again, "n1")[0]
    assert back >= synced - 0.05, "up %.2f s before it had the data" % (synced - back)
    assert shop.down() == set()
    return "marked after %.0f ms (%s), reloaded %.0f ms, %d GETs without an error" % (
        1000 * (marked - at), event["text"].split(":")[1].strip(), 1000 * (reloaded - at), len(answers))


def case_instance_cut_off(shop):
    """Its cable is pulled: its users wait for its silence to be noticed, and for no timeout of NGINX."""
    users = settled(shop.site, 8)
    victim = [user for user in users if user.route == "n1"][0]
    at = time.monotonic()
    shop.site.net.isolate(shop.site.backends["n1"].host)
    seconds = served_by_partner(shop, victim, at)
    marked = shop.agent.wait_for("marked_down", at, "n1")[0] - at
    assert seconds < 2.5, "%.2f s" % seconds
    assert shop.down() == {"n1"}
    time.sleep(1)  # For the other side to be one.
    at = time.monotonic()
    shop.site.net.reconnect()
    back = shop.agent.wait_for("marked_up", at, "n1", 30)[0] - at
    assert shop.down() == set()
    return "marked after %.2f s, served by the partner %.2f s; up %.1f s after it is back" % (marked, seconds, back)


def case_agent_cut_off(shop):
    """The agent hears nobody: it cannot tell who is cut off, changes nothing, and says so."""
    at = time.monotonic()
    shop.site.net.isolate(shop.site.host)
    blind = shop.agent.wait_for("blind", at, seconds=30)[0] - at  # It waits 12 s for the last that hold data.
    time.sleep(4)
    assert shop.down() == set(), "marked %s" % shop.down()
    taken_back = shop.agent.count("marked_up", at)
    at = time.monotonic()
    shop.site.net.reconnect()
    shop.agent.wait_for("sees", at, seconds=30)
    time.sleep(3)
    assert shop.down() == set()
    expect_kept(settled(shop.site, 8), FIRST)
    return "blind after %.2f s, %d marks taken back, none left" % (blind, taken_back)


def case_both_dead(shop):
    """Never is a whole cluster down: the last one's death changes no mark, whatever its partner's did."""
    at = shop.kill("n1")
    shop.agent.wait_for("marked_down", at, "n1")
    time.sleep(4)
    at = shop.kill("n2")
    shop.agent.wait_for("blind", at)
    time.sleep(1)
    assert shop.down() == {"n1"}, shop.down()
    answer = User(shop.site).ask()
    assert answer.json["route"] in ("n3", "n4"), answer.json
    at = time.monotonic()
    for route in FIRST:
        shop.site.backends[route].start()
    shop.start_member("n1")
    shop.agent.wait_for("marked_up", at, "n1")
    shop.agent.wait_for("marked_down", at, "n2")
    assert shop.down() == {"n2"}
    shop.start_member("n2")
    wait_until(lambda: shop.down() == set(), "nobody is down")
    return "n1 stayed down and n2 up; n1 came back first, then n2 was marked, and came back"


def case_burst(shop):
    """An instance that comes and goes costs one reload at once and then no more than one in 2 s."""
    at = time.monotonic()
    for _ in range(6):
        shop.members["n1"].end(signal.SIGTERM)
        shop.start_member("n1")
    wait_until(lambda: shop.agent.count("marked_up", at) == shop.agent.count("marked_down", at), "n1 is up")
    time.sleep(2.2)
    seconds = time.monotonic() - at
    reloads, marks = shop.agent.count("reloaded", at), shop.agent.count("marked_down", at)
    assert marks >= 3 and 1 <= reloads <= seconds / 2 + 1, (marks, reloads, seconds)
    assert shop.down() == set()
    return "%d times marked down and up, %d reloads in %.1f s" % (marks, reloads, seconds)


def case_health(shop):
    """A server that is there again is up when it answers, not when its member has the data; the last one is up all the same."""
    for wrong in ("ready", "/rea dy", "/" + "x" * 1024):
        refused = subprocess.run([shop.binary, "nginx-agent", "--upstreams", shop.file, "--health-check", wrong]
                                 + shop.flags(shop.site.host), capture_output=True, text=True, timeout=20)
        assert refused.returncode != 0 and "--health-check: a path that begins with" in refused.stderr, refused
    backend = shop.site.backends["n1"]
    shop.end_agent()
    shop.start_agent("--health-check", "/ready")
    at = shop.kill("n1")
    shop.agent.wait_for("marked_down", at, "n1")
    again = time.monotonic()
    shop.start_member("n1")  # It has the data, and its server is not there yet.
    shop.agent.wait_for("synced", again, "n1")
    why = shop.agent.wait_for("not_healthy", again, "n1")[1]["text"]
    assert "%s:" % backend.host.address in why and "nobody accepts connections" in why, why
    assert shop.down() == {"n1"}, shop.down()
    backend.start()
    started = time.monotonic()
    up, event = shop.agent.wait_for("marked_up", again, "n1")
    assert event["text"] == "is in the view, and serves", event
    wait_until(lambda: shop.down() == set(), "nobody is down")
    assert shop.agent.count("not_healthy", again) == 1
    # Again, and now its partner dies meanwhile.
    at = shop.kill("n1")
    shop.agent.wait_for("marked_down", at, "n1")
    shop.start_member("n1")
    shop.agent.wait_for("not_healthy", at, "n1")
    at = shop.kill("n2")
    _, event = shop.agent.wait_for("marked_up", at, "n1")
    assert "is the last of its cluster" in event["text"], event
    wait_until(lambda: shop.down() == {"n2"}, "n2 is down, and n1 is not")
    for route in FIRST:
        shop.site.backends[route].start()
    shop.start_member("n2")
    shop.agent.wait_for("marked_up", at, "n2")
    return "up %.2f s after it could be reached" % (up - started)


def behind_a_gate(shop):
    """An NGINX that cannot be told to reload before a file is there: (what to run, the file)."""
    gate = os.path.join(shop.site.directory, "gate")
    script = os.path.join(shop.site.directory, "nginx-behind-a-gate")
    with open(script, "w") as file:
        file.write("#!/bin/sh\n[ -e %s ] || { echo 'no such gate' >&2; exit 3; }\nexec %s -e stderr -c %s \"$@\"\n"
                   % (gate, shop.site.wrapper, os.path.join(shop.site.out, "nginx.conf")))
    os.chmod(script, 0o755)
    if os.path.exists(gate):
        os.unlink(gate)
    return script, gate


def case_reload_fails(shop):
    """NGINX is told again until it has heard."""
    shop.end_agent()
    script, gate = behind_a_gate(shop)
    shop.start_agent(nginx=script)
    at = shop.kill("n1")
    shop.agent.wait_for("marked_down", at, "n1")
    failed = shop.agent.wait_for("reload_failed", at)[1]["text"]
    assert "exit status 3" in failed and "no such gate" in failed, failed
    assert shop.down() == {"n1"}
    open(gate, "w").close()
    again = shop.agent.wait_for("reloaded", at)[0] - at
    shop.site.backends["n1"].start()
    shop.start_member("n1")
    wait_until(lambda: shop.down() == set(), "nobody is down")
    return "told why, and reloaded %.1f s after the death" % again


def case_reload_owed(shop):
    """What an agent did not live to tell NGINX the next one does, though the file is right; one that is ended does it itself."""
    shop.end_agent()
    script, _ = behind_a_gate(shop)
    shop.start_agent(nginx=script)
    at = shop.kill("n1")
    shop.agent.wait_for("marked_down", at, "n1")
    shop.end_agent(signal.SIGKILL)
    shop.start_agent("--reload-interval", "1h")
    assert shop.agent.count("marked_down", 0) == 0 and shop.down() == {"n1"}, shop.down()
    at = time.monotonic()
    shop.site.backends["n1"].start()
    shop.start_member("n1")
    shop.agent.wait_for("reloaded", at)
    at = shop.kill("n1")
    shop.agent.wait_for("marked_down", at, "n1")
    assert shop.agent.count("reloaded", at) == 0, "within the interval"
    assert shop.agent.end(signal.SIGTERM) == 0
    shop.agent.wait_for("reloaded", at, seconds=1)
    shop.agent = None
    shop.site.backends["n1"].start()
    shop.start_member("n1")
    return "reloaded after a kill -9, and before the end"


def case_file_written_anew(shop):
    """What cohort-nginx writes beside the agent is marked again; so is what was wrong when the agent started."""
    at = shop.kill("n1")
    shop.agent.wait_for("marked_down", at, "n1")
    shop.site.generate("--only-upstreams", "--down", "n2")
    wait_until(lambda: shop.down() == {"n1"}, "n1 is marked, and n2 is not")
    shop.end_agent()
    shop.site.generate("--only-upstreams")
    assert shop.down() == set()
    shop.start_agent("--dry-run", "--grace", "1s")  # It has never seen n1.
    at, event = shop.agent.wait_for("marked_down", 0, "n1")
    assert event["text"] == "is not in the view", event
    shop.agent.wait_for("would_reload", at)
    time.sleep(1)
    assert shop.down() == set(), "a dry run changed the file"
    shop.end_agent()
    shop.start_agent("--restore", "--grace", "1s")
    wait_until(lambda: shop.down() == {"n1"}, "n1 is marked")
    with open(shop.file) as file:
        by_agent = file.read()
    shop.site.generate("--only-upstreams", "--down", "n1")
    with open(shop.file) as file:
        assert file.read() == by_agent, "cohort-nginx writes other bytes"
    assert shop.agent.end(signal.SIGINT) == 0
    shop.agent = None
    assert shop.down() == set(), "--restore"
    shop.site.backends["n1"].start()
    shop.start_member("n1")
    return "marked again, byte for byte as cohort-nginx does; a dry run changed nothing; --restore took it out"


def memory_of(process):
    with open("/proc/%d/status" % process.pid) as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) / 1024


def case_memory(shop):
    """The others hold 300 MiB, and values of 20 MiB besides; the agent holds nothing."""
    import redis
    host = shop.site.backends["n2"].host
    path = os.path.join(shop.site.directory, "writer.sock")
    writer = Process(host, [shop.binary, "node", "--name", "writer", "--map", "main=ordered", "--resp", "unix:" + path] + shop.flags(host),
                     os.path.join(shop.site.directory, "writer.log"))
    try:
        writer.wait_for("ready")
        before = memory_of(shop.agent.process)
        client = redis.Redis(unix_socket_path=path, socket_timeout=60)
        value = os.urandom(500 << 10)
        with client.pipeline(transaction=False) as pipeline:
            for number in range(600):
                pipeline.set("key%d" % number, value)
                if number % 20 == 19:
                    pipeline.execute()
        for number in range(3):
            client.set("large%d" % number, os.urandom(20 << 20))
        member, agent = memory_of(shop.members["n2"].process), memory_of(shop.agent.process)
        client.flushdb()
    finally:
        writer.end(signal.SIGTERM)
    assert member > 300, "%.0f MiB" % member
    assert agent < 100 and agent < before + 80, "the agent has %.0f MiB, %.0f before" % (agent, before)
    return "a member %.0f MiB, the agent %.0f MiB (%.0f before)" % (member, agent, before)


CASES = [name[len("case_"):] for name in list(globals()) if name.startswith("case_")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", required=True, help="the program")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    cases = lab.chosen(parser, options.cases, CASES, "case")
    lab.enter("nginx_agent", ["nginx", "openssl"])
    os.environ["PATH"] = lab.PATH
    directory = tempfile.mkdtemp(prefix="cohort-agent-")
    site = sites.Site(directory)
    shop = Shop(site, os.path.abspath(options.cohort))

    def case(name):
        shop.reset()
        return globals()["case_" + name](shop)

    try:
        site.start()
        return lab.judged("nginx-agent", cases, case)
    finally:
        shop.close()
        site.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
