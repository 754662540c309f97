package io.cohort.jetty;

import java.util.concurrent.atomic.LongAdder;

/** What has happened to the sessions of one context, counted. Any threads. */
final class Counters {
  /** Sessions that were begun in the store. */
  final LongAdder created = new LongAdder();
  /** Acknowledged writes of changes. */
  final LongAdder saved = new LongAdder();
  /** Objects that were made of what the store had, as after a failover. */
  final LongAdder loaded = new LongAdder();
  /** Changes that were refused because another instance had a newer session. */
  final LongAdder conflicts = new LongAdder();
  /** Writes that were not acknowledged; they are sent again. */
  final LongAdder unacknowledged = new LongAdder();
  /** Saves of what requests had changed and not saved when they were answered. */
  final LongAdder answeredBeforeSaved = new LongAdder();
  /** Sessions that have ended while a request had them. */
  final LongAdder endedElsewhere = new LongAdder();
  /** Sessions that this instance has ended, and told its listeners of. */
  final LongAdder endedHere = new LongAdder();
  /** Sessions that this instance has ended, when nobody could be told. */
  final LongAdder endedUntold = new LongAdder();
  /** Events of the store that did not arrive. */
  final LongAdder eventsLost = new LongAdder();
}
