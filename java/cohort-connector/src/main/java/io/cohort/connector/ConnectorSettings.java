package io.cohort.connector;

import io.cohort.Ack;
import io.cohort.GroupOptions.Plaintext;
import io.cohort.SessionStoreOptions;
import io.cohort.session.AttributePolicy;
import io.cohort.session.ClassRules;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The settings of a connector as text, each by its name, and what they come to, checked.
 * docs/tomcat.md, docs/jetty.md and docs/glassfish.md tell what each is for; a server need not have
 * all. Whatever is wrong is an IllegalArgumentException that says, in the server's own {@link
 * Wording}, what to do.
 *
 * <p>Any threads.
 */
public final class ConnectorSettings {
  /** Bytes of UTF-8 of an application's name: the name of its store. */
  public static final int APPLICATION_BYTES_MAX = 56;

  /** All names there are. */
  public static final Set<String> NAMES = Collections.unmodifiableSet(new TreeSet<>(Set.of("group",
      "nodeName", "bind", "multicast", "seeds", "noMulticast", "peerCache", "keyFile",
      "allowPlaintext", "application", "replication", "ack", "ackTimeoutMs", "bytesMax", "evict",
      "successorStepMs", "excludedAttributes", "allowedClasses", "detectChanges", "asyncAnswers")));

  // What a store takes for "ackTimeoutMs" of 0.
  private static final long ACK_TIMEOUT_MS_DEFAULT = 5000;

  private static final Map<String, String> DEFAULTS =
      Map.of("noMulticast", "false", "allowPlaintext", "no", "replication", "on", "ack", "all",
          "ackTimeoutMs", "0", "bytesMax", "0", "evict", "false", "successorStepMs", "0",
          "detectChanges", "true", "asyncAnswers", "true");

  private final Map<String, String> values = new ConcurrentHashMap<>();

  /** Nothing is set. */
  public ConnectorSettings() {}

  /** Sets one of {@link #NAMES}; what it says is looked at later. Empty: not set. */
  public void set(String name, String value) {
    if (!NAMES.contains(name)) throw new IllegalArgumentException(name + " is none of " + NAMES);
    values.put(name, value.strip());
  }

  /** As {@link #set(String, String)}. */
  public void set(String name, long value) {
    set(name, Long.toString(value));
  }

  /** As {@link #set(String, String)}. */
  public void set(String name, boolean value) {
    set(name, Boolean.toString(value));
  }

  /** As it was set, else its default, else empty. */
  public String text(String name) {
    String value = values.getOrDefault(name, "");
    return value.isEmpty() ? DEFAULTS.getOrDefault(name, "") : value;
  }

  /** As it was set, or its default. */
  public boolean isOn(String name, Wording wording) {
    return switch (text(name).toLowerCase(Locale.ROOT)) {
      case "true" -> true;
      case "false" -> false;
      default -> throw wrong(wording, name, "true or false");
    };
  }

  /** As it was set, or its default. */
  public long number(String name, Wording wording) {
    String value = text(name);
    if (!value.matches("[0-9]{1,18}")) throw wrong(wording, name, "a number, at least 0");
    return Long.parseLong(value);
  }

  /** How to join; {@code nodeName} where none is set. */
  public GroupSettings groupSettings(String nodeName, Wording wording) {
    String group = text("group");
    require(!group.isEmpty(), wording,
        wording.name("group") + " is not set: name the group of the instances, as "
            + wording.assign("group", "shop"));
    Plaintext plaintext = plaintext(wording);
    String keyFile = text("keyFile");
    require(plaintext != Plaintext.NO || !keyFile.isEmpty(), wording,
        wording.name("keyFile") + " is not set: make a key by `cohort keygen --out FILE`, copy the"
            + " file to each host, and set " + wording.assign("keyFile", "FILE") + "; or "
            + wording.assign("allowPlaintext", "loopback") + " to try it on one host");
    List<String> seeds = seeds();
    boolean noMulticast = isOn("noMulticast", wording);
    require(!noMulticast || !seeds.isEmpty(), wording,
        wording.assign("noMulticast", "true") + " needs "
            + wording.assign("seeds", "HOST:PORT,..."));
    String own = text("nodeName");
    return new GroupSettings(group, own.isEmpty() ? nodeName : own, text("bind"), text("multicast"),
        seeds, noMulticast, text("peerCache"), keyFile, plaintext);
  }

  private Plaintext plaintext(Wording wording) {
    return switch (text("allowPlaintext").toLowerCase(Locale.ROOT)) {
      case "no" -> Plaintext.NO;
      case "loopback" -> Plaintext.LOOPBACK;
      case "network" -> Plaintext.NETWORK;
      default -> throw wrong(wording, "allowPlaintext", "no, loopback or network");
    };
  }

  private List<String> seeds() {
    List<String> asked = new ArrayList<>();
    for (String seed : text("seeds").split(",")) {
      if (!seed.isBlank()) asked.add(seed.strip());
    }
    return List.copyOf(asked);
  }

  /** How to open the store of this application. */
  public SessionStoreOptions storeOptions(String application, Wording wording) {
    int bytes = application.getBytes(StandardCharsets.UTF_8).length;
    require(bytes <= APPLICATION_BYTES_MAX, wording,
        "the application's name, " + application + ", has " + bytes + " bytes, at most "
            + APPLICATION_BYTES_MAX + ": " + wording.shorterName());
    Ack ack = switch (text("ack").toLowerCase(Locale.ROOT)) {
      case "all" -> Ack.ALL;
      case "local" -> Ack.LOCAL;
      default -> throw wrong(wording, "ack", "all or local");
    };
    return new SessionStoreOptions(application)
        .ack(ack)
        .timeoutMs(number("ackTimeoutMs", wording))
        .bytesMax(number("bytesMax", wording))
        .evict(isOn("evict", wording))
        .successorStepMs(number("successorStepMs", wording));
  }

  /** How requests wait for the saves of such a store. */
  public void allow(AnswerWaits waits, Wording wording) {
    boolean isWaitedFor = !text("ack").equalsIgnoreCase("local");
    long longestMs = number("ackTimeoutMs", wording);
    waits.allow(isOn("asyncAnswers", wording) && isWaitedFor,
        longestMs > 0 ? longestMs : ACK_TIMEOUT_MS_DEFAULT);
  }

  /** Else sessions are of this instance alone, until it is switched on. */
  public boolean startsReplicated(Wording wording) {
    return switch (text("replication").toLowerCase(Locale.ROOT)) {
      case "on" -> true;
      case "off" -> false;
      default -> throw wrong(wording, "replication", "on or off");
    };
  }

  /** Patterns of names of attributes that stay on their instance, the defaults included. */
  public List<String> excludedPatterns() {
    List<String> patterns = new ArrayList<>(AttributePolicy.EXCLUDED_DEFAULT);
    patterns.addAll(AttributePolicy.parsePatterns(text("excludedAttributes")));
    return patterns;
  }

  /** What attributes may be made of, in the application that has this loader. */
  public ClassRules classRules(ClassLoader loader) {
    String allowed = text("allowedClasses");
    return allowed.isEmpty() ? ClassRules.of(loader) : ClassRules.only(loader, allowed);
  }

  private IllegalArgumentException wrong(Wording wording, String name, String right) {
    return wording.error(wording.assign(name, text(name)) + " must be " + right);
  }

  private static void require(boolean condition, Wording wording, String otherwise) {
    if (!condition) throw wording.error(otherwise);
  }
}
