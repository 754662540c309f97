package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.connector.FailoverRehearsal;
import jakarta.servlet.http.HttpSession;
import jakarta.servlet.http.HttpSessionActivationListener;
import jakarta.servlet.http.HttpSessionEvent;
import java.io.Serializable;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Two Jettys in one group: what users see who come to one and then to the other. */
class ReplicatedSessionsTest extends TwoServers {
  // ---- Moving -----------------------------------------------------------------------------

  @Test
  void aSessionGoesOnAtTheOtherServerWhoseRouteItsIdGets() throws Exception {
    assertEquals("1", user.get(first, "/count"));
    assertEquals("n1", user.route());
    String id = user.storeId();
    assertEquals("1", user.get(second, "/read"));
    assertEquals("2", user.get(second, "/count"));
    assertEquals("n2", user.route());
    assertEquals(id, user.storeId());
  }

  @Test
  void aFailoverIsRehearsedAndNobodyNotices() throws Exception {
    assertEquals("1", user.get(first, "/count"));
    CohortSessionDataStore store = second.store();
    FailoverRehearsal rehearsal = new FailoverRehearsal();
    store.rehearseWith(rehearsal);
    for (int i = 0; i < FailoverRehearsal.ROUNDS; ++i) store.rehearse();
    assertEquals(FailoverRehearsal.ROUNDS, rehearsal.done());
    assertEquals(0, store.getLoaded());
    assertEquals(1, store.getSessionCount());
    assertEquals(first.store().getDigest(), store.getDigest());
    assertEquals("2", user.get(second, "/count"));
  }

  @Test
  void noServerUsesAnOldCopyOfItsOwn() throws Exception {
    for (int n = 1; n <= 40; n += 2) {
      assertEquals(String.valueOf(n), user.get(first, "/count"));
      assertEquals(String.valueOf(n + 1), user.get(second, "/count"));
    }
    assertEquals(0, first.store().getConflicts() + second.store().getConflicts());
  }

  @Test
  void aChangeInPlaceIsFoundWithoutBeingSetAgain() throws Exception {
    List<String> seen = new ArrayList<>();
    for (Instance instance : List.of(first, second)) {
      instance.page("/list", (request, response) -> {
        @SuppressWarnings("unchecked")
        List<String> list = (List<String>) request.getSession().getAttribute("list");
        if (list == null)
          request.getSession().setAttribute("list", new ArrayList<>());
        else
          list.add("more");
        return list == null ? "0" : String.valueOf(list.size());
      });
    }
    for (Instance instance : List.of(first, first, first, second, second, first)) {
      seen.add(user.get(instance, "/list"));
    }
    assertEquals(List.of("0", "1", "2", "3", "4", "5"), seen);
  }

  @Test
  void whatCannotBeSerializedStaysHereAndTheRestIsCopied() throws Exception {
    first.page("/thread", (request, response) -> {
      request.getSession().setAttribute("thread", new Thread());
      request.getSession().setAttribute("n", 7);
      return "";
    });
    user.get(first, "/thread");
    user.get(first, "/count");
    assertEquals("8", user.get(second, "/read"));
    assertTrue(first.store().getNotSerializable() > 0);
  }

  @Test
  void listenersOfActivationAreToldWhenASessionComes() throws Exception {
    first.page("/set", (request, response) -> {
      request.getSession().setAttribute("mover", new Mover());
      return "";
    });
    second.page("/moved",
        (request, response)
            -> String.valueOf(((Mover) request.getSession().getAttribute("mover")).activated));
    user.get(first, "/set");
    assertEquals("1", user.get(second, "/moved"));
  }

  /** Counts how often it has come; that is not replicated. */
  private static final class Mover implements HttpSessionActivationListener, Serializable {
    private static final long serialVersionUID = 1;
    private transient int activated;

    @Override
    public void sessionDidActivate(HttpSessionEvent event) {
      ++activated;
    }
  }

  // ---- At the same time -------------------------------------------------------------------

