"""Kinds of web servers, and instances of them.

A kind knows how its server is installed, configured and started; what replicates the sessions is one of its `replications`.
A connector is plugged in as one more of these: a name, and a method `replicate_NAME(instance)` that adds to what `configure`
has written."""

import base64
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time

PORT = 8080
CONTEXT = "counter"
# In English, since logs are looked into.
JVM = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:+UseTransparentHugePages", "-Djava.awt.headless=true", "-Duser.language=en"]


def processor_seconds(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Kind:
    """A kind of server. `files` (install.Files) has what was downloaded and built."""

    name = ""
    replications = ("none",)
    failure = "\0"  # In the log of an instance that will never serve.
    start_seconds = 120  # On a machine that does other things as well.
    opens_early = False  # It takes in users before it has its applications, and answers 404.
    asks_who = False  # /who is for users who have logged in by a form, as ann with "secret".

    def install(self, files):
        """Downloads and unpacks, once."""
        raise NotImplementedError

    def configure(self, instance):
        """Writes the folder of a new instance, without replication."""
        raise NotImplementedError

    def command(self, instance):
        """What starts it, in its folder."""
        raise NotImplementedError

    def replicate_none(self, instance):
        pass


class Instance:
    """One server on a host of its own. Its folder and its host stay when it is killed."""

    def __init__(self, kind, route, host, directory, files, cluster="first", others=()):
        self.kind, self.route, self.host, self.directory, self.files = kind, route, host, directory, files
        self.cluster = cluster
        self.others = others  # Addresses of the servers in its cluster.
        self.java = []  # Further arguments of its JVM.
        self.deployed = ""  # In the log, before anybody can connect: else users whom a balancer sends there wait until it has started. Empty: not so.
        self.process = None

    @property
    def log(self):
        return os.path.join(self.directory, "log")

    def configure(self, replication):
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        self.java = ["-Dweb.route=" + self.route]
        self.kind.configure(self)
        getattr(self.kind, "replicate_" + replication)(self)

    def write(self, path, text):
        """A file of its folder."""
        whole = os.path.join(self.directory, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w") as file:
            file.write(text)

    def copy(self, source, folder):
        os.makedirs(os.path.join(self.directory, folder), exist_ok=True)
        shutil.copy(source, os.path.join(self.directory, folder))

    def deploy(self, war):
        """Another release of the application, for the next start."""
        shutil.rmtree(os.path.join(self.directory, "webapps", CONTEXT), ignore_errors=True)  # What was unpacked.
        self.copy(war, "webapps")

    @property
    def group(self):
        """Each cluster has a group of its own, with a name and a key."""
        return "web-" + self.cluster

    def group_key(self):
        """The file with the key of its cluster's group, the same for all its instances."""
        path = os.path.join(os.path.dirname(self.directory), self.cluster + ".key")
        if not os.path.exists(path):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(b"cohort-key-1 " + base64.b64encode(secrets.token_bytes(32)) + b"\n")
        return path

    def start(self):
        assert self.process is None, self.route + " runs already"
        log = open(self.log, "ab")
        self.log_before = log.tell()
        self.process = self.host.popen(self.kind.command(self), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.directory)
        log.close()

    def ask(self, path):
        """What it says, asked straight, as JSON; None: nothing, or no 200."""
        try:
            connection = http.client.HTTPConnection(self.host.address, PORT, timeout=5)
            try:
                connection.request("GET", "/%s/%s" % (CONTEXT, path))
                response = connection.getresponse()
                return json.loads(response.read()) if response.status == 200 else None
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return None

    def answers(self):
        return self.ask("health") is not None

    def digest(self):
        """(digest of all sessions that the store has, their number), as its connector's JMX bean tells; None: it cannot say."""
        told = self.ask("digest")
        return (told["digest"], told["sessions"]) if told and told["digest"] else None

    def wait_until_serving(self):
        """Seconds from now until it answers with 200."""
        start = time.monotonic()
        connected = False
        while True:
            if not connected and self._is_open():
                connected = True
                self._expect_deployed()
            if self.answers():
                return time.monotonic() - start
            dead = self.process.poll() is not None or self.kind.failure in self.tail(200)
            if dead or time.monotonic() > start + self.kind.start_seconds:
                raise AssertionError("%s of kind %s does not serve: see %s\n%s" % (self.route, self.kind.name, self.log, self.tail()))
            time.sleep(0.02)

    def _is_open(self):
        try:
            socket.create_connection((self.host.address, PORT), timeout=5).close()
            return True
        except OSError:
            return False

    def _expect_deployed(self):
        with open(self.log, errors="replace") as file:
            file.seek(self.log_before)
            assert self.deployed in file.read(), "%s lets users in before it has their application:\n%s" % (self.route, self.tail())

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As power that fails: kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self):
        """As an operator does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process = None

    def close(self):
        if self.process is not None:
            self.kill()

    def tail(self, lines=30):
        with open(self.log, errors="replace") as file:
            return "".join(file.readlines()[-lines:])


class Tomcat(Kind):
    name = "tomcat"
    failure = "startup failed due to previous errors"
    version = "10.1.59"
    replications = ("none", "cohort", "delta")
    asks_who = True

    # The page with the form is one of the application that says nothing.
    WEB = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <security-constraint>
    <web-resource-collection><web-resource-name>who</web-resource-name><url-pattern>/who</url-pattern></web-resource-collection>
    <auth-constraint><role-name>buyer</role-name></auth-constraint>
  </security-constraint>
  <login-config>
    <auth-method>FORM</auth-method>
    <form-login-config><form-login-page>/health</form-login-page><form-error-page>/health</form-error-page></form-login-config>
  </login-config>
  <security-role><role-name>buyer</role-name></security-role>
</web-app>
"""

    def install(self, files):
        self.home = files.unpacked("org.apache.tomcat:tomcat:%s:tar.gz" % self.version, "apache-tomcat-" + self.version)

    # `%s`: elements of the engine.
    SERVER = """<?xml version="1.0" encoding="UTF-8"?>
<Server port="-1">
  <Service name="Catalina">
    <Connector address="%(address)s" port="%(port)d" protocol="HTTP/1.1" acceptCount="1000" bindOnInit="false"
               keepAliveTimeout="60000" maxKeepAliveRequests="-1"/>
    <Engine name="Catalina" defaultHost="localhost" jvmRoute="%(route)s">%(engine)s
      <Realm className="org.apache.catalina.realm.MemoryRealm"/>
      <Host name="localhost" appBase="webapps" autoDeploy="false"/>
    </Engine>
  </Service>
</Server>
"""

    # Tomcat's own: every session at every server, changes sent and acknowledged before the answer (6: synchronized, with an ack).
    DELTA = """
      <Cluster className="org.apache.catalina.ha.tcp.SimpleTcpCluster" channelSendOptions="6">
        <Manager className="org.apache.catalina.ha.session.DeltaManager" expireSessionsOnShutdown="false"/>
        <Channel className="org.apache.catalina.tribes.group.GroupChannel">
          <Membership className="org.apache.catalina.tribes.membership.McastService" address="228.0.0.4" port="45564" bind="%(address)s"/>
          <Receiver className="org.apache.catalina.tribes.transport.nio.NioReceiver" address="%(address)s" port="4000"/>
          <Sender className="org.apache.catalina.tribes.transport.ReplicationTransmitter"/>
          <Interceptor className="org.apache.catalina.tribes.group.interceptors.TcpFailureDetector"/>
          <Interceptor className="org.apache.catalina.tribes.group.interceptors.MessageDispatchInterceptor"/>
        </Channel>
        <Valve className="org.apache.catalina.ha.tcp.ReplicationValve"/>
        <Valve className="org.apache.catalina.ha.session.JvmRouteBinderValve"/>
        <ClusterListener className="org.apache.catalina.ha.session.ClusterSessionListener"/>
      </Cluster>"""

    def _server(self, instance, engine=""):
        values = {"address": instance.host.address, "port": PORT, "route": instance.route}
        instance.write("conf/server.xml", self.SERVER % dict(values, engine=engine % values))

    def configure(self, instance):
        self._server(instance)
        instance.deployed = "has finished in"
        instance.write("conf/web.xml", self.WEB)
        instance.write("conf/tomcat-users.xml", '<tomcat-users><user username="ann" password="secret" roles="buyer"/></tomcat-users>\n')
        # Without a <Manager> of its own an application keeps Tomcat's.
        instance.write("conf/context.xml", "<Context/>\n")
        for folder in ("logs", "temp", "work", "lib"):
            os.makedirs(os.path.join(instance.directory, folder))
        instance.copy(instance.files.war, "webapps")

    # docs/tomcat.md: jars where the server's own are, and one element.
    COHORT = """<Context>
  <Manager className="io.cohort.tomcat.CohortManager" group="%s" bind="%s" keyFile="%s"/>
</Context>
"""

    def replicate_cohort(self, instance):
        for module in ("cohort-jni", "cohort-session", "cohort-connector", "cohort-tomcat"):
            instance.copy(instance.files.built(module), "lib")
        instance.write("conf/context.xml", self.COHORT % (instance.group, instance.host.address, instance.group_key()))

    def replicate_delta(self, instance):
        self._server(instance, self.DELTA)
        # Its multicast socket sends to an address of IPv4 from one of IPv6 otherwise.
        instance.java.append("-Djava.net.preferIPv4Stack=true")

    def command(self, instance):
        jars = ":".join(os.path.join(self.home, "bin", jar) for jar in ("bootstrap.jar", "tomcat-juli.jar"))
        return ["java"] + JVM + instance.java + [
            "-Dcatalina.home=" + self.home, "-Dcatalina.base=" + instance.directory,
            "-Djava.io.tmpdir=" + os.path.join(instance.directory, "temp"), "-cp", jars, "org.apache.catalina.startup.Bootstrap", "start"]


class Tomcat11(Tomcat):
    name = "tomcat11"
    version = "11.0.24"


class Jetty(Kind):
    name = "jetty"
    failure = "Failed startup of context"
    version = "12.0.31"
    replications = ("none", "cohort")

    def install(self, files):
        self.home = files.unpacked("org.eclipse.jetty:jetty-home:%s:zip" % self.version, "jetty-home-" + self.version)

    def configure(self, instance):
        instance.write("start.d/server.ini", "".join(line + "\n" for line in (
            "--module=http", "--module=ee10-deploy", "--module=sessions", "jetty.http.host=" + instance.host.address,
            "jetty.http.port=%d" % PORT, "jetty.http.idleTimeout=60000", "jetty.http.acceptQueueSize=1000", "jetty.sessionIdManager.workerName=" + instance.route)))
        os.makedirs(os.path.join(instance.directory, "temp"))
        instance.copy(instance.files.war, "webapps")

    def replicate_cohort(self, instance):
        instance.deployed = "Started oeje10w.WebAppContext"
        shutil.unpack_archive(instance.files.built("cohort-jetty", "-base.zip"), instance.directory)
        instance.write("start.d/cohort.ini", "".join(line + "\n" for line in (
            # jmx: for the digest of its sessions.
            "--module=session-store-cohort", "--module=jmx", "jetty.cohort.group=" + instance.group, "jetty.cohort.bind=" + instance.host.address,
            "jetty.cohort.keyFile=" + instance.group_key())))

    def command(self, instance):
        return ["java"] + JVM + instance.java + [
            "-Djava.io.tmpdir=" + os.path.join(instance.directory, "temp"), "-Djetty.home=" + self.home,
            "-Djetty.base=" + instance.directory, "-jar", os.path.join(self.home, "start.jar")]

