package io.cohort;

import static io.cohort.Loopback.bytes;
import static io.cohort.Loopback.options;
import static io.cohort.Loopback.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

/** Saves that nobody waits for, by stores of two members of a real group, and local ones. */
class SavesTest {
  private static final String THREAD = "cohort-saves";

  private static Group a;
  private static Group b;
  private SessionStore atA;
  private SessionStore atB;

  @BeforeAll
  static void join() {
    a = Group.join(options("saves", "a"));
    b = Group.join(options("saves", "b"));
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
    SessionStoreOptions mine =
        new SessionStoreOptions(name.substring(0, Math.min(56, name.length())));
    atA = SessionStore.open(mine, a);
    atB = SessionStore.open(mine, b);
  }

  @AfterEach
  void closeThem() {
    atA.close();
    atB.close();
  }

  private static SessionStore local() {
    return SessionStore.open(new SessionStoreOptions("/local"), null);
  }

  private static SessionChanges set(String name, String value) {
    return new SessionChanges().set(name, bytes(value));
  }

  private static void create(SessionStore store, String id) {
    SessionResult made = store.create(id, new SessionChanges());
    assertTrue(made.ok(), made::toString);
  }

  /** Waits at most a minute for the one answer. */
  private static SessionResult save(SessionStore store, String id, SessionChanges changes)
      throws Exception {
    CompletableFuture<SessionResult> saved = new CompletableFuture<>();
    store.saveAsync(id, changes, saved::complete);
    return saved.get(60, TimeUnit.SECONDS);
  }

  private static List<Thread> tellers() {
    return Thread.getAllStackTraces()
        .keySet()
        .stream()
        .filter(thread -> thread.getName().equals(THREAD))
        .toList();
  }

  /** Counts the answers to each of many saves. */
  private static final class Answers {
    final AtomicInteger[] counts;
    final AtomicInteger good = new AtomicInteger();
    final CountDownLatch left;

    Answers(int saves) {
      counts = new AtomicInteger[saves];
      for (int i = 0; i < saves; ++i) counts[i] = new AtomicInteger();
      left = new CountDownLatch(saves);
    }

    Consumer<SessionResult> of(int save) {
      return result -> {
        counts[save].incrementAndGet();
        if (result.ok()) good.incrementAndGet();
        left.countDown();
      };
    }

    /** Waits at most a minute. */
    void requireOneEach() throws InterruptedException {
      assertTrue(left.await(60, TimeUnit.SECONDS), () -> left.getCount() + " are not answered");
      for (AtomicInteger count : counts) assertEquals(1, count.get());
    }
  }

  @Test
  void whatIsSavedHasAResultAndIsAtTheOtherMemberThen() throws Exception {
    create(atA, "s1");
    AtomicReference<Thread> told = new AtomicReference<>();
    CompletableFuture<Session> seen = new CompletableFuture<>();
    CompletableFuture<SessionResult> saved = new CompletableFuture<>();
    SessionChanges changes = set("n", "1").metadata(bytes("m")).maxInactiveMs(60_000);
    atA.saveAsync("s1", changes, result -> {
      told.set(Thread.currentThread());
      seen.complete(atB.load("s1"));
      saved.complete(result);
    });
    changes.clear().set("n", bytes("not this"));
    Session there = seen.get(60, TimeUnit.SECONDS);
    SessionResult result = saved.get(60, TimeUnit.SECONDS);
    assertTrue(result.ok(), result::toString);
    assertEquals("1", text(there.attributes().get("n")));
    assertEquals("m", text(there.metadata()));
    assertEquals(60_000, there.maxInactiveMs());
    assertEquals(there.version(), result.version());
    assertNotEquals(0, result.fence());
    assertEquals(2, result.replicas());
    assertEquals(0, result.refused());
    assertEquals("", result.text());
    assertEquals("", result.newId());
    assertEquals(THREAD, told.get().getName());
    // And with the fence of it the next.
    assertTrue(save(atA, "s1", set("n", "2").fence(result.fence())).ok());
    assertEquals("2", text(atB.load("s1").attributes().get("n")));
  }

