#!/usr/bin/env python3
"""Redis's own clients against real nodes, unchanged: redis-cli, redis-benchmark, redis-py, hiredis, ioredis, Jedis.

Three nodes on the loopback interface of a private namespace, with a key. Every check writes at one node and looks at the
others; at the end the digests of all nodes must agree.

    tests/e2e/redis_clients.py --cohort build/release/cohort [check...]
"""

import argparse
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import redis

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402
import members  # noqa: E402
from clients import install  # noqa: E402

NAMES = ["a", "b", "c"]
FIRST_PORT = 6379
VALUE_MAX = 64 << 20  # kValueBytesMax
NEARLY_MIB = (1 << 20) - 8192
KEY_MAX = 4096  # kKeyBytesMax
WRITE_TIMEOUT = "1s"
ENOUGH = 20.0  # Seconds no single command of a client may need.


class Loopback:
    """A host for members.Member: this namespace itself."""

    address = "127.0.0.1"

    def popen(self, command, **options):
        return subprocess.Popen(command, **options)


class Nodes:
    """Three nodes; `port(i)` is the RESP door of the i-th."""

    def __init__(self, binary, directory):
        self.directory = directory
        key_file = os.path.join(directory, "group.key")
        subprocess.run([binary, "keygen", "--out", key_file], check=True, stdout=subprocess.DEVNULL)
        self.all = []
        for i, name in enumerate(NAMES):
            self.all.append(members.Member(binary, Loopback(), name, directory, key_file, ["--map", "main", "--map", "other", "--resp-write-timeout", WRITE_TIMEOUT],
                                           resp="127.0.0.1:%d" % self.port(i)))
        for member in self.all:
            member.wait_for(lambda e: e.get("event") == "ready", 30, "ready event")
        for member in self.all:
            member.wait_for_view(NAMES, 30)

    def port(self, i):
        return FIRST_PORT + i

    def py(self, i, **options):
        return redis.Redis(port=self.port(i), socket_timeout=ENOUGH, **options)

    def cli(self, i, *words, stdin=None, status=0):
        """What redis-cli prints; it must end with `status`."""
        done = subprocess.run(["redis-cli", "-p", str(self.port(i))] + list(words), input=stdin, capture_output=True,
                              timeout=ENOUGH)
        expect(done.returncode, status, "status of redis-cli %s: %r %r" % (" ".join(words)[:60], done.stdout[:200], done.stderr[:200]))
        return (done.stdout + done.stderr).decode().rstrip("\n")

    def close(self):
        for member in self.all:
            member.close()


def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError("%s: %s, not %s" % (what, str(got)[:300], str(wanted)[:300]))


def expect_error(kind, text, call):
    try:
        got = call()
    except kind as error:
        if text not in str(error):
            raise AssertionError("the error says %r, not %r" % (str(error), text))
        return
    raise AssertionError("no error, but %r, where %r was due" % (got, text))


# ---- redis-cli

def check_cli_commands(nodes):
    expect(nodes.cli(0, "set", "greeting", "hello world"), "OK", "SET")
    expect(nodes.cli(1, "get", "greeting"), "hello world", "GET at another node")
    expect(nodes.cli(0, "set", "greeting", "no", "nx"), "", "SET NX of a key that is there")
    expect(nodes.cli(0, "--no-raw", "get", "none"), "(nil)", "GET of no key")
    expect(nodes.cli(0, "incrby", "n", "41"), "41", "INCRBY")
    expect(nodes.cli(2, "incr", "n"), "42", "INCR at a third node")
    expect(nodes.cli(0, "-x", "set", "stdin", stdin=b"\x00\xff\r\n*1\r\n"), "OK", "SET from standard input")
    expect(nodes.py(1).get("stdin"), b"\x00\xff\r\n*1\r\n", "binary value")
    expect(nodes.cli(0, "-n", "1", "set", "k", "in other"), "OK", "SET in the second database")
    expect(nodes.cli(1, "get", "k"), "", "the same key in the first one")
    expect(nodes.cli(1, "-n", "1", "get", "k"), "in other", "and in the second one")
    expect(sorted(nodes.cli(0, "cohort", "view").split()), NAMES, "COHORT VIEW")
    for resp3 in ([], ["-3"]):
        expect("redis_version:7" in nodes.cli(0, *resp3, "info"), True, "INFO %s" % resp3)
        expect(nodes.cli(0, *resp3, "config", "get", "save").split()[0], "save", "CONFIG GET %s" % resp3)
    return "strings, numbers, binary, databases, RESP3"


