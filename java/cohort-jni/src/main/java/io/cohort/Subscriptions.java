package io.cohort;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The subscriptions of a group or a store, which are held until they or it are closed: one whose
 * owner forgets it would else end at the next garbage collection. Any threads.
 */
final class Subscriptions {
  // A subscription that is held by its user holds what it was made in.
  @SuppressWarnings({"unused", "FieldCanBeLocal"}) private final Object of;
  private final Set<Subscription> open = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  Subscriptions(Object of) {
    this.of = of;
  }

  void hold(Subscription subscription) {
    open.add(subscription);
    // One that was made while all were being closed.
    if (closed) subscription.close();
  }

  void release(Subscription subscription) {
    open.remove(subscription);
  }

  void close() {
    closed = true;
    for (Subscription each : open) each.close();
  }
}
