package io.cohort;

import static io.cohort.Loopback.options;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

class GroupTest {
  private static List<String> names(View view) {
    return view.members().stream().map(Member::name).toList();
  }

  @Test
  void theLibraryIsOfTheVersionThatItsJarIs() {
    assertEquals(Native.ABI_VERSION, Native.abiVersion());
    assertTrue(Native.version().matches("\\d+\\.\\d+\\.\\d+"), Native.version());
  }

  @Test
  void twoGroupsInOneJvmFindEachOther() {
    Loopback.Recorder told = new Loopback.Recorder();
    GroupOptions first = options("find", "a").listener(told);
    // Under this policy b does not begin a group of its own where a is slow to answer.
    try (Group a = Group.join(first.policy(GroupOptions.Policy.PRIMARY).bootstrap(true));
        Group b = Group.join(options("find", "b").policy(GroupOptions.Policy.PRIMARY))) {
      assertEquals(List.of("a", "b"), names(b.view()));
      View view = told.await(View.class, each -> each.members().size() == 2);
      assertEquals(b.view().id(), view.id());
      assertEquals("b", view.joined().get(0).member().name());
      assertEquals("joined", view.joined().get(0).cause());
      assertEquals(b.id(), view.members().get(1).id());
      assertEquals(b.address(), view.members().get(1).address());
      assertTrue(b.address().startsWith("127.0.0.1:"));
      assertEquals("b", b.name());
      assertNotEquals(a.id(), b.id());
      assertTrue(b.isSynced());
      assertTrue(b.isWritable());
      assertTrue(view.primary());
      Loopback.awaitTrue("both hold the same", () -> a.verifyConvergence(0) == 2);
      // Not even the first view was missed.
      assertEquals(List.of("a"), names(told.all(View.class).get(0)));
    }
    told.await(Event.class, event -> event.kind().equals("left") && !event.text().isEmpty());
  }

  @Test
  void messagesReachEveryMemberInOneOrder() {
    Loopback.Recorder toldA = new Loopback.Recorder();
    Loopback.Recorder toldB = new Loopback.Recorder();
    try (Group a = Group.join(options("messages", "a").listener(toldA));
        Group b = Group.join(options("messages", "b").listener(toldB))) {
      Loopback.awaitTogether(a, b);
      for (int i = 0; i < 10; ++i)
        (i % 2 == 0 ? a : b).send(new byte[] {(byte) i}, Delivery.AGREED);
      b.sendAndWait(new byte[0], Delivery.SAFE, 0);
      toldA.await(Message.class, each -> each.delivery() == Delivery.SAFE);
      toldB.await(Message.class, each -> each.delivery() == Delivery.SAFE);
      assertEquals(11, toldA.all(Message.class).size());
      assertEquals(firstBytes(toldA), firstBytes(toldB));
      assertEquals(b.id(), toldA.all(Message.class).get(10).from());
      byte[] large = new byte[2 << 20];
      CohortException refused =
          assertThrows(CohortException.class, () -> a.send(large, Delivery.CONV));
      assertEquals(Status.INVALID_ARGUMENT, refused.status());
    }
  }

  private static List<String> firstBytes(Loopback.Recorder told) {
    return told.all(Message.class).stream().map(each -> Arrays.toString(each.payload())).toList();
  }

  @Test
  void whoDrainsLeavesOnceAnotherOneHoldsEverything() {
    try (Group a = Group.join(options("drain", "a"))) {
      ReplicatedMap map = a.openMap("m", MapKind.ORDERED);
      map.put(new byte[] {1}, new byte[] {2}, WriteOptions.DEFAULT);
      CohortException alone = assertThrows(CohortException.class, () -> a.drain(50));
      assertEquals(Status.DEADLINE_EXCEEDED, alone.status());
      assertTrue(a.isWritable());
      try (Group b = Group.join(options("drain", "b"))) {
        Loopback.awaitTogether(a, b);
        a.drain(0);
        Loopback.awaitTrue("a has left", () -> b.view().members().size() == 1);
        assertEquals(2, b.openMap("m", MapKind.ORDERED).get(new byte[] {1}).value()[0]);
      }
    }
  }

  @Test
  void statsAreNamedAndSorted() {
    try (Group group = Group.join(options("stats", "a"))) {
      ReplicatedMap map = group.openMap("s", MapKind.CONVERGENT);
      map.put(new byte[] {1}, new byte[100], WriteOptions.DEFAULT);
      assertEquals(1L, group.stats().get("map.s.entries"));
      assertTrue(group.stats().containsKey("jni.notices_lost"));
      assertNotNull(group.stats().get("socket.datagrams_sent"), () -> group.stats().toString());
    }
  }

