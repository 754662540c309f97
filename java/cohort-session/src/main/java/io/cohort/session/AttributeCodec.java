package io.cohort.session;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InvalidClassException;
import java.io.NotSerializableException;
import java.io.OptionalDataException;
import java.io.Serializable;
import java.io.StreamCorruptedException;
import java.nio.ByteBuffer;
import java.util.ConcurrentModificationException;
import java.util.Objects;

/**
 * Turns the attributes of one application's sessions into bytes, and back, alike in all connectors.
 *
 * <p>Null, strings, boxed primitives, {@code byte[]}, {@link java.util.UUID}, {@link
 * java.time.Instant} and {@link java.util.Date} have compact forms; all else is written by Java
 * serialization. Bytes are hostile until they are decoded: {@link ClassRules} say which classes may
 * come out, {@link CodecLimits} what it may cost. Whatever is wrong with an attribute is a result,
 * not an exception, so that the rest of its session goes on; errors of the JVM itself, as
 * {@link OutOfMemoryError}, are thrown on.
 *
 * <p>Immutable; any threads. One instance an application: it holds the application's class loader.
 */
public final class AttributeCodec {
  private final ClassRules rules;
  private final CodecLimits limits;

  /** With {@link CodecLimits#DEFAULT}. */
  public AttributeCodec(ClassRules rules) {
    this(rules, CodecLimits.DEFAULT);
  }

  /** All members of a group must have the same limits, or drop what others may send. */
  public AttributeCodec(ClassRules rules, CodecLimits limits) {
    this.rules = Objects.requireNonNull(rules, "rules");
    this.limits = Objects.requireNonNull(limits, "limits");
  }

  /**
   * Can {@code value} be something else later, without being set again? Then a request that has
   * read it may have changed it.
   */
  public static boolean isMutable(Object value) {
    return !CompactForm.isImmutable(value);
  }

  /**
   * Encodes an attribute. Its own code ({@code writeObject}, {@code writeReplace}) runs on this
   * thread. The same value has the same bytes as long as nothing changes it, if its code keeps to
   * that.
   *
   * <p>Reasons of refusal: NOT_SERIALIZABLE, CLASS_REFUSED, TOO_LARGE, LIMIT, CHANGED_MEANWHILE,
   * FAILED.
   */
  public EncodeResult encode(Object value) {
    if (CompactForm.bytesMin(value) > limits.bytesMax()) return tooLarge(value);
    byte[] compact = CompactForm.encode(value);
    if (compact == null) return serialize(value);
    return compact.length > limits.bytesMax() ? tooLarge(value) : new EncodeResult.Encoded(compact);
  }

  /**
   * Decodes an attribute. Its own code ({@code readObject}, {@code readResolve}) runs on this
   * thread, with the application's loader as the thread's context class loader.
   *
   * <p>Reasons of dropping: CLASS_REFUSED, CLASS_NOT_FOUND, CLASS_CHANGED, TOO_LARGE, LIMIT,
   * MALFORMED, UNKNOWN_FORMAT, FAILED.
   *
   * @param bytes what {@link #encode} made, or anything else; not changed, and not kept
   */
  public DecodeResult decode(byte[] bytes) {
    if (bytes.length > limits.bytesMax()) {
      return dropped(Reason.TOO_LARGE, bytes.length + " bytes, at most " + limits.bytesMax());
    }
    if (bytes.length == 0) return dropped(Reason.MALFORMED, "empty");
    if (bytes[0] != CompactForm.FORMAT) {
      return dropped(Reason.UNKNOWN_FORMAT, "format " + (bytes[0] & 0xff));
    }
    if (bytes.length < CompactForm.HEADER_BYTES) return dropped(Reason.MALFORMED, "cut off");
    if (bytes[1] == CompactForm.SERIALIZED) return deserialize(bytes);
    int body = bytes.length - CompactForm.HEADER_BYTES;
    return CompactForm.decode(bytes[1], ByteBuffer.wrap(bytes, CompactForm.HEADER_BYTES, body));
  }

  // ---- Writing ----------------------------------------------------------------------------

