package io.cohort;

/** Which promises a map makes; all members that open it must agree. */
public enum MapKind {
  /** Writes in one total order. */
  ORDERED,
  /** Writes in one hop, and attributes: what sessions use. */
  CONVERGENT
}
