package io.cohort;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.LongFunction;

/**
 * The HTTP sessions of one web application, replicated in a group or of this process alone. Ids are
 * 1 to 256 bytes of UTF-8, without a route suffix. docs/session_store.md tells who owns a session,
 * and when it ends.
 *
 * <p>Reading is local. Writing blocks, but for {@link #saveAsync}, until its {@link Ack} is there,
 * and says in its result what a group may answer; an argument beyond its limits is an
 * IllegalArgumentException. After {@link #close} every call but that is an IllegalStateException.
 * Writes of one session go one after the other. Any threads.
 */
public final class SessionStore implements AutoCloseable {
  /** Bytes of an id. */
  public static final int ID_BYTES_MAX = 256;

  private static final long TASK_TIMEOUT_MS = 30_000;
  private static final long TASK_CALL_MS = 100;

  private final String application;
  private final Handle handle;
  private final Saves.User saves;
  private final Subscriptions subscriptions = new Subscriptions(this);
  // Held so that the group is not taken for forgotten. That of before when replication is off: its
  // sessions may still be on their way.
  private volatile Group group;

  private SessionStore(String application, Group group, Saves.User saves, Handle handle) {
    this.application = application;
    this.group = group;
    this.saves = saves;
    this.handle = handle;
    Resources.closeWithout(this, handle);
  }

  /**
   * In {@code group}, what it has is here when this returns; null: local. Blocks, with a group.
   * Errors are {@link CohortException}, as those of {@link Group#openMap}, and {@link
   * Status#ALREADY_EXISTS} where the application has a store in this group already.
   */
  public static SessionStore open(SessionStoreOptions options, Group group) {
    Notices.acquire();
    long pointer = 0;
    Handle handle = null;
    try {
      Saves.User saves = new Saves.User();
      pointer = inside(group, options::open);
      handle = handleOf(options.application(), pointer, saves);
      return new SessionStore(options.application(), group, saves, handle);
    } catch (RuntimeException | Error e) {
      // As where there is no memory: nothing of it stays.
      if (handle != null) {
        handle.close();
      } else {
        closeNative(pointer);
      }
      throw e;
    }
  }

  private static Handle handleOf(String application, long pointer, Saves.User saves) {
    return new Handle("the store " + application, pointer, store -> {
      try {
        closeNative(store);
      } finally {
        saves.release();
      }
    });
  }

  private static void closeNative(long pointer) {
    try {
      if (pointer != 0) Native.closeStore(pointer);
    } finally {
      Notices.release();
    }
  }

  // Calls with the group's pointer, or 0.
  private static long inside(Group group, LongFunction<Long> call) {
    if (group == null) return call.apply(0);
    long pointer = group.handle().enter();
    try {
      return call.apply(pointer);
    } finally {
      group.handle().exit();
    }
  }

  /** As it was opened. */
  public String application() {
    return application;
  }

  // ---- Reading ----------------------------------------------------------------------------

  /**
   * All of a session, or null if there is none (any more). It is not an access.
   *
   * @throws CohortException UNAVAILABLE, as long as this member does not hold the whole state, or a
   *     merge of two sides of the group is to bring the session; DATA_LOSS, if the group holds
   *     something else under this id
   */
  public Session load(String id) {
    byte[] key = bytesOf(id);
    if (!isId(key)) return null;
    byte[] packed;
    long store = handle.enter();
    try {
      packed = Native.loadSession(store, key);
    } finally {
      handle.exit();
    }
    return packed == null ? null : Session.read(id, new Unpacked(packed));
  }

  /** Is there such a session? */
  public boolean exists(String id) {
    byte[] key = bytesOf(id);
    long store = handle.enter();
    try {
      return isId(key) && Native.sessionExists(store, key);
    } finally {
      handle.exit();
    }
  }

  /**
   * Is there such a session, and does it belong to this member now, or is it local? Who keeps an
   * object of a session it owns asks this before it uses the object again: as soon as a write of
   * another member is acknowledged by all, it does not.
   */
  public boolean isOwner(String id) {
    byte[] key = bytesOf(id);
    long store = handle.enter();
    try {
      return isId(key) && Native.isSessionOwner(store, key);
    } finally {
      handle.exit();
    }
  }

