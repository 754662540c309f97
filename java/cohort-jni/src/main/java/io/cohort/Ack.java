package io.cohort;

/** When a write returns. */
public enum Ack {
  /** Every member of the view has applied it. */
  ALL,
  /** This member has, and another one if there is one. */
  ONE,
  /** This member has. */
  LOCAL
}
