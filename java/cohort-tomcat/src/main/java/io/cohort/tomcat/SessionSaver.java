package io.cohort.tomcat;

import io.cohort.CohortException;
import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.connector.Counters;
import io.cohort.connector.LateWork;
import io.cohort.connector.SaveLock;
import io.cohort.connector.SessionWriter;
import io.cohort.connector.SessionWriter.Written;
import io.cohort.session.Changes;
import java.security.Principal;
import java.util.Arrays;
import java.util.function.Consumer;
import org.apache.juli.logging.Log;
import org.apache.juli.logging.LogFactory;

/**
 * Finds what requests did to sessions, has it sent, and does to the object here what the answer
 * means for it. One save of a session at a time, until it is answered. Any threads.
 */
final class SessionSaver {
  private final CohortManager manager;
  private final SessionStore store;
  private final SessionWriter writer;
  private final Counters counters;
  private final UserReports users;
  private final Log log = LogFactory.getLog(SessionSaver.class);

  SessionSaver(CohortManager manager, SessionStore store, SessionWriter writer, Counters counters,
      UserReports users) {
    this.manager = manager;
    this.store = store;
    this.writer = writer;
    this.counters = counters;
    this.users = users;
  }

  // ---- Of requests ------------------------------------------------------------------------

  /**
   * What a request has done is saved before a part of its answer goes. If another one's save does
   * not let it, it is saved at its end. Not {@code waits}: one that has waited already.
   */
  Saved saveNow(CohortSession session, boolean waits) {
    SaveLock lock = session.saveLock;
    try (SaveLock.Held held = waits ? lock.holdSoon() : lock.tryToHold()) {
      if (held != null) return saveAtEnd(session, false);
      if (session.isStale()) return refused();
      if (waits) log.warn("a part of an answer goes before its save: another save takes too long");
      return Saved.HELD_UP;
    }
  }

  /** At the end of a request; {@code tooLate} if its answer may have gone. */
  Saved saveAtEnd(CohortSession session, boolean tooLate) {
    Saved saved;
    try (SaveLock.Held held = session.saveLock.hold()) {
      saved = maySend(session) ? save(session) : saveNot(session);
    }
    if (tooLate && saved != Saved.UNCHANGED && saved != Saved.ENDED) {
      counters.answeredBeforeSaved.increment();
    }
    return saved;
  }

  /** The same, as {@link #save(CohortSession, Consumer)}. */
  Saved saveAtEnd(CohortSession session, Consumer<Saved> later) {
    return maySend(session) ? save(session, later) : saveAtEnd(session, false);
  }

  private boolean maySend(CohortSession session) {
    return manager.isReady() && !session.isRetired();
  }

  // ---- Saving -----------------------------------------------------------------------------

  /** Sends what has to be sent, or else tells the store that the session was used. */
  Saved save(CohortSession session) {
    return save(session, null);
  }

  /**
   * The same, but where it can does not wait for the answer: then it returns null, and {@code
   * later} is told what became of it, once, on a thread that it must not hold up.
   */
  Saved save(CohortSession session, Consumer<Saved> later) {
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
        boolean mayLeave = later != null && metadata == null;
        if (mayLeave && leaves(session, changes, held, later)) return null;
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

  /** Tells the store that the session is used, if that is news; false: it has ended. */
  boolean touch(CohortSession session) {
    if (!session.isStored() || isUseTold(session) || isThere(session)) return true;
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

  private static boolean isUseTold(CohortSession session) {
    long intervalMs = session.getMaxInactiveInterval() * 1000L;
    return session.standing().isUseTold(System.currentTimeMillis(), intervalMs);
  }

  // A group that cannot say so has lost the use, and no more.
  private boolean isThere(CohortSession session) {
    long now = System.currentTimeMillis();
    try {
      if (!store.touch(manager.storeId(session))) return false;
      session.standing().onUseTold(now);
      return true;
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

  // The lock goes with it.
  private boolean leaves(
      CohortSession session, Changes changes, SaveLock.Held held, Consumer<Saved> later) {
    return held.leaveTo(left
        -> writer.writeAsync(session, changes, written -> answered(session, written, left, later)));
  }

  // As SessionWriter.writeAsync says, what is not acknowledged is told on a thread that may wait.
  private void answered(
      CohortSession session, Written written, SaveLock.Left left, Consumer<Saved> later) {
    if (written != Written.ACKNOWLEDGED) {
      settleLate(session, written, left, later);
    } else if (session.isEndedBesideSave()) {
      endLate(session, left, later);
    } else {
      // Who ends it from now on does so after this save.
      left.close();
      later.accept(Saved.ACKNOWLEDGED);
    }
  }

  private void endLate(CohortSession session, SaveLock.Left left, Consumer<Saved> later) {
    try {
      LateWork.run(() -> settleLate(session, Written.ACKNOWLEDGED, left, later));
    } catch (RuntimeException | Error e) {
      try {
        manager.endLater(session);
      } finally {
        left.close();
        later.accept(Saved.UNACKNOWLEDGED);
      }
      throw e;
    }
  }

  private void settleLate(
      CohortSession session, Written written, SaveLock.Left left, Consumer<Saved> later) {
    Saved saved = Saved.UNACKNOWLEDGED;
    try {
      saved = settle(session, written, null);
    } finally {
      left.close();
      later.accept(saved);
    }
  }

  private Saved send(CohortSession session, Changes changes, byte[] metadata) {
    long maxInactiveMs = session.getMaxInactiveInterval() * 1000L;
    return settle(session, writer.write(session, changes, metadata, maxInactiveMs), metadata);
  }

  // What the answer means for the object.
  private Saved settle(CohortSession session, Written written, byte[] metadata) {
    switch (written) {
      case ACKNOWLEDGED -> {
        if (metadata != null) session.onMetadataSent(metadata);
        if (!session.isEndedBesideSave()) return Saved.ACKNOWLEDGED;
        manager.endInStore(session);
        return Saved.ENDED;
      }
      case UNACKNOWLEDGED -> {
        if (session.isEndedBesideSave()) manager.endLater(session);
        session.onUnacknowledged();
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
