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

  /** Ends the session, whatever its id is called by now. Blocks as a save. */
  void end(String storeId) {
    if (!tryToEnd(storeId, true)) remember(storeId, true);
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
      if (!tryToEnd(each.getKey(), each.getValue())) return;
      synchronized (this) {
        pending.remove(each.getKey());
      }
    }
  }

  private boolean tryToEnd(String storeId, boolean follow) {
    SessionResult result = store.invalidate(storeId);
    if (result.status() != Status.NOT_FOUND) return result.ok();
    if (!follow || result.newId().isEmpty()) return true;
    SessionResult renamed = store.invalidate(result.newId());
    return renamed.ok() || renamed.status() == Status.NOT_FOUND;
  }
}
