package io.cohort.jetty;

import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.Status;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends sessions in the store. One that the group cannot end now is remembered, is gone for this
 * instance, and is tried again. Any threads.
 */
final class PendingEnds {
  /** Beyond it the oldest is given up, and logged. */
  static final int PENDING_MAX = 10_000;

  private static final Logger log = LoggerFactory.getLogger(PendingEnds.class);

  private final SessionStore store;
  private final Set<String> pending = new LinkedHashSet<>();

  PendingEnds(SessionStore store) {
    this.store = store;
  }

  /** True if there was such a session, whatever its id is called by now. Blocks as a write. */
  boolean end(String id) {
    SessionResult result = invalidate(id);
    if (!result.ok() && result.status() != Status.NOT_FOUND) remember(id);
    return result.ok();
  }

  private SessionResult invalidate(String id) {
    SessionResult result = store.invalidate(id);
    boolean renamed = result.status() == Status.NOT_FOUND && !result.newId().isEmpty();
    return renamed ? store.invalidate(result.newId()) : result;
  }

  /** Nobody is to come in by this id again, later if not now. Does not block. */
  synchronized void remember(String id) {
    pending.add(id);
    if (pending.size() <= PENDING_MAX) return;
    pending.remove(pending.iterator().next());
    log.warn("more than {} sessions could not be ended; the oldest is given up", PENDING_MAX);
  }

  synchronized boolean contains(String id) {
    return pending.contains(id);
  }

  /** Tries again, until one fails. */
  void retry() {
    List<String> all;
    synchronized (this) {
      if (pending.isEmpty()) return;
      all = new ArrayList<>(pending);
    }
    for (String id : all) {
      Status status = invalidate(id).status();
      if (status != Status.OK && status != Status.NOT_FOUND) return;
      synchronized (this) {
        pending.remove(id);
      }
    }
  }
}
