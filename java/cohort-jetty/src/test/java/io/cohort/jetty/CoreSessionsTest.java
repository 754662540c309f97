package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Session;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;

/** Sessions of Jetty's core, whose applications know no servlets. */
@Timeout(300)
class CoreSessionsTest {
  private CoreInstance first;
  private CoreInstance second;
  private final Browser user = new Browser();
  private final Object counting = new Object();

  @BeforeEach
  void startBoth(TestInfo test) throws Exception {
    String group = "core-" + LoopbackServer.groupOf(test);
    first = withPages(new CoreInstance(group, "n1")).start();
    second = withPages(new CoreInstance(group, "n2")).start();
  }

  @AfterEach
  void stopBoth() throws Exception {
    first.close();
    second.close();
  }

  private CoreInstance withPages(CoreInstance instance) {
    return instance.page("/count", this::count)
        .page("/read", (request, response) -> read(request))
        .page("/login",
            (request, response) -> {
              request.getSession(true).renewId(request, response);
              return read(request);
            })
        .page("/logout", (request, response) -> {
          request.getSession(true).invalidate();
          return "done";
        });
  }

  private String count(Request request, Response response) {
    synchronized (counting) {
      Session session = request.getSession(true);
      Integer n = (Integer) session.getAttribute("n");
      session.setAttribute("n", n == null ? 1 : n + 1);
      return String.valueOf(session.getAttribute("n"));
    }
  }

  private static String read(Request request) {
    Session session = request.getSession(false);
    return session == null ? "no session" : String.valueOf(session.getAttribute("n"));
  }

  private String get(CoreInstance instance, String path) throws Exception {
    HttpResponse<String> response = user.askLater(instance.uri(path)).get();
    assertEquals(200, response.statusCode(), path);
    return response.body();
  }

  @Test
  void aSessionGoesOnAtTheOtherServerWithAllThatWasAnswered() throws Exception {
    for (int n = 1; n <= 40; n += 2) {
      assertEquals(String.valueOf(n), get(first, "/count"));
      assertEquals("n1", user.route());
      assertEquals(String.valueOf(n + 1), get(second, "/count"));
      assertEquals("n2", user.route());
    }
    assertEquals(0, first.store().getConflicts() + second.store().getConflicts());
  }

  @Test
  void aNewIdAndAnEndAreThoseOfBothServers() throws Exception {
    assertEquals("1", get(first, "/count"));
    Browser before = user.again();
    assertEquals("1", get(first, "/login"));
    assertNotEquals(before.storeId(), user.storeId());
    assertEquals("1", get(second, "/read"));
    assertEquals("no session", before.askLater(second.uri("/read")).get().body());
    assertEquals("done", get(second, "/logout"));
    assertEquals("no session", get(first, "/read"));
  }

  @Test
  void twentyParallelCountsOfOneSessionCountTwenty() throws Exception {
    assertEquals("1", get(first, "/count"));
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 20; ++i) answers.add(user.askLater(first.uri("/count")));
    Set<String> numbers = new HashSet<>();
    for (var answer : answers) numbers.add(answer.get().body());
    assertEquals(20, numbers.size());
    assertEquals("21", get(second, "/read"));
  }

  @Test
  void ofTwoChangesAtOnceAtTwoServersTheLaterIsRefused() throws Exception {
    CountDownLatch hasRead = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    first.page("/slow", (request, response) -> {
      Session session = request.getSession(true);
      int n = (Integer) session.getAttribute("n");
      hasRead.countDown();
      goOn.await();
      session.setAttribute("n", n + 1);
      return "counted";
    });
    assertEquals("1", get(first, "/count"));
    CompletableFuture<HttpResponse<String>> slow = user.askLater(first.uri("/slow"));
    hasRead.await();
    assertEquals("2", get(second, "/count"));
    goOn.countDown();
    assertEquals(503, slow.get().statusCode());
    assertEquals("2", get(first, "/read"));
  }

  @Test
  void aChangeInPlaceIsFoundAndWhatCannotBeSerializedStays() throws Exception {
    first.page("/set", (request, response) -> {
      request.getSession(true).setAttribute("list", new ArrayList<>(List.of("a")));
      request.getSession(true).setAttribute("thread", new Thread());
      return "done";
    });
    first.page("/add", (request, response) -> {
      @SuppressWarnings("unchecked")
      List<String> list = (List<String>) request.getSession(true).getAttribute("list");
      list.add("b");
      return "done";
    });
    second.page("/list", (request, response) -> {
      Session session = request.getSession(true);
      return session.getAttribute("list") + " " + session.getAttribute("thread");
    });
    get(first, "/set");
    get(first, "/add");
    assertEquals("[a, b] null", get(second, "/list"));
    assertTrue(first.store().getNotSerializable() > 0);
  }
}
