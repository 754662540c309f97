package io.cohort.session;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;

/** Short words for the tests. */
final class Codecs {
  static final ClassLoader LOADER = Codecs.class.getClassLoader();

  private Codecs() {}

  static AttributeCodec codec() {
    return new AttributeCodec(ClassRules.of(LOADER));
  }

  static byte[] encode(AttributeCodec codec, Object value) {
    return assertInstanceOf(EncodeResult.Encoded.class, codec.encode(value)).bytes();
  }

  static Object decode(AttributeCodec codec, byte[] bytes) {
    return assertInstanceOf(DecodeResult.Decoded.class, codec.decode(bytes)).value();
  }

  static EncodeResult.Refused refusal(AttributeCodec codec, Object value) {
    return assertInstanceOf(EncodeResult.Refused.class, codec.encode(value));
  }

  static DecodeResult.Dropped drop(AttributeCodec codec, byte[] bytes) {
    return assertInstanceOf(DecodeResult.Dropped.class, codec.decode(bytes));
  }

  /** As a member would write it that has no limits and no rules. */
  static byte[] unguarded(Object value) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write(CompactForm.FORMAT);
    bytes.write(CompactForm.SERIALIZED);
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(value);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return bytes.toByteArray();
  }
}
