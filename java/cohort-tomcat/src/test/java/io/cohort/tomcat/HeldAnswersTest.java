package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequestEvent;
import jakarta.servlet.ServletRequestListener;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;
import org.apache.coyote.AbstractProtocol;
import org.apache.tomcat.util.threads.ThreadPoolExecutor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Answers that Tomcat has done with, and that are kept at their connection until a save is told.
 */
@Timeout(120)
class HeldAnswersTest {
  private static final int PAGE_BYTES = 20_000;
  private static final int SECONDS_MAX = 60;

  @TempDir private Path temporary;
  private final BlockingQueue<HeldAnswer> held = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> notHeld = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> arrived = new LinkedBlockingQueue<>();
  private Instance instance;
  private Socket client;

  /** Lets each answer wait until the test tells it what became of the save, where it can. */
  private final class HoldingValve extends ValveBase {
    HoldingValve() {
      super(true);
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
      arrived.add(request.getRequestURI());
      boolean isLarge = "large".equals(request.getQueryString());
      if (isLarge) response.setBufferSize(3 * PAGE_BYTES);
      getNext().invoke(request, response);
      if (isLarge) response.getWriter().print("l".repeat(PAGE_BYTES));
      CohortManager manager = (CohortManager) request.getContext().getManager();
      HeldAnswer answer = HeldAnswer.of(request, response, manager.waits());
      if (answer == null) {
        notHeld.add(request.getRequestURI());
      } else {
        answer.begin();
        held.add(answer);
      }
    }
  }

  @BeforeEach
  void connect() throws Exception {
    instance = new Instance(temporary, "n1", manager -> {});
    // Outside of Cohort's own.
    instance.tomcat().getHost().getPipeline().addValve(new HoldingValve());
    instance.tomcat().getConnector().setProperty("maxThreads", "2");
    instance.tomcat().getConnector().setProperty("minSpareThreads", "1");
    instance.start();
    client = newClient();
  }

  private Socket newClient() throws IOException {
    Socket socket = new Socket("127.0.0.1", instance.port());
    socket.setSoTimeout(1000 * SECONDS_MAX);
    return socket;
  }

  @AfterEach
  void stop() throws IOException {
    client.close();
    instance.close();
  }

  private static String asking(String method, String step, String... headers) {
    StringBuilder words = new StringBuilder(method + " /shop/" + step + " HTTP/1.1\r\nHost: h\r\n");
    for (String header : headers) words.append(header).append("\r\n");
    return words.append("\r\n").toString();
  }

  private void send(String words) throws IOException {
    client.getOutputStream().write(words.getBytes(StandardCharsets.US_ASCII));
  }

  private HeldAnswer next() throws InterruptedException {
    HeldAnswer answer = held.poll(SECONDS_MAX, TimeUnit.SECONDS);
    assertTrue(answer != null, "no answer is held; not so: " + notHeld);
    return answer;
  }

  /** The next one, with which Tomcat has done. */
  private HeldAnswer nextDone() throws InterruptedException {
    HeldAnswer answer = next();
    Instance.awaitTrue("Tomcat has done with it", () -> threadsAtWork() == 0);
    return answer;
  }

  private int threadsAtWork() {
    Executor threads = instance.tomcat().getConnector().getProtocolHandler().getExecutor();
    return ((ThreadPoolExecutor) threads).getActiveCount();
  }

  private long connections() {
    AbstractProtocol<?> protocol =
        (AbstractProtocol<?>) instance.tomcat().getConnector().getProtocolHandler();
    return protocol.getConnectionCount();
  }

  // One with a length.
  private String answer() throws IOException {
    InputStream from = client.getInputStream();
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    while (!head.toString(StandardCharsets.US_ASCII).endsWith("\r\n\r\n")) {
      int next = from.read();
      assertFalse(next < 0, "the connection ends with " + head);
      head.write(next);
    }
    String words = head.toString(StandardCharsets.US_ASCII);
    int length = Integer.parseInt(words.replaceAll("(?s).*Content-Length: (\\d+).*", "$1"));
    return words + new String(from.readNBytes(length), StandardCharsets.US_ASCII);
  }

