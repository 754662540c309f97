package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.connector.FailoverRehearsal;
import io.cohort.session.AttributeCodec;
import io.cohort.session.ClassRules;
import io.cohort.session.Reason;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.catalina.util.ServerInfo;
import org.apache.juli.logging.LogFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two real Tomcats, and users who go from one to the other. */
class FailoverTest {
  private static final AttributeCodec CODEC =
      new AttributeCodec(ClassRules.of(FailoverTest.class.getClassLoader()));

  @TempDir private Path temporary;
  private Instance n1;
  private Instance n2;
  private final Browser user = new Browser();

  @BeforeEach
  void start() throws Exception {
    n1 = new Instance(temporary, "n1", manager -> {}).start();
    n2 = new Instance(temporary, "n2", manager -> {}).start();
  }

  @AfterEach
  void stop() {
    n1.close();
    n2.close();
  }

  @Test
  void theTomcatIsTheOneThatIsMeant() {
    String expected = System.getProperty("cohort.tomcat.expected");
    assertTrue(ServerInfo.getServerNumber().startsWith(expected), ServerInfo.getServerNumber());
  }

  @Test
  void aSessionGoesOnAtTheOtherInstanceUnderItsRoute() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    String storeId = user.storeId();
    assertEquals(storeId + ".n1", user.id());
    n1.close();
    assertEquals("ann", user.get(n2, "get?name=user"));
    assertEquals(storeId + ".n2", user.id());
    assertEquals(user.id(), user.get(n2, "id"));
    assertEquals(1, n2.toldOf("id changed"));
    assertEquals(0, n2.toldOf("created"));
  }

  private static void rehearse(Instance at) {
    FailoverRehearsal rehearsal = new FailoverRehearsal();
    at.manager().rehearseWith(rehearsal);
    at.manager().backgroundProcess();
    assertEquals(FailoverRehearsal.ROUNDS, rehearsal.done());
  }

  @Test
  void whereReplicationIsOffNothingIsRehearsed() throws Exception {
    try (Instance alone =
             new Instance(temporary, "alone", manager -> manager.setReplication("off")).start()) {
      FailoverRehearsal rehearsal = new FailoverRehearsal();
      alone.manager().rehearseWith(rehearsal);
      alone.manager().backgroundProcess();
      assertEquals(0, rehearsal.done());
    }
  }

  @Test
  void anApplicationThatStopsInARoundLeavesTheRestToOthers() throws Exception {
    FailoverRehearsal rehearsal = new FailoverRehearsal();
    Rehearsal of = new Rehearsal(n2.manager(), new UserReports(LogFactory.getLog("none")));
    n2.manager().stop();
    rehearsal.run(1, CODEC, new TomcatLog(LogFactory.getLog("none")), of::takeOver);
    assertEquals(0, rehearsal.done());
    assertFalse(rehearsal.isOver());
    n2.manager().start();
    rehearse(n2);
  }

  @Test
  void aFailoverIsRehearsedAndNobodyNotices() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    String digest = n1.status().getDigest();
    rehearse(n2);
    assertEquals(List.of(), n2.told());
    assertEquals(0, n2.status().getLoaded());
    assertEquals(0, n2.manager().getActiveSessions());
    assertEquals(1, n2.status().getSessions());
    assertEquals(digest, n2.status().getDigest());
    assertEquals("ann", user.get(n2, "get?name=user"));
  }

  @Test
  void anApplicationThatRefusesClassesIsNotWarnedOfTheRehearsal() throws Exception {
    n2.manager().setAllowedClasses("java.lang.*;!*");
    n2.manager().stop();
    n2.manager().start();
    rehearse(n2);
    assertEquals(0, n2.manager().keptLocal(Reason.CLASS_REFUSED));
  }

  @Test
  void whoIsAnsweredIsReplicatedAndNothingIsOnTheHeapThere() throws Exception {
    for (int i = 0; i < 20; ++i) new Browser().get(n1, "set?name=user&value=ann");
    Instance.awaitTrue("n2 counts 20 sessions", () -> n2.status().getSessions() == 20);
    assertEquals(0, n2.manager().getActiveSessions());
    assertEquals(0, n1.status().getAnsweredBeforeSaved());
    assertEquals(20, n1.status().getCreated());
    assertEquals(n1.status().getDigest(), n2.status().getDigest());
    assertEquals(32, n1.status().getDigest().length());
  }

  @Test
  void whatARequestChangesInPlaceIsFound() throws Exception {
    user.get(n1, "cart?name=cart");
    user.get(n1, "add?name=cart&value=lamp");
    assertEquals("[lamp]", user.get(n2, "get?name=cart"));
    user.get(n2, "add?name=cart&value=desk");
    assertEquals("[lamp, desk]", user.get(n1, "get?name=cart"));
  }

  @Test
  void anAttributeThatIsRemovedDoesNotComeBack() throws Exception {
    user.get(n1, "set?name=a&value=1");
    user.get(n1, "set?name=b&value=2");
    user.get(n1, "remove?name=a");
    assertEquals("null", user.get(n2, "get?name=a"));
    assertEquals("2", user.get(n2, "get?name=b"));
  }

  @Test
  void whatCannotBeSerializedStaysAndTheRestIsReplicated() throws Exception {
    assertEquals("local", user.get(n1, "local?name=connection"));
    user.get(n1, "set?name=user&value=ann");
    assertEquals("local", user.get(n1, "get?name=connection"));
    assertEquals("ann", user.get(n2, "get?name=user"));
    assertEquals("null", user.get(n2, "get?name=connection"));
    assertEquals("NOT_SERIALIZABLE", n1.status().getLocalAttributes()[0].split(" ")[0]);
  }

  @Test
  void twentyParallelRequestsLoseNothing() throws Exception {
    user.get(n1, "counter?name=n");
    user.get(n1, "count?name=n");
    countInParallel(n1, 20);
    assertEquals("21", user.get(n1, "get?name=n"));
    assertEquals("21", user.get(n2, "get?name=n"));
  }

  @Test
  void twentyParallelRequestsRightAfterAFailoverLoseNothing() throws Exception {
    user.get(n1, "counter?name=n");
    user.get(n1, "slow?name=slow");
    n1.close();
    countInParallel(n2, 20);
    assertEquals("20", user.get(n2, "get?name=n"));
    assertEquals(1, n2.status().getLoaded());
    assertEquals(0, n2.status().getConflicts());
  }

  private void countInParallel(Instance at, int requests) throws Exception {
    askInParallel(at, "count?name=n", requests);
  }

  private List<String> askInParallel(Instance at, String step, int requests) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(requests);
    try {
      List<Future<String>> answers = new ArrayList<>();
      for (int i = 0; i < requests; ++i) answers.add(threads.submit(() -> user.get(at, step)));
      List<String> texts = new ArrayList<>();
      for (Future<String> answer : answers) texts.add(answer.get());
      return texts;
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void anIdThatChangesIsTheOnlyOneFromThenOn() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    String old = user.id();
    user.get(n1, "change-id");
    assertNotEquals(old, user.id());
    assertEquals("ann", user.get(n2, "get?name=user"));
    assertEquals("none", new Browser().withId(old).get(n2, "id"));
    assertEquals("none", new Browser().withId(old).get(n1, "id"));
  }

  @Test
  void whoLogsOutIsLoggedOutEverywhere() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    user.get(n2, "set?name=item&value=lamp");
    String id = user.id();
    user.get(n1, "invalidate");
    assertEquals("none", new Browser().withId(id).get(n2, "id"));
    assertEquals("none", new Browser().withId(id).get(n1, "id"));
    assertEquals(1, n1.toldOf("destroyed ann"));
    assertEquals(0, n2.toldOf("destroyed ann"));
    Instance.awaitTrue("n2 counts no session", () -> n2.status().getSessions() == 0);
  }

  @Test
  void whatTheOtherInstanceChangedIsSeen() throws Exception {
    user.get(n1, "set?name=n&value=1");
    for (int i = 2; i < 20; ++i) {
      Instance at = i % 2 == 0 ? n2 : n1;
      assertEquals("" + (i - 1), user.get(at, "get?name=n"));
      user.get(at, "set?name=n&value=" + i);
    }
    assertEquals(0, n1.status().getConflicts() + n2.status().getConflicts());
  }

  @Test
  void anInstanceLetsGoOfTheObjectWhenAnotherOneHasTheSession() throws Exception {
    user.get(n1, "set?name=n&value=1");
    assertEquals(1, n1.manager().getActiveSessions());
    user.get(n2, "set?name=n&value=2");
    Instance.awaitTrue("let go", () -> n1.manager().getActiveSessions() == 0);
    assertEquals(1, n2.manager().getActiveSessions());
  }

  @Test
  void anIdOfNobodyIsNotTakenOver() throws Exception {
    Browser other = new Browser().withId("0123456789ABCDEF.n1");
    assertEquals("none", other.get(n1, "id"));
    other.get(n1, "set?name=user&value=eve");
    assertNotEquals("0123456789ABCDEF.n1", other.id());
    String tooLong = "A".repeat(2000) + ".n1";
    assertEquals("none", new Browser().withId(tooLong).get(n1, "id"));
    assertNull(n1.manager().findSession(".n1"));
  }

  @Test
  void aRouteThatWasMadeUpBecomesThisInstances() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    Browser other = new Browser().withId(user.storeId() + ".n99");
    assertEquals("ann", other.get(n1, "get?name=user"));
    assertEquals(user.id(), other.id());
  }

  @Test
  void anAttributeIsToldBeforeItIsWrittenAndWhenItIsUsedAgain() throws Exception {
    assertEquals("open", user.get(n1, "waiting?name=w"));
    assertEquals("open", user.get(n1, "get?name=w"));
    CohortSession session = (CohortSession) n1.manager().findSession(user.id());
    assertFalse(session.isTouched(), "what a listener of activation looks at is not changed");
    assertEquals("open", user.get(n2, "get?name=w"));
  }

  @Test
  void nobodyGetsASessionBeforeItsAttributesAreToldThatTheyCame() throws Exception {
    user.get(n1, "arriving?name=a");
    List<String> answers = askInParallel(n2, "get?name=a", 10);
    assertTrue(answers.stream().allMatch("ready" ::equals), answers.toString());
  }

  @Test
  void whatAnInstanceCannotReadIsRemovedAllTheSame() throws Exception {
    user.get(n1, "cart?name=cart");
    n2.close();
    try (Instance n3 =
             new Instance(temporary, "n3", manager -> manager.setAllowedClasses("java.lang.*;!*"))
                 .start()) {
      assertEquals("null", user.get(n3, "get?name=cart"));
      user.get(n3, "remove?name=cart");
      assertEquals("null", user.get(n1, "get?name=cart"));
    }
  }

  @Test
  void theStoreHearsOfARequestWhenItBegins() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    n1.context().getServletContext().setAttribute("entered", entered);
    n1.context().getServletContext().setAttribute("goOn", goOn);
    user.get(n1, "set?name=user&value=ann&seconds=8");
    long before = n1.manager().store().load(user.storeId()).lastAccessedMs();
    // It is told of a use once in a tenth of the session's time.
    Instance.awaitTrue("time goes on", () -> System.currentTimeMillis() > before + 900);
    Browser tab = new Browser().withId(user.id());
    CompletableFuture<Void> answer = CompletableFuture.runAsync(() -> {
      try {
        tab.get(n1, "wait?name=x&value=1");
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    });
    entered.await();
    try {
      assertTrue(n1.manager().store().load(user.storeId()).lastAccessedMs() > before);
    } finally {
      goOn.countDown();
    }
    answer.get();
  }

  @Test
  void whoIsAtTheOtherInstanceForLongIsStillThereWhenHeComesBack() throws Exception {
    user.get(n1, "set?name=user&value=ann&seconds=6");
    // Longer than the session's time, without a pause of it: the machine may be busy otherwise.
    long end = System.nanoTime() + 7_000_000_000L;
    while (System.nanoTime() < end) assertEquals("ann", user.get(n2, "get?name=user"));
    assertEquals("ann", user.get(n1, "get?name=user"));
    assertEquals(0, n1.toldOf("destroyed ann"));
  }

  @Test
  void anAttributeThatTheSessionHadNoRoomForIsSentWhenThereIsSome() throws Exception {
    user.get(n1, "bytes?name=first&value=300000");
    user.get(n1, "bytes?name=second&value=300000");
    assertEquals("300000", user.get(n1, "length-of?name=second"));
    assertEquals("null", new Browser().withId(user.id()).get(n2, "length-of?name=second"));
    user.get(n1, "remove?name=first");
    n1.close();
    assertEquals("300000", user.get(n2, "length-of?name=second"));
  }

  @Test
  void whatAFailingRequestChangedIsSavedAsWell() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    assertEquals(500, user.ask(n1, "fail?name=user&value=bob").statusCode());
    assertEquals("bob", user.get(n2, "get?name=user"));
  }

  @Test
  void anAnswerThatHasGoneBeforeTheSaveIsCounted() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    user.get(n1, "early?name=user&value=bob");
    assertEquals(1, n1.status().getAnsweredBeforeSaved());
    Instance.awaitTrue("saved", () -> n1.status().getSaved() == 1);
    assertEquals("bob", user.get(n2, "get?name=user"));
  }

  @Test
  void noPartOfAnAnswerIsSentBeforeWhatItChangedIsSaved() throws Exception {
    assertEquals("ann", user.get(n1, "length?name=user&value=ann"));
    assertEquals("ann", user.get(n2, "get?name=user"));
    user.get(n1, "large?name=user&value=bob");
    assertEquals("bob", user.get(n2, "get?name=user"));
    assertEquals(0, n1.status().getAnsweredBeforeSaved());
  }

  @Test
  void whatAnAsynchronousRequestChangesIsSaved() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    assertEquals("bob", user.get(n1, "dispatch?name=user&value=bob"));
    assertEquals(0, n1.status().getAnsweredBeforeSaved());
    assertEquals("bob", user.get(n2, "get?name=user"));
    user.get(n2, "complete?name=user&value=eve");
    Instance.awaitTrue("saved", () -> n2.status().getSaved() == 1);
    assertEquals("eve", user.get(n1, "get?name=user"));
  }

  @Test
  void listenersAreToldOnceInTheCluster() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    assertEquals("ann", user.get(n2, "get?name=user"));
    assertEquals(1, n2.manager().getActiveSessions());
    user.get(n1, "set?name=user&value=ann&seconds=1");
    Instance.awaitTrue("destroyed", () -> n1.toldOf("destroyed ann") == 1);
    Instance.awaitTrue("gone", () -> n2.manager().getActiveSessions() == 0);
    assertEquals("none", new Browser().withId(user.id()).get(n2, "id"));
    assertEquals("none", new Browser().withId(user.id()).get(n1, "id"));
    assertEquals(List.of("created", "added user", "destroyed ann"), n1.told());
    assertEquals(List.of("id changed"), n2.told());
    assertEquals(0, n2.status().getEndedHere() + n2.status().getEndedUntold());
  }

  @Test
  void sessionsOfAnInstanceThatIsGoneEndAtTheOther() throws Exception {
    // n1 must not live to see it.
    user.get(n1, "set?name=user&value=ann&seconds=6");
    n1.close();
    Instance.awaitTrue("destroyed", () -> n2.toldOf("destroyed ann") == 1);
    assertEquals(0, n2.manager().getActiveSessions());
    assertFalse(n2.told().contains("created"));
  }
}