  @Test
  void manySavesUnderWayAreAllAnsweredOnce() throws Exception {
    int sessions = 100;
    int saves = 2000;
    for (int i = 0; i < sessions; ++i) create(atA, "s" + i);
    Answers answers = new Answers(saves);
    for (int i = 0; i < saves; ++i) {
      atA.saveAsync("s" + i % sessions, set("n", "" + i), answers.of(i));
    }
    answers.requireOneEach();
    assertEquals(saves, answers.good.get());
    for (int i = 0; i < sessions; ++i) {
      assertEquals(
          "" + (saves - sessions + i), text(atB.load("s" + i).attributes().get("n")), "s" + i);
    }
  }

  @Test
  void whatTheGroupDoesNotTakeIsAnsweredWithItsReason() throws Exception {
    SessionResult absent = save(atA, "s1", set("n", "1"));
    assertEquals(Status.NOT_FOUND, absent.status());
    assertFalse(absent.text().isEmpty());
    create(atA, "old");
    long seen = atA.load("old").fence();
    assertTrue(atB.save("old", set("n", "1").fence(atB.load("old").fence())).ok());
    SessionResult stale = save(atA, "old", set("n", "stale").fence(seen));
    assertEquals(Status.ABORTED, stale.status());
    assertTrue(atB.changeId("old", "new").ok());
    SessionResult renamed = save(atB, "old", set("n", "2"));
    assertEquals(Status.NOT_FOUND, renamed.status());
    assertEquals("new", renamed.newId());
  }

