package io.cohort;

import java.nio.ByteBuffer;

/**
 * The native methods, of which each is one call of the C interface; their arguments are checked by
 * the classes that call them. A handle is a pointer: one that was closed must not come here.
 */
final class Native {
  /** COHORT_ABI_VERSION of the headers that this was written for. */
  static final int ABI_VERSION = 1;

  static {
    NativeLibrary.load();
    if (abiVersion() != ABI_VERSION) {
      throw new UnsatisfiedLinkError(
          "libcohort_jni has the interface " + abiVersion() + ", needed is " + ABI_VERSION);
    }
  }

  private Native() {}

  static native int abiVersion();

  static native String version();

  // ---- Groups ---------------------------------------------------------------------------------

  static native long join(byte[] texts, long[] numbers, long listener);

  static native void leave(long group);

  static native void drain(long group, long timeoutMs);

  static native void closeGroup(long group);

  static native void send(long group, byte[] payload, int delivery, boolean waits, long timeoutMs);

  static native byte[] describe(long group);

  static native boolean isSynced(long group);

  static native boolean isWritable(long group);

  static native byte[] view(long group);

  static native byte[] stats(long group);

  static native int verifyConvergence(long group, long timeoutMs);

  static native long openMap(
      long group, byte[] name, int kind, long bytesMax, long timeoutMs, long resolver);

  // ---- Maps -----------------------------------------------------------------------------------

  static native byte[] get(long map, byte[] key, long[] entry);

  static native int getInto(
      long map, byte[] key, ByteBuffer buffer, int offset, int length, long[] entry);

  static native byte[] getAttributes(long map, byte[] key);

  static native int getAttributesInto(
      long map, byte[] key, ByteBuffer buffer, int offset, int length);

  static native byte[] getAttribute(long map, byte[] key, byte[] name);

  static native boolean exists(long map, byte[] key);

  static native long size(long map);

  static native long bytes(long map);

  static native void digest(long map, long[] digest);

  static native byte[] scanKeys(long map, long cursor, int count);

  static native byte[] getWith(long map, byte[] key, long askOthersMs, long[] entry);

  static native void getAsync(long map, byte[] key, long askOthersMs, long call);

  // Kinds and their arguments: WriteKind, writes.cc.
  static native void write(long map, int kind, byte[] key, byte[] array, ByteBuffer direct,
      int offset, int length, long first, long second, int ack, boolean keepTtl, long ttlMs,
      long timeoutMs, long[] result);

  static native void writeAsync(long map, int kind, byte[] key, byte[] array, ByteBuffer direct,
      int offset, int length, long first, long second, int ack, boolean keepTtl, long ttlMs,
      long timeoutMs, long call);

  static native long subscribe(long map, byte[] prefix, long listener);

  static native void cancel(long subscription);

  static native void closeMap(long map);

  // ---- Session stores --------------------------------------------------------------------------

  static native long openStore(long group, byte[] application, int ack, boolean evict,
      long timeoutMs, long bytesMax, long successorStepMs, long orphanTimeMs);

  static native void closeStore(long store);

  static native byte[] loadSession(long store, byte[] id);

  static native boolean sessionExists(long store, byte[] id);

  static native boolean isSessionOwner(long store, byte[] id);

  static native byte[] sessionIds(long store, int max);

  static native void sessionStats(long store, long[] stats);

  static native void sessionDigest(long store, long[] digest);

  static native byte[] writeSession(long store, boolean create, byte[] id, byte[] set,
      int setLength, byte[] erased, int erasedLength, byte[] metadata, long maxInactiveMs,
      long createdMs, long fence, boolean noTouch, long[] result);

  /** The text of why an argument is refused; null: it is answered (takeSaves). */
  static native byte[] saveSessionAsync(long store, byte[] id, byte[] set, int setLength,
      byte[] erased, int erasedLength, byte[] metadata, long maxInactiveMs, long fence,
      boolean noTouch, long number);

  static native byte[] changeSessionId(long store, byte[] oldId, byte[] newId, long[] result);

  static native byte[] invalidateSession(long store, byte[] id, long[] result);

  static native boolean touchSession(long store, byte[] id);

  static native long setReplication(long store, long group);

  static native boolean replicated(long store);

  static native void awaitSessionTask(long store, long task, long timeoutMs);

  static native byte[] sessionTasks(long store);

  static native long subscribeSessions(long store, boolean withChanges, long listener);

  static native long subscribeSessionTasks(long store, long listener);

  // ---- Saves that are not waited for -----------------------------------------------------------

  /**
   * Waits for answers, and returns how many it took, at most as {@code whys} has room for; 0 after
   * {@link #wakeSaves}. {@code numbers} has of each that of the save, and those of the result.
   */
  static native int takeSaves(long[] numbers, byte[][] whys);

  static native void wakeSaves();

  // ---- Notices --------------------------------------------------------------------------------

  static native byte[] takeNotice();

  static native void wakeNotices();

  /** How many notices it has lost and was not told of. */
  static native long forgetListener(long listener);

  /** Its end comes after all notices that wait. */
  static native void endListener(long listener);

  static native long lostNotices();
}
