package io.cohort;

import static io.cohort.Loopback.bytes;
import static io.cohort.Loopback.options;
import static io.cohort.Loopback.text;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

/** Stores of two members of a real group, and local ones. */
class SessionStoreTest {
  private static Group a;
  private static Group b;
  private String application;
  private SessionStore atA;
  private SessionStore atB;

  @BeforeAll
  static void join() {
    a = Group.join(options("sessions", "a"));
    b = Group.join(options("sessions", "b"));
    Loopback.awaitTogether(a, b);
  }

  @AfterAll
  static void leave() {
    a.close();
    b.close();
  }

  @BeforeEach
  void openAStoreOfItsOwn(TestInfo test) {
    String name = test.getTestMethod().orElseThrow().getName();
    application = name.substring(0, Math.min(56, name.length()));
    atA = SessionStore.open(new SessionStoreOptions(application), a);
    atB = SessionStore.open(new SessionStoreOptions(application), b);
  }

  @AfterEach
  void closeThem() {
    atA.close();
    atB.close();
  }

  private static SessionChanges changes() {
    return new SessionChanges();
  }

  private static SessionChanges set(String name, String value) {
    return changes().set(name, bytes(value));
  }

  private static void requireOk(SessionResult result) {
    assertTrue(result.ok(), result::toString);
  }

  private static SessionStore local() {
    return SessionStore.open(new SessionStoreOptions("/local"), null);
  }

  @Test
  void whatOneMemberWritesTheOtherReads() {
    long before = System.currentTimeMillis();
    SessionResult made = atA.create("s1",
        set("user", "ann")
            .set("cärt", new byte[] {0, 1})
            .metadata(bytes("m"))
            .maxInactiveMs(60_000)
            .createdMs(1_700_000_000_123L));
    requireOk(made);
    assertEquals(2, made.replicas());
    assertNotEquals(0, made.fence());
    assertEquals("", made.text());
    assertEquals(Status.ALREADY_EXISTS, atB.create("s1", changes()).status());
    Session session = atB.load("s1");
    assertEquals("s1", session.id());
    assertEquals(1_700_000_000_123L, session.createdMs());
    assertTrue(session.lastAccessedMs() >= before - 1000, session::toString);
    assertEquals(60_000, session.maxInactiveMs());
    assertEquals("m", text(session.metadata()));
    assertEquals(2, session.attributes().count());
    assertEquals("ann", text(session.attributes().get("user")));
    assertArrayEquals(new byte[] {0, 1}, session.attributes().toMap().get("cärt"));
    assertNull(session.attributes().get("absent"));
    assertEquals(made.version(), session.version());
    assertFalse(session.owned());
    assertTrue(atA.load("s1").owned());
    requireOk(atA.save("s1", set("cart", "lamp").erase("cärt").maxInactiveMs(0)));
    Session later = atB.load("s1");
    assertEquals(List.of("cart", "user"), List.copyOf(later.attributes().toMap().keySet()));
    assertTrue(later.maxInactiveMs() <= 0, later::toString);
    assertEquals("m", text(later.metadata()));
    assertTrue(later.version().compareTo(session.version()) > 0);
  }

  @Test
  void aSecondStoreOfAnApplicationIsRefusedUntilTheFirstIsClosed() {
    SessionStoreOptions same = new SessionStoreOptions(application);
    CohortException refused = assertThrows(CohortException.class, () -> SessionStore.open(same, a));
    assertEquals(Status.ALREADY_EXISTS, refused.status());
    assertTrue(refused.getMessage().contains(application), refused.getMessage());
    atA.close();
    atA = SessionStore.open(same, a);
  }

  @Test
  void storesThatHoldTheSameSessionsSayTheSameDigest() {
    requireOk(atA.create("s1", set("n", "0")));
    Digest before = atA.digest();
    assertEquals(before, atB.digest());
    assertEquals(32, before.hex().length());
    requireOk(atB.save("s1", set("n", "1").fence(atB.load("s1").fence())));
    assertEquals(atB.digest(), atA.digest());
    assertNotEquals(before.hex(), atA.digest().hex());
  }

