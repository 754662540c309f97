package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import jakarta.servlet.ServletContext;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A request holds the monitor of a collection that another request's save encodes, and comes to
 * need that save to be over.
 */
@Timeout(300)
class HeldMonitorTest {
  @TempDir private Path temporary;
  private Instance n1;
  private Instance n2;
  private final Browser user = new Browser();
  private final CountDownLatch entered = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);

  @BeforeEach
  void start() throws Exception {
    n1 = new Instance(temporary, "n1", manager -> manager.setSavePatienceMs(50)).start();
    n2 = new Instance(temporary, "n2", manager -> {}).start();
    ServletContext application = n1.context().getServletContext();
    application.setAttribute("entered", entered);
    application.setAttribute("goOn", goOn);
  }

  @AfterEach
  void stop() {
    goOn.countDown();
    n1.close();
    n2.close();
  }

  // The answer of the request that holds the monitor and does `what`, when both are over.
  private HttpResponse<String> hold(String what) throws Exception {
    user.get(n1, "map?name=map");
    CompletableFuture<HttpResponse<String>> holder =
        new Browser().withId(user.id()).askLater(n1, "hold?name=map&value=" + what);
    entered.await();
    CompletableFuture<HttpResponse<String>> saver =
        new Browser().withId(user.id()).askLater(n1, "look?name=map");
    Instance.awaitTrue("its save waits for the monitor", HeldMonitorTest::waitsInSave);
    goOn.countDown();
    saver.get();
    return holder.get();
  }

  private static boolean waitsInSave() {
    return Thread.getAllStackTraces().entrySet().stream().anyMatch(thread
        -> thread.getKey().getState() == Thread.State.BLOCKED
            && List.of(thread.getValue())
                .stream()
                .anyMatch(frame -> frame.getClassName().equals(SessionSaver.class.getName())));
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
