package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpSession;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;

/** Two Jettys in one group, with pages that count and read "n", and a user. */
@Timeout(300)
abstract class TwoServers {
  String group;
  Instance first;
  Instance second;
  final Browser user = new Browser();
  private final Object counting = new Object();

  /** What a page does with its session. */
  interface Use {
    void of(HttpSession session) throws Exception;
  }

  @BeforeEach
  void startBoth(TestInfo test) throws Exception {
    group = LoopbackServer.groupOf(test);
    first = withPages(new Instance(group, "n1"));
    prepare(first);
    first.start();
    second = withPages(new Instance(group, "n2"));
    prepareSecond(second);
    second.start();
  }

  /** Before the first one starts. */
  void prepare(Instance instance) {}

  /** Before the second one starts. */
  void prepareSecond(Instance instance) {}

  @AfterEach
  void stopBoth() throws Exception {
    first.close();
    second.close();
  }

  private Instance withPages(Instance instance) {
    return instance.page("/count", (request, response) -> count(request))
        .page("/read", (request, response) -> attribute(request, "n"));
  }

  /**
   * Begins the user's session at the first server, and waits for the end of the request there: it
   * comes after the answer, and saves what other requests have changed until then.
   */
  void begin() throws Exception {
    assertEquals("1", user.get(first, "/count"));
    await("the request ends", () -> first.cache().doGet(user.storeId()).getRequests() == 0);
  }

  private String count(HttpServletRequest request) {
    synchronized (counting) {
      HttpSession session = request.getSession();
      Integer n = (Integer) session.getAttribute("n");
      session.setAttribute("n", n == null ? 1 : n + 1);
      return String.valueOf(session.getAttribute("n"));
    }
  }

  static String attribute(HttpServletRequest request, String name) {
    HttpSession session = request.getSession(false);
    return session == null ? "no session" : String.valueOf(session.getAttribute(name));
  }

  /** At the first server, /meanwhile sets "n", and the second one counts before it is answered. */
  void addMeanwhile() {
    use(first, "/meanwhile", this::setMeanwhile);
  }

  /** Sets "n" at the first server, and the second one counts before it is saved. */
  void setMeanwhile(HttpSession session) throws Exception {
    session.setAttribute("n", 50);
    user.again().get(second, "/count");
  }

  /** A page that answers "done". */
  static void use(Instance instance, String path, Use use) {
    instance.page(path, (request, response) -> {
      use.of(request.getSession());
      return "done";
    });
  }

  /** A question to be asked until it is answered with yes. */
  interface Condition {
    boolean holds() throws Exception;
  }

  static void await(String what, Condition condition) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.holds()) {
      assertTrue(System.nanoTime() < end, "not within 60 s: " + what);
      LockSupport.parkNanos(5_000_000);
    }
  }
}
