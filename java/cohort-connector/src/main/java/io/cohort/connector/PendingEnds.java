package io.cohort.connector;

import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.Status;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Ends sessions in the store. What the group cannot do now is remembered, is gone for this
 * instance, and is tried again: who has logged out must not be logged in elsewhere for long. Any
 * threads.
 */
public final class PendingEnds {
  /** Beyond it the oldest is given up, and logged. */
  public static final int PENDING_MAX = 10_000;

  /** What has become of the session. */
  public enum Outcome {
    /** It is ended now, by this call. */
    ENDED,
    /** There was none any more. */
    WAS_ENDED,
    /** The group could not say; it is tried again. */
    UNKNOWN
  }

  private final SessionStore store;
  private final ServerLog log;

  // By id, whether a new id that it was given is meant too. Guarded by `this`.
  private final Map<String, Boolean> pending = new LinkedHashMap<>();

  /** Of the sessions of this store. */
  public PendingEnds(SessionStore store, ServerLog log) {
    this.store = store;
    this.log = log;
  }

  /** Ends the session, whatever its id is called by now. Blocks as a write. */
  public Outcome end(String id) {
    Outcome outcome = tryToEnd(id, true);
    if (outcome == Outcome.UNKNOWN) remember(id, true);
    return outcome;
  }

  /**
   * Nobody is to come in by this id again, later if not now. Does not block.
   *
   * @param follow whether the session is meant, whatever it is called by then; else the id alone,
   *     as of one that goes on under a new id
   */
  public synchronized void remember(String id, boolean follow) {
    pending.put(id, follow);
    if (pending.size() <= PENDING_MAX) return;
    Iterator<String> oldest = pending.keySet().iterator();
    oldest.next();
    oldest.remove();
    log.warn("more than " + PENDING_MAX + " sessions could not be ended; the oldest is given up");
  }

  /** It is to be ended, but the group could not yet. */
  public synchronized boolean contains(String id) {
    return pending.containsKey(id);
  }

  /** How many are to be ended. */
  public synchronized int size() {
    return pending.size();
  }

  /** Tries again, until one fails. Blocks as writes. */
  public void retry() {
    Map<String, Boolean> all;
    synchronized (this) {
      if (pending.isEmpty()) return;
      all = new LinkedHashMap<>(pending);
    }
    for (Map.Entry<String, Boolean> each : all.entrySet()) {
      if (tryToEnd(each.getKey(), each.getValue()) == Outcome.UNKNOWN) return;
      synchronized (this) {
        pending.remove(each.getKey());
      }
    }
  }

  private Outcome tryToEnd(String id, boolean follow) {
    SessionResult result = store.invalidate(id);
    if (result.status() == Status.NOT_FOUND && follow && !result.newId().isEmpty()) {
      result = store.invalidate(result.newId());
    }
    if (result.status() == Status.NOT_FOUND) return Outcome.WAS_ENDED;
    return result.ok() ? Outcome.ENDED : Outcome.UNKNOWN;
  }
}
