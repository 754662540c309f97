package io.cohort.tomcat;

import io.cohort.CohortException;
import io.cohort.SessionStore;
import io.cohort.SessionStoreStats;
import io.cohort.SessionTask;
import io.cohort.Status;
import io.cohort.session.Reason;
import java.time.Instant;
import java.util.List;

/**
 * What a {@link CohortManager} shows by JMX, beside what it shows as any manager of Tomcat: {@code
 * Catalina:type=Cohort,host=...,context=...}. Counts are since the manager was made. Any threads.
 */
public class CohortStatus {
  private final CohortManager manager;

  /** Of this manager. */
  CohortStatus(CohortManager manager) {
    this.manager = manager;
  }

  // ---- Replication ------------------------------------------------------------------------

  /** Is it on, or being switched on? */
  public boolean isReplicated() {
    SessionStore store = manager.store();
    return store != null && store.replicated();
  }

  /**
   * Switches it on or off while sessions are used; returns the number of the task, of which {@link
   * #getTasks} tells.
   */
  public long switchReplication(boolean on) {
    return manager.switchReplication(on);
  }

  /** The last 64 tasks, oldest first, a line each. */
  public String[] getTasks() {
    SessionStore store = manager.store();
    List<SessionTask> tasks = store == null ? List.of() : store.tasks();
    return tasks.stream().map(CohortStatus::line).toArray(String[] ::new);
  }

  private static String line(SessionTask task) {
    return task.id() + " " + task.kind() + " " + task.state() + ", " + task.moved() + " of "
        + task.total() + " sessions, " + task.failed() + " failed, since "
        + Instant.ofEpochMilli(task.startedMs()) + ", " + task.status();
  }

  // ---- The store --------------------------------------------------------------------------

  private SessionStoreStats stats() {
    SessionStore store = manager.store();
    return store == null ? new SessionStoreStats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) : store.stats();
  }

  /** Sessions of the application, on all instances. */
  public long getSessions() {
    return stats().sessions();
  }

  /** Of them, those that belong to this instance. */
  public long getOwnedSessions() {
    return stats().owned();
  }

  /** Bytes of all sessions. */
  public long getBytes() {
    return stats().bytes();
  }

  /**
   * Of all that the group has of the application, 32 hexadecimal digits: instances with equal ones
   * hold the same sessions. Empty: the sessions are of this instance alone, or it has not got all
   * yet.
   */
  public String getDigest() {
    SessionStore store = manager.store();
    if (store == null) return "";
    try {
      return store.digest().hex();
    } catch (CohortException e) {
      if (e.status() == Status.FAILED_PRECONDITION || e.status() == Status.UNAVAILABLE) return "";
      throw e;
    }
  }

  /** Sessions that this instance has taken over. */
  public long getClaims() {
    return stats().claims();
  }

  // ---- Requests ---------------------------------------------------------------------------

  /** Sessions that began here and were acknowledged. */
  public long getCreated() {
    return manager.counters().created.sum();
  }

  /** Requests whose changes were sent and acknowledged. */
  public long getSaved() {
    return manager.counters().saved.sum();
  }

  /** Objects that were made of what the store had, as after a failover. */
  public long getLoaded() {
    return manager.counters().loaded.sum();
  }

  /** Requests that were answered, at least in part, before their changes were acknowledged. */
  public long getAnsweredBeforeSaved() {
    return manager.counters().answeredBeforeSaved.sum();
  }

  /** Answers that waited for their save without a thread; see "asyncAnswers" in docs/tomcat.md. */
  public long getAsyncAnswers() {
    return manager.counters().asyncAnswers.sum();
  }

  /** Of these, those that Tomcat had done with, and that were kept at their connection. */
  public long getHeldAnswers() {
    return manager.counters().heldAnswers.sum();
  }

  /** Saves that were not acknowledged, and are tried again; uses that the store did not hear of. */
  public long getUnacknowledged() {
    return manager.counters().unacknowledged.sum();
  }

  /** Requests whose changes were refused, because another instance has a newer session. */
  public long getConflicts() {
    return manager.counters().conflicts.sum();
  }

  /** Requests that were answered 503, because the group could not say what the session holds. */
  public long getRefusedRequests() {
    return manager.counters().refusedRequests.sum();
  }

  // ---- Ends -------------------------------------------------------------------------------

  /** Sessions that expired or were evicted by this instance, and whose listeners were told here. */
  public long getEndedHere() {
    return manager.counters().endedHere.sum();
  }

  /** Of this instance, but nobody could be told: the application was not running. */
  public long getEndedUntold() {
    return manager.counters().endedUntold.sum();
  }

  /** Requests that found at their end that another instance had ended their session. */
  public long getEndedElsewhere() {
    return manager.counters().endedElsewhere.sum();
  }

  /** Sessions that are to be ended as soon as the group can. */
  public int getPendingEnds() {
    return manager.pendingEnds();
  }

  /** Events of the store that did not reach this instance. */
  public long getEventsLost() {
    return manager.counters().eventsLost.sum();
  }

  // ---- Attributes -------------------------------------------------------------------------

  /** How often an attribute was not replicated, or not taken over, for each reason; a line each. */
  public String[] getLocalAttributes() {
    List<Reason> reasons = List.of(Reason.values());
    return reasons.stream()
        .filter(reason -> manager.keptLocal(reason) > 0)
        .map(reason -> reason + " " + manager.keptLocal(reason))
        .toArray(String[] ::new);
  }
}
