package io.cohort;

/**
 * All of a session as it was at one moment.
 *
 * @param id without a route suffix
 * @param createdMs milliseconds since 1970, by the clock of who created it
 * @param lastAccessedMs exact on the owner; elsewhere up to a tenth of its time, or 5 s, older
 * @param maxInactiveMs it expires when it was not used for so long; 0 and less: never
 * @param metadata the receiver's own; empty: none
 * @param attributes in order of their names; not to be changed
 * @param version grows with every change but accesses
 * @param fence for {@link SessionChanges#fence}
 * @param owned it belongs to this member, or is local
 */
public record Session(String id, long createdMs, long lastAccessedMs, long maxInactiveMs,
    byte[] metadata, Attributes attributes, Version version, long fence, boolean owned) {
  /**
   * Is an object of this version and fence what the store has, so that its changes will be taken?
   * Of one version there may be two contents, where a merge brought an older write of another side;
   * of one fence there are not.
   */
  public boolean isAsOf(Version thatVersion, long thatFence) {
    return version.equals(thatVersion) && fence == thatFence;
  }

  // In the order that PackSession writes; takes all that is left.
  static Session read(String id, Unpacked in) {
    long createdMs = in.readLong();
    long lastAccessedMs = in.readLong();
    long maxInactiveMs = in.readLong();
    Version version = new Version(in.readLong(), in.readLong());
    long fence = in.readLong();
    boolean owned = in.readByte() != 0;
    byte[] metadata = in.readBytes();
    Attributes attributes = Attributes.of(in.readInt(), in.takeRest());
    return new Session(
        id, createdMs, lastAccessedMs, maxInactiveMs, metadata, attributes, version, fence, owned);
  }
}
