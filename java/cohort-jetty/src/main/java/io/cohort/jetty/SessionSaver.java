package io.cohort.jetty;

import io.cohort.CohortException;
import io.cohort.SessionStore;
import io.cohort.connector.Counters;
import io.cohort.connector.PendingEnds;
import io.cohort.connector.SaveLock;
import io.cohort.connector.SessionWriter;
import io.cohort.jetty.CohortSessionData.Dropped;
import io.cohort.session.AttributePolicy;
import io.cohort.session.Changes;
import io.cohort.session.EncodeResult;
import io.cohort.session.Reason;
import java.nio.charset.StandardCharsets;

/**
 * Finds what requests did to sessions, has it sent, and does to the object here what the answer
 * means for it. Each write waits for its acknowledgement. Any threads.
 */
final class SessionSaver {
  /** Bytes of UTF-8 of an attribute's name, as the session store has it. */
  static final int NAME_BYTES_MAX = 1024;

  private final SessionStore store;
  private final SessionWriter writer;
  private final AttributePolicy policy;
  private final PendingEnds ends;
  private final Counters counters;
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

  /** Sends what has to be sent, or else tells the store that the session was used. */
  void save(CohortSessionData data) {
    try (SaveLock.Held held = data.saveLock().hold()) {
      // What is not sent any more is not to be answered as if it were.
      if (gaveUp && data.isTouched()) data.retire();
      if (data.dropped() != Dropped.NO || gaveUp) return;
      boolean touched = data.isTouched();
      boolean underWay = data.isUnderWay();
      // What a request has got, it may change as long as it goes on.
      if (!underWay) data.setTouched(false);
      Changes changes = Changes.NONE;
      try {
        if (touched) {
          changes = data.tracker().collect(name -> replicable(data, name), () -> underWay);
          // By a request that could not wait for this.
          if (data.dropped() != Dropped.NO) return;
        }
        if (changes.isEmpty() && !data.needsMetadata()) {
          touch(data);
          return;
        }
        if (data.isAnswered()) counters.answeredBeforeSaved.increment();
        send(data, changes);
      } catch (RuntimeException | Error e) {
        data.tracker().restore(changes);
        data.setTouched(true);
        throw e;
      }
    }
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
    switch (writer.write(data, changes, metadata, maxInactiveMs)) {
      case ACKNOWLEDGED -> {
        if (metadata != null) data.onMetadataSent(metadata, maxInactiveMs, user, form);
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
