package io.cohort.glassfish;

import io.cohort.CohortException;
import io.cohort.Session;
import io.cohort.SessionChanges;
import io.cohort.SessionEvent;
import io.cohort.SessionListener;
import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.Status;
import io.cohort.Subscription;
import io.cohort.connector.SessionReader;
import org.glassfish.ha.store.api.BackingStore;
import org.glassfish.ha.store.api.BackingStoreException;
import org.glassfish.ha.store.api.BackingStoreFactory;
import org.glassfish.ha.store.util.SimpleMetadata;

/**
 * GlassFish's store of one application's sessions, on a session store. A save returns when the
 * group has acknowledged it. It writes over nothing that this instance has not seen: what another
 * instance has written meanwhile, or ended, refuses it with a {@link Refused}.
 *
 * <p>Any threads. Calls for one session go one after the other.
 */
final class CohortStore extends BackingStore<String, SimpleMetadata> {
  /** The object that was saved is older than the session, or the session has ended. */
  static final class Refused extends BackingStoreException {
    private static final long serialVersionUID = 1;

    Refused(String message) {
      super(message);
    }
  }

  /** What the manager does about what happened to sessions; on the thread "cohort-notices". */
  interface Ends {
    /** The object here, if there is one, is not the session any more. */
    void onStale(String id);

    /** The session ended at this instance: listeners are to be told; {@code last} may be null. */
    void onEnded(String id, SimpleMetadata last);
  }

  private final SessionStore store;
  private final Runnable release;
  private final KnownSessions known = new KnownSessions();
  private final Subscription subscription;

  /** {@code release} is called when it is closed, once. */
  CohortStore(SessionStore store, Ends ends, Runnable release) {
    this.store = store;
    this.release = release;
    subscription = store.subscribe(new Follower(known, ends), false);
  }

  /** Whoever asks whether an object is the session, and then uses it, holds this. */
  Object lock(String id) {
    return known.lock(id);
  }

  /** Is the object that this instance has of it the session as it is? Holds the lock. */
  boolean isCurrent(String id) {
    KnownSessions.Known mine = known.get(id);
    // A new session, which its first request has not saved yet.
    if (mine == null) return !known.hasEnded(id);
    if (mine.owned() && store.isOwner(id)) return true;
    Session there = SessionReader.load(store, id);
    if (there == null || !mine.isEqualTo(there)) return false;
    known.put(id, there.version(), there.fence(), there.owned());
    return true;
  }

  /** A new session with an id that may have been used before. */
  void begin(String id) {
    known.begin(id);
  }

  /** One step: nobody sees both ids, or none. */
  void changeId(String oldId, String newId) throws BackingStoreException {
    synchronized (known.lock(oldId)) {
      // Not saved yet: it begins with its new id.
      if (known.get(oldId) == null) return;
      SessionResult result = store.changeId(oldId, newId);
      if (!result.ok()) throw failure(oldId, result);
      known.put(newId, result.version(), result.fence(), true);
      known.end(oldId);
    }
  }

  // ---- What GlassFish calls -----------------------------------------------------------------

  @Override
  public SimpleMetadata load(String id, String version) throws BackingStoreException {
    synchronized (known.lock(id)) {
      Session there = find(id);
      SimpleMetadata value = there == null ? null : StoredState.read(there);
      if (value != null) known.put(id, there.version(), there.fence(), there.owned());
      return value;
    }
  }

  private Session find(String id) throws BackingStoreException {
    try {
      return SessionReader.load(store, id);
    } catch (CohortException e) {
      throw new BackingStoreException("session cannot be loaded: " + e.getMessage(), e);
    }
  }

  /** {@code isNew} is not looked at: GlassFish says the contrary of what is meant. */
  @Override
  public String save(String id, SimpleMetadata value, boolean isNew) throws BackingStoreException {
    synchronized (known.lock(id)) {
      KnownSessions.Look look = known.look(id);
      if (look.ended()) throw new Refused("the session has ended");
      SessionChanges changes = StoredState.changes(value);
      KnownSessions.Known mine = look.known();
      SessionResult result =
          mine == null ? create(id, changes) : store.save(id, changes.fence(mine.fence()));
      if (!result.ok()) throw failure(id, result);
      known.put(id, result.version(), result.fence(), true);
      if (result.refused() > 0) {
        throw new BackingStoreException("a session of " + value.getState().length
            + " bytes is too large, and is not replicated (docs/session_store.md): keep less in"
            + " sessions");
      }
      return "";
    }
  }

  private SessionResult create(String id, SessionChanges changes) throws BackingStoreException {
    SessionResult result = store.create(id, changes);
    if (result.status() != Status.ALREADY_EXISTS) return result;
    // A creation whose outcome was unknown had taken effect.
    Session there = find(id);
    return there == null || !there.owned() ? result : store.save(id, changes.fence(there.fence()));
  }

  private BackingStoreException failure(String id, SessionResult result) {
    switch (result.status()) {
      case NOT_FOUND -> {
        known.end(id);
        return new Refused("the session has ended, or has another id");
      }
      case ABORTED, ALREADY_EXISTS -> {
        known.doubt(id);
        return new Refused("another instance has a newer session: " + result.text());
      }
      default -> {
        return new BackingStoreException(result.status() + ": " + result.text());
      }
    }
  }

  @Override
  public void remove(String id) throws BackingStoreException {
    synchronized (known.lock(id)) {
      boolean stored = known.get(id) != null;
      known.end(id);
      if (!stored) return;
      SessionResult result = store.invalidate(id);
      if (!result.ok() && result.status() != Status.NOT_FOUND) throw failure(id, result);
    }
  }

  @Override
  public String updateTimestamp(String id, String version, Long time) {
    store.touch(id);
    return "";
  }

  /** None: the session store ends them. */
  @Override
  public int removeExpired() {
    return 0;
  }

  @Override
  public int removeExpired(long idleTime) {
    return 0;
  }

  @Override
  public int size() {
    return (int) Math.min(Integer.MAX_VALUE, store.stats().sessions());
  }

  /** None: a {@link CohortManager} makes it. */
  @Override
  public BackingStoreFactory getBackingStoreFactory() {
    return null;
  }

  /** What is in the group stays there. */
  @Override
  public synchronized void close() {
    subscription.close();
    release.run();
  }

  /** GlassFish's word for closing it when an application stops, on this instance alone. */
  @Override
  public void destroy() {
    close();
  }

  // ---- What happened elsewhere --------------------------------------------------------------

  private record Follower(KnownSessions known, Ends ends) implements SessionListener {
    @Override
    public void onEvent(SessionEvent event) {
      String id = event.id();
      switch (event.kind()) {
        case EXPIRED, EVICTED -> {
          known.end(id);
          if (event.here()) {
            Session last = event.session();
            ends.onEnded(id, last == null ? null : StoredState.read(last));
          } else {
            ends.onStale(id);
          }
        }
        case INVALIDATED, WITHDRAWN, ID_CHANGED -> {
          if (event.here()) return;
          known.end(id);
          ends.onStale(id);
        }
        case MOVED -> {
          if (event.here()) return;
          known.doubt(id);
          ends.onStale(id);
        }
        // Told instead of MOVED, where a write of this instance was the first to meet it.
        case CONFLICT -> {
          known.doubt(id);
          ends.onStale(id);
        }
        default -> {
        }
      }
    }

    @Override
    public void onLost(long count) {
      known.doubtAll();
    }
  }
}
