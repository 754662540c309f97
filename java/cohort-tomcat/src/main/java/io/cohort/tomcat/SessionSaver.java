package io.cohort.tomcat;

import io.cohort.CohortException;
import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.connector.Counters;
import io.cohort.connector.SaveLock;
import io.cohort.connector.SessionWriter;
import io.cohort.session.Changes;
import java.security.Principal;
import java.util.Arrays;

/**
 * Finds what requests did to sessions, has it sent, and does to the object here what the answer
 * means for it. One save of a session at a time; each waits for its acknowledgement. Any threads.
 */
final class SessionSaver {
  private final CohortManager manager;
  private final SessionStore store;
  private final SessionWriter writer;
  private final Counters counters;
  private final UserReports users;

  SessionSaver(CohortManager manager, SessionStore store, SessionWriter writer, Counters counters,
      UserReports users) {
    this.manager = manager;
    this.store = store;
    this.writer = writer;
    this.counters = counters;
    this.users = users;
  }

  /** Sends what has to be sent, or else tells the store that the session was used. */
  Saved save(CohortSession session) {
    try (SaveLock.Held held = session.saveLock.hold()) {
      if (session.isEnded()) return Saved.ENDED;
      if (session.isStale()) return refused();
      if (session.isStored() && !session.isTouched()) return touchNow(session);
      session.setTouched(false);
      Changes changes = Changes.NONE;
      try {
        changes = collect(session);
        // By a request that could not wait for this.
        if (session.isEnded()) return Saved.ENDED;
        byte[] metadata = changedMetadata(session);
        if (session.isStored() && changes.isEmpty() && metadata == null) return touchNow(session);
        return send(session, changes, metadata);
      } catch (RuntimeException | Error e) {
        restore(session, changes);
        throw e;
      }
    }
  }

  /**
   * What a request has done to an object after its application was stopped is not sent: another
   * object may have the session. The request is told so.
   */
  Saved saveNot(CohortSession session) {
    if (session.isEnded()) return Saved.ENDED;
    if (!session.isTouched() || !isChanged(session)) return Saved.UNCHANGED;
    session.markStale();
    return refused();
  }

  // Its listeners are not told: they belong to what was stopped. What cannot be compared any more
  // counts as changed, as does what the stop itself could not save.
  private boolean isChanged(CohortSession session) {
    if (session.isStale() || !session.isStored()) return true;
    try {
      Changes changes = session.tracker().collect(session::replicable, session::isBusy);
      return !changes.isEmpty() || changedMetadata(session) != null;
    } catch (RuntimeException | Error e) {
      return true;
    }
  }

  /** Tells the store that the session is used; false: it has ended. */
  boolean touch(CohortSession session) {
    if (!session.isStored() || isThere(session)) return true;
    // Its id may be changing.
    try (SaveLock.Held held = session.saveLock.holdSoon()) {
      if (held == null) return true;
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
    Principal user = session.getPrincipal(); // Another request may log out meanwhile.
    try {
      encoded = TomcatMetadata.encode(session, manager.codec());
    } catch (IllegalArgumentException e) {
      String type = user == null ? "unknown" : user.getClass().getName();
      users.notSent(manager.getApplication(), type, e.getMessage());
      encoded = TomcatMetadata.withoutUser(session).encode();
    }
    return Arrays.equals(encoded, session.metadataSent()) ? null : encoded;
  }

  // ---- Sending ----------------------------------------------------------------------------

  private Saved send(CohortSession session, Changes changes, byte[] metadata) {
    long maxInactiveMs = session.getMaxInactiveInterval() * 1000L;
    switch (writer.write(session, changes, metadata, maxInactiveMs)) {
      case ACKNOWLEDGED -> {
        if (metadata != null) session.onMetadataSent(metadata);
        if (!session.isEndedBesideSave()) return Saved.ACKNOWLEDGED;
        manager.endInStore(session);
        return Saved.ENDED;
      }
      case UNACKNOWLEDGED -> {
        if (session.isEndedBesideSave()) manager.endLater(session);
        session.setTouched(true);
        return Saved.UNACKNOWLEDGED;
      }
      case CONFLICT -> {
        session.markStale();
        manager.dropStale(session);
        return refused();
      }
      default -> {
        manager.dropEnded(session);
        return Saved.ENDED;
      }
    }
  }

  /**
   * Nothing that requests have done to this object, or will, is kept; each of them is told so when
   * it is saved. The session's saveLock is held.
   */
  void markStale(CohortSession session, SessionResult result) {
    session.markStale();
    manager.dropStale(session);
    writer.tellConflict(result);
  }

  /** The request is told that what it did is lost. */
  Saved refused() {
    counters.conflicts.increment();
    return Saved.CONFLICT;
  }
}
