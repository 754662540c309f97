package io.cohort.tomcat;

import java.util.concurrent.atomic.LongAdder;

/** What a manager counts since its start; {@link CohortStatus} tells what each means. */
final class Counters {
  final LongAdder created = new LongAdder();
  final LongAdder saved = new LongAdder();
  final LongAdder loaded = new LongAdder();
  final LongAdder conflicts = new LongAdder();
  final LongAdder endedElsewhere = new LongAdder();
  final LongAdder endedHere = new LongAdder();
  final LongAdder endedUntold = new LongAdder();
  final LongAdder unacknowledged = new LongAdder();
  final LongAdder answeredBeforeSaved = new LongAdder();
  final LongAdder refusedRequests = new LongAdder();
  final LongAdder eventsLost = new LongAdder();
}
