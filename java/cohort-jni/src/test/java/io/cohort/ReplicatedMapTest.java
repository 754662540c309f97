package io.cohort;

import static io.cohort.Loopback.bytes;
import static io.cohort.Loopback.options;
import static io.cohort.Loopback.text;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

class ReplicatedMapTest {
  private static final WriteOptions DEFAULT = WriteOptions.DEFAULT;
  private static final byte[] KEY = bytes("session");
  private static Group a;
  private static Group b;
  private ReplicatedMap atA;
  private ReplicatedMap atB;

  @BeforeAll
  static void join() {
    a = Group.join(options("map", "a"));
    b = Group.join(options("map", "b"));
    Loopback.awaitTogether(a, b);
  }

  @AfterAll
  static void leave() {
    a.close();
    b.close();
  }

  @BeforeEach
  void openAMapOfItsOwn(TestInfo test) {
    String name = test.getTestMethod().orElseThrow().getName();
    name = name.substring(0, Math.min(64, name.length()));
    atA = a.openMap(name, MapKind.CONVERGENT);
    atB = b.openMap(name, MapKind.CONVERGENT);
  }

  @Test
  void attributesAreWrittenApartAndReadTogether() {
    WriteResult result =
        atA.putAttributes(KEY, new Attributes().add("user", bytes("ann")), DEFAULT);
    assertEquals(2, result.replicas());
    atB.putAttributes(KEY, new Attributes().add("cärt", new byte[] {0, 1}), DEFAULT);
    Map<String, byte[]> attributes = atA.getAttributes(KEY);
    assertEquals(Set.of("user", "cärt"), attributes.keySet());
    assertEquals("ann", text(attributes.get("user")));
    assertArrayEquals(new byte[] {0, 1}, atA.getAttribute(KEY, bytes("cärt")));
    assertEquals(1, atA.size());
    assertTrue(atA.exists(KEY));
    assertTrue(atA.bytes() > 0);
    assertEquals(atA.digest(), atB.digest());
    atA.eraseAttributes(KEY, List.of("user", "never"), DEFAULT);
    assertEquals(Set.of("cärt"), atB.getAttributes(KEY).keySet());
    assertNull(atB.getAttribute(KEY, bytes("user")));
  }

  @Test
  void whatIsNotThereIsNullOrFalseOrNotFound() {
    assertNull(atA.get(KEY));
    assertNull(atA.getAttributes(KEY));
    assertNull(atA.getAttribute(KEY, bytes("x")));
    assertFalse(atA.exists(KEY));
    assertEquals(-1, atA.get(KEY, ByteBuffer.allocateDirect(8)));
    assertEquals(-1, atA.getAttributes(KEY, ByteBuffer.allocateDirect(8)));
    assertEquals(0, atA.erase(KEY, DEFAULT).number());
    CohortException absent = assertThrows(CohortException.class, () -> atA.touch(KEY, DEFAULT));
    assertEquals(Status.NOT_FOUND, absent.status());
  }

  @Test
  void wholeValuesComeBackWithTheirVersionAndLifetime() {
    WriteResult put = atA.put(KEY, bytes("v"), DEFAULT.withTtlMs(60_000));
    Entry entry = atB.get(KEY);
    assertEquals("v", text(entry.value()));
    assertEquals(put.version(), entry.version());
    assertTrue(entry.ttlMs() > 30_000 && entry.ttlMs() <= 60_000, "" + entry.ttlMs());
    atB.touch(KEY, DEFAULT);
    assertEquals(put.version(), atB.get(KEY).version());
    assertEquals(1, atB.erase(KEY, DEFAULT).number());
    assertNull(atA.get(KEY));
  }

  @Test
  void directBuffersAreReadAndFilledWhereTheyAre() {
    ByteBuffer value = ByteBuffer.allocateDirect(100);
    value.position(10).limit(15);
    value.put(10, bytes("hello"));
    atA.put(KEY, value, DEFAULT);
    assertEquals("hello", text(atB.get(KEY).value()));
    assertEquals(10, value.position());
    atA.put(KEY, value.slice(), DEFAULT);
    assertEquals("hello", text(atB.get(KEY).value()));

    ByteBuffer into = ByteBuffer.allocateDirect(12);
    into.position(4);
    assertEquals(5, atB.get(KEY, into));
    assertEquals(9, into.limit());
    byte[] got = new byte[5];
    into.get(got);
    assertEquals("hello", text(got));
    ByteBuffer small = ByteBuffer.allocateDirect(4);
    assertEquals(5, atB.get(KEY, small));
    assertEquals(4, small.limit());
  }

