package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jakarta.servlet.ServletException;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.valves.ValveBase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Answers that wait for their saves without a thread, while the other instance stands still. */
@Timeout(300)
class AsyncAnswersTest {
  private static final int THREADS = 4;
  private static final int USERS = 20;

  @TempDir private Path temporary;
  private final List<Browser> users = Stream.generate(Browser::new).limit(USERS).toList();

  /** What happens while answers wait. */
  private interface Meanwhile {
    void happens(Instance here) throws Exception;
  }

  /** No thread waits. */
  void prepare(CohortManager manager) {
    manager.waits().setThreadsMax(0);
    manager.waits().allowHolding(false);
  }

  /** The answers of all users, who set "x" to 2 while the other stands still. */
  private List<HttpResponse<String>> stall(Meanwhile meanwhile) throws Exception {
    Instance here = new Instance(temporary, "n2", this::prepare);
    try (here) {
      here.tomcat().getConnector().setProperty("minSpareThreads", "1");
      here.tomcat().getConnector().setProperty("maxThreads", "" + THREADS);
      here.start();
      Process other = KilledInstanceTest.startOther(temporary, "n1");
      try (BufferedReader from = other.inputReader()) {
        from.readLine(); // It has joined.
        for (Browser user : users) user.get(here, "set?name=x&value=1");
        StalledInstanceTest.signal("STOP", other);
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (Browser user : users) answers.add(user.askLater(here, "set?name=x&value=2"));
        Instance.awaitTrue("more wait than there are threads",
            () -> here.manager().waits().waitingAnswers() > THREADS);
        meanwhile.happens(here);
        List<HttpResponse<String>> all = new ArrayList<>();
        for (CompletableFuture<HttpResponse<String>> answer : answers) all.add(answer.get());
        Instance.awaitTrue("none waits", () -> here.manager().waits().waitingAnswers() == 0);
        return all;
      } finally {
        other.destroyForcibly().waitFor();
      }
    }
  }

  @Test
  void othersAreServedMeanwhile() throws Exception {
    List<HttpResponse<String>> answers = stall(here -> {
      assertEquals("public", new Browser().get(here, "public"));
      assertTrue(here.status().getAsyncAnswers() > THREADS);
    });
    for (HttpResponse<String> answer : answers) {
      assertEquals(200, answer.statusCode());
      assertEquals("2", answer.body());
    }
  }

  @Test
  void theyGoAlsoWhereTheApplicationStopsMeanwhile() throws Exception {
    AtomicInteger waited = new AtomicInteger();
    List<HttpResponse<String>> answers = stall(here -> {
      waited.set(here.manager().waits().waitingAnswers());
      here.context().stop();
      here.context().start();
    });
    long served = answers.stream().filter(answer -> answer.statusCode() == 200).count();
    assertTrue(served >= waited.get(), served + " of " + waited + " that waited");
  }

  @Test
  void whoHangsUpIsNotWaitedFor() throws Exception {
    stall(here -> {
      int before = here.manager().waits().waitingAnswers();
      try (Socket socket = new Socket("127.0.0.1", here.port())) {
        ask(socket, users.get(0).id());
      }
      assertTrue(before > 0);
    });
  }

  private static void ask(Socket socket, String id) throws IOException {
    String head = "GET /shop/set?name=y&value=1 HTTP/1.1\r\nHost: here\r\nCookie: JSESSIONID=" + id;
    socket.getOutputStream().write((head + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
  }

  /** Lets each answer wait, and tells it at once, in another thread, what became of the save. */
  private static final class TellingValve extends ValveBase {
    private final Saved saved;

    TellingValve(Saved saved) {
      super(true);
      this.saved = saved;
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
      getNext().invoke(request, response);
      CohortManager manager = (CohortManager) request.getContext().getManager();
      WaitingAnswer answer = new WaitingAnswer(request, manager.waits());
      if (answer.begin() == null) new Thread(() -> answer.saved(saved)).start();
    }
  }

  private void isTold(Saved saved, int status, String words) throws Exception {
    Consumer<StandardContext> more =
        context -> context.getPipeline().addValve(new TellingValve(saved));
    Instance n1 = new Instance(temporary, "n1", Instance.PID, manager -> {}, more);
    try (n1) {
      n1.start();
      Browser user = new Browser();
      for (int i = 0; i < 100; ++i) {
        HttpResponse<String> answer = user.ask(n1, "public?n=" + i);
        assertEquals(status, answer.statusCode());
        assertTrue(answer.body().contains(words), answer.body());
      }
      Instance.awaitTrue("none waits", () -> n1.manager().waits().waitingAnswers() == 0);
    }
  }

  @Test
  void oneWhoseSaveIsRefusedIsRefusedAsAWhole() throws Exception {
    isTold(Saved.CONFLICT, 503, "try again");
  }

  @Test
  void oneWhoseSaveIsAcknowledgedIsThePage() throws Exception {
    isTold(Saved.ACKNOWLEDGED, 200, "public");
  }

  @Test
  void soIsOneWhoseSaveIsNot() throws Exception {
    isTold(Saved.UNACKNOWLEDGED, 200, "public");
  }

  // ---- Where they do not -------------------------------------------------------------------

  long asyncAnswers(Consumer<CohortManager> configuration, Consumer<StandardContext> more)
      throws Exception {
    try (Instance n1 = new Instance(temporary, "n1", Instance.PID, configuration, more).start()) {
      Browser user = new Browser();
      user.get(n1, "set?name=x&value=1");
      for (int i = 0; i < USERS; ++i) user.get(n1, "set?name=x&value=" + i);
      assertEquals("" + (USERS - 1), user.get(n1, "get?name=x"));
      return n1.status().getAsyncAnswers();
    }
  }

  @Test
  void theyDoWhereTheyMay() throws Exception {
    assertTrue(asyncAnswers(this::prepare, context -> {}) > 0);
  }

  @Test
  void notWhereTheKernelSendsAFile() throws Exception {
    Path file = Files.writeString(temporary.resolve("file"), "x".repeat(100_000));
    try (Instance n1 = new Instance(temporary, "n1", this::prepare).start()) {
      Browser user = new Browser();
      user.get(n1, "set?name=x&value=1");
      for (int i = 0; i < 5; ++i) {
        assertEquals(100_000, user.get(n1, "file?value=" + file).length());
        user.get(n1, "set?name=file&value=" + i);
      }
    }
  }

  @Test
  void notIfTheyAreToldNotTo() throws Exception {
    assertEquals(0, asyncAnswers(manager -> {
      prepare(manager);
      manager.setAsyncAnswers(false);
    }, context -> {}));
  }

  @Test
  void notIfTheyWaitForNobody() throws Exception {
    assertEquals(0, asyncAnswers(manager -> {
      prepare(manager);
      manager.setAck("local");
    }, context -> {}));
  }

  /** One that is not made for asynchronous requests. */
  static final class OldValve extends ValveBase {
    OldValve() {
      super(false);
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
      getNext().invoke(request, response);
    }
  }

  @Test
  void notWhereAValveDoesNotAllowIt() throws Exception {
    assertEquals(
        0, asyncAnswers(this::prepare, context -> context.getPipeline().addValve(new OldValve())));
  }
}
