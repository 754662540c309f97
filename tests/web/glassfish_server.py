"""GlassFish as a kind of server: each instance is a domain of its own.

A domain is made once for all, with the application in it and not yet enabled, because that takes its servers a minute; an instance
is a copy of it, and runs without `asadmin`."""

import os
import re
import shutil
import subprocess
import time

import servers

VERSION = "7.0.21"
SETUP_SECONDS = 300


class GlassFish(servers.Kind):
    name = "glassfish"
    failure = "Failed to start"
    version = VERSION
    replications = ("none", "cohort")

    def install(self, files):
        self.home = os.path.join(files.unpacked("org.glassfish.main.distributions:glassfish:%s:zip" % VERSION, "glassfish7"), "glassfish")
        self.template = os.path.join(files.folder, "glassfish-domain")
        os.chmod(self._asadmin, 0o755)

    @property
    def _asadmin(self):
        return os.path.join(self.home, "bin", "asadmin")

    def _ask(self, host, *arguments):
        done = subprocess.run(host._enter() + [self._asadmin] + list(arguments), capture_output=True, text=True, timeout=SETUP_SECONDS)
        assert done.returncode == 0, "asadmin %s: %s" % (" ".join(arguments), (done.stdout + done.stderr)[-2000:])
        return done.stdout

    def _make_template(self, instance):
        """A domain, with the application as docs/glassfish.md deploys it."""
        war = instance.files.war
        stamp = os.path.join(self.template, "made-of")
        made_of = "%s %d\n" % (VERSION, os.stat(war).st_mtime_ns)
        if os.path.exists(stamp):
            with open(stamp) as file:
                if file.read() == made_of:
                    return
        shutil.rmtree(self.template, ignore_errors=True)
        # Without the bundle, which would refuse to run without its settings.
        shutil.rmtree(self._bundle, ignore_errors=True)
        if os.path.exists(self._bundle):
            os.remove(self._bundle)
        folder, name = os.path.split(self.template)
        self._ask(instance.host, "create-domain", "--nopassword", "--domaindir", folder, "--portbase", "18000", name)
        command = self._java_command(instance.host, folder, name)
        with open(os.path.join(folder, "glassfish-domain.log"), "wb") as log:
            process = instance.host.popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            end = time.monotonic() + SETUP_SECONDS
            # 48: asadmin's port above the base. It answers before all is there, and then refuses.
            while True:
                try:
                    self._ask(instance.host, "--port", "18048", "deploy", "--availabilityenabled=true", "--enabled=false",
                              "--contextroot", "/" + servers.CONTEXT, "--name", servers.CONTEXT, war)
                    break
                except AssertionError:
                    if time.monotonic() > end or process.poll() is not None:
                        raise
                    time.sleep(0.5)
        finally:
            process.terminate()
            process.wait(60)
        with open(stamp, "w") as file:
            file.write(made_of)

    @property
    def _bundle(self):
        return os.path.join(self.home, "modules", "cohort-glassfish.jar")

    def _java_command(self, host, folder, name):
        """What asadmin would start."""
        said = self._ask(host, "start-domain", "--dry-run", "--domaindir", folder, name).splitlines()
        first = next(number for number, line in enumerate(said) if re.search(r"/bin/java$", line))
        return [line for line in said[first:] if line and not line.startswith("Command ")]

    def configure(self, instance):
        self._make_template(instance)
        shutil.copytree(self.template, os.path.join(instance.directory, "domains", instance.route), symlinks=True)
        path = self._settings(instance)
        with open(path) as file:
            text = file.read()
        # Enabled; at the port of all kinds, and with as much memory.
        text = text.replace('enabled="false"', 'enabled="true"').replace('port="18080"', 'port="%d"' % servers.PORT).replace("-Xmx512m", "-Xmx384m")
        with open(path, "w") as file:
            file.write(text)
        self._add_options(instance, ["-DjvmRoute=" + instance.route, "-Dweb.route=" + instance.route, "-XX:+UseSerialGC"])

    def _settings(self, instance):
        return os.path.join(instance.directory, "domains", instance.route, "config", "domain.xml")

    def _add_options(self, instance, options, elements=""):
        path = self._settings(instance)
        with open(path) as file:
            server, rest = file.read().split("</config>", 1)
        words = "".join("<jvm-options>%s</jvm-options>\n        " % option for option in options)
        with open(path, "w") as file:
            file.write(server.replace("<jvm-options>", words + "<jvm-options>", 1) + elements + "</config>" + rest)

    def replicate_cohort(self, instance):
        shutil.copy(instance.files.built("cohort-glassfish"), self._bundle)
        self._add_options(instance, ["-Dcohort.nodeName=" + instance.route, "-Dcohort.group=" + instance.group, "-Dcohort.bind=" + instance.host.address,
                                     "-Dcohort.keyFile=" + instance.group_key()],
                          "<availability-service><web-container-availability/></availability-service>")

    def command(self, instance):
        return self._java_command(instance.host, os.path.join(instance.directory, "domains"), instance.route)
