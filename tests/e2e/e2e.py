#!/usr/bin/env python3
"""Real processes on hosts of their own, and what a network and an operator do to them.

Each scenario starts from a group of three that Redis clients write to without pause, does its harm, and asks: is the right
view there in time, has everybody come back, is every acknowledged write readable at every member, do all digests agree?

    ./run e2e                 each scenario once, about two minutes
    ./run e2e --long          twenty rounds, ten minutes at 10 % loss in the first
    ./run e2e kill leave      only these
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

import redis

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import asking  # noqa: E402
import lab  # noqa: E402
import members  # noqa: E402
import same_keys  # noqa: E402
import sessions  # noqa: E402

SIZE = 1024
NAMES = ["a", "b", "c"]
# Bounds are at least twenty times what docs/performance.md shows: a test says "broken", a bench says "slow" (./run bench faults).
VIEW_SECONDS = 20
BACK_SECONDS = 40


class Scenario:
    """A group of three under load; verifies everything at its end."""

    def __init__(self, options, directory, key_file, extra=(), address_of=lambda host: host.address, prepare=None,
                 extra_of=lambda s, name: [], mtu_of=lambda name: 1500):
        self.options = options
        self.extra = list(extra)  # Arguments of every member.
        self.extra_of = extra_of  # And those that differ.
        self.prepare = prepare  # Before the first member starts.
        self.names = None  # A lab.NameServer.
        self.address_of = address_of  # What a member binds to.
        self.mtu_of = mtu_of  # Of its host.
        self.directory = directory
        self.key_file = key_file
        self.net = lab.Lab()
        self.members = {}

    def __enter__(self):
        if self.prepare:
            self.prepare(self)
        for name in NAMES:
            self.start(name)
        for member in self.members.values():
            member.wait_until_serving()
        for member in self.members.values():
            member.wait_for_view(NAMES, VIEW_SECONDS)
        self.writers = sessions.Writers(
            self.directory, [("s-" + m.name, m.socket) for m in self.members.values()], SIZE, 2000)
        self.run_for(0.7)
        return self

    def start(self, name, host=None, address=None):
        host = host or self.net.add_host(self.mtu_of(name))
        member = members.Member(self.options.cohort, host, name, self.directory, self.key_file,
                                self.extra + self.extra_of(self, name), address=address or self.address_of(host))
        self.members[name] = member
        return member

    def run_for(self, seconds):
        before = self.writers.acknowledged()
        time.sleep(seconds)
        return self.writers.acknowledged() - before

    def drop(self, name):
        self.members.pop(name).close()

    def view(self, names, seconds=VIEW_SECONDS, since=0.0):
        """Waits until every member of `names` that is a node of ours has this view; the slowest one's time."""
        return max(self.members[name].wait_for_view(names, seconds, since) for name in names if name in self.members)

    def lost(self, name, since):
        """Whom the views of member `name` have lost since then."""
        return {change["name"] for at, view in self.members[name].views() if at >= since for change in view["left"]}

    def verify(self):
        self.writers.stop()
        alive = list(self.members.values())
        deadline = time.monotonic() + 20
        while True:
            digests = [m.digest() for m in alive]
            if digests[0] is not None and all(d == digests[0] for d in digests):
                break
            if time.monotonic() > deadline:
                raise AssertionError("digests differ: %s" % digests)
            time.sleep(0.1)
        newest = sessions.read_ledgers(self.writers.ledgers)
        missing, stale, wrong, examples = sessions.verify(newest, SIZE, alive)
        if missing or stale or wrong or not newest:
            raise AssertionError("%d keys: %d missing, %d stale, %d wrong: %s" % (len(newest), missing, stale, wrong, examples))
        return len(newest), self.writers.acknowledged()

    def __exit__(self, *_):
        if hasattr(self, "writers"):
            self.writers.stop_flag.set()
        for member in self.members.values():
            member.close()
        if hasattr(self, "writers"):
            for process in self.writers.processes:
                process.join(25)
        if self.names:
            self.names.close()
        self.net.close()


