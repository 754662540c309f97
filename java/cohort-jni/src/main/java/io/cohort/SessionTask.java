package io.cohort;

/**
 * Work of a store that takes its time; as an event, what it has come to.
 *
 * @param id grows; 1 is a store's first
 * @param kind what is done
 * @param state how far it is
 * @param startedMs milliseconds since 1970
 * @param changedMs when it came to this
 * @param total sessions to move, as known at the start
 * @param moved so far; may exceed {@code total}, since sessions are created meanwhile
 * @param failed could not be moved; they stay usable where they are
 * @param status of FAILED: the first reason
 */
public record SessionTask(long id, Kind kind, State state, long startedMs, long changedMs,
    long total, long moved, long failed, Status status) {
  /** What is done. */
  public enum Kind { REPLICATION_ON, REPLICATION_OFF }

  /** How far it is. */
  public enum State { STARTED, PROGRESS, DONE, FAILED }

  private static final Kind[] KINDS = Kind.values();
  private static final State[] STATES = State.values();

  /** Is it over? */
  public boolean over() {
    return state == State.DONE || state == State.FAILED;
  }

  static SessionTask read(Unpacked in) {
    return new SessionTask(in.readLong(), KINDS[in.readInt()], STATES[in.readInt()], in.readLong(),
        in.readLong(), in.readLong(), in.readLong(), in.readLong(), Status.of(in.readInt()));
  }
}
