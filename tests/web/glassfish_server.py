"""GlassFish as a kind of server: each instance is a domain of its own.

Its tools take minutes on a machine that is busy. So a domain is made once, with the application in it and not yet enabled, and the
command that runs it is asked for; an instance is a copy of both."""

import filecmp
import json
import os
import re
import shutil
import subprocess
import time

import servers

SETUP_SECONDS = 600
DOMAIN = "glassfish-domain"


class GlassFish(servers.Kind):
    name = "glassfish"
    failure = "There is no installed container capable of handling this application"
    start_seconds = 400  # 120 were seen at a load of 45.
    version = "7.0.21"
    replications = ("none", "cohort")
    opens_early = True

    def install(self, files):
        self.home = os.path.join(files.unpacked("org.glassfish.main.distributions:glassfish:%s:zip" % self.version, "glassfish7"), "glassfish")
        self.asadmin = os.path.join(self.home, "bin", "asadmin")
        os.chmod(self.asadmin, 0o755)  # Which an archive forgets.
        self.bundle = os.path.join(self.home, "modules", "cohort-glassfish.jar")

    def _ask(self, host, *arguments):
        done = subprocess.run(host._enter() + [self.asadmin] + list(arguments), capture_output=True, text=True, timeout=SETUP_SECONDS)
        assert done.returncode == 0, "asadmin %s: %s" % (" ".join(arguments), (done.stdout + done.stderr)[-2000:])
        return done.stdout

    def _template(self, instance):
        """The folder of a domain that has the application, as docs/glassfish.md deploys it."""
        folder = instance.files.folder
        template = os.path.join(folder, DOMAIN)
        if os.path.exists(os.path.join(template, "command")) and os.stat(template).st_mtime > os.stat(instance.files.war).st_mtime:
            return template
        shutil.rmtree(template, ignore_errors=True)
        self._ask(instance.host, "create-domain", "--nopassword", "--domaindir", folder, "--portbase", "18000", DOMAIN)
        said = self._ask(instance.host, "start-domain", "--dry-run", "--domaindir", folder, DOMAIN).splitlines()
        first = next(number for number, line in enumerate(said) if re.search(r"/bin/java$", line))
        command = [line for line in said[first:] if line and not line.startswith("Command ")]
        with open(os.path.join(folder, DOMAIN + ".log"), "wb") as log:
            process = instance.host.popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            self._deploy(instance, process)
        finally:
            process.terminate()
            process.wait(60)
        with open(os.path.join(template, "command"), "w") as file:
            json.dump(command, file)
        return template

    def _deploy(self, instance, process):
        end = time.monotonic() + SETUP_SECONDS
        while True:  # While it starts it refuses.
            try:
                self._ask(instance.host, "--port", "18048", "deploy", "--availabilityenabled=true", "--enabled=false",
                          "--contextroot", "/" + servers.CONTEXT, "--name", servers.CONTEXT, instance.files.war)
                return
            except AssertionError:
                if time.monotonic() > end or process.poll() is not None:
                    raise
                time.sleep(0.5)

    def configure(self, instance):
        template = self._template(instance)
        domain = os.path.join(instance.directory, DOMAIN)
        shutil.copytree(template, domain, symlinks=True)
        shutil.rmtree(os.path.join(domain, "osgi-cache"), ignore_errors=True)  # It knows the bundles of the template.
        with open(os.path.join(domain, "command")) as file:
            self._write_command(instance, [word.replace(template, domain) for word in json.load(file)])
        instance.java += ["-DjvmRoute=" + instance.route]
        self._edit(instance, lambda text: re.sub(r'(<application(?:-ref)? [^>]*enabled=)"false"', r'\1"true"', text)
                   .replace('port="18080"', 'port="%d"' % servers.PORT))

    def _edit(self, instance, change):
        path = os.path.join(instance.directory, DOMAIN, "config", "domain.xml")
        with open(path) as file:
            text = change(file.read())
        with open(path, "w") as file:
            file.write(text)

    def _write_command(self, instance, command):
        heap = [word for word in command if word.startswith("-Xmx")]
        instance.write("command", json.dumps([word for word in command if word not in heap]))

    # The bundle is where all instances find it; another one of the site may just be reading it.
    def replicate_none(self, instance):
        if os.path.exists(self.bundle):
            os.remove(self.bundle)

    def replicate_cohort(self, instance):
        built = instance.files.built("cohort-glassfish")
        if not os.path.exists(self.bundle) or not filecmp.cmp(built, self.bundle, shallow=False):
            shutil.copy(built, self.bundle)
        instance.java += ["-Dcohort.nodeName=" + instance.route, "-Dcohort.group=" + instance.group, "-Dcohort.bind=" + instance.host.address,
                          "-Dcohort.keyFile=" + instance.group_key()]
        # A deployment leaves an empty element, which would count.
        element = "<availability-service><web-container-availability/></availability-service></config>"
        self._edit(instance, lambda text: re.sub(r"(<availability-service/>\s*)?</config>", element, text, count=1))

    def command(self, instance):
        with open(os.path.join(instance.directory, "command")) as file:
            java, *rest = json.load(file)
        return [java] + servers.JVM + instance.java + rest
