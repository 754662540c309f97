package io.cohort.jetty;

import io.cohort.Ack;
import io.cohort.GroupListener;
import io.cohort.GroupOptions;
import io.cohort.GroupOptions.Plaintext;
import io.cohort.SessionStoreOptions;
import io.cohort.session.AttributePolicy;
import io.cohort.session.ClassRules;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.eclipse.jetty.util.component.AbstractLifeCycle;

/**
 * What {@code jetty.cohort.*} sets; docs/jetty.md tells what each is for. Whatever is wrong is an
 * IllegalArgumentException when the first context starts, which says what to do.
 */
public abstract class ConfiguredFactory extends AbstractLifeCycle {
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
    group = Objects.requireNonNull(value);
  }

  /** Of this instance, unique in the group; default: the worker name of the session ids. */
  public void setNodeName(String value) {
    nodeName = Objects.requireNonNull(value);
  }

  /** "ADDR", "ADDR:PORT", or the name of an interface instead of the address. */
  public void setBind(String value) {
    bind = Objects.requireNonNull(value);
  }

  /** "ADDR:PORT". */
  public void setMulticast(String value) {
    multicast = Objects.requireNonNull(value);
  }

  /** Addresses or names to ask, between commas. */
  public void setSeeds(String value) {
    seeds = Objects.requireNonNull(value);
  }

  /** Only seeds, and no multicast. */
  public void setNoMulticast(boolean value) {
    noMulticast = value;
  }

  /** File for the addresses of the members that were there last. */
  public void setPeerCache(String value) {
    peerCache = Objects.requireNonNull(value);
  }

  /** The group's key, as {@code cohort keygen} makes it. */
  public void setKeyFile(String value) {
    keyFile = Objects.requireNonNull(value);
  }

  /** "no"; "loopback", on one host without a key; "network", on a network without a key. */
  public void setAllowPlaintext(String value) {
    allowPlaintext = Objects.requireNonNull(value);
  }

  // ---- The stores -------------------------------------------------------------------------

  /** "on"; "off": sessions are of this instance alone, until it is switched on. */
  public void setReplication(String value) {
    replication = Objects.requireNonNull(value);
  }

  /** "all": a request is answered when all members have its changes; "local": at once. */
  public void setAck(String value) {
    ack = Objects.requireNonNull(value);
  }

  /** Longest wait for it, in milliseconds; 0: 5 s. */
  public void setAckTimeoutMs(long value) {
    ackTimeoutMs = value;
  }

  /** Cap on all sessions of an application, in bytes; 0: that of the group. */
  public void setBytesMax(long value) {
    bytesMax = value;
  }

  /** Whether a store that is full ends sessions that were not used for long. */
  public void setEvict(boolean value) {
    evict = value;
  }

  /** Milliseconds between the tries of instances to end a session whose owner is gone; 0: 1 s. */
  public void setSuccessorStepMs(long value) {
    successorStepMs = value;
  }

  // ---- Attributes -------------------------------------------------------------------------

  /** Patterns of names that stay on this instance, between commas. */
  public void setExcludedAttributes(String value) {
    excludedAttributes = Objects.requireNonNull(value);
  }

  /** Pattern of classes that attributes may be made of, as of jdk.serialFilter, and no others. */
  public void setAllowedClasses(String value) {
    allowedClasses = Objects.requireNonNull(value);
  }

  /** Whether attributes that a request has read are looked at for changes in place. */
  public void setDetectChanges(boolean value) {
    detectChanges = value;
  }

  // ---- Checked ----------------------------------------------------------------------------

  final String group() {
    return group;
  }

  final GroupOptions groupOptions(String workerName, GroupListener listener) {
    require(!group.isBlank(), "group", "is not set: name the group of the instances, as shop");
    Plaintext plaintext = switch (allowPlaintext.toLowerCase(Locale.ROOT)) {
      case "no" -> Plaintext.NO;
      case "loopback" -> Plaintext.LOOPBACK;
      case "network" -> Plaintext.NETWORK;
      default -> throw wrong("allowPlaintext", "must be no, loopback or network");
    };
    require(plaintext != Plaintext.NO || !keyFile.isBlank(), "keyFile",
        "is not set: make a key by `cohort keygen --out FILE`, copy the file to each host, and name"
            + " it; or set jetty.cohort.allowPlaintext=loopback to try it on one host");
    List<String> asked = new ArrayList<>();
    for (String seed : seeds.split(",")) {
      if (!seed.isBlank()) asked.add(seed.strip());
    }
    require(!noMulticast || !asked.isEmpty(), "noMulticast", "needs jetty.cohort.seeds");
    GroupOptions options = new GroupOptions(group)
                               .name(nodeName.isEmpty() ? workerName : nodeName)
                               .bind(bind)
                               .seeds(asked)
                               .noMulticast(noMulticast)
                               .peerCache(peerCache)
                               .plaintext(plaintext)
                               .failureProfile(GroupOptions.FailureProfile.WEB_SESSIONS)
                               .listener(listener);
    // Without a value the library's own default holds.
    if (!multicast.isEmpty()) options.multicast(multicast);
    if (!keyFile.isEmpty()) options.keyFile(keyFile);
    return options;
  }

  final SessionStoreOptions storeOptions(String application) {
    int bytes = application.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > APPLICATION_BYTES_MAX) {
      throw new IllegalArgumentException("cohort: the context path " + application + " has " + bytes
          + " bytes, at most " + APPLICATION_BYTES_MAX + " can be replicated");
    }
    Ack when = switch (ack.toLowerCase(Locale.ROOT)) {
      case "all" -> Ack.ALL;
      case "local" -> Ack.LOCAL;
      default -> throw wrong("ack", "must be all or local");
    };
    return new SessionStoreOptions(application)
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
      default -> throw wrong("replication", "must be on or off");
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

  final boolean detectsChanges() {
    return detectChanges;
  }

  private static IllegalArgumentException wrong(String name, String why) {
    return new IllegalArgumentException("jetty.cohort." + name + " " + why);
  }

  private static void require(boolean condition, String name, String why) {
    if (!condition) throw wrong(name, why);
  }
}
