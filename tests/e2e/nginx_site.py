"""A site for tests of NGINX: hosts with application servers, a host with a real NGINX, and users with cookies.

The configuration is written by tools/nginx/cohort-nginx, as a user would; NGINX runs without root, in a user namespace."""

import collections
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import lab

HERE = os.path.dirname(os.path.abspath(__file__))
GENERATOR = os.path.join(HERE, "..", "..", "tools", "nginx", "cohort-nginx")
# A user of its own: NGINX then sees that it is not root, and gives away no rights that it has not.
UNPRIVILEGED = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
PORT = 8080
CONNECT = 1.0  # Seconds: connect_timeout.
READ = 5.0

PAIRS = {"first": ("n1", "n2"), "second": ("n3", "n4")}

Answer = collections.namedtuple("Answer", "status json seconds headers")


def generate(declaration, *flags):
    """Runs cohort-nginx; returns what it did."""
    return subprocess.run([sys.executable, GENERATOR, declaration] + list(flags), capture_output=True, text=True, timeout=60)


def wait_until(true, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "not within %d s: %s" % (seconds, what)
        time.sleep(0.02)


def connects(address, port):
    try:
        socket.create_connection((address, port), 0.5).close()
        return True
    except OSError:
        return False


class Backend:
    """One application server. Its host stays when it is killed."""

    def __init__(self, route, host, folder):
        self.route, self.host, self.folder = route, host, folder
        self.process = None

    def start(self):
        if self.process is None:
            self.process = self.host.popen([sys.executable, os.path.join(HERE, "nginx_backend.py"), self.route,
                                            self.host.address, str(PORT), self.folder], stderr=subprocess.DEVNULL)
            self.wait_until_reached()

    def wait_until_reached(self):
        wait_until(lambda: connects(self.host.address, PORT), "%s listens" % self.route)

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()
            self.process = None

    def executions(self):
        """Counter of (id, method, route), of the whole cluster."""
        with open(os.path.join(self.folder, "executions")) as file:
            return collections.Counter(tuple(line.split()) for line in file)


class Site:
    """Clusters {n1 n2} and {n3 n4}, and NGINX on a host of its own. `address` is where users go."""

    def __init__(self, directory):
        self.directory = directory
        self.net = lab.Lab()
        self.host = self.net.add_host()
        self.backends = {}
        for cluster, routes in PAIRS.items():
            folder = os.path.join(directory, cluster)
            os.mkdir(folder)
            self.backends.update((route, Backend(route, self.net.add_host(), folder)) for route in routes)
        # Users come from where this script runs.
        lab.run("ip", "addr", "add", lab.SUBNET + ".250/24", "dev", "bridge0")
        self.address = (self.host.address, 8000)
        self.out = os.path.join(directory, "nginx")
        self.declaration = os.path.join(directory, "site.ini")
        self.certificate = os.path.join(directory, "site.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=shop.test",
                        "-keyout", self.certificate + ".key", "-out", self.certificate], check=True, capture_output=True)
        self.write_declaration()
        # For `nginx -t`: where and as who it will run.
        self.wrapper = os.path.join(directory, "nginx-without-root")
        with open(self.wrapper, "w") as file:
            file.write("#!/bin/sh\nexec %s nginx \"$@\"\n" % " ".join(self.host._enter() + UNPRIVILEGED))
        os.chmod(self.wrapper, 0o755)
        self.process = None

    def text(self, clusters=PAIRS, **site):
        """A declaration of this site; entries of [site] as keywords, None leaves one out."""
        entries = {"listen": "%s:8000" % self.host.address, "tls_listen": "%s:8443" % self.host.address,
                   "certificate": self.certificate, "certificate_key": self.certificate + ".key",
                   "directory": self.directory, "workers": "2", "connect_timeout": "%dms" % (1000 * CONNECT),
                   "read_timeout": "%ds" % READ, "fail_timeout": "2s", "max_body": "8m"}
        entries.update(site)
        lines = ["[site]"] + ["%s = %s" % pair for pair in entries.items() if pair[1] is not None]
        for cluster, routes in clusters.items():
            lines += ["[cluster %s]" % cluster]
            lines += ["%s = %s:%d" % (route, self.backends[route].host.address, PORT) for route in routes]
        return "\n".join(lines) + "\n"

    def write_declaration(self, clusters=PAIRS, **site):
        with open(self.declaration, "w") as file:
            file.write(self.text(clusters, **site))

    def generate(self, *flags):
        done = generate(self.declaration, "--out", self.out, "--nginx", self.wrapper, *flags)
        assert done.returncode == 0, done.stderr

    def nginx(self, *flags):
        return self.host.popen(UNPRIVILEGED + ["nginx", "-e", "stderr", "-c", os.path.join(self.out, "nginx.conf")] + list(flags),
                               stderr=subprocess.PIPE, text=True)

    def start(self):
        self.generate()
        for backend in self.backends.values():
            backend.start()
        self.process = self.nginx("-g", "daemon off;")
        wait_until(lambda: connects(*self.address), "NGINX listens")

    def workers(self):
        """Process ids of those that take connections."""
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
            return set(pid for pid in file.read().split() if not self._leaves_off(pid))

    def _leaves_off(self, pid):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                return b"shutting down" in file.read()
        except OSError:
            return True  # It has ended.

    def reload(self):
        """Graceful; returns when only new workers take connections."""
        before = self.workers()
        process = self.nginx("-s", "reload")
        errors = process.communicate(timeout=20)[1]
        assert process.returncode == 0, errors
        wait_until(lambda: self.workers() and not self.workers() & before, "new workers only")

    def reset(self):
        """All servers run and are up, all cables are plugged in, and NGINX has forgotten who failed."""
        for backend in self.backends.values():
            self.net.heal(backend.host)
            if backend.process:
                backend.kill(signal.SIGCONT)
            backend.start()
        # A cable that is plugged in carries nothing for up to a second.
        for backend in self.backends.values():
            backend.wait_until_reached()
        # NGINX's host asks only once a second where a host is that did not answer; a first connection would wait for that.
        self.host.inside("ip", "neigh", "flush", "dev", "eth0")
        self.generate()
        self.reload()

    def count(self, number):
        """How often the request with this id was executed, anywhere."""
        return sum(times for cluster in ("n1", "n3") for (word, _, _), times in self.backends[cluster].executions().items()
                   if word == number)

    def close(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        for backend in self.backends.values():
            if backend.process:
                backend.kill(signal.SIGCONT)
                backend.kill()
        self.net.close()


class User:
    """A browser: a connection that is kept, and the cookie."""

    def __init__(self, site, tls=None, cookie=""):
        self.site, self.tls, self.cookie = site, tls, cookie
        self.connection = None
        self.session = None
        self.n = 0
        self.seen = []  # (route, session) of each answer.

    def connect(self):
        if self.tls:
            self.connection = http.client.HTTPSConnection(self.site.address[0], 8443, timeout=30, context=self.tls)
        else:
            self.connection = http.client.HTTPConnection(*self.site.address, timeout=30)

    def ask(self, path="/", method="GET", body=None, headers=None):
        """One request; what NGINX itself answers has no `json`. A kept connection that NGINX closed is opened again, as
        browsers do."""
        headers = dict(headers or {})
        if self.cookie and "Cookie" not in headers:
            headers["Cookie"] = self.cookie
        start = time.monotonic()
        for attempt in (1, 2):
            kept = self.connection is not None and self.connection.sock is not None
            if not kept:
                self.connect()
            try:
                self.connection.request(method, path, body, headers)
                response = self.connection.getresponse()
                text = response.read()
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.connection.close()
                if not kept or attempt == 2:
                    raise
        seconds = time.monotonic() - start
        answer = Answer(response.status, json.loads(text) if response.status == 200 else None, seconds, response.headers)
        for cookie in response.headers.get_all("Set-Cookie") or ():
            self.cookie = cookie.split(";")[0]
        if answer.json:
            self.seen.append((answer.json["route"], answer.json["session"]))
        return answer

    @property
    def route(self):
        return self.cookie.rpartition(".")[2]


class Load(threading.Thread):
    """A user who asks and asks; every answer is kept. `make` gives (path, method) for the number of a request."""

    def __init__(self, user, make, pause=0.0):
        super().__init__(daemon=True)
        self.user, self.make, self.pause = user, make, pause
        self.answers, self.error = [], None
        self.ending = threading.Event()

    def run(self):
        number = 0
        try:
            while not self.ending.is_set():
                path, method = self.make(number)
                self.answers.append((path, method, self.user.ask(path, method)))
                number += 1
                time.sleep(self.pause)
        except Exception as error:  # Shown by the test that looks at it.
            self.error = error

    def end(self):
        self.ending.set()
        self.join(40)
        assert not self.is_alive(), "a user still waits"
        if self.error:
            raise self.error
        return self.answers


def together(users, ask):
    """All at once; (user, answer) of each."""
    answers = {}
    errors = []

    def one(user):
        try:
            answers[user] = ask(user)
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=one, args=(user,), daemon=True) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors[:3]
    assert len(answers) == len(users), "%d of %d users were answered" % (len(answers), len(users))
    return list(answers.items())