  @Test
  void aWriteOnWhatAnotherMemberHasChangedIsAbortedUntilItIsLoadedAgain() {
    requireOk(atA.create("s1", set("n", "0")));
    long seenByA = atA.load("s1").fence();
    requireOk(atB.save("s1", set("n", "1").fence(atB.load("s1").fence())));
    SessionResult refused = atA.save("s1", set("n", "stale").fence(seenByA));
    assertEquals(Status.ABORTED, refused.status());
    assertFalse(refused.text().isEmpty());
    // A request that began before still has the old fence when another one has loaded.
    Session now = atA.load("s1");
    assertEquals("1", text(now.attributes().get("n")));
    assertEquals(Status.ABORTED, atA.save("s1", set("n", "stale").fence(seenByA)).status());
    requireOk(atA.save("s1", set("n", "2").fence(now.fence())));
    assertEquals("2", text(atB.load("s1").attributes().get("n")));
    Loopback.awaitTrue("counted", () -> atA.stats().claims() == 1 && atA.stats().conflicts() >= 1);
  }

  @Test
  void parallelSavesOfOneSessionLoseNothingWhenEachLoadsAgainOnAborted() throws Exception {
    requireOk(atA.create("s1", changes()));
    int threads = 4;
    int rounds = 40;
    AtomicReference<Throwable> wrong = new AtomicReference<>();
    List<Thread> all = new ArrayList<>();
    for (int i = 0; i < threads; ++i) {
      SessionStore store = i % 2 == 0 ? atA : atB;
      String name = "n" + i;
      all.add(new Thread(() -> {
        try {
          for (int round = 1; round <= rounds; ++round) append(store, name, round);
        } catch (Throwable e) {
          wrong.set(e);
        }
      }));
    }
    for (Thread each : all) each.start();
    for (Thread each : all) each.join();
    assertNull(wrong.get());
    Map<String, byte[]> left = atB.load("s1").attributes().toMap();
    for (int i = 0; i < threads; ++i) assertEquals("" + rounds, text(left.get("n" + i)));
  }

  private static void append(SessionStore store, String name, int round) {
    for (;;) {
      Session session = store.load("s1");
      byte[] old = session.attributes().get(name);
      assertEquals(round == 1 ? null : "" + (round - 1), text(old));
      SessionResult saved = store.save("s1", set(name, "" + round).fence(session.fence()));
      if (saved.ok()) return;
      assertEquals(Status.ABORTED, saved.status(), saved::toString);
    }
  }

  @Test
  void anIdChangesAtOneMomentAndTheOldOneSaysTheNew() {
    requireOk(atA.create("old", set("n", "1")));
    requireOk(atA.changeId("old", "new"));
    assertNull(atB.load("old"));
    assertFalse(atB.exists("old"));
    assertEquals("1", text(atB.load("new").attributes().get("n")));
    SessionResult late = atA.save("old", set("n", "2"));
    assertEquals(Status.NOT_FOUND, late.status());
    assertEquals("new", late.newId());
    assertEquals(List.of("new"), atA.ids(10));
    Loopback.awaitTrue("listed there", () -> atB.ids(10).equals(List.of("new")));
    assertEquals(List.of(), atA.ids(0));
    requireOk(atB.create("taken", changes()));
    assertEquals(Status.ALREADY_EXISTS, atA.changeId("new", "taken").status());
  }

  @Test
  void anEndIsToldHereOnceWithWhatTheSessionHeld() {
    Loopback.Recorder toldA = new Loopback.Recorder();
    Loopback.Recorder toldB = new Loopback.Recorder();
    atA.subscribe(toldA, false);
    atB.subscribe(toldB, true);
    requireOk(atA.create("s1", set("user", "ann").metadata(bytes("m"))));
    requireOk(atA.save("s1", set("n", "1")));
    // Of one that has ended here meanwhile a change is not told.
    toldB.await(SessionEvent.class, e -> e.kind() == SessionEvent.Kind.CHANGED);
    requireOk(atB.invalidate("s1"));
    assertEquals(Status.NOT_FOUND, atA.invalidate("s1").status());
    SessionEvent there =
        toldA.await(SessionEvent.class, e -> e.kind() == SessionEvent.Kind.INVALIDATED);
    SessionEvent here =
        toldB.await(SessionEvent.class, e -> e.kind() == SessionEvent.Kind.INVALIDATED);
    assertFalse(there.here());
    assertNull(there.session());
    assertEquals(b.id(), there.by());
    assertTrue(here.here());
    assertEquals("ann", text(here.session().attributes().get("user")));
    assertEquals("1", text(here.session().attributes().get("n")));
    assertEquals("m", text(here.session().metadata()));
    assertEquals("s1", here.id());
    assertTrue(Math.abs(here.atMs() - System.currentTimeMillis()) < 60_000, here::toString);
    // CHANGED is for who asked; and the end is told once.
    requireOk(atA.create("end", changes()));
    toldA.await(SessionEvent.class, e -> e.id().equals("end"));
    toldB.await(SessionEvent.class, e -> e.id().equals("end"));
    assertEquals(0, count(toldA, SessionEvent.Kind.CHANGED));
    assertEquals(1, count(toldB, SessionEvent.Kind.CHANGED));
    assertEquals(1, count(toldA, SessionEvent.Kind.INVALIDATED));
    assertEquals(1, count(toldB, SessionEvent.Kind.INVALIDATED));
  }

