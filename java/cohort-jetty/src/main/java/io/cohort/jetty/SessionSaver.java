package io.cohort.jetty;

import io.cohort.CohortException;
import io.cohort.Session;
import io.cohort.SessionChanges;
import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.Status;
import io.cohort.Version;
import io.cohort.jetty.CohortSessionData.Dropped;
import io.cohort.session.AttributePolicy;
import io.cohort.session.Changes;
import io.cohort.session.EncodeResult;
import io.cohort.session.Reason;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends what requests did to sessions, and finds out what the answer means for the object here.
 * Each write waits for its acknowledgement. Different sessions on any threads.
 */
final class SessionSaver {
  /** Bytes of UTF-8 of an attribute's name, as the session store has it. */
  static final int NAME_BYTES_MAX = 1024;

  /** Attributes in one write. */
  static final int ATTRIBUTES_MAX = 500;

  /** Bytes of values in one write, but for its last one. */
  static final int BYTES_MAX = 1 << 20;

  private static final Logger log = LoggerFactory.getLogger(SessionSaver.class);

  private final String application;
  private final SessionStore store;
  private final AttributePolicy policy;
  private final PendingEnds ends;
  private final Counters counters;
  private final AtomicBoolean conflictTold = new AtomicBoolean();
  private final AtomicBoolean failing = new AtomicBoolean();
  private volatile boolean stopping;
  // Since the stop began a write was not acknowledged.
  private volatile boolean gaveUp;

  SessionSaver(String application, SessionStore store, AttributePolicy policy, PendingEnds ends,
      Counters counters) {
    this.application = application;
    this.store = store;
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
    synchronized (data) {
      if (data.dropped() != Dropped.NO || gaveUp) return;
      boolean touched = data.isTouched();
      boolean underWay = data.isUnderWay();
      // What a request has got, it may change as long as it goes on.
      data.setTouched(touched && underWay);
      Changes changes = null;
      try {
        if (touched) {
          changes = data.tracker().collect(name -> replicable(data, name), () -> underWay);
        }
        boolean nothing = changes == null || changes.isEmpty();
        if (nothing && !data.needsMetadata()) {
          touch(data);
          return;
        }
        if (data.isAnswered()) counters.answeredBeforeSaved.increment();
        send(data, changes);
      } catch (RuntimeException | Error e) {
        restore(data, changes);
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
    boolean create = !data.isStored();
    List<SessionChanges> parts = split(changes);
    byte[] metadata = data.needsMetadata() ? data.currentMetadata() : null;
    long maxInactiveMs = data.getMaxInactiveMs();
    if (metadata != null) parts.get(0).metadata(metadata).maxInactiveMs(maxInactiveMs);
    for (int i = 0; i < parts.size(); ++i) {
      int doubts = data.doubts();
      SessionResult result = write(data, create && i == 0, parts.get(i));
      if (!result.ok()) {
        failed(data, changes, result);
        return;
      }
      data.onStored(result.version(), result.fence(), doubts);
    }
    if (metadata != null) data.onMetadataSent(metadata, maxInactiveMs);
    (create ? counters.created : counters.saved).increment();
    if (failing.compareAndSet(true, false))
      log.info("{}: sessions are replicated again", application);
    ends.retry();
  }

  private SessionResult write(CohortSessionData data, boolean create, SessionChanges part) {
    if (create) return store.create(data.getId(), part.createdMs(data.getCreated()));
    part.fence(data.fence());
    SessionResult result = store.save(data.getId(), part);
    if (result.status() != Status.NOT_FOUND || result.newId().isEmpty()) return result;
    // Another instance has given it a new id. This object is found by the old one: it has done.
    result = store.save(result.newId(), part);
    data.drop(Dropped.ENDED);
    return result;
  }

  // Writes that are not too large; at least one.
  private static List<SessionChanges> split(Changes changes) {
    List<SessionChanges> parts = new ArrayList<>(List.of(new SessionChanges()));
    if (changes == null) return parts;
    int count = 0;
    long bytes = 0;
    for (String name : changes.removed()) {
      if (count++ == ATTRIBUTES_MAX) {
        parts.add(new SessionChanges());
        count = 1;
      }
      parts.get(parts.size() - 1).erase(name);
    }
    for (Map.Entry<String, byte[]> each : changes.put().entrySet()) {
      if (count++ == ATTRIBUTES_MAX || bytes >= BYTES_MAX) {
        parts.add(new SessionChanges());
        count = 1;
        bytes = 0;
      }
      parts.get(parts.size() - 1).set(each.getKey(), each.getValue());
      bytes += each.getValue().length;
    }
    return parts;
  }

  // ---- What went wrong --------------------------------------------------------------------

  private void failed(CohortSessionData data, Changes changes, SessionResult result) {
    switch (result.status()) {
      case NOT_FOUND -> {
        data.drop(Dropped.ENDED);
        counters.endedElsewhere.increment();
      }
      case ABORTED -> {
        conflict(data, result);
      }
      case ALREADY_EXISTS -> {
        if (isOurOwn(data)) {
          restore(data, changes);
          data.onStored(new Version(0, 0), 0, data.doubts());
          save(data);
        } else {
          conflict(data, result);
        }
      }
      default -> {
        restore(data, changes);
        counters.unacknowledged.increment();
        gaveUp = stopping;
        if (failing.compareAndSet(false, true)) {
          log.warn("{}: a session could not be replicated: {}: {}; it stays here and is sent again,"
                  + " which is not told again until it succeeds",
              application, result.status(), result.text());
        }
      }
    }
  }

  private static void restore(CohortSessionData data, Changes changes) {
    if (changes != null) data.tracker().restore(changes);
    data.setTouched(true);
  }

  // A creation whose outcome was unknown had taken effect: when it began is told by the store.
  private boolean isOurOwn(CohortSessionData data) {
    Session there = store.load(data.getId());
    return there != null && there.owned() && there.createdMs() == data.getCreated();
  }

  private void conflict(CohortSessionData data, SessionResult result) {
    data.drop(Dropped.STALE);
    String line = application + ": a request's changes were refused, because another instance has a"
        + " newer session: " + result.text();
    if (conflictTold.compareAndSet(false, true)) {
      log.warn("{} (further ones are counted only)", line);
    } else {
      log.debug(line);
    }
    counters.conflicts.increment();
    // All of what was collected is lost, also that of parallel requests.
    data.setTouched(true);
  }
}
