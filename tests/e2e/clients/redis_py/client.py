"""A client over a redis-py that speaks RESP3, for ../../redis_clients.py: typed replies, a transaction, pushes; blocking and by
asyncio. Usage: client.py PORT OTHER_PORT; prints one line and ends with 0."""

import asyncio
import sys
import time

import redis
import redis.asyncio

ENOUGH = 20.0  # Seconds no single call may need.


def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError("%s: %s, not %s" % (what, str(got)[:300], str(wanted)[:300]))


def typed(node):
    node.delete("h")
    node.hset("h", mapping={"a": "1"})
    expect((node.hgetall("h"), node.get("none"), node.client_getname()), ({"a": "1"}, None, "three"), "typed replies")
    expect(node.config_get("databases"), {"databases": "2"}, "config get")
    expect(node.info("cohort")["member"], "a", "info")
    expect(node.command()["get"]["arity"], 2, "command")
    pipe = node.pipeline(transaction=True)
    expect(pipe.set("n", 1).incr("n").hgetall("h").execute(), [True, 2, {"a": "1"}], "answers of EXEC")


def pushes(node, other):
    pubsub = other.pubsub()
    pubsub.psubscribe("__keyspace@0__:push:*")
    confirmed = pubsub.get_message(timeout=ENOUGH)
    expect(confirmed and confirmed["type"], "psubscribe", "confirmation")
    node.set("push:k", "v")
    node.delete("push:k")
    heard, deadline = [], time.monotonic() + ENOUGH
    while len(heard) < 2 and time.monotonic() < deadline:
        message = pubsub.get_message(timeout=1.0)
        if message:
            heard.append((message["channel"], message["data"]))
    expect(heard, [("__keyspace@0__:push:k", "set"), ("__keyspace@0__:push:k", "del")], "pushes")
    pubsub.close()


async def by_asyncio(port, other_port):
    node, other = (redis.asyncio.Redis(port=p, protocol=3, decode_responses=True) for p in (port, other_port))
    await node.delete("as:n")
    await asyncio.gather(*[client.incr("as:n") for client in (node, other) for _ in range(100)])
    expect(await other.get("as:n"), "200", "increments at two nodes")
    for client in (node, other):
        await client.aclose()


def main():
    port, other_port = map(int, sys.argv[1:])
    node, other = (redis.Redis(port=p, protocol=3, client_name="three", decode_responses=True, socket_timeout=ENOUGH) for p in (port, other_port))
    typed(node)
    pushes(node, other)
    asyncio.run(by_asyncio(port, other_port))
    print("redis-py %s by RESP3: typed replies, a transaction, pushes, asyncio" % redis.__version__)


main()
