package io.cohort;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * This process's membership in a group. Any threads. Errors are {@link CohortException}; after
 * {@link #close} every call but that is an IllegalStateException.
 */
public final class Group implements AutoCloseable {
  private final Handle handle;
  private final MemberId id;
  private final String name;
  private final String address;
  private final Subscriptions subscriptions = new Subscriptions(this);
  private final List<Long> resolvers;

  private Group(Handle handle, List<Long> resolvers) {
    this.handle = handle;
    this.resolvers = resolvers;
    long group = handle.enter();
    try {
      Unpacked description = new Unpacked(Native.describe(group));
      name = description.readText();
      address = description.readText();
      id = description.readMemberId();
    } finally {
      handle.exit();
    }
    Resources.closeWithout(this, handle);
  }

  /**
   * Finds or forms the group. Blocks until this member is in a view and holds the group's whole
   * state, at most the timeout for joining.
   */
  public static Group join(GroupOptions options) {
    byte[] texts = options.packTexts();
    long[] numbers = options.packNumbers();
    GroupListener listener = options.listener();
    List<Long> resolvers = new CopyOnWriteArrayList<>();
    Notices.acquire();
    Long number = null;
    long pointer = 0;
    Handle handle = null;
    try {
      number = Notices.add(listener == null ? new GroupListener() {} : listener);
      pointer = Native.join(texts, numbers, number);
      handle = handleOf(pointer, number, resolvers);
      return new Group(handle, resolvers);
    } catch (RuntimeException | Error e) {
      // As where there is no memory: nothing of it stays.
      if (handle != null) {
        handle.close();
      } else {
        closeNative(pointer, number);
      }
      throw e;
    }
  }

  private static Handle handleOf(long pointer, Long number, List<Long> resolvers) {
    return new Handle("the group", pointer, group -> {
      try {
        closeNative(group, number);
      } finally {
        resolvers.forEach(Resolvers::forget);
      }
    });
  }

  // What join() has begun; null, 0: it has not come so far.
  private static void closeNative(long pointer, Long number) {
    try {
      if (pointer != 0) Native.closeGroup(pointer);
    } finally {
      if (number == null) {
        Notices.release();
      } else {
        Notices.releaseOnceTold(number);
      }
    }
  }

  /** Of this process, in this group. */
  public MemberId id() {
    return id;
  }

  /** Of this member. */
  public String name() {
    return name;
  }

  /** "ADDR:PORT". */
  public String address() {
    return address;
  }

  /** The view installed last. */
  public View view() {
    long group = handle.enter();
    try {
      return View.read(Native.view(group));
    } finally {
      handle.exit();
    }
  }

  /** Does this member hold the whole state? */
  public boolean isSynced() {
    long group = handle.enter();
    try {
      return Native.isSynced(group);
    } finally {
      handle.exit();
    }
  }

  /** May this member write? */
  public boolean isWritable() {
    long group = handle.enter();
    try {
      return Native.isWritable(group);
    } finally {
      handle.exit();
    }
  }

  /**
   * Named numbers, taken at one moment, without sign and sorted by name: what cohort_group_stats
   * tells, and "jni.notices_lost", which is the sum of all groups of this JVM.
   */
  public Map<String, Long> stats() {
    byte[] packed;
    long group = handle.enter();
    try {
      packed = Native.stats(group);
    } finally {
      handle.exit();
    }
    Unpacked in = new Unpacked(packed);
    Map<String, Long> stats = new LinkedHashMap<>();
    for (int left = in.readInt(); left > 0; --left) stats.put(in.readText(), in.readLong());
    stats.put("jni.notices_lost", Native.lostNotices());
    return stats;
  }

  /**
   * Proves that all members that hold the whole state hold the same, and returns how many they are.
   * Blocks, at most {@code timeoutMs} (0: 5 s).
   */
  public int verifyConvergence(long timeoutMs) {
    long group = handle.enter();
    try {
      return Native.verifyConvergence(group, timeoutMs);
    } finally {
      handle.exit();
    }
  }

  /** Opens a map with the default limit of bytes and time. */
  public ReplicatedMap openMap(String name, MapKind kind) {
    return openMap(name, kind, 0, 0);
  }

  /**
   * Creates the map (1 to 64 bytes of name) if the group has none of that name. Blocks, except
   * where this member knows it already.
   *
   * @param bytesMax of keys and values; 0: that of the group; all members must agree
   * @param timeoutMs of opening it; 0: 5 s
   */
  public ReplicatedMap openMap(String name, MapKind kind, long bytesMax, long timeoutMs) {
    return openMap(name, kind, bytesMax, timeoutMs, null);
  }

  /**
   * The same, with what settles values that both sides of a partition have written. It stays in
   * place when the map is closed, until the map is opened with another one or this group is closed.
   *
   * @param resolver null: the one before, and without one the later version stays
   */
  public ReplicatedMap openMap(
      String name, MapKind kind, long bytesMax, long timeoutMs, MergeResolver resolver) {
    Objects.requireNonNull(kind, "kind");
    byte[] text = GroupOptions.cText(name);
    long group = handle.enter();
    try {
      long number = resolver == null ? 0 : Resolvers.add(resolver);
      if (number != 0) resolvers.add(number);
      long map = Native.openMap(group, text, kind.ordinal(), bytesMax, timeoutMs, number);
      return new ReplicatedMap(this, name, kind, map);
    } finally {
      handle.exit();
    }
  }

  /**
   * Sends to every member of the view, this one included: their {@link GroupListener#onMessage}.
   * Returns once it is in the send queue; RESOURCE_EXHAUSTED: that is full, retry later.
   */
  public void send(byte[] payload, Delivery delivery) {
    send(payload, delivery, false, 0);
  }

  /** And waits until every member has delivered it, at most {@code timeoutMs} (0: 5 s). */
  public void sendAndWait(byte[] payload, Delivery delivery, long timeoutMs) {
    send(payload, delivery, true, timeoutMs);
  }

  private void send(byte[] payload, Delivery delivery, boolean waits, long timeoutMs) {
    Objects.requireNonNull(payload, "payload");
    long group = handle.enter();
    try {
      Native.send(group, payload, delivery.ordinal(), waits, timeoutMs);
    } finally {
      handle.exit();
    }
  }

  /**
   * Leaves once another member is shown to hold all that this one holds. Blocks, at most {@code
   * timeoutMs} (0: 30 s) and then the timeout for leaving. On an error, as DEADLINE_EXCEEDED where
   * there is no such member in time, this member stays, and takes writes again. {@link #close}
   * still has to follow.
   */
  public void drain(long timeoutMs) {
    long group = handle.enter();
    try {
      Native.drain(group, timeoutMs);
    } finally {
      handle.exit();
    }
  }

  /**
   * Tells the others and waits for their consent, at most the timeout for leaving. Afterwards calls
   * that were waiting have ended with CANCELLED, and maps can still be read.
   */
  public void leave() {
    long group = handle.enter();
    try {
      Native.leave(group);
    } finally {
      handle.exit();
    }
  }

  /**
   * Leaves, unless it was left, ends its subscriptions, and waits for the calls of other threads,
   * which leaving ends. A group that is forgotten is closed as well, once nobody can reach it: not
   * as long as one of its listeners refers to it.
   */
  @Override
  public void close() {
    try {
      leave();
    } catch (IllegalStateException alreadyClosed) {
      // Whoever is closing it may still be at it.
    } catch (CohortException leftAnyway) {
      // Left before, or nobody consented: this member is out all the same.
    }
    handle.close();
    subscriptions.close();
    handle.awaitFreed();
  }

  Handle handle() {
    return handle;
  }

  Subscriptions subscriptions() {
    return subscriptions;
  }
}
