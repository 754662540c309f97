package io.cohort;

/** What a store tells; the rules of {@link GroupListener} hold. */
public interface SessionListener {
  /** Something happened to a session. */
  void onEvent(SessionEvent event);

  /** {@code count} events were not told: look at the sessions that matter. */
  default void onLost(long count) {}
}
