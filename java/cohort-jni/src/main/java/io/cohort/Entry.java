package io.cohort;

/**
 * An entry of a map.
 *
 * @param value the receiver's own
 * @param version of its last write
 * @param ttlMs what is left of its lifetime, rounded up; 0: it has none
 */
public record Entry(byte[] value, Version version, long ttlMs) {
  // After an asynchronous read. Null: there is none. Throws the exception that it ended with.
  static Entry read(Unpacked in) {
    Status status = Status.of(in.readInt());
    String text = in.readText();
    if (status == Status.NOT_FOUND) return null;
    if (status != Status.OK) throw CohortException.of(status, text);
    Version version = new Version(in.readLong(), in.readLong());
    long ttlMs = in.readLong();
    return new Entry(in.readBytes(), version, ttlMs);
  }
}
