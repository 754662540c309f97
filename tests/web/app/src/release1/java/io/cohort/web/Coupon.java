package io.cohort.web;

import java.io.Serializable;

/** The next release has another class of this name, which cannot read it. */
final class Coupon implements Serializable {
  private static final long serialVersionUID = 1;

  private final String code = "ten-percent";

  @Override
  public String toString() {
    return "1-" + code;
  }
}
