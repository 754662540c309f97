package io.cohort.tomcat;

import java.nio.charset.StandardCharsets;

/**
 * An id as Tomcat has it is that of the store, and, where the engine has a jvmRoute, a dot and the
 * route of the instance that serves it. So the store's id stays when a session moves.
 */
final class SessionIds {
  /** Bytes of UTF-8, as the session store has it. */
  static final int BYTES_MAX = 256;

  private SessionIds() {}

  /** The store's id: what is before the last dot. Null if it cannot be one; of any client. */
  static String ofStore(String id) {
    if (id == null || id.length() > 2 * BYTES_MAX) return null;
    int dot = id.lastIndexOf('.');
    String base = dot < 0 ? id : id.substring(0, dot);
    int bytes = base.getBytes(StandardCharsets.UTF_8).length;
    return bytes < 1 || bytes > BYTES_MAX ? null : base;
  }

  /** The id as the instance with this route (null or empty: none) shows it. */
  static String withRoute(String storeId, String route) {
    return route == null || route.isEmpty() ? storeId : storeId + "." + route;
  }
}
