package io.cohort;

import static io.cohort.Loopback.bytes;
import static io.cohort.Loopback.options;
import static io.cohort.Loopback.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

/** Conditional writes, writes without waiting, and reads with options. */
class MapWritesTest {
  private static final WriteOptions DEFAULT = WriteOptions.DEFAULT;
  private static final byte[] KEY = bytes("k");
  private static Group a;
  private static Group b;
  private ReplicatedMap atA;
  private ReplicatedMap atB;
  private String name;

  @BeforeAll
  static void join() {
    a = Group.join(options("writes", "a"));
    b = Group.join(options("writes", "b"));
    Loopback.awaitTogether(a, b);
  }

  @AfterAll
  static void leave() {
    a.close();
    b.close();
  }

  @BeforeEach
  void openAMapOfItsOwn(TestInfo test) {
    name = test.getTestMethod().orElseThrow().getName();
    name = name.substring(0, Math.min(60, name.length()));
    atA = a.openMap(name, MapKind.ORDERED);
    atB = b.openMap(name, MapKind.ORDERED);
  }

  private ReplicatedMap convergent(Group group) {
    return group.openMap("c " + name, MapKind.CONVERGENT);
  }

  private static <T> T await(CompletableFuture<T> future) {
    try {
      return future.get(60, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static CohortException awaitFailure(CompletableFuture<?> future) {
    ExecutionException failed =
        assertThrows(ExecutionException.class, () -> future.get(60, TimeUnit.SECONDS));
    return assertInstanceOf(CohortException.class, failed.getCause());
  }

  @Test
  void aConditionalWriteHappensOnlyAtTheExpectedVersion() {
    WriteResult first = atA.putIfAbsent(KEY, bytes("1"), DEFAULT);
    CohortException refused =
        assertThrows(CohortException.class, () -> atB.putIfAbsent(KEY, bytes("2"), DEFAULT));
    assertEquals(Status.ABORTED, refused.status());
    assertEquals(first.version(), refused.version());
    WriteResult second = atB.putIf(KEY, first.version(), bytes("2"), DEFAULT);
    assertTrue(second.version().compareTo(first.version()) > 0);
    refused = assertThrows(CohortException.class, () -> atA.eraseIf(KEY, first.version(), DEFAULT));
    assertEquals(second.version(), refused.version());
    assertEquals("2", text(atA.get(KEY).value()));
    atA.eraseIf(KEY, second.version(), DEFAULT);
    assertFalse(atB.exists(KEY));
    refused = assertThrows(
        CohortException.class, () -> atA.putIf(KEY, second.version(), bytes("3"), DEFAULT));
    assertEquals(Version.NONE, refused.version());
    atA.putIf(KEY, Version.NONE, bytes("4"), DEFAULT);
    assertEquals("4", text(atB.get(KEY).value()));
  }

  @Test
  void numbersTextAndLifetimesReportWhatTheyDid() {
    assertEquals(5, atA.increment(bytes("n"), 5, DEFAULT).number());
    assertEquals(-2, atB.increment(bytes("n"), -7, DEFAULT).number());
    assertEquals(2, atA.append(bytes("t"), bytes("ab"), DEFAULT).number());
    assertEquals(5, atB.append(bytes("t"), bytes("cde"), DEFAULT).number());
    CohortException refused =
        assertThrows(CohortException.class, () -> atA.increment(bytes("t"), 1, DEFAULT));
    assertEquals(Status.FAILED_PRECONDITION, refused.status());
    assertNull(refused.version());
    atA.expire(bytes("t"), 60_000, DEFAULT);
    assertTrue(atB.get(bytes("t")).ttlMs() > 30_000);
    atB.persist(bytes("t"), DEFAULT);
    assertEquals(0, atA.get(bytes("t")).ttlMs());
    refused = assertThrows(CohortException.class, () -> atA.persist(KEY, DEFAULT));
    assertEquals(Status.NOT_FOUND, refused.status());
    assertEquals(2, atA.clear(DEFAULT).number());
    assertEquals(0, atB.size());
  }

  private byte[] change(Entry entry) {
    return bytes("" + (entry == null ? 1 : Integer.parseInt(text(entry.value())) + 1));
  }

  private WriteResult update(ReplicatedMap stock, byte[] lamp) {
    for (;;) {
      Entry entry = stock.get(lamp);
      Version seen = entry == null ? Version.NONE : entry.version();
      try {
        return stock.putIf(lamp, seen, change(entry), WriteOptions.DEFAULT);
      } catch (CohortException e) {
        // Another member was faster: what is there now is read, and changed again.
        if (e.status() != Status.ABORTED) throw e;
      }
    }
  }

  @Test
  void whoReadsAndWritesOnConditionLosesNothing() throws Exception {
    List<Thread> threads = new ArrayList<>();
    for (ReplicatedMap map : List.of(atA, atB)) {
      threads.add(new Thread(() -> {
        for (int i = 0; i < 50; ++i) update(map, KEY);
      }));
    }
    for (Thread each : threads) each.start();
    for (Thread each : threads) each.join();
    assertEquals("100", text(atA.get(KEY).value()));
  }

  @Test
  void aMapOfTheOtherKindHasNoConditions() {
    ReplicatedMap map = convergent(a);
    CohortException refused =
        assertThrows(CohortException.class, () -> map.putIfAbsent(KEY, KEY, DEFAULT));
    assertEquals(Status.FAILED_PRECONDITION, refused.status());
  }

  @Test
  void whatDoesNotWaitIsToldToItsFuture() {
    WriteResult put = await(atA.putAsync(KEY, bytes("1"), DEFAULT));
    assertEquals(2, put.replicas());
    assertEquals(put.version(), atB.get(KEY).version());
    assertEquals("1", text(await(atB.getAsync(KEY, ReadOptions.DEFAULT)).value()));
    assertNull(await(atB.getAsync(bytes("none"), ReadOptions.DEFAULT)));
    WriteResult second = await(atB.putIfAsync(KEY, put.version(), bytes("2"), DEFAULT));
    CohortException refused = awaitFailure(atA.eraseIfAsync(KEY, put.version(), DEFAULT));
    assertEquals(Status.ABORTED, refused.status());
    assertEquals(second.version(), refused.version());
    refused = awaitFailure(atA.putIfAbsentAsync(KEY, bytes("3"), DEFAULT));
    assertEquals(second.version(), refused.version());
    assertEquals(7, await(atA.incrementAsync(bytes("n"), 7, DEFAULT)).number());
    assertEquals(3, await(atA.appendAsync(bytes("t"), bytes("abc"), DEFAULT)).number());
    await(atA.expireAsync(bytes("t"), 60_000, DEFAULT));
    assertTrue(atB.get(bytes("t")).ttlMs() > 0);
    await(atA.touchAsync(bytes("t"), DEFAULT));
    await(atA.persistAsync(bytes("t"), DEFAULT));
    assertEquals(0, atB.get(bytes("t")).ttlMs());
    assertEquals(Status.NOT_FOUND, awaitFailure(atA.touchAsync(bytes("?"), DEFAULT)).status());
    assertEquals(1, await(atA.eraseAsync(KEY, DEFAULT)).number());
    assertEquals(2, await(atA.clearAsync(DEFAULT)).number());
  }

  @Test
  void attributesAreWrittenWithoutWaitingToo() {
    ReplicatedMap first = convergent(a);
    ReplicatedMap second = convergent(b);
    Attributes attributes = new Attributes().add("x", bytes("1")).add("y", bytes("2"));
    await(first.putAttributesAsync(KEY, attributes, DEFAULT));
    assertEquals(Set.of("x", "y"), second.getAttributes(KEY).keySet());
    await(second.eraseAttributesAsync(KEY, List.of("x"), DEFAULT));
    assertEquals(Set.of("y"), first.getAttributes(KEY).keySet());
  }

  @Test
  void bytesAreCopiedBeforeTheCallReturns() {
    ByteBuffer direct = ByteBuffer.allocateDirect(4).put(bytes("12..")).flip().limit(2);
    CompletableFuture<WriteResult> written = atA.putAsync(KEY, direct, DEFAULT);
    direct.put(0, bytes("xx"));
    await(written);
    assertEquals("12", text(atB.get(KEY).value()));
  }

  @Test
  void whatCannotBeBegunFailsTheFutureAndAClosedMapTheCall() {
    assertEquals(Status.INVALID_ARGUMENT,
        awaitFailure(atA.putAsync(new byte[0], bytes("v"), DEFAULT)).status());
    assertEquals(Status.INVALID_ARGUMENT,
        awaitFailure(atA.getAsync(new byte[5000], ReadOptions.DEFAULT)).status());
    assertThrows(NullPointerException.class, () -> atA.putAsync(KEY, (byte[]) null, DEFAULT));
    atA.close();
    assertThrows(IllegalStateException.class, () -> atA.putAsync(KEY, bytes("v"), DEFAULT));
    assertThrows(IllegalStateException.class, () -> atA.getAsync(KEY, ReadOptions.DEFAULT));
  }

  @Test
  void manyAreUnderWayAtOnceAndAllAreTold() {
    List<CompletableFuture<WriteResult>> all = new ArrayList<>();
    for (int i = 0; i < 2000; ++i) {
      all.add(atA.incrementAsync(KEY, 1, DEFAULT));
      // The queue of the group has an end.
      if (i % 200 == 199) await(all.get(i));
    }
    for (int i = 0; i < all.size(); ++i) assertEquals(i + 1, await(all.get(i)).number());
    assertEquals("2000", text(atB.get(KEY).value()));
  }

  @Test
  void theFuturesOfAGroupThatIsClosedAreTold() {
    List<CompletableFuture<WriteResult>> all = new ArrayList<>();
    try (Group alone = Group.join(options("closed", "a"))) {
      ReplicatedMap map = alone.openMap("m", MapKind.ORDERED);
      for (int i = 0; i < 200; ++i) all.add(map.putAsync(bytes("k" + i), KEY, DEFAULT));
    }
    for (CompletableFuture<WriteResult> each : all) {
      try {
        each.get(60, TimeUnit.SECONDS);
      } catch (ExecutionException e) {
        CohortException failed = assertInstanceOf(CohortException.class, e.getCause());
        assertTrue(
            Set.of(Status.CANCELLED, Status.UNKNOWN, Status.UNAVAILABLE).contains(failed.status()),
            failed.getMessage());
      } catch (Exception e) {
        throw new AssertionError("not told", e);
      }
    }
  }

  @Test
  void aReadWithOptionsIsAnsweredHereIfItCanBe() {
    assertNull(atA.get(KEY, ReadOptions.DEFAULT));
    WriteResult put = atA.put(KEY, bytes("v"), DEFAULT.withTtlMs(60_000));
    Entry entry = atB.get(KEY, new ReadOptions(WriteOptions.FOREVER));
    assertEquals("v", text(entry.value()));
    assertEquals(put.version(), entry.version());
    assertTrue(entry.ttlMs() > 30_000);
    CohortException refused =
        assertThrows(CohortException.class, () -> atB.get(KEY, new ReadOptions(-2)));
    assertEquals(Status.INVALID_ARGUMENT, refused.status());
  }
}