def scenario_join(s):
    at = time.monotonic()
    d = s.start("d")
    installed = s.view(NAMES + ["d"], since=at)
    d.wait_until_serving()
    return "view %.0f ms after the start of d" % ((installed - at) * 1000)


def scenario_donor_dies(s):
    """A member joins a large state behind a narrow link, and the one that sends it is killed: what is there is not sent again."""
    client = s.members["b"].client()
    for first in range(0, 8000, 200):
        pipe = client.pipeline(transaction=False)
        for key in range(first, first + 200):
            pipe.set("big:%d" % key, os.urandom(4000))
        pipe.execute()
    host = s.net.add_host()
    host.limit(15000, "tcp")
    d = s.start("d", host)
    begun, event = d.wait_for(lambda e: e.get("event") == "transfer_started", VIEW_SECONDS, "transfer")
    total = event["number"]
    time.sleep(1.0)
    donor = event["member"]
    killed = s.members[donor].kill()
    s.drop(donor)
    d.wait_for(lambda e: e.get("event") == "transfer_failed", VIEW_SECONDS, "death of its donor")
    done, event = d.wait_for(lambda e: e.get("event") == "transfer_done", BACK_SECONDS, "whole state")
    assert event["number"] < 0.9 * total and "here already" in event["text"], "it began anew: %s of %d bytes" % (event, total)
    host.clear_rules()
    d.wait_until_serving()
    s.view([name for name in NAMES if name != donor] + ["d"], since=killed)
    return "%d of %d MB came after the death of the donor, in %.1f s" % (event["number"] / 1e6, total / 1e6, done - killed)


def scenario_leave(s):
    at = time.monotonic()
    s.members["a"].leave()
    ended = time.monotonic()
    s.drop("a")
    s.view(["b", "c"], since=at)
    cause = s.members["b"].views()[-1][1]["left"][0]["cause"]
    assert cause == "left", "the others say %r" % cause
    return "process ended %.0f ms after SIGTERM" % ((ended - at) * 1000)


def scenario_kill(s, host=None):
    at = s.members["a"].kill()  # The oldest: coordinator and sequencer.
    s.drop("a")
    installed = s.view(["b", "c"], since=at)
    took = (installed - at) * 1000
    assert took < 1000, "%.0f ms" % took
    s.run_for(0.5)
    s.start("a", host or s.net.hosts[0])  # The same name again.
    s.view(NAMES)
    s.members["a"].wait_until_serving()
    return "new view after %.1f ms, and the name came back" % took


def scenario_kill_big(s):
    """Its sockets end only once the kernel has taken back its memory."""
    host = s.net.add_host()
    program = os.path.join(os.path.dirname(s.options.cohort), "bench", "e2e", "group_bench")
    mebibytes = 1024 if s.options.long else 128
    process = host.popen([program, "replica", "--group", "demo", "--name", "d", "--bind", host.address, "--key-file", s.key_file,
                          "--heap-mib", str(mebibytes)], stdout=subprocess.PIPE)
    try:
        s.view(NAMES + ["d"])
        s.run_for(0.5)
    finally:
        at = time.monotonic()
        process.kill()
    installed = s.view(NAMES, since=at)
    process.wait()
    took = (installed - at) * 1000
    assert took < 10000, "%.0f ms" % took
    return "%d MiB of heap: new view after %.0f ms" % (mebibytes, took)


def scenario_stop(s):
    at = s.members["b"].stop()
    installed = s.view(["a", "c"], since=at)
    s.run_for(2.5)
    back = s.members["b"].resume()
    s.view(NAMES, BACK_SECONDS, since=back)
    for name in ("a", "c"):
        assert s.lost(name, at) == {"b"}, "%s lost %s" % (name, s.lost(name, at))
    for moment, event in s.members["b"].events:  # It learns that the others went on; it is not one side of two.
        assert moment < back or event.get("event") != "view" or len(event["members"]) == 3, "b went on alone: %s" % event
    return "out after %.0f ms, back %.0f ms after it was resumed" % (
        (installed - at) * 1000, (s.view(NAMES) - back) * 1000)


