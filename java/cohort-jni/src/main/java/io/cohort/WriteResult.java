package io.cohort;

/**
 * What a write did.
 *
 * @param replicas members known to have applied it, this one included
 * @param version of the entry afterwards
 * @param number told with the write
 */
public record WriteResult(int replicas, Version version, long number) {
  static final int NUMBERS = 4;

  static WriteResult read(long[] numbers) {
    return new WriteResult((int) numbers[0], new Version(numbers[1], numbers[2]), numbers[3]);
  }
}