  @Test
  void whatIsNoArgumentIsThrownAndNotTold() throws Exception {
    create(atA, "s1");
    Consumer<SessionResult> never = result -> {
      throw new AssertionError(result);
    };
    SessionChanges none = new SessionChanges();
    assertThrows(IllegalArgumentException.class, () -> atA.saveAsync("", none, never));
    SessionChanges large = new SessionChanges().metadata(new byte[1 << 20]);
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> atA.saveAsync("s1", large, never));
    assertTrue(refused.getMessage().contains("metadata"), refused::getMessage);
    assertThrows(NullPointerException.class, () -> atA.saveAsync("s1", none, null));
    assertThrows(NullPointerException.class, () -> atA.saveAsync("s1", null, never));
    SessionStore closed = local();
    closed.close();
    assertThrows(IllegalStateException.class, () -> closed.saveAsync("s1", none, never));
    // Nothing of them is left: a save is answered as ever.
    assertTrue(save(atA, "s1", set("n", "1")).ok());
  }

  @Test
  void whoThrowsDoesNotKeepTheNextFromItsAnswer() throws Exception {
    create(atA, "s1");
    AtomicReference<String> thrown = new AtomicReference<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    // A handler that fails as well takes nothing more away.
    Thread.setDefaultUncaughtExceptionHandler((thread, e) -> {
      thrown.set(thread.getName() + ": " + e.getMessage());
      throw new IllegalStateException(e);
    });
    try {
      for (int i = 0; i < 10; ++i) {
        atA.saveAsync(
            "s1", set("n", "1"), result -> { throw new IllegalStateException("of the test"); });
      }
      assertTrue(save(atA, "s1", set("n", "2")).ok());
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
    assertEquals(THREAD + ": of the test", thrown.get());
  }

  @Test
  void savesUnderWayAreAnsweredWhenTheirStoreAndGroupAreClosed() throws Exception {
    int saves = 500;
    Answers answers = new Answers(saves);
    Group c = Group.join(options("closed", "a"));
    Group d = Group.join(options("closed", "b"));
    try (d) {
      Loopback.awaitTogether(c, d);
      SessionStoreOptions mine = new SessionStoreOptions("/closed");
      SessionStore store = SessionStore.open(mine, c);
      try (SessionStore other = SessionStore.open(mine, d)) {
        for (int i = 0; i < 20; ++i) create(store, "s" + i);
        for (int i = 0; i < saves; ++i) {
          store.saveAsync("s" + i % 20, set("n", "" + i), answers.of(i));
        }
        store.close();
        c.close();
        assertTrue(other.exists("s1"));
      }
      answers.requireOneEach();
    }
  }

  /** Of a store that is closed then: the first is answered when {@code gate} opens. */
  private static Answers saveAndClose(CountDownLatch gate) {
    int saves = 200;
    Answers answers = new Answers(saves);
    try (SessionStore store = local()) {
      create(store, "s1");
      store.saveAsync("s1", set("n", "held up"), result -> Loopback.await(gate));
      for (int i = 0; i < saves; ++i) store.saveAsync("s1", set("n", "" + i), answers.of(i));
    }
    assertEquals(saves, answers.left.getCount());
    return answers;
  }

  @Test
  void whatWaitsToBeToldWhenTheLastStoreIsClosedIsStillTold() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    Answers answers = saveAndClose(gate);
    gate.countDown();
    answers.requireOneEach();
  }

  @Test
  void whatWaitsToBeToldIsToldBeforeWhatTheNextStoreSaves() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    Answers answers = saveAndClose(gate);
    try (SessionStore next = local()) {
      create(next, "s1");
      CompletableFuture<Long> before = new CompletableFuture<>();
      next.saveAsync("s1", set("n", "1"), result -> before.complete(answers.left.getCount()));
      gate.countDown();
      assertEquals(0, before.get(60, TimeUnit.SECONDS));
    }
    answers.requireOneEach();
  }

  @Test
  void aLocalStoreAnswersOnTheSameThread() throws Exception {
    try (SessionStore store = local()) {
      create(store, "s1");
      CompletableFuture<String> thread = new CompletableFuture<>();
      store.saveAsync(
          "s1", set("n", "1"), result -> thread.complete(Thread.currentThread().getName()));
      assertEquals(THREAD, thread.get(60, TimeUnit.SECONDS));
      assertEquals("1", text(store.load("s1").attributes().get("n")));
      assertEquals(Status.NOT_FOUND, save(store, "absent", set("n", "1")).status());
    }
  }

  @Test
  void threadsSaveAtOnceAndOneMayCloseTheStoreItIsToldOf() throws Exception {
    int threads = 4;
    int each = 300;
    Answers answers = new Answers(threads * each);
    SessionStore store = local();
    create(store, "s1");
    List<Thread> all = new ArrayList<>();
    for (int t = 0; t < threads; ++t) {
      int first = t * each;
      all.add(new Thread(() -> {
        for (int i = first; i < first + each; ++i) {
          store.saveAsync("s1", set("n", "" + i), answers.of(i));
        }
      }));
    }
    for (Thread thread : all) thread.start();
    for (Thread thread : all) thread.join();
    answers.requireOneEach();
    CompletableFuture<Void> closed = new CompletableFuture<>();
    store.saveAsync("s1", set("n", "last"), result -> {
      store.close();
      closed.complete(null);
    });
    assertNull(closed.get(60, TimeUnit.SECONDS));
  }

  @Test
  void itsThreadIsThereFromTheFirstSaveToTheLastStoreThatSaved() throws Exception {
    Loopback.awaitTrue("that of the test before ends", () -> tellers().isEmpty());
    for (int round = 0; round < 3; ++round) {
      SessionStore first = local();
      try (SessionStore second = local()) {
        create(first, "s1");
        create(second, "s1");
        assertEquals(List.of(), tellers());
        assertTrue(save(first, "s1", set("n", "1")).ok());
        assertTrue(save(second, "s1", set("n", "1")).ok());
        first.close();
        assertTrue(save(second, "s1", set("n", "2")).ok());
        Thread teller = tellers().get(0);
        assertEquals(1, tellers().size());
        assertTrue(teller.isDaemon());
        assertNull(teller.getThreadGroup().getParent());
        assertEquals(Saves.class.getClassLoader(), teller.getContextClassLoader());
      }
      Loopback.awaitTrue("it ends with the last", () -> tellers().isEmpty());
    }
  }
}