def scenario_observer(s):
    """Patient enough not to expel a member that stands still; then that one must not accuse the others either."""
    at = s.members["b"].stop()
    time.sleep(5)
    s.members["b"].resume()
    written = s.run_for(3)
    for name, member in s.members.items():
        since = [(t, e) for t, e in member.events if t >= at]
        assert not any(e.get("event") == "view" for _, e in since), "%s saw another view: %s" % (name, since)
        if name == "b":
            assert not any(e.get("event") == "suspected" for _, e in since), "b accuses after its stop: %s" % since
    assert written > 100, "only %d writes after the stop" % written
    return "stopped for 5 s: nobody expelled, it accused nobody, %d writes in the 3 s after" % written


scenario_observer.extra = ["--stall-timeout", "12s"]


def scenario_isolate(s):
    at = time.monotonic()
    s.net.isolate(s.members["c"].host)
    installed = s.view(["a", "b"], since=at)
    s.members["c"].wait_for_view(["c"], VIEW_SECONDS, since=at)
    s.run_for(1.0)
    healed = time.monotonic()
    s.net.reconnect()
    back = s.view(NAMES, BACK_SECONDS, since=healed)
    return "out after %.0f ms; both sides wrote on; one view %.0f ms after healing" % (
        (installed - at) * 1000, (back - healed) * 1000)


def scenario_unplug(s):
    at = time.monotonic()
    s.net.cut(s.members["c"].host)  # c sees that it is its own link, and accuses nobody.
    installed = s.view(["a", "b"], since=at)
    s.run_for(1.0)
    healed = time.monotonic()
    s.net.heal(s.members["c"].host)
    back = s.view(NAMES, BACK_SECONDS, since=healed)
    return "out after %.0f ms; one view %.0f ms after the cable is back" % ((installed - at) * 1000, (back - healed) * 1000)


def scenario_one_way(s):
    at = time.monotonic()
    s.members["a"].host.block_from(s.members["c"].host)  # a no longer hears c; c hears a, both hear b.
    deadline = at + 25
    while time.monotonic() < deadline:
        if any(event["members"] != NAMES and t > at for t, event in s.members["b"].views()):
            break
        time.sleep(0.1)
    s.run_for(1.0)
    s.members["a"].host.clear_rules()
    healed = time.monotonic()
    s.view(NAMES, BACK_SECONDS)
    s.run_for(1.0)
    views = [sorted(e["members"]) for t, e in s.members["b"].views() if t > at]
    return "views meanwhile: %s; one view %.0f ms after healing" % (views, (time.monotonic() - healed) * 1000)


def scenario_loss(s):
    percent, seconds = (10, 600) if s.options.long and s.options.round == 0 else (5, 8)
    seconds = s.options.loss_seconds or seconds
    for member in s.members.values():
        member.host.lose(percent)
    views = {name: len(m.views()) for name, m in s.members.items()}
    written = s.run_for(seconds)
    for name, member in s.members.items():
        assert len(member.views()) == views[name], "%s saw another view under loss: %s" % (name, member.views()[-1])
    assert written > 50 * seconds, "only %d writes in %d s" % (written, seconds)
    for member in s.members.values():
        member.host.clear_rules()
    return "%d writes acknowledged by all in %d s at %d %% loss, no view change" % (written, seconds, percent)


def scenario_multicast_dies(s):
    """A filter, or a switch that forgot who listens: b hears nobody's multicast any more, and unicast as before."""
    b = s.members["b"]
    views = {name: len(m.views()) for name, m in s.members.items()}
    normal = s.run_for(1.0)
    b.host.block_multicast()
    at = time.monotonic()
    seen = {b.wait_for(lambda e, n=name: e.get("event") == "multicast_lost" and e.get("member") == n, 20, "event")[0]
            for name in ("a", "c")}
    s.run_for(0.3)
    before = b.stats()["rmcast.naks_sent"]
    by_copies = s.run_for(1.0)
    asked = b.stats()["rmcast.naks_sent"] - before
    assert asked < 50, "b asked %d times for chunks" % asked
    assert by_copies > normal / 20, "%d writes in a second by copies, %d before" % (by_copies, normal)
    b.host.clear_rules()
    for name in ("a", "c"):
        b.wait_for(lambda e, n=name: e.get("event") == "multicast_back" and e.get("member") == n, 20, "event")
    s.run_for(0.5)
    for name, member in s.members.items():
        assert len(member.views()) == views[name], "%s saw another view: %s" % (name, member.views()[-1])
    return "told after %.0f ms; %d writes in a second by multicast, %d by copies; no view change" % (
        (max(seen) - at) * 1000, normal, by_copies)


