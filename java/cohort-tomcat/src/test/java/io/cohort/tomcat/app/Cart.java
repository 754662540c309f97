package io.cohort.tomcat.app;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** A class of the application, which changes in place. */
public class Cart implements Serializable {
  private static final long serialVersionUID = 1;

  private final List<String> items = new ArrayList<>();

  public void add(String item) {
    items.add(item);
  }

  @Override
  public String toString() {
    return items.toString();
  }
}
