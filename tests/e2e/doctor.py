#!/usr/bin/env python3
"""`cohort doctor` on hosts with one fault each, made for real: it has to find that fault and name its remedy.

One member, b, runs on a host of its own all the time; the doctor examines host a, which has nothing else. Where the remedy
it prints can be carried out there, it is, word for word, and the finding has to be gone. At the end b must have noticed
nothing of some dozens of examinations.

    python3 tests/e2e/doctor.py --cohort build/release/cohort [CASE...]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402
import members  # noqa: E402

LISTEN = "1.3"  # Seconds: a coordinator announces itself every second.
LEVELS = {"ok", "not run", "note", "warning", "problem"}


class Report:
    def __init__(self, words, status):
        self.json = json.loads(words)
        self.status = status
        self.findings = self.json["findings"]
        assert all(f["level"] in LEVELS for f in self.findings), self.findings

    def find(self, check, level, words=""):
        return [f for f in self.findings if f["check"] == check and f["level"] == level and
                words in f["finding"] + " " + f["evidence"]]

    def expect(self, check, level, words="", remedy=""):
        """The finding of this kind, whose remedy begins with `remedy`."""
        found = [f for f in self.find(check, level, words) if f["remedy"].startswith(remedy)]
        assert found, "no %s of %s with %r and remedy %r in:\n%s" % (level, check, words, remedy, self)
        assert level in ("ok", "not run") or found[0]["remedy"], "no remedy: %s" % found[0]
        return found[0]

    def expect_well(self, *checks):
        for check in checks:
            assert self.find(check, "ok") and not self.find(check, "problem") and not self.find(check, "warning"), \
                "%s is not well:\n%s" % (check, self)

    def __str__(self):
        return "\n".join("%-8s %-12s %s | %s | %s" % (f["level"], f["check"], f["finding"], f["evidence"], f["remedy"])
                         for f in self.findings)


class Clinic:
    def __init__(self, options, directory):
        self.cohort = options.cohort
        self.directory = directory
        self.key = self.new_key("demo.key")
        self.other_key = self.new_key("other.key")
        self.net = lab.Lab()
        self.a, self.b = self.net.add_host(), self.net.add_host()
        self.examinations = 0
        self.http = os.path.join(directory, "b.http.sock")
        self.member = members.Member(self.cohort, self.b, "b", directory, self.key,
                                     [], address=self.b.address + ":7601")
        self.member.wait_until_serving()
        self.member.wait_for_view(["b"], 20)

    def new_key(self, name):
        path = os.path.join(self.directory, name)
        subprocess.run([self.cohort, "keygen", "--out", path], check=True, stdout=subprocess.DEVNULL)
        return path

    def command(self, *flags, key=None, group="demo", bind=True, seconds="0.2"):
        command = [self.cohort, "doctor", "--group", group, "--seconds", seconds]
        if key != "":
            command += ["--key-file", key or self.key]
        if bind:
            command += ["--bind", self.a.address]
        return command + list(flags)

    def examine(self, *flags, host=None, before=None, **options):
        """The doctor's report about host a (or another; `before`: what runs it)."""
        command = (before or []) + self.command("--json", *flags, **options)
        process = (host or self.a).popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, errors = process.communicate(timeout=30)
        assert process.returncode in (0, 1), "status %d: %s" % (process.returncode, errors)
        self.examinations += 1
        report = Report(out, process.returncode)
        problems = sum(f["level"] == "problem" for f in report.findings)
        assert (report.json["problems"], report.status) == (problems, 1 if problems else 0), report
        return report

    def carry_out(self, finding, host=None):
        """Does what the finding says, on the host."""
        command = finding["remedy"].split("   #")[0]
        (host or self.a).inside("sh", "-c", command)
        return command

    def mended(self, report, check, level, words, remedy, again):
        finding = report.expect(check, level, words, remedy)
        command = self.carry_out(finding)
        after = again()
        assert not after.find(check, level, words), "still there after `%s`:\n%s" % (command, after)
        return command

    def close(self):
        self.member.close()
        self.net.close()


def case_healthy(c):
    report = c.examine(seconds=LISTEN)
    assert report.status == 0, report
    report.expect("members", "ok", "b 10.77.0.2:7601")
    report.expect_well("key", "interface", "mtu", "multicast", "echo", "firewall", "members", "routes")
    assert any(name.startswith("b at ") for name in report.json["heard"]), report.json["heard"]
    text = subprocess.run(c.a._enter() + c.command(), capture_output=True, text=True).stdout
    assert text.startswith("ok       key          ") and " 0 warnings\n" in text, text
    return "heard %s" % report.json["heard"][0]


