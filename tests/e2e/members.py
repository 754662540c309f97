"""`cohort node` processes on the hosts of a lab: start them, read the events they print, end them.

Every process is ended by its own id; nothing is killed by name.
"""

import json
import os
import signal
import subprocess
import threading
import time

import redis


class Member:
    """One `cohort node --events json`. Its RESP door is a Unix socket, so clients reach it when its cable is pulled."""

    def __init__(self, binary, host, name, directory, key_file, extra=(), environment=None, resp=None,
                 address=None, files=None):
        self.name = name
        self.host = host
        files = os.path.join(directory, files or name)  # What its sockets and its log are called.
        self.socket = files + ".sock"
        self.http = files + ".http.sock"
        self.binary = binary
        for path in (self.socket, self.http):
            if os.path.exists(path):
                os.unlink(path)
        command = [binary, "node", "--group", "demo", "--name", name, "--bind", address or host.address, "--key-file",
                   key_file, "--resp", resp or "unix:" + self.socket, "--http", "unix:" + self.http,
                   "--events", "json"] + list(extra)
        self.errors = open(files + ".log", "ab")
        self.process = host.popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True, bufsize=1,
                                  env=dict(os.environ, **(environment or {})))
        self.events = []  # (seconds on our clock, event)
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            now = time.monotonic()
            try:
                event = json.loads(line)
            except ValueError:
                continue
            with self._changed:
                self.events.append((now, event))
                self._changed.notify_all()

    def wait_for(self, condition, seconds, what):
        """The first (time, event) for which condition(event) holds, past or future; an error naming `what` otherwise."""
        deadline = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for at, event in self.events[seen:]:
                    if condition(event):
                        return at, event
                seen = len(self.events)
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and left < seconds - 1):
                    state = "exit status %s" % self.process.returncode if self.process.poll() is not None else "running"
                    raise TimeoutError("%s: no %s within %.0f s (%s); last events: %s" % (
                        self.name, what, seconds, state, [e for _, e in self.events[-3:]]))
                self._changed.wait(min(left, 0.5))

    def wait_for_again(self, kind, since, seconds):
        """When its own event of this kind came, at or after `since`; an error otherwise."""
        deadline = time.monotonic() + seconds
        while True:
            for at, event in list(self.events):
                if at >= since and event.get("event") == kind and event.get("member", self.name) == self.name:
                    return at
            if time.monotonic() > deadline:
                raise TimeoutError("%s: no %s within %.0f s" % (self.name, kind, seconds))
            time.sleep(0.02)

    def views(self):
        with self._changed:
            return [(at, event) for at, event in self.events if event.get("event") == "view"]

    def members(self):
        views = self.views()
        return sorted(views[-1][1]["members"]) if views else []

    def wait_for_view(self, names, seconds, since=0.0):
        """Until the newest view has exactly these members; returns when it was installed (our clock)."""
        wanted = sorted(names)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            views = self.views()
            if views and sorted(views[-1][1]["members"]) == wanted and views[-1][0] >= since:
                return views[-1][0]
            with self._changed:
                self._changed.wait(0.05)
        raise TimeoutError("%s: the view is %s, not %s, after %.0f s" % (self.name, self.members(), wanted, seconds))

    def client(self, timeout=30):
        return redis.Redis(unix_socket_path=self.socket, socket_timeout=timeout)

    def wait_until_serving(self, seconds=30):
        self.wait_for(lambda e: e.get("event") == "synced" and e.get("member", self.name) == self.name, seconds, "synced event")
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.client().ping()
                return
            except (redis.ConnectionError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def stats(self):
        return self.status()["stats"]

    def status(self):
        out = subprocess.run([self.binary, "status", "--http", "unix:" + self.http, "--json"], capture_output=True,
                             text=True, check=True, timeout=10).stdout
        return json.loads(out)

    def digest(self):
        """A line a map; none while it has no complete state."""
        try:
            return self.client().execute_command("COHORT", "DIGEST")
        except redis.exceptions.BusyLoadingError:
            return None

    # Each returns the moment just before its signal, on our clock.
    def kill(self):
        at = time.monotonic()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.gone_after = time.monotonic() - at
        return at

    def stop(self):
        at = time.monotonic()
        self.process.send_signal(signal.SIGSTOP)
        return at

    def resume(self):
        at = time.monotonic()
        self.process.send_signal(signal.SIGCONT)
        return at

    def leave(self, seconds=10):
        at = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(seconds)
        return at

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.errors.close()
