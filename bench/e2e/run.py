#!/usr/bin/env python3
"""./run bench e2e: a real group on hosts of its own, beside the UDP multicast echo on the same hosts in the same run.

Three members, encrypted; the writer joins last, so it is not the sequencer. Before it, when there is nothing to receive yet,
another one joins and leaves a few times; after it one joins and receives the state. Prints what the programs print; what a put
uses of the CPU is counted in the writer alone and in all three.

    ./run bench e2e                                  in a minute
    ./run bench e2e --seconds 3 --keys 200000        as in docs/performance.md
    ./run bench e2e --mtu 1500,9000                  on hosts with this MTU, and again with that
    ./run bench e2e --steady 1000 --keys 200000      how long 1000 puts a second take, without and beside transfers
    ./run bench e2e --pin                            the writer on the first processor, the replicas on the rest, as on hosts of their own
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import lab  # noqa: E402


def results(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def echo(program, server_host, client_host):
    """Both ends on one CPU, then on two: the scheduler chooses either, and to wake an idle CPU costs more than all the rest."""
    cpus = sorted(os.sched_getaffinity(0))
    for where, other in (("one CPU", cpus[0]), ("two CPUs", cpus[-1])):
        server = server_host.popen(["taskset", "-c", str(cpus[0]), program, "server", "--bind", server_host.address])
        time.sleep(0.3)
        client = client_host.popen(["taskset", "-c", str(other), program, "client", "--bind", client_host.address,
                                    "--size", "1024", "--count", "5000"], stdout=subprocess.PIPE, text=True)
        out, _ = client.communicate(timeout=60)
        print("%s: %s" % (where, out), end="", flush=True)
        server.terminate()
        server.wait(10)


def steady(group_bench, hosts, common, options):
    """Members come one after the other, each receives the state and leaves, while one writes at an even rate."""
    writer = hosts[2].popen(
        [group_bench, "steady", "--name", "a", "--bind", hosts[2].address, "--members", "3"] + common +
        ["--keys", str(options.keys), "--per-second", str(options.steady)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    writer.stdout.readline()
    for _ in range(options.joins):
        time.sleep(1.0)
        joiner = hosts[3].popen([group_bench, "joiner", "--name", "d", "--bind", hosts[3].address] + common,
                                stdout=subprocess.PIPE, text=True)
        out, _ = joiner.communicate(timeout=60)
        print(out, end="", flush=True)
    time.sleep(1.0)
    out, _ = writer.communicate(timeout=120)  # Its input ends.
    print(out, end="", flush=True)


def pinned(options, number):
    """Before the command of a process: what gives the writer (0) a processor that none of the others has."""
    count = os.cpu_count()
    if not options.pin or count < 2:
        return []
    return ["taskset", "-c", str(0 if number == 0 else 1 + (number - 1) % (count - 1))]


def measure(options, build, key, mtu):
    group_bench = os.path.join(build, "bench", "e2e", "group_bench")
    processes = []
    with lab.Lab() as net:
        hosts = [net.add_host(mtu) for _ in range(4)]
        common = ["--group", "bench", "--key-file", key]
        try:
            if not options.steady:
                echo(os.path.join(build, "bench", "e2e", "multicast_echo"), hosts[0], hosts[2])
            for number, (host, name) in enumerate(zip(hosts, ("b", "c")), 1):
                processes.append(host.popen(pinned(options, number) + [group_bench, "replica", "--name", name, "--bind", host.address] + common))
                time.sleep(1.0)  # The first one forms the group.
            if options.steady:
                steady(group_bench, hosts, common, options)
                return
            newcomer = hosts[3].popen([group_bench, "joins", "--name", "d", "--bind", hosts[3].address] + common,
                                      stdout=subprocess.PIPE, text=True)
            out, _ = newcomer.communicate(timeout=60)
            print(out, end="", flush=True)
            writer = hosts[2].popen(
                pinned(options, 0) + [group_bench, "writer", "--name", "a", "--bind", hosts[2].address, "--members", "3"] + common +
                ["--seconds", str(options.seconds), "--keys", str(options.keys),
                 "--others", ",".join(str(process.pid) for process in processes)],
                stdout=subprocess.PIPE, text=True)
            out, _ = writer.communicate(timeout=120)
            print(out, end="", flush=True)
            joiner = hosts[3].popen(
                [group_bench, "joiner", "--name", "d", "--bind", hosts[3].address, "--members", "3"] + common,
                stdout=subprocess.PIPE, text=True)
            out, _ = joiner.communicate(timeout=60)
            print(out, end="", flush=True)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=2, help="of pipelined puts")
    parser.add_argument("--keys", type=int, default=10000, help="entries that the joiner receives, of 1 KiB")
    parser.add_argument("--steady", type=int, default=0, help="puts a second; measures nothing but these and transfers")
    parser.add_argument("--joins", type=int, default=8, help="with --steady: transfers")
    parser.add_argument("--pin", action="store_true", help="writer and replicas on processors of their own (not with --steady)")
    parser.add_argument("--mtu", type=lambda text: [int(word) for word in text.split(",")], default=[1500],
                        help="of all hosts; several, with commas between them, are measured one after the other")
    options = parser.parse_args()
    lab.enter("bench")
    build = os.path.join(ROOT, "build", "release")
    directory = tempfile.mkdtemp(prefix="cohort-bench-")
    key = os.path.join(directory, "key")
    subprocess.run([os.path.join(build, "cohort"), "keygen", "--out", key], check=True, stdout=subprocess.DEVNULL)
    for mtu in options.mtu:
        if len(options.mtu) > 1:
            print("MTU %d" % mtu, flush=True)
        measure(options, build, key, mtu)
    shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