def case_own_port_dropped(c):
    c.a._rule("udp", "dport", "7600", "drop")
    report = c.examine(seconds=LISTEN)
    report.expect("echo", "problem", "does not come back")
    report.expect("members", "problem", "no member on another host")
    try:
        command = c.carry_out(report.expect("firewall", "problem", "inet lab arriving, handle", "nft insert rule inet lab arriving"))
        c.examine(seconds=LISTEN).expect_well("echo", "firewall", "members")
    finally:
        c.a.clear_rules()
    return command


def case_output_dropped(c):
    for words in (["table", "inet", "out"], ["chain", "inet", "out", "leaving", "{ type filter hook output priority 0 ; }"],
                  ["rule", "inet", "out", "leaving", "ip", "daddr", "224.0.0.0/4", "drop"]):
        c.a.inside("nft", "add", *words)
    try:
        report = c.examine()
        report.expect("echo", "problem", "Operation not permitted")
        report.expect("firewall", "problem", "IGMP reports that leave")
        finding = report.expect("firewall", "problem", "packets to the group that leave", "nft insert rule inet out leaving")
        c.carry_out(finding)
        c.examine().expect_well("echo")
    finally:
        c.a.inside("nft", "delete", "table", "inet", "out")
    return finding["evidence"]


def case_policy_drop(c):
    flags = ("--bind", c.a.address + ":7601")
    carried_out = []
    c.a.inside("nft", "add", "table", "inet", "site")
    c.a.inside("nft", "add", "chain", "inet", "site", "in", "{ type filter hook input priority 0 ; policy drop ; }")
    c.a.inside("nft", "add", "rule", "inet", "site", "in", "ct", "state", "established,related", "accept")
    try:
        for _ in range(8):  # One remedy after the other, as an engineer would.
            found = c.examine(*flags, bind=False).find("firewall", "problem")
            if not found:
                break
            carried_out.append(c.carry_out(found[0]))
        c.examine(*flags, bind=False, seconds=LISTEN).expect_well("firewall", "echo", "members")
    finally:
        c.a.inside("nft", "delete", "table", "inet", "site")
    assert len(carried_out) == 4, carried_out  # Multicast, IGMP, and UDP and TCP of the member.
    return "all is well after its %d commands" % len(carried_out)


def case_one_sender_dropped(c):
    c.a.block_from(c.b)
    try:
        report = c.examine(seconds=LISTEN)
        report.expect("echo", "ok")
        report.expect("firewall", "warning", "ip saddr 10.77.0.2 drop", "nft insert rule inet lab arriving")
        report.expect("members", "problem", "no member on another host")
    finally:
        c.a.clear_rules()
    return report.find("firewall", "warning")[0]["evidence"]


def case_wrong_key(c):
    report = c.examine(key=c.other_key, seconds=LISTEN)
    finding = report.expect("members", "problem", "another key", "sha256sum %s" % c.other_key)
    return finding["evidence"]


def case_other_group(c):
    report = c.examine(group="mall", seconds=LISTEN)
    return report.expect("members", "problem", "another group", "sha256sum")["evidence"]


def case_without_key(c):
    report = c.examine("--allow-plaintext=network", key="", seconds=LISTEN)
    report.expect("key", "warning", "without a key", "cohort keygen")
    report.expect("members", "problem", "members that encrypt are heard", "--key-file")
    report = c.examine("--allow-plaintext", key="", bind=False)
    return report.expect("interface", "warning", "only members on this host")["finding"]


def case_key_file(c):
    path = c.new_key("open.key")
    os.chmod(path, 0o644)
    report = c.examine(key=path)
    command = c.mended(report, "key", "problem", "read by others", "chmod 600", lambda: c.examine(key=path))
    c.examine(key=os.path.join(c.directory, "none.key")).expect("key", "problem", "No such file", "scp OTHER_HOST:")
    with open(path, "w") as file:
        file.write("cohort-key-1 abc\n")
    c.examine(key=path).expect("key", "problem", path, "scp OTHER_HOST:")
    return command


