#!/usr/bin/env python3
"""What replication costs a web server: throughput and latency with Cohort, with the server's own replication and with none, all in
one run. Measures, and judges nothing but the answers.

    ./run bench web                         Tomcat and Jetty, and the memory of replicas; to warm a variant takes a minute or two
    ./run bench web tomcat                  one of: tomcat tomcat11 jetty memory
    ./run bench web tomcat --variants none,cohort --rounds 3

All variants of a server run at once, two instances each behind an NGINX of their own, warm; one of them has users at a time. A round
gives each variant its turn, so what else the machine does hits all of them, and a ratio is one within a round. `--before FOLDER`
adds the variant `before`: Cohort with the jars of that folder.

Users post without a pause; each request sets a counter, two short attributes and one of 4 KiB. `cpu/request` is what both servers
used of processors for each request, in user space and in the kernel: it hardly depends on what else the machine does; `waits` is how
often their threads gave their processor up to wait. A light load has
few users, whose pauses differ; its latencies are those that users see."""

import argparse
import collections
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import checker  # noqa: E402
import install  # noqa: E402
import memory  # noqa: E402
import variants  # noqa: E402
import website  # noqa: E402
from website import lab  # noqa: E402

ROUTES = ("n1", "n2")
RAMP_SECONDS = 1.5
ARRIVALS_MS = 500
COMPILERS = "C CompilerThre"  # Of a JVM, as thread_seconds calls them.
WARM_TURN_SECONDS = 5
WARM_BELOW = 0.3  # Seconds of the compilers for such a turn.
RESTS_BELOW = 0.05  # And for a second without users.
REST_SECONDS_MAX = 30
LIGHT_USERS = 40
LIGHT_PAUSE_MS = "50-150"  # Else users gather in crowds, at whose arrival the load is not light.


class SharedNet:
    """The network of all variants: who closes it is not one of them."""

    def __init__(self, net):
        self.add_host = net.add_host

    def close(self):
        pass


class Variant(website.Website):
    """A web site of two instances with one kind of replication, which shares its network with the others."""

    def __init__(self, net, number, kind, name, directory, files):
        self.name = name
        self.net = SharedNet(net)
        self.directory, self.site, self.out = directory, {}, os.path.join(directory, "nginx")
        self.clusters = {"first": {route: kind for route in ROUTES}}
        self.replication = ("cohort" if name == "before" else name).replace("-", "_")
        self.host = net.add_host()
        self.address = (self.host.address, website.USERS_PORT)
        hosts = {route: net.add_host() for route in ROUTES}
        self.instances = {}
        for route, host in hosts.items():
            others = [other.address for other in hosts.values() if other is not host]
            self.instances[route] = variants.servers.Instance(kind, route, host, os.path.join(directory, route), files, "first", others)
            self.instances[route].variant = number
        self.nginx, self.agent, self.start_seconds = None, None, {}

    def processor_seconds(self):
        """Of both servers, until now."""
        return sum(website.servers.processor_seconds(instance.process.pid) for instance in self.instances.values())

    def waits(self):
        return sum(switches(instance.process.pid) for instance in self.instances.values())

    def threads(self):
        """{kind of thread: seconds of a processor} of both servers, until now."""
        total = collections.Counter()
        for instance in self.instances.values():
            total.update(thread_seconds(instance.process.pid))
        return total

    def addresses(self, straight):
        """Where users go: to NGINX, or half of them to each server."""
        return [(instance.host.address, website.servers.PORT) for instance in self.instances.values()] if straight else [self.address]


class Before(install.Files):
    """Jars of an earlier build, by the same names."""

    def __init__(self, files, folder):
        super().__init__(files.native)
        self.before = folder

    def built(self, module, ending=".jar"):
        return os.path.join(self.before, [name for name in os.listdir(self.before) if name.startswith(module + "-") and name.endswith(ending)][0])


