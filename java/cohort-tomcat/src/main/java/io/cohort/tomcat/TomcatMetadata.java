package io.cohort.tomcat;

import io.cohort.session.AttributeCodec;
import io.cohort.session.DecodeResult;
import io.cohort.session.EncodeResult;
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
  static byte[] encode(CohortSession session, AttributeCodec codec) {
    Principal user = session.getPrincipal();
    byte[] encoded = facts(session, user == null ? null : session.getAuthType(), principalOf(user),
        LoginState.of(session, ownTypeOf(user, codec)))
                         .encode();
    if (encoded.length <= ENCODED_BYTES_MAX) return encoded;
    throw new IllegalArgumentException(
        "the user has " + encoded.length + " bytes, at most " + ENCODED_BYTES_MAX);
  }

  /** The same without the user, who then has to log in again after a failover. */
  static SessionMetadata withoutUser(CohortSession session) {
    return facts(session, null, null, LoginState.of(session, null));
  }

  // Without what each request changes, so that equal bytes say that nothing has to be sent. The
  // store has the times itself.
  private static SessionMetadata facts(
      CohortSession session, String authType, SessionPrincipal principal, LoginState login) {
    long createdMs = session.getCreationTimeInternal();
    return new SessionMetadata(createdMs, createdMs, session.getMaxInactiveInterval(), false,
        authType, principal, login.encode());
  }

  // Name and roles, as servers of all kinds can read them; null: only its own type has them.
  private static SessionPrincipal principalOf(Principal user) {
    if (!(user instanceof GenericPrincipal generic)) return null;
    return new SessionPrincipal(generic.getName(), Arrays.asList(generic.getRoles()));
  }

  // What the application sees, as bytes; null: a GenericPrincipal, and no more than that.
  private static byte[] ownTypeOf(Principal user, AttributeCodec codec) {
    Principal shown = user instanceof GenericPrincipal generic ? generic.getUserPrincipal() : user;
    if (shown == null || shown instanceof GenericPrincipal) return null;
    EncodeResult result = codec.encode(shown);
    if (result instanceof EncodeResult.Encoded encoded) return encoded.bytes();
    EncodeResult.Refused why = (EncodeResult.Refused) result;
    throw new IllegalArgumentException(
        why.reason().words() + " (" + why.type() + ") " + why.detail());
  }

  /**
   * Puts into {@code session} what {@code metadata} has.
   *
   * @throws IllegalArgumentException that says why there is no user in it; all else is
   */
  static void restore(SessionMetadata metadata, CohortSession session, AttributeCodec codec) {
    LoginState login = LoginState.decode(metadata.connectorBytes());
    login.restoreForm(session);
    SessionPrincipal known = metadata.principal();
    if (known == null && login.user() == null) return;
    Principal shown = login.user() == null ? null : decodeUser(login.user(), codec);
    session.setAuthType(metadata.authType());
    session.setPrincipal(
        known == null ? shown : new GenericPrincipal(known.name(), known.roles(), shown));
  }

  private static Principal decodeUser(byte[] bytes, AttributeCodec codec) {
    DecodeResult result = codec.decode(bytes);
    if (result instanceof DecodeResult.Decoded decoded) {
      if (decoded.value() instanceof Principal shown) return shown;
      throw new IllegalArgumentException("it is no user");
    }
    DecodeResult.Dropped why = (DecodeResult.Dropped) result;
    throw new IllegalArgumentException(
        why.reason().words() + " (" + why.type() + ") " + why.detail());
  }
}
