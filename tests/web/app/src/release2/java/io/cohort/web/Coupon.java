package io.cohort.web;

import java.io.Serializable;

/** Says by its number that it cannot read what the release before has written. */
final class Coupon implements Serializable {
  private static final long serialVersionUID = 2;

  private final int percent = 10;

  @Override
  public String toString() {
    return "2-" + percent;
  }
}
