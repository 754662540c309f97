"""A web site for tests: clusters of servers, each on a host of its own, behind a real NGINX that tools/nginx/cohort-nginx
configures; users, by the hundred, of web_driver; and `cohort nginx-agent`."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import lab  # noqa: E402
import nginx_agent  # noqa: E402
import nginx_site  # noqa: E402
import servers  # noqa: E402

USERS_PORT = 8000
DRAIN_SECONDS = 90
PATIENCE_MS = 60_000  # Of a user for whom nothing else is said.
ARRIVALS_MS = 4000  # Of all users; all at once they would find servers that have compiled nothing yet.
AGREE_SECONDS = 30  # From the end of a fault to equal replicas; a bound that says "broken" and not "slow".


class Website:
    """Instances of each cluster, started, and NGINX. `clusters`: the kind of each route, by cluster, in the order in which users go to them.
    `address` is where users go, from where this script runs."""

    def __init__(self, clusters, replication, directory, files, **site):
        self.replication, self.directory, self.files, self.site = replication, directory, files, site
        os.makedirs(directory, exist_ok=True)
        self.net = lab.Lab()
        self.host = self.net.add_host()
        self.clusters = {cluster: list(kinds) for cluster, kinds in clusters.items()}
        self.instances = {}
        for cluster, kinds in clusters.items():
            hosts = {route: self.net.add_host() for route in kinds}
            for route, host in hosts.items():
                others = [other.address for other in hosts.values() if other is not host]
                self.instances[route] = servers.Instance(kinds[route], route, host, os.path.join(directory, route), files, cluster, others)
        lab.run("ip", "addr", "add", lab.SUBNET + ".250/24", "dev", "bridge0")
        self.address = (self.host.address, USERS_PORT)
        self.out = os.path.join(directory, "nginx")
        self.nginx = None
        self.agent = None
        self.start_seconds = {}

    def __enter__(self):
        try:
            for instance in self.instances.values():
                instance.configure(self.replication)
                instance.start()
            for route, instance in self.instances.items():
                self.start_seconds[route] = instance.wait_until_serving()
            self._start_nginx()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_nginx(self):
        declaration = os.path.join(self.directory, "site.ini")
        entries = {"listen": "%s:%d" % self.address, "directory": self.directory, "workers": "2", "access_log": "no",
                   # A JVM that has just started, on a machine that does other things as well, is slow and not dead.
                   "connect_timeout": "4s", "read_timeout": "30s", "keepalive": "512"}
        if len(self.clusters) > 1:  # NGINX has more to try before it knows that nobody is there.
            entries.update(read_timeout="60s")
        entries.update(self.site)
        lines = ["[site]"] + ["%s = %s" % entry for entry in entries.items()]
        for cluster, routes in self.clusters.items():
            lines += ["[cluster %s]" % cluster]
            lines += ["%s = %s:%d" % (route, self.instances[route].host.address, servers.PORT) for route in routes]
        with open(declaration, "w") as file:
            file.write("\n".join(lines) + "\n")
        done = nginx_site.generate(declaration, "--out", self.out)
        assert done.returncode == 0, done.stderr
        with open(os.path.join(self.directory, "nginx.log"), "ab") as log:
            self.nginx = self.host.popen(self._nginx_command() + ["-g", "daemon off;"], stderr=log)
        nginx_site.wait_until(lambda: nginx_site.connects(*self.address), "NGINX listens")

    def _nginx_command(self):
        return nginx_site.UNPRIVILEGED + ["nginx", "-e", "stderr", "-c", os.path.join(self.out, "nginx.conf")]

    def start_agent(self, cohort, cluster="first", health=False):
        """`cohort nginx-agent` on NGINX's host, in the cluster's group; returns when it has had NGINX reload, and all are up.
        health: a server is up only when the application answers, too."""
        instance = self.instances[self.clusters[cluster][0]]
        self.agent = nginx_agent.Process(self.host, [
            cohort, "nginx-agent", "--name", "agent", "--upstreams", os.path.join(self.out, "cohort-upstreams.conf"),
            "--nginx", " ".join(self._nginx_command()), "--group", instance.group, "--key-file", instance.group_key(),
            "--bind", self.host.address, "--events", "json"] +
            (["--health-check", "/%s/read" % servers.CONTEXT] if health else []), os.path.join(self.directory, "agent.log"))
        self.agent.wait_for("ready")
        self.agent.wait_for("reloaded")
        return self.agent

    def agree(self, cluster="first", seconds=AGREE_SECONDS, sessions=None):
        """Waits until all that run hold the same sessions, by the digests that they tell, and count so many, if a number is
        given: what others began is counted a moment later. Returns (seconds, sessions)."""
        start = time.monotonic()
        said = {}
        while True:
            for route in self.clusters[cluster]:
                if self.instances[route].process is not None:
                    said[route] = self.instances[route].digest()
            told = set(said.values())
            if len(told) == 1 and None not in told and sessions in (None, list(told)[0][1]):
                return time.monotonic() - start, list(said.values())[0][1]
            assert time.monotonic() < start + seconds, "after %d s without requests: %s" % (seconds, said)
            time.sleep(0.02)

    def __exit__(self, *_):
        if self.agent is not None:
            self.agent.end()
        if self.nginx is not None:
            self.nginx.terminate()
            self.nginx.wait(20)
        for instance in self.instances.values():
            instance.close()
        self.net.close()


class Users:
    """web_driver, from its start to its end; `records` is what it wrote. With `visit` users come anew after about so many requests."""

    def __init__(self, site, driver, count, pause_ms, patience_ms=PATIENCE_MS, name="requests.json", visit=0):
        self.records = os.path.join(site.directory, name)
        path = "/%s/add" % servers.CONTEXT
        self.count = count
        with open(self.records, "wb") as file:
            self.process = subprocess.Popen([driver, site.address[0], str(site.address[1]), path, str(count), str(pause_ms), str(patience_ms), str(ARRIVALS_MS), str(visit)],
                                            stdin=subprocess.PIPE, stdout=file)

    def runs_for(self, seconds):
        time.sleep(seconds)
        assert self.process.poll() is None, "web_driver has ended with %d" % self.process.returncode

    def pause(self):
        """They do nothing, and what they have is kept; what was under way goes on."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        """After the answers that are awaited."""
        self.process.stdin.close()
        assert self.process.wait(DRAIN_SECONDS) == 0, "web_driver has failed"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def fill(instance, count):
    """Makes so many sessions at one instance, straight; their cookies."""
    connection = http.client.HTTPConnection(instance.host.address, servers.PORT, timeout=60)
    cookies = []
    try:
        for number in range(count):
            connection.request("POST", "/%s/add?request=fill-%d" % (servers.CONTEXT, number))
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200 and json.loads(body)["n"] == 1, body[:200]
            cookies.append(response.headers["Set-Cookie"].split(";")[0])
    finally:
        connection.close()
    return cookies
