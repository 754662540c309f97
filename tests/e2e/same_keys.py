"""All members put the same keys at once, in a map of each kind: afterwards every member must hold the same of every key.

A value says who wrote it and when; which of three that were written at once stays is not asked. In the convergent map each
writer also has a field of its own in hashes that all share: none of these may be missing.
"""

import threading

KEYS = 1000
HASHES = 200
PIPELINE = 50
DATABASES = {"ordered": 0, "convergent": 1}


def _write(member, rounds, failures):
    client = member.client()
    try:
        for number in rounds:
            for kind, database in DATABASES.items():
                client.execute_command("SELECT", database)
                for first in range(0, KEYS, PIPELINE):
                    pipeline = client.pipeline(transaction=False)
                    for key in range(first, first + PIPELINE):
                        pipeline.set("same:%d" % key, "%s:%d" % (member.name, number))
                    pipeline.execute()
            for first in range(0, HASHES, PIPELINE):
                pipeline = client.pipeline(transaction=False)
                for key in range(first, first + PIPELINE):
                    pipeline.hset("hash:%d" % key, member.name, number)
                pipeline.execute()
    except Exception as error:  # Told by the caller, who knows whether this member was to die.
        failures[member.name] = error


def put_by_all(members, rounds):
    """Each of `members` writes all keys as often as `rounds` has numbers; returns who failed, and how."""
    failures = {}
    threads = [threading.Thread(target=_write, args=(member, rounds, failures)) for member in members]
    for thread in threads:
        thread.start()
    return threads, failures


def differing(members):
    """How many keys any two of `members` hold differently, by kind."""
    result = {}
    for kind, database in DATABASES.items():
        seen = []
        for member in members:
            client = member.client()
            client.execute_command("SELECT", database)
            pipeline = client.pipeline(transaction=False)
            for key in range(KEYS):
                pipeline.get("same:%d" % key)
            if kind == "convergent":
                for key in range(HASHES):
                    pipeline.hgetall("hash:%d" % key)
            seen.append(pipeline.execute())
        result[kind] = sum(any(other != first for other in rest) for first, *rest in zip(*seen))
        absent = sum(value is None or value == {} for value in seen[0])
        assert absent == 0, "%d keys of the %s map are missing" % (absent, kind)
    return result


def fields_missing(member, names):
    """Fields that one of `names` has written, and that are not in the hashes."""
    client = member.client()
    client.execute_command("SELECT", DATABASES["convergent"])
    pipeline = client.pipeline(transaction=False)
    for key in range(HASHES):
        pipeline.hgetall("hash:%d" % key)
    return sum(name.encode() not in fields for fields in pipeline.execute() for name in names)
