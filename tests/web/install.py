"""What the tests with real web servers need that is not in the tree: servers, by Maven, in exact versions, once; and what is
built by Maven: the application and the connectors. Needs the network, or a filled ~/.m2, so it runs before lab.enter()."""

import os
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"


def maven(*arguments):
    """Runs Maven, first with what is here already."""
    for flags in (["-o"], []):
        done = subprocess.run(["mvn", "-B", "-q"] + flags + list(arguments), capture_output=True, text=True)
        if done.returncode == 0:
            return
    print(done.stdout[-4000:] + done.stderr[-4000:], file=sys.stderr)
    raise SystemExit("web: `mvn %s` failed: needs Maven's repository, or a filled ~/.m2" % " ".join(arguments))


class Files:
    """Folders under build/web. `native`: where libcohort_jni.so is."""

    def __init__(self, native):
        self.folder = os.path.join(ROOT, "build", "web")
        self.native = os.path.abspath(native)
        self.war = self.war_of(1)

    def unpacked(self, coordinates, name):
        """The folder `name` that the archive of these coordinates holds."""
        target = os.path.join(self.folder, name)
        if os.path.isdir(target):
            return target
        _, artifact, version, ending = coordinates.split(":")
        downloads = os.path.join(self.folder, "downloads")
        maven(COPY, "-Dartifact=" + coordinates, "-DoutputDirectory=" + downloads)
        # Under another name first: half an archive must not be taken for a server.
        partial = os.path.join(self.folder, "unpacking")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.unpack_archive(os.path.join(downloads, "%s-%s.%s" % (artifact, version, ending)), partial)
        os.rename(os.path.join(partial, name), target)
        shutil.rmtree(partial)
        return target

    def war_of(self, release):
        """The application; its releases differ in classes of what is in a session."""
        return os.path.join(self.folder, "app%d" % release, "counter.war")

    def build_application(self, release=1):
        maven("-f", os.path.join(ROOT, "tests", "web", "app", "pom.xml"), "-Dweb.release=%d" % release, "package")

    def build_connectors(self):
        maven("-f", os.path.join(ROOT, "java", "pom.xml"), "-DskipTests", "-Dcohort.native.dir=" + self.native,
              "-Dcohort.native.platform=linux-" + os.uname().machine, "package")

    def built(self, module, ending=".jar"):
        """What Maven has made of a module of java/."""
        folder = os.path.join(ROOT, "java", module, "target")
        found = [name for name in os.listdir(folder) if name.startswith(module + "-") and name.endswith(ending)]
        assert len(found) == 1, "%s: %s" % (folder, found)
        return os.path.join(folder, found[0])
