package io.cohort.tomcat;

import io.cohort.CohortException;
import io.cohort.SessionChanges;
import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.Status;
import io.cohort.Version;
import io.cohort.session.Changes;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.juli.logging.Log;

/**
 * Sends what requests did to sessions, and finds out what the answer means for the object here. One
 * save of a session at a time; each waits for its acknowledgement. Any threads.
 */
final class SessionSaver {
  /** Attributes in one write. */
  static final int ATTRIBUTES_MAX = 500;

  /** Bytes of values in one write, but for its last one. */
  static final int BYTES_MAX = 1 << 20;

  /** Types of users that were reported as not replicated; more are not reported. */
  static final int USER_REPORTS_MAX = 64;

  // An id may be changed again while the change before is followed.
  private static final int FOLLOW_MAX = 3;

  private final CohortManager manager;
  private final SessionStore store;
  private final Counters counters;
  private final Log log;
  private final AtomicBoolean conflictTold = new AtomicBoolean();
  private final AtomicBoolean failing = new AtomicBoolean();
  private final Set<String> usersTold = new HashSet<>();

  SessionSaver(CohortManager manager, SessionStore store, Counters counters, Log log) {
    this.manager = manager;
    this.store = store;
    this.counters = counters;
    this.log = log;
  }

  /** Sends what has to be sent, or else tells the store that the session was used. */
  Saved save(CohortSession session) {
    synchronized (session.saveLock) {
      if (session.isEnded()) return Saved.ENDED;
      if (session.isStale()) return refused();
      if (session.isStored() && !session.isTouched()) return touchNow(session);
      session.setTouched(false);
      Changes changes = collect(session);
      try {
        byte[] metadata = changedMetadata(session);
        if (session.isStored() && changes.isEmpty() && metadata == null) return touchNow(session);
        return send(session, !session.isStored(), changes, metadata);
      } catch (RuntimeException | Error e) {
        restore(session, changes);
        throw e;
      }
    }
  }

  /** Tells the store that the session is used; false: it has ended. */
  boolean touch(CohortSession session) {
    if (!session.isStored() || isThere(session)) return true;
    // Its id may be changing.
    synchronized (session.saveLock) {
      if (session.isEnded()) return false;
      return !session.isStored() || touchNow(session) != Saved.ENDED;
    }
  }

  private Saved touchNow(CohortSession session) {
    if (isThere(session)) return Saved.UNCHANGED;
    manager.dropEnded(session);
    return Saved.ENDED;
  }

  // A group that cannot say so has lost the use, and no more.
  private boolean isThere(CohortSession session) {
    try {
      return store.touch(manager.storeId(session));
    } catch (CohortException e) {
      counters.unacknowledged.increment();
      return true;
    }
  }

  private static Changes collect(CohortSession session) {
    CohortSession.Passivation passivation = session.new Passivation();
    try {
      return session.tracker().collect(passivation::passivate, session::isBusy);
    } finally {
      passivation.activate();
    }
  }

  private static void restore(CohortSession session, Changes changes) {
    session.tracker().restore(changes);
    session.setTouched(true);
  }

  private byte[] changedMetadata(CohortSession session) {
    byte[] encoded;
    try {
      encoded = TomcatMetadata.encode(session);
    } catch (IllegalArgumentException e) {
      tellUser(session, e);
      encoded = TomcatMetadata.withoutUser(session).encode();
    }
    return Arrays.equals(encoded, session.metadataSent()) ? null : encoded;
  }

  private void tellUser(CohortSession session, IllegalArgumentException why) {
    String type = session.getPrincipal().getClass().getName();
    synchronized (usersTold) {
      if (usersTold.size() >= USER_REPORTS_MAX || !usersTold.add(type)) return;
    }
    log.warn(manager.getApplication() + ": users of the type " + type
        + " are not replicated, and log in again after a failover: " + why.getMessage());
  }

  // ---- Sending ----------------------------------------------------------------------------

