package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jakarta.servlet.http.HttpSession;
import jakarta.servlet.http.HttpSessionActivationListener;
import jakarta.servlet.http.HttpSessionEvent;
import jakarta.servlet.http.HttpSessionIdListener;
import java.io.Serializable;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.Test;

/** What happens to a session while requests have it. */
class OngoingRequestsTest extends TwoServers {
  private final CountDownLatch entered = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);

  private void stayInside() throws InterruptedException {
    entered.countDown();
    goOn.await();
  }

  // ---- Refusals ---------------------------------------------------------------------------

  @Test
  void eachOfTwoRequestsWhoseChangesAreRefusedTogetherIsToldSo() throws Exception {
    CountDownLatch bothHaveWritten = new CountDownLatch(2);
    CountDownLatch neighbour = new CountDownLatch(1);
    use(first, "/a", session -> {
      session.setAttribute("a", 1);
      bothHaveWritten.countDown();
      goOn.await();
    });
    use(first, "/b", session -> {
      session.setAttribute("b", 1);
      bothHaveWritten.countDown();
      neighbour.await();
    });
    begin();
    Browser elsewhere = user.again();
    CompletableFuture<HttpResponse<String>> a = user.askLater(first, "/a");
    CompletableFuture<HttpResponse<String>> b = user.askLater(first, "/b");
    bothHaveWritten.await();
    assertEquals("2", elsewhere.get(second, "/count"));
    goOn.countDown();
    assertEquals(503, a.get().statusCode());
    neighbour.countDown();
    assertEquals(503, b.get().statusCode());
    assertEquals("2", user.get(first, "/read"));
  }

  @Test
  void aRefusalIsToldAlsoByAConnectorThatWasAddedLater() throws Exception {
    addMeanwhile();
    begin();
    ServerConnector later = new ServerConnector(first.server);
    later.setHost("127.0.0.1");
    first.server.addConnector(later);
    later.start();
    String uri = "http://127.0.0.1:" + later.getLocalPort() + "/shop/meanwhile";
    assertEquals(503, user.askLater(uri).get().statusCode());
    assertEquals("2", user.get(first, "/read"));
  }

  @Test
  void aLoginWithASessionThatIsAnotherOneByNowIsRefused() throws Exception {
    first.page("/login", (request, response) -> {
      request.getSession();
      user.again().get(second, "/count");
      request.changeSessionId();
      return "welcome";
    });
    user.get(first, "/count");
    String cookie = user.cookie;
    assertEquals(503, user.ask(first, "/login").statusCode());
    assertEquals(cookie, user.cookie);
    assertEquals("2", user.get(first, "/read"));
  }

  @Test
  void aLoginWithASessionThatHasEndedElsewhereIsRefused() throws Exception {
    use(second, "/logout", HttpSession::invalidate);
    first.page("/login", (request, response) -> {
      request.getSession();
      user.again().get(second, "/logout");
      request.changeSessionId();
      return "welcome";
    });
    user.get(first, "/count");
    assertEquals(503, user.ask(first, "/login").statusCode());
  }

  @Test
  void aRequestThatOutlivesItsApplicationIsToldThatItsChangesAreLost() throws Exception {
    CompletableFuture<HttpResponse<String>> late = beginLate();
    first.context.stop();
    goOn.countDown();
    assertEquals(503, late.get().statusCode());
    first.context.start();
    assertEquals("[one]", user.get(first, "/list"));
  }

  @Test
  void soIsOneThatEndsWhenTheApplicationIsThereAgain() throws Exception {
    CompletableFuture<HttpResponse<String>> late = beginLate();
    first.context.stop();
    first.context.start();
    assertEquals("1", user.get(first, "/count"));
    goOn.countDown();
    assertEquals(503, late.get().statusCode());
    assertEquals("2", user.get(first, "/count"));
    assertEquals("[one]", user.get(second, "/list"));
  }

  private CompletableFuture<HttpResponse<String>> beginLate() throws Exception {
    use(first, "/fill", session -> session.setAttribute("list", new ArrayList<>(List.of("one"))));
    use(first, "/late", session -> {
      @SuppressWarnings("unchecked")
      List<String> list = (List<String>) session.getAttribute("list");
      stayInside();
      list.add("two");
    });
    first.page("/list", (request, response) -> attribute(request, "list"));
    second.page("/list", (request, response) -> attribute(request, "list"));
    user.get(first, "/fill");
    CompletableFuture<HttpResponse<String>> late = user.askLater(first, "/late");
    entered.await();
    return late;
  }

  // ---- Changes ----------------------------------------------------------------------------

  @Test
  void aChangeInPlaceAfterAPartOfThePageIsOutIsSavedWhenTheRequestEnds() throws Exception {
    use(first, "/fill", session -> session.setAttribute("list", new ArrayList<>(List.of("one"))));
    first.page("/add", (request, response) -> {
      @SuppressWarnings("unchecked")
      List<String> list = (List<String>) request.getSession().getAttribute("list");
      response.flushBuffer();
      list.add("two");
      return "done";
    });
    second.page("/list", (request, response) -> attribute(request, "list"));
    user.get(first, "/fill");
    assertEquals(0, first.store().getAnsweredBeforeSaved());
    user.get(first, "/add");
    await("it is saved", () -> user.get(second, "/list").equals("[one, two]"));
    assertEquals(1, first.store().getAnsweredBeforeSaved());
  }

  @Test
  void whatARequestChangesIsSavedThoughAnotherOneGoesOn() throws Exception {
    use(first, "/stream", session -> stayInside());
    first.page("/late", (request, response) -> {
      HttpSession session = request.getSession();
      response.flushBuffer();
      session.setAttribute("n", 9);
      return "done";
    });
    user.get(first, "/count");
    CompletableFuture<HttpResponse<String>> stream = user.askLater(first, "/stream");
    entered.await();
    user.get(first, "/late");
    await("it is saved", () -> user.again().get(second, "/read").equals("9"));
    goOn.countDown();
    assertEquals(200, stream.get().statusCode());
  }

  @Test
  void anAnswerWaitsForItsSaveAlsoWhileTheSessionGetsAnotherId() throws Exception {
    AtomicReference<String> newId = new AtomicReference<>();
    CountDownLatch renaming = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    first.close();
    first = new Instance("anAnswerWaitsForItsSaveAlsoWhileTheSessi", "n1");
    first.context.addEventListener((HttpSessionIdListener) (event, oldId) -> {
      newId.set(event.getSession().getId());
      renaming.countDown();
      try {
        end.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
    CountDownLatch flushed = new CountDownLatch(1);
    first.page("/login", (request, response) -> request.changeSessionId());
    use(first, "/begin", session -> session.setAttribute("n", 1));
    first.page("/page", (request, response) -> {
      HttpSession session = request.getSession();
      stayInside();
      session.setAttribute("n", 7);
      response.flushBuffer();
      flushed.countDown();
      end.await();
      return "done";
    });
    first.start();
    user.get(first, "/begin");
    CompletableFuture<HttpResponse<String>> page = user.askLater(first, "/page");
    entered.await();
    CompletableFuture<HttpResponse<String>> login = user.again().askLater(first, "/login");
    renaming.await();
    goOn.countDown();
    flushed.await();
    Browser renamed = new Browser();
    renamed.cookie = "JSESSIONID=" + newId.get() + ".n1";
    assertEquals("7", renamed.get(second, "/read"));
    end.countDown();
    assertEquals(200, login.get().statusCode());
    assertEquals(200, page.get().statusCode());
  }

  @Test
  void theSessionHasOneIdAlsoIfTwoRequestsChangeItAtOnce() throws Exception {
    CountDownLatch both = new CountDownLatch(2);
    first.page("/login", (request, response) -> {
      request.getSession();
      both.countDown();
      both.await();
      return request.changeSessionId();
    });
    begin();
    Browser one = user.again();
    Browser other = user.again();
    CompletableFuture<HttpResponse<String>> login = one.askLater(first, "/login");
    // Jetty may take the session for none while the other one changes it, and answer 500.
    other.askLater(first, "/login").get();
    login.get();
    String ofOne = one.again().get(second, "/read");
    String ofOther = other.again().get(second, "/read");
    assertEquals(List.of("1", "no session"), Stream.of(ofOne, ofOther).sorted().toList());
    assertEquals("no session", user.again().get(second, "/read"));
  }

  @Test
  void aSaveThatWaitsForACollectionsLockDoesNotKeepItsHolderFromTheSession() throws Exception {
    use(first, "/fill",
        session -> session.setAttribute("map", Collections.synchronizedMap(new HashMap<>())));
    use(first, "/hold", session -> {
      Object map = session.getAttribute("map");
      synchronized (map) {
        stayInside();
        session.setAttribute("n", 5);
      }
    });
    AtomicReference<Thread> saver = new AtomicReference<>();
    use(first, "/save", session -> {
      session.getAttribute("map");
      saver.set(Thread.currentThread());
    });
    user.get(first, "/fill");
    CompletableFuture<HttpResponse<String>> holder = user.askLater(first, "/hold");
    entered.await();
    CompletableFuture<HttpResponse<String>> saving = user.again().askLater(first, "/save");
    await("the save waits for the map",
        () -> saver.get() != null && saver.get().getState() == Thread.State.BLOCKED);
    goOn.countDown();
    assertEquals(200, holder.get().statusCode());
    assertEquals(200, saving.get().statusCode());
    assertEquals("5", user.get(second, "/read"));
  }

  // ---- Time -------------------------------------------------------------------------------

  private void endsAfter(Instance instance, String path, int seconds) {
    use(instance, path, session -> {
      session.setAttribute("n", 1);
      session.setMaxInactiveInterval(seconds);
    });
  }

  // As long as a session takes to end that nobody uses.
  private void letASessionEnd() throws Exception {
    int before = first.destroyed.get();
    new Browser().get(first, "/short");
    await("it ends", () -> first.destroyed.get() > before);
  }

  @Test
  void aSessionDoesNotEndUnderALongRequest() throws Exception {
    endsAfter(first, "/short", 5);
    use(first, "/long", session -> stayInside());
    user.get(first, "/short");
    CompletableFuture<HttpResponse<String>> answer = user.askLater(first, "/long");
    entered.await();
    letASessionEnd();
    assertEquals("1", user.again().get(second, "/read"));
    goOn.countDown();
    assertEquals(200, answer.get().statusCode());
    assertEquals(1, first.destroyed.get());
  }

  @Test
  void aSessionThatIsUsedElsewhereIsNotEndedByItsOwnersOldObject() throws Exception {
    endsAfter(first, "/short", 6);
    user.get(first, "/short");
    var object = first.cache().doGet(user.storeId());
    Browser elsewhere = user.again();
    await("the object is old", () -> {
      assertEquals("1", elsewhere.get(second, "/read"));
      return object.isExpiredAt(System.currentTimeMillis());
    });
    assertEquals("1", user.get(first, "/read"));
    assertEquals("1", elsewhere.get(second, "/read"));
  }

  // ---- Coming and going -------------------------------------------------------------------

  @Test
  void noRequestHasASessionWhoseListenersDoNotKnowThatItHasCome() throws Exception {
    SlowMover.entered = entered;
    SlowMover.goOn = goOn;
    use(first, "/set", session -> session.setAttribute("mover", new SlowMover()));
    second.page("/moved",
        (request, response)
            -> String.valueOf(((SlowMover) request.getSession().getAttribute("mover")).activated));
    user.get(first, "/set");
    CompletableFuture<HttpResponse<String>> one = user.askLater(second, "/moved");
    entered.await();
    CompletableFuture<HttpResponse<String>> other = user.askLater(second, "/moved");
    // Long enough for it to be answered, if it did not wait.
    for (int i = 0; i < 50; ++i) new Browser().get(second, "/count");
    goOn.countDown();
    assertEquals("1", one.get().body());
    assertEquals("1", other.get().body());
  }

  private static final class SlowMover implements HttpSessionActivationListener, Serializable {
    private static final long serialVersionUID = 1;
    private static volatile CountDownLatch entered;
    private static volatile CountDownLatch goOn;
    // Not where it comes to: it is told of its own server's saves, too.
    private transient boolean madeHere;
    private transient volatile int activated;

    private SlowMover() {
      madeHere = true;
    }

    @Override
    public void sessionDidActivate(HttpSessionEvent event) {
      if (madeHere) return;
      entered.countDown();
      try {
        goOn.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      activated = 1;
    }
  }

  @Test
  void theObjectsOfSessionsThatOtherServersHaveAreLetGo() throws Exception {
    second.page("/login", (request, response) -> request.changeSessionId());
    user.get(first, "/count");
    Browser other = new Browser();
    other.get(first, "/count");
    String moved = user.storeId();
    String renamed = other.storeId();
    user.get(second, "/count");
    other.get(second, "/login");
    await("both are gone",
        () -> first.cache().doGet(moved) == null && first.cache().doGet(renamed) == null);
    assertEquals("3", user.get(first, "/count"));
    assertEquals("2", other.get(first, "/count"));
  }

  @Test
  void theObjectOfASessionThatMovesUnderARequestIsLetGoWhenThatEnds() throws Exception {
    use(first, "/stream", session -> stayInside());
    user.get(first, "/count");
    CompletableFuture<HttpResponse<String>> stream = user.askLater(first, "/stream");
    entered.await();
    String id = user.storeId();
    var object = (CohortManagedSession) first.cache().doGet(id);
    user.again().get(second, "/count");
    await("it is told", () -> object.data().standing().isAway());
    goOn.countDown();
    assertEquals(200, stream.get().statusCode());
    await("it is gone", () -> first.cache().doGet(id) == null);
  }

  @Test
  void whoRemovesWhatCannotBeReadHereRemovesItForAll() throws Exception {
    OtherServer other = new OtherServer(first);
    String id = other.beginSession("ann", "buyer");
    other.putUnreadable(id, "old");
    assertTrue(other.hasAttribute(id, "old"));
    use(first, "/tidy", session -> session.removeAttribute("old"));
    user.cookie = "JSESSIONID=" + id + ".t1";
    user.get(first, "/tidy");
    assertFalse(other.hasAttribute(id, "old"));
    other.close();
  }
}
