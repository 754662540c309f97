"""Kinds of web servers with what measures them only: replication of others, and settings of ours beside the default."""

import os
import shutil

import install
import servers

HAZELCAST = "5.6.0"  # The version that Jetty 12.0.31 names.


def multicast(instance):
    """An address of its own for each variant of a run, since all of them run at once."""
    return "239.255.77.%d:7600" % (100 + instance.variant)


class Tomcat(servers.Tomcat):
    """cohort-local: answers do not wait. cohort-sync: they do so with their threads. bare, bare-local: no replication, but what the
    barest copy at the other server costs, one datagram in clear, with its answer awaited or not (BareCopy.java); the copies are of
    no use. bare-async: awaited without a thread. delta, delta-async: Tomcat's DeltaManager, every change acknowledged by the other before the
    answer, or not waited for. backup: Tomcat's BackupManager, acknowledged."""

    replications = ("none", "cohort", "cohort-local", "cohort-sync", "bare", "bare-local", "bare-async", "delta", "delta-async", "backup")
    CONTEXT = '<Context>\n  <Manager className="io.cohort.tomcat.CohortManager" group="web" bind="%s" multicast="%s" keyFile="%s" ack="%s"/>\n</Context>\n'

    def _cohort(self, instance, ack):
        instance.java += getattr(instance, "more_java", [])
        for module in ("cohort-jni", "cohort-session", "cohort-connector", "cohort-tomcat"):
            instance.copy(instance.files.built(module), "lib")
        instance.write("conf/context.xml", self.CONTEXT % (
            instance.host.address, multicast(instance), instance.group_key(), ack))

    def replicate_cohort(self, instance):
        self._cohort(instance, "all")

    def replicate_cohort_local(self, instance):
        self._cohort(instance, "local")

    def replicate_cohort_sync(self, instance):
        self._cohort(instance, 'all" asyncAnswers="false')

    def replicate_bare(self, instance):
        instance.java += ["-Dbare.bind=" + instance.host.address, "-Dbare.peer=" + instance.others[0]]

    def replicate_bare_local(self, instance):
        self.replicate_bare(instance)
        instance.java.append("-Dbare.local=true")

    def replicate_bare_async(self, instance):
        self.replicate_bare(instance)
        instance.java.append("-Dbare.async=true")

    def _cluster(self, instance, *changes):
        text = self.DELTA.replace('port="45564"', 'port="%d"' % (45500 + instance.variant))
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self._server(instance, text)
        instance.java.append("-Djava.net.preferIPv4Stack=true")

    def replicate_delta(self, instance):
        self._cluster(instance)

    def replicate_delta_async(self, instance):
        self._cluster(instance, ('channelSendOptions="6"', 'channelSendOptions="8"'))

    def replicate_backup(self, instance):
        self._cluster(instance, ('ha.session.DeltaManager" expireSessionsOnShutdown="false"', 'ha.session.BackupManager" mapSendOptions="6"'))


class Tomcat11(Tomcat):
    name, version = servers.Tomcat11.name, servers.Tomcat11.version


class Jetty(servers.Jetty):
    """cohort-sync: answers wait with their threads. hazelcast: Jetty's session store in an embedded Hazelcast, with Jetty's own cache of
    sessions and what is default otherwise."""

    replications = ("none", "cohort", "cohort-sync", "hazelcast")

    CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<hazelcast xmlns="http://www.hazelcast.com/schema/config">
  <cluster-name>web%(variant)d</cluster-name>
  <properties><property name="hazelcast.phone.home.enabled">false</property></properties>
  <network>
    <port auto-increment="false">5701</port>
    <join>
      <multicast enabled="false"/><auto-detection enabled="false"/>
      <tcp-ip enabled="true">%(members)s</tcp-ip>
    </join>
    <interfaces enabled="true"><interface>%(address)s</interface></interfaces>
  </network>
  <map name="jetty-distributed-session-map"><backup-count>1</backup-count></map>
</hazelcast>
"""

    def install(self, files):
        super().install(files)
        self.jar = os.path.join(files.folder, "downloads", "hazelcast-%s.jar" % HAZELCAST)
        if not os.path.exists(self.jar):
            install.maven(install.COPY, "-Dartifact=com.hazelcast:hazelcast:%s:jar" % HAZELCAST, "-DoutputDirectory=" + os.path.dirname(self.jar))

    def replicate_cohort(self, instance):
        super().replicate_cohort(instance)
        with open(os.path.join(instance.directory, "start.d", "cohort.ini"), "a") as file:
            file.write("jetty.cohort.multicast=%s\n" % multicast(instance))

    def replicate_cohort_sync(self, instance):
        self.replicate_cohort(instance)
        with open(os.path.join(instance.directory, "start.d", "cohort.ini"), "a") as file:
            file.write("jetty.cohort.asyncAnswers=false\n")

    def replicate_hazelcast(self, instance):
        os.makedirs(os.path.join(instance.directory, "lib", "hazelcast"))
        shutil.copy(self.jar, os.path.join(instance.directory, "lib", "hazelcast"))
        members = "".join("<member>%s</member>" % address for address in [instance.host.address] + instance.others)
        instance.write("hazelcast.xml", self.CONFIGURATION % {
            "variant": instance.variant, "members": members, "address": instance.host.address})
        instance.write("start.d/hazelcast.ini", "".join(line + "\n" for line in (
            "--module=session-store-hazelcast-embedded", "hazelcast.version=" + HAZELCAST,
            "jetty.session.hazelcast.configurationLocation=" + os.path.join(instance.directory, "hazelcast.xml"))))
        instance.java.append("-Djava.net.preferIPv4Stack=true")


KINDS = {kind.name: kind for kind in (Tomcat(), Tomcat11(), Jetty())}
