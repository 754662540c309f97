package io.cohort.tomcat;

import io.cohort.Ack;
import io.cohort.GroupOptions.Plaintext;
import io.cohort.SessionStoreOptions;
import io.cohort.session.AttributePolicy;
import io.cohort.session.ClassRules;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.catalina.session.ManagerBase;

/**
 * What the element {@code <Manager className="io.cohort.tomcat.CohortManager">} may say, beside the
 * attributes that every manager of Tomcat has. docs/tomcat.md tells what each is for. Whatever is
 * wrong is an IllegalArgumentException when the manager starts, which says what to do.
 */
public abstract class ConfiguredManager extends ManagerBase {
  private static final int APPLICATION_BYTES_MAX = 56;

  private String group = "";
  private String nodeName = "";
  private String bind = "";
  private String multicast = "";
  private String seeds = "";
  private boolean noMulticast;
  private String peerCache = "";
  private String keyFile = "";
  private String allowPlaintext = "no";
  private String application = "";
  private String replication = "on";
  private String ack = "all";
  private long ackTimeoutMs;
  private long bytesMax;
  private boolean evict;
  private long successorStepMs;
  private String excludedAttributes = "";
  private String allowedClasses = "";
  private boolean detectChanges = true;

  // ---- The group --------------------------------------------------------------------------

  /** Name of the group, 1 to 64 bytes. */
  public void setGroup(String value) {
    group = value;
  }

  /** As it was set. */
  public String getGroup() {
    return group;
  }

  /** Of this instance, unique in the group; default: the engine's jvmRoute. */
  public void setNodeName(String value) {
    nodeName = value;
  }

  /** As it was set, else the engine's jvmRoute; empty: host name and port. */
  public String getNodeName() {
    if (!nodeName.isEmpty() || getContext() == null) return nodeName;
    String route = getJvmRoute();
    return route == null ? "" : route;
  }

  /** "ADDR", "ADDR:PORT", or the name of an interface instead of the address. */
  public void setBind(String value) {
    bind = value;
  }

  /** As it was set. */
  public String getBind() {
    return bind;
  }

  /** "ADDR:PORT". */
  public void setMulticast(String value) {
    multicast = value;
  }

  /** As it was set. */
  public String getMulticast() {
    return multicast;
  }

  /** Addresses or names to ask, between commas. */
  public void setSeeds(String value) {
    seeds = value;
  }

  /** As it was set. */
  public String getSeeds() {
    return seeds;
  }

  /** Only seeds, and no multicast. */
  public void setNoMulticast(boolean value) {
    noMulticast = value;
  }

  /** As it was set. */
  public boolean isNoMulticast() {
    return noMulticast;
  }

  /** File for the addresses of the members that were there last. */
  public void setPeerCache(String value) {
    peerCache = value;
  }

  /** As it was set. */
  public String getPeerCache() {
    return peerCache;
  }

  /** The group's key, as {@code cohort keygen} makes it. */
  public void setKeyFile(String value) {
    keyFile = value;
  }

  /** As it was set. */
  public String getKeyFile() {
    return keyFile;
  }

  /** "no"; "loopback", on one host without a key; "network", on a network without a key. */
  public void setAllowPlaintext(String value) {
    allowPlaintext = value;
  }

  /** As it was set. */
  public String getAllowPlaintext() {
    return allowPlaintext;
  }

  // ---- The store --------------------------------------------------------------------------

  /** What the sessions belong to, 1 to 56 bytes; default: the context's name. */
  public void setApplication(String value) {
    application = value;
  }

  /** As it was set, else the context's name, or "/" for the root. */
  public String getApplication() {
    if (!application.isEmpty() || getContext() == null) return application;
    String name = getContext().getName();
    return name == null || name.isEmpty() ? "/" : name;
  }

  /** "on"; "off": sessions are of this instance alone, until it is switched on. */
  public void setReplication(String value) {
    replication = value;
  }

  /** As it was set. */
  public String getReplication() {
    return replication;
  }

  /** "all": a request is answered when all members have its changes; "local": at once. */
  public void setAck(String value) {
    ack = value;
  }

  /** As it was set. */
  public String getAck() {
    return ack;
  }

  /** Longest wait for it, in milliseconds; 0: 5 s. */
  public void setAckTimeoutMs(long value) {
    ackTimeoutMs = value;
  }

  /** As it was set. */
  public long getAckTimeoutMs() {
    return ackTimeoutMs;
  }

  /** Cap on all sessions of the application, in bytes; 0: that of the group. */
  public void setBytesMax(long value) {
    bytesMax = value;
  }

  /** As it was set. */
  public long getBytesMax() {
    return bytesMax;
  }

