package io.cohort.jetty;

import io.cohort.connector.SaveLock;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.session.ManagedSession;
import org.eclipse.jetty.session.SessionManager;

/** One session's object on this instance, as Jetty and the application use it. */
final class CohortManagedSession extends ManagedSession {
  private static final ThreadLocal<Renewal> RENEWAL = new ThreadLocal<>();

  private final CohortSessionData data;
  private final SaveLock renewalLock = new SaveLock(SaveLock.PATIENCE_MS);
  private boolean passivated;

  CohortManagedSession(SessionManager manager, CohortSessionData data) {
    super(manager, data);
    this.data = data;
  }

  CohortSessionData data() {
    return data;
  }

  /** Requests have it, as far as this thread can see without waiting for the lock. */
  boolean isInUse() {
    return _requests > 0;
  }

  /**
   * Jetty logs what goes wrong with a new id and goes on; so what can be known is asked before, and
   * looked at again afterwards.
   */
  @Override
  public void renewId(Request request, Response response) {
    ((CohortSessionCache) getSessionManager().getSessionCache()).requireNewest(this);
    // Jetty cannot turn back once it has begun. The order: who waits for another change of the id
    // keeps nobody from saving.
    try (SaveLock.Held alone = renewalLock.holdSoon()) {
      SaveLock.Held held = alone == null ? null : data.saveLock().holdSoon();
      if (held == null) {
        throw new IllegalStateException("the session's id cannot be changed now, because another"
            + " request of it is being saved, or changes it; try again");
      }
      renewAlone(new Renewal(this, held), request, response);
    }
    data.requireNewest();
  }

  private void renewAlone(Renewal renewal, Request request, Response response) {
    RENEWAL.set(renewal);
    try {
      super.renewId(request, response);
    } finally {
      RENEWAL.remove();
      renewal.letSave();
    }
    if (renewal.done) return;
    // Jetty has given the object an id that the store does not know: nobody goes on with it.
    data.drop(CohortSessionData.Dropped.STALE);
    data.setTouched(true);
  }

  /** Does this thread change its id at the moment? */
  boolean isRenewing() {
    Renewal renewal = RENEWAL.get();
    return renewal != null && renewal.session == this;
  }

  /** Does it change any session's? */
  static boolean isRenewingAny() {
    return RENEWAL.get() != null;
  }

  /** Its new id is in the store: others may save, though listeners have not been told yet. */
  void onRenewed() {
    if (!isRenewing()) return;
    RENEWAL.get().done = true;
    RENEWAL.get().letSave();
  }

  /** Of a thread that changes a session's id: its save lock, until the store has the new one. */
  private static final class Renewal {
    private final CohortManagedSession session;
    private SaveLock.Held held;
    private boolean done;

    Renewal(CohortManagedSession session, SaveLock.Held held) {
      this.session = session;
      this.held = held;
    }

    void letSave() {
      if (held != null) held.close();
      held = null;
    }
  }

  /** Listeners are told before attributes are encoded, and not where nothing is. */
  @Override
  public void onSessionPassivation() {
    if (!data.isDirty() || data.dropped() != CohortSessionData.Dropped.NO) return;
    passivated = true;
    data.beginTelling(false);
    try {
      super.onSessionPassivation();
    } finally {
      data.endTelling();
    }
  }

  @Override
  public void onSessionActivation() {
    if (!passivated) return;
    passivated = false;
    activate();
  }

  /** It has come from another instance. */
  void activate() {
    data.beginTelling(true);
    try {
      super.onSessionActivation();
    } finally {
      data.endTelling();
    }
  }

  /** Nobody finds it any more; those who have it go on with it. */
  void forget() {
    _sessionInactivityTimer.cancel();
  }

  /** It has something that the store has not: it is not to be evicted yet. */
  void checkAgainAfter(int seconds) {
    if (seconds > 0) _sessionInactivityTimer.schedule(TimeUnit.SECONDS.toMillis(seconds));
  }

  /** Else an IllegalStateException. */
  void requireWritable() {
    checkValidForWrite();
  }
}
