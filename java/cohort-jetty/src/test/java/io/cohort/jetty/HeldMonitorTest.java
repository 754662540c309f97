package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.net.http.HttpResponse;
import java.util.Collections;
import java.util.HashMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/**
 * A request holds the monitor of a collection that another request's save encodes, and comes to
 * need that save to be over.
 */
class HeldMonitorTest extends TwoServers {
  private final CountDownLatch entered = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);

  /** What a request does while it holds the monitor. */
  private interface Step {
    String of(HttpServletRequest request, HttpServletResponse response) throws Exception;
  }

  private String doWithMonitor(HttpServletRequest request, HttpServletResponse response, Step step)
      throws Exception {
    synchronized (request.getSession().getAttribute("map")) {
      entered.countDown();
      goOn.await();
      return step.of(request, response);
    }
  }

  // The answer of that request, when both are over.
  private HttpResponse<String> hold(Step step) throws Exception {
    first.store().setSavePatienceMs(50);
    use(first, "/map",
        session -> session.setAttribute("map", Collections.synchronizedMap(new HashMap<>())));
    first.page("/hold", (request, response) -> doWithMonitor(request, response, step));
    AtomicReference<Thread> saver = new AtomicReference<>();
    use(first, "/save", session -> {
      session.getAttribute("map");
      saver.set(Thread.currentThread());
    });
    user.get(first, "/map");
    CompletableFuture<HttpResponse<String>> holder = user.again().askLater(first, "/hold");
    entered.await();
    CompletableFuture<HttpResponse<String>> saving = user.again().askLater(first, "/save");
    await("its save waits for the monitor",
        () -> saver.get() != null && saver.get().getState() == Thread.State.BLOCKED);
    goOn.countDown();
    saving.get();
    return holder.get();
  }

  @Test
  void aPartOfItsAnswerGoesBeforeItsSave() throws Exception {
    HttpResponse<String> answer = hold((request, response) -> {
      request.getSession().setAttribute("n", 5);
      response.flushBuffer();
      return "done";
    });
    assertEquals(200, answer.statusCode());
    await("it is saved at its end", () -> user.get(second, "/read").equals("5"));
    assertTrue(first.store().getAnsweredBeforeSaved() > 0);
  }

  @Test
  void itsSessionIsEndedAllTheSame() throws Exception {
    HttpResponse<String> answer = hold((request, response) -> {
      request.getSession().invalidate();
      return "done";
    });
    assertEquals("done", answer.body());
    assertFalse(second.store().isThere(user.storeId()));
    assertFalse(first.store().isThere(user.storeId()));
  }

  @Test
  void anIdThatCannotBeChangedStaysAndTheApplicationIsToldSo() throws Exception {
    HttpResponse<String> answer = hold((request, response) -> {
      try {
        return request.changeSessionId();
      } catch (IllegalStateException e) {
        return "refused";
      }
    });
    assertEquals("refused", answer.body());
    assertTrue(second.store().isThere(user.storeId()));
    assertEquals("1", user.get(first, "/count"));
  }
}
