package io.cohort.session;

import static io.cohort.session.Codecs.codec;
import static io.cohort.session.Codecs.decode;
import static io.cohort.session.Codecs.encode;
import static io.cohort.session.Codecs.refusal;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.math.BigDecimal;
import java.net.URI;
import java.net.URL;
import java.time.DayOfWeek;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Calendar;
import java.util.ConcurrentModificationException;
import java.util.Date;
import java.util.EnumMap;
import java.util.GregorianCalendar;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class AttributeCodecTest {
  record Item(String name, int count) implements Serializable {}

  enum Level { LOW, HIGH }

  static final class Node implements Serializable {
    Node next;
    Object content;
  }

  static Node chain(int length) {
    Node first = new Node();
    Node last = first;
    for (int i = 1; i < length; ++i) {
      last.next = new Node();
      last = last.next;
    }
    return first;
  }

  static Object comesBack(Object value) {
    Object back = decode(codec(), encode(codec(), value));
    assertEquals(value, back);
    if (value != null) assertSame(value.getClass(), back.getClass());
    return back;
  }

  @Test
  void valuesWithACompactFormComeBackAsTheyWere() {
    for (Object value :
        new Object[] {null, true, false, (byte) -7, (short) -300, 'ß', 0, Integer.MIN_VALUE,
            Long.MAX_VALUE, 1.5f, -0.0, Double.NaN, "", "tea ☕ 🍵", new UUID(1, -2), Instant.MIN,
            Instant.MAX, Instant.parse("1969-12-31T23:59:59.5Z"), new Date(-1)}) {
      comesBack(value);
    }
    byte[] bytes = {1, 0, -1};
    assertArrayEquals(bytes, (byte[]) decode(codec(), encode(codec(), bytes)));
  }

  @Test
  void compactFormsAreTheBytesThatOtherVersionsExpect() {
    assertArrayEquals(new byte[] {1, 0}, encode(codec(), null));
    assertArrayEquals(new byte[] {1, 2}, encode(codec(), true));
    assertArrayEquals(new byte[] {1, 6, 0, 0, 1, 2}, encode(codec(), 258));
    assertArrayEquals(new byte[] {1, 7, 0, 0, 0, 0, 0, 0, 0, 5}, encode(codec(), 5L));
    assertArrayEquals(new byte[] {1, 10, 'h', (byte) 0xc3, (byte) 0xa9}, encode(codec(), "hé"));
    assertArrayEquals(new byte[] {1, 12, 9}, encode(codec(), new byte[] {9}));
    assertArrayEquals(new byte[] {1, 14, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3},
        encode(codec(), Instant.ofEpochSecond(2, 3)));
    byte[] serialized = encode(codec(), new Item("tea", 1));
    assertArrayEquals(
        new byte[] {1, 16, (byte) 0xac, (byte) 0xed, 0, 5}, Arrays.copyOf(serialized, 6));
  }

  @Test
  void aStringThatUtf8CannotHaveComesBack() {
    comesBack("half \ud83c of a pair");
    comesBack("\udf75");
  }

  @Test
  void valuesThatOnlyJavaSerializationKnowsComeBack() {
    Map<String, List<Item>> cart = new LinkedHashMap<>();
    cart.put("tea", new ArrayList<>(List.of(new Item("green", 2), new Item("black", 1))));
    EnumMap<DayOfWeek, String> days = new EnumMap<>(DayOfWeek.class);
    days.put(DayOfWeek.MONDAY, "closed");
    GregorianCalendar calendar = new GregorianCalendar(2026, Calendar.MARCH, 1);
    calendar.setTimeZone(java.util.TimeZone.getTimeZone("Europe/Berlin"));
    for (Object value : new Object[] {cart, days, calendar, Level.HIGH, new Item("tea", 1),
             new BigDecimal("12.50"), LocalDate.of(2026, 3, 1),
             ZonedDateTime.parse("2026-03-01T10:00:00+01:00[Europe/Berlin]"), Locale.GERMANY,
             URI.create("http://shop.example/cart"), List.of(1, 2, 3), Map.of("a", 1), Set.of("x"),
             new TreeMap<>(Map.of("b", 2)), new HashSet<>(List.of(1)),
             new LinkedList<>(List.of("x")), new ConcurrentHashMap<>(Map.of("k", "v")),
             new CopyOnWriteArrayList<>(List.of(1)), new java.sql.Timestamp(5)}) {
      comesBack(value);
    }
    IllegalStateException problem = new IllegalStateException("sold out");
    assertEquals("sold out", ((Exception) decode(codec(), encode(codec(), problem))).getMessage());
    assertArrayEquals(
        new long[] {1, 2}, (long[]) decode(codec(), encode(codec(), new long[] {1, 2})));
  }

  @Test
  void aSubclassOfDateIsNotTakenForADate() {
    java.sql.Date date = new java.sql.Date(77);
    assertSame(java.sql.Date.class, decode(codec(), encode(codec(), date)).getClass());
  }

  @Test
  void cyclesComeBackAsCycles() {
    Node first = chain(3);
    first.next.next.next = first;
    Node back = (Node) decode(codec(), encode(codec(), first));
    assertSame(back, back.next.next.next);
    List<Object> list = new ArrayList<>();
    list.add(list);
    List<?> backList = (List<?>) decode(codec(), encode(codec(), list));
    assertSame(backList, backList.get(0));
  }

  @Test
  void equalValuesHaveEqualBytesAndTheDecodedOneIsAnother() {
    List<Item> items = new ArrayList<>(List.of(new Item("tea", 1)));
    byte[] first = encode(codec(), items);
    assertArrayEquals(first, encode(codec(), items));
    assertNotSame(items, decode(codec(), first));
  }

  @Test
  void whatIsNotSerializableIsNamed() {
    assertEquals(Reason.NOT_SERIALIZABLE, refusal(codec(), new Object()).reason());
    assertEquals("java.lang.Object", refusal(codec(), new Object()).type());
    List<Object> list = new ArrayList<>(List.of("fine", new Thread()));
    assertEquals(Reason.NOT_SERIALIZABLE, refusal(codec(), list).reason());
    assertEquals("java.lang.Thread", refusal(codec(), list).type());
    assertEquals("inside java.util.ArrayList", refusal(codec(), list).detail());
  }

  @Test
  void whatOthersWouldRefuseIsNotSent() throws Exception {
    Supplier<String> lambda = (Supplier<String> & Serializable) () -> "x";
    assertEquals(Reason.CLASS_REFUSED, refusal(codec(), lambda).reason());
    assertEquals("java.lang.invoke.SerializedLambda", refusal(codec(), lambda).type());
    Map<URL, String> byUrl = new HashMap<>(Map.of());
    List<Object> urls = new ArrayList<>(List.of(new URL("http://127.0.0.1/"), byUrl));
    assertEquals("java.net.URL", refusal(codec(), urls).type());
  }

  static final class Swallows implements Serializable {
    private void writeObject(ObjectOutputStream out) throws IOException {
      try {
        out.writeObject(new URL("http://127.0.0.1/"));
      } catch (IOException expected) {
        out.writeInt(1);
      }
    }
  }

  @Test
  void aRefusalThatTheApplicationSwallowsIsOneAllTheSame() {
    assertEquals(Reason.CLASS_REFUSED, refusal(codec(), new Swallows()).reason());
  }

  @Test
  void whatIsTooLargeIsRefusedAtExactlyOneByteTooMany() {
    AttributeCodec small =
        new AttributeCodec(ClassRules.of(Codecs.LOADER), new CodecLimits(100, 10, 1000, 1000));
    assertEquals(100, encode(small, "x".repeat(98)).length);
    assertEquals(Reason.TOO_LARGE, refusal(small, "x".repeat(99)).reason());
    assertEquals(Reason.TOO_LARGE, refusal(small, "é".repeat(50)).reason());
    assertEquals(Reason.TOO_LARGE, refusal(small, new byte[99]).reason());
    assertEquals(Reason.TOO_LARGE, refusal(small, new long[20]).reason());
    assertEquals(Reason.TOO_LARGE, refusal(codec(), "x".repeat(CodecLimits.BYTES_MAX)).reason());
  }

  @Test
  void whatIsNestedTooDeeplyToBeReadIsNotSent() {
    Node deepest = chain(CodecLimits.DEPTH_DEFAULT);
    assertInstanceOf(Node.class, decode(codec(), encode(codec(), deepest)));
    EncodeResult.Refused refused = refusal(codec(), chain(CodecLimits.DEPTH_DEFAULT + 1));
    assertEquals(Reason.LIMIT, refused.reason());
    assertEquals("deeper than 500", refused.detail());
    assertEquals(Reason.LIMIT, refusal(codec(), chain(1_000_000)).reason());
  }

  @Test
  void longListsAreNotDeep() {
    LinkedList<Integer> list = new LinkedList<>();
    for (int i = 0; i < 10_000; ++i) list.add(i);
    comesBack(list);
  }

  @Test
  void arraysOfEachKindPassTheLimitsThatTheirBytesPay() {
    assertArrayEquals(
        new double[3000], (double[]) decode(codec(), encode(codec(), new double[3000])));
    assertArrayEquals(
        new int[40][100], (int[][]) decode(codec(), encode(codec(), new int[40][100])));
    assertArrayEquals(
        new String[9000], (String[]) decode(codec(), encode(codec(), new String[9000])));
    Map<Integer, Object> loose = new HashMap<>(16, 0.01f);
    for (int i = 0; i < 5000; ++i) loose.put(i, null);
    comesBack(loose);
    comesBack(new IdentityHashMap<>(Map.of(Level.LOW, Level.HIGH)));
  }

  static final class Restless implements Serializable {
    private void writeObject(ObjectOutputStream out) {
      throw new ConcurrentModificationException();
    }
  }

  static final class Broken implements Serializable {
    private void writeObject(ObjectOutputStream out) {
      throw new AssertionError("broken");
    }
  }

  @Test
  void codeOfTheApplicationThatFailsIsAResult() {
    assertEquals(Reason.CHANGED_MEANWHILE, refusal(codec(), new Restless()).reason());
    assertEquals(Reason.FAILED, refusal(codec(), new Broken()).reason());
    assertTrue(refusal(codec(), new Broken()).detail().contains("broken"));
  }

  @Test
  void onlyWhatCanChangeIsMutable() {
    for (Object value : new Object[] {null, 1, 1L, "x", true, 'c', Level.LOW, Instant.EPOCH}) {
      assertFalse(AttributeCodec.isMutable(value));
    }
    for (Object value :
        new Object[] {new Date(), new byte[1], new ArrayList<>(), new Item("", 1)}) {
      assertTrue(AttributeCodec.isMutable(value));
    }
  }

  @Test
  void limitsBeyondTheirRangeAreRefused() {
    for (int[] bad : new int[][] {{15, 1, 1, 1}, {CodecLimits.BYTES_MAX + 1, 1, 1, 1},
             {16, 0, 1, 1}, {16, CodecLimits.DEPTH_MAX + 1, 1, 1}, {16, 1, 0, 1}, {16, 1, 1, 0}}) {
      assertThrows(
          IllegalArgumentException.class, () -> new CodecLimits(bad[0], bad[1], bad[2], bad[3]));
    }
  }
}