  private String rest() throws IOException {
    return new String(client.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
  }

  private static void assertPage(String answer, String page) {
    assertTrue(answer.startsWith("HTTP/1.1 200"), answer);
    assertTrue(answer.endsWith("\r\n\r\n" + page), answer);
  }

  // ---- The page ----------------------------------------------------------------------------

  @Test
  void goWhenTheSaveIsTold() throws Exception {
    for (Saved saved : new Saved[] {Saved.ACKNOWLEDGED, Saved.UNACKNOWLEDGED, Saved.ENDED}) {
      send(asking("GET", "public"));
      HeldAnswer answer = nextDone();
      assertEquals(0, client.getInputStream().available());
      answer.saved(saved);
      assertPage(answer(), "public");
    }
    assertEquals(0, instance.manager().waits().waitingAnswers());
  }

  @Test
  void takeNoThreads() throws Exception {
    int more = 5;
    Socket[] clients = new Socket[more];
    for (int i = 0; i < more; ++i) {
      clients[i] = client;
      send(asking("GET", "public"));
      client = newClient();
    }
    Instance.awaitTrue("more wait than there are threads", () -> held.size() == more);
    for (HeldAnswer answer : held) answer.saved(Saved.ACKNOWLEDGED);
    for (Socket each : clients) {
      client.close();
      client = each;
      assertPage(answer(), "public");
    }
  }

  @Test
  void goBeforeTheConnectionEnds() throws Exception {
    send(asking("GET", "public", "Connection: close"));
    HeldAnswer answer = nextDone();
    assertEquals(0, client.getInputStream().available());
    answer.saved(Saved.ACKNOWLEDGED);
    assertPage(rest(), "public");
  }

  @Test
  void goWhereTheProtocolIsOld() throws Exception {
    send("GET /shop/public HTTP/1.0\r\n\r\n");
    HeldAnswer answer = nextDone();
    assertEquals(0, client.getInputStream().available());
    answer.saved(Saved.ACKNOWLEDGED);
    assertPage(rest(), "public");
  }

  @Test
  void goWholeWhereTheyAreLarge() throws Exception {
    send(asking("GET", "public?large"));
    nextDone().saved(Saved.ACKNOWLEDGED);
    String answer = answer();
    assertTrue(answer.endsWith("l".repeat(PAGE_BYTES)), answer);
  }

  @Test
  void goBeforeThatOfTheNextRequest() throws Exception {
    send(asking("GET", "public"));
    HeldAnswer first = nextDone();
    assertEquals("/shop/public", arrived.poll());
    send(asking("GET", "id"));
    Instance.awaitTrue("the next one waits",
        () -> TwoInstances.isAnyIn(KeptAnswer.class, Thread.State.TIMED_WAITING));
    assertEquals(0, arrived.size());
    first.saved(Saved.ACKNOWLEDGED);
    next().saved(Saved.ACKNOWLEDGED);
    assertPage(answer(), "public");
    assertPage(answer(), "none");
  }

  @Test
  void goWhereTheClientHasGone() throws Exception {
    send(asking("GET", "public"));
    HeldAnswer answer = nextDone();
    long open = connections();
    client.close();
    answer.saved(Saved.ACKNOWLEDGED);
    assertEquals(0, instance.manager().waits().waitingAnswers());
    Instance.awaitTrue("the connection has ended", () -> connections() < open);
  }

  @Test
  void goWhereTomcatStops() throws Exception {
    send(asking("GET", "public"));
    HeldAnswer answer = nextDone();
    instance.tomcat().stop();
    answer.saved(Saved.ACKNOWLEDGED);
    assertPage(rest(), "public");
  }

  @Test
  void goWhereTheRequestHasABodyThatNobodyReads() throws Exception {
    send(asking("POST", "public", "Content-Length: 5", "Content-Type: text/plain"));
    next().saved(Saved.ACKNOWLEDGED);
    send("12345" + asking("GET", "id"));
    next().saved(Saved.ACKNOWLEDGED);
    assertPage(answer(), "public");
    assertPage(answer(), "none");
  }

  // ---- A refusal ---------------------------------------------------------------------------

  @Test
  void areRefusedWhereTheSaveIs() throws Exception {
    send(asking("GET", "public"));
    nextDone().saved(Saved.CONFLICT);
    String answer = rest();
    assertTrue(answer.startsWith("HTTP/1.1 503 \r\n"), answer);
    assertTrue(answer.endsWith("\r\n\r\n" + CohortValve.CHANGED), answer);
    assertTrue(answer.contains("Content-Length: " + CohortValve.CHANGED.length() + "\r\n"), answer);
    assertTrue(answer.contains("Connection: close\r\n"), answer);
  }

  @Test
  void areRefusedWithoutAPageWhereNoneIsAskedFor() throws Exception {
    send(asking("HEAD", "public"));
    next().saved(Saved.CONFLICT);
    String answer = rest();
    assertTrue(answer.startsWith("HTTP/1.1 503 \r\n"), answer);
    assertTrue(answer.endsWith("\r\n\r\n"), answer);
  }

  // ---- Those that are not held -------------------------------------------------------------

  @Test
  void areNotThoseWhoseNextRequestIsThere() throws Exception {
    send(asking("GET", "public") + asking("GET", "id"));
    next().saved(Saved.ACKNOWLEDGED);
    assertPage(answer(), "public");
    assertPage(answer(), "none");
    assertEquals("/shop/public", notHeld.poll());
  }

  // ---- In an application -------------------------------------------------------------------

  /** Sees what its thread was told at the beginning. */
  private static final class Listener implements ServletRequestListener {
    private final ThreadLocal<Boolean> begun = new ThreadLocal<>();
    private final BlockingQueue<Boolean> ends = new LinkedBlockingQueue<>();

    @Override
    public void requestInitialized(ServletRequestEvent event) {
      begun.set(true);
    }

    @Override
    public void requestDestroyed(ServletRequestEvent event) {
      ends.add(begun.get() != null);
      begun.remove();
    }
  }

  @Test
  void areThoseOfAnApplicationThatIsToldOfTheEndsOfRequests() throws Exception {
    Listener listener = new Listener();
    Instance other = new Instance(temporary, "n2", Instance.PID,
        manager
        -> manager.waits().setThreadsMax(0),
        context -> context.addApplicationEventListener(listener));
    try (other) {
      other.start();
      Browser user = new Browser();
      for (int i = 0; i < 10; ++i) user.get(other, "set?name=x&value=" + i);
      assertTrue(other.status().getHeldAnswers() > 0);
      assertEquals(other.status().getAsyncAnswers(), other.status().getHeldAnswers());
      for (int i = 0; i < 10; ++i) assertTrue(listener.ends.take());
    }
  }
}
