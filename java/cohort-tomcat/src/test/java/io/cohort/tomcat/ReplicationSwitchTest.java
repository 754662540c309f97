package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Replication that is switched by JMX while sessions are used. */
class ReplicationSwitchTest {
  private static final MBeanServer BEANS = ManagementFactory.getPlatformMBeanServer();

  private static final int USERS = 4;
  private static final int SWITCHES = 6;

  @TempDir private Path temporary;

  private static ObjectName name(String route) throws Exception {
    return new ObjectName(route + ":type=Cohort,host=localhost,context=/shop");
  }

  private static void turn(Instance at, String route, boolean on) throws Exception {
    Object task =
        BEANS.invoke(name(route), "switchReplication", new Object[] {on}, new String[] {"boolean"});
    at.manager().store().awaitTask((Long) task, 60_000);
  }

  @Test
  void sessionsGoIntoTheGroupAndComeBackWhileTheyAreUsed() throws Exception {
    try (Instance n1 =
             new Instance(temporary, "n1", manager -> manager.setReplication("off")).start();
        Instance n2 = new Instance(temporary, "n2", manager -> {}).start()) {
      Browser user = new Browser();
      user.get(n1, "set?name=user&value=ann");
      assertEquals("none", user.get(n2, "id"));
      assertEquals(false, BEANS.getAttribute(name("n1"), "replicated"));
      turn(n1, "n1", true);
      assertEquals("ann", user.get(n1, "get?name=user"));
      assertEquals("ann", user.get(n2, "get?name=user"));
      user.get(n1, "set?name=user&value=bob");
      assertEquals("bob", user.get(n2, "get?name=user"));
      user.get(n1, "set?name=user&value=eve");
      turn(n1, "n1", false);
      assertEquals("eve", user.get(n1, "get?name=user"));
      Browser same = new Browser().withId(user.id());
      Instance.awaitAnswer("none", () -> same.get(n2, "id"));
      String[] tasks = (String[]) BEANS.getAttribute(name("n1"), "tasks");
      assertEquals(2, tasks.length);
      assertTrue(tasks[0].startsWith("1 REPLICATION_ON DONE, 1 of 1 sessions"), tasks[0]);
      assertTrue(tasks[1].startsWith("2 REPLICATION_OFF DONE"), tasks[1]);
    }
  }

  private static Thread serve(Browser user, Instance at, AtomicInteger answered,
      AtomicBoolean enough, AtomicReference<Throwable> wrong) {
    Thread thread = new Thread(() -> {
      try {
        user.get(at, "counter?name=n");
        while (!enough.get()) answered.set(Integer.parseInt(user.get(at, "count?name=n")));
      } catch (Throwable e) {
        wrong.set(e);
      }
    });
    thread.start();
    return thread;
  }

  @Test
  void whileUsersAreServedSessionsLeaveTheGroupAndComeBackAndNothingIsLost() throws Exception {
    AtomicBoolean enough = new AtomicBoolean();
    AtomicReference<Throwable> wrong = new AtomicReference<>();
    List<Browser> users = new ArrayList<>();
    List<AtomicInteger> answered = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    try (Instance n1 = new Instance(temporary, "n1", manager -> {}).start();
        Instance n2 = new Instance(temporary, "n2", manager -> {}).start()) {
      for (int i = 0; i < USERS; ++i) {
        users.add(new Browser());
        answered.add(new AtomicInteger());
        threads.add(serve(users.get(i), n1, answered.get(i), enough, wrong));
      }
      for (int i = 0; i < SWITCHES; ++i) {
        List<Integer> before = answered.stream().map(AtomicInteger::get).toList();
        turn(n1, "n1", i % 2 == 1);
        Instance.awaitTrue("all are served",
            ()
                -> wrong.get() != null
                || IntStream.range(0, USERS).allMatch(u -> answered.get(u).get() > before.get(u)));
      }
      enough.set(true);
      for (Thread each : threads) each.join();
      if (wrong.get() != null) throw new AssertionError(wrong.get());
      for (int u = 0; u < USERS; ++u) {
        assertEquals("" + answered.get(u), users.get(u).get(n2, "get?name=n"));
      }
    }
  }

  @Test
  void switchingToWhatItIsSaysSo() throws Exception {
    try (Instance n1 = new Instance(temporary, "n1", manager -> {}).start()) {
      assertTrue(n1.status().isReplicated());
      Exception e =
          assertThrows(IllegalStateException.class, () -> n1.status().switchReplication(true));
      assertTrue(e.getMessage().startsWith("FAILED_PRECONDITION"), e.getMessage());
    }
  }

  @Test
  void switchingOnWithoutSettingsOfAGroupSaysWhatIsMissing() throws Exception {
    try (Instance n1 = new Instance(temporary, "n1", manager -> {
      manager.setReplication("off");
      manager.setGroup("");
    }).start()) {
      Exception e =
          assertThrows(IllegalStateException.class, () -> n1.status().switchReplication(true));
      assertTrue(e.getMessage().contains("group is not set"), e.getMessage());
      assertFalse(n1.status().isReplicated());
    }
  }
}
