package io.cohort;

/**
 * A message of a member to the group.
 *
 * @param from who sent it; the receiver's own come, too
 * @param delivery as it was sent
 * @param transitional a SAFE message that a view change delivered: only members that install that
 *     view are known to hold it
 */
public record Message(MemberId from, byte[] payload, Delivery delivery, boolean transitional) {
  private static final Delivery[] BY_NUMBER = Delivery.values();

  static Message read(Unpacked in) {
    MemberId from = in.readMemberId();
    Delivery delivery = BY_NUMBER[in.readInt()];
    boolean transitional = in.readByte() != 0;
    return new Message(from, in.readBytes(), delivery, transitional);
  }
}
