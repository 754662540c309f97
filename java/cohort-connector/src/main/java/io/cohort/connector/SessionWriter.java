package io.cohort.connector;

import io.cohort.Session;
import io.cohort.SessionChanges;
import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.Status;
import io.cohort.Version;
import io.cohort.session.ChangeTracker;
import io.cohort.session.Changes;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * Writes what requests did to sessions, and finds out what the answer means for the object on this
 * instance. A write waits for its acknowledgement, or tells it. Different sessions on any threads;
 * who writes one holds its lock from the collecting of its changes on.
 */
public final class SessionWriter {
  /** Attributes in one write. */
  public static final int ATTRIBUTES_MAX = 500;

  /** Bytes of values in one write, but for its last one. */
  public static final int BYTES_MAX = 1 << 20;

  // An id may be changed again while the change before is followed.
  private static final int FOLLOW_MAX = 3;

  /** The object of a session on this instance. */
  public interface Target {
    /** By which the store knows it. */
    String storeId();

    /** When it began, milliseconds since 1970. */
    long createdMs();

    /** How it stands to what the store has. */
    Standing standing();

    /** What of it was sent. */
    ChangeTracker tracker();

    /** Another instance has given it a new id, by which the store has it. */
    void follow(String newStoreId);
  }

  /** What became of a write. */
  public enum Written {
    /** It is where the setting "ack" wants it. */
    ACKNOWLEDGED,
    /** Perhaps it is not: the group could not say. The tracker has the changes again. */
    UNACKNOWLEDGED,
    /** Another instance has a newer session: what was to be written is nowhere. */
    CONFLICT,
    /** The session has ended. */
    ENDED
  }

  private final String application;
  private final SessionStore store;
  private final Counters counters;
  private final ServerLog log;
  private final SpareChanges spare = new SpareChanges();
  private final AtomicBoolean conflictTold = new AtomicBoolean();
  private final AtomicBoolean failing = new AtomicBoolean();

  /** For the sessions of one application. */
  public SessionWriter(String application, SessionStore store, Counters counters, ServerLog log) {
    this.application = application;
    this.store = store;
    this.counters = counters;
    this.log = log;
  }

  /**
   * Writes {@code changes}, the whole session if the store does not have it.
   *
   * @param metadata null: as it is
   * @param maxInactiveMs goes with the metadata
   * @throws io.cohort.CohortException if the store cannot say what it has; the tracker does not
   *     have the changes again
   */
  public Written write(Target target, Changes changes, byte[] metadata, long maxInactiveMs) {
    boolean create = !target.standing().isStored();
    SessionResult result = send(target, create, changes, metadata, maxInactiveMs);
    if (create && result.status() == Status.ALREADY_EXISTS && isOurOwn(target)) {
      // A creation whose outcome was unknown had taken effect.
      target.standing().onStored(new Version(0, 0), 0, target.standing().doubts());
      result = send(target, false, changes, metadata, maxInactiveMs);
    }
    return result.ok() ? succeeded(create) : failed(target, changes, result);
  }

  private Written succeeded(boolean create) {
    (create ? counters.created : counters.saved).increment();
    if (failing.compareAndSet(true, false)) {
      log.info(application + ": sessions are replicated again");
    }
    return Written.ACKNOWLEDGED;
  }

  /**
   * Writes {@code changes}, and tells {@code done} once what {@link #write} would have returned: on
   * the thread "cohort-saves", which it must not hold up, if all went well; else on one of {@link
   * LateWork}, which may wait. What would be thrown there is UNACKNOWLEDGED; where there is no
   * thread for it, so is all, which must not be waited for either.
   *
   * @return false: they are more than one write of a session that the store has, or such that the
   *     store waits for it; nothing was begun
   */
  public boolean writeAsync(Target target, Changes changes, Consumer<Written> done) {
    if (!target.standing().isStored() || !changes.removed().isEmpty()) return false;
    SessionChanges part = spare.take();
    try {
      Parts parts = new Parts(changes);
      parts.fill(part);
      if (parts.hasMore()) return false;
      leave(target, changes, part, done);
      return true;
    } finally {
      spare.give(part);
    }
  }

  private void leave(Target target, Changes changes, SessionChanges part, Consumer<Written> done) {
    int doubts = target.standing().doubts();
    long fence = target.standing().fence();
    store.saveAsync(target.storeId(), part.fence(fence), result -> {
      if (result.ok() && result.refused() == 0) {
        target.standing().onStored(result.version(), result.fence(), doubts);
        done.accept(succeeded(false));
      } else {
        finishLate(()
                       -> done.accept(finish(target, changes, fence, result, doubts)),
            () -> done.accept(unacknowledged(target, changes)));
      }
    });
  }

  // Where there is no thread for it, nobody knows what became of the write.
  private static void finishLate(Runnable work, Runnable otherwise) {
    try {
      LateWork.run(work);
    } catch (RuntimeException | Error e) {
      otherwise.run();
      throw e;
    }
  }