  @Test
  void heapBuffersOfAnyKindAreRead() {
    ByteBuffer heap = ByteBuffer.wrap(bytes("..hello.."), 1, 7).slice();
    heap.position(1).limit(6);
    atA.put(KEY, heap, DEFAULT);
    assertEquals("hello", text(atB.get(KEY).value()));
    atA.put(KEY, ByteBuffer.wrap(bytes("other")).asReadOnlyBuffer(), DEFAULT);
    assertEquals("other", text(atB.get(KEY).value()));
    assertThrows(IllegalArgumentException.class, () -> atB.get(KEY, ByteBuffer.allocate(9)));
    ByteBuffer readOnly = ByteBuffer.allocateDirect(9).asReadOnlyBuffer();
    assertThrows(IllegalArgumentException.class, () -> atB.get(KEY, readOnly));
  }

  @Test
  void packedAttributesPassThroughDirectBuffers() {
    ByteBuffer packed = ByteBuffer.allocateDirect(1000);
    new Attributes().add("a", bytes("1")).add("b", new byte[300]).packInto(packed.position(7));
    packed.flip().position(7);
    atA.putAttributes(KEY, packed, DEFAULT);
    ByteBuffer into = ByteBuffer.allocateDirect(1000);
    into.position(3);
    assertEquals(packed.remaining(), atB.getAttributes(KEY, into));
    Map<String, Integer> sizes = new TreeMap<>();
    Attributes.forEach(into, (name, value) -> {
      byte[] text = new byte[name.remaining()];
      name.get(text);
      sizes.put(text(text), value.remaining());
    });
    assertEquals(Map.of("a", 1, "b", 300), sizes);
    ByteBuffer small = ByteBuffer.allocateDirect(20);
    assertEquals(packed.remaining(), atB.getAttributes(KEY, small));
    assertEquals(20, small.limit());
  }

  @Test
  void packedAttributesThatAreCutOffAreRefusedWhole() {
    for (byte[] bad : List.of(new byte[] {0, 0, 0}, new byte[] {0, 0, 0, 2, 'a'},
             new byte[] {0, 0, 0, 1, 'a'}, new byte[] {0, 0, 0, 1, 'a', -1, -1, -1, -1})) {
      CohortException refused = assertThrows(
          CohortException.class, () -> atA.putAttributes(KEY, ByteBuffer.wrap(bad), DEFAULT));
      assertEquals(Status.INVALID_ARGUMENT, refused.status());
      assertThrows(BufferUnderflowException.class,
          () -> Attributes.forEach(ByteBuffer.wrap(bad), (name, value) -> {}));
    }
    assertFalse(atA.exists(KEY));
  }

  @Test
  void keysAndValuesBeyondTheLimitsAreRefusedByStatus() {
    for (byte[] key : new byte[][] {new byte[0], new byte[4097], null}) {
      CohortException refused =
          assertThrows(CohortException.class, () -> atA.put(key, new byte[1], DEFAULT));
      assertEquals(Status.INVALID_ARGUMENT, refused.status());
    }
    atA.put(new byte[4096], new byte[1], DEFAULT);
    assertThrows(CohortException.class, () -> atA.put(KEY, new byte[2_000_000], DEFAULT));
    assertThrows(CohortException.class,
        () -> atA.putAttributes(KEY, new Attributes().add("", new byte[1]), DEFAULT));
  }

  @Test
  void aListOfAttributesEndsAtItsLimitsAndKeepsWhatItHas() {
    Attributes list = new Attributes();
    for (int i = 0; i < Attributes.COUNT_MAX; ++i) list.add("n" + i, new byte[1]);
    assertThrows(IllegalArgumentException.class, () -> list.add("more", new byte[1]));
    assertEquals(Attributes.COUNT_MAX, list.count());
    atA.putAttributes(KEY, list, DEFAULT);
    assertEquals(Attributes.COUNT_MAX, atB.getAttributes(KEY).size());
    list.clear();
    list.add("x", new byte[Attributes.BYTES_MAX - 9]);
    assertEquals(Attributes.BYTES_MAX, list.packedBytes());
    assertThrows(IllegalArgumentException.class, () -> list.addName(""));
  }

