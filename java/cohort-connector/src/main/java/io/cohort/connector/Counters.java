package io.cohort.connector;

import java.util.concurrent.atomic.LongAdder;

/** What has happened to the sessions of one application on this instance. Any threads. */
public final class Counters {
  /** Sessions that were begun in the store. */
  public final LongAdder created = new LongAdder();
  /** Acknowledged saves of changes. */
  public final LongAdder saved = new LongAdder();
  /** Objects that were made of what the store had, as after a failover. */
  public final LongAdder loaded = new LongAdder();
  /** Requests whose changes were refused because another instance had a newer session. */
  public final LongAdder conflicts = new LongAdder();
  /** Saves and uses that were not acknowledged; saves are sent again. */
  public final LongAdder unacknowledged = new LongAdder();
  /** Saves of what requests had changed and not saved when they were answered. */
  public final LongAdder answeredBeforeSaved = new LongAdder();
  /** Answers that waited for their save, and no thread with them. */
  public final LongAdder asyncAnswers = new LongAdder();
  /** Of these, those that were kept at their connection. */
  public final LongAdder heldAnswers = new LongAdder();
  /** Sessions that have ended while a request had them. */
  public final LongAdder endedElsewhere = new LongAdder();
  /** Sessions that this instance has ended, and told its listeners of. */
  public final LongAdder endedHere = new LongAdder();
  /** Sessions that this instance has ended, when nobody could be told. */
  public final LongAdder endedUntold = new LongAdder();
  /** Events of the store that did not arrive. */
  public final LongAdder eventsLost = new LongAdder();
  /** Requests that were refused because the store could not say what their session holds. */
  public final LongAdder refusedRequests = new LongAdder();

  /** All 0. */
  public Counters() {}
}