  /**
   * At most {@code max} ids, in no order. What others have just begun or ended comes a moment
   * later.
   */
  public List<String> ids(int max) {
    if (max < 0) throw new IllegalArgumentException("max is " + max + ", at least 0");
    if (max == 0) return List.of();
    byte[] packed;
    long store = handle.enter();
    try {
      packed = Native.sessionIds(store, max);
    } finally {
      handle.exit();
    }
    Unpacked in = new Unpacked(packed);
    List<String> ids = new ArrayList<>();
    while (in.hasMore()) ids.add(in.readText());
    return ids;
  }

  /** Numbers, taken at one moment. */
  public SessionStoreStats stats() {
    long[] numbers = new long[SessionStoreStats.NUMBERS];
    long store = handle.enter();
    try {
      Native.sessionStats(store, numbers);
      return SessionStoreStats.read(numbers);
    } finally {
      handle.exit();
    }
  }

  /**
   * Of what the group has of this application; equal on members that hold the same sessions, where
   * nothing is written for a moment. Its entries are sessions, and ends of the last minute.
   *
   * @throws CohortException FAILED_PRECONDITION, the store is local; UNAVAILABLE, as long as this
   *     member does not hold the whole state
   */
  public Digest digest() {
    long[] numbers = new long[3];
    long store = handle.enter();
    try {
      Native.sessionDigest(store, numbers);
      return new Digest(numbers[0], numbers[1], numbers[2]);
    } finally {
      handle.exit();
    }
  }

  // ---- Writing ----------------------------------------------------------------------------

  /** Begins a session, whose owner this member is: ALREADY_EXISTS. */
  public SessionResult create(String id, SessionChanges contents) {
    return write(true, id, contents);
  }

  /** Sends what changed, as one operation. Never begins a session: NOT_FOUND. */
  public SessionResult save(String id, SessionChanges changes) {
    return write(false, id, changes);
  }

  private SessionResult write(boolean create, String id, SessionChanges changes) {
    byte[] key = requireId(id);
    long[] numbers = new long[SessionResult.NUMBERS];
    long store = handle.enter();
    try {
      return SessionResult.read(numbers, changes.write(store, create, key, numbers));
    } finally {
      handle.exit();
    }
  }

  /**
   * As {@link #save}, but does not wait for the acknowledgement; only for the session's turn and
   * for a claim. What erases attributes, or sets the lifetime or a value of 8 KiB, is waited for
   * all the same. What is refused before it is sent is a result as well, as RESOURCE_EXHAUSTED
   * where the group has 1,048,576 calls under way, and INVALID_ARGUMENT where the session has to be
   * written anew, which {@link #save} does; {@code changes} may be filled again at once.
   *
   * <p>{@code done} gets the result, once, on the thread "cohort-saves": also where the store or
   * its group is closed meanwhile, and where there was nothing to wait for. It must be short and
   * wait for nothing: the answers of all stores come after it. What it throws goes to the thread's
   * handler of uncaught exceptions. If this throws, it is not called.
   *
   * @throws CohortException RESOURCE_EXHAUSTED, no memory to begin it
   */
  public void saveAsync(String id, SessionChanges changes, Consumer<SessionResult> done) {
    Objects.requireNonNull(done, "done");
    byte[] key = requireId(id);
    long store = handle.enter();
    try {
      saves.begin(done, number -> changes.saveAsync(store, key, number));
    } finally {
      handle.exit();
    }
  }

  /**
   * One atomic step: nobody sees both ids, or none. What is written to the old one afterwards is
   * refused, NOT_FOUND, with the new id.
   */
  public SessionResult changeId(String oldId, String newId) {
    byte[] from = requireId(oldId);
    byte[] to = requireId(newId);
    long[] numbers = new long[SessionResult.NUMBERS];
    long store = handle.enter();
    try {
      return SessionResult.read(numbers, Native.changeSessionId(store, from, to, numbers));
    } finally {
      handle.exit();
    }
  }

  /** Ends it everywhere; nothing brings it back. */
  public SessionResult invalidate(String id) {
    byte[] key = requireId(id);
    long[] numbers = new long[SessionResult.NUMBERS];
    long store = handle.enter();
    try {
      return SessionResult.read(numbers, Native.invalidateSession(store, key, numbers));
    } finally {
      handle.exit();
    }
  }

  /**
   * It was used; false: there is none. Does not block: it is sent at most each tenth of its time,
   * or 5 s.
   */
  public boolean touch(String id) {
    byte[] key = bytesOf(id);
    long store = handle.enter();
    try {
      return isId(key) && Native.touchSession(store, key);
    } finally {
      handle.exit();
    }
  }

