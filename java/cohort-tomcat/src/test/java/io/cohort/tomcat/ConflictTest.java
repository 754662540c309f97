package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A request that is under way at one instance while the other does something to its session. */
class ConflictTest extends TwoInstances {
  @BeforeEach
  void beginSession() throws Exception {
    user.get(n1, "set?name=user&value=ann");
  }

  /** Sets "x" at n1, and waits before it is answered. */
  private CompletableFuture<HttpResponse<String>> begin() throws InterruptedException {
    return begin("wait?name=x&value=1");
  }

  private CompletableFuture<HttpResponse<String>> begin(String step) throws InterruptedException {
    Browser tab = new Browser().withId(user.id());
    CompletableFuture<HttpResponse<String>> answer = tab.askLater(n1, step);
    entered.await();
    return answer;
  }

  @Test
  void ofTwoRequestsOnAnOlderSessionBothAreRefused() throws Exception {
    CountDownLatch both = new CountDownLatch(2);
    n1.context().getServletContext().setAttribute("entered", both);
    entered.countDown();
    var first = begin("wait?name=x&value=1");
    var second = begin("wait?name=y&value=1");
    both.await();
    user.get(n2, "set?name=user&value=bob");
    goOn.countDown();
    assertEquals(503, first.get().statusCode());
    assertEquals(503, second.get().statusCode());
    assertEquals(2, n1.status().getConflicts());
    assertEquals("null", user.get(n1, "get?name=x"));
    assertEquals("null", user.get(n1, "get?name=y"));
  }

  @Test
  void anOlderSessionGetsNoNewId() throws Exception {
    var answer = begin("waiting-change-id?value=1");
    user.get(n2, "set?name=user&value=bob");
    goOn.countDown();
    assertEquals(503, answer.get().statusCode());
    assertEquals(1, n1.status().getConflicts());
    assertEquals("bob", user.get(n1, "get?name=user"));
  }

  @Test
  void theRefusalIsWholeWhateverTheApplicationSaidOfItsPage() throws Exception {
    var answer = begin("tagged?name=x&value=1");
    user.get(n2, "set?name=user&value=bob");
    goOn.countDown();
    assertEquals(503, answer.get().statusCode());
    assertTrue(answer.get().body().contains("try again"), answer.get().body());
    assertTrue(answer.get().headers().firstValue("ETag").isEmpty());
    assertTrue(answer.get().headers().firstValue("Content-Encoding").isEmpty());
  }

  @Test
  void whatWasChangedOnAnOlderSessionIsRefusedAndSaidSo() throws Exception {
    var answer = begin();
    user.get(n2, "set?name=user&value=bob");
    goOn.countDown();
    assertEquals(503, answer.get().statusCode());
    assertEquals(1, n1.status().getConflicts());
    assertEquals("bob", user.get(n1, "get?name=user"));
    assertEquals("null", user.get(n1, "get?name=x"));
  }

  @Test
  void aLargePageOfAnOlderSessionIsRefusedAsASmallOneIs() throws Exception {
    var answer = begin("large?name=x&value=1&wait=1");
    user.get(n2, "set?name=user&value=bob");
    goOn.countDown();
    assertEquals(503, answer.get().statusCode());
    assertEquals(1, n1.status().getConflicts());
    assertEquals("null", user.get(n1, "get?name=x"));
  }

  @Test
  void headersOfAnOlderSessionThatAreFlushedAreRefusedAsAPageIs() throws Exception {
    var answer = begin("wait-flush?name=x&value=1");
    user.get(n2, "set?name=user&value=bob");
    goOn.countDown();
    assertEquals(503, answer.get().statusCode());
    assertEquals(1, n1.status().getConflicts());
    assertEquals("null", user.get(n1, "get?name=x"));
  }

  @Test
  void aPageOfWhichAPartIsGoneIsBrokenOff() throws Exception {
    var answer = begin("large?name=x&value=1&wait=1&flush=1");
    user.get(n2, "set?name=user&value=bob");
    goOn.countDown();
    assertThrows(ExecutionException.class, answer::get);
    assertEquals(1, n1.status().getConflicts());
    assertEquals("null", user.get(n1, "get?name=x"));
  }

  @Test
  void whoWasLoggedOutElsewhereIsNotLoggedInAgain() throws Exception {
    var answer = begin();
    String id = user.id();
    user.get(n2, "invalidate");
    goOn.countDown();
    answer.get();
    assertEquals("none", new Browser().withId(id).get(n1, "id"));
    assertEquals("none", new Browser().withId(id).get(n2, "id"));
    Instance.awaitTrue("n1 counts no session", () -> n1.status().getSessions() == 0);
    assertEquals(0, n1.toldOf("destroyed ann"));
  }

  @Test
  void aRequestWhoseSessionGotAnotherIdHereGoesOnUnderIt() throws Exception {
    var answer = begin();
    user.get(n1, "change-id");
    goOn.countDown();
    assertEquals(200, answer.get().statusCode());
    assertEquals("1", user.get(n2, "get?name=x"));
    assertEquals("ann", user.get(n2, "get?name=user"));
  }

  @Test
  void aRequestWhoseSessionGotAnotherIdElsewhereIsRefused() throws Exception {
    var answer = begin();
    user.get(n2, "change-id");
    goOn.countDown();
    assertEquals(503, answer.get().statusCode());
    assertEquals("null", user.get(n2, "get?name=x"));
    assertEquals("ann", user.get(n1, "get?name=user"));
  }

  @Test
  void aRequestThatChangesNothingIsAnsweredWhateverHappened() throws Exception {
    Browser tab = new Browser().withId(user.id());
    user.get(n2, "set?name=user&value=bob");
    assertEquals("bob", tab.get(n1, "get?name=user"));
    assertEquals(0, n1.status().getConflicts());
    assertTrue(n1.status().getLoaded() > 0);
  }
}
