"""A network for tests: one host per network namespace, joined by a bridge, all inside one private user+network+mount
namespace. Nothing of the machine changes, and no root is needed where the kernel allows user namespaces.

enter() re-executes the calling script inside that private namespace; Lab then makes hosts in it:

    lab.enter("what runs")
    with lab.Lab() as net:
        a, b = net.add_host(), net.add_host()
        process = a.popen(["cohort", "node", ...])
        net.cut(b)            # pull the cable
        net.heal(b)
        b.lose(5)             # drop 5 % of the UDP packets that arrive
        a.block_from(b)       # one-way: a no longer hears b
"""

import os
import shutil
import signal
import subprocess
import sys
import time

INSIDE = "COHORT_LAB_INSIDE"
SUBNET = "10.77.0"
SUBNET6 = "fd77::"


PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
TOOLS = ("unshare", "nsenter", "ip", "nft")


def _why_not(tools):
    """None if a private namespace can be made here, and all `tools` are there; else the reason in words."""
    missing = [tool for tool in TOOLS + tools if shutil.which(tool, path=PATH) is None]
    if missing:
        return "missing programs: %s (run ./run setup)" % ", ".join(missing)
    probe = subprocess.run(_unshare() + ["true"], capture_output=True, text=True)
    if probe.returncode != 0:
        return "the kernel refuses a private namespace: " + probe.stderr.strip()
    return None


def _unshare():
    return ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def enter(who, tools=()):
    """Continues the calling script inside a private namespace; returns at once if it is there already.

    Where that cannot be, or a program of `tools` is missing, it says so for `who` and ends with status 2."""
    if os.environ.get(INSIDE):
        return
    reason = _why_not(tuple(tools))
    if reason is not None:
        print("%s: cannot make a private network here: %s" % (who, reason), file=sys.stderr)
        sys.exit(2)
    os.environ[INSIDE] = "1"
    command = _unshare() + [sys.executable] + sys.argv
    os.execvp(command[0], command)


def chosen(parser, words, known, noun):
    """The words of a command line, or all that are `known`; ends with the parser's error if one is not."""
    unknown = set(words) - set(known)
    if unknown:
        parser.error("no %s %s; there are: %s" % (noun, ", ".join(unknown), " ".join(known)))
    return words or list(known)


def judged(what, names, case):
    """Runs case(name) for each, and prints what it answers or why it failed; then the sum, for `what`. The exit status."""
    passed = 0
    for name in names:
        start = time.monotonic()
        try:
            result = case(name)
            passed += 1
            print("ok      %-20s %4.1f s  %s" % (name, time.monotonic() - start, result), flush=True)
        except Exception as error:  # The next case is another failure.
            text = "%s: %s" % (type(error).__name__, str(error)[:2000])
            print("FAILED  %-20s %4.1f s  %s" % (name, time.monotonic() - start, text), flush=True)
    print("%s: %d passed, %d failed" % (what, passed, len(names) - passed))
    return 0 if passed == len(names) else 1


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), (done.stderr or done.stdout).strip()))
    return done.stdout


