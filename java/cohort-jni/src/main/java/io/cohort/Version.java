package io.cohort;

/**
 * One write of one key; the greater time is the later one, then the greater writer, both without
 * sign. Both zero: absent.
 *
 * @param time of the write
 * @param writer who wrote
 */
public record Version(long time, long writer) implements Comparable<Version> {
  /** Of no entry. */
  public static final Version NONE = new Version(0, 0);

  @Override
  public int compareTo(Version other) {
    int byTime = Long.compareUnsigned(time, other.time);
    return byTime != 0 ? byTime : Long.compareUnsigned(writer, other.writer);
  }
}
