package io.cohort.jetty;

import io.cohort.CohortException;
import io.cohort.SessionStore;
import io.cohort.connector.Counters;
import io.cohort.connector.LateWork;
import io.cohort.connector.PendingEnds;
import io.cohort.connector.SaveLock;
import io.cohort.connector.SessionWriter;
import io.cohort.connector.SessionWriter.Written;
import io.cohort.jetty.CohortSessionData.Dropped;
import io.cohort.session.AttributePolicy;
import io.cohort.session.Changes;
import io.cohort.session.EncodeResult;
import io.cohort.session.Reason;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * Finds what requests did to sessions, has it sent, and does to the object here what the answer
 * means for it. Any threads.
 */
final class SessionSaver {
  /** Bytes of UTF-8 of an attribute's name, as the session store has it. */
  static final int NAME_BYTES_MAX = 1024;

  private final SessionStore store;
  private final SessionWriter writer;
  private final AttributePolicy policy;
  private final PendingEnds ends;
  private final Counters counters;
  private final AtomicBoolean retrying = new AtomicBoolean();
  private volatile boolean stopping;
  // Since the stop began a write was not acknowledged.
  private volatile boolean gaveUp;

  SessionSaver(SessionStore store, SessionWriter writer, AttributePolicy policy, PendingEnds ends,
      Counters counters) {
    this.store = store;
    this.writer = writer;
    this.policy = policy;
    this.ends = ends;
    this.counters = counters;
  }

  /** From now on, what cannot be acknowledged is waited for once. */
  void beginStop() {
    stopping = true;
  }

  /**
   * Sends what has to be sent, or else tells the store that the session was used. Waits for the
   * acknowledgement.
   */
  void save(CohortSessionData data) {
    if (data.isReleasedBesideSave()) return;
    try (SaveLock.Held held = data.saveLock().hold()) {
      saveOrLeave(data, held, null);
    }
  }

  /**
   * The same, but where it can does not wait: then it returns true, and {@code later} is told what
   * became of it, once, on a thread that it must not hold up; and the lock goes with it.
   */
  boolean saveOrLeave(CohortSessionData data, SaveLock.Held held, Consumer<Written> later) {
    // What is not sent any more is not to be answered as if it were.
    if (gaveUp && data.isTouched()) data.retire();
    if (data.dropped() != Dropped.NO || gaveUp) return false;
    boolean underWay = data.isUnderWay();
    Changes changes = collect(data, underWay);
    try {
      // By a request that could not wait for this.
      if (data.dropped() != Dropped.NO) return false;
      if (changes.isEmpty() && !data.needsMetadata()) {
        touch(data);
        return false;
      }
      if (data.isAnswered()) counters.answeredBeforeSaved.increment();
      boolean mayLeave = later != null && !stopping && !data.needsMetadata();
      if (mayLeave && held.leaveTo(left -> leaves(data, changes, left, later))) return true;
      send(data, changes);
      return false;
    } catch (RuntimeException | Error e) {
      restore(data, changes);
      throw e;
    }
  }

  /**
   * A save was left and not acknowledged yet: is there nothing to send besides? The session's lock
   * is held. What {@code others} have changed they collect themselves before they answer, and must
   * not find it taken: so where there are others nothing is, and what was touched counts as
   * changed.
   */
  boolean isUnchangedBesideSave(CohortSessionData data, boolean others) {
    if (data.dropped() != Dropped.NO || data.needsMetadata() || gaveUp) return false;
    if (others) return !data.tracker().isTouched();
    Changes changes = collect(data, false);
    if (data.dropped() != Dropped.NO) {
      // What the save has met meanwhile stays to be told.
      data.setTouched(true);
      return false;
    }
    if (changes.isEmpty()) return true;
    restore(data, changes);
    return false;
  }

  private Changes collect(CohortSessionData data, boolean underWay) {
    if (!data.isTouched()) return Changes.NONE;
    if (!underWay) data.setTouched(false);
    try {
      return data.tracker().collect(name -> replicable(data, name), () -> underWay);
    } catch (RuntimeException | Error e) {
      data.setTouched(true);
      throw e;
    }
  }

