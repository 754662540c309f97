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

  // After an asynchronous write. Throws the exception that it ended with.
  static WriteResult read(Unpacked in) {
    Status status = Status.of(in.readInt());
    String text = in.readText();
    long[] numbers = new long[NUMBERS];
    for (int i = 0; i < NUMBERS; ++i) numbers[i] = in.readLong();
    WriteResult result = read(numbers);
    if (status != Status.OK) throw CohortException.of(status, text).at(result.version);
    return result;
  }

  static WriteResult read(long[] numbers) {
    return new WriteResult((int) numbers[0], new Version(numbers[1], numbers[2]), numbers[3]);
  }
}
