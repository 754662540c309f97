package io.cohort.connector;

import io.cohort.SessionChanges;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Changes that one save after the other fills, and that keep their memory: arrays for each save
 * would be new memory all the time, which the processor has to fetch, and the collector to clear.
 * Any threads.
 */
final class SpareChanges {
  /** Bytes of memory: what has more is not kept. */
  static final int BYTES_MAX = 64 << 10;

  private static final int PLACES = 16;

  // In different lines of the processor's cache, since threads that run at once use different ones.
  private static final int STRIDE = 16;

  private final AtomicReferenceArray<SessionChanges> places =
      new AtomicReferenceArray<>(PLACES * STRIDE);

  /** Empty ones. */
  SessionChanges take() {
    SessionChanges spare = places.getAndSet(place(), null);
    return spare == null ? new SessionChanges() : spare;
  }

  /** Nobody uses {@code changes} any more. */
  void give(SessionChanges changes) {
    if (changes.capacity() <= BYTES_MAX) places.set(place(), changes.clear());
  }

  private static int place() {
    return (int) (Thread.currentThread().getId() % PLACES) * STRIDE;
  }
}
