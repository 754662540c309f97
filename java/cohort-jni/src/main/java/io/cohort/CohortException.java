package io.cohort;

import java.nio.charset.StandardCharsets;

/** A call of Cohort that failed, with its status and in words why. */
public final class CohortException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final Status status;
  private Version version;

  private CohortException(Status status, String message) {
    super(message);
    this.status = status;
  }

  /** What to do about it depends on this, not on the message. */
  public Status status() {
    return status;
  }

  /**
   * Where the condition of a write did not hold (ABORTED): the version of the entry that is there,
   * {@link Version#NONE} if there is none. Else null.
   */
  public Version version() {
    return version;
  }

  // Called by native code.
  static CohortException make(int status, byte[] message) {
    return of(Status.of(status), new String(message, StandardCharsets.UTF_8));
  }

  static CohortException of(Status status, String message) {
    return new CohortException(status, status + ": " + message);
  }

  /** This; {@code seen} is what the write has found. Before anybody else has it. */
  CohortException at(Version seen) {
    if (status == Status.ABORTED) version = seen;
    return this;
  }
}