def datagram_bytes(s):
    return {name: member.stats()["engine.datagram_bytes"] for name, member in s.members.items()}


def wait_for_datagrams(s, wanted, seconds=20):
    deadline = time.monotonic() + seconds
    while datagram_bytes(s) != wanted:
        assert time.monotonic() < deadline, "%s, not %s" % (datagram_bytes(s), wanted)
        time.sleep(0.05)


def put_eights(s):
    """Values of 8 KB, from each member to all."""
    for name, member in s.members.items():
        for i in range(50):
            assert member.client().set("eight-%s-%d" % (name, i), "8" * 8000)


def scenario_jumbo(s):
    """MTU 9000 everywhere: large datagrams. Then c's way becomes narrow in silence, then c's interface has 1500, then 9000 again."""
    large = dict.fromkeys(NAMES, 8952)
    small = dict.fromkeys(NAMES, 1452)
    wait_for_datagrams(s, large)
    put_eights(s)
    s.run_for(1.0)
    sent = {name: m.stats()["engine.datagrams_large"] for name, m in s.members.items()}
    assert min(sent.values()) >= 50, "large datagrams: %s" % sent
    views = {name: len(m.views()) for name, m in s.members.items()}
    c = s.members["c"]
    c.host.narrow()
    at = time.monotonic()
    put_eights(s)
    told = [s.members[name].wait_for(lambda e: e.get("event") == "small_datagrams" and e.get("member") == "c", 20, "event")[0]
            for name in ("a", "b")]
    s.run_for(0.5)
    pieces = sum(m.stats()["engine.pieces_sent"] for m in s.members.values())
    assert pieces > 0, "nothing was repeated in pieces"
    c.host.clear_rules()
    wait_for_datagrams(s, large, 90)
    c.host.set_mtu(1500)
    wait_for_datagrams(s, small)
    put_eights(s)
    c.host.set_mtu(9000)
    wait_for_datagrams(s, large, 90)
    for name, member in s.members.items():
        assert len(member.views()) == views[name], "%s saw another view: %s" % (name, member.views()[-1])
    return "large datagrams %s; a narrow way told after %.0f ms, %d pieces; no view change" % (
        "+".join(str(sent[name]) for name in NAMES), (max(told) - at) * 1000, pieces)


scenario_jumbo.mtu_of = lambda name: 9000


def scenario_mixed_mtu(s):
    """One host of three has MTU 1500: nobody sends large datagrams, and nothing is lost. When it has gone, the others do."""
    time.sleep(2)
    before = {name: member.stats() for name, member in s.members.items()}  # a and b may have probed before c was there.
    put_eights(s)
    s.run_for(1.0)
    for name, member in s.members.items():
        stats = member.stats()
        assert stats["engine.datagram_bytes"] == 1452, "%s: %s" % (name, stats)
        for word in ("engine.datagrams_large", "engine.size_probes"):
            assert stats[word] == before[name][word], "%s: %s was %d, is %d" % (name, word, before[name][word], stats[word])
    s.members["c"].client().execute_command("COHORT", "LEAVE")
    s.drop("c")
    s.view(["a", "b"])
    wait_for_datagrams(s, {"a": 8952, "b": 8952})
    put_eights(s)
    sent = [s.members[name].stats()["engine.datagrams_large"] for name in ("a", "b")]
    assert min(sent) > 0, sent
    return "all small with c; %s large ones without it" % "+".join(map(str, sent))


scenario_mixed_mtu.mtu_of = lambda name: 1500 if name == "c" else 9000