  private static long count(Loopback.Recorder told, SessionEvent.Kind kind) {
    return told.all(SessionEvent.class).stream().filter(e -> e.kind() == kind).count();
  }

  @Test
  void aSessionThatIsNotUsedExpiresAndIsToldByItsOwner() {
    Loopback.Recorder toldA = new Loopback.Recorder();
    Loopback.Recorder toldB = new Loopback.Recorder();
    atA.subscribe(toldA, false);
    atB.subscribe(toldB, false);
    requireOk(atA.create("s1", set("user", "ann").maxInactiveMs(50)));
    SessionEvent here = toldA.await(SessionEvent.class, e -> e.kind() == SessionEvent.Kind.EXPIRED);
    SessionEvent there =
        toldB.await(SessionEvent.class, e -> e.kind() == SessionEvent.Kind.EXPIRED);
    assertTrue(here.here());
    assertEquals("ann", text(here.session().attributes().get("user")));
    assertFalse(there.here());
    assertFalse(atA.touch("s1"));
    assertNull(atA.load("s1"));
    assertEquals(Status.NOT_FOUND, atA.save("s1", changes()).status());
    Loopback.awaitTrue("counted", () -> atA.stats().expired() == 1);
  }

  @Test
  void touchingIsAnAccessAndLoadingIsNot() {
    requireOk(atA.create("s1", changes().maxInactiveMs(3_600_000)));
    long created = atA.load("s1").lastAccessedMs();
    // The store counts by another clock than this one, to whole milliseconds.
    long later = created + 20;
    Loopback.awaitTrue("later", () -> System.currentTimeMillis() > later + 5);
    requireOk(atA.save("s1", set("n", "1").noTouch()));
    assertTrue(atA.load("s1").lastAccessedMs() < later);
    assertTrue(atA.touch("s1"));
    assertTrue(atA.load("s1").lastAccessedMs() > later);
    assertFalse(atA.touch("absent"));
  }

  @Test
  void anAttributeThatIsTooLargeIsLeftOutAndToldAndTheRestIsWritten() {
    Loopback.Recorder told = new Loopback.Recorder();
    atA.subscribe(told, false);
    SessionChanges much = set("fits", "1").set("large", new byte[600_000]);
    SessionResult made = atA.create("s1", much);
    requireOk(made);
    assertEquals(1, made.refused());
    SessionEvent event =
        told.await(SessionEvent.class, e -> e.kind() == SessionEvent.Kind.REFUSED_ATTRIBUTE);
    assertEquals("large", event.attribute());
    assertFalse(event.text().isEmpty());
    assertEquals(List.of("fits"), List.copyOf(atB.load("s1").attributes().toMap().keySet()));
  }

  @Test
  void aLargeSessionCrossesWholeBothWays() {
    byte[] large = new byte[400 << 10];
    new Random(1).nextBytes(large);
    requireOk(atA.create("s1", changes().set("large", large).set("small", bytes("x"))));
    Session session = atB.load("s1");
    assertArrayEquals(large, session.attributes().get("large"));
    assertEquals("x", text(session.attributes().get("small")));
    List<Integer> sizes = new ArrayList<>();
    Attributes.forEach(session.attributes().asBuffer(), (name, value) -> sizes.add(value.limit()));
    assertEquals(List.of(large.length, 1), sizes);
    Loopback.Recorder told = new Loopback.Recorder();
    atB.subscribe(told, false);
    requireOk(atB.invalidate("s1"));
    SessionEvent end =
        told.await(SessionEvent.class, e -> e.kind() == SessionEvent.Kind.INVALIDATED);
    assertArrayEquals(large, end.session().attributes().get("large"));
  }

