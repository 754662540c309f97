"""A web site for tests: servers of one kind, each on a host of its own, behind a real NGINX that tools/nginx/cohort-nginx
configures; and users, by the hundred, of web_driver."""

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import lab  # noqa: E402
import nginx_site  # noqa: E402
import servers  # noqa: E402

USERS_PORT = 8000
DRAIN_SECONDS = 90


class Website:
    """Instances n1, n2... of one cluster, started, and NGINX. `address` is where users go, from where this script runs."""

    def __init__(self, kind, replication, directory, files, routes=("n1", "n2"), **site):
        self.kind, self.replication, self.directory, self.site = kind, replication, directory, site
        os.makedirs(directory, exist_ok=True)
        self.net = lab.Lab()
        self.host = self.net.add_host()
        hosts = {route: self.net.add_host() for route in routes}
        self.instances = {}
        for route, host in hosts.items():
            others = [other.address for other in hosts.values() if other is not host]
            self.instances[route] = servers.Instance(kind, route, host, os.path.join(directory, route), files, others)
        lab.run("ip", "addr", "add", lab.SUBNET + ".250/24", "dev", "bridge0")
        self.address = (self.host.address, USERS_PORT)
        self.nginx = None
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
        out = os.path.join(self.directory, "nginx")
        entries = {"listen": "%s:%d" % self.address, "directory": self.directory, "workers": "2", "access_log": "no",
                   # A JVM that has just started, on a machine that does other things as well, is slow and not dead.
                   "connect_timeout": "4s", "read_timeout": "30s", "keepalive": "512"}
        entries.update(self.site)
        lines = ["[site]"] + ["%s = %s" % entry for entry in entries.items()] + ["[cluster first]"]
        lines += ["%s = %s:%d" % (route, instance.host.address, servers.PORT) for route, instance in self.instances.items()]
        with open(declaration, "w") as file:
            file.write("\n".join(lines) + "\n")
        done = nginx_site.generate(declaration, "--out", out)
        assert done.returncode == 0, done.stderr
        command = nginx_site.UNPRIVILEGED + ["nginx", "-e", "stderr", "-c", os.path.join(out, "nginx.conf"), "-g", "daemon off;"]
        with open(os.path.join(self.directory, "nginx.log"), "ab") as log:
            self.nginx = self.host.popen(command, stderr=log)
        nginx_site.wait_until(lambda: nginx_site.connects(*self.address), "NGINX listens")

    def __exit__(self, *_):
        if self.nginx is not None:
            self.nginx.terminate()
            self.nginx.wait(20)
        for instance in self.instances.values():
            instance.close()
        self.net.close()


class Users:
    """web_driver, from its start to its end; `records` is what it wrote."""

    def __init__(self, site, driver, count, pause_ms, path="/%s/add" % servers.CONTEXT):
        self.records = os.path.join(site.directory, "requests.json")
        self.count = count
        with open(self.records, "wb") as file:
            self.process = subprocess.Popen([driver, site.address[0], str(site.address[1]), path, str(count), str(pause_ms)],
                                            stdin=subprocess.PIPE, stdout=file)

    def runs_for(self, seconds):
        time.sleep(seconds)
        assert self.process.poll() is None, "web_driver has ended with %d" % self.process.returncode

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
