package io.cohort;

/** How much order and safety a message pays for. */
public enum Delivery {
  /** In one total order, alike on all members. */
  AGREED,
  /** In its sender's order, one hop. */
  CONV,
  /** Agreed, and once every member holds it. */
  SAFE
}
