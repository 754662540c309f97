package io.cohort;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * How to join a group. What is not set has the default that include/cohort/options.h tells with the
 * field of the same name, and so are the ranges, which {@link Group#join} checks. One thread.
 */
public final class GroupOptions {
  /** Addresses of {@link #seeds}. */
  public static final int SEEDS_MAX = 64;

  /** Is a key needed? */
  public enum Plaintext {
    NO,
    /** Not on the loopback interface, to which the member binds. */
    LOOPBACK,
    /** Not at all. */
    NETWORK
  }

  /** What a partition does. */
  public enum Policy {
    /** All sides live on, and merge. */
    AVAILABLE,
    /** Only the side with a quorum writes. */
    PRIMARY
  }

  /** How soon a member is taken for dead. */
  public enum FailureProfile {
    /** A process may stand still for 2 s. */
    DEFAULT,
    /** For 800 ms. */
    WEB_SESSIONS
  }

  private final String group;
  private String name = "";
  private String bind = "";
  private String multicast = "";
  private String peerCache = "";
  private String key = "";
  private String keyFile = "";
  private String tieBreaker = "";
  private List<String> seeds = List.of();
  private Plaintext plaintext = Plaintext.NO;
  private Policy policy = Policy.AVAILABLE;
  private FailureProfile failureProfile = FailureProfile.DEFAULT;
  private int initialMembers;
  private boolean bootstrap;
  private boolean noMulticast;
  private int multicastTtl;
  private long deadTimeoutMs;
  private long stallTimeoutMs;
  private long slowTimeoutMs;
  private long joinTimeoutMs;
  private long leaveTimeoutMs;
  private long sendQueueBytesMax;
  private long deliveryQueueBytesMax;
  private long mapBytesMax;
  private long receiveBufferBytes;
  private long datagramBytesMax;
  private GroupListener listener;

  /** For the group of this name, 1 to 64 bytes. */
  public GroupOptions(String group) {
    this.group = Objects.requireNonNull(group, "group");
  }

  /** Unique in the group. */
  public GroupOptions name(String value) {
    name = value;
    return this;
  }

  /** "ADDR", "ADDR:PORT", "[V6ADDR]:PORT", ":PORT" or "eth1:7601". */
  public GroupOptions bind(String value) {
    bind = value;
    return this;
  }

  /** "ADDR:PORT". */
  public GroupOptions multicast(String value) {
    multicast = value;
    return this;
  }

  /** Addresses to ask, or names that stand for some; at most {@link #SEEDS_MAX}. */
  public GroupOptions seeds(List<String> value) {
    seeds = List.copyOf(value);
    return this;
  }

  /** A file. */
  public GroupOptions peerCache(String value) {
    peerCache = value;
    return this;
  }

  /** As {@code cohort keygen} prints it. */
  public GroupOptions key(String value) {
    key = value;
    return this;
  }

  /** The file that holds it. */
  public GroupOptions keyFile(String value) {
    keyFile = value;
    return this;
  }

  /** Decides under the policy PRIMARY where both sides are equal. */
  public GroupOptions tieBreaker(String value) {
    tieBreaker = value;
    return this;
  }

  /** May it go without a key? */
  public GroupOptions plaintext(Plaintext value) {
    plaintext = value;
    return this;
  }

  /** What a partition does. */
  public GroupOptions policy(Policy value) {
    policy = value;
    return this;
  }

  /** How soon a member is taken for dead. */
  public GroupOptions failureProfile(FailureProfile value) {
    failureProfile = value;
    return this;
  }

  /** The first view waits for as many. */
  public GroupOptions initialMembers(int value) {
    initialMembers = value;
    return this;
  }

  /** This member may form the first view alone. */
  public GroupOptions bootstrap(boolean value) {
    bootstrap = value;
    return this;
  }

  /** Use seeds only. */
  public GroupOptions noMulticast(boolean value) {
    noMulticast = value;
    return this;
  }

  /** 1 to 255. */
  public GroupOptions multicastTtl(int value) {
    multicastTtl = value;
    return this;
  }

  /** Milliseconds. */
  public GroupOptions deadTimeoutMs(long value) {
    deadTimeoutMs = value;
    return this;
  }

  /** Milliseconds. */
  public GroupOptions stallTimeoutMs(long value) {
    stallTimeoutMs = value;
    return this;
  }

  /** Milliseconds. */
  public GroupOptions slowTimeoutMs(long value) {
    slowTimeoutMs = value;
    return this;
  }

  /** Milliseconds. */
  public GroupOptions joinTimeoutMs(long value) {
    joinTimeoutMs = value;
    return this;
  }

  /** Milliseconds. */
  public GroupOptions leaveTimeoutMs(long value) {
    leaveTimeoutMs = value;
    return this;
  }

  /** Bytes. */
  public GroupOptions sendQueueBytesMax(long value) {
    sendQueueBytesMax = value;
    return this;
  }

  /** Bytes. */
  public GroupOptions deliveryQueueBytesMax(long value) {
    deliveryQueueBytesMax = value;
    return this;
  }

  /** Bytes. */
  public GroupOptions mapBytesMax(long value) {
    mapBytesMax = value;
    return this;
  }

  /** Bytes. */
  public GroupOptions receiveBufferBytes(long value) {
    receiveBufferBytes = value;
    return this;
  }

  /** Bytes: 1472 to 8972. */
  public GroupOptions datagramBytesMax(long value) {
    datagramBytesMax = value;
    return this;
  }

  /** In place before anything can happen, so that not even the first view is missed. */
  public GroupOptions listener(GroupListener value) {
    listener = value;
    return this;
  }

  GroupListener listener() {
    return listener;
  }

  /** In the order of cohort_group_options_t, then the seeds, each after its length. */
  byte[] packTexts() {
    if (seeds.size() > SEEDS_MAX) {
      throw new IllegalArgumentException(seeds.size() + " seeds, at most " + SEEDS_MAX);
    }
    List<byte[]> texts = new ArrayList<>();
    for (String text : List.of(group, name, bind, multicast, peerCache, key, keyFile, tieBreaker)) {
      texts.add(cText(text));
    }
    for (String seed : seeds) texts.add(cText(seed));
    int bytes = texts.stream().mapToInt(text -> 4 + text.length).sum();
    ByteBuffer packed = ByteBuffer.allocate(bytes);
    for (byte[] text : texts) packed.putInt(text.length).put(text);
    return packed.array();
  }

  /** In the order that group.cc reads. */
  long[] packNumbers() {
    long listens = listener == null ? 0 : 1;
    return new long[] {plaintext.ordinal(), policy.ordinal(), failureProfile.ordinal(),
        initialMembers, bootstrap ? 1 : 0, noMulticast ? 1 : 0, multicastTtl, deadTimeoutMs,
        stallTimeoutMs, slowTimeoutMs, joinTimeoutMs, leaveTimeoutMs, sendQueueBytesMax,
        deliveryQueueBytesMax, mapBytesMax, receiveBufferBytes, datagramBytesMax, listens, listens,
        listens};
  }

  /** Text as C has it. */
  static byte[] cText(String text) {
    if (text.indexOf('\0') >= 0) throw new IllegalArgumentException("text with a zero in it");
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