def check_cli_databases(nodes):
    for i, database in enumerate(["0", "1"]):
        nodes.cli(i, "-n", database, "flushdb")
    nodes.cli(0, "mset", "a", "1", "b", "2")
    nodes.cli(0, "-n", "1", "set", "c", "3", "ex", "1000")
    expect(nodes.cli(2, "-n", "1", "keys", "*"), "c", "KEYS of the second database")
    info = nodes.cli(1, "info", "keyspace")
    expect(("db0:keys=2,expires=0" in info, "db1:keys=1,expires=1" in info), (True, True), "INFO keyspace: %s" % info)
    expect(nodes.cli(1, "config", "get", "databases").split(), ["databases", "2"], "CONFIG GET databases")
    said = nodes.cli(0, stdin=b"multi\nget a\nselect 1\nset c 4\nget c\nexec\nget c\n")
    expect(said.split(), ["OK", "QUEUED", "QUEUED", "QUEUED", "QUEUED", "1", "OK", "OK", "4", "4"], "a transaction that selects")
    expect(nodes.cli(1, "-n", "1", "get", "c"), "4", "what it wrote, at another node")
    return "INFO and KEYS for each, a transaction that selects"


def check_cli_hashes(nodes):
    nodes.cli(0, "del", "h")
    expect(nodes.cli(0, "hset", "h", "b", "2", "a", "1"), "2", "HSET")
    expect(nodes.cli(1, "hgetall", "h"), "a\n1\nb\n2", "HGETALL at another node")
    expect(nodes.cli(1, "-3", "--no-raw", "hgetall", "h"), '1# "a" => "1"\n2# "b" => "2"', "HGETALL by RESP3")
    expect(nodes.cli(2, "get", "h"), "WRONGTYPE Operation against a key holding the wrong kind of value", "GET of a hash")
    summary = nodes.cli(2, "--bigkeys")
    expect("hash" in summary and "fields" in summary, True, "redis-cli --bigkeys: %r" % summary[-300:])
    return "fields, RESP3, --bigkeys"


def check_cli_events(nodes):
    """redis-cli as a listener, in both protocols: it prints until it is ended."""
    for resp3 in ([], ["-3"]):
        listener = subprocess.Popen(["redis-cli", "-p", str(nodes.port(1))] + resp3 + ["psubscribe", "__keyspace@0__:cli:*"],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        try:
            expect(lines(listener, 3)[0], "psubscribe", "the first line of redis-cli %s psubscribe" % resp3)
            nodes.cli(0, "set", "cli:a", "1")
            nodes.cli(2, "del", "cli:a")
            expect(lines(listener, 8), ["pmessage", "__keyspace@0__:cli:*", "__keyspace@0__:cli:a", "set",
                                        "pmessage", "__keyspace@0__:cli:*", "__keyspace@0__:cli:a", "del"], "what it prints")
        finally:
            listener.kill()
            listener.wait()
    return "of writes at two other nodes, RESP2 and RESP3"


def lines(process, count):
    """The next lines a process prints, without waiting for ever."""
    text = b""
    while text.count(b"\n") < count:
        ready, _, _ = select.select([process.stdout], [], [], ENOUGH)
        part = process.stdout.read(4096) if ready else b""
        if not part:
            raise AssertionError("only %r" % text)
        text += part
    return text.decode().rstrip("\n").split("\n")


def check_cli_errors(nodes):
    for words, wanted in ((["nosuch", "x"], "ERR unknown command 'nosuch', with args beginning with: 'x' "),
                          (["get"], "ERR wrong number of arguments for 'get' command"),
                          (["set", "k", "v", "ex", "0"], "ERR invalid expire time in 'set' command"),
                          (["incrby", "greeting", "1"], "ERR value is not an integer or out of range"),
                          (["exec"], "ERR EXEC without MULTI"),
                          (["select", "9"], "ERR DB index is out of range")):
        nodes.cli(0, "set", "greeting", "hello")
        expect(nodes.cli(0, "-e", *words, status=1).strip(), wanted.strip(), "error of %s" % words)
    return "Redis's words, exit status 1 with -e"


def check_cli_many(nodes):
    """Mass insertion, and a listing of it: redis-cli --pipe and --scan."""
    count = 5000
    commands = b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$3\r\nval\r\n" % (len(key), key)
                        for key in (b"pipe:%d" % i for i in range(count)))
    answer = nodes.cli(0, "--pipe", stdin=commands)
    expect("errors: 0, replies: %d" % count in answer, True, "redis-cli --pipe says %r" % answer)
    keys = nodes.cli(1, "--scan", "--pattern", "pipe:*").split("\n")
    expect((len(keys), len(set(keys))), (count, count), "keys listed, and different ones")
    summary = nodes.cli(2, "--bigkeys")
    expect("Sampled " in summary and "strings with" in summary, True, "redis-cli --bigkeys: %r" % summary[-300:])
    return "%d keys by --pipe, listed by --scan, sampled by --bigkeys" % count


