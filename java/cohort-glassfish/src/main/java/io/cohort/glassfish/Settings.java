package io.cohort.glassfish;

import io.cohort.Ack;
import io.cohort.GroupListener;
import io.cohort.GroupOptions;
import io.cohort.GroupOptions.Plaintext;
import io.cohort.SessionStoreOptions;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What the JVM options {@code -Dcohort.NAME=VALUE} of an instance say; docs/glassfish.md tells what
 * each is for. Whatever is wrong is an IllegalArgumentException, which says what to do.
 */
final class Settings {
  static final String PREFIX = "cohort.";

  /** Bytes of a store's name. */
  static final int APPLICATION_BYTES_MAX = 56;

  private static final Set<String> NAMES = new TreeSet<>(Set.of("group", "nodeName", "bind",
      "multicast", "seeds", "noMulticast", "peerCache", "keyFile", "allowPlaintext", "ack",
      "ackTimeoutMs", "bytesMax", "evict", "successorStepMs",
      // Of cohort-jni.
      "library"));

  private final Map<String, String> values;

  private Settings(Map<String, String> values) {
    this.values = values;
  }

  /** Those of these properties that are for Cohort. */
  static Settings of(Properties properties) {
    Map<String, String> values = new TreeMap<>();
    for (String key : properties.stringPropertyNames()) {
      if (!key.startsWith(PREFIX)) continue;
      String name = key.substring(PREFIX.length());
      if (!NAMES.contains(name)) {
        throw new IllegalArgumentException(
            "-D" + key + " is not known; there are, after -D" + PREFIX + ": " + NAMES);
      }
      values.put(name, properties.getProperty(key).strip());
    }
    Settings settings = new Settings(values);
    settings.check();
    return settings;
  }

  private void check() {
    require(!text("group").isEmpty(),
        "-Dcohort.group is not set: name the group of the instances, by `asadmin create-jvm-options"
            + " -Dcohort.group=shop`");
    require(plaintext() != Plaintext.NO || !text("keyFile").isEmpty(),
        "-Dcohort.keyFile is not set: make a key by `cohort keygen --out FILE`, copy the file to"
            + " each host, and set -Dcohort.keyFile=FILE; or -Dcohort.allowPlaintext=loopback to"
            + " try it on one host");
    require(!yes("noMulticast") || !seeds().isEmpty(),
        "-Dcohort.noMulticast=true needs -Dcohort.seeds=HOST:PORT,...");
  }

  String group() {
    return text("group");
  }

  GroupOptions groupOptions(GroupListener listener) {
    GroupOptions options = new GroupOptions(group())
                               .name(text("nodeName"))
                               .bind(text("bind"))
                               .seeds(seeds())
                               .noMulticast(yes("noMulticast"))
                               .peerCache(text("peerCache"))
                               .plaintext(plaintext())
                               .failureProfile(GroupOptions.FailureProfile.WEB_SESSIONS)
                               .listener(listener);
    // Without a value the library's own default holds.
    if (!text("multicast").isEmpty()) options.multicast(text("multicast"));
    if (!text("keyFile").isEmpty()) options.keyFile(text("keyFile"));
    return options;
  }

  SessionStoreOptions storeOptions(String application) {
    int bytes = application.getBytes(StandardCharsets.UTF_8).length;
    require(bytes <= APPLICATION_BYTES_MAX,
        "the name of the store " + application + " has " + bytes + " bytes, at most "
            + APPLICATION_BYTES_MAX + ": give the application a shorter context root");
    Ack ack = switch (text("ack", "all").toLowerCase(Locale.ROOT)) {
      case "all" -> Ack.ALL;
      case "local" -> Ack.LOCAL;
      default -> throw wrong("ack", "all or local");
    };
    return new SessionStoreOptions(application)
        .ack(ack)
        .timeoutMs(number("ackTimeoutMs"))
        .bytesMax(number("bytesMax"))
        .evict(yes("evict"))
        .successorStepMs(number("successorStepMs"));
  }

  private Plaintext plaintext() {
    return switch (text("allowPlaintext", "no").toLowerCase(Locale.ROOT)) {
      case "no" -> Plaintext.NO;
      case "loopback" -> Plaintext.LOOPBACK;
      case "network" -> Plaintext.NETWORK;
      default -> throw wrong("allowPlaintext", "no, loopback or network");
    };
  }

  private List<String> seeds() {
    List<String> asked = new ArrayList<>();
    for (String seed : text("seeds").split(",")) {
      if (!seed.isBlank()) asked.add(seed.strip());
    }
    return asked;
  }

  private String text(String name) {
    return text(name, "");
  }

  private String text(String name, String otherwise) {
    String value = values.get(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }

  private boolean yes(String name) {
    return switch (text(name, "false").toLowerCase(Locale.ROOT)) {
      case "true" -> true;
      case "false" -> false;
      default -> throw wrong(name, "true or false");
    };
  }

  private long number(String name) {
    String value = text(name, "0");
    if (!value.matches("[0-9]{1,18}")) throw wrong(name, "a number, at least 0");
    return Long.parseLong(value);
  }

  private IllegalArgumentException wrong(String name, String right) {
    return new IllegalArgumentException(
        "-D" + PREFIX + name + "=" + text(name) + " must be " + right);
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) throw new IllegalArgumentException(otherwise);
  }
}