  @Test
  void whatCannotBeIsRefusedWithTheReason() {
    CohortException none =
        assertThrows(CohortException.class, () -> Group.join(options("", "a", 0)));
    assertEquals(Status.INVALID_ARGUMENT, none.status());
    assertTrue(none.getMessage().contains("group"), none.getMessage());
    assertThrows(CohortException.class, () -> Group.join(options("x", "a").multicastTtl(256)));
    assertThrows(IllegalArgumentException.class, () -> Group.join(options("x", "a\0b")));
    assertThrows(IllegalArgumentException.class,
        () -> Group.join(options("x", "a").seeds(Collections.nCopies(65, "127.0.0.1:1"))));
    assertThrows(CohortException.class, () -> Group.join(options("x", "a").key("not a key")));
  }

  @Test
  void useAfterCloseIsAnIllegalState() {
    Group group = Group.join(options("closed", "a"));
    ReplicatedMap map = group.openMap("s", MapKind.CONVERGENT);
    group.close();
    group.close();
    assertThrows(IllegalStateException.class, group::view);
    assertThrows(IllegalStateException.class, group::stats);
    assertThrows(IllegalStateException.class, group::leave);
    assertThrows(IllegalStateException.class, () -> group.openMap("t", MapKind.CONVERGENT));
    // A map outlives its group for reading, until it is closed itself.
    assertEquals(0, map.size());
    CohortException left = assertThrows(
        CohortException.class, () -> map.put(new byte[1], new byte[1], WriteOptions.DEFAULT));
    assertEquals(Status.CANCELLED, left.status());
    map.close();
    map.close();
    assertThrows(IllegalStateException.class, map::size);
    assertThrows(
        IllegalStateException.class, () -> map.subscribe(new byte[0], new Loopback.Recorder()));
  }

  @Test
  void closingWhileOtherThreadsAreInsideCallsEndsThemAndCrashesNothing() throws Exception {
    for (int round = 0; round < 5; ++round) {
      Group group = Group.join(options("race" + round, "a"));
      ReplicatedMap map = group.openMap("s", MapKind.CONVERGENT);
      CountDownLatch started = new CountDownLatch(4);
      Throwable[] unexpected = new Throwable[1];
      Thread[] threads = new Thread[4];
      for (int i = 0; i < threads.length; ++i) {
        byte[] key = {(byte) i};
        threads[i] = new Thread(() -> useUntilClosed(group, map, key, started, unexpected));
        threads[i].start();
      }
      started.await();
      if (round % 2 == 0) map.close();
      group.close();
      map.close();
      for (Thread thread : threads) thread.join();
      assertEquals(null, unexpected[0]);
    }
  }

  private static void useUntilClosed(
      Group group, ReplicatedMap map, byte[] key, CountDownLatch started, Throwable[] unexpected) {
    try {
      for (;;) {
        map.put(key, new byte[10], WriteOptions.DEFAULT);
        map.get(key);
        group.view();
        started.countDown();
      }
    } catch (IllegalStateException expected) {
      started.countDown();
    } catch (CohortException e) {
      if (e.status() != Status.CANCELLED) unexpected[0] = e;
    } catch (Throwable e) {
      unexpected[0] = e;
    }
  }

  @Test
  void aListenerMayBlockAndCloseItsOwnGroup() {
    Loopback.Recorder told = new Loopback.Recorder();
    Group[] group = new Group[1];
    CountDownLatch joined = new CountDownLatch(1);
    group[0] = Group.join(options("inside", "a").listener(new GroupListener() {
      @Override
      public void onView(View view) {
        Loopback.await(joined);
        if (view.members().isEmpty()) return;
        ReplicatedMap map = group[0].openMap("s", MapKind.CONVERGENT);
        map.put(new byte[] {1}, new byte[1], WriteOptions.DEFAULT);
        group[0].close();
        told.onLost(map.size());
      }
    }));
    joined.countDown();
    assertEquals(1L, told.await(Long.class, any -> true));
    assertThrows(IllegalStateException.class, group[0] ::view);
  }

  private static List<Thread> tellers() {
    return Thread.getAllStackTraces()
        .keySet()
        .stream()
        .filter(thread -> thread.getName().equals("cohort-notices"))
        .toList();
  }

  @Test
  void whatWaitsWhenAGroupIsClosedIsStillTold() {
    Loopback.Recorder told = new Loopback.Recorder();
    CountDownLatch closed = new CountDownLatch(1);
    Group.join(options("late", "a").listener(heldUp(closed, null, told))).close();
    closed.countDown();
    told.await(Event.class, event -> event.kind().equals("left"));
    assertTrue(told.all(Event.class).stream().anyMatch(event -> event.kind().equals("synced")));
  }