  private EncodeResult serialize(Object value) {
    String type = value.getClass().getName();
    if (!(value instanceof Serializable)) return refused(Reason.NOT_SERIALIZABLE, type, "");
    BoundedOutput bytes = new BoundedOutput(limits.bytesMax());
    AttributeOutput out = null;
    EncodeResult.Refused failure = null;
    try {
      bytes.write(CompactForm.FORMAT);
      bytes.write(CompactForm.SERIALIZED);
      out = new AttributeOutput(bytes, rules);
      out.writeObject(value);
      out.flush();
    } catch (NotSerializableException e) {
      // Its message is the name of the class, and with extended information more lines.
      String name = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      failure = refused(Reason.NOT_SERIALIZABLE, name, "inside " + type);
    } catch (ConcurrentModificationException e) {
      failure = refused(Reason.CHANGED_MEANWHILE, type, "");
    } catch (StackOverflowError e) {
      failure = refused(Reason.LIMIT, type, "too deep for the stack");
    } catch (Exception | LinkageError | AssertionError e) {
      failure = refused(Reason.FAILED, type, e.toString());
    }
    if (bytes.overflowed()) return tooLarge(value);
    if (out != null && !out.refused().isEmpty()) {
      return refused(Reason.CLASS_REFUSED, out.refused(), "inside " + type);
    }
    return failure != null ? failure : checkLimits(type, bytes.toByteArray());
  }

  // Another member must be able to read what is sent, or the attribute would be missed only when
  // this one is dead. What is too short to be too deep need not be looked at.
  private EncodeResult checkLimits(String type, byte[] bytes) {
    int innocent = Math.min(CodecLimits.BYTES_PER_LEVEL_MIN * limits.depthMax(),
        Math.min(limits.referencesMax(), limits.arrayLengthMax()));
    if (bytes.length > innocent) {
      DecodeResult.Dropped refusal =
          LimitProbe.findRefusal(bytes, CompactForm.HEADER_BYTES, limits);
      if (refusal != null) return refused(refusal.reason(), type, refusal.detail());
    }
    return new EncodeResult.Encoded(bytes);
  }

  private EncodeResult.Refused tooLarge(Object value) {
    return refused(
        Reason.TOO_LARGE, value.getClass().getName(), "more than " + limits.bytesMax() + " bytes");
  }

  private static EncodeResult.Refused refused(Reason reason, String type, String detail) {
    return new EncodeResult.Refused(reason, type, detail);
  }

  // ---- Reading ----------------------------------------------------------------------------

  private DecodeResult deserialize(byte[] bytes) {
    int length = bytes.length - CompactForm.HEADER_BYTES;
    ByteArrayInputStream in = new ByteArrayInputStream(bytes, CompactForm.HEADER_BYTES, length);
    StreamFilter filter = new StreamFilter(rules, limits, length);
    Thread thread = Thread.currentThread();
    ClassLoader context = thread.getContextClassLoader();
    thread.setContextClassLoader(rules.application());
    try {
      return readObject(in, filter);
    } catch (IOException e) {
      return dropped(Reason.MALFORMED, e.toString());
    } finally {
      thread.setContextClassLoader(context);
    }
  }

  private DecodeResult readObject(ByteArrayInputStream in, StreamFilter filter) throws IOException {
    try (AttributeInput input = new AttributeInput(in, rules, filter)) {
      try {
        Object value = input.readObject();
        // Code that reads an object may swallow the exception that came with a refusal.
        if (filter.refusal() != null) return filter.refusal();
        if (input.read() >= 0 || in.read() >= 0) {
          return dropped(Reason.MALFORMED, "more than one object");
        }
        return new DecodeResult.Decoded(value);
      } catch (Exception | LinkageError | AssertionError | StackOverflowError e) {
        return filter.refusal() != null ? filter.refusal() : explain(e, input.missing());
      }
    }
  }

  private static DecodeResult.Dropped explain(Throwable error, String missing) {
    String detail = error.toString();
    if (error instanceof StackOverflowError) {
      return dropped(Reason.LIMIT, "too deep for the stack");
    }
    if (error instanceof ClassNotFoundException || error instanceof LinkageError) {
      return new DecodeResult.Dropped(Reason.CLASS_NOT_FOUND, missing, detail);
    }
    if (error instanceof InvalidClassException invalid) {
      String type = invalid.classname == null ? "" : invalid.classname;
      return new DecodeResult.Dropped(Reason.CLASS_CHANGED, type, detail);
    }
    if (error instanceof StreamCorruptedException || error instanceof OptionalDataException
        || error instanceof EOFException) {
      return dropped(Reason.MALFORMED, detail);
    }
    return dropped(Reason.FAILED, detail);
  }

  private static DecodeResult.Dropped dropped(Reason reason, String detail) {
    return new DecodeResult.Dropped(reason, "", detail);
  }
}