  @Test
  void changesAreFilledAgainAndAttributesOfASessionAreOnlyRead() {
    SessionChanges again = set("a", "1").metadata(bytes("m")).maxInactiveMs(1).fence(7).noTouch();
    again.clear().set("b", bytes("2"));
    requireOk(atA.create("s1", again));
    Session session = atB.load("s1");
    assertEquals(List.of("b"), List.copyOf(session.attributes().toMap().keySet()));
    assertEquals(0, session.metadata().length);
    assertEquals(1_800_000, session.maxInactiveMs());
    assertThrows(
        UnsupportedOperationException.class, () -> session.attributes().add("x", new byte[1]));
    assertThrows(UnsupportedOperationException.class, session.attributes()::clear);
    // What was read can be written elsewhere as it is.
    try (ReplicatedMap map = a.openMap("copied", MapKind.CONVERGENT)) {
      map.putAttributes(bytes("k"), session.attributes(), WriteOptions.DEFAULT);
      assertEquals("2", text(map.getAttribute(bytes("k"), bytes("b"))));
    }
  }

  @Test
  void argumentsBeyondTheLimitsAreRefusedAndThereIsNoSuchSession() {
    String longest = "i".repeat(SessionStore.ID_BYTES_MAX);
    requireOk(atA.create(longest, changes()));
    assertTrue(atB.exists(longest));
    for (String id : List.of("", longest + "i", "ü".repeat(129))) {
      assertThrows(IllegalArgumentException.class, () -> atA.create(id, changes()));
      assertThrows(IllegalArgumentException.class, () -> atA.save(id, changes()));
      assertThrows(IllegalArgumentException.class, () -> atA.changeId(longest, id));
      assertThrows(IllegalArgumentException.class, () -> atA.changeId(id, "x"));
      assertThrows(IllegalArgumentException.class, () -> atA.invalidate(id));
      // These come from clients: there is none.
      assertNull(atA.load(id));
      assertFalse(atA.exists(id));
      assertFalse(atA.touch(id));
    }
    SessionChanges metadata = changes().metadata(new byte[(64 << 10) + 1]);
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> atA.create("s1", metadata));
    assertTrue(refused.getMessage().contains("metadata"), refused.getMessage());
    SessionChanges many = changes();
    for (int i = 0; i < Attributes.COUNT_MAX; ++i) many.set("n" + i, new byte[0]);
    assertThrows(IllegalArgumentException.class, () -> many.set("more", new byte[0]));
    SessionResult made = atA.create("s1", many);
    requireOk(made);
    assertEquals(512, atB.load("s1").attributes().count());
    assertEquals(Attributes.COUNT_MAX - 512, made.refused());
    SessionChanges large = changes().set("x", new byte[SessionChanges.BYTES_MAX - 9]);
    assertThrows(IllegalArgumentException.class, () -> large.set("y", new byte[0]));
    assertThrows(IllegalArgumentException.class, () -> atA.ids(-1));
    assertThrows(IllegalArgumentException.class, () -> new SessionStoreOptions("x").timeoutMs(-1));
    assertThrows(IllegalArgumentException.class,
        () -> SessionStore.open(new SessionStoreOptions("a\0b"), null));
    CohortException none = assertThrows(
        CohortException.class, () -> SessionStore.open(new SessionStoreOptions(""), null));
    assertEquals(Status.INVALID_ARGUMENT, none.status());
  }

  @Test
  void aStoreThatIsFullRefusesOrEndsItsOwnUnusedLongest() {
    SessionStoreOptions options = new SessionStoreOptions("/full").bytesMax(100_000);
    try (SessionStore store = SessionStore.open(options, null)) {
      int fitting = fill(store);
      Loopback.awaitTrue("counted", () -> store.stats().sessions() == fitting);
    }
    try (SessionStore store = SessionStore.open(options.evict(true), null)) {
      Loopback.Recorder told = new Loopback.Recorder();
      store.subscribe(told, false);
      for (int i = 0; i < 20; ++i) {
        requireOk(store.create("s" + i, changes().set("x", new byte[10_000])));
      }
      SessionEvent first =
          told.await(SessionEvent.class, e -> e.kind() == SessionEvent.Kind.EVICTED);
      assertEquals("s0", first.id());
      assertTrue(first.here());
      Loopback.awaitTrue("counted", () -> store.stats().evicted() >= 10);
      assertTrue(store.exists("s19"));
    }
  }

  private static int fill(SessionStore store) {
    for (int i = 0; i < 20; ++i) {
      SessionResult made = store.create("s" + i, changes().set("x", new byte[10_000]));
      if (made.ok()) continue;
      assertEquals(Status.RESOURCE_EXHAUSTED, made.status());
      return i;
    }
    throw new AssertionError("never full");
  }

  @Test
  void useAfterCloseIsAnIllegalState() {
    Loopback.Recorder told = new Loopback.Recorder();
    Subscription subscription = atA.subscribe(told, true);
    requireOk(atA.create("s1", changes()));
    told.await(SessionEvent.class, any -> true);
    atA.close();
    atA.close();
    assertThrows(IllegalStateException.class, () -> atA.load("s1"));
    assertThrows(IllegalStateException.class, () -> atA.exists(""));
    assertThrows(IllegalStateException.class, () -> atA.create("s2", changes()));
    assertThrows(IllegalStateException.class, () -> atA.save("s1", changes()));
    assertThrows(IllegalStateException.class, () -> atA.changeId("s1", "s2"));
    assertThrows(IllegalStateException.class, () -> atA.invalidate("s1"));
    assertThrows(IllegalStateException.class, () -> atA.touch("s1"));
    assertThrows(IllegalStateException.class, () -> atA.ids(1));
    assertThrows(IllegalStateException.class, atA::stats);
    assertThrows(IllegalStateException.class, atA::tasks);
    assertThrows(IllegalStateException.class, atA::replicated);
    assertThrows(IllegalStateException.class, () -> atA.setReplication(null));
    assertThrows(IllegalStateException.class, () -> atA.awaitTask(1, 0));
    assertThrows(IllegalStateException.class, () -> atA.subscribe(told, false));
    assertThrows(IllegalStateException.class, () -> atA.subscribeTasks(told::onTask));
    // What is in the group stays there, and is told to other stores here, but not by this one.
    Loopback.Recorder other = new Loopback.Recorder();
    try (SessionStore again = SessionStore.open(new SessionStoreOptions(application), a)) {
      again.subscribe(other, false);
      requireOk(atB.invalidate("s1"));
      other.await(SessionEvent.class, any -> true);
    }
    assertEquals(1, told.all(SessionEvent.class).size());
    subscription.close();
  }

  @Test
  void itsPlaceIsFreeWhenItIsClosedAlsoWhereACallOfAnotherThreadWasUnderWay() throws Exception {
    atA.handle().enter();
    Thread closing = new Thread(atA::close);
    closing.start();
    while (closing.getState() != Thread.State.WAITING && closing.isAlive()) Thread.yield();
    assertTrue(closing.isAlive());
    atA.handle().exit();
    closing.join();
    SessionStore.open(new SessionStoreOptions(application), a).close();
  }

  @Test
  void aListenerThatClosesTheStoreDoesNotWaitForCalls() {
    Loopback.Recorder told = new Loopback.Recorder();
    SessionStore store = local();
    store.subscribe(event -> {
      store.handle().enter();
      store.close();
      store.handle().exit();
      told.onEvent(event);
    }, false);
    requireOk(store.create("s1", changes()));
    told.await(SessionEvent.class, any -> true);
    assertThrows(IllegalStateException.class, store::stats);
  }

  @Test
  void whatTheGroupAnswersIsReturnedAndItsClosingEndsNothingOfTheReading() {
    Group alone = Group.join(options("alone", "a"));
    try (SessionStore store = SessionStore.open(new SessionStoreOptions("/x"), alone)) {
      requireOk(store.create("s1", set("n", "1")));
      alone.close();
      assertEquals("1", text(store.load("s1").attributes().get("n")));
      SessionResult cancelled = store.save("s1", set("n", "2"));
      assertEquals(Status.CANCELLED, cancelled.status());
      assertFalse(cancelled.text().isEmpty());
      assertThrows(IllegalStateException.class,
          () -> SessionStore.open(new SessionStoreOptions("/y"), alone));
    }
  }

  @Test
  void aLocalStoreTellsItsEventsOnTheThreadOfNotices() {
    AtomicReference<String> thread = new AtomicReference<>();
    Loopback.Recorder told = new Loopback.Recorder();
    try (SessionStore store = local()) {
      store.subscribe(event -> {
        thread.set(Thread.currentThread().getName());
        // A listener may call everything.
        if (event.kind() == SessionEvent.Kind.CREATED) requireOk(store.invalidate(event.id()));
        told.onEvent(event);
      }, true);
      requireOk(store.create("s1", set("n", "1")));
      SessionEvent end =
          told.await(SessionEvent.class, e -> e.kind() == SessionEvent.Kind.INVALIDATED);
      assertEquals("1", text(end.session().attributes().get("n")));
      assertEquals("cohort-notices", thread.get());
      assertFalse(store.replicated());
      assertEquals(new MemberId(0, 0, 0), end.by());
    }
  }

  @Test
  void replicationIsSwitchedWhileThreadsWriteAndNothingIsLost() throws Exception {
    Loopback.Recorder told = new Loopback.Recorder();
    atA.subscribeTasks(told::onTask);
    AtomicReference<Throwable> wrong = new AtomicReference<>();
    AtomicBoolean enough = new AtomicBoolean();
    int[] written = new int[3];
    List<Thread> writers = new ArrayList<>();
    for (int i = 0; i < written.length; ++i) {
      int number = i;
      requireOk(atA.create("s" + i, changes()));
      writers.add(new Thread(() -> {
        try {
          while (!enough.get()) {
            requireOk(atA.save("s" + number, set("n", "" + ++written[number])));
          }
        } catch (Throwable e) {
          wrong.set(e);
        }
      }));
    }
    for (Thread each : writers) each.start();
    for (int i = 0; i < 6; ++i) {
      long task = atA.setReplication(i % 2 == 0 ? null : a);
      atA.awaitTask(task, 60_000);
      assertEquals(i % 2 == 1, atA.replicated());
      told.await(SessionTask.class, each -> each.id() == task && each.over());
    }
    enough.set(true);
    for (Thread each : writers) each.join();
    assertNull(wrong.get());
    for (int i = 0; i < written.length; ++i) {
      assertEquals("" + written[i], text(atB.load("s" + i).attributes().get("n")));
    }
    List<SessionTask> tasks = atA.tasks();
    assertEquals(6, tasks.stream().filter(each -> each.state() == SessionTask.State.DONE).count());
    SessionTask last = tasks.get(tasks.size() - 1);
    assertEquals(SessionTask.Kind.REPLICATION_ON, last.kind());
    // Who writes a session first moves it himself, so the task may have had nothing to do.
    assertEquals(0, last.failed());
    assertEquals(Status.OK, last.status());
    assertTrue(last.changedMs() >= last.startedMs() && last.startedMs() > 0, last::toString);
    CohortException nothing = assertThrows(CohortException.class, () -> atA.setReplication(a));
    assertEquals(Status.FAILED_PRECONDITION, nothing.status());
  }

  @Test
  void anEndForWhoseSessionThereIsNoRoomIsToldWithoutIt() {
    Loopback.Recorder told = new Loopback.Recorder();
    Object gate = new Object();
    byte[] large = new byte[400_000];
    int sessions = 60;
    try (SessionStore store = local()) {
      synchronized (gate) {
        store.subscribe(event -> {
          synchronized (gate) {
            told.onEvent(event);
      }
    }, false);
    // 16 MiB fit the queue.
    for (int i = 0; i < sessions; ++i) {
      requireOk(store.create("s" + i, changes().set("large", large)));
      requireOk(store.invalidate("s" + i));
    }
  }
  told.await(SessionEvent.class, e -> e.id().equals("s59") && e.here() && isEnd(e));
  List<SessionEvent> ends =
      told.all(SessionEvent.class).stream().filter(SessionStoreTest::isEnd).toList();
  assertEquals(sessions, ends.size());
  assertTrue(ends.stream().allMatch(SessionEvent::here));
  long whole = ends.stream().filter(e -> e.session() != null).count();
  assertTrue(whole >= 40 && whole < sessions, "" + whole);
}
}

private static boolean isEnd(SessionEvent event) {
  return event.kind() == SessionEvent.Kind.INVALIDATED;
}
}