def refuses_reads(member):
    """A node that is out of its group is not read as if its maps were those of the group."""
    client = member.client()
    for words in ("GET k", "MGET k l", "EXISTS k", "TTL k", "TYPE k", "STRLEN k", "HGET k f", "HGETALL k", "SCAN 0", "KEYS *",
                  "DBSIZE", "SET k v", "INCR k", "DEL k", "COHORT VIEW", "COHORT DIGEST"):
        try:
            answer = client.execute_command(*words.split())
        except redis.exceptions.BusyLoadingError:
            continue
        raise AssertionError("%s answered %r to %s outside its group" % (member.name, answer, words))
    status = member.status()
    assert status["state"] == "rejoining" and not status["view"]["current"], status["view"]


def scenario_slow(s):
    """A member behind a narrow link slows everybody down; that is told, and when it lasts they go on without it."""
    c = s.members["c"]
    c.host.limit(150)
    at = time.monotonic()
    told = c.wait_for(lambda e: e.get("event") == "degraded" and e.get("member") == "c", 30, "event")[0]
    aside = c.wait_for(lambda e: e.get("event") == "excluded", 30, "event")[0]
    s.view(["a", "b"], since=at)
    refuses_reads(c)
    slow = s.run_for(1.0)
    assert s.members["a"].views()[-1][1]["left"][0]["cause"] == "slow", s.members["a"].views()[-1]
    c.host.clear_rules()
    s.view(NAMES, BACK_SECONDS, since=aside)
    return "told after %.1f s, aside after %.1f s; %d writes in the next second" % (told - at, aside - at, slow)


scenario_slow.extra = ["--slow-timeout", "3s"]


def scenario_primary(s):
    """With quorums the minority stops writing, and comes back without a merge; then a death among three leaves a quorum."""
    at = time.monotonic()
    c = s.members["c"]
    s.net.isolate(c.host)
    s.view(["a", "b"], since=at)
    c.wait_for(lambda e: e.get("event") == "halted", VIEW_SECONDS, "event")
    try:
        c.client().set("refused", "1")
        raise AssertionError("a member without a quorum took a write")
    except redis.exceptions.ReadOnlyError:
        pass
    written = s.run_for(1.0)
    healed = time.monotonic()
    s.net.reconnect()
    back = s.view(NAMES, BACK_SECONDS, since=healed)
    c.wait_for(lambda e: e.get("event") == "excluded", BACK_SECONDS, "event")
    synced = c.wait_for_again("synced", back, BACK_SECONDS)
    s.view(NAMES, BACK_SECONDS, since=synced)  # The view that gives it back its vote.
    assert not [e for _, e in c.events if e.get("event") == "merged"], "a group with quorums has merged"
    s.members["a"].kill()
    s.drop("a")
    s.view(["b", "c"], since=back)
    return "c halted, %d writes by the others in a second; one view %.0f ms after healing, and a quorum after a death" % (
        written, (back - healed) * 1000)


scenario_primary.extra = ["--policy", "primary", "--initial-members", "3"]


def scenario_ipv6(s):
    """Multicast, unicast and lifelines over IPv6."""
    return scenario_kill(s)


scenario_ipv6.address_of = lambda host: host.address6


def scenario_link_local(s):
    """The same with addresses that mean nothing without their interface."""
    return scenario_kill(s)


scenario_link_local.address_of = lambda host: host.link_local()


def scenario_seeds(s):
    """No multicast at all: members know one address, and learn the others."""
    return scenario_kill(s)


scenario_seeds.extra = ["--no-multicast", "--seed", lab.SUBNET + ".2:7700"]
scenario_seeds.address_of = lambda host: host.address + ":7700"


def scenario_same_name(s):
    """A second process of a living member's name stays outside, disturbs nobody, and comes in when that one has died."""
    views = len(s.members["b"].views())
    second = members.Member(s.options.cohort, s.net.add_host(), "a", s.directory, s.key_file, files="a2")
    second.wait_for(lambda e: e.get("event") == "refused" and "in use" in e.get("text", ""), 10, "refusal")
    s.run_for(1.0)
    assert len(s.members["b"].views()) == views, "the group has changed: %s" % s.members["b"].views()[views:]
    told = sum(e.get("event") == "refused" for _, e in second.events)
    assert told == 1, "the refusal was told %d times" % told
    at = s.members["a"].kill()
    s.drop("a")
    s.members["a"] = second
    installed = s.view(NAMES, since=at)
    second.wait_until_serving()
    return "it came in %.0f ms after the first one died" % ((installed - at) * 1000)