  @Test
  void twentyParallelCountsOfOneSessionCountTwenty() throws Exception {
    user.get(first, "/count");
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 20; ++i) answers.add(user.askLater(first, "/count"));
    Set<String> numbers = new HashSet<>();
    for (var answer : answers) numbers.add(answer.get().body());
    assertEquals(20, numbers.size());
    assertEquals("21", user.get(first, "/read"));
    assertEquals("21", user.get(second, "/read"));
  }

  @Test
  void ofTwoChangesAtOnceAtTwoServersNoneIsLostInSilence() throws Exception {
    CountDownLatch hasRead = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    first.page("/slow", (request, response) -> {
      HttpSession session = request.getSession();
      int n = (Integer) session.getAttribute("n");
      hasRead.countDown();
      goOn.await();
      session.setAttribute("n", n + 1);
      return "counted";
    });
    user.get(first, "/count");
    CompletableFuture<HttpResponse<String>> slow = user.askLater(first, "/slow");
    hasRead.await();
    assertEquals("2", user.get(second, "/count"));
    // Its own server goes on with the newer one, while the request still has the older.
    assertEquals("3", user.get(first, "/count"));
    goOn.countDown();
    HttpResponse<String> refused = slow.get();
    assertEquals(503, refused.statusCode());
    assertEquals("", refused.body());
    // It is told, and can ask again.
    assertEquals("3", user.get(first, "/read"));
    assertEquals("4", user.get(first, "/count"));
    assertEquals("4", user.get(second, "/read"));
  }

  @Test
  void aChangeThatIsRefusedAtTheLastMomentIsToldToTheUser() throws Exception {
    first.page("/meanwhile", (request, response) -> {
      HttpSession session = request.getSession();
      session.setAttribute("n", 50);
      user.get(second, "/count");
      return "x".repeat(100_000);
    });
    begin();
    assertEquals(503, user.ask(first, "/meanwhile").statusCode());
    assertEquals("2", user.get(first, "/read"));
    assertEquals("3", user.get(first, "/count"));
  }

  @Test
  void anAnswerDoesNotBeginBeforeItsChangesAreElsewhere() throws Exception {
    CountDownLatch goOn = new CountDownLatch(1);
    CountDownLatch flushed = new CountDownLatch(1);
    first.page("/page", (request, response) -> {
      request.getSession().setAttribute("n", 5);
      response.flushBuffer();
      flushed.countDown();
      goOn.await();
      return "end";
    });
    user.get(first, "/count");
    CompletableFuture<HttpResponse<String>> page = user.askLater(first, "/page");
    flushed.await();
    assertEquals("5", user.get(second, "/read"));
    goOn.countDown();
    assertEquals(200, page.get().statusCode());
  }

  // ---- Ids and ends -----------------------------------------------------------------------

  @Test
  void aLoginChangesTheIdForAllServersAtOnce() throws Exception {
    first.page("/login", (request, response) -> {
      request.changeSessionId();
      request.getSession().setAttribute("n", 10);
      return "";
    });
    user.get(first, "/count");
    Browser thief = new Browser();
    thief.cookie = user.cookie;
    user.get(first, "/login");
    assertNotEquals(thief.storeId(), user.storeId());
    assertEquals("10", user.get(second, "/read"));
    assertEquals("11", user.get(first, "/count"));
    for (Instance instance : List.of(first, second)) {
      assertEquals("no session", thief.get(instance, "/read"));
    }
  }

  @Test
  void anEndedSessionIsGoneEverywhereAndDoesNotComeBack() throws Exception {
    CountDownLatch hasSession = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    first.page("/late", (request, response) -> {
      HttpSession session = request.getSession();
      hasSession.countDown();
      goOn.await();
      session.setAttribute("n", 99);
      return "";
    });
    second.page("/logout", (request, response) -> {
      request.getSession().invalidate();
      return "";
    });
    user.get(first, "/count");
    CompletableFuture<HttpResponse<String>> late = user.askLater(first, "/late");
    hasSession.await();
    Browser same = new Browser();
    same.cookie = user.cookie;
    same.get(second, "/logout");
    goOn.countDown();
    late.get();
    for (Instance instance : List.of(first, second)) {
      assertEquals("no session", user.get(instance, "/read"));
    }
    assertEquals(1, second.destroyed.get());
    assertEquals(0, first.destroyed.get());
  }

  @Test
  void theEndOfASessionThatWasNotUsedIsToldOnce() throws Exception {
    first.page("/short", (request, response) -> {
      request.getSession().setMaxInactiveInterval(1);
      return "";
    });
    user.get(first, "/count");
    user.get(first, "/short");
    await("it ends", () -> first.destroyed.get() + second.destroyed.get() > 0);
    for (Instance each : List.of(second, first)) {
      await("it has ended there", () -> user.get(each, "/read").equals("no session"));
    }
    assertEquals(1, first.destroyed.get() + second.destroyed.get());
  }

  @Test
  void whereTheStoreCannotSayWhatASessionHoldsNoNewOneIsBegun() throws Exception {
    OtherServer other = new OtherServer(first);
    user.cookie = "JSESSIONID=" + other.putRubbish() + ".n1";
    HttpResponse<String> response = user.ask(first, "/count");
    assertEquals(503, response.statusCode());
    assertTrue(response.headers().firstValue("Set-Cookie").isEmpty());
    other.close();
  }

  // ---- With other servers -----------------------------------------------------------------

  @Test
  void theUserThatAnotherServersConnectorHasPutThereStays() throws Exception {
    AtomicInteger interval = new AtomicInteger(600);
    second.page("/interval", (request, response) -> {
      request.getSession().setMaxInactiveInterval(interval.get());
      return "";
    });
    OtherServer tomcat = new OtherServer(first);
    String id = tomcat.beginSession("ann", "buyer");
    user.cookie = "JSESSIONID=" + id + ".t1";
    assertEquals("41", user.get(second, "/read"));
    user.get(second, "/interval");
    assertEquals("ann", tomcat.user(id).name());
    assertArrayEquals(new Object[] {"buyer"}, tomcat.user(id).roles().toArray());
    tomcat.close();
  }
}
