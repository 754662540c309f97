package io.cohort;

import java.util.Objects;

/**
 * How a store is opened. What is not set has the default that include/cohort/session_store.h tells
 * with the field of the same name. One thread.
 */
public final class SessionStoreOptions {
  private final String application;
  private Ack ack = Ack.ALL;
  private boolean evict;
  private long timeoutMs;
  private long bytesMax;
  private long successorStepMs;
  private long orphanTimeMs;

  /** For the web application of this name, such as its context path: 1 to 56 bytes. */
  public SessionStoreOptions(String application) {
    this.application = Objects.requireNonNull(application, "application");
  }

  /** When a write returns; default ALL. */
  public SessionStoreOptions ack(Ack value) {
    ack = Objects.requireNonNull(value, "ack");
    return this;
  }

  /** Longest wait of a write for it; 0: 5 s. */
  public SessionStoreOptions timeoutMs(long value) {
    timeoutMs = atLeastZero("timeoutMs", value);
    return this;
  }

  /** Cap on the sessions of the store, replicas included; 0: that of the group. */
  public SessionStoreOptions bytesMax(long value) {
    bytesMax = atLeastZero("bytesMax", value);
    return this;
  }

  /**
   * Whether a store that is full ends sessions of this member, unused longest first; else it
   * refuses.
   */
  public SessionStoreOptions evict(boolean value) {
    evict = value;
    return this;
  }

  /** How long apart the others try to end a session whose owner is gone: 1 ms to 1 h; 0: 1 s. */
  public SessionStoreOptions successorStepMs(long value) {
    successorStepMs = atLeastZero("successorStepMs", value);
    return this;
  }

  /** When a session that nobody ends goes, after its time: 100 ms to 1 d; 0: 5 min. */
  public SessionStoreOptions orphanTimeMs(long value) {
    orphanTimeMs = atLeastZero("orphanTimeMs", value);
    return this;
  }

  private static long atLeastZero(String name, long value) {
    if (value < 0) throw new IllegalArgumentException(name + " is " + value + ", at least 0");
    return value;
  }

  String application() {
    return application;
  }

  long open(long group) {
    return Native.openStore(group, GroupOptions.cText(application), ack.ordinal(), evict, timeoutMs,
        bytesMax, successorStepMs, orphanTimeMs);
  }
}
