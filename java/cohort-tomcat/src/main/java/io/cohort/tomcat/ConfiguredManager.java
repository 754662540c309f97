package io.cohort.tomcat;

import io.cohort.SessionStoreOptions;
import io.cohort.connector.AnswerWaits;
import io.cohort.connector.ConnectorSettings;
import io.cohort.connector.GroupSettings;
import io.cohort.connector.Wording;
import io.cohort.session.ClassRules;
import java.util.List;
import org.apache.catalina.session.ManagerBase;

/**
 * What the element {@code <Manager className="io.cohort.tomcat.CohortManager">} may say, beside the
 * attributes that every manager of Tomcat has. docs/tomcat.md tells what each is for. Whatever is
 * wrong is an IllegalArgumentException when the manager starts, which says what to do.
 */
public abstract class ConfiguredManager extends ManagerBase {
  private final ConnectorSettings settings = new ConnectorSettings();

  // ---- The group --------------------------------------------------------------------------

  /** Name of the group, 1 to 64 bytes. */
  public void setGroup(String value) {
    settings.set("group", value);
  }

  /** As it was set. */
  public String getGroup() {
    return settings.text("group");
  }

  /** Of this instance, unique in the group; default: the engine's jvmRoute. */
  public void setNodeName(String value) {
    settings.set("nodeName", value);
  }

  /** As it was set, else the engine's jvmRoute; empty: host name and port. */
  public String getNodeName() {
    String nodeName = settings.text("nodeName");
    if (!nodeName.isEmpty() || getContext() == null) return nodeName;
    String route = getJvmRoute();
    return route == null ? "" : route;
  }

  /** "ADDR", "ADDR:PORT", or the name of an interface instead of the address. */
  public void setBind(String value) {
    settings.set("bind", value);
  }

  /** As it was set. */
  public String getBind() {
    return settings.text("bind");
  }

  /** "ADDR:PORT". */
  public void setMulticast(String value) {
    settings.set("multicast", value);
  }

  /** As it was set. */
  public String getMulticast() {
    return settings.text("multicast");
  }

  /** Addresses or names to ask, between commas. */
  public void setSeeds(String value) {
    settings.set("seeds", value);
  }

  /** As it was set. */
  public String getSeeds() {
    return settings.text("seeds");
  }

  /** Only seeds, and no multicast. */
  public void setNoMulticast(boolean value) {
    settings.set("noMulticast", value);
  }

  /** As it was set. */
  public boolean isNoMulticast() {
    return settings.isOn("noMulticast", wording());
  }

  /** File for the addresses of the members that were there last. */
  public void setPeerCache(String value) {
    settings.set("peerCache", value);
  }

  /** As it was set. */
  public String getPeerCache() {
    return settings.text("peerCache");
  }

  /** The group's key, as {@code cohort keygen} makes it. */
  public void setKeyFile(String value) {
    settings.set("keyFile", value);
  }

  /** As it was set. */
  public String getKeyFile() {
    return settings.text("keyFile");
  }

  /** "no"; "loopback", on one host without a key; "network", on a network without a key. */
  public void setAllowPlaintext(String value) {
    settings.set("allowPlaintext", value);
  }

  /** As it was set. */
  public String getAllowPlaintext() {
    return settings.text("allowPlaintext");
  }

  // ---- The store --------------------------------------------------------------------------

  /** What the sessions belong to, 1 to 56 bytes; default: the context's name. */
  public void setApplication(String value) {
    settings.set("application", value);
  }

  /** As it was set, else the context's name, or "/" for the root. */
  public String getApplication() {
    String application = settings.text("application");
    if (!application.isEmpty() || getContext() == null) return application;
    String name = getContext().getName();
    return name == null || name.isEmpty() ? "/" : name;
  }

  /** "on"; "off": sessions are of this instance alone, until it is switched on. */
  public void setReplication(String value) {
    settings.set("replication", value);
  }

  /** As it was set. */
  public String getReplication() {
    return settings.text("replication");
  }

  /** "all": a request is answered when all members have its changes; "local": at once. */
  public void setAck(String value) {
    settings.set("ack", value);
  }

  /** As it was set. */
  public String getAck() {
    return settings.text("ack");
  }

  /** Longest wait for it, in milliseconds; 0: 5 s. */
  public void setAckTimeoutMs(long value) {
    settings.set("ackTimeoutMs", value);
  }

  /** As it was set. */
  public long getAckTimeoutMs() {
    return settings.number("ackTimeoutMs", wording());
  }

  /** Cap on all sessions of the application, in bytes; 0: that of the group. */
  public void setBytesMax(long value) {
    settings.set("bytesMax", value);
  }

  /** As it was set. */
  public long getBytesMax() {
    return settings.number("bytesMax", wording());
  }

  /** Whether a store that is full ends sessions that were not used for long. */
  public void setEvict(boolean value) {
    settings.set("evict", value);
  }

  /** As it was set. */
  public boolean isEvict() {
    return settings.isOn("evict", wording());
  }

  /** Milliseconds between the tries of instances to end a session whose owner is gone; 0: 1 s. */
  public void setSuccessorStepMs(long value) {
    settings.set("successorStepMs", value);
  }

  /** As it was set. */
  public long getSuccessorStepMs() {
    return settings.number("successorStepMs", wording());
  }

  // ---- Attributes -------------------------------------------------------------------------

  /** Patterns of names that stay on this instance, between commas. */
  public void setExcludedAttributes(String value) {
    settings.set("excludedAttributes", value);
  }

  /** As it was set. */
  public String getExcludedAttributes() {
    return settings.text("excludedAttributes");
  }

  /** Pattern of classes that attributes may be made of, as of jdk.serialFilter, and no others. */
  public void setAllowedClasses(String value) {
    settings.set("allowedClasses", value);
  }

  /** As it was set. */
  public String getAllowedClasses() {
    return settings.text("allowedClasses");
  }

  /** Whether attributes that a request has read are looked at for changes in place. */
  public void setDetectChanges(boolean value) {
    settings.set("detectChanges", value);
  }

  /** As it was set. */
  public boolean isDetectChanges() {
    return settings.isOn("detectChanges", wording());
  }

  /** Whether requests, where many are under way, wait for their saves without their threads. */
  public void setAsyncAnswers(boolean value) {
    settings.set("asyncAnswers", value);
  }

  /** As it was set. */
  public boolean isAsyncAnswers() {
    return settings.isOn("asyncAnswers", wording());
  }

  // ---- Checked ----------------------------------------------------------------------------

  final GroupSettings groupSettings() {
    return settings.groupSettings(getNodeName(), wording());
  }

  final void allow(AnswerWaits waits) {
    settings.allow(waits, wording());
  }

  final SessionStoreOptions storeOptions() {
    return settings.storeOptions(getApplication(), wording());
  }

  final boolean startsReplicated() {
    return settings.startsReplicated(wording());
  }

  final List<String> excludedPatterns() {
    return settings.excludedPatterns();
  }

  final ClassRules classRules(ClassLoader loader) {
    return settings.classRules(loader);
  }

  /** An id ends at its last dot. */
  final String checkedRoute() {
    String route = getJvmRoute();
    if (route == null || route.indexOf('.') < 0) return route == null ? "" : route;
    throw new IllegalArgumentException(wording().where() + "jvmRoute \"" + route
        + "\" has a dot: an id's route is what follows its last dot");
  }

  private Wording wording() {
    return new Wording("CohortManager of " + getApplication() + ": ", "", "\"",
        "set a shorter application=\"...\", the same on all instances");
  }
}