def case_interfaces(c):
    c.a.inside("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth2")
    c.a.inside("ip", "link", "set", "eth2", "up")
    c.a.inside("ip", "link", "set", "eth1", "up")
    c.a.inside("ip", "addr", "add", "10.88.0.1/24", "dev", "eth1")
    try:
        c.examine(bind=False).expect("interface", "warning", "eth1 would do as well", "--bind eth1")
        c.examine("--bind", "eth0", bind=False).expect_well("interface")
        c.examine("--bind", "10.99.9.9", bind=False).expect("interface", "problem", "no address 10.99.9.9", "--bind eth0")
        c.a.inside("sysctl", "-q", "-w", "net.ipv4.conf.eth0.rp_filter=1")
        report = c.examine()
        return c.mended(report, "reverse-path", "warning", "way back", "sysctl -w net.ipv4.conf.eth0.rp_filter=2", c.examine)
    finally:
        c.a.inside("sysctl", "-q", "-w", "net.ipv4.conf.eth0.rp_filter=0")
        c.a.inside("ip", "link", "del", "eth1")


def case_interface_down(c):
    c.a.inside("ip", "link", "set", "eth0", "down")
    try:
        report = c.examine(bind=False)
        report.expect("interface", "problem", "only members on this host", "ip link set dev")
        report = c.examine("--bind", "eth0", bind=False)
        command = c.mended(report, "interface", "problem", "eth0 is down", "ip link set dev eth0 up",
                           lambda: c.examine("--bind", "eth0", bind=False))
    finally:
        c.a.inside("ip", "link", "set", "eth0", "up")
        c.a.inside("ip", "addr", "replace", c.a.address6 + "/64", "dev", "eth0", "nodad")  # The kernel forgot it.
        c.a.inside("ip", "route", "replace", "default", "dev", "eth0")
    return command


def case_no_multicast_flag(c):
    c.a.inside("ip", "link", "set", "eth0", "multicast", "off")
    try:
        report = c.examine()
        return c.mended(report, "interface", "problem", "does not do multicast", "ip link set dev eth0 multicast on", c.examine)
    finally:
        c.a.inside("ip", "link", "set", "eth0", "multicast", "on")


def case_no_route(c):
    """Without any route multicast still works (members name the interface), but the lifelines to the others do not."""
    c.a.inside("ip", "route", "flush", "dev", "eth0")
    try:
        report = c.examine(seconds=LISTEN)
        report.expect_well("echo", "members")
        return c.mended(report, "routes", "problem", "no way back to 10.77.0.2", "ip route add 10.77.0.2 dev eth0",
                        lambda: c.examine(seconds=LISTEN))
    finally:
        c.a.inside("ip", "route", "replace", lab.SUBNET + ".0/24", "dev", "eth0")
        c.a.inside("ip", "route", "replace", "default", "dev", "eth0")


def case_memberships(c):
    before = c.a.inside("sysctl", "-n", "net.ipv4.igmp_max_memberships").strip()
    c.a.inside("sysctl", "-q", "-w", "net.ipv4.igmp_max_memberships=0")
    try:
        report = c.examine()
        report.expect("members", "not run")
        return c.mended(report, "multicast", "problem", "cannot be joined", "sysctl -w net.ipv4.igmp_max_memberships", c.examine)
    finally:
        c.a.inside("sysctl", "-q", "-w", "net.ipv4.igmp_max_memberships=" + before)


def case_addresses(c):
    c.examine("--multicast", "10.1.1.1:7600").expect("multicast", "problem", "not in 224.0.0.0/4", "--multicast 239.")
    c.examine("--multicast", "224.0.0.77:7600").expect("multicast", "warning", "routers", "--multicast 239.")
    report = c.examine("--bind", c.a.address6, "--multicast", "[ff01::77]:7600", bind=False)
    report.expect("multicast", "problem", "never leaves the host", "--multicast [ff02")
    report = c.examine("--bind", c.a.address6, bind=False)
    report.expect_well("multicast", "echo")
    return "IPv6 by default at %s" % report.json["multicast"]


