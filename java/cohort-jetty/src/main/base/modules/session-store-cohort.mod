[description]
Replicates sessions among the members of a Cohort group: each instance has all of them.
Takes the place of session-cache and session-store modules.

[tags]
session

[provides]
session-store
session-cache

[depends]
sessions

[lib]
lib/cohort/cohort-jetty.jar
lib/cohort/cohort-connector.jar
lib/cohort/cohort-session.jar
lib/cohort/cohort-jni.jar

[xml]
etc/sessions/cohort.xml

[ini-template]
## Name of the group, the same on all instances; it has to be set
# jetty.cohort.group=shop

## The group's key, made by `cohort keygen --out FILE`, the same on all hosts
# jetty.cohort.keyFile=etc/cohort.key

## Without a key: no, loopback (all instances on this host), network
# jetty.cohort.allowPlaintext=no

## Name of this instance in the group; else jetty.sessionIdManager.workerName
# jetty.cohort.nodeName=

## Address, address:port or interface that other members reach this one by
# jetty.cohort.bind=
# jetty.cohort.multicast=
# jetty.cohort.seeds=
# jetty.cohort.noMulticast=false
# jetty.cohort.peerCache=

## on; off: sessions are of this instance alone until replication is switched on (JMX)
# jetty.cohort.replication=on

## all: a request is answered when all members have its changes; local: at once
# jetty.cohort.ack=all
# jetty.cohort.ackTimeoutMs=0

## Whether requests, where many are under way, wait for that without their threads
# jetty.cohort.asyncAnswers=true

# jetty.cohort.bytesMax=0
# jetty.cohort.evict=false
# jetty.cohort.successorStepMs=0

## Names of attributes that stay on this instance: patterns between commas
# jetty.cohort.excludedAttributes=

## Classes that attributes may be made of, and no others (syntax of jdk.serialFilter)
# jetty.cohort.allowedClasses=

## Whether attributes that a request has read are looked at for changes in place
# jetty.cohort.detectChanges=true
