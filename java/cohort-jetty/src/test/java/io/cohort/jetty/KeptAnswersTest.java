package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.session.AttributeCodec;
import io.cohort.session.ClassRules;
import io.cohort.session.DecodeResult;
import jakarta.servlet.http.HttpSessionActivationListener;
import jakarta.servlet.http.HttpSessionEvent;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectOutputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.StatisticsHandler;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;

/** Answers that wait for their save without a thread. */
class KeptAnswersTest extends TwoServers {
  private static final int PARALLEL = 8;
  private static final int REQUESTS = 50;
  private static final int MARKS = 15;

  private final Set<String> answers = ConcurrentHashMap.newKeySet();

  @Override
  void prepare(Instance instance) {
    instance.factory.setWaitingThreadsMax(0);
  }

  private long kept() {
    return first.store().getAsyncAnswers();
  }

  // Not each is kept: some saves are acknowledged before their answer is there.
  private void askUntilOneIsKept(String path, String answer) throws Exception {
    await("one is kept", () -> {
      assertEquals(answer, user.get(first, path));
      return kept() > 0;
    });
  }

  private void noneWaits() throws Exception {
    await("no answer waits", () -> first.store().waits().waitingAnswers() == 0);
  }

  // Sets "n", and answers with so many bytes as it says.
  private void promise(String path, String answer, Use then) {
    first.page(path, (request, response) -> {
      byte[] bytes = answer.getBytes(StandardCharsets.US_ASCII);
      request.getSession().setAttribute("n", 7);
      response.setContentLength(bytes.length);
      response.getOutputStream().write(bytes);
      then.of(request.getSession());
      return "";
    });
  }

  // ---- Which wait so ----------------------------------------------------------------------

  @Test
  void anAnswerInOnePiece() throws Exception {
    use(first, "/more", session -> session.setAttribute("x", new byte[4096]));
    begin();
    askUntilOneIsKept("/more", "done");
    assertEquals("2", user.get(second, "/count"));
    noneWaits();
  }

  @Test
  void oneThatEndsWithTheBytesThatItHasPromised() throws Exception {
    promise("/promised", "all of it", session -> {});
    begin();
    askUntilOneIsKept("/promised", "all of it");
    assertEquals("7", user.get(second, "/read"));
  }

  @Test
  void notALargeOne() throws Exception {
    String large = "x".repeat(AnswerStream.KEPT_BYTES_MAX + 1);
    first.page("/large", (request, response) -> {
      response.setBufferSize(2 * large.length());
      request.getSession().setAttribute("n", 7);
      return large;
    });
    promise("/promised", large, session -> {});
    begin();
    assertEquals(large, user.get(first, "/large"));
    assertEquals(large, user.get(first, "/promised"));
    assertEquals(0, kept());
    assertEquals("7", user.get(second, "/read"));
    noneWaits();
  }

  @Test
  void notOneThatIsFlushed() throws Exception {
    first.page("/flushed", (request, response) -> {
      request.getSession().setAttribute("n", 7);
      response.getOutputStream().print("a part, ");
      response.flushBuffer();
      return "and the rest";
    });
    begin();
    assertEquals("a part, and the rest", user.get(first, "/flushed"));
    assertEquals(0, kept());
    assertEquals("7", user.get(second, "/read"));
    noneWaits();
  }

  // The first server anew, with such a handler around the context; "n" is set twice.
  private void setTwiceBehind(Handler.Wrapper handler) throws Exception {
    first.close();
    first = new Instance(group, "n1");
    prepare(first);
    use(first, "/seven", session -> session.setAttribute("n", 7));
    use(first, "/eight", session -> session.setAttribute("n", 8));
    use(first, "/other", session -> session.setAttribute("n", new byte[4096]));
    handler.setHandler(first.context);
    first.server.setHandler(handler);
    first.start();
    assertEquals("done", user.get(first, "/seven"));
    assertEquals("done", user.get(first, "/eight"));
    assertEquals("8", user.get(second, "/read"));
    noneWaits();
  }

  @Test
  void oneWhoseEndAHandlerOfTheServerListensFor() throws Exception {
    StatisticsHandler statistics = new StatisticsHandler();
    setTwiceBehind(statistics);
    long before = statistics.getRequestTotal();
    askUntilOneIsKept("/other", "done");
    assertTrue(statistics.getRequestTotal() > before);
    await("all have ended", () -> statistics.getResponses2xx() == statistics.getRequestTotal());
  }

