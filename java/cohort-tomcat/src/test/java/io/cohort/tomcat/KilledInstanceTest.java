package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An instance that dies as by kill -9, while users are on it. */
class KilledInstanceTest {
  private static final int USERS = 8;

  @TempDir private Path temporary;

  /** An instance in a JVM of its own, whose first line says its port. */
  static Process startOther(Path temporary, String route) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of("-Xmx128m", "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"),
            "io.cohort.tomcat.InstanceMain", temporary.toString(), route, "" + Instance.PID));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
  }

  @Test
  void whatAKilledInstanceAnsweredIsAtTheOther() throws Exception {
    try (Instance n2 = new Instance(temporary, "n2", manager -> {}).start()) {
      Process killed = startOther(temporary, "n1");
      try (BufferedReader from = killed.inputReader()) {
        int port = Integer.parseInt(from.readLine().split(" ")[1]);
        useUntilKilled(port, killed, n2);
      } finally {
        killed.destroyForcibly();
      }
    }
  }

  /** Each user counts, and remembers the last number that was answered. */
  private static void useUntilKilled(int port, Process killed, Instance n2) throws Exception {
    ConcurrentHashMap<Browser, Integer> answered = new ConcurrentHashMap<>();
    AtomicInteger all = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < USERS; ++i) {
      Thread thread = new Thread(() -> {
        Browser user = new Browser();
        try {
          user.send(port, "counter?name=n", null);
          for (;;) {
            var answer = user.send(port, "count?name=n", null);
            if (answer.statusCode() != 200) throw new AssertionError(answer.body());
            answered.put(user, Integer.parseInt(answer.body()));
            if (all.incrementAndGet() >= 40 * USERS && answered.size() == USERS) {
              killed.destroyForcibly();
            }
          }
        } catch (java.io.IOException | InterruptedException theInstanceIsDead) {
          return;
        }
      });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) thread.join();
    assertEquals(USERS, answered.size());
    for (var each : answered.entrySet()) {
      int there = Integer.parseInt(each.getKey().get(n2, "count?name=n")) - 1;
      // The one that was under way may have been counted, or not.
      if (there != each.getValue()) assertEquals(each.getValue() + 1, there);
    }
  }
}