def scenario_one_host(s):
    """Members on one host, by one address and by another, hear each other; who is alone on its host is not woken by itself."""
    alone = s.members["b"].stats()
    written = s.run_for(1.0)
    after = s.members["b"].stats()
    own, sent = (after[name] - alone[name] for name in ("security.received_own", "security.sealed_packets"))
    assert own < sent / 5, "%d of %d packets came back to who sent them" % (own, sent)
    host = s.net.hosts[0]
    host.inside("ip", "addr", "add", lab.SUBNET + ".201/24", "dev", "eth0")
    s.start("d", host)
    s.start("e", host, lab.SUBNET + ".201")
    s.view(NAMES + ["d", "e"])
    for name in "de":
        s.members[name].wait_until_serving()
    before = {name: m.stats() for name, m in s.members.items()}
    s.run_for(1.0)
    for name, member in s.members.items():
        asked = member.stats()["rmcast.naks_sent"] - before[name]["rmcast.naks_sent"]
        assert asked < 20, "%s asked %d times for chunks" % (name, asked)
    return "%d of %d packets came back to a member alone on its host, in a second of %d writes" % (own, sent, written)


NOBODY = lab.SUBNET + ".99"  # A host that is gone, and still has its record.
GROUP_NAME = "members.shop.test"


def addresses_of(numbers):
    return ["%s.%d" % (lab.SUBNET, number) for number in numbers]


def prepare_names(s):
    """Host 1 is the name server, 2 to 4 will be the members a to c; one record is stale."""
    s.names = lab.NameServer(s.net.add_host(), s.directory)
    s.names.set({GROUP_NAME: [NOBODY] + addresses_of([2, 3, 4])})


def warned(member, words, seconds=30):
    member.wait_for(lambda e: e.get("event") == "warning" and words in e.get("text", ""), seconds, "warning of " + words)


def scenario_dns(s):
    """No multicast: the members know one name, which stands for all of them, and one that is gone."""
    at = time.monotonic()
    d = s.start("d")  # Not among the addresses of the name.
    joined = s.view(NAMES + ["d"], since=at)
    s.names.stop()
    time.sleep(0.3)
    s.members["a"].kill()
    s.drop("a")
    s.view(["b", "c", "d"])  # Nobody needs the names to go on.
    a = s.start("a", s.net.hosts[1])
    warned(a, GROUP_NAME)  # It cannot know anybody now, and says why.
    assert a.members() == [] or a.members() == ["a"], a.members()
    back = time.monotonic()
    s.names.start()
    at_last = s.view(NAMES + ["d"], BACK_SECONDS)
    a.wait_until_serving()
    d.wait_until_serving()
    return "d joined after %.0f ms; without a name server a was alone and said so; one view %.1f s after it was back" % (
        (joined - at) * 1000, at_last - back)


scenario_dns.extra = ["--no-multicast", "--seed", GROUP_NAME + ":7700"]
scenario_dns.address_of = lambda host: host.address + ":7700"
scenario_dns.prepare = prepare_names


def prepare_services(s):
    services = ["srv-host=_cohort._tcp.shop.test,%s.shop.test,%d" % (name, 7700 + number)
                for name, number in zip(NAMES + ["gone"], (2, 3, 4, 99))]
    s.names = lab.NameServer(s.net.add_host(), s.directory, services)
    s.names.set({name + ".shop.test": addresses_of([number]) for name, number in zip(NAMES, (2, 3, 4))})


def scenario_srv(s):
    """No multicast: SRV records name hosts and ports, each another one; one host has no address any more."""
    return scenario_kill(s, s.net.hosts[1])


scenario_srv.extra = ["--no-multicast", "--seed", "srv:_cohort._tcp.shop.test"]
scenario_srv.address_of = lambda host: "%s:%d" % (host.address, 7700 + host.number)
scenario_srv.prepare = prepare_services


