package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.cohort.SessionChanges;
import io.cohort.connector.SaveLock;
import java.lang.Thread.State;
import java.net.http.HttpResponse;
import java.security.Principal;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.catalina.realm.GenericPrincipal;
import org.junit.jupiter.api.Test;

/** Saves that meet requests which go on after them. */
class RequestsUnderWayTest extends TwoInstances {
  private CompletableFuture<String> begin(Browser tab, String step) {
    return CompletableFuture.supplyAsync(() -> {
      try {
        return tab.get(n1, step);
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    });
  }

  private CompletableFuture<Integer> beginLate() throws Exception {
    user.get(n1, "cart?name=cart");
    Browser tab = new Browser().withId(user.id());
    CompletableFuture<HttpResponse<String>> late =
        tab.askLater(n1, "add-waiting?name=cart&value=lamp");
    entered.await();
    return late.thenApply(HttpResponse::statusCode);
  }

  @Test
  void oneThatOutlivesItsApplicationIsToldThatItsChangesAreLost() throws Exception {
    CompletableFuture<Integer> status = beginLate();
    n1.context().stop();
    goOn.countDown();
    assertEquals(503, status.get());
    n1.context().start();
    assertEquals("[]", user.get(n1, "get?name=cart"));
  }

  @Test
  void soIsOneThatEndsWhenTheApplicationIsThereAgain() throws Exception {
    CompletableFuture<Integer> status = beginLate();
    n1.context().reload();
    assertEquals("[chair]", user.get(n1, "add?name=cart&value=chair"));
    goOn.countDown();
    assertEquals(503, status.get());
    assertEquals("[chair]", user.get(n1, "get?name=cart"));
    assertEquals("[chair]", user.get(n2, "get?name=cart"));
  }

  @Test
  void oneThatOnlyReadsOutlivesItsApplicationUnharmed() throws Exception {
    user.get(n1, "cart?name=cart");
    user.get(n1, "add?name=cart&value=chair");
    CompletableFuture<HttpResponse<String>> late =
        new Browser().withId(user.id()).askLater(n1, "stay?name=cart");
    entered.await();
    n1.context().stop();
    goOn.countDown();
    assertEquals(200, late.get().statusCode());
    assertEquals("[chair]", late.get().body());
    n1.context().start();
    assertEquals("[chair]", user.get(n1, "get?name=cart"));
  }

  private CohortSession object(Instance at) {
    return (CohortSession) at.manager().findSession(user.id());
  }

  @Test
  void aChangeInPlaceAfterTheBeginningOfThePageIsSaved() throws Exception {
    user.get(n1, "cart?name=cart");
    user.get(n1, "add-late?name=cart&value=lamp");
    Instance.awaitTrue("saved", () -> n1.status().getSaved() == 1);
    assertEquals("[lamp]", user.get(n2, "get?name=cart"));
  }

  @Test
  void aChangeInPlaceAfterAnotherRequestOfTheSessionIsSaved() throws Exception {
    user.get(n1, "cart?name=cart");
    var answer = begin(new Browser().withId(user.id()), "add-waiting?name=cart&value=lamp");
    entered.await();
    assertEquals("[]", user.get(n1, "get?name=cart"));
    n1.manager().processExpires();
    goOn.countDown();
    answer.get();
    assertEquals("[lamp]", user.get(n2, "get?name=cart"));
  }

  @Test
  void soIsOneOfARequestThatBeganTheSession() throws Exception {
    var answer = begin(user, "new-cart?name=cart&value=lamp");
    entered.await();
    n1.manager().processExpires();
    goOn.countDown();
    answer.get();
    assertEquals("[lamp]", user.get(n2, "get?name=cart"));
  }

  @Test
  void noPartOfAPageIsSentWhileAnotherRequestSendsWhatItChanged() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    CohortSession session = object(n1);
    CompletableFuture<String> answer;
    try (SaveLock.Held held = session.saveLock.hold()) {
      answer = begin(new Browser().withId(user.id()), "page");
      Instance.awaitTrue(
          "it waits before the first byte", () -> isAnyIn(SavingOutput.class, State.TIMED_WAITING));
    }
    assertEquals(100_000, answer.get().length());
  }

  @Test
  void headersThatAreFlushedWithoutAPageAreSentAfterTheSave() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    Browser tab = new Browser().withId(user.id());
    var answer = begin(tab, "flush-wait?name=user&value=bob");
    entered.await();
    assertEquals("bob", new Browser().withId(user.id()).get(n2, "get?name=user"));
    goOn.countDown();
    answer.get();
    assertEquals(0, n1.status().getAnsweredBeforeSaved());
  }

  @Test
  void theObjectOfASessionThatMovesUnderARequestIsLetGoWhenThatEnds() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    CohortSession session = object(n1);
    var answer = begin(new Browser().withId(user.id()), "stay");
    entered.await();
    user.get(n2, "set?name=user&value=bob");
    Instance.awaitTrue("it is told", () -> session.standing().isAway());
    goOn.countDown();
    answer.get();
    Instance.awaitTrue("it is gone", () -> n1.manager().getActiveSessions() == 0);
  }

  @Test
  void whoLooksForAnotherSessionDoesNotWaitForASave() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    CohortSession session = object(n1);
    session.standing().doubt();
    List<String> others = IntStream.range(0, 500).mapToObj(i -> "OTHER" + i).toList();
    for (String each : others) n2.manager().store().create(each, new SessionChanges());
    try (SaveLock.Held held = session.saveLock.hold()) {
      var waiting = CompletableFuture.runAsync(() -> object(n1));
      Instance.awaitTrue("it waits", () -> isAnyIn(SessionLoader.class, State.TIMED_WAITING));
      var found = CompletableFuture.supplyAsync(
          () -> others.stream().filter(id -> n1.manager().findSession(id) != null).count());
      assertEquals(500, found.get(20, TimeUnit.SECONDS));
      assertEquals(false, waiting.isDone());
    }
  }

  @Test
  void aUserWhoseRolesAreTooManyBytesDoesNotHinderTheRest() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    List<String> roles = IntStream.range(0, 1000)
                             .mapToObj(i
                                 -> "role"
                                     + "x".repeat(90) + i)
                             .toList();
    object(n1).setPrincipal(new GenericPrincipal("ann", roles));
    user.get(n1, "set?name=user&value=bob");
    assertEquals("bob", user.get(n2, "get?name=user"));
    assertNull(object(n2).getPrincipal());
  }

  @Test
  void aUserWhomTheApplicationSeesAsItsOwnTypeIsNotReplicatedAsAnotherOne() throws Exception {
    user.get(n1, "set?name=user&value=ann");
    Principal own = () -> "ann";
    object(n1).setPrincipal(new GenericPrincipal("ann", List.of("buyer"), own));
    user.get(n1, "set?name=user&value=bob");
    assertEquals("bob", user.get(n2, "get?name=user"));
    assertNull(object(n2).getPrincipal());
    object(n1).setPrincipal(new GenericPrincipal("ann", List.of("buyer")));
    user.get(n1, "set?name=user&value=eve");
    assertEquals("eve", user.get(n2, "get?name=user"));
    assertNotNull(object(n2).getPrincipal());
  }
}
