package io.cohort.tomcat;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import org.apache.catalina.Session;
import org.apache.catalina.authenticator.Constants;
import org.apache.catalina.authenticator.SavedRequest;

/**
 * What a session has of a login besides name and roles, and only Tomcat can read: a user of the
 * application's own type, and how far a login form is.
 *
 * <p>Encoded: kind of the server (1 byte), format (1), flags (1), then where the flags say so the
 * user and the interrupted request, each after its length (4); big-endian.
 *
 * @param user as the codec of attributes has it; null: none
 * @param request that the form has interrupted ({@link InterruptedRequest}); null: none
 * @param formShown the session has the id that it had when the form was shown, or got since then
 */
record LoginState(byte[] user, byte[] request, boolean formShown) {
  /** Bytes of an interrupted request; a larger one has to be asked again after a failover. */
  static final int REQUEST_BYTES_MAX = 32 * 1024;

  static final LoginState NONE = new LoginState(null, null, false);

  // Jetty's would begin with another one.
  private static final byte TOMCAT = 'T';
  private static final byte FORMAT = 1;
  private static final int HAS_USER = 1;
  private static final int HAS_REQUEST = 2;
  private static final int FORM_SHOWN = 4;
  private static final int HEADER_BYTES = 3;

  /** That of the session, with {@code user}. */
  static LoginState of(Session session, byte[] user) {
    byte[] request = null;
    if (session.getNote(Constants.FORM_REQUEST_NOTE) instanceof SavedRequest saved) {
      request = requestOf(saved);
    }
    Object shownAs = session.getNote(Constants.SESSION_ID_NOTE);
    return new LoginState(
        user, request, shownAs != null && shownAs.equals(session.getIdInternal()));
  }

  private static byte[] requestOf(SavedRequest saved) {
    try {
      byte[] request = InterruptedRequest.encode(saved);
      return request.length <= REQUEST_BYTES_MAX ? request : null;
    } catch (IllegalArgumentException tooLong) {
      return null;
    }
  }

  /** Null: there is nothing to be said. */
  byte[] encode() {
    int flags = (user != null ? HAS_USER : 0) | (request != null ? HAS_REQUEST : 0)
        | (formShown ? FORM_SHOWN : 0);
    if (flags == 0) return null;
    ByteBuffer out = ByteBuffer.allocate(HEADER_BYTES + bytesOf(user) + bytesOf(request));
    out.put(TOMCAT).put(FORMAT).put((byte) flags);
    put(out, user);
    put(out, request);
    return out.array();
  }

  /** {@link #NONE} if the bytes are another server's, or none. */
  static LoginState decode(byte[] bytes) {
    if (bytes == null) return NONE;
    ByteBuffer in = ByteBuffer.wrap(bytes);
    try {
      if (in.get() != TOMCAT || in.get() != FORMAT) return NONE;
      int flags = in.get();
      return new LoginState((flags & HAS_USER) != 0 ? get(in) : null,
          (flags & HAS_REQUEST) != 0 ? get(in) : null, (flags & FORM_SHOWN) != 0);
    } catch (BufferUnderflowException e) {
      return NONE;
    }
  }

  /** Lets the session's authenticator go on with the form. */
  void restoreForm(Session session) {
    if (formShown) session.setNote(Constants.SESSION_ID_NOTE, session.getIdInternal());
    if (request == null) return;
    try {
      session.setNote(Constants.FORM_REQUEST_NOTE, InterruptedRequest.decode(request));
    } catch (IOException none) {
      // As if the form had been asked for by itself.
      session.removeNote(Constants.FORM_REQUEST_NOTE);
    }
  }

  private static int bytesOf(byte[] part) {
    return part == null ? 0 : Integer.BYTES + part.length;
  }

  private static void put(ByteBuffer out, byte[] part) {
    if (part != null) out.putInt(part.length).put(part);
  }

  private static byte[] get(ByteBuffer in) {
    int length = in.getInt();
    if (length < 0 || length > in.remaining()) throw new BufferUnderflowException();
    byte[] part = new byte[length];
    in.get(part);
    return part;
  }
}