  private static void restore(CohortSessionData data, Changes changes) {
    data.tracker().restore(changes);
    data.setTouched(true);
  }

  private void touch(CohortSessionData data) {
    try {
      if (!store.touch(data.getId())) data.drop(Dropped.ENDED);
    } catch (CohortException e) {
      counters.unacknowledged.increment();
    }
  }

  private Object replicable(CohortSessionData data, String name) {
    Object value = data.getAllAttributes().get(name);
    if (value == null || name.getBytes(StandardCharsets.UTF_8).length <= NAME_BYTES_MAX) {
      return value;
    }
    policy.keptLocal(name,
        new EncodeResult.Refused(
            Reason.BAD_NAME, value.getClass().getName(), "more than " + NAME_BYTES_MAX + " bytes"));
    return null;
  }

  private void send(CohortSessionData data, Changes changes) {
    Object user = data.user();
    Object form = data.form();
    byte[] metadata = data.needsMetadata() ? data.currentMetadata(user) : null;
    long maxInactiveMs = data.getMaxInactiveMs();
    Written written = writer.write(data, changes, metadata, maxInactiveMs);
    if (written == Written.ACKNOWLEDGED && metadata != null) {
      data.onMetadataSent(metadata, maxInactiveMs, user, form);
    }
    settle(data, written);
  }

  // The lock goes with it.
  private boolean leaves(
      CohortSessionData data, Changes changes, SaveLock.Left left, Consumer<Written> later) {
    boolean gone = false;
    data.setSaveLeft(true);
    try {
      gone = writer.writeAsync(data, changes, written -> answered(data, written, left, later));
      return gone;
    } finally {
      if (!gone) data.setSaveLeft(false);
    }
  }

  // As SessionWriter.writeAsync says, what is not acknowledged is told on a thread that may wait.
  private void answered(
      CohortSessionData data, Written written, SaveLock.Left left, Consumer<Written> later) {
    if (written != Written.ACKNOWLEDGED) {
      settleLate(data, written, left, later);
      return;
    }
    // Who ends it from now on does so after this save.
    if (!data.isEndedBesideSave()) {
      over(data, written, left, later);
      if (ends.size() > 0) retryLater();
      return;
    }
    try {
      LateWork.run(() -> settleLate(data, written, left, later));
    } catch (RuntimeException | Error e) {
      if (data.isEndedBesideSave()) ends.remember(data.getId(), false);
      over(data, written, left, later);
      throw e;
    }
  }

  // No answer waits for it.
  private void retryLater() {
    if (retrying.getAndSet(true)) return;
    try {
      LateWork.run(() -> {
        try {
          ends.retry();
        } finally {
          retrying.set(false);
        }
      });
    } catch (RuntimeException | Error e) {
      retrying.set(false);
      throw e;
    }
  }

  private void settleLate(
      CohortSessionData data, Written written, SaveLock.Left left, Consumer<Written> later) {
    try {
      settle(data, written);
    } finally {
      over(data, written, left, later);
    }
  }

  private static void over(
      CohortSessionData data, Written written, SaveLock.Left left, Consumer<Written> later) {
    data.setSaveLeft(false);
    left.close();
    later.accept(written);
  }

  // What the answer means for the object.
  private void settle(CohortSessionData data, Written written) {
    switch (written) {
      case ACKNOWLEDGED -> {
        if (data.isEndedBesideSave()) ends.end(data.getId());
        ends.retry();
      }
      case UNACKNOWLEDGED -> {
        if (data.isEndedBesideSave()) ends.remember(data.getId(), false);
        data.setTouched(true);
        gaveUp = stopping;
      }
      case CONFLICT -> {
        if (data.dropped() == Dropped.NO) data.drop(Dropped.STALE);
        counters.conflicts.increment();
        // All of what was collected is lost, also that of parallel requests.
        data.setTouched(true);
      }
      default -> data.drop(Dropped.ENDED);
    }
  }
}
