package io.cohort.jetty;

import io.cohort.SessionStoreOptions;
import io.cohort.connector.AnswerWaits;
import io.cohort.connector.ConnectorSettings;
import io.cohort.connector.GroupSettings;
import io.cohort.connector.Wording;
import io.cohort.session.ClassRules;
import java.util.List;
import org.eclipse.jetty.util.component.AbstractLifeCycle;

/**
 * What {@code jetty.cohort.*} sets; docs/jetty.md tells what each is for. Whatever is wrong is an
 * IllegalArgumentException when the first context starts, which says what to do.
 */
public abstract class ConfiguredFactory extends AbstractLifeCycle {
  private static final Wording WORDING = new Wording(
      "", "jetty.cohort.", "", "give the context a shorter path, which is its name in the group");

  private final ConnectorSettings settings = new ConnectorSettings();

  // ---- The group --------------------------------------------------------------------------

  /** Name of the group, 1 to 64 bytes. */
  public void setGroup(String value) {
    settings.set("group", value);
  }

  /** Of this instance, unique in the group; default: the worker name of the session ids. */
  public void setNodeName(String value) {
    settings.set("nodeName", value);
  }

  /** "ADDR", "ADDR:PORT", or the name of an interface instead of the address. */
  public void setBind(String value) {
    settings.set("bind", value);
  }

  /** "ADDR:PORT". */
  public void setMulticast(String value) {
    settings.set("multicast", value);
  }

  /** Addresses or names to ask, between commas. */
  public void setSeeds(String value) {
    settings.set("seeds", value);
  }

  /** Only seeds, and no multicast. */
  public void setNoMulticast(boolean value) {
    settings.set("noMulticast", value);
  }

  /** File for the addresses of the members that were there last. */
  public void setPeerCache(String value) {
    settings.set("peerCache", value);
  }

  /** The group's key, as {@code cohort keygen} makes it. */
  public void setKeyFile(String value) {
    settings.set("keyFile", value);
  }

  /** "no"; "loopback", on one host without a key; "network", on a network without a key. */
  public void setAllowPlaintext(String value) {
    settings.set("allowPlaintext", value);
  }

  // ---- The stores -------------------------------------------------------------------------

  /** "on"; "off": sessions are of this instance alone, until it is switched on. */
  public void setReplication(String value) {
    settings.set("replication", value);
  }

  /** "all": a request is answered when all members have its changes; "local": at once. */
  public void setAck(String value) {
    settings.set("ack", value);
  }

  /** Longest wait for it, in milliseconds; 0: 5 s. */
  public void setAckTimeoutMs(long value) {
    settings.set("ackTimeoutMs", value);
  }

  /** Cap on all sessions of an application, in bytes; 0: that of the group. */
  public void setBytesMax(long value) {
    settings.set("bytesMax", value);
  }

  /** Whether a store that is full ends sessions that were not used for long. */
  public void setEvict(boolean value) {
    settings.set("evict", value);
  }

  /** Milliseconds between the tries of instances to end a session whose owner is gone; 0: 1 s. */
  public void setSuccessorStepMs(long value) {
    settings.set("successorStepMs", value);
  }

  /** Whether requests, where many are under way, wait for their saves without their threads. */
  public void setAsyncAnswers(boolean value) {
    settings.set("asyncAnswers", value);
  }

  // ---- Attributes -------------------------------------------------------------------------

  /** Patterns of names that stay on this instance, between commas. */
  public void setExcludedAttributes(String value) {
    settings.set("excludedAttributes", value);
  }

  /** Pattern of classes that attributes may be made of, as of jdk.serialFilter, and no others. */
  public void setAllowedClasses(String value) {
    settings.set("allowedClasses", value);
  }

  /** Whether attributes that a request has read are looked at for changes in place. */
  public void setDetectChanges(boolean value) {
    settings.set("detectChanges", value);
  }

  // ---- Checked ----------------------------------------------------------------------------

  final GroupSettings groupSettings(String workerName) {
    return settings.groupSettings(workerName, WORDING);
  }

  final SessionStoreOptions storeOptions(String application) {
    return settings.storeOptions(application, WORDING);
  }

  final void allow(AnswerWaits waits) {
    settings.allow(waits, WORDING);
  }

  final boolean startsReplicated() {
    return settings.startsReplicated(WORDING);
  }

  final List<String> excludedPatterns() {
    return settings.excludedPatterns();
  }

  final ClassRules classRules(ClassLoader loader) {
    return settings.classRules(loader);
  }

  final boolean detectsChanges() {
    return settings.isOn("detectChanges", WORDING);
  }
}