  private Saved send(CohortSession session, boolean create, Changes changes, byte[] metadata) {
    Parts parts = new Parts(changes);
    SessionChanges part = new SessionChanges();
    boolean first = true;
    while (first || parts.hasMore()) {
      parts.fill(part.clear());
      if (first && metadata != null) {
        part.metadata(metadata).maxInactiveMs(session.getMaxInactiveInterval() * 1000L);
      }
      int doubts = session.doubts();
      SessionResult result = write(session, create && first, part);
      if (!result.ok()) return failed(session, changes, result);
      session.onStored(result.version(), result.fence(), doubts);
      first = false;
    }
    if (metadata != null) session.onMetadataSent(metadata);
    (create ? counters.created : counters.saved).increment();
    if (failing.compareAndSet(true, false)) {
      log.info(manager.getApplication() + ": sessions are replicated again");
    }
    return Saved.ACKNOWLEDGED;
  }

  private SessionResult write(CohortSession session, boolean create, SessionChanges part) {
    if (create) {
      part.createdMs(session.getCreationTimeInternal());
      return store.create(manager.storeId(session), part);
    }
    part.fence(session.fence());
    SessionResult result = store.save(manager.storeId(session), part);
    for (int i = 0; i < FOLLOW_MAX && isRenamed(result); ++i) {
      manager.follow(session, result.newId());
      result = store.save(result.newId(), part);
    }
    return result;
  }

  private static boolean isRenamed(SessionResult result) {
    return result.status() == Status.NOT_FOUND && !result.newId().isEmpty();
  }

  private Saved failed(CohortSession session, Changes changes, SessionResult result) {
    switch (result.status()) {
      case NOT_FOUND -> {
        manager.dropEnded(session);
        counters.endedElsewhere.increment();
        return Saved.ENDED;
      }
      case ALREADY_EXISTS -> {
        if (isOurOwn(session)) return sendAgain(session, changes);
        return conflict(session, result);
      }
      case ABORTED -> {
        return conflict(session, result);
      }
      default -> {
        restore(session, changes);
        counters.unacknowledged.increment();
        if (failing.compareAndSet(false, true)) {
          log.warn(manager.getApplication()
              + ": a session could not be replicated: " + result.status() + ": " + result.text()
              + "; it stays here and is sent again, which is not told again until it succeeds");
        }
        return Saved.UNACKNOWLEDGED;
      }
    }
  }

  // A creation whose outcome was unknown had taken effect: when it began is told by the store.
  private boolean isOurOwn(CohortSession session) {
    io.cohort.Session there = store.load(manager.storeId(session));
    return there != null && there.owned() && there.createdMs() == session.getCreationTimeInternal();
  }

  private Saved sendAgain(CohortSession session, Changes changes) {
    session.onStored(new Version(0, 0), 0, session.doubts());
    restore(session, changes);
    return save(session);
  }

  private Saved conflict(CohortSession session, SessionResult result) {
    markStale(session, result);
    return refused();
  }

  /**
   * Nothing that requests have done to this object, or will, is kept; each of them is told so when
   * it is saved. The session's saveLock is held.
   */
  void markStale(CohortSession session, SessionResult result) {
    session.markStale();
    manager.dropStale(session);
    String line = manager.getApplication() + ": a request's changes were refused, because another"
        + " instance has a newer session: " + result.text();
    if (conflictTold.compareAndSet(false, true)) {
      log.warn(line + " (further ones are counted only)");
    } else {
      log.debug(line);
    }
  }

  private Saved refused() {
    counters.conflicts.increment();
    return Saved.CONFLICT;
  }

  /** Changes in writes that are not too large. */
  private static final class Parts {
    private final Map<String, byte[]> put;
    private final Set<String> removed;

    Parts(Changes changes) {
      put = new LinkedHashMap<>(changes.put());
      removed = new LinkedHashSet<>(changes.removed());
    }

    boolean hasMore() {
      return !put.isEmpty() || !removed.isEmpty();
    }

    /** Takes as many as fit. */
    void fill(SessionChanges part) {
      int count = 0;
      long bytes = 0;
      for (var each = removed.iterator(); each.hasNext() && count < ATTRIBUTES_MAX; ++count) {
        part.erase(each.next());
        each.remove();
      }
      for (var each = put.entrySet().iterator();
          each.hasNext() && count < ATTRIBUTES_MAX && bytes < BYTES_MAX; ++count) {
        Map.Entry<String, byte[]> entry = each.next();
        part.set(entry.getKey(), entry.getValue());
        bytes += entry.getValue().length;
        each.remove();
      }
    }
  }
}