  private Written finish(
      Target target, Changes changes, long fence, SessionResult first, int doubts) {
    try {
      // One that has to be written anew, which is waited for.
      boolean again = first.status() == Status.INVALID_ARGUMENT;
      SessionResult result = first;
      if (again || isRenamed(first)) {
        SessionChanges part = new SessionChanges();
        new Parts(changes).fill(part.fence(fence));
        result = follow(target, part, again ? store.save(target.storeId(), part) : first);
      }
      if (!result.ok()) return failed(target, changes, result);
      target.standing().onStored(result.version(), result.fence(), doubts);
      if (result.refused() > 0) findRefused(target, changes);
      return succeeded(false);
    } catch (RuntimeException | Error e) {
      log.debug(application + ": what became of a save could not be found out: " + e.getMessage());
      return unacknowledged(target, changes);
    }
  }

  private SessionResult send(
      Target target, boolean create, Changes changes, byte[] metadata, long maxInactiveMs) {
    Parts parts = new Parts(changes);
    SessionChanges part = spare.take();
    SessionResult result = null;
    int refused = 0;
    try {
      while (result == null || parts.hasMore()) {
        boolean first = result == null;
        parts.fill(part.clear());
        if (first && metadata != null) part.metadata(metadata).maxInactiveMs(maxInactiveMs);
        int doubts = target.standing().doubts();
        result = sendPart(target, create && first, part);
        if (!result.ok()) return result;
        target.standing().onStored(result.version(), result.fence(), doubts);
        refused += result.refused();
      }
    } finally {
      spare.give(part);
    }
    if (refused > 0) findRefused(target, changes);
    return result;
  }

  private SessionResult sendPart(Target target, boolean create, SessionChanges part) {
    if (create) return store.create(target.storeId(), part.createdMs(target.createdMs()));
    part.fence(target.standing().fence());
    return follow(target, part, store.save(target.storeId(), part));
  }

  private SessionResult follow(Target target, SessionChanges part, SessionResult first) {
    SessionResult result = first;
    for (int i = 0; i < FOLLOW_MAX && isRenamed(result); ++i) {
      String newId = result.newId();
      target.follow(newId);
      result = store.save(newId, part);
    }
    return result;
  }

  private static boolean isRenamed(SessionResult result) {
    return result.status() == Status.NOT_FOUND && !result.newId().isEmpty();
  }

  // The store says how many it had no room for, and tells their names when it comes to it.
  private void findRefused(Target target, Changes changes) {
    Session there = SessionReader.load(store, target.storeId());
    if (there == null) return;
    Set<String> missing = new HashSet<>(changes.put().keySet());
    there.attributes().toMap().keySet().forEach(missing::remove);
    missing.forEach(target.tracker()::onRefused);
  }

  // When it began is told by the store.
  private boolean isOurOwn(Target target) {
    Session there = SessionReader.load(store, target.storeId());
    return there != null && there.owned() && there.createdMs() == target.createdMs();
  }

  private Written failed(Target target, Changes changes, SessionResult result) {
    switch (result.status()) {
      case NOT_FOUND -> {
        counters.endedElsewhere.increment();
        return Written.ENDED;
      }
      case ALREADY_EXISTS, ABORTED -> {
        tellConflict(result);
        return Written.CONFLICT;
      }
      default -> {
        if (failing.compareAndSet(false, true)) {
          log.warn(application + ": a session could not be replicated: " + result.status() + ": "
              + result.text()
              + "; it stays here and is sent again, which is not told again until it succeeds");
        }
        return unacknowledged(target, changes);
      }
    }
  }

  private Written unacknowledged(Target target, Changes changes) {
    target.tracker().restore(changes);
    counters.unacknowledged.increment();
    return Written.UNACKNOWLEDGED;
  }

  /** The first one is a warning. The connector counts the requests that it meets. */
  public void tellConflict(SessionResult result) {
    String line = application + ": a request's changes were refused, because another instance has a"
        + " newer session: " + result.text();
    if (conflictTold.compareAndSet(false, true)) {
      log.warn(line + " (further ones are counted only)");
    } else {
      log.debug(line);
    }
  }

  /** Changes in writes that are not too large. */
  private static final class Parts {
    private final Iterator<Map.Entry<String, byte[]>> put;
    private final Iterator<String> removed;

    Parts(Changes changes) {
      put = changes.put().entrySet().iterator();
      removed = changes.removed().iterator();
    }

    boolean hasMore() {
      return put.hasNext() || removed.hasNext();
    }

    /** Takes as many as fit. */
    void fill(SessionChanges part) {
      int count = 0;
      long bytes = 0;
      for (; removed.hasNext() && count < ATTRIBUTES_MAX; ++count) part.erase(removed.next());
      for (; put.hasNext() && count < ATTRIBUTES_MAX && bytes < BYTES_MAX; ++count) {
        Map.Entry<String, byte[]> entry = put.next();
        part.set(entry.getKey(), entry.getValue());
        bytes += entry.getValue().length;
      }
    }
  }
}
