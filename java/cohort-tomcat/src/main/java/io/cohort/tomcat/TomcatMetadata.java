package io.cohort.tomcat;

import io.cohort.session.SessionMetadata;
import io.cohort.session.SessionPrincipal;
import java.security.Principal;
import java.util.Arrays;
import org.apache.catalina.realm.GenericPrincipal;

/** What a session has besides its attributes, between Tomcat's form and that of all connectors. */
final class TomcatMetadata {
  private TomcatMetadata() {}

  /** Bytes of a session's metadata, as the session store has it. */
  static final int ENCODED_BYTES_MAX = 64 * 1024;

  /**
   * The session's metadata now, encoded.
   *
   * @throws IllegalArgumentException that says why its user cannot be replicated
   */
  static byte[] encode(CohortSession session) {
    SessionPrincipal principal = principalOf(session.getPrincipal());
    byte[] encoded =
        facts(session, principal == null ? null : session.getAuthType(), principal).encode();
    if (encoded.length <= ENCODED_BYTES_MAX) return encoded;
    throw new IllegalArgumentException("the user has names of roles of " + encoded.length
        + " bytes, at most " + ENCODED_BYTES_MAX);
  }

  /** The same without the user, who then has to log in again after a failover. */
  static SessionMetadata withoutUser(CohortSession session) {
    return facts(session, null, null);
  }

  // Without what each request changes, so that equal bytes say that nothing has to be sent. The
  // store has the times itself.
  private static SessionMetadata facts(
      CohortSession session, String authType, SessionPrincipal principal) {
    long createdMs = session.getCreationTimeInternal();
    return new SessionMetadata(
        createdMs, createdMs, session.getMaxInactiveInterval(), false, authType, principal, null);
  }

  private static SessionPrincipal principalOf(Principal principal) {
    if (principal == null) return null;
    if (principal instanceof GenericPrincipal generic) {
      Principal shown = generic.getUserPrincipal();
      // The application would miss what its own type has.
      if (shown != generic) {
        throw new IllegalArgumentException(
            "the application sees a " + shown.getClass().getName() + " and no GenericPrincipal");
      }
      return new SessionPrincipal(generic.getName(), Arrays.asList(generic.getRoles()));
    }
    throw new IllegalArgumentException(
        "it is a " + principal.getClass().getName() + " and no GenericPrincipal");
  }

  /** Puts into {@code session} what {@code metadata} has. */
  static void restore(SessionMetadata metadata, CohortSession session) {
    SessionPrincipal principal = metadata.principal();
    if (principal == null) return;
    session.setAuthType(metadata.authType());
    session.setPrincipal(new GenericPrincipal(principal.name(), principal.roles()));
  }
}
