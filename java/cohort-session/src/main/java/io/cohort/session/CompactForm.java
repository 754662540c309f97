package io.cohort.session;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Date;
import java.util.UUID;

/**
 * The values that are written without Java serialization: a byte for the format, a byte for the
 * kind, and the value, big-endian. Each value has exactly one form, so equal bytes mean an equal
 * value and the other way round. A new kind is a new number; members that do not know it drop the
 * attribute, so connectors of all members are updated before any writes it.
 */
final class CompactForm {
  /** First byte of every attribute. */
  static final byte FORMAT = 1;

  /** Bytes before the value. */
  static final int HEADER_BYTES = 2;

  static final byte NULL = 0;
  static final byte FALSE = 1;
  static final byte TRUE = 2;
  static final byte BYTE = 3;
  static final byte SHORT = 4;
  static final byte CHARACTER = 5;
  static final byte INTEGER = 6;
  static final byte LONG = 7;
  static final byte FLOAT = 8;
  static final byte DOUBLE = 9;

  /** UTF-8. */
  static final byte STRING = 10;

  /** UTF-16, for strings that UTF-8 cannot have: half of a surrogate pair. */
  static final byte STRING_UTF16 = 11;

  static final byte BYTES = 12;
  static final byte UUID_ = 13;

  /** Seconds (8 bytes) and nanoseconds (4 bytes) since 1970. */
  static final byte INSTANT = 14;

  /** {@link Date} itself, none of its subclasses: milliseconds since 1970. */
  static final byte DATE = 15;

  /** What {@link java.io.ObjectOutputStream} wrote. */
  static final byte SERIALIZED = 16;

  private CompactForm() {}

  /** Can the value never change? Then no request can have changed it in place. */
  static boolean isImmutable(Object value) {
    return value == null || value instanceof Boolean || value instanceof Character
        || value instanceof String || value instanceof UUID || value instanceof Instant
        || value instanceof Enum || isBoxedNumber(value.getClass());
  }

  private static boolean isBoxedNumber(Class<?> type) {
    return type == Integer.class || type == Long.class || type == Double.class
        || type == Float.class || type == Short.class || type == Byte.class;
  }

  /** The encoded value, or null if it has no compact form. */
  static byte[] encode(Object value) {
    if (value == null) return header(NULL, 0).array();
    if (value instanceof String text) return encodeString(text);
    if (value instanceof Integer number) return header(INTEGER, 4).putInt(number).array();
    if (value instanceof Long number) return header(LONG, 8).putLong(number).array();
    if (value instanceof Boolean flag) return header(flag ? TRUE : FALSE, 0).array();
    if (value instanceof Double number) return header(DOUBLE, 8).putDouble(number).array();
    if (value instanceof byte[] bytes) return header(BYTES, bytes.length).put(bytes).array();
    if (value instanceof UUID id) {
      return header(UUID_, 16)
          .putLong(id.getMostSignificantBits())
          .putLong(id.getLeastSignificantBits())
          .array();
    }
    if (value instanceof Instant time) {
      return header(INSTANT, 12).putLong(time.getEpochSecond()).putInt(time.getNano()).array();
    }
    if (value.getClass() == Date.class) {
      return header(DATE, 8).putLong(((Date) value).getTime()).array();
    }
    if (value instanceof Float number) return header(FLOAT, 4).putFloat(number).array();
    if (value instanceof Character unit) return header(CHARACTER, 2).putChar(unit).array();
    if (value instanceof Short number) return header(SHORT, 2).putShort(number).array();
    if (value instanceof Byte number) return header(BYTE, 1).put(number).array();
    return null;
  }

  /** At least how many bytes {@link #encode} would make; to refuse what is too large unseen. */
  static long bytesMin(Object value) {
    if (value instanceof String text) return HEADER_BYTES + (long) text.length();
    if (value instanceof byte[] bytes) return HEADER_BYTES + (long) bytes.length;
    return HEADER_BYTES;
  }

  private static byte[] encodeString(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    if (isWhole(utf8, text)) return header(STRING, utf8.length).put(utf8).array();
    ByteBuffer units = header(STRING_UTF16, 2 * text.length());
    for (int i = 0; i < text.length(); ++i) units.putChar(text.charAt(i));
    return units.array();
  }

  // What UTF-8 cannot have it replaces silently.
  private static boolean isWhole(byte[] utf8, String text) {
    return new String(utf8, StandardCharsets.UTF_8).equals(text);
  }

  private static ByteBuffer header(byte kind, int bytes) {
    return ByteBuffer.allocate(HEADER_BYTES + bytes).put(FORMAT).put(kind);
  }

  /** Decodes what follows the header of {@code kind}, which is not {@link #SERIALIZED}. */
  static DecodeResult decode(byte kind, ByteBuffer body) {
    try {
      Object value = switch (kind) {
        case NULL -> null;
        case FALSE -> Boolean.FALSE;
        case TRUE -> Boolean.TRUE;
        case BYTE -> body.get();
        case SHORT -> body.getShort();
        case CHARACTER -> body.getChar();
        case INTEGER -> body.getInt();
        case LONG -> body.getLong();
        case FLOAT -> body.getFloat();
        case DOUBLE -> body.getDouble();
        case STRING -> decodeUtf8(body);
        case STRING_UTF16 -> decodeUtf16(body);
        case BYTES -> decodeBytes(body);
        case UUID_ -> new UUID(body.getLong(), body.getLong());
        case INSTANT -> decodeInstant(body);
        case DATE -> new Date(body.getLong());
        default -> UNKNOWN;
      };
      if (value == UNKNOWN) {
        return new DecodeResult.Dropped(Reason.UNKNOWN_FORMAT, "", "kind " + (kind & 0xff));
      }
      if (body.hasRemaining()) {
        return malformed(body.remaining() + " bytes too many");
      }
      return new DecodeResult.Decoded(value);
    } catch (BufferUnderflowException e) {
      return malformed("cut off");
    } catch (CharacterCodingException | DateTimeException e) {
      return malformed("not in its only form");
    }
  }

  private static final Object UNKNOWN = new Object();

  private static String decodeUtf8(ByteBuffer body) throws CharacterCodingException {
    return StandardCharsets.UTF_8.newDecoder().decode(body).toString();
  }

  private static String decodeUtf16(ByteBuffer body) throws CharacterCodingException {
    StringBuilder units = new StringBuilder(body.remaining() / 2);
    while (body.hasRemaining()) units.append(body.getChar());
    String text = units.toString();
    if (isWhole(text.getBytes(StandardCharsets.UTF_8), text)) throw new CharacterCodingException();
    return text;
  }

  private static byte[] decodeBytes(ByteBuffer body) {
    byte[] bytes = new byte[body.remaining()];
    body.get(bytes);
    return bytes;
  }

  private static Instant decodeInstant(ByteBuffer body) {
    long seconds = body.getLong();
    int nanos = body.getInt();
    if (nanos < 0 || nanos > 999_999_999) throw new DateTimeException("nanoseconds");
    return Instant.ofEpochSecond(seconds, nanos);
  }

  private static DecodeResult malformed(String detail) {
    return new DecodeResult.Dropped(Reason.MALFORMED, "", detail);
  }
}