def switches(pid):
    """How often a thread of the process has waited."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/status" % (pid, task)) as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
        except OSError:
            pass  # It has ended.
    return total


def thread_seconds(pid):
    """{kind: seconds of a processor} of its threads that live: those whose names differ in a number only are one kind."""
    total = collections.Counter()
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/comm" % (pid, task)) as file:
                kind = re.sub(r"[-#.\d ]+", " ", file.read()).strip()
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
                total[kind] += int(file.read().split()[0]) / 1e9
        except OSError:
            pass  # It has ended.
    return total


class Users:
    """web_driver for one turn, one for each address."""

    def __init__(self, site, options, count, pause_ms):
        self.processes, self.records = [], []
        addresses = site.addresses(options.straight)
        for number, (host, port) in enumerate(addresses):
            self.records.append(os.path.join(site.directory, "requests%d.json" % number))
            with open(self.records[-1], "wb") as file:
                self.processes.append(subprocess.Popen([options.driver, host, str(port), "/counter/add", str(count // len(addresses)), str(pause_ms), str(website.PATIENCE_MS), str(ARRIVALS_MS)],
                                                       stdin=subprocess.PIPE, stdout=file))

    def end(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            assert process.wait(website.DRAIN_SECONDS) == 0, "web_driver has failed"


def turn(site, options, users, pause_ms, seconds):
    """One variant has users for so many seconds: {rps, cpu_us, threads, p50, p99}."""
    driver = Users(site, options, users, pause_ms)
    time.sleep(RAMP_SECONDS)
    threads, waits, begin, used = site.threads(), site.waits(), time.monotonic(), site.processor_seconds()
    time.sleep(seconds)
    end, used, waits, threads_end = time.monotonic(), site.processor_seconds() - used, site.waits() - waits, site.threads()
    driver.end()
    inside = []
    for path in driver.records:
        records = checker.read(path)
        verdict = checker.judge(records)
        assert not verdict.errors and (not verdict.faults() or not site.name.startswith("cohort")), "%s: %s" % (site.name, verdict.words())
        inside += [record for record in records if begin * 1e6 <= record["end"] < end * 1e6]
    took = statistics.quantiles([(record["end"] - record["start"]) / 1000 for record in inside], n=100)
    threads = {kind: (seconds_end - threads[kind]) / len(inside) * 1e6 for kind, seconds_end in threads_end.items()}
    return {"rps": len(inside) / (end - begin), "cpu_us": used / len(inside) * 1e6, "waits": waits / len(inside), "threads": threads, "p50_ms": took[49], "p99_ms": took[98]}


def compiling_seconds(site):
    """Of compilers that live: it falls when one ends."""
    return site.threads()[COMPILERS]


def rest(site):
    """Until its compilers have done what they were given: users who leave no processor to them keep them from it."""
    compiled = compiling_seconds(site)
    for _ in range(REST_SECONDS_MAX):
        time.sleep(1)
        before, compiled = compiled, compiling_seconds(site)
        if 0 <= compiled - before < RESTS_BELOW:
            return


def warm(site, options):
    """As a server is that has run for days: turns until one gives the compilers little to do; none begins after `--warm` seconds."""
    end = time.monotonic() + options.warm
    while time.monotonic() < end:
        before, begin = compiling_seconds(site), time.monotonic()
        rps = turn(site, options, options.users, 0, WARM_TURN_SECONDS)["rps"]
        rest(site)
        compiled = compiling_seconds(site) - before
        print("warming %s: %.0f s, %.0f requests/s, its compilers took %.2f s" % (site.name, time.monotonic() - begin, rps, compiled), file=sys.stderr, flush=True)
        if 0 <= compiled < WARM_BELOW:
            return
    print("%s is not warm after %.0f s: its compilers take a part of what follows" % (site.name, options.warm), file=sys.stderr, flush=True)


def measure(sites, options):
    """{variant: {"saturated": [turn...], "light": [turn...]}}"""
    for site in sites:  # All at once would compile no sooner.
        warm(site, options)
    result = {site.name: {"saturated": [], "light": []} for site in sites}
    for number in range(options.rounds):
        # In both directions, so that no variant is always the one after another.
        order = sites if number % 2 == 0 else sites[::-1]
        for site in order:
            result[site.name]["saturated"].append(turn(site, options, options.users, 0, options.seconds))
        for site in order if options.light else []:
            result[site.name]["light"].append(turn(site, options, LIGHT_USERS, LIGHT_PAUSE_MS, options.seconds))
        print("round %d: %s" % (number + 1, "; ".join(words(site.name, result[site.name]) for site in sites)), file=sys.stderr, flush=True)
    return result


# ---- The table.


def words(name, rounds):
    one = rounds["saturated"][-1]
    light = "; light %.2f ms" % rounds["light"][-1]["p50_ms"] if rounds["light"] else ""
    return "%s %d/s %d us %.1f waits%s" % (name, one["rps"], one["cpu_us"], one["waits"], light)


def spread(values, form):
    if not values:
        return "not measured"
    return form % statistics.median(values) + " (" + form % min(values) + " to " + form % max(values) + ")"


def row(name, rounds, base):
    def values(load, key):
        return [one[key] for one in rounds[load]]

    def ratios(load, key):
        return [one[key] / other[key] for one, other in zip(rounds[load], base[load])]

    added = [one["p50_ms"] - other["p50_ms"] for one, other in zip(rounds["light"], base["light"])]
    return "| %s | %s | %s | %s | %s | %s | %s | %s | %s |" % (
        name, spread(values("saturated", "rps"), "%.0f"), spread(ratios("saturated", "rps"), "%.2f"),
        "%.0f" % statistics.median(values("saturated", "cpu_us")), spread(ratios("saturated", "cpu_us"), "%.2f"),
        "%.1f" % statistics.median(values("saturated", "waits")), "%.1f" % statistics.median(values("saturated", "p99_ms")), spread(values("light", "p50_ms"), "%.2f"), spread(added, "%+.2f"))


def table(kind, result):
    base = result.get("none") or next(iter(result.values()))
    lines = ["| %s | requests/s | of none | CPU µs/request | of none | waits/request | p99 ms | light: p50 ms | added |" % kind, "|---|---|---|---|---|---|---|---|---|"]
    return "\n".join(lines + [row(name, rounds, base) for name, rounds in result.items()])


def thread_table(kind, result):
    """Of which threads the processor's time of a request is; those below half a microsecond are left out."""
    medians = {}
    for name, rounds in result.items():
        kinds = sorted({one for each in rounds["saturated"] for one in each["threads"]})
        medians[name] = {one: statistics.median(each["threads"].get(one, 0) for each in rounds["saturated"]) for one in kinds}
    rows = sorted({one for each in medians.values() for one, us in each.items() if us >= 0.5}, key=lambda one: -max(each.get(one, 0) for each in medians.values()))
    lines = ["| %s: CPU µs/request by thread | %s |" % (kind, " | ".join(medians)), "|---|" + "---|" * len(medians)]
    return "\n".join(lines + ["| %s | %s |" % (one, " | ".join("%.1f" % each.get(one, 0) for each in medians.values())) for one in rows])