# ---- redis-benchmark

def benchmark(nodes, tests, requests, pipeline, *more):
    done = subprocess.run(["redis-benchmark", "-p", str(nodes.port(0)), "-t", tests, "-n", str(requests), "-P", str(pipeline),
                           "-c", "20", "-q"] + list(more), capture_output=True, text=True, timeout=2 * ENOUGH)
    text = done.stdout.replace("\r", "\n") + done.stderr
    # It ends at the first error reply.
    expect((done.returncode, "rror" in text), (0, False), "status of redis-benchmark, whether it shows errors: %s" % text[-500:])
    return {name.split()[0]: float(rate) for name, rate in re.findall(r"^(\S[^:\n]*): ([0-9.]+) requests per second", text, re.M)}


def check_benchmark(nodes):
    nodes.py(0).delete("counter:__rand_int__")
    rates = {}
    total = 0
    for pipeline, requests in ((1, 2000), (16, 16000)):
        rates = benchmark(nodes, "ping,set,get,incr,mset", requests, pipeline)
        expect(sorted(rates), sorted(["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET"]), "tests that were run")
        total += requests
    expect(int(nodes.py(1).get("counter:__rand_int__")), total, "sum of all INCR, at another node")
    rates.update(("SET of 16 KiB", rate) for _, rate in benchmark(nodes, "set", 1000, 16, "-d", "16384", "-r", "100").items())
    return "; ".join("%s %.0f/s" % pair for pair in rates.items())


# ---- redis-py

def check_python_strings(nodes):
    a, b = nodes.py(0), nodes.py(1)
    a.flushdb()
    expect(a.set("k", "1", nx=True), True, "set nx")
    expect(a.set("k", "2", nx=True), None, "set nx again")
    expect(b.set("k", "3", xx=True, get=True), b"1", "set xx get")
    expect(a.getset("k", "4"), b"3", "getset")
    expect(a.append("k", "56"), 3, "append")
    expect((b.get("k"), b.strlen("k")), (b"456", 3), "what is there")
    expect(a.mset({"m%d" % i: i for i in range(100)}), True, "mset")
    expect(b.mget(["m0", "none", "m99"]), [b"0", None, b"99"], "mget")
    expect(a.incrby("count", 10), 10, "incrby")
    expect(b.decr("count", 3), 7, "decr")
    expect(a.rename("k", "l"), True, "rename")
    expect((b.exists("k", "l"), b.type("l")), (1, b"string"), "exists, type")
    expect(b.delete("l", "m0", "none"), 2, "delete")
    expect((a.getdel("m1"), b.get("m1")), (b"1", None), "getdel")
    a.flushdb()
    expect((a.dbsize(), b.dbsize()), (0, 0), "after flushdb")
    return "conditions, numbers, many at once, renames"


