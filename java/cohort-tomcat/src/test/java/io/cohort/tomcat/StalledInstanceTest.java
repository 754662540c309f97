package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An instance that stands still until it is out of the group, and comes back. */
class StalledInstanceTest {
  @TempDir private Path temporary;

  static void signal(String name, Process process) throws IOException, InterruptedException {
    Process kill = new ProcessBuilder("kill", "-" + name, "" + process.pid()).start();
    assertEquals(0, kill.waitFor());
  }

  @Test
  void whatHappenedMeanwhileIsThereWithoutANewRequestOfTheSession() throws Exception {
    try (Instance n2 = new Instance(temporary, "n2", manager -> {}).start()) {
      Process other = KilledInstanceTest.startOther(temporary, "n1");
      try (BufferedReader from = other.inputReader()) {
        stallAndComeBack(Integer.parseInt(from.readLine().split(" ")[1]), other, n2);
      } finally {
        other.destroyForcibly().waitFor();
      }
    }
  }

  private static void stallAndComeBack(int n1, Process other, Instance n2) throws Exception {
    Browser user = new Browser();
    user.send(n1, "set?name=user&value=ann", null);
    Browser leaver = new Browser();
    leaver.send(n1, "set?name=user&value=eve", null);
    assertEquals("ann", user.get(n2, "get?name=user"));
    signal("STOP", other);
    // Each write waits until the others have it, or are out of the group.
    user.get(n2, "set?name=user&value=bob");
    Browser newcomer = new Browser();
    newcomer.get(n2, "set?name=user&value=new");
    Browser again = new Browser().withId(leaver.id());
    leaver.get(n2, "invalidate");
    signal("CONT", other);
    Browser there = new Browser().withId(user.id());
    Instance.awaitAnswer("bob", () -> there.send(n1, "get?name=user", null).body());
    Browser newThere = new Browser().withId(newcomer.id());
    Instance.awaitAnswer("new", () -> newThere.send(n1, "get?name=user", null).body());
    Instance.awaitAnswer("none", () -> again.send(n1, "id", null).body());
    // And nothing of before comes back.
    assertEquals("none", new Browser().withId(again.id()).get(n2, "id"));
    assertEquals("bob", user.get(n2, "get?name=user"));
  }
}
