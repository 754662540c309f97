package io.cohort;

/**
 * How a read is answered while this member has no complete state, as at the end of an exclusion: it
 * asks a member that has.
 *
 * @param askOthersMs longest wait for another member's answer; 0: the default, 1 s; {@link
 *     WriteOptions#FOREVER}
 */
public record ReadOptions(long askOthersMs) {
  /** One second. */
  public static final ReadOptions DEFAULT = new ReadOptions(0);
}