  @Test
  void notWhereAHandlerOfTheServerHasAStreamOfItsOwn() throws Exception {
    AtomicReference<String> endedBy = new AtomicReference<>();
    setTwiceBehind(new OwnStream(endedBy));
    assertEquals(0, kept());
    await("it has ended", () -> endedBy.get() != null);
    assertFalse(endedBy.get().startsWith("cohort-"), endedBy.get());
  }

  private static final class OwnStream extends Handler.Wrapper {
    private final AtomicReference<String> endedBy;

    OwnStream(AtomicReference<String> endedBy) {
      this.endedBy = endedBy;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
      request.addHttpStreamWrapper(stream -> new HttpStream.Wrapper(stream) {
        @Override
        public void succeeded() {
          endedBy.set(Thread.currentThread().getName());
          super.succeeded();
        }
      });
      return super.handle(request, response, callback);
    }
  }

  // ---- How they go ------------------------------------------------------------------------

  @Test
  void whoseChangesAreRefusedIsToldSo() throws Exception {
    addMeanwhile();
    begin();
    HttpResponse<String> answer = user.ask(first, "/meanwhile");
    assertEquals(503, answer.statusCode());
    assertEquals("0", answer.headers().firstValue("Retry-After").orElseThrow());
    assertEquals("2", user.get(first, "/read"));
    noneWaits();
  }

