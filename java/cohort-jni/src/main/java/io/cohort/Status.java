package io.cohort;

/** Why a call failed; the names are those of cohort/c/base.h. */
public enum Status {
  OK,
  /** The group was left. */
  CANCELLED,
  UNKNOWN,
  INVALID_ARGUMENT,
  /** Of a write: its outcome is unknown. */
  DEADLINE_EXCEEDED,
  NOT_FOUND,
  ALREADY_EXISTS,
  PERMISSION_DENIED,
  /** A queue or a map is full, or there is no memory. */
  RESOURCE_EXHAUSTED,
  FAILED_PRECONDITION,
  /** The condition of a write did not hold. */
  ABORTED,
  OUT_OF_RANGE,
  UNIMPLEMENTED,
  INTERNAL,
  /** Not in a view, or outside the primary partition. */
  UNAVAILABLE,
  DATA_LOSS,
  UNAUTHENTICATED;

  private static final Status[] BY_NUMBER = values();

  static Status of(int number) {
    return number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : UNKNOWN;
  }
}
