package io.cohort.session;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a session has besides its attributes. The session store keeps the times as well, newer than
 * here: these are from when something else of this record changed.
 *
 * <p>Encoded: format (1 byte), flags (1), created and last accessed (8 each), longest idle time
 * (4), then where the flags say so the authentication's type, the user and the own bytes of the
 * connector, each after its length; big-endian, UTF-8. What follows is of a later version and is
 * passed over.
 *
 * @param createdMs milliseconds since 1970
 * @param lastAccessedMs milliseconds since 1970
 * @param maxInactiveSeconds as the servlet interface has it: 0 and less stand for "never expires"
 * @param isNew the client does not know the session yet
 * @param authType as "FORM"; null: nobody has logged in; at most {@link #AUTH_TYPE_BYTES_MAX}
 * @param principal the user; null: none
 * @param connectorBytes what only connectors of the same kind can read, as notes of the
 *     authentication; null: none; at most {@link #CONNECTOR_BYTES_MAX}; not copied
 */
public record SessionMetadata(long createdMs, long lastAccessedMs, int maxInactiveSeconds,
    boolean isNew, String authType, SessionPrincipal principal, byte[] connectorBytes) {
  /** Bytes of UTF-8. */
  public static final int AUTH_TYPE_BYTES_MAX = 64;

  /** Bytes. */
  public static final int CONNECTOR_BYTES_MAX = 64 * 1024;

  /** Bytes that {@link #decode} takes at all: the largest record, and 64 KiB of later versions. */
  public static final int ENCODED_BYTES_MAX = CONNECTOR_BYTES_MAX + 64 * 1024
      + (SessionPrincipal.ROLES_MAX + 1) * (SessionPrincipal.NAME_BYTES_MAX + 2);

  private static final byte FORMAT = 1;
  private static final int IS_NEW = 1;
  private static final int HAS_AUTH_TYPE = 2;
  private static final int HAS_PRINCIPAL = 4;
  private static final int HAS_CONNECTOR_BYTES = 8;
  private static final int FIXED_BYTES = 1 + 1 + 8 + 8 + 4;

  /**
   * Checks the limits.
   *
   * @throws IllegalArgumentException that says what is beyond its limit
   */
  public SessionMetadata {
    if (authType != null) require("authType", utf8(authType).length, AUTH_TYPE_BYTES_MAX);
    if (connectorBytes != null) {
      require("connectorBytes", connectorBytes.length, CONNECTOR_BYTES_MAX);
    }
  }

  /** The record as bytes; equal records have equal bytes. */
  public byte[] encode() {
    int flags = isNew ? IS_NEW : 0;
    if (authType != null) flags |= HAS_AUTH_TYPE;
    if (principal != null) flags |= HAS_PRINCIPAL;
    if (connectorBytes != null) flags |= HAS_CONNECTOR_BYTES;
    ByteBuffer out = ByteBuffer.allocate(encodedBytes());
    out.put(FORMAT).put((byte) flags).putLong(createdMs).putLong(lastAccessedMs);
    out.putInt(maxInactiveSeconds);
    if (authType != null) putText(out, authType);
    if (principal != null) {
      putText(out, principal.name());
      out.putShort((short) principal.roles().size());
      for (String role : principal.roles()) putText(out, role);
    }
    if (connectorBytes != null) out.putInt(connectorBytes.length).put(connectorBytes);
    return out.array();
  }

  /** The record, or empty if {@code bytes} are none: too long, cut off, or beyond a limit. */
  public static Optional<SessionMetadata> decode(byte[] bytes) {
    if (bytes.length > ENCODED_BYTES_MAX) return Optional.empty();
    try {
      ByteBuffer in = ByteBuffer.wrap(bytes);
      if (in.get() != FORMAT) return Optional.empty();
      int flags = in.get();
      return Optional.of(new SessionMetadata(in.getLong(), in.getLong(), in.getInt(),
          (flags & IS_NEW) != 0, (flags & HAS_AUTH_TYPE) != 0 ? getText(in) : null,
          (flags & HAS_PRINCIPAL) != 0 ? getPrincipal(in) : null,
          (flags & HAS_CONNECTOR_BYTES) != 0 ? getBytes(in, in.getInt()) : null));
    } catch (BufferUnderflowException | CharacterCodingException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private int encodedBytes() {
    int bytes = FIXED_BYTES;
    if (authType != null) bytes += 2 + utf8(authType).length;
    if (principal != null) {
      bytes += 2 + utf8(principal.name()).length + 2;
      for (String role : principal.roles()) bytes += 2 + utf8(role).length;
    }
    return connectorBytes == null ? bytes : bytes + 4 + connectorBytes.length;
  }

  private static SessionPrincipal getPrincipal(ByteBuffer in) throws CharacterCodingException {
    String name = getText(in);
    int count = in.getShort() & 0xffff;
    // Before the list is made, not after.
    require("roles", count, SessionPrincipal.ROLES_MAX);
    List<String> roles = new ArrayList<>(count);
    for (int i = 0; i < count; ++i) roles.add(getText(in));
    return new SessionPrincipal(name, roles);
  }

  private static void putText(ByteBuffer out, String text) {
    byte[] bytes = utf8(text);
    out.putShort((short) bytes.length).put(bytes);
  }

  private static String getText(ByteBuffer in) throws CharacterCodingException {
    byte[] bytes = getBytes(in, in.getShort() & 0xffff);
    return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
  }

  private static byte[] getBytes(ByteBuffer in, int length) {
    if (length < 0 || length > in.remaining()) throw new BufferUnderflowException();
    byte[] bytes = new byte[length];
    in.get(bytes);
    return bytes;
  }

  private static void require(String what, int size, int max) {
    if (size > max) throw new IllegalArgumentException(what + " is " + size + ", at most " + max);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
