package io.cohort;

/**
 * Says what stays of what both sides of a partition have written. It is asked at members that bring
 * their side's entries, so give it to all; what it says is what all get. It may be asked at
 * several, and with what it has made as one of the two, so it must come to the same whatever the
 * order and however often: a union or a maximum, not a sum.
 *
 * <p>It runs on the group's own thread, which does nothing else meanwhile: it takes microseconds,
 * waits for nothing, and calls nothing of this library.
 */
@FunctionalInterface
public interface MergeResolver {
  /**
   * The value that stays; null, one that is too large, or whatever it throws: the later version.
   */
  byte[] resolve(MergeConflict conflict);
}
