"""Clients that write sessions and keep their own ledger.

A Writer is a process of its own with one Redis connection to one member and its own keys. It puts a line into its ledger
file only after the member has acknowledged the write. verify() later reads every key of every ledger from every member.
"""

import hashlib
import multiprocessing
import os
import random
import signal
import time

import redis

PIPELINE = 64


def value_of(key, version, size):
    """The content of a session: told by its key and version alone, so that the ledger need not keep it."""
    seed = hashlib.blake2b(("%s/%d" % (key, version)).encode(), digest_size=32).digest()
    body = (seed * (size // 32 + 1))[: size - 12]
    return b"%011d " % version + body


def version_of(value):
    return int(value[:11])


def _write(socket, name, ledger_path, size, keys, stop, counters, index, pause):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rng = random.Random(name)
    ledger = open(ledger_path, "a", buffering=1 << 16)
    version = 0
    client = None
    acknowledged = 0
    refused = 0
    while not stop.is_set():
        version += 1
        batch = ["%s:%d" % (name, rng.randrange(keys)) for _ in range(PIPELINE)]
        try:
            if client is None:
                client = redis.Redis(unix_socket_path=socket, socket_timeout=20)
            pipe = client.pipeline(transaction=False)
            for key in batch:
                pipe.set(key, value_of(key, version, size))
            answers = pipe.execute(raise_on_error=False)
        except (redis.RedisError, OSError):
            client = None
            refused += PIPELINE
            counters[2 * index + 1] = refused
            time.sleep(0.05)
            continue
        for key, answer in zip(batch, answers):
            if answer is True:
                ledger.write("%s %d\n" % (key, version))
                acknowledged += 1
            else:
                refused += 1
        ledger.flush()
        counters[2 * index] = acknowledged
        counters[2 * index + 1] = refused
        time.sleep(pause)
    ledger.flush()
    os.fsync(ledger.fileno())
    ledger.close()


class Writers:
    """One writer process for each (name, socket); `size` bytes a value, `keys` keys each; `pause` seconds between pipelines."""

    def __init__(self, directory, targets, size, keys, pause=0.0):
        self.stop_flag = multiprocessing.Event()
        self.counters = multiprocessing.Array("L", 2 * len(targets), lock=False)
        self.ledgers = []
        self.processes = []
        self.size = size
        for index, (name, socket) in enumerate(targets):
            ledger = os.path.join(directory, name + ".ledger")
            self.ledgers.append(ledger)
            process = multiprocessing.Process(
                target=_write, args=(socket, name, ledger, size, keys, self.stop_flag, self.counters, index, pause),
                daemon=True)
            process.start()
            self.processes.append(process)

    def acknowledged(self):
        return sum(self.counters[0::2])

    def refused(self):
        return sum(self.counters[1::2])

    def acknowledged_by(self, index):
        return self.counters[2 * index]

    def stop(self, seconds=40):
        self.stop_flag.set()
        for process in self.processes:
            process.join(seconds)
            if process.is_alive():
                raise TimeoutError("writer %d did not end" % process.pid)


def read_ledgers(paths):
    """Per key the highest acknowledged version."""
    newest = {}
    for path in paths:
        with open(path) as ledger:
            for line in ledger:
                key, version = line.rsplit(" ", 1)
                newest[key] = max(newest.get(key, 0), int(version))
    return newest


def verify(newest, size, members, done=None):
    """(missing, stale, wrong) counted over all keys and members; `done[0]` counts the values read so far. A value newer than the last acknowledged one is right:
    its write may have taken effect without its answer having come back."""
    missing = stale = wrong = 0
    keys = sorted(newest)
    examples = []
    for member in members:
        client = member.client(timeout=60)
        for start in range(0, len(keys), 512):
            part = keys[start:start + 512]
            if done is not None:
                done[0] += len(part)
            for key, value in zip(part, client.mget(part)):
                if value is None:
                    missing += 1
                    problem = "missing"
                elif version_of(value) < newest[key]:
                    stale += 1
                    problem = "stale: %d < %d" % (version_of(value), newest[key])
                elif value != value_of(key, version_of(value), size):
                    wrong += 1
                    problem = "wrong bytes"
                else:
                    continue
                if len(examples) < 5:
                    examples.append("%s at %s: %s" % (key, member.name, problem))
    return missing, stale, wrong, examples