  /** Whether a store that is full ends sessions that were not used for long. */
  public void setEvict(boolean value) {
    evict = value;
  }

  /** As it was set. */
  public boolean isEvict() {
    return evict;
  }

  /** Milliseconds between the tries of instances to end a session whose owner is gone; 0: 1 s. */
  public void setSuccessorStepMs(long value) {
    successorStepMs = value;
  }

  /** As it was set. */
  public long getSuccessorStepMs() {
    return successorStepMs;
  }

  // ---- Attributes -------------------------------------------------------------------------

  /** Patterns of names that stay on this instance, between commas. */
  public void setExcludedAttributes(String value) {
    excludedAttributes = value;
  }

  /** As it was set. */
  public String getExcludedAttributes() {
    return excludedAttributes;
  }

  /** Pattern of classes that attributes may be made of, as of jdk.serialFilter, and no others. */
  public void setAllowedClasses(String value) {
    allowedClasses = value;
  }

  /** As it was set. */
  public String getAllowedClasses() {
    return allowedClasses;
  }

  /** Whether attributes that a request has read are looked at for changes in place. */
  public void setDetectChanges(boolean value) {
    detectChanges = value;
  }

  /** As it was set. */
  public boolean isDetectChanges() {
    return detectChanges;
  }

  // ---- Checked ----------------------------------------------------------------------------

  final GroupSettings groupSettings() {
    require(
        !group.isBlank(), "group is not set: name the group of the instances, as group=\"shop\"");
    Plaintext plaintext = switch (allowPlaintext.toLowerCase(Locale.ROOT)) {
      case "no" -> Plaintext.NO;
      case "loopback" -> Plaintext.LOOPBACK;
      case "network" -> Plaintext.NETWORK;
      default -> throw wrong("allowPlaintext", allowPlaintext, "no, loopback or network");
    };
    require(plaintext != Plaintext.NO || !keyFile.isBlank(),
        "keyFile is not set: make a key by `cohort keygen --out FILE`, copy the file to each host,"
            + " and set keyFile=\"FILE\"; or allowPlaintext=\"loopback\" to try it on one host");
    List<String> asked = new ArrayList<>();
    for (String seed : seeds.split(",")) {
      if (!seed.isBlank()) asked.add(seed.strip());
    }
    require(!noMulticast || !asked.isEmpty(), "noMulticast needs seeds=\"HOST:PORT,...\"");
    return new GroupSettings(
        group, getNodeName(), bind, multicast, asked, noMulticast, peerCache, keyFile, plaintext);
  }

  final SessionStoreOptions storeOptions() {
    String name = getApplication();
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    require(bytes <= APPLICATION_BYTES_MAX,
        "application has " + bytes + " bytes, at most " + APPLICATION_BYTES_MAX
            + ": set a shorter application=\"...\", the same on all instances");
    Ack when = switch (ack.toLowerCase(Locale.ROOT)) {
      case "all" -> Ack.ALL;
      case "local" -> Ack.LOCAL;
      default -> throw wrong("ack", ack, "all or local");
    };
    return new SessionStoreOptions(name)
        .ack(when)
        .timeoutMs(ackTimeoutMs)
        .bytesMax(bytesMax)
        .evict(evict)
        .successorStepMs(successorStepMs);
  }

  final boolean startsReplicated() {
    return switch (replication.toLowerCase(Locale.ROOT)) {
      case "on" -> true;
      case "off" -> false;
      default -> throw wrong("replication", replication, "on or off");
    };
  }

  final List<String> excludedPatterns() {
    List<String> patterns = new ArrayList<>(AttributePolicy.EXCLUDED_DEFAULT);
    patterns.addAll(AttributePolicy.parsePatterns(excludedAttributes));
    return patterns;
  }

  final ClassRules classRules(ClassLoader loader) {
    return allowedClasses.isBlank() ? ClassRules.of(loader)
                                    : ClassRules.only(loader, allowedClasses);
  }

  /** An id ends at its last dot. */
  final String checkedRoute() {
    String route = getJvmRoute();
    require(route == null || route.indexOf('.') < 0,
        "jvmRoute \"" + route + "\" has a dot: an id's route is what follows its last dot");
    return route == null ? "" : route;
  }

  private IllegalArgumentException wrong(String attribute, String value, String right) {
    return new IllegalArgumentException("CohortManager of " + getApplication() + ": " + attribute
        + "=\"" + value + "\" must be " + right);
  }

  private void require(boolean condition, String otherwise) {
    if (condition) return;
    throw new IllegalArgumentException("CohortManager of " + getApplication() + ": " + otherwise);
  }
}
