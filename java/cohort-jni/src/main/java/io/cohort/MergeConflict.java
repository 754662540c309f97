package io.cohort;

/**
 * A key, in a convergent map an attribute, that was written on both sides of a partition, each with
 * a value of its own.
 *
 * @param attribute null: the value of the entry as a whole
 * @param held by the group
 * @param brought by the side that has come back to it
 */
public record MergeConflict(byte[] key, byte[] attribute, byte[] held, byte[] brought) {
  static MergeConflict read(Unpacked in) {
    byte[] key = in.readBytes();
    byte[] attribute = in.readBytes();
    byte[] held = in.readBytes();
    return new MergeConflict(key, attribute.length == 0 ? null : attribute, held, in.readBytes());
  }
}