def check_python_pipelines(nodes):
    a, b = nodes.py(0), nodes.py(1)
    pipe = a.pipeline(transaction=False)
    for i in range(2000):
        pipe.set("p:%d" % i, i).get("p:%d" % i)
    expect(pipe.execute(), [True if j % 2 == 0 else b"%d" % (j // 2) for j in range(4000)], "answers of a pipeline")
    expect(b.get("p:1999"), b"1999", "the last one at another node")
    found = list(b.scan_iter(match="p:*", count=100))
    expect((len(found), len(set(found))), (2000, 2000), "keys of a SCAN loop, and different ones")
    return "4000 commands in one pipeline, 2000 keys by SCAN"


def check_python_transactions(nodes):
    a, b = nodes.py(0), nodes.py(1)
    a.set("n", 1)
    pipe = a.pipeline(transaction=True)
    expect(pipe.incr("n").set("t", "v", px=60000).get("t").delete("n").execute(), [2, True, b"v", 1], "answers of EXEC")
    expect((b.exists("n"), b.get("t")), (0, b"v"), "afterwards")
    pipe = a.pipeline(transaction=True)
    pipe.set("t", "never").execute_command("GET")
    expect_error(redis.ResponseError, "wrong number of arguments", pipe.execute)
    expect(b.get("t"), b"v", "after a transaction that was refused")
    for i in range(50):  # Two clients at two nodes, taking turns in the middle of each other's transaction.
        one, two = a.pipeline(transaction=True), b.pipeline(transaction=True)
        one.incr("turns"), two.incr("turns")
        one.execute(), two.execute()
    expect(int(a.get("turns")), 100, "increments of two clients")
    return "answers, refusal as a whole, increments of two clients"


def check_python_big_values(nodes):
    a, b = nodes.py(0), nodes.py(1)
    big = os.urandom(NEARLY_MIB - 1024)
    pipe = a.pipeline(transaction=False)
    for i in range(16):
        pipe.set("big:%d" % i, big)
    expect(pipe.execute(), [True] * 16, "16 values of nearly 1 MiB in one pipeline")
    expect(b.mget(["big:%d" % i for i in range(16)]) == [big] * 16, True, "all of them at another node")
    key = "k" * KEY_MAX
    expect((a.set(key, "v"), b.get(key)), (True, b"v"), "the longest key")
    expect_error(redis.ResponseError, "key", lambda: a.set(key + "k", "v"))
    expect_error(redis.ResponseError, "at most 64 MiB", lambda: a.set("k", b"x" * (VALUE_MAX + 1)))
    large = os.urandom(1 << 20) * 64
    expect(a.set("large", large), True, "the largest value")
    expect(b.get("large") == large, True, "the largest value at another node")
    a.delete("large")
    expect(a.ping(), True, "PING after refusals")
    a.delete(*["big:%d" % i for i in range(16)], key)
    return "16 MB in one pipeline; what is too big is refused in words"


def small_sets(connection, until):
    """One small SET after the other; the seconds each took, in order."""
    took = []
    while not until(took):
        begin = time.monotonic()
        expect(connection.set("small:%d" % (len(took) % 100), "v" * 100), True, "a small SET")
        took.append(time.monotonic() - begin)
    return took


def quantiles(took):
    took = sorted(took)
    return "median %.1f ms, p99 %.1f ms, most %.1f ms" % tuple(
        1000 * took[min(len(took) - 1, int(share * len(took)))] for share in (0.5, 0.99, 1))


def check_large_value(nodes):
    """The largest value through one node, while small writes, acknowledged by all, go on through another and through the same."""
    value = os.urandom(1 << 20) * 64
    before = small_sets(nodes.py(1), lambda took: len(took) >= 2000)
    times, during = [], {0: [], 1: []}
    for i in range(3):
        done = threading.Event()

        def large():
            begin = time.monotonic()
            try:
                expect(nodes.py(0).set("large:%d" % i, value), True, "SET of 64 MiB")
                times.append(time.monotonic() - begin)
            finally:
                done.set()
        threads = [threading.Thread(target=large)]
        for node in during:
            threads.append(threading.Thread(target=lambda node=node: during[node].extend(small_sets(nodes.py(node), lambda _: done.is_set()))))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expect(len(times), 3, "large values that were acknowledged")
    for node in during:
        if len(during[node]) < 100:
            raise AssertionError("only %d small writes through node %d meanwhile" % (len(during[node]), node))
    expect(nodes.py(2).get("large:0") == value, True, "the value at a third node")
    for i in range(3):
        nodes.py(0).delete("large:%d" % i)
    return "64 MiB with all of 3 after %s s; small writes before: %s; meanwhile, through another node: %s (%d); through the same: %s (%d)" % (
        ", ".join("%.2f" % t for t in times), quantiles(before), quantiles(during[1]), len(during[1]), quantiles(during[0]), len(during[0]))


def check_python_expiry(nodes):
    a, b = nodes.py(0), nodes.py(1)
    a.set("brief", "v", px=300)
    a.set("long", "v", ex=1000)
    expect(900 < b.ttl("long") <= 1000, True, "TTL of an hour: %s" % b.ttl("long"))
    expect((a.persist("long"), b.ttl("long"), b.ttl("none")), (True, -1, -2), "PERSIST")
    expect((a.expire("long", 100), b.expire("none", 100)), (True, False), "EXPIRE")
    deadline = time.monotonic() + ENOUGH
    while b.get("brief") is not None or a.get("brief") is not None:
        if time.monotonic() > deadline:
            raise AssertionError("a key of 300 ms lives on")
        time.sleep(0.02)
    expect(a.set("brief", "again", nx=True), True, "SET NX of an expired key")
    return "seen at other nodes, ended everywhere"


def check_python_errors(nodes):
    a = nodes.py(0)
    a.set("text", "x")
    expect_error(redis.ResponseError, "value is not an integer", lambda: a.incr("text"))
    expect_error(redis.ResponseError, "unknown command", lambda: a.lpush("list", "x"))
    expect_error(redis.ResponseError, "unknown command", lambda: a.execute_command("EVAL", "return 1", 0))
    expect_error(redis.ResponseError, "DB index", lambda: nodes.py(0, db=7).ping())
    expect_error(redis.RedisError, "without any password", lambda: nodes.py(0, password="x").ping())
    expect(a.ping(), True, "PING after errors")
    return "typed as redis-py types them"


def check_python_hashes(nodes):
    a, b = nodes.py(0, decode_responses=True), nodes.py(1, decode_responses=True)
    a.delete("h", "s")
    expect(a.hset("h", mapping={"name": "x", "n": 1}), 2, "hset")
    expect(b.hgetall("h"), {"name": "x", "n": "1"}, "hgetall at another node")
    expect((b.hincrby("h", "n", 4), a.hget("h", "n"), a.hget("h", "none")), (5, "5", None), "hincrby, hget")
    expect((b.hmget("h", "n", "none"), b.hexists("h", "n"), b.hlen("h")), (["5", None], True, 2), "hmget, hexists, hlen")
    expect((a.hkeys("h"), a.hvals("h")), (["n", "name"], ["5", "x"]), "hkeys, hvals")
    expect(dict(b.hscan_iter("h", match="na*")), {"name": "x"}, "hscan")
    expect((a.type("h"), a.hsetnx("h", "n", 9), a.hdel("h", "n", "name"), b.exists("h")), ("hash", 0, 2, 0), "type, hsetnx, hdel, exists")
    a.set("s", "v")
    expect_error(redis.ResponseError, "WRONGTYPE", lambda: a.hget("s", "f"))
    a.hset("h", "f", "v")
    expect_error(redis.ResponseError, "WRONGTYPE", lambda: a.append("h", "v"))
    for i in range(50):  # At two nodes, taking turns.
        (a, b)[i % 2].hincrby("turns:h", "n")
    expect(a.hget("turns:h", "n"), "50", "increments at two nodes")
    return "fields, numbers, types, at two nodes"


def listen(nodes, **options):
    a, b = nodes.py(0, **options), nodes.py(1, **options)
    a.flushdb()
    pubsub = b.pubsub()
    pubsub.subscribe("__keyspace@0__:k")
    pubsub.psubscribe("__keyevent@0__:*")
    confirmed = [pubsub.get_message(timeout=ENOUGH) for _ in range(2)]
    expect([message and message["type"] for message in confirmed], ["subscribe", "psubscribe"], "confirmations")
    a.set("k", "v")
    a.hset("h", "f", "v")
    a.set("brief", "v", px=50)
    heard = []
    deadline = time.monotonic() + ENOUGH
    while len(heard) < 5 and time.monotonic() < deadline:
        message = pubsub.get_message(timeout=1.0)
        if message:
            heard.append((message["type"], message["channel"].decode(), message["data"].decode()))
    expect(heard, [("message", "__keyspace@0__:k", "set"), ("pmessage", "__keyevent@0__:set", "k"), ("pmessage", "__keyevent@0__:hset", "h"),
                   ("pmessage", "__keyevent@0__:set", "brief"), ("pmessage", "__keyevent@0__:expired", "brief")], "messages")
    pubsub.unsubscribe()
    pubsub.punsubscribe()
    pubsub.close()


def check_python_events(nodes):
    listen(nodes)
    return "writes at one node, told at another; expiry"


def check_slow_reader(nodes):
    """A client that reads slowly is served for as long as it takes; one that does not read is cut off, and nobody waits for it."""
    nodes.py(0).set("slow", b"x" * 1000000)
    count = 24
    request = b"*%d\r\n$4\r\nMGET\r\n" % (count + 1) + b"$4\r\nslow\r\n" * count
    due = len(b"*%d\r\n" % count) + count * len(b"$1000000\r\n" + b"x" * 1000000 + b"\r\n")
    slow, silent = (socket.create_connection(("127.0.0.1", nodes.port(0)), timeout=ENOUGH) for _ in range(2))
    with slow, silent:
        slow.sendall(request)
        silent.sendall(request)
        got, start = 0, time.monotonic()
        while got < due:
            part = len(slow.recv(1 << 20))
            if part == 0:
                raise AssertionError("cut off after %d of %d bytes in %.1f s" % (got, due, time.monotonic() - start))
            got += part
            if time.monotonic() - start < 3:
                time.sleep(0.1)
        expect(got, due, "bytes of all replies")
        took = time.monotonic() - start
        expect(took > 2, True, "slow enough to tell: %.1f s" % took)
        expect(nodes.py(0).ping(), True, "PING meanwhile")
        got = 0
        try:
            while part := len(silent.recv(1 << 20)):
                got += part
        except ConnectionResetError:
            pass
        expect(got < due, True, "the one who did not read was cut off before all was sent")
    return "%d MB taken in %.1f s; another client, that took nothing for %s, was cut off" % (due >> 20, took, WRITE_TIMEOUT)


# ---- clients that are programs of their own, in clients/

def client(nodes, name, command, **environment):
    """What the program says that gets the ports of two nodes; it must end with 0, and complain of nothing."""
    ports = [str(nodes.port(0)), str(nodes.port(1))]
    done = subprocess.run(command + ports, capture_output=True, text=True, timeout=3 * ENOUGH, env=dict(os.environ, **environment))
    expect((done.returncode, done.stderr), (0, ""), "the client over %s" % name)
    return done.stdout.strip()


def check_hiredis(nodes):
    program = os.path.join(nodes.directory, "hiredis_client")
    built = subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", program,
                            install.here("hiredis", "client.c"), "-lhiredis"], capture_output=True, text=True)
    expect(built.returncode, 0, "hiredis/client.c (./run setup installs libhiredis-dev): " + built.stderr)
    return client(nodes, "hiredis", [program])


def check_python_resp3(nodes):
    return client(nodes, "redis-py", [sys.executable, install.here("redis_py", "client.py")], PYTHONPATH=install.installed("redis_py"))


def check_ioredis(nodes):
    return client(nodes, "ioredis", ["node", install.here("ioredis", "client.mjs")], IOREDIS_HOME=install.installed("ioredis"))


def check_jedis(nodes):
    path = os.pathsep.join([install.installed("jedis", "client.jar"), install.installed("jedis", "lib", "*")])
    return client(nodes, "Jedis", ["java", "-cp", path, "JedisClient"])


CHECKS = {name[len("check_"):]: function for name, function in globals().items() if name.startswith("check_")}


def run_all(options, directory):
    failed = []
    nodes = Nodes(options.cohort, directory)
    try:
        for name in options.checks:
            start = time.monotonic()
            try:
                said = CHECKS[name](nodes)
                print("ok     %-20s %5.1f s  %s" % (name, time.monotonic() - start, said), flush=True)
            except Exception as error:  # Whatever it is, the other checks still run.
                print("FAILED %-20s %s: %s" % (name, type(error).__name__, error), flush=True)
                failed.append(name)
        digests = [nodes.py(i).execute_command("COHORT", "DIGEST") for i in range(len(NAMES))]
        if any(digest != digests[0] for digest in digests):
            print("FAILED digests differ: %s" % digests)
            failed.append("digests")
    finally:
        nodes.close()
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", required=True)
    parser.add_argument("checks", nargs="*", help=" ".join(CHECKS))
    options = parser.parse_args()
    options.cohort = os.path.abspath(options.cohort)
    options.checks = lab.chosen(parser, options.checks, CHECKS, "check")
    if lab.INSIDE not in os.environ:  # Inside there is no network to load anything from.
        install.install()
    lab.enter("redis clients", tools=("redis-cli", "redis-benchmark", "cc", "node", "java"))
    lab.run("ip", "link", "set", "lo", "up")
    directory = tempfile.mkdtemp(prefix="cohort-redis-")
    failed = run_all(options, directory)
    if failed:
        print("       logs: %s" % directory)
    else:
        shutil.rmtree(directory, ignore_errors=True)
    count = len(options.checks)
    print("%d checks with Redis's clients, %d failed%s" % (count, len(failed), ": " + " ".join(failed) if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
