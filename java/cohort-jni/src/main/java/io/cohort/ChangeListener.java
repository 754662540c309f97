package io.cohort;

/** What a map tells; the rules of {@link GroupListener} hold. */
public interface ChangeListener {
  /** An entry has changed, or the whole map. */
  void onChange(Change change);

  /** {@code count} changes were not told: read the map, as after {@link Change.Cause#SYNC}. */
  void onLost(long count);
}
