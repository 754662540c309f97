package io.cohort;

/**
 * What a new session is, or what a request did to one. Filled by one thread; after {@link #clear}
 * it can be filled again, and has kept its memory. A store reads it until its call returns.
 *
 * <p>Attributes have limits of their own (include/cohort/session.h): one that is beyond them is
 * left out of the write, which {@link SessionResult#refused} counts.
 */
public final class SessionChanges {
  /** Bytes of what is set, the lengths of names and values included (4 bytes each). */
  public static final int BYTES_MAX = 4 << 20;

  private static final long NEVER = -1;

  private final Attributes set = new Attributes(BYTES_MAX);
  private final Attributes erased = new Attributes(BYTES_MAX);
  private byte[] metadata;
  private long maxInactiveMs;
  private long createdMs;
  private long fence;
  private boolean noTouch;

  /** No changes. */
  public SessionChanges() {}

  /**
   * Sets an attribute; {@code name} as UTF-8. Both are copied.
   *
   * @throws IllegalArgumentException beyond {@link Attributes#COUNT_MAX} or {@link #BYTES_MAX};
   *     nothing was added
   */
  public SessionChanges set(String name, byte[] value) {
    set.add(name, value);
    return this;
  }

  /** Bytes of the memory that {@link #clear} keeps. */
  public int capacity() {
    return set.array().length + erased.array().length;
  }

  /**
   * Erases an attribute, whether it is there or not.
   *
   * @throws IllegalArgumentException as {@link #set}
   */
  public SessionChanges erase(String name) {
    erased.addName(name);
    return this;
  }

  /** At most 64 KiB, not copied; null: as it is. */
  public SessionChanges metadata(byte[] value) {
    metadata = value;
    return this;
  }

  /** 0 and less: it never expires. Where it is not set: as it is; of a new session, 30 min. */
  public SessionChanges maxInactiveMs(long value) {
    maxInactiveMs = value <= 0 ? NEVER : value;
    return this;
  }

  /** When a new session began, milliseconds since 1970; 0: now. */
  public SessionChanges createdMs(long value) {
    createdMs = value;
    return this;
  }

  /**
   * {@link Session#fence} or {@link SessionResult#fence} of what the changes are made on: if
   * another member has written since, they are refused (ABORTED), and the session has to be loaded
   * again. 0: only if it has taken the session from this member, which has not loaded it again.
   */
  public SessionChanges fence(long value) {
    fence = value;
    return this;
  }

  /** This was no access: the session's time goes on. */
  public SessionChanges noTouch() {
    noTouch = true;
    return this;
  }

  /** No changes again. */
  public SessionChanges clear() {
    set.clear();
    erased.clear();
    metadata = null;
    maxInactiveMs = 0;
    createdMs = 0;
    fence = 0;
    noTouch = false;
    return this;
  }

  byte[] write(long store, boolean create, byte[] id, long[] result) {
    return Native.writeSession(store, create, id, set.array(), set.packedBytes(), erased.array(),
        erased.packedBytes(), metadata, maxInactiveMs, createdMs, fence, noTouch, result);
  }

  byte[] saveAsync(long store, byte[] id, long number) {
    return Native.saveSessionAsync(store, id, set.array(), set.packedBytes(), erased.array(),
        erased.packedBytes(), metadata, maxInactiveMs, fence, noTouch, number);
  }
}
