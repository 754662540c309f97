package io.cohort.tomcat;

import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * Sessions that a request has ended, with all listeners told, when the store had just ended them
 * itself: what it says of that comes later, and must not be told once more. Any threads.
 */
final class ToldEnds {
  /** Beyond it the oldest is forgotten. What the store says comes at once, or never. */
  static final int IDS_MAX = 1024;

  // Guarded by `this`.
  private final Set<String> ids = new LinkedHashSet<>();

  synchronized void add(String storeId) {
    ids.add(storeId);
    if (ids.size() <= IDS_MAX) return;
    Iterator<String> oldest = ids.iterator();
    oldest.next();
    oldest.remove();
  }

  /** Was it there? */
  synchronized boolean remove(String storeId) {
    return ids.remove(storeId);
  }
}