def case_port_taken(c):
    holder = ("import socket,sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], int(sys.argv[2]))); "
              "print('bound', flush=True); sys.stdin.read()")
    def held(ip, port):
        process = c.a.popen([sys.executable, "-c", holder, ip, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdout.readline()
        return process
    def end(process):
        process.communicate()
    process = held("0.0.0.0", 7600)
    c.examine().expect("multicast", "problem", "cannot be joined", "ss -lnpu sport = :7600")
    end(process)
    flags = ("--bind", c.a.address + ":7601")
    process = held(c.a.address, 7601)
    finding = c.examine(*flags, bind=False).expect("port", "warning", "UDP 10.77.0.1:7601", "ss -lnptu sport = :7601")
    end(process)
    c.examine(*flags, bind=False).expect("port", "ok", "free")
    # Beside the member itself: its port is its own.
    report = c.examine("--bind", c.b.address + ":7601", bind=False, host=c.b, seconds=LISTEN)
    report.expect("port", "ok", "a member of the group has port 7601")
    return finding["finding"]


def case_seeds(c):
    there = c.b.address + ":7601"
    c.examine("--seed", there).expect_well("seeds")
    report = c.examine("--seed", c.b.address + ":7609")
    finding = report.expect("seeds", "problem", "connection refused", "ss -ltn sport = :7609")
    report = c.examine("--seed", c.b.address + ":7609", "--seed", there)
    report.expect("seeds", "warning", "7609")  # One that answers is enough.
    report.expect("seeds", "ok", "7601")
    c.examine("--seed", "no..such.host:7601").expect("seeds", "problem", "unknown", "getent ahosts")
    listener = c.b.popen([sys.executable, "-c", "import socket,sys; s = socket.create_server((sys.argv[1], 7608)); "
                          "print('bound', flush=True); sys.stdin.read()", c.b.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    listener.stdout.readline()
    c.examine("--seed", c.b.address + ":7608").expect("seeds", "problem", "takes TCP, but no UDP", "ss -lun sport = :7608")
    listener.communicate()
    c.b._rule("tcp", "dport", "7601", "drop")
    try:
        report = c.examine("--no-multicast", "--seed", there)
        report.expect("seeds", "problem", "does not answer", "ping " + c.b.address)
        report.expect("multicast", "ok", "not used")
    finally:
        c.b.clear_rules()
    return finding["finding"]


def case_mtu(c):
    c.a.inside("ip", "link", "set", "eth0", "mtu", "1400")
    try:
        return c.mended(c.examine(), "mtu", "warning", "1400 bytes", "ip link set dev eth0 mtu 1500", c.examine)
    finally:
        c.a.inside("ip", "link", "set", "eth0", "mtu", "1500")


def case_buffers(c):
    report = c.examine("--receive-buffer-bytes", str(512 << 20))
    finding = report.expect("buffers", "warning", "524288 KiB asked", "sysctl -w net.core.rmem_max=536870912")
    c.examine("--receive-buffer-bytes", "131072").expect_well("buffers")
    return finding["finding"]


def case_descriptors(c):
    report = c.examine(before=["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"])
    return report.expect("descriptors", "warning", "64 files", "ulimit -n")["finding"]


class Outside:
    """The host the bridge is on: the namespace this script runs in."""

    def popen(self, command, **options):
        return subprocess.Popen(command, **options)

    def inside(self, *command):
        return lab.run(*command)


def case_bridge(c):
    outside = Outside()
    lab.run("ip", "addr", "add", lab.SUBNET + ".250/24", "dev", "bridge0")
    lab.run("ip", "link", "set", "bridge0", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "0")
    try:
        report = c.examine("--bind", "bridge0", bind=False, host=outside, seconds=LISTEN)
        report.expect_well("members")  # A bridge of Linux floods while there is no querier.
        finding = report.expect("bridge", "warning", "nobody asks who listens", "ip link set dev bridge0 type bridge mcast_querier 1")
        c.carry_out(finding, outside)
        c.examine("--bind", "bridge0", bind=False, host=outside).expect_well("bridge")
        return finding["remedy"]
    finally:
        lab.run("ip", "link", "set", "bridge0", "type", "bridge", "mcast_snooping", "0", "mcast_querier", "0")
        lab.run("ip", "addr", "del", lab.SUBNET + ".250/24", "dev", "bridge0")


LONELY = ("--multicast", "239.255.77.99:7655")  # Where b is not.


def case_strangers(c):
    sender = c.b.popen([sys.executable, "-c", """
import socket, sys, time
for packet in (b"a printer, perhaps", bytes([0xC7, 0xF2]) + bytes(40)):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
    s.connect(("239.255.77.99", 7655))
    globals().setdefault("sockets", []).append((s, packet))
while True:
    for s, packet in sockets:
        s.send(packet)
    time.sleep(0.05)
""", c.b.address])
    plain = c.b.popen([c.cohort, "node", "--group", "demo", "--name", "p", "--bind", c.b.address, "--events", "none",
                       "--allow-plaintext=network"] + list(LONELY), stderr=subprocess.DEVNULL)
    try:
        report = c.examine(*LONELY, seconds="1.5")
    finally:
        for process in (sender, plain):
            process.kill()
            process.wait()
    report.expect("members", "warning", "another program", "--multicast 239.255.77.8")
    report.expect("members", "problem", "another wire version", "cohort --version")
    return report.expect("members", "problem", "runs without a key", "start it with --key-file")["evidence"]


def case_nobody(c):
    report = c.examine(*LONELY, seconds="0.5")
    report.expect("members", "problem", "no member on another host", "cohort doctor --seconds 60")
    other = c.b.popen(c.command("--json", "--bind", c.b.address, *LONELY, bind=False, seconds="1.8"),
                      stdout=subprocess.DEVNULL)
    report = c.examine(*LONELY, seconds="1.2")
    other.wait(20)
    return report.expect("members", "warning", "a doctor is heard from 10.77.0.2", "cohort node")["finding"]


def case_one_host(c):
    """Members that found each other on one host are no fault, but worth a note; one alone is what the doctor is asked about."""
    apart = ["--multicast", "239.255.77.9:7600"]
    started = []
    try:
        for name, level in (("m", "problem"), ("n", "note")):
            started.append(members.Member(c.cohort, c.a, name, c.directory, c.key, apart))
            started[0].wait_for_view([member.name for member in started], 20)
            report = c.examine(*apart, seconds=LISTEN)
            words = "no member on another host" if level == "problem" else "are on this host"
            finding = report.expect("members", level, words, "cohort doctor --seconds 60")
    finally:
        for member in started:
            member.close()
    assert report.status == 0, report
    return finding["evidence"]


def case_not_root(c):
    """Who may not read the rules is told so, and the echo still answers."""
    report = c.examine(before=["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"])
    report.expect("firewall", "not run", "as the echo shows")
    return report.find("firewall", "not run")[0]["finding"]


def case_config(c):
    """The node's own configuration file will do."""
    path = os.path.join(c.directory, "node.conf")
    with open(path, "w") as file:
        subprocess.run([c.cohort, "node", "--group", "demo", "--key-file", c.key, "--bind", c.a.address, "--resp", ":6379",
                        "--print-config"], check=True, stdout=file)
    done = subprocess.run(c.a._enter() + [c.cohort, "doctor", "--config", path, "--seconds", LISTEN, "--json"],
                          capture_output=True, text=True)
    report = Report(done.stdout, done.returncode)
    report.expect_well("key", "interface", "members")
    c.examinations += 1
    return "group %s" % report.json["group"]


def case_usage(c):
    for flags in ([], ["--group", "demo"], ["--group", "demo", "--key-file", c.key, "--seconds", "x"],
                  ["--group", "demo", "--key-file", c.key, "--bind", "1.2.3.4:99999"]):
        done = subprocess.run([c.cohort, "doctor"] + flags, capture_output=True, text=True)
        assert done.returncode == 2 and done.stderr and not done.stdout, (flags, done)
    return "status 2 and a sentence"


def unnoticed(c, views):
    """Member b has had no view, no warning and no event of dropped packets since it was alone."""
    status = json.loads(subprocess.run([c.cohort, "status", "--http", "unix:" + c.http, "--json"],
                                       capture_output=True, text=True, check=True).stdout)
    assert c.member.process.poll() is None
    assert len(c.member.views()) == views, c.member.views()
    bad = [e for _, e in c.member.events if e.get("event") in ("dropped", "suspected", "left", "merged")]
    assert not bad, bad
    known = ("security.received_ok", "security.received_own")
    strange = {name: n for name, n in status["stats"].items()
               if name.startswith("security.received_") and name not in known and n}
    assert not strange, strange
    return status["stats"]


CASES = [name[len("case_"):] for name in list(globals()) if name.startswith("case_")]


UNNOTICED = "unnoticed"  # At the end, about all that went before.


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", required=True)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    options.cohort = os.path.abspath(options.cohort)
    cases = lab.chosen(parser, options.cases, CASES, "case")
    lab.enter("doctor", ["setpriv", "sysctl"])
    directory = tempfile.mkdtemp(prefix="cohort-doctor-")
    clinic = Clinic(options, directory)

    def case(name):
        if name != UNNOTICED:
            return globals()["case_" + name](clinic)
        unnoticed(clinic, views)
        return "after %d examinations" % clinic.examinations

    try:
        views = len(clinic.member.views())
        return lab.judged("doctor", cases + [UNNOTICED], case)
    finally:
        clinic.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
