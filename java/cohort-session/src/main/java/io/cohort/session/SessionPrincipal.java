package io.cohort.session;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The user of a session, as every server can read it: without classes of a server, and without the
 * password.
 *
 * @param name of the user, 1 to {@link #NAME_BYTES_MAX} bytes of UTF-8
 * @param roles that the user has, at most {@link #ROLES_MAX}, each 1 to {@link #NAME_BYTES_MAX}
 *     bytes of UTF-8
 */
public record SessionPrincipal(String name, List<String> roles) {
  /** Bytes of UTF-8 of the user's name, and of a role's. */
  public static final int NAME_BYTES_MAX = 1024;

  /** Roles of one user. */
  public static final int ROLES_MAX = 1024;

  /**
   * Checks the limits and copies the list.
   *
   * @throws IllegalArgumentException that says what is beyond its limit
   */
  public SessionPrincipal {
    checkName("name", name);
    if (roles.size() > ROLES_MAX) {
      throw new IllegalArgumentException(roles.size() + " roles, at most " + ROLES_MAX);
    }
    roles = List.copyOf(roles);
    for (String role : roles) checkName("role", role);
  }

  private static void checkName(String what, String text) {
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    if (bytes < 1 || bytes > NAME_BYTES_MAX) {
      throw new IllegalArgumentException(
          what + " has " + bytes + " bytes, must have 1 to " + NAME_BYTES_MAX);
    }
  }
}
