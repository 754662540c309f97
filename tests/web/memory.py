"""What a replica costs: memory of a server that holds sessions which only the other one uses."""

import os
import shutil
import subprocess
import time

import checker
import website

PER_TURN = 2000  # Sessions that are made at once: Tomcat takes 8192 connections.
ARRIVALS_MS = 1000
DRAIN_SECONDS = 300
SETTLE_SECONDS = 120
QUIET_SECONDS = 5
# Of a heap that is all there from the beginning, so that what grows is not heap. And without a compiler: what it takes at one time or another
# (up to 10 MB that malloc keeps) is none of a session.
REPLICA = ["-Xms192m", "-Xmx192m", "-XX:+AlwaysPreTouch", "-Xint"]
OWNER = ["-Xmx3g"]
# Names and values of a session of the application, and its id: a counter, the payload, the last request, the token.
SESSION_BYTES = len("n") + 10 + len("payload") + 4098 + len("request") + len("u1234-1") + 2 + len("token") + 38 + 32


def resident_bytes(pid):
    with open("/proc/%d/status" % pid) as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


def heap_used(instance):
    """Bytes on the Java heap that are alive: after a full collection."""
    pid = str(instance.process.pid)
    done = subprocess.run(["jcmd", pid, "GC.class_histogram"], capture_output=True, text=True)
    total = [line.split() for line in done.stdout.splitlines() if line.startswith("Total")]
    assert total, "jcmd: " + done.stdout[-500:] + done.stderr[-500:]
    return int(total[0][2])


def settled(instance):
    """Its resident bytes at rest: once they have been the same for some seconds. What was needed a moment ago is given back after two."""
    deadline, last, quiet = time.monotonic() + SETTLE_SECONDS, 0, 0
    while quiet < QUIET_SECONDS and time.monotonic() < deadline:
        time.sleep(1)
        now = resident_bytes(instance.process.pid)
        quiet = quiet + 1 if abs(now - last) < 64 << 10 else 0
        last = now
    return last


def make_sessions(driver, instance, count, records):
    """Each is made by one request of a user who never comes back."""
    with open(records, "wb") as file:
        process = subprocess.Popen([driver, instance.host.address, str(website.servers.PORT), "/counter/add", str(count), "10000000", str(website.PATIENCE_MS), str(ARRIVALS_MS)],
                                   stdin=subprocess.PIPE, stdout=file)
        time.sleep(ARRIVALS_MS / 1000)
        process.stdin.close()
        assert process.wait(DRAIN_SECONDS) == 0, "web_driver has failed"
    made = checker.read(records)
    assert all(record["answer"] for record in made), "a session was not made"
    return len(made)


def measure(site, options):
    """[{sessions, bytes, resident, heap}...]: what the replica's process has more than without sessions."""
    owner, replica = site.instances["n1"], site.instances["n2"]
    # Every session is made over a connection of its own, which keeps its port for a minute after its end.
    for name, value in (("ip_local_port_range", "1024 65000"), ("tcp_tw_reuse", "1")):
        with open(f"/proc/sys/net/ipv4/{name}", "w") as file:
            file.write(value)
    records = os.path.join(site.directory, "sessions.json")
    made = make_sessions(options.driver, owner, 100, records)  # What is loaded and compiled once is none of a session.
    heap_at_first, at_first = heap_used(replica), settled(replica)
    rows, made_before = [], made
    for wanted in options.sessions:
        while made - made_before < wanted:
            made += make_sessions(options.driver, owner, PER_TURN, records)
        count = made - made_before
        heap = heap_used(replica) - heap_at_first
        rows.append({"sessions": count, "bytes": count * SESSION_BYTES, "resident": settled(replica) - at_first, "heap": heap})
    return rows


def table(rows):
    lines = ["| sessions of %d bytes | resident, more than without | of the sessions' bytes | more on the Java heap |" % SESSION_BYTES, "|---|---|---|---|"]
    for row in rows:
        lines.append("| %d | %.1f MB, %d bytes each | %.2f | %.2f MB |" % (
            row["sessions"], row["resident"] / 1e6, row["resident"] / row["sessions"], row["resident"] / row["bytes"], row["heap"] / 1e6))
    return "\n".join(lines)


def run(new_site, folder, options):
    """`new_site(folder)`: a site that is not started, of Tomcat with Cohort; its requests do not wait, which makes no other sessions."""
    shutil.rmtree(folder, ignore_errors=True)
    with new_site(folder) as site:
        return measure(site, options)
