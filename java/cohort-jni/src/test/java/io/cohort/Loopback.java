package io.cohort;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/** Groups on the loopback interface that no other process joins by mistake. */
final class Loopback {
  static final long PID = ProcessHandle.current().pid();

  private Loopback() {}

  static GroupOptions options(String group, String name) {
    return options(group + "-" + PID, name, PID);
  }

  static GroupOptions options(String fullGroup, String name, long pid) {
    return new GroupOptions(fullGroup)
        .name(name)
        .bind("127.0.0.1")
        .multicast("239.255.78.3:" + (20000 + pid % 20000))
        .plaintext(GroupOptions.Plaintext.LOOPBACK)
        .failureProfile(GroupOptions.FailureProfile.WEB_SESSIONS);
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] bytes) {
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
  }

  /** What a listener was told, for tests to wait for. */
  static final class Recorder implements GroupListener, ChangeListener, SessionListener {
    private final List<Object> told = new ArrayList<>();

    private synchronized void add(Object what) {
      told.add(what);
      notifyAll();
    }

    @Override
    public void onView(View view) {
      add(view);
    }

    @Override
    public void onEvent(Event event) {
      add(event);
    }

    @Override
    public void onMessage(Message message) {
      add(message);
    }

    @Override
    public void onChange(Change change) {
      add(change);
    }

    @Override
    public void onEvent(SessionEvent event) {
      add(event);
    }

    void onTask(SessionTask task) {
      add(task);
    }

    @Override
    public void onLost(long count) {
      add(count);
    }

    synchronized<T> List<T> all(Class<T> type) {
      return told.stream().filter(type::isInstance).map(type::cast).toList();
    }

    /** Waits at most 60 s for something of this type. */
    synchronized<T> T await(Class<T> type, Predicate<T> condition) {
      long end = System.nanoTime() + 60_000_000_000L;
      for (;;) {
        for (T each : all(type)) {
          if (condition.test(each)) return each;
        }
        long leftMs = (end - System.nanoTime()) / 1_000_000;
        assertTrue(leftMs > 0, () -> "not told within 60 s; told: " + told);
        try {
          wait(leftMs);
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
    }
  }

  /** One that finds nobody in time begins a group of its own, and they merge a moment later. */
  static void awaitTogether(Group... groups) {
    for (Group each : groups) {
      awaitTrue("all are members", () -> {
        List<Member> members = each.view().members();
        return members.size() == groups.length && members.stream().allMatch(Member::synced);
      });
    }
  }

  static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  static void awaitTrue(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + 60_000_000_000L;
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, what);
      LockSupport.parkNanos(2_000_000);
    }
  }
}