def run_kind(name, options, files):
    kind = variants.KINDS[name]
    folder = os.path.join(files.folder, "figures", name)
    shutil.rmtree(folder, ignore_errors=True)
    wanted = [one for one in kind.replications if one in options.variants] if options.variants else list(kind.replications)
    if options.before:
        wanted.append("before")
    sites = []
    with lab.Lab() as net:
        lab.run("ip", "addr", "add", lab.SUBNET + ".250/24", "dev", "bridge0")
        try:
            for number, one in enumerate(wanted):
                its_files = Before(files, options.before) if one == "before" else files
                sites.append(Variant(net, number, kind, one, os.path.join(folder, one), its_files))
                sites[-1].__enter__()
            result = measure(sites, options)
        finally:
            for site in sites:
                site.__exit__()
    print("\n" + table(name, result) + "\n\n" + thread_table(name, result) + "\n", flush=True)
    return result


def run_memory(files, options):
    def new_site(folder):
        site = Variant(net, 0, variants.KINDS["tomcat"], "cohort-local", folder, files)
        site.instances["n1"].more_java, site.instances["n2"].more_java = memory.OWNER, memory.REPLICA
        return site

    with lab.Lab() as net:
        lab.run("ip", "addr", "add", lab.SUBNET + ".250/24", "dev", "bridge0")
        result = memory.run(new_site, os.path.join(files.folder, "figures", "memory"), options)
    print("\n" + memory.table(result) + "\n", flush=True)
    return result


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*")
    parser.add_argument("--variants", type=lambda text: text.split(","), help="of: " + "; ".join(
        "%s: %s" % (kind.name, " ".join(kind.replications)) for kind in variants.KINDS.values()))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of a turn")
    parser.add_argument("--warm", type=float, default=120, help="seconds for each variant, after which no turn to warm it begins")
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--straight", action="store_true", help="users go to the servers, half of them to each, without NGINX")
    parser.add_argument("--no-light", dest="light", action="store_false", help="no turns at a light load")
    parser.add_argument("--sessions", type=lambda text: [int(word) for word in text.split(",")], default=[10_000, 100_000], help="for memory")
    parser.add_argument("--before", help="a folder with the jars of an earlier build")
    parser.add_argument("--json", help="file; else build/web/figures.json")
    parser.add_argument("--driver", required=True, help="web_driver")
    parser.add_argument("--native", required=True, help="the folder of libcohort_jni.so")
    options = parser.parse_args()
    options.driver = os.path.abspath(options.driver)
    options.before = options.before and os.path.abspath(options.before)
    options.what = lab.chosen(parser, options.what, ["tomcat", "tomcat11", "jetty", "memory"], "figure") if options.what else ["tomcat", "jetty", "memory"]
    return options


def main():
    options = parse()
    files = install.Files(options.native)
    for name in options.what:
        variants.KINDS["tomcat" if name == "memory" else name].install(files)
    if lab.INSIDE not in os.environ:  # Inside there is no network to load anything from.
        files.build_application()
        files.build_connectors()
    lab.enter("web", ["nginx", "java"])
    os.environ["PATH"] = lab.PATH
    out = options.json or os.path.join(files.folder, "figures.json")
    results = {}
    for name in options.what:
        results[name] = run_memory(files, options) if name == "memory" else run_kind(name, options, files)
        with open(out, "w") as file:
            json.dump({"load_average": os.getloadavg(), "processors": os.cpu_count(), "results": results}, file, indent=1)
    print("figures: all rounds are in " + out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