class Host:
    """One host: a network namespace kept open by a sleeping process, an address, a cable to the bridge."""

    def __init__(self, number, mtu=1500):
        self.number = number
        self.address = "%s.%d" % (SUBNET, number)
        self.address6 = "%s%x" % (SUBNET6, number)
        self.cable = "cable%d" % number
        self._keeper = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        deadline = time.monotonic() + 5
        while os.readlink("/proc/%d/ns/net" % self._keeper.pid) == os.readlink("/proc/self/ns/net"):
            if time.monotonic() > deadline:
                raise RuntimeError("no network namespace after 5 s")
            time.sleep(0.005)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", str(self._keeper.pid))
        run("ip", "link", "set", self.cable, "mtu", str(mtu), "master", "bridge0", "up")
        self.inside("ip", "link", "set", "eth0", "mtu", str(mtu))
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "addr", "add", self.address + "/24", "dev", "eth0")
        self.inside("ip", "addr", "add", self.address6 + "/64", "dev", "eth0", "nodad")
        self.inside("ip", "link", "set", "eth0", "up")
        self.inside("ip", "route", "add", "default", "dev", "eth0")
        self._chain = False

    def _enter(self):
        return ["nsenter", "--target", str(self._keeper.pid), "--net"]

    def inside(self, *command):
        return run(*(self._enter() + list(command)))

    def popen(self, command, **options):
        return subprocess.Popen(self._enter() + list(command), **options)

    def link_local(self):
        """Its fe80 address, with the interface that gives it a meaning."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for line in self.inside("ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link", "-tentative").splitlines():
                return line.split()[3].split("/")[0] + "%eth0"
            time.sleep(0.05)
        raise RuntimeError("no link-local address after 5 s")

    def set_mtu(self, mtu):
        self.inside("ip", "link", "set", "eth0", "mtu", str(mtu))

    def _rule(self, *rule):
        if not self._chain:
            self.inside("nft", "add", "table", "inet", "lab")
            self.inside("nft", "add", "chain", "inet", "lab", "arriving", "{ type filter hook input priority 0 ; }")
            self._chain = True
        self.inside("nft", "add", "rule", "inet", "lab", "arriving", *rule)

    def _no_offloads(self):
        """Each wire packet on its own."""
        run("ip", "link", "set", self.cable, "gso_max_segs", "1")
        self.inside("ip", "link", "set", "eth0", "gso_max_segs", "1")

    def lose(self, percent):
        """Drops `percent` of the arriving UDP packets, each wire packet on its own (offloads are switched off)."""
        self._no_offloads()
        self._rule("meta", "l4proto", "udp", "numgen", "random", "mod", "1000", "<", str(int(percent * 10)), "drop")

    def narrow(self, mtu=1500):
        """UDP packets larger than `mtu` do not arrive any more, and nobody is told: as a switch does."""
        self._no_offloads()
        self._rule("meta", "l4proto", "udp", "meta", "length", ">", str(mtu), "drop")

    def block_from(self, other):
        self._rule("ip", "saddr", other.address, "drop")

    def limit(self, kilobytes, protocol="udp"):
        """UDP (or TCP) packets that arrive faster than so many kilobytes a second are lost."""
        self._rule("meta", "l4proto", protocol, "limit", "rate", "over", str(kilobytes), "kbytes/second", "drop")

    def block_multicast(self):
        self._rule("ip", "daddr", "224.0.0.0/4", "drop")

    def block_from_all(self):
        self._rule("ip", "saddr", SUBNET + ".0/24", "drop")

    def clear_rules(self):
        if self._chain:
            self.inside("nft", "flush", "chain", "inet", "lab", "arriving")

    def close(self):
        # By name and first: the kernel takes its time to clear away a namespace and the cables that end in it.
        subprocess.run(["ip", "link", "del", self.cable], capture_output=True)
        self._keeper.send_signal(signal.SIGKILL)
        self._keeper.wait()


class NameServer:
    """A dnsmasq on a host of its own, which every process of the lab asks. It knows nothing but what it is told:

        names = NameServer(net.add_host(), directory, ["srv-host=_cohort._tcp.shop.test,a.shop.test,7701"])
        names.set({"members.shop.test": ["10.77.0.2", "10.77.0.3"], "a.shop.test": ["10.77.0.2"]})
    """

    def __init__(self, host, directory, lines=()):
        self.host = host
        self.hosts_file = os.path.join(directory, "dns.hosts")
        self.command = [shutil.which("dnsmasq", path=PATH), "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                        "--local=/test/", "--addn-hosts=" + self.hosts_file] + ["--" + line for line in lines]
        self.log_file = os.path.join(directory, "dns.log")
        self.log = open(self.log_file, "ab")
        self.process = None
        self.names = {}
        resolv = os.path.join(directory, "resolv.conf")
        with open(resolv, "w") as file:
            file.write("nameserver %s\noptions timeout:1 attempts:2\n" % host.address)
        # Of this private mount namespace only.
        run("mount", "--bind", resolv, "/etc/resolv.conf")
        self.start()

    def start(self):
        self.set(self.names)
        times = self._times_read()
        self.process = self.host.popen(self.command, stdout=self.log, stderr=self.log)
        self._wait_until_read(times)

    def _times_read(self):
        with open(self.log_file) as file:
            return file.read().count(" read " + self.hosts_file)

    def _wait_until_read(self, times_before):
        deadline = time.monotonic() + 10
        while self._times_read() == times_before:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("dnsmasq does not run: see " + self.log_file)
            time.sleep(0.02)

    def set(self, names):
        """From now on these names have these addresses, and no others."""
        self.names = names
        with open(self.hosts_file, "w") as file:
            for name, addresses in names.items():
                file.writelines("%s %s\n" % (address, name) for address in addresses)
        if self.process:
            times = self._times_read()
            self.process.send_signal(signal.SIGHUP)
            self._wait_until_read(times)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self):
        self.stop()
        self.log.close()
        run("umount", "/etc/resolv.conf")


class Lab:
    def __init__(self):
        if not os.environ.get(INSIDE):
            raise RuntimeError("call lab.enter() first")
        self.hosts = []
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "bridge0", "type", "bridge", "mcast_snooping", "0")
        run("ip", "link", "set", "bridge0", "up")

    def add_host(self, mtu=1500):
        self.hosts.append(Host(len(self.hosts) + 1, mtu))
        return self.hosts[-1]

    def isolate(self, host):
        """The network swallows everything between `host` and the others; its link stays up."""
        host.block_from_all()
        for other in self.hosts:
            if other is not host:
                other.block_from(host)

    def reconnect(self):
        for host in self.hosts:
            host.clear_rules()

    def cut(self, host):
        """Pulls the cable: `host` sees its link go down."""
        run("ip", "link", "set", host.cable, "down")

    def heal(self, host):
        run("ip", "link", "set", host.cable, "up")

    def close(self):
        for host in self.hosts:
            host.close()
        subprocess.run(["ip", "link", "del", "bridge0"], capture_output=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
