package io.cohort.session;

import java.util.Map;
import java.util.Set;

/**
 * What one request has changed in the replicated attributes of its session.
 *
 * @param put names and encoded values, in the order in which they were first touched
 * @param removed names that replicas may have and must not have any more
 */
public record Changes(Map<String, byte[]> put, Set<String> removed) {
  /** Of a request that has changed nothing. */
  public static final Changes NONE = new Changes(Map.of(), Set.of());

  /** Is there nothing to send? */
  public boolean isEmpty() {
    return put.isEmpty() && removed.isEmpty();
  }
}
