package io.cohort.session;

import static io.cohort.session.Codecs.codec;
import static io.cohort.session.Codecs.decode;
import static io.cohort.session.Codecs.drop;
import static io.cohort.session.Codecs.encode;
import static io.cohort.session.Codecs.unguarded;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InvalidObjectException;
import java.io.ObjectInputStream;
import java.io.ObjectStreamClass;
import java.io.ObjectStreamConstants;
import java.io.Serializable;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.GregorianCalendar;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Bytes as somebody may send them who has got into the group, or as a fault may make them. */
class HostileBytesTest {
  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; ++i) bytes[i] = (byte) values[i];
    return bytes;
  }

  @Test
  void bytesThatAreNoAttributeAreDroppedWithTheReason() {
    assertEquals(Reason.MALFORMED, drop(codec(), bytes()).reason());
    assertEquals(Reason.MALFORMED, drop(codec(), bytes(1)).reason());
    assertEquals(Reason.UNKNOWN_FORMAT, drop(codec(), bytes(2, 0)).reason());
    assertEquals(Reason.UNKNOWN_FORMAT, drop(codec(), bytes(1, 17)).reason());
    assertEquals(Reason.UNKNOWN_FORMAT, drop(codec(), bytes(1, 255)).reason());
    byte[] large = new byte[CodecLimits.BYTES_MAX + 1];
    large[0] = 1;
    large[1] = CompactForm.BYTES;
    assertEquals(Reason.TOO_LARGE, drop(codec(), large).reason());
    assertNotNull(decode(codec(), Arrays.copyOf(large, CodecLimits.BYTES_MAX)));
  }

  @Test
  void compactFormsAreTakenInTheirOnlyFormOnly() {
    for (byte[] bad : List.of(bytes(1, 0, 0), bytes(1, 6, 0, 0, 0), bytes(1, 6, 0, 0, 0, 0, 0),
             bytes(1, 10, 0xc0, 0x80), bytes(1, 10, 0xff), bytes(1, 11, 0xd8, 0x3c, 0),
             bytes(1, 11, 0, 'a'), bytes(1, 13, 1),
             bytes(1, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0x3b, 0x9a, 0xca, 0x00),
             bytes(1, 14, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) {
      assertEquals(Reason.MALFORMED, drop(codec(), bad).reason(), Arrays.toString(bad));
    }
  }

  @Test
  void moreThanOneObjectIsMalformed() {
    byte[] one = unguarded(new ArrayList<>(List.of("x")));
    byte[] more = Arrays.copyOf(one, one.length + 3);
    assertEquals(Reason.MALFORMED, drop(codec(), more).reason());
    more[one.length] = ObjectStreamConstants.TC_BLOCKDATA;
    more[one.length + 1] = 1;
    assertEquals(Reason.MALFORMED, drop(codec(), more).reason());
  }

  private static void writeObjectArrayClass(DataOutputStream out) throws IOException {
    out.write(ObjectStreamConstants.TC_CLASSDESC);
    out.writeUTF("[Ljava.lang.Object;");
    out.writeLong(ObjectStreamClass.lookupAny(Object[].class).getSerialVersionUID());
    out.write(ObjectStreamConstants.SC_SERIALIZABLE);
    out.writeShort(0);
    out.write(ObjectStreamConstants.TC_ENDBLOCKDATA);
    out.write(ObjectStreamConstants.TC_NULL);
  }

  /** Arrays of {@code length} in which the first element is the next one. */
  private static byte[] nestedArrays(int levels, int length) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.write(CompactForm.FORMAT);
    out.write(CompactForm.SERIALIZED);
    out.writeInt(0xaced0005);
    for (int i = 0; i < levels; ++i) {
      out.write(ObjectStreamConstants.TC_ARRAY);
      if (i == 0) {
        writeObjectArrayClass(out);
      } else {
        out.write(ObjectStreamConstants.TC_REFERENCE);
        out.writeInt(ObjectStreamConstants.baseWireHandle);
      }
      out.writeInt(length);
    }
    for (int i = 0; i < levels; ++i) {
      // Of the innermost all, of the others all but the first.
      for (int left = i == 0 ? length : length - 1; left > 0 && bytes.size() < 40_000; --left) {
        out.write(ObjectStreamConstants.TC_NULL);
      }
    }
    return bytes.toByteArray();
  }

  @Test
  void anArrayThatSaysItIsHugeIsRefusedBeforeItIsMade() throws IOException {
    DecodeResult.Dropped dropped = drop(codec(), nestedArrays(1, Integer.MAX_VALUE));
    assertEquals(Reason.LIMIT, dropped.reason());
    assertEquals("an array of 2147483647", dropped.detail());
    assertEquals(Reason.LIMIT, drop(codec(), nestedArrays(1, 400_000)).reason());
  }

  @Test
  void manyArraysThatEachAreAllowedDoNotTakeTheMemory() throws IOException {
    // 400 arrays of 400,000 references would be 640 MB, more than these tests have.
    DecodeResult.Dropped dropped = drop(codec(), nestedArrays(400, 400_000));
    assertEquals(Reason.LIMIT, dropped.reason());
    assertEquals("arrays larger than the bytes that can fill them", dropped.detail());
  }

  @Test
  void depthIsRefusedByTheFilterAndNotByTheStack() throws IOException {
    assertInstanceOf(Object[].class, decode(codec(), nestedArrays(CodecLimits.DEPTH_DEFAULT, 1)));
    DecodeResult.Dropped dropped = drop(codec(), nestedArrays(CodecLimits.DEPTH_DEFAULT + 1, 1));
    assertEquals(Reason.LIMIT, dropped.reason());
    assertEquals("deeper than 500", dropped.detail());
    assertEquals(Reason.LIMIT, drop(codec(), nestedArrays(40_000, 1)).reason());
  }

  @Test
  void depthWithinTheLimitIsFineOnASmallStack() throws Exception {
    byte[] deepest = nestedArrays(CodecLimits.DEPTH_DEFAULT, 1);
    DecodeResult[] result = new DecodeResult[1];
    Thread thread =
        new Thread(null, () -> result[0] = codec().decode(deepest), "small", 512 * 1024);
    thread.start();
    thread.join();
    assertInstanceOf(DecodeResult.Decoded.class, result[0]);
  }

  @Test
  void tooManyReferencesAreRefused() {
    AttributeCodec few = new AttributeCodec(
        ClassRules.of(Codecs.LOADER), new CodecLimits(100_000, 100, 200, 100_000));
    List<Object> list = new ArrayList<>();
    for (int i = 0; i < 300; ++i) list.add(BigInteger.valueOf(i));
    assertEquals("more than 200 references", drop(few, unguarded(list)).detail());
    assertEquals(Reason.LIMIT, Codecs.refusal(few, list).reason());
    assertNotNull(decode(few, unguarded(new ArrayList<>(list.subList(0, 20)))));
  }

  static final class Swallows implements Serializable {
    private transient Object inner;

    private void writeObject(java.io.ObjectOutputStream out) throws IOException {
      out.writeObject(new java.net.URL("http://127.0.0.1/"));
    }

    private void readObject(ObjectInputStream in) throws ClassNotFoundException {
      try {
        inner = in.readObject();
      } catch (IOException expected) {
        inner = "nothing";
      }
    }
  }

  @Test
  void aRefusalThatTheApplicationSwallowsDropsTheAttributeAllTheSame() {
    DecodeResult.Dropped dropped = drop(codec(), unguarded(new Swallows()));
    assertEquals(Reason.CLASS_REFUSED, dropped.reason());
    assertEquals("java.net.URL", dropped.type());
  }

  static final class Fails implements Serializable {
    private final String how;

    Fails(String how) {
      this.how = how;
    }

    private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
      in.defaultReadObject();
      switch (how) {
        case "checked" -> throw new InvalidObjectException("checked\nWARN a line of its own");
        case "unchecked" -> throw new IllegalStateException("unchecked");
        case "assertion" -> throw new AssertionError("assertion");
        default -> readObject(in);
      }
    }
  }

  @Test
  void codeOfTheApplicationThatFailsDropsTheAttribute() {
    assertEquals(Reason.FAILED, drop(codec(), unguarded(new Fails("checked"))).reason());
    assertEquals(Reason.FAILED, drop(codec(), unguarded(new Fails("unchecked"))).reason());
    assertEquals(Reason.FAILED, drop(codec(), unguarded(new Fails("assertion"))).reason());
    assertTrue(drop(codec(), unguarded(new Fails("checked"))).detail().contains("checked?WARN"));
  }

  record Point(int x, List<String> names) implements Serializable {}

  private static List<byte[]> corpus() {
    Map<String, Object> map = new HashMap<>();
    map.put("items", new ArrayList<>(List.of(new Point(1, List.of("a", "b")), "text", 7L)));
    map.put("self", new TreeMap<>(Map.of("k", new LinkedHashSet<>(List.of(1, 2)))));
    List<byte[]> corpus = new ArrayList<>();
    for (Object value : new Object[] {map, new GregorianCalendar(2026, 1, 1),
             new Object[] {new int[] {1, 2}, new String[] {"x", null}, Thread.State.NEW},
             new IllegalStateException("sold out", new IOException("inner")),
             AttributeCodecTest.chain(20), "text", 5, new byte[] {1, 2, 3}}) {
      corpus.add(encode(codec(), value));
    }
    return corpus;
  }

  @Test
  void truncatedBytesAreDroppedAtEveryLength() {
    for (byte[] whole : corpus()) {
      boolean hasAnyLength = whole[1] == CompactForm.STRING || whole[1] == CompactForm.BYTES;
      for (int length = 0; length < whole.length; ++length) {
        DecodeResult result = codec().decode(Arrays.copyOf(whole, length));
        boolean dropped = result instanceof DecodeResult.Dropped;
        assertTrue(dropped || (hasAnyLength && length >= 2), whole[1] + " at " + length);
      }
    }
  }

  @Test
  void flippedBitsAreAResultAndNeverAnException() {
    long seed = Long.getLong("cohort.seed", System.nanoTime());
    System.out.println("flipped bits: -Dcohort.seed=" + seed);
    Random random = new Random(seed);
    List<byte[]> corpus = corpus();
    AttributeCodec codec = codec();
    int dropped = 0;
    for (int round = 0; round < 30_000; ++round) {
      byte[] bytes = corpus.get(random.nextInt(corpus.size())).clone();
      for (int flips = 1 + random.nextInt(6); flips > 0; --flips) {
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      if (random.nextInt(4) == 0) bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 1));
      try {
        if (codec.decode(bytes) instanceof DecodeResult.Dropped) ++dropped;
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed + " round " + round, e);
      }
    }
    assertTrue(dropped > 10_000, dropped + " of 30000 were dropped");
  }
}