  // What comes back, until that is an interim answer and another one, which ends so.
  private String askForTwo(String path, String end) throws Exception {
    URI uri = URI.create(first.uri(path));
    String head =
        "GET " + uri.getPath() + " HTTP/1.1\r\nHost: here\r\nCookie: " + user.cookie + "\r\n\r\n";
    StringBuilder answers = new StringBuilder();
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      socket.setSoTimeout(60_000);
      socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
      int next = 0;
      while (next >= 0 && !answers.toString().matches("(?s)HTTP/1.1 103 .*\r\n\r\nHTTP.*" + end)) {
        next = socket.getInputStream().read();
        answers.append((char) next);
      }
    }
    return answers.toString();
  }

  private void hint(String path, Use use) {
    first.page(path, (request, response) -> {
      use.of(request.getSession());
      response.sendError(HttpStatus.EARLY_HINTS_103);
      return "after the hint";
    });
  }

  @Test
  void theAnswerAfterAnInterimOneGoesWhenWhatWasChangedBeforeThatIsSaved() throws Exception {
    hint("/hint", session -> session.setAttribute("n", 7));
    begin();
    String answers = askForTwo("/hint", "after the hint");
    assertTrue(answers.contains("\r\n\r\nHTTP/1.1 200 "), answers);
    assertEquals("7", user.get(second, "/read"));
    noneWaits();
  }

  @Test
  void aRefusalThatIsKnownByTheInterimAnswerIsToldByTheOneAfterIt() throws Exception {
    hint("/hint", this::setMeanwhile);
    begin();
    String answers = askForTwo("/hint", "\r\n\r\n");
    assertTrue(answers.contains("\r\n\r\nHTTP/1.1 503 "), answers);
    assertEquals("2", user.get(first, "/read"));
    noneWaits();
  }

  @Test
  void anAnswerGoesThoughItsApplicationFailsAfterIt() throws Exception {
    promise("/fails", "all of it",
        session -> { throw new IllegalStateException("after the answer, as this test wants it"); });
    begin();
    askUntilOneIsKept("/fails", "all of it");
    assertEquals("7", user.get(second, "/read"));
    noneWaits();
  }

  /** Whose application will not let go of its session, once. */
  private static final class Clinging implements HttpSessionActivationListener, Serializable {
    private static final long serialVersionUID = 1;

    private transient boolean lets;

    @Override
    public void sessionWillPassivate(HttpSessionEvent event) {
      if (lets) return;
      lets = true;
      throw new IllegalStateException("not yet, as this test wants it");
    }
  }

  @Test
  void aListenerThatFailsBeforeTheSaveLeavesNoAnswerThatWaits() throws Exception {
    use(first, "/cling", session -> session.setAttribute("n", new Clinging()));
    use(first, "/seven", session -> session.setAttribute("n", 7));
    begin();
    for (int i = 0; i < 3; ++i) user.ask(first, "/cling");
    noneWaits();
    assertEquals("done", user.get(first, "/seven"));
    noneWaits();
    assertEquals("7", user.get(second, "/read"));
  }

  @Test
  void whatIsChangedAfterTheAnswerIsSavedWhenTheRequestEnds() throws Exception {
    promise("/after", "all of it", session -> session.setAttribute("n", 8));
    begin();
    assertEquals("all of it", user.get(first, "/after"));
    await("it is saved", () -> user.again().get(second, "/read").equals("8"));
    noneWaits();
  }

  @Test
  void answersOfOneConnectionComeInTheOrderOfTheirRequests() throws Exception {
    begin();
    URI uri = URI.create(first.uri("/count"));
    StringBuilder requests = new StringBuilder();
    for (int i = 0; i < 5; ++i) {
      requests.append("GET /shop/count HTTP/1.1\r\nHost: here\r\nCookie: ").append(user.cookie);
      requests.append(i == 4 ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
    }
    String answers;
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      socket.setSoTimeout(60_000);
      OutputStream out = socket.getOutputStream();
      out.write(requests.toString().getBytes(StandardCharsets.US_ASCII));
      InputStream in = socket.getInputStream();
      answers = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    }
    String pages = answers.replaceAll("(?s)HTTP/1.1 200 OK.*?\r\n\r\n", " ");
    assertEquals(" 2 3 4 5 6", pages);
  }

  @Test
  void aRequestWhoseBodyNobodyReadIsAnswered() throws Exception {
    begin();
    for (int i = 2; i < 7; ++i) leaveBodyUnread(i);
    noneWaits();
  }

  private void leaveBodyUnread(int expected) throws Exception {
    URI uri = URI.create(first.uri("/count"));
    String head = "GET /shop/count HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\nCookie: "
        + user.cookie + "\r\n\r\n";
    String answer;
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      socket.setSoTimeout(60_000);
      socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
      byte[] bytes = new byte[4096];
      int size = socket.getInputStream().read(bytes);
      answer = new String(bytes, 0, size, StandardCharsets.US_ASCII);
    }
    assertTrue(answer.startsWith("HTTP/1.1 200 OK"), answer);
    assertTrue(answer.endsWith("\r\n\r\n" + expected), answer);
  }

  @Test
  void noneOfManyParallelRequestsOfASessionIsLost() throws Exception {
    begin();
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (int i = 0; i < PARALLEL; ++i) {
      all.add(CompletableFuture.runAsync(this::countOften, task -> new Thread(task).start()));
    }
    for (CompletableFuture<Void> each : all) each.join();
    assertEquals(PARALLEL * REQUESTS, answers.size(), "each has an answer of its own");
    String counted = String.valueOf(1 + PARALLEL * REQUESTS);
    assertEquals(counted, user.get(first, "/read"));
    assertEquals(counted, user.get(second, "/read"));
    noneWaits();
    await("no request has it",
        ()
            -> first.cache().doGet(user.storeId()) == null
            || first.cache().doGet(user.storeId()).getRequests() == 0);
  }

  /** What takes long to encode, so that others come meanwhile. */
  private static final class Mark implements Serializable {
    private static final long serialVersionUID = 1;
    private static final long ENCODING_NS = 2_000_000;

    private final int number;

    Mark(int number) {
      this.number = number;
    }

    private void writeObject(ObjectOutputStream out) throws IOException {
      long end = System.nanoTime() + ENCODING_NS;
      while (System.nanoTime() < end) Thread.onSpinWait();
      out.defaultWriteObject();
    }
  }

  /** Whatever the ends of other requests of its session are looking for meanwhile. */
  @Test
  void eachAnswerOfManyParallelRequestsOfASessionComesAfterItsChange() throws Exception {
    first.page("/mark", (request, response) -> {
      String[] mark = request.getQueryString().split("=");
      request.getSession().setAttribute(mark[0], new Mark(Integer.parseInt(mark[1])));
      return "done";
    });
    begin();
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (int i = 0; i < PARALLEL; ++i) {
      String name = "w" + i;
      all.add(CompletableFuture.runAsync(() -> markOften(name), task -> new Thread(task).start()));
    }
    for (CompletableFuture<Void> each : all) each.join();
    noneWaits();
  }

  private void markOften(String name) {
    Browser window = user.again();
    AttributeCodec codec = new AttributeCodec(ClassRules.of(getClass().getClassLoader()));
    try {
      for (int i = 1; i <= MARKS; ++i) {
        assertEquals("done", window.get(first, "/mark?" + name + "=" + i));
        byte[] there = second.store().find(user.storeId()).attributes().get(name);
        assertNotNull(there, name + ", at the other instance");
        Mark mark = (Mark) ((DecodeResult.Decoded) codec.decode(there)).value();
        assertEquals(i, mark.number, "of " + name + ", at the other instance");
      }
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private void countOften() {
    Browser window = user.again();
    try {
      for (int i = 0; i < REQUESTS; ++i) answers.add(window.get(first, "/count"));
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
