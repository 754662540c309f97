package io.cohort.jetty;

import java.io.Serializable;

/** A class that each load of the application has anew. */
public class Carried implements Serializable {
  private static final long serialVersionUID = 1;

  /** Nothing is in it. */
  public Carried() {}
}
