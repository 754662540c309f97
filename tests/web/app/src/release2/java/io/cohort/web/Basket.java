package io.cohort.web;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** As that of the release before, which can read it and is read. */
final class Basket implements Serializable {
  private static final long serialVersionUID = 1;

  private final List<String> items = new ArrayList<>();
  private String last;

  void add(String item) {
    items.add(item);
    last = item;
  }

  @Override
  public String toString() {
    return "2-" + items.size() + (last == null ? "" : "-" + last);
  }
}