def scenario_peer_cache(s):
    """No multicast, and no name server any more: who was in the group finds it by its own file."""
    s.names.stop()
    at = time.monotonic()
    s.members["b"].kill()
    s.drop("b")
    s.view(["a", "c"], since=at)
    started = time.monotonic()
    s.start("b", s.net.hosts[2])
    installed = s.view(NAMES, since=started)
    s.members["b"].wait_until_serving()
    return "view %.0f ms after its start" % ((installed - started) * 1000)


scenario_peer_cache.extra = scenario_dns.extra
scenario_peer_cache.extra_of = lambda s, name: ["--peer-cache", os.path.join(s.directory, name + ".peers")]
scenario_peer_cache.address_of = scenario_dns.address_of
scenario_peer_cache.prepare = prepare_names


def scenario_requests(s):
    program = os.path.join(os.path.dirname(s.options.cohort), "tests", "e2e_member")
    return asking.run(program, s.net, s.directory, s.key_file)


def scenario_same_keys(s):
    """Without faults, then at 5 % loss, then with a death in the middle."""
    alive = list(s.members.values())
    for number, fault in enumerate(("none", "loss", "death")):
        if fault == "loss":
            for member in alive:
                member.host.lose(5)
        threads, failures = same_keys.put_by_all(alive, range(2 * number, 2 * number + 2))
        dead = None
        if fault == "death":
            s.run_for(0.1)
            dead = s.members["c"]
            dead.kill()
            s.drop("c")
            alive.remove(dead)
        for thread in threads:
            thread.join()
        failed = {name: error for name, error in failures.items() if dead is None or name != dead.name}
        assert not failed, "writers failed with fault %r: %s" % (fault, failed)
        for member in alive:
            member.host.clear_rules()
        differs = same_keys.differing(alive)
        assert not any(differs.values()), "keys that differ with fault %r: %s" % (fault, differs)
        missing = same_keys.fields_missing(alive[0], NAMES)
        assert missing == 0, "%d fields of hashes are missing with fault %r" % (missing, fault)
    s.view(["a", "b"])
    return "%d keys put by all at once in each kind of map, alone, at 5 %% loss and with a death: 0 differ" % same_keys.KEYS


scenario_same_keys.extra = ["--map", "main=ordered", "--map", "sessions=convergent"]


SCENARIOS = {name[len("scenario_"):]: function for name, function in globals().items() if name.startswith("scenario_")}


def run_one(name, options):
    directory = tempfile.mkdtemp(prefix="cohort-e2e-")
    key_file = os.path.join(directory, "group.key")
    subprocess.run([options.cohort, "keygen", "--out", key_file], check=True, stdout=subprocess.DEVNULL)
    start = time.monotonic()
    try:
        function = SCENARIOS[name]
        special = {word: getattr(function, word) for word in ("extra", "extra_of", "address_of", "prepare", "mtu_of")
                   if hasattr(function, word)}
        with Scenario(options, directory, key_file, **special) as scenario:
            found = function(scenario)
            scenario.run_for(0.3)
            keys, writes = scenario.verify()
    except (AssertionError, TimeoutError, RuntimeError, OSError) as error:
        print("FAILED %-10s %s\n       logs: %s" % (name, error, directory), flush=True)
        return False
    print("ok     %-10s %5.1f s  %s; %d writes to %d keys, none missing, digests agree" % (
        name, time.monotonic() - start, found, writes, keys), flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--loss-seconds", type=float, default=0, help="of the scenario loss; 0: 8, or 600 with --long")
    parser.add_argument("scenarios", nargs="*", help=" ".join(SCENARIOS))
    options = parser.parse_args()
    options.cohort = os.path.abspath(options.cohort)
    chosen = lab.chosen(parser, options.scenarios, SCENARIOS, "scenario")
    lab.enter("e2e", ["dnsmasq", "mount"])
    failed = []
    rounds = 20 if options.long else 1
    for options.round in range(rounds):
        failed += [name for name in chosen if not run_one(name, options)]
    print("%d scenarios, %d failed%s" % (rounds * len(chosen), len(failed), ": " + " ".join(failed) if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
