package io.cohort;

import java.nio.charset.StandardCharsets;

/** A call of Cohort that failed, with its status and in words why. */
public final class CohortException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final Status status;

  private CohortException(Status status, String message) {
    super(message);
    this.status = status;
  }

  /** What to do about it depends on this, not on the message. */
  public Status status() {
    return status;
  }

  // Called by native code.
  static CohortException make(int status, byte[] message) {
    Status known = Status.of(status);
    return new CohortException(known, known + ": " + new String(message, StandardCharsets.UTF_8));
  }
}
