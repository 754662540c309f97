"""Clients of other languages for redis_clients.py, in exact versions, by the package managers of those languages, once, into
build/clients. Needs the network, or what they keep in the home directory, so it runs before lab.enter()."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.abspath(os.path.join(HERE, "..", "..", "..", "build", "clients"))


def here(*names):
    return os.path.join(HERE, *names)


def installed(*names):
    return os.path.join(FOLDER, *names)


def _run(what, *commands):
    """The first of `commands` that works: offline, then from the network."""
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return
    print((done.stdout + done.stderr)[-4000:], file=sys.stderr)
    raise SystemExit("clients: `%s` failed; %s must be reachable (./run setup installs the program)" % (" ".join(command), what))


def _redis_py():
    target = installed("redis_py")
    if os.path.isdir(target):
        return
    partial = target + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    _run("PyPI", [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", partial, "-r", here("redis_py", "requirements.txt")])
    os.rename(partial, target)


def _ioredis():
    target = installed("ioredis")
    if os.path.isdir(target):
        return
    partial = target + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(here("ioredis", name), partial)
    _run("npm's registry", ["npm", "ci", "--prefix", partial, "--silent", "--no-audit", "--no-fund", "--prefer-offline"])
    os.rename(partial, target)


def _jedis():
    package = ["mvn", "-B", "-q", "-f", here("jedis", "pom.xml"), "package"]
    _run("Maven's repository", package[:1] + ["-o"] + package[1:], package)


def install():
    os.makedirs(FOLDER, exist_ok=True)
    _redis_py()
    _ioredis()
    _jedis()
