package io.cohort;

/**
 * A member of a view.
 *
 * @param id of its process
 * @param name unique in a view; outlives restarts
 * @param address "ADDR:PORT" of its unicast port
 * @param synced it holds the whole state of every map
 */
public record Member(MemberId id, String name, String address, boolean synced) {
  static Member read(Unpacked in) {
    MemberId id = in.readMemberId();
    boolean synced = in.readByte() != 0;
    return new Member(id, in.readText(), in.readText(), synced);
  }
}
