package io.cohort.tomcat;

import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.Status;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.juli.logging.Log;

/**
 * Ends sessions in the store. What the group cannot do now is remembered, is gone for this
 * instance, and is tried again: who has logged out must not be logged in elsewhere for long. Any
 * threads.
 */
final class PendingEnds {
  /** Beyond it the oldest is given up, and logged. */
  static final int PENDING_MAX = 10_000;

  private final SessionStore store;
  private final Log log;

  // By id, whether a new id that it was given is meant too. Guarded by `this`.
  private final Map<String, Boolean> pending = new LinkedHashMap<>();

  PendingEnds(SessionStore store, Log log) {
    this.store = store;
    this.log = log;
  }

  /**
   * Ends the session, whatever its id is called by now. False: it had ended already. Blocks as a
   * save.
   */
  boolean end(String storeId) {
    Outcome outcome = tryToEnd(storeId, true);
    if (outcome == Outcome.UNKNOWN) remember(storeId, true);
    return outcome != Outcome.WAS_ENDED;
  }

  /** Nobody is to come in by this id again, later if not now. Does not block. */
  synchronized void remember(String storeId, boolean follow) {
    pending.put(storeId, follow);
    if (pending.size() <= PENDING_MAX) return;
    Iterator<String> oldest = pending.keySet().iterator();
    oldest.next();
    oldest.remove();
    log.warn("more than " + PENDING_MAX + " sessions could not be ended; the oldest is given up");
  }

  synchronized boolean contains(String storeId) {
    return pending.containsKey(storeId);
  }

  synchronized int size() {
    return pending.size();
  }

  /** Tries again, until one fails. */
  void retry() {
    Map<String, Boolean> all;
    synchronized (this) {
      all = new LinkedHashMap<>(pending);
    }
    for (Map.Entry<String, Boolean> each : all.entrySet()) {
      if (tryToEnd(each.getKey(), each.getValue()) == Outcome.UNKNOWN) return;
      synchronized (this) {
        pending.remove(each.getKey());
      }
    }
  }

  private enum Outcome { ENDED, WAS_ENDED, UNKNOWN }

  private Outcome tryToEnd(String storeId, boolean follow) {
    SessionResult result = store.invalidate(storeId);
    if (result.status() == Status.NOT_FOUND && follow && !result.newId().isEmpty()) {
      result = store.invalidate(result.newId());
    }
    if (result.status() == Status.NOT_FOUND) return Outcome.WAS_ENDED;
    return result.ok() ? Outcome.ENDED : Outcome.UNKNOWN;
  }
}