  /** One that waits for {@code gate} in its first view, which ends with {@code thrown}. */
  private static GroupListener heldUp(CountDownLatch gate, Error thrown, Loopback.Recorder told) {
    return new GroupListener() {
      @Override
      public void onView(View view) {
        Loopback.await(gate);
        if (thrown != null) throw thrown;
      }

      @Override
      public void onEvent(Event event) {
        told.onEvent(event);
      }

      @Override
      public void onLost(long count) {
        told.onLost(count);
      }
    };
  }

  @Test
  void whatWaitsIsToldAlsoWhereAListenerRunsOutOfMemory() {
    Loopback.Recorder told = new Loopback.Recorder();
    CountDownLatch closed = new CountDownLatch(1);
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, e) -> {});
    try {
      GroupListener listener = heldUp(closed, new OutOfMemoryError("of the test"), told);
      Group.join(options("late", "b").listener(listener)).close();
      closed.countDown();
      told.await(Long.class, lost -> lost == 1);
      told.await(Event.class, event -> event.kind().equals("left"));
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
  }

  private static void sendOrPark(Group group, byte[] message) {
    try {
      group.send(message, Delivery.AGREED);
    } catch (CohortException e) {
      assertEquals(Status.RESOURCE_EXHAUSTED, e.status());
      LockSupport.parkNanos(1_000_000);
    }
  }

  @Test
  void aGroupThatIsClosedWhileNoNoticeFitsSaysHowManyWereLost() throws Exception {
    Loopback.Recorder told = new Loopback.Recorder();
    CountDownLatch closed = new CountDownLatch(1);
    Group group = Group.join(options("late", "c").listener(heldUp(closed, null, told)));
    long before = Native.lostNotices();
    // Messages to oneself, until the queue holds as many notices as it may: none fits, of any size.
    while (Native.lostNotices() == before) sendOrPark(group, new byte[1]);
    group.close();
    long lost = Native.lostNotices() - before;
    closed.countDown();
    told.await(Long.class, count -> count > 0);
    for (Thread thread : tellers()) thread.join(20_000);
    assertEquals(List.of(), tellers());
    assertEquals(List.of(lost), told.all(Long.class));
  }

  @Test
  void oneDaemonThreadTellsAllGroupsAndEndsWithTheLast() throws Exception {
    try (Group a = Group.join(options("teller", "a"));
        Group b = Group.join(options("teller", "b"))) {
      Loopback.awaitTogether(a, b);
      // That of the test before may still be ending; it tells nothing any more.
      Loopback.awaitTrue("one tells", () -> tellers().size() == 1);
      Thread teller = tellers().get(0);
      assertTrue(teller.isDaemon());
      assertEquals(Notices.class.getClassLoader(), teller.getContextClassLoader());
    }
    for (Thread thread : tellers()) thread.join(20_000);
    assertEquals(List.of(), tellers());
    try (Group again = Group.join(options("teller", "c"))) {
      assertFalse(tellers().isEmpty());
      assertTrue(again.isSynced());
    }
  }

  @Test
  void aListenerThatThrowsIsToldTheNextNotice() {
    Loopback.Recorder told = new Loopback.Recorder();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    // A handler that fails as well takes nothing more away.
    Thread.setDefaultUncaughtExceptionHandler((thread, e) -> {
      told.onLost(77);
      throw new IllegalStateException(e);
    });
    try (Group a = Group.join(options("throws", "a").listener(new GroupListener() {
      @Override
      public void onView(View view) {
        told.onView(view);
        throw new IllegalStateException("of the test");
      }
    }))) {
      told.await(Long.class, lost -> lost == 77);
      try (Group b = Group.join(options("throws", "b"))) {
        Loopback.awaitTogether(a, b);
        told.await(View.class, view -> view.members().size() == 2);
      }
      assertEquals("a", a.name());
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
  }

  @Test
  void whereThereIsNoMemoryForANoticeListenersAreToldThatTheyLostSomething() {
    Loopback.Recorder told = new Loopback.Recorder();
    try (Group a = Group.join(options("memory", "a").listener(new GroupListener() {
      @Override
      public void onView(View view) {
        throw new OutOfMemoryError("of the test");
      }

      @Override
      public void onLost(long count) {
        told.onLost(count);
      }
    }))) {
      told.await(Long.class, lost -> lost == 1);
      assertEquals("a", a.name());
    }
  }

  @Test
  void aGroupThatNobodyClosedIsClosedWhenNobodyCanReachIt() {
    Loopback.Recorder told = new Loopback.Recorder();
    try (Group a = Group.join(options("forgotten", "a").listener(told))) {
      Group.join(options("forgotten", "b"));
      told.await(View.class, view -> view.members().size() == 2);
      for (int i = 0; i < 50 && a.view().members().size() == 2; ++i) System.gc();
      View view = told.await(View.class, each -> !each.left().isEmpty());
      assertEquals("left", view.left().get(0).cause());
    }
  }
}
