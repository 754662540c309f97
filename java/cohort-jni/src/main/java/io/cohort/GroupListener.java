package io.cohort;

/**
 * What a group tells, on the thread "cohort-notices" of the JVM, one notice at a time for all
 * groups, in the order of each. Listeners may call everything; a slow one delays the others, and
 * loses what does not fit the queue (docs/java.md). What it throws goes to the thread's handler of
 * uncaught exceptions, and the next notice is told. The last notice is the event "left", and after
 * it what was lost and not told yet; they, and those that wait before, may come after
 * {@link Group#close} has returned. "left" does not come where the JVM ends before or has no memory
 * for it, where it did not fit, or where the time limit for leaving is below a second and nobody
 * consented.
 */
public interface GroupListener {
  /** A view was installed; the first one too. */
  default void onView(View view) {}

  /** Something happened that a log would have. */
  default void onEvent(Event event) {}

  /** A message of a member, this one included. */
  default void onMessage(Message message) {}

  /**
   * {@code count} views, messages and events were not told; {@link Group#view} has the newest
   * view. Of a group that was closed this may come after "left", or instead of it.
   */
  default void onLost(long count) {}
}
