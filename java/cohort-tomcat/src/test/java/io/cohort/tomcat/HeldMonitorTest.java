package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.lang.Thread.State;
import java.net.http.HttpResponse;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A request holds the monitor of a collection that another request's save encodes, and comes to
 * need that save to be over.
 */
@Timeout(300)
class HeldMonitorTest extends TwoInstances {
  @Override
  void prepare(CohortManager manager) {
    manager.setSavePatienceMs(50);
  }

  // The answer of the request that holds the monitor and does `what`, when both are over.
  private HttpResponse<String> hold(String what) throws Exception {
    user.get(n1, "map?name=map");
    CompletableFuture<HttpResponse<String>> holder =
        new Browser().withId(user.id()).askLater(n1, "hold?name=map&value=" + what);
    entered.await();
    CompletableFuture<HttpResponse<String>> saver =
        new Browser().withId(user.id()).askLater(n1, "look?name=map");
    Instance.awaitTrue(
        "its save waits for the monitor", () -> isAnyIn(SessionSaver.class, State.BLOCKED));
    goOn.countDown();
    saver.get();
    return holder.get();
  }

  @Test
  void aPartOfItsAnswerGoesBeforeItsSave() throws Exception {
    assertEquals(200, hold("flush").statusCode());
    Instance.awaitTrue("it is saved at its end", () -> n1.status().getAnsweredBeforeSaved() > 0);
    assertEquals("flush", user.get(n2, "get?name=n"));
  }

  @Test
  void itsSessionIsEndedAllTheSame() throws Exception {
    assertEquals("done", hold("invalidate").body());
    assertNull(n2.manager().findSession(user.id()));
    assertNull(n1.manager().findSession(user.id()));
  }

  @Test
  void anIdThatCannotBeChangedStaysAndTheApplicationIsToldSo() throws Exception {
    assertEquals("refused", hold("change-id").body());
    assertEquals("{}", user.get(n2, "get?name=map"));
  }
}
