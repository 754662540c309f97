package io.cohort.web;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** What a shop keeps in a session; the next release has a field more. */
final class Basket implements Serializable {
  private static final long serialVersionUID = 1;

  private final List<String> items = new ArrayList<>();

  void add(String item) {
    items.add(item);
  }

  @Override
  public String toString() {
    return "1-" + items.size();
  }
}
