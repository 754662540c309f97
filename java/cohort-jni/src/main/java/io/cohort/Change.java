package io.cohort;

/**
 * A change of a map.
 *
 * @param cause what happened
 * @param key of the entry; empty for CLEAR and SYNC
 * @param value null: the entry is gone, or it is about the whole map
 * @param version of the entry afterwards
 * @param writer who wrote
 */
public record Change(Cause cause, byte[] key, byte[] value, Version version, MemberId writer) {
  /** What happened. */
  public enum Cause {
    /** Something that this version does not know. */
    OTHER,
    PUT,
    ERASE,
    EXPIRE,
    /** From another side of a healed partition. */
    MERGE,
    /** All entries are gone. */
    CLEAR,
    /** The whole state came from another member: read the map. */
    SYNC;

    private static final Cause[] BY_NUMBER = values();
  }

  static Change read(Unpacked in) {
    int number = in.readInt();
    boolean known = number >= 0 && number < Cause.BY_NUMBER.length;
    byte[] key = in.readBytes();
    boolean there = in.readByte() != 0;
    byte[] value = in.readBytes();
    Version version = new Version(in.readLong(), in.readLong());
    return new Change(known ? Cause.BY_NUMBER[number] : Cause.OTHER, key, there ? value : null,
        version, in.readMemberId());
  }
}
