package io.cohort.tomcat;

import jakarta.servlet.ServletContext;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Two Tomcats in one group, and a user; requests of the first one wait inside it for the test. */
abstract class TwoInstances {
  @TempDir Path temporary;
  Instance n1;
  Instance n2;
  final Browser user = new Browser();
  final CountDownLatch entered = new CountDownLatch(1);
  final CountDownLatch goOn = new CountDownLatch(1);

  @BeforeEach
  void startBoth() throws Exception {
    n1 = new Instance(temporary, "n1", this::prepare).start();
    n2 = new Instance(temporary, "n2", manager -> {}).start();
    ServletContext application = n1.context().getServletContext();
    application.setAttribute("entered", entered);
    application.setAttribute("goOn", goOn);
  }

  /** That of the first one, before it starts. */
  void prepare(CohortManager manager) {}

  @AfterEach
  void stopBoth() {
    goOn.countDown();
    n1.close();
    n2.close();
  }

  /** Is there a thread in this state that is in a method of the class? */
  static boolean isAnyIn(Class<?> type, Thread.State state) {
    return Thread.getAllStackTraces().entrySet().stream().anyMatch(thread
        -> thread.getKey().getState() == state
            && Stream.of(thread.getValue())
                .anyMatch(frame -> frame.getClassName().equals(type.getName())));
  }
}
