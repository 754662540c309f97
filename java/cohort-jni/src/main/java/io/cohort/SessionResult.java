package io.cohort;

/**
 * What became of a call that writes.
 *
 * @param status OK, or
 *     NOT_FOUND, no such session (any more);
 *     ALREADY_EXISTS, the id is taken;
 *     ABORTED, another member owns the session and has changed it, load it again;
 *     RESOURCE_EXHAUSTED, the store is full, or the group's send queue;
 *     DATA_LOSS, the group holds something else under this id;
 *     DEADLINE_EXCEEDED, the outcome is unknown;
 *     UNAVAILABLE, CANCELLED, of the group
 * @param text in words why; empty if it went well
 * @param replicas members known to have applied it, this one included
 * @param version of the session afterwards
 * @param fence for the next changes
 * @param refused attributes that were left out, and erased; an event tells of each
 * @param newId NOT_FOUND: the id that the session has now, if it was changed within the last
 *     minute, else empty. For the host's own requests that were under way: clients must not be led
 *     from an old id to a new one
 */
public record SessionResult(Status status, String text, int replicas, Version version, long fence,
    int refused, String newId) {
  static final int NUMBERS = 6;

  /** Did it go well? */
  public boolean ok() {
    return status == Status.OK;
  }

  /** {@code why}: text and new id, packed; null where it went well. */
  static SessionResult read(long[] numbers, byte[] why) {
    SessionResult result = of(numbers, 0, why);
    if (result.status == Status.INVALID_ARGUMENT) throw new IllegalArgumentException(result.text);
    return result;
  }

  /** Of the numbers from {@code at} on; null may also be that there was no memory to say why. */
  static SessionResult of(long[] numbers, int at, byte[] why) {
    String text = "";
    String newId = "";
    if (why != null) {
      Unpacked in = new Unpacked(why);
      text = in.readText();
      newId = in.readText();
    }
    return new SessionResult(Status.of((int) numbers[at]), text, (int) numbers[at + 1],
        new Version(numbers[at + 2], numbers[at + 3]), numbers[at + 4], (int) numbers[at + 5],
        newId);
  }
}
