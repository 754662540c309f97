package io.cohort;

/** Failed calls, for tests of what is made of them. */
public final class Failures {
  private Failures() {}

  public static CohortException of(Status status) {
    return CohortException.of(status, "as a test says");
  }
}
