package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Replication that is switched while users are served. */
class ReplicationSwitchTest extends TwoServers {
  private static final int USERS = 4;
  private static final int SWITCHES = 6;

  private final AtomicBoolean enough = new AtomicBoolean();
  private final AtomicReference<Throwable> wrong = new AtomicReference<>();

  private void turn(boolean on) {
    first.store().sessions().awaitTask(first.store().switchReplication(on), 60_000);
    assertEquals(on, first.store().isReplicated());
  }

  private Thread serve(Browser browser, AtomicInteger answered) {
    Thread thread = new Thread(() -> {
      try {
        while (!enough.get()) answered.set(Integer.parseInt(browser.get(first, "/count")));
      } catch (Throwable e) {
        wrong.set(e);
      }
    });
    thread.start();
    return thread;
  }

  @Test
  void whileUsersAreServedSessionsLeaveTheGroupAndComeBackAndNothingIsLost() throws Exception {
    List<Browser> browsers = new ArrayList<>();
    List<AtomicInteger> answered = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < USERS; ++i) {
      browsers.add(new Browser());
      answered.add(new AtomicInteger());
      threads.add(serve(browsers.get(i), answered.get(i)));
    }
    for (int i = 0; i < SWITCHES; ++i) {
      boolean on = i % 2 == 1;
      List<Integer> before = answered.stream().map(AtomicInteger::get).toList();
      turn(on);
      await("all are served", () -> {
        for (int u = 0; u < USERS; ++u) {
          if (wrong.get() == null && answered.get(u).get() <= before.get(u)) return false;
        }
        return true;
      });
    }
    enough.set(true);
    for (Thread each : threads) each.join();
    if (wrong.get() != null) throw new AssertionError(wrong.get());
    for (int u = 0; u < USERS; ++u) {
      assertEquals("" + answered.get(u), browsers.get(u).get(second, "/read"));
    }
  }

  @Test
  void whileItIsOffOtherServersHaveNothingOfTheSession() throws Exception {
    user.get(first, "/count");
    turn(false);
    await("it is gone there", () -> user.again().get(second, "/read").equals("no session"));
    assertEquals("2", user.get(first, "/count"));
    turn(true);
    await("it is there", () -> user.again().get(second, "/read").equals("2"));
  }
}