  @Test
  void changesAreToldInOrderUntilTheSubscriptionIsClosed() {
    Loopback.Recorder told = new Loopback.Recorder();
    Subscription subscription = atB.subscribe(bytes("x/"), told);
    atA.put(bytes("y/1"), bytes("no"), DEFAULT);
    for (int i = 0; i < 100; ++i) atA.put(bytes("x/" + i), bytes("v" + i), DEFAULT);
    atA.erase(bytes("x/7"), DEFAULT);
    Change erased = told.await(Change.class, each -> each.cause() == Change.Cause.ERASE);
    assertEquals("x/7", text(erased.key()));
    assertNull(erased.value());
    assertEquals(a.id(), erased.writer());
    List<Change> changes = told.all(Change.class);
    assertEquals(101, changes.size());
    for (int i = 0; i < 100; ++i) assertEquals("v" + i, text(changes.get(i).value()));
    subscription.close();
    subscription.close();
    Loopback.Recorder other = new Loopback.Recorder();
    try (Subscription next = atB.subscribe(new byte[0], other)) {
      atA.put(bytes("x/end"), bytes("end"), DEFAULT);
      other.await(Change.class, each -> text(each.key()).equals("x/end"));
      assertEquals(101, told.all(Change.class).size());
      assertTrue(next != null);
    }
  }

  @Test
  void aSubscriptionThatIsForgottenGoesOn() {
    Loopback.Recorder told = new Loopback.Recorder();
    atB.subscribe(new byte[0], told);
    for (int i = 0; i < 5; ++i) {
      System.gc();
      byte[] key = {(byte) i};
      atA.put(key, KEY, DEFAULT);
      told.await(Change.class, each -> each.key()[0] == key[0]);
    }
  }

  @Test
  void aListenerThatIsTooSlowIsToldHowMuchItHasLost() {
    Loopback.Recorder told = new Loopback.Recorder();
    Object gate = new Object();
    long before = a.stats().get("jni.notices_lost");
    synchronized (gate) {
      atA.subscribe(new byte[0], new ChangeListener() {
        @Override
        public void onChange(Change change) {
          synchronized (gate) {
            told.onChange(change);
          }
        }

        @Override
        public void onLost(long count) {
          told.onLost(count);
        }
      });
      // 16 MiB fit the queue.
      for (int i = 0; i < 50; ++i) atA.put(KEY, new byte[400_000], DEFAULT.withAck(Ack.LOCAL));
      Loopback.awaitTrue("all", () -> a.stats().get("jni.notices_lost") >= before + 8);
    }
    // The last ones may come when there is room again, or be told as lost apart.
    Loopback.awaitTrue("all are told", () -> told.all(Change.class).size() + lost(told) == 50);
    assertTrue(lost(told) >= 8, "" + lost(told));
    assertTrue(told.all(Change.class).size() >= 40, "" + told.all(Change.class).size());
    assertEquals(lost(told), a.stats().get("jni.notices_lost") - before);
  }

  private static long lost(Loopback.Recorder told) {
    return told.all(Long.class).stream().mapToLong(Long::longValue).sum();
  }

  @Test
  void allKeysAreScannedInParts() {
    Set<String> keys = new HashSet<>();
    for (int i = 0; i < 500; ++i) {
      keys.add("k" + i);
      atA.put(bytes("k" + i), new byte[1], DEFAULT.withAck(Ack.LOCAL));
    }
    List<String> seen = new ArrayList<>();
    long cursor = 0;
    do {
      ReplicatedMap.Keys part = atA.scanKeys(cursor, 50);
      assertTrue(part.keys().size() < 400);
      for (byte[] key : part.keys()) seen.add(text(key));
      cursor = part.cursor();
    } while (cursor != 0);
    assertEquals(keys, new HashSet<>(seen));
    assertThrows(IllegalArgumentException.class, () -> atA.scanKeys(0, 0));
  }

  @Test
  void aMapOfTheOtherKindHasNoAttributes() {
    ReplicatedMap ordered = a.openMap("ordered", MapKind.ORDERED);
    CohortException refused = assertThrows(CohortException.class,
        () -> ordered.putAttributes(KEY, new Attributes().add("x", KEY), DEFAULT));
    assertEquals(Status.FAILED_PRECONDITION, refused.status());
    assertThrows(CohortException.class, () -> a.openMap("ordered", MapKind.CONVERGENT));
  }
}
