package io.cohort.tomcat;

import io.cohort.Session;
import io.cohort.SessionStore;
import io.cohort.connector.Counters;
import io.cohort.connector.SaveLock;
import io.cohort.connector.SessionReader;
import io.cohort.session.SessionMetadata;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;

/**
 * Finds the one object of a session on this instance, or makes it of what the store has. An object
 * that is trusted is taken as it is; of another one the store's version is asked for. Any threads.
 */
final class SessionLoader {
  // Requests of different sessions seldom meet at one of them.
  private static final int LOCKS = 64;

  private final CohortManager manager;
  private final SessionStore store;
  private final Counters counters;
  private final boolean tells;
  private final Map<String, org.apache.catalina.Session> sessions;
  private final Object[] locks = new Object[LOCKS];

  /** {@code tells}: listeners are to be told that an id has a new route. */
  SessionLoader(CohortManager manager, SessionStore store, Counters counters,
      Map<String, org.apache.catalina.Session> sessions, boolean tells) {
    this.manager = manager;
    this.store = store;
    this.counters = counters;
    this.tells = tells;
    this.sessions = sessions;
    for (int i = 0; i < LOCKS; ++i) locks[i] = new Object();
  }

  /**
   * The session, or null if there is none (any more).
   *
   * @param asked the id by which the client knows it
   * @throws io.cohort.CohortException if the store cannot say
   * @throws UncheckedIOException if a save of the session takes too long to wait for
   */
  CohortSession find(String storeId, String asked) {
    CohortSession found = null;
    while (found == null) {
      CohortSession local = (CohortSession) sessions.get(storeId);
      if (local != null) {
        if (isCurrent(local, storeId)) found = local;
        continue;
      }
      // Parallel requests of a session must get the same object.
      synchronized (locks[Math.floorMod(storeId.hashCode(), LOCKS)]) {
        if (sessions.containsKey(storeId)) continue;
        found = load(storeId);
        if (found == null) return null;
      }
      found.activateOnce();
      tellRoute(found, asked);
    }
    found.activateOnce();
    return found;
  }

  // Else it is not here any more. Nothing but the session is locked, since its save may take long.
  private boolean isCurrent(CohortSession local, String storeId) {
    if (isHere(local, storeId)) return true;
    // A save that is under way changes the version.
    try (SaveLock.Held held = local.saveLock.holdSoon()) {
      if (held == null) {
        throw new UncheckedIOException(new IOException("a save of it takes too long"));
      }
      if (isHere(local, storeId)) return true;
      int doubts = local.standing().doubts();
      Session there = SessionReader.load(store, storeId);
      if (there != null && local.standing().isEqualTo(there)) {
        local.onUsedElsewhere(there);
        local.standing().trust(there.owned(), doubts);
        return true;
      }
      sessions.remove(storeId, local);
      return false;
    }
  }

  // That another instance has it may be known to the store before it is told.
  private boolean isHere(CohortSession local, String storeId) {
    return local.standing().isTrusted() && (!local.isStored() || store.isOwner(storeId));
  }

  private CohortSession load(String storeId) {
    Session there = SessionReader.load(store, storeId);
    if (there == null) return null;
    CohortSession session = restore(storeId, there);
    sessions.put(storeId, session);
    // If it ended meanwhile, that was told before it was here to be dropped.
    if (!store.exists(storeId)) {
      sessions.remove(storeId, session);
      return null;
    }
    counters.loaded.increment();
    return session;
  }

  private void tellRoute(CohortSession session, String asked) {
    String id = session.getIdInternal();
    if (id.equals(asked)) return;
    manager.inApplication(() -> session.tellChangedSessionId(id, asked, tells, tells));
  }

  /** An object that nobody else knows. */
  CohortSession restore(String storeId, Session there) {
    CohortSession session = (CohortSession) manager.createEmptySession();
    SessionMetadata metadata = SessionMetadata.decode(there.metadata()).orElse(null);
    session.restore(manager.shownId(storeId), there, metadata);
    return session;
  }

  /** The same for one of which nothing is known but its id. */
  CohortSession restoreNothing(String storeId, long nowMs) {
    CohortSession session = (CohortSession) manager.createEmptySession();
    session.restoreNothing(manager.shownId(storeId), nowMs);
    return session;
  }
}