  // ---- Replication ------------------------------------------------------------------------

  /**
   * Switches replication on in {@code to}, or off (null); the sessions stay usable meanwhile.
   * Blocks until the task is begun, and returns its number.
   *
   * @throws CohortException FAILED_PRECONDITION, a task is under way, or there is nothing to
   *     change; errors of {@link Group#openMap}
   */
  public synchronized long setReplication(Group to) {
    long store = handle.enter();
    try {
      long task = inside(to, pointer -> Native.setReplication(store, pointer));
      if (to != null) group = to;
      return task;
    } finally {
      handle.exit();
    }
  }

  /** What was wanted last. */
  public boolean replicated() {
    long store = handle.enter();
    try {
      return Native.replicated(store);
    } finally {
      handle.exit();
    }
  }

  /**
   * Waits until the task is over, at most {@code timeoutMs} (0: 30 s; {@link
   * WriteOptions#FOREVER}), or the store is closed.
   *
   * @throws CohortException its own error; DEADLINE_EXCEEDED; NOT_FOUND, no such task, or not kept
   */
  public void awaitTask(long task, long timeoutMs) {
    // In short calls: who closes the store waits for one, and not for the task.
    long left = timeoutMs == 0 ? TASK_TIMEOUT_MS : timeoutMs;
    for (;;) {
      long part = left < 0 ? TASK_CALL_MS : Math.min(left, TASK_CALL_MS);
      try {
        awaitTaskFor(task, part);
        return;
      } catch (CohortException e) {
        if (left > 0) left -= part;
        if (e.status() != Status.DEADLINE_EXCEEDED || left == 0) throw e;
        if (!isOver(task)) continue;
        awaitTaskFor(task, TASK_CALL_MS); // It has ended since: this says how.
        return;
      }
    }
  }

  private void awaitTaskFor(long task, long timeoutMs) {
    long store = handle.enter();
    try {
      Native.awaitSessionTask(store, task, timeoutMs);
    } finally {
      handle.exit();
    }
  }

  private boolean isOver(long task) {
    for (SessionTask each : tasks()) {
      if (each.id() == task) return each.over();
    }
    return true;
  }

  /** The last 64, oldest first. */
  public List<SessionTask> tasks() {
    byte[] packed;
    long store = handle.enter();
    try {
      packed = Native.sessionTasks(store);
    } finally {
      handle.exit();
    }
    Unpacked in = new Unpacked(packed);
    List<SessionTask> tasks = new ArrayList<>();
    while (in.hasMore()) tasks.add(SessionTask.read(in));
    return tasks;
  }

  // ---- Following --------------------------------------------------------------------------

  /**
   * Tells what happens from now on, until it or the store is closed.
   *
   * @param withChanges CHANGED too
   */
  public Subscription subscribe(SessionListener listener, boolean withChanges) {
    Objects.requireNonNull(listener, "listener");
    return Subscription.begin(subscriptions, handle, Notices.addForSessions(listener),
        (store, number) -> Native.subscribeSessions(store, withChanges, number));
  }

  /** Tells what tasks come to, in the same order as {@link #subscribe}, on the same thread. */
  public Subscription subscribeTasks(Consumer<SessionTask> listener) {
    Objects.requireNonNull(listener, "listener");
    return Subscription.begin(
        subscriptions, handle, Notices.addForTasks(listener), Native::subscribeSessionTasks);
  }

  /**
   * Ends its subscriptions, closes it, and waits for the calls of other threads, which go on; then
   * its place in the group is free. In a listener it does not wait, and the last call frees it.
   * What is in the group stays there. Before or after its group.
   */
  @Override
  public void close() {
    subscriptions.close();
    handle.close();
    if (!Notices.isTelling()) handle.awaitFreed();
  }

  Handle handle() {
    return handle;
  }

  private static byte[] bytesOf(String id) {
    return id.getBytes(StandardCharsets.UTF_8);
  }

  private static boolean isId(byte[] id) {
    return id.length > 0 && id.length <= ID_BYTES_MAX;
  }

  private static byte[] requireId(String id) {
    byte[] key = bytesOf(id);
    if (!isId(key)) {
      throw new IllegalArgumentException(
          "an id of " + key.length + " bytes; it has 1 to " + ID_BYTES_MAX);
    }
    return key;
  }
}
