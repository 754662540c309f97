package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.catalina.Lifecycle;
import org.apache.catalina.Wrapper;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.Tomcat;

/**
 * A real Tomcat with the application "/shop", whose classes are those of the package "app", loaded
 * by the application's own loader. Members of a group on the loopback interface that no other
 * process joins by mistake.
 */
final class Instance implements AutoCloseable {
  static final long PID = ProcessHandle.current().pid();

  private final Tomcat tomcat = new Tomcat();
  private final StandardContext context;
  private final CohortManager manager;
  private boolean closed;

  Instance(Path base, String route, Consumer<CohortManager> configuration) throws Exception {
    this(base, route, PID, configuration, context -> {});
  }

  Instance(Path base, String route, long pid, Consumer<CohortManager> configuration,
      Consumer<StandardContext> more) throws Exception {
    Path home = base.resolve(route);
    tomcat.setBaseDir(home.toString());
    tomcat.setPort(0);
    tomcat.getConnector().setProperty("address", "127.0.0.1");
    tomcat.getEngine().setName(route);
    tomcat.getEngine().setJvmRoute(route);
    context = addApplication("/shop", home);
    manager = newManager(pid);
    configuration.accept(manager);
    context.setManager(manager);
    more.accept(context);
  }

  Instance start() throws Exception {
    tomcat.start();
    assertTrue(context.getState().isAvailable(), "the application did not start");
    return this;
  }

  /** For the group that the tests of this process have on their own. */
  static CohortManager newManager(long pid) {
    CohortManager manager = new CohortManager();
    manager.setGroup("tomcat-" + pid);
    manager.setBind("127.0.0.1");
    manager.setMulticast("239.255.78.4:" + (20000 + pid % 20000));
    manager.setAllowPlaintext("loopback");
    return manager;
  }

  StandardContext addApplication(String path, Path home) throws IOException {
    Path application = home.resolve("application" + path.replace('/', '-'));
    copyClasses(application.resolve("WEB-INF/classes"));
    StandardContext added = (StandardContext) tomcat.addContext(path, application.toString());
    added.setDistributable(true);
    // At each start, since a reload forgets it.
    added.addLifecycleListener(event -> {
      if (!event.getType().equals(Lifecycle.CONFIGURE_START_EVENT)) return;
      Wrapper servlet = Tomcat.addServlet(added, "shop", "io.cohort.tomcat.app.ShopServlet");
      servlet.setAsyncSupported(true);
      addMapping(added);
      added.addApplicationListener("io.cohort.tomcat.app.Told");
    });
    return added;
  }

  @SuppressWarnings("deprecation") // Tomcat 11 does not have what takes its place in 10.1.
  private static void addMapping(StandardContext context) {
    context.addServletMappingDecoded("/*", "shop", false);
  }

  private static void copyClasses(Path to) throws IOException {
    Path from = Path.of("target/test-classes");
    try (Stream<Path> files = Files.walk(from.resolve("io/cohort/tomcat/app"))) {
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        Path copy = to.resolve(from.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
    }
  }

  int port() {
    return tomcat.getConnector().getLocalPort();
  }

  Tomcat tomcat() {
    return tomcat;
  }

  StandardContext context() {
    return context;
  }

  CohortManager manager() {
    return manager;
  }

  CohortStatus status() {
    return new CohortStatus(manager);
  }

  /** What the application's listeners were told. */
  @SuppressWarnings("unchecked")
  List<String> told() {
    List<String> told = (List<String>) context.getServletContext().getAttribute("told");
    if (told == null) return List.of();
    synchronized (told) {
      return List.copyOf(told);
    }
  }

  long toldOf(String what) {
    return told().stream().filter(what::equals).count();
  }

  /** Waits at most 60 s. */
  static void awaitTrue(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + 60_000_000_000L;
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, what);
      LockSupport.parkNanos(2_000_000);
    }
  }

  /** A question to be asked until it is answered as expected. */
  interface Question {
    String ask() throws Exception;
  }

  /** The same; what is asked may fail until then. */
  static void awaitAnswer(String expected, Question question) throws Exception {
    long end = System.nanoTime() + 60_000_000_000L;
    for (;;) {
      String answer;
      try {
        answer = question.ask();
      } catch (AssertionError | IOException e) {
        answer = e.toString();
      }
      if (expected.equals(answer)) return;
      assertTrue(System.nanoTime() < end, answer);
      LockSupport.parkNanos(2_000_000);
    }
  }

  /** Once or more often. */
  @Override
  public void close() {
    if (closed) return;
    closed = true;
    try {
      tomcat.stop();
      tomcat.destroy();
    } catch (org.apache.catalina.LifecycleException e) {
      throw new UncheckedIOException(new IOException(e));
    }
  }
}
