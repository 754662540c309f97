#!/usr/bin/env python3
"""The NGINX that tools/nginx/cohort-nginx configures, before application servers that are killed, cut off, stalled and marked down.

NGINX is Debian's; the servers are small stand-ins that treat sessions and their ids as containers do (nginx_backend.py). Every
host is a network namespace of its own. Each case begins with all four servers up: n1 and n2 in the first cluster, n3 and n4 in
the second. Whether a request was executed is counted at the servers.

    python3 tests/e2e/nginx.py [CASE...]
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402
import nginx_declarations as declarations  # noqa: E402
import nginx_site as sites  # noqa: E402
from nginx_site import CONNECT, READ, Load, User, together, wait_until  # noqa: E402

FIRST, SECOND = {"n1", "n2"}, {"n3", "n4"}
# Seconds that this machine, which does other things as well, may need on top of what the configuration allows.
SLACK = 0.8


def settled(site, count, routes=FIRST):
    """So many users with a session each, on servers of `routes`."""
    users = [User(site) for _ in range(count)]
    for user in users:
        user.session = user.ask().json["session"]
    assert set(user.route for user in users) == set(routes), [user.route for user in users]
    return users


def of(users, route):
    return [user for user in users if user.route == route]


def expect_kept(users, routes):
    """Every user is served, by one of `routes`, in the session of before."""
    for user in users:
        answer = user.ask()
        assert answer.status == 200, "%s: %d" % (user.cookie, answer.status)
        assert answer.json["route"] in routes, "%s served by %s" % (user.cookie, answer.json["route"])
        assert answer.json["session"] == user.session, "%s lost its session" % user.cookie


def case_sticky(site):
    users = [User(site) for _ in range(24)]
    shuffled = random.Random(1)  # Else users who merely take turns would meet the same server each time.
    for turn in range(8):
        for user in shuffled.sample(users, len(users)):
            method = "POST" if turn % 2 else "GET"
            assert user.ask("/", method).json["n"] == (turn + 1) // 2
    for user in users:
        assert len(set(user.seen)) == 1, user.seen
    spread = [sum(user.seen[0][0] == route for user in users) for route in ("n1", "n2", "n3", "n4")]
    # Each of two workers tries them in turn from where it is.
    assert 10 <= spread[0] <= 14 and spread[2:] == [0, 0], spread
    return "24 users of 8 requests, by server %s" % spread


def case_session_in_the_path(site):
    for route in ("n1", "n2"):
        user = of(settled(site, 6), route)[0]
        word = user.cookie.split("=")[1]
        for path in ("/cart;jsessionid=%s?a=b.n9", "/a;x=1;jsessionid=%s", "/a;jsessionid=%s/b?c=;jsessionid=no.n4",
                     "/a;jsessionid=%s;y=2"):
            answers = [User(site).ask(path % word) for _ in range(5)]
            assert set(a.json["route"] for a in answers) == {route}, path
            assert set(a.json["session"] for a in answers) == {user.session}, path
            assert answers[0].json["path"] == path % word, "changed on the way: %s" % answers[0].json["path"]
    # As in containers, the cookie is what counts where both are there.
    other = of(settled(site, 6), "n1")[0]
    answer = User(site, cookie=other.cookie).ask("/;jsessionid=" + word)
    assert (answer.json["route"], answer.json["session"]) == ("n1", other.session)
    time.sleep(1.3)
    with open(os.path.join(site.directory, "access.log")) as file:
        log = file.read()
    assert "/cart;jsessionid=-?a=b.n9" in log and user.session not in log, "a session's id is in the log"
    return "4 forms of path; the log has none of the ids"


def case_headers(site):
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil", "X-Real-IP": "6.6.6.6",
              "X-Forwarded-Port": "1", "Forwarded": "for=6.6.6.6", "X-Proxied-Https": "on", "X-Forwarded-Server": "evil",
              "Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABkAAQAAP__", "X-Mine": "kept",
              "Host": "shop.test:8000"}

    def check(headers):
        got = dict((name.lower(), value) for name, value in headers)
        us = lab.SUBNET + ".250"
        for name, value in (("host", "shop.test:8000"), ("x-forwarded-for", us), ("x-real-ip", us), ("x-forwarded-proto", "http"),
                            ("x-forwarded-host", "shop.test:8000"), ("x-forwarded-port", "8000"), ("x-mine", "kept")):
            assert got.get(name) == value, "%s: %s" % (name, got.get(name))
        for name in ("forwarded", "x-proxied-https", "x-forwarded-server", "upgrade"):
            assert name not in got, "%s: %s" % (name, got[name])
    user = of(settled(site, 4), "n1")[0]
    check(user.ask("/", headers=forged).json["headers"])
    site.generate("--only-upstreams", "--down", "n1")
    site.reload()
    answer = user.ask("/", headers=forged)  # By the second step.
    assert answer.json["route"] == "n2"
    check(answer.json["headers"])
    return "forged ones are replaced, h2c is not let through, by both ways"


def websocket(site, cookie):
    with socket.create_connection(site.address, 5) as connection:
        connection.settimeout(5)
        connection.sendall(("GET /chat HTTP/1.1\r\nHost: shop.test\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nCookie: %s\r\n\r\n"
                            % cookie).encode())
        file = connection.makefile("rb")
        status = file.readline()
        assert b" 101 " in status, status
        while file.readline() not in (b"\r\n", b""):
            pass
        connection.sendall(b"hello\n")
        return file.readline().decode().split()


def case_websocket(site):
    user = of(settled(site, 4), "n1")[0]
    assert websocket(site, user.cookie) == ["n1", "hello"]
    site.generate("--only-upstreams", "--down", "n1")
    site.reload()
    assert websocket(site, user.cookie) == ["n2", "hello"]
    return "to the user's server, and by a second step to its partner"


def case_bodies(site):
    body = os.urandom(6 << 20)
    user = of(settled(site, 4), "n1")[0]
    for down in ([], ["--down", "n1"]):
        site.generate("--only-upstreams", *down)
        site.reload()
        answer = user.ask("/", "POST", body)
        assert answer.json["body"] == hashlib.sha256(body).hexdigest()
    assert answer.json["route"] == "n2"
    assert User(site).ask("/", "POST", bytes(9 << 20)).status == 413
    return "6 MiB by both ways, 9 MiB refused"


def raw(site, request):
    """The status line that these bytes get; empty if the connection is closed without."""
    with socket.create_connection(site.address, 5) as connection:
        connection.settimeout(10)
        connection.sendall(request)
        return connection.makefile("rb").readline().decode("latin-1")


def case_hostile(site):
    user = of(settled(site, 4), "n1")[0]
    before = len(site.workers())
    key = user.session
    strange = ["JSESSIONID=%s.n9" % key, "JSESSIONID=%s.N10" % key, "JSESSIONID=" + "A" * 4000 + ".n3",
               "JSESSIONID=" + "." * 4000, "JSESSIONID=%s.cohort_to_n3" % key, "JSESSIONID=%s.n3$host" % key, "JSESSIONID=.n3",
               "JSESSIONID=%s.n3%%0a" % key, "JSESSIONID=%s.n3\x0b" % key, "JSESSIONID=%s.n3\t.n9" % key,
               "JSESSIONID=\"%s.n3\"" % key, "JSESSIONID=%s.default" % key, "JSESSIONID=127.0.0.1:18603",
               "JSESSIONID=%s./../n3" % key, "JSESSIONID=\xe9.n3\xe9"]
    for cookie in strange:
        for _ in range(3):
            answer = User(site).ask("/", headers={"Cookie": cookie})
            assert answer.status == 200 and answer.json["route"] in FIRST, (cookie[:60], answer.status, answer.json)
    # Of several the first counts, as in containers; a second is no harm, whatever it is.
    for cookie, route in (("JSESSIONID=%s.n1; JSESSIONID=%s.n3" % (key, key), "n1"),
                          ("JSESSIONID=%s.n1; JSESSIONID=x\"; %s" % (key, "JSESSIONID=a.n2; " * 200), "n1")):
        answer = User(site).ask("/", headers={"Cookie": cookie})
        assert answer.json["route"] == route, answer
    request = b"GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nCookie: JSESSIONID=%s\r\n\r\n"
    # A line feed ends the header: the rest is no header, or another one, and no part of the id.
    for word, allowed in ((b"A\n.n3", (200, 400)), (b"A\r\n.n3", (200, 400)), (b"A\x00.n3", (400,)), (b"B" * 20000 + b".n3", (400,)),
                          (b"A.n3\r\nX-Injected: 1", (200,))):
        line = raw(site, request % word)
        assert line.startswith("HTTP/1.1 ") and int(line.split()[1]) in allowed, (word[:20], line)
    line = raw(site, b"GET /" + b";jsessionid=" * 1200 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert " 200 " in line, line
    assert len(site.workers()) == before
    expect_kept([user], {"n1"})
    return "%d cookies and 6 requests as new users or refused" % len(strange)


def case_kill_get(site):
    """Nobody sees an error or waits when a server is killed, if requests may be repeated."""
    users = settled(site, 24)
    loads = [Load(user, lambda n: ("/?sleep=0.03" if n % 2 else "/", "GET"), 0.01) for user in users]
    idle = settled(site, 8)  # With connections that are kept and not used.
    for load in loads:
        load.start()
    time.sleep(1.5)
    site.backends["n1"].kill()
    time.sleep(2.5)
    answers = [answer for load in loads for answer in load.end()]
    bad = [a.status for _, _, a in answers if a.status != 200]
    slowest = max(a.seconds for _, _, a in answers)
    assert not bad, "%d errors: %s" % (len(bad), bad[:5])
    assert slowest < SLACK, "%.2f s" % slowest
    expect_kept(users + idle, {"n2"})
    # Whose id was written anew stays, also when the server is back.
    site.backends["n1"].start()
    time.sleep(3.2)
    expect_kept(users + idle, {"n2"})
    return "%d GETs of 24 users, 0 errors, slowest %.0f ms" % (len(answers), 1000 * slowest)


def case_kill_post(site):
    """A POST that was under way is executed once, and its user is told; one that comes later goes to the partner."""
    users = of(settled(site, 32), "n1")
    numbers = dict((user, "flight-%s" % user.session) for user in users)
    killer = Load(None, None)
    killer.run = lambda: (time.sleep(0.7), site.backends["n1"].kill())
    killer.start()
    answers = together(users, lambda user: user.ask("/?sleep=3&id=" + numbers[user], "POST"))
    killer.join()
    assert set(answer.status for _, answer in answers) == {502}, [answer.status for _, answer in answers]
    assert all(site.count(numbers[user]) == 1 for user in users), [site.count(numbers[user]) for user in users]
    answers = together(users, lambda user: user.ask("/?id=later-" + user.session, "POST"))
    assert set((answer.status, answer.json and answer.json["route"]) for _, answer in answers) == {(200, "n2")}, answers
    assert all(site.count("later-" + user.session) == 1 for user in users)
    assert all(answer.json["n"] == 2 and answer.json["session"] == user.session for user, answer in answers)
    return "%d POSTs under way: 502, each executed once; the next of each: 200" % len(users)


def case_silent(site):
    """A host that says nothing any more: who waits for it waits for a bounded time, others not at all."""
    users = settled(site, 16)
    waiting, others = of(users, "n1"), of(users, "n2")
    loads = [Load(user, lambda n: ("/", "GET"), 0.02) for user in others]
    for load in loads:
        load.start()
    site.net.cut(site.backends["n1"].host)
    first = together(waiting, lambda user: user.ask("/"))
    # Over connections that were kept nothing tells a silent server from a slow one.
    slowest = max(answer.seconds for _, answer in first)
    assert all(answer.status == 200 and answer.json["route"] == "n2" for _, answer in first), first
    assert all(answer.json["session"] == user.session for user, answer in first)
    assert slowest < READ + CONNECT + SLACK, slowest
    new = together([User(site) for _ in range(12)], lambda user: user.ask("/"))
    slowest_new = max(answer.seconds for _, answer in new)
    assert all(answer.status == 200 and answer.json["route"] == "n2" for _, answer in new)
    assert slowest_new < READ + CONNECT + SLACK, slowest_new
    new = together([User(site) for _ in range(12)], lambda user: user.ask("/"))
    assert all(answer.status == 200 and answer.json["route"] == "n2" for _, answer in new)
    slowest_marked = max(answer.seconds for _, answer in new)
    undisturbed = max(a.seconds for load in loads for _, _, a in load.end())
    assert undisturbed < SLACK, undisturbed
    return "its users %.1f s, new ones %.1f s, then %.2f s; n2's own %.2f s" % (slowest, slowest_new, slowest_marked, undisturbed)


def case_cluster_dead(site):
    """Both of a cluster are dead: everybody is in the other cluster within a second, as somebody new, and stays there."""
    users = settled(site, 24)
    site.backends["n1"].kill()
    expect_kept(users, {"n2"})
    site.backends["n2"].kill()
    answers = together(users, lambda user: user.ask("/"))
    answers += together([User(site) for _ in range(8)], lambda user: user.ask("/"))
    assert all(answer.status == 200 and answer.json["route"] in SECOND for _, answer in answers), answers
    slowest = max(answer.seconds for _, answer in answers)
    assert slowest < 1, slowest
    assert set(answer.json["route"] for _, answer in answers) == SECOND
    for user in users:
        user.session = user.seen[-1][1]
    site.backends["n1"].start()
    site.backends["n2"].start()
    # NGINX counts fail_timeout (2 s) in seconds of its clock, so it may be 3.
    wait_until(lambda: {User(site).ask("/").json["route"] for _ in range(8)} <= FIRST, "n1 and n2 are tried again", 4)
    expect_kept(users, SECOND)
    # And the other way round.
    site.backends["n3"].kill()
    site.backends["n4"].kill()
    answers = together(users, lambda user: user.ask("/"))
    assert all(answer.status == 200 and answer.json["route"] in FIRST and answer.seconds < 1 for _, answer in answers), answers
    return "%d users, slowest %.0f ms; and back when n3 and n4 died" % (len(answers), 1000 * slowest)


def case_cluster_silent(site):
    """Neither host of a cluster answers to a connection any more: as many times connect_timeout as there are tries."""
    users = settled(site, 12)
    for route in FIRST:
        site.net.cut(site.backends[route].host)
    site.reload()  # No kept connections.
    answers = together(users, lambda user: user.ask("/"))
    assert all(answer.status == 200 and answer.json["route"] in SECOND for _, answer in answers), answers
    slowest = max(answer.seconds for _, answer in answers)
    assert slowest < 5 * CONNECT + SLACK, slowest  # The server, twice its partner, twice the server.
    new = together([User(site) for _ in range(8)], lambda user: user.ask("/"))
    assert all(answer.status == 200 and answer.json["route"] in SECOND for _, answer in new), new
    again = max(answer.seconds for _, answer in together(users, lambda user: user.ask("/")))
    assert again < SLACK, again
    site.generate("--only-upstreams", "--down", "n1", "--down", "n2")
    site.reload()
    users = [User(site, cookie="JSESSIONID=%032X.n1" % i) for i in range(8)]
    marked = max(answer.seconds for _, answer in together(users, lambda user: user.ask("/")))
    assert marked < SLACK, marked
    return "%.1f s once, then %.2f s; marked down %.2f s" % (slowest, again, marked)


def case_other_shapes(site):
    """Clusters of one and of three servers, and three clusters: one after the other, as servers die."""
    seen = []
    for clusters in ({"a": ("n1",), "b": ("n2",), "c": ("n3", "n4")}, {"a": ("n1", "n2", "n3"), "b": ("n4",)}):
        site.write_declaration(clusters, read_timeout="7s")
        try:
            site.reset()
            users = [User(site, cookie="JSESSIONID=%032X.%s" % (i, clusters["a"][0])) for i in range(6)]
            order = []
            for route in ("n1", "n2", "n3", "n4"):
                answers = together(users, lambda user: user.ask("/"))
                if (route,) in clusters.values():  # A lone server resets one connection of each.
                    answers += together(users, lambda user: user.ask("/?break=%s&id=%s-%d" % (route, user.cookie, len(seen))))
                assert all(a.status == 200 and a.seconds < SLACK for _, a in answers), answers
                order.append(sorted(set(a.json["route"] for _, a in answers)))
                assert route in order[-1], order
                site.backends[route].kill()
            assert {a.status for _, a in together(users, lambda user: user.ask("/"))} == {502}
            seen.append(order)
        finally:
            site.write_declaration()
    # A lone server is not given up for one reset connection; of three, all partners take over.
    assert seen[0] == [["n1"], ["n2"], ["n3", "n4"], ["n4"]], seen[0]
    assert set(seen[1][1]) <= {"n2", "n3"} and seen[1][2:] == [["n3"], ["n4"]], seen[1]
    return "%s, %s" % tuple(seen)


def case_hiccup(site):
    """While one server is dead, what the other does wrong for a moment sends nobody to the other cluster."""
    users = settled(site, 24)
    site.backends["n1"].kill()
    gone, staying = of(users, "n1"), of(users, "n2")
    for user in gone:  # n2 resets one connection for each.
        answer = user.ask("/?break=n2&id=gone-" + user.session)
        assert answer.status == 200 and answer.json["route"] == "n2", answer
    # Its own users, too, and all at once; each on a connection of its own.
    answers = together(staying, lambda user: user.ask("/?break=n2&id=stay-" + user.session))
    assert all(answer.status == 200 and answer.json["route"] == "n2" for _, answer in answers), answers
    expect_kept(users, {"n2"})
    # It stalls for less than the read timeout.
    site.backends["n2"].kill(signal.SIGSTOP)
    waking = Load(None, None)
    waking.run = lambda: (time.sleep(2), site.backends["n2"].kill(signal.SIGCONT))
    waking.start()
    answers = together(users + [User(site, cookie="JSESSIONID=%s.n1" % user.session) for user in gone], lambda user: user.ask("/"))
    waking.join()
    assert all(answer.status == 200 and answer.json["route"] == "n2" for _, answer in answers), answers
    expect_kept(users, {"n2"})
    return "%d users with a reset, %d through a stall of 2 s" % (len(users), len(answers))


def case_slow_page(site):
    """A page that takes longer than the read timeout costs its user a 504, and nobody the session."""
    users = settled(site, 12)
    slow = of(users, "n1")[0]
    start = time.monotonic()
    answer = slow.ask("/?sleep=30&id=slow-page")
    assert answer.status == 504, answer
    took = time.monotonic() - start
    assert took < 2 * READ + CONNECT + SLACK, took
    ran = site.count("slow-page")
    assert ran == 2, ran  # At its server and at the partner, and nowhere else.
    expect_kept(users, FIRST)
    # The step to n1's partner by itself: NGINX in front of it gives up at the same moment, and would hide what it does then.
    asking = ("import urllib.request as u, sys\ntry: u.urlopen(sys.argv[1])\nexcept u.HTTPError as error: print(error.code)")
    code = site.host.inside(sys.executable, "-c", asking, "http://127.0.0.1:18600/?sleep=30&id=slow-step")
    assert code.strip() == "504" and site.count("slow-step") == 1, (code, site.count("slow-step"))
    post = slow.ask("/?sleep=30&id=slow-post", "POST")
    assert post.status == 504 and site.count("slow-post") == 1, (post, site.count("slow-post"))
    expect_kept(users, FIRST)
    # n1 alone, and slow: what it still answers is worth more than the other cluster.
    site.backends["n2"].kill()
    user = User(site, cookie=slow.cookie)
    alone = user.ask("/?sleep=30&id=slow-alone")
    assert alone.status == 504, alone
    expect_kept(users, {"n1"})
    return "504 after %.1f s, executed twice as a GET, once as a POST" % took


def case_down(site):
    """A server is marked down, and up again, while requests are running: none is lost, and its users move on."""
    users = settled(site, 24)
    loads = [Load(user, lambda n, user=user: ("/?sleep=%s&id=%s-%d" % ("0.8" if n % 3 == 0 else "0", user.session, n),
                                              "POST" if n % 2 else "GET"), 0.01) for user in users]
    for load in loads:
        load.start()
    time.sleep(1.2)
    site.generate("--only-upstreams", "--down", "n1", "--check")
    site.reload()
    time.sleep(1.2)
    before = site.backends["n1"].executions()
    time.sleep(1.2)
    during = site.backends["n1"].executions() - before
    assert during and not [word for word in during if word[2] == "n1"], "n1 still gets users"
    site.generate("--only-upstreams", "--check")
    site.reload()
    time.sleep(0.5)
    answers = dict((load.user, load.end()) for load in loads)
    for user, own in answers.items():
        assert all(a.status == 200 and a.json["session"] == user.session for _, _, a in own), own
        for path, _, _ in own:
            assert site.count(path.split("id=")[1]) == 1, path
        assert own[-1][2].json["n"] == sum(method == "POST" for _, method, _ in own)
    expect_kept(users, FIRST)
    assert not of(users, "n1"), "users of n2 are sent back"
    assert {User(site).ask("/").json["route"] for _ in range(8)} == FIRST
    return "%d requests, each answered and executed once" % sum(len(own) for own in answers.values())


def case_down_is_a_word(site):
    """Who has only cohort-upstreams.conf puts the word in by name, and gets what cohort-nginx writes."""
    file = os.path.join(site.out, "cohort-upstreams.conf")
    site.generate("--only-upstreams", "--down", "n2", "--down", "n3")
    with open(file) as opened:
        written = opened.read().split("\n")
    site.generate("--only-upstreams")
    with open(file) as opened:
        own = [line.replace(";", " down;", 1) if line.endswith(("; # n2", "; # n3")) else line for line in opened.read().split("\n")]
    assert [line for line in own if not line.startswith("# down:")] == [line for line in written if not line.startswith("# down:")]
    with open(file, "w") as opened:
        opened.write("\n".join(own))
    site.generate("--keep-down", "--check")
    with open(file) as opened:
        assert opened.read().split("\n") == written
    return "%d lines changed by hand, and kept by --keep-down" % sum(" down;" in line for line in own)


def case_tls(site):
    context = ssl.create_default_context(cafile=site.certificate)
    context.check_hostname = False
    users = [User(site, tls=context) for _ in range(6)]
    for user in users:
        for _ in range(3):
            answer = user.ask("/")
        assert dict(answer.json["headers"])["X-Forwarded-Proto"] == "https"
        assert len(set(user.seen)) == 1, user.seen
    warnings.simplefilter("ignore", DeprecationWarning)  # That 1.1 is old is the point.
    for version, taken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        one = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        one.check_hostname, one.verify_mode = False, ssl.CERT_NONE
        one.set_ciphers("DEFAULT:@SECLEVEL=0")
        one.minimum_version = one.maximum_version = version
        try:
            status = User(site, tls=one).ask("/").status
        except ssl.SSLError as error:
            status = error
        assert (status == 200) == taken, "%s: %s" % (version, status)
    site.write_declaration(redirect="yes")
    try:
        site.generate("--check")
        site.reload()
        answer = User(site).ask("/cart?a=b", headers={"Host": "shop.test:8000"})
        assert (answer.status, answer.headers["Location"]) == (308, "https://shop.test:8443/cart?a=b"), answer
        assert users[0].ask("/").status == 200
    finally:
        site.write_declaration()
    return "1.2 and 1.3 taken, 1.1 refused; redirected when asked to"


def case_nginx_killed(site):
    """NGINX killed with -9 leaves nothing behind that hinders the next."""
    users = settled(site, 6)
    workers = site.workers()
    site.process.send_signal(signal.SIGKILL)
    site.process.wait()
    for worker in workers:
        os.kill(int(worker), signal.SIGKILL)
    wait_until(lambda: not sites.connects(*site.address), "NGINX is gone")
    site.process = site.nginx("-g", "daemon off;")
    wait_until(lambda: sites.connects(*site.address), "NGINX listens")
    expect_kept(users, FIRST)
    return "started again, all users with their sessions"


def case_declarations(site):
    return declarations.check_matrix(site)


def case_refused(site):
    return declarations.check_refused(site)


def case_files(site):
    return declarations.check_files(site)


CASES = [name[len("case_"):] for name in list(globals()) if name.startswith("case_")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    cases = lab.chosen(parser, options.cases, CASES, "case")
    lab.enter("nginx", ["nginx", "openssl"])
    os.environ["PATH"] = lab.PATH
    directory = tempfile.mkdtemp(prefix="cohort-nginx-")
    site = sites.Site(directory)

    def case(name):
        site.reset()
        return globals()["case_" + name](site)

    try:
        site.start()
        return lab.judged("nginx", cases, case)
    finally:
        site.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
