package io.cohort;

import java.io.BufferedReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * What a store costs a caller in Java, as bench/session_bench.cc measures it in C++: {@code ./run
 * bench java}. A save has one attribute of 4 KiB and a counter; sessions are taken in turn. Each
 * line has the median and the fastest of nine parts, in nanoseconds a call, and what the calling
 * thread was on a processor for, which other load changes least.
 */
final class SessionBench {
  private static final int SESSIONS = 1000;
  private static final int PARTS = 9;
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private SessionBench() {}

  /** One call of what is measured. */
  private interface Call {
    void run(SessionStore store, String id, int number);
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 1 && arguments[0].equals("local")) {
      measureLocal();
      return;
    }
    if (arguments.length == 3) {
      beTheOther(arguments[1], Long.parseLong(arguments[2]));
      return;
    }
    measureLocal();
    try (Group alone = Group.join(Loopback.options("bench1", "a"));
        SessionStore store = SessionStore.open(new SessionStoreOptions("/bench"), alone)) {
      measureAll("one member", store, 4096, 20_000);
    }
    measureTwo();
  }

  private static void measureLocal() {
    try (SessionStore local = SessionStore.open(new SessionStoreOptions("/bench"), null)) {
      measureAll("local", local, 4096, 200_000);
      measureAll("local", local, 400 << 10, 2_000);
    }
  }

  private static void measureTwo() throws Exception {
    Path temporary = Files.createTempDirectory("cohort-bench");
    Process other = Jvm.start(SessionBench.class, temporary, List.of(), "other",
        "bench2-" + Loopback.PID, "" + Loopback.PID);
    try (BufferedReader from = other.inputReader();
        PrintStream to = new PrintStream(other.getOutputStream(), true);
        Group group = Group.join(Loopback.options("bench2", "a"));
        SessionStore store = SessionStore.open(new SessionStoreOptions("/bench"), group)) {
      for (String said = from.readLine(); !"joined".equals(said); said = from.readLine()) {
        if (said == null) throw new IllegalStateException("the other JVM has ended");
        System.err.println(said);
      }
      measureAll("two members", store, 4096, 5_000);
      measureAll("two members", store, 400 << 10, 200);
      to.println("end");
    }
    other.waitFor();
    Files.delete(temporary);
  }

  private static void beTheOther(String fullGroup, long pid) throws Exception {
    try (Group group = Group.join(Loopback.options(fullGroup, "b", pid));
        SessionStore store = SessionStore.open(new SessionStoreOptions("/bench"), group)) {
      Jvm.say("joined");
      if (System.in.read() < 0) Jvm.say(store.application());
    }
  }

  private static void measureAll(String where, SessionStore store, int bytes, int calls) {
    byte[] value = new byte[bytes];
    int sessions = bytes > 100_000 ? 20 : SESSIONS;
    String[] ids = new String[sessions];
    for (int i = 0; i < sessions; ++i) {
      ids[i] = "0123456789abcdef" + i + "-" + bytes;
      requireOk(store.create(ids[i], new SessionChanges().set("cart", value).set("n", value)));
    }
    SessionChanges changes = new SessionChanges();
    measure(where + ", save of " + bytes, store, ids, calls, (to, id, number) -> {
      byte[] counter = Integer.toString(number).getBytes(StandardCharsets.UTF_8);
      requireOk(to.save(id, changes.clear().set("cart", value).set("n", counter)));
    });
    measure(where + ", load of " + bytes, store, ids, calls, (from, id, number) -> {
      if (from.load(id).attributes().get("cart").length != bytes) throw new AssertionError(id);
    });
    measure(where + ", touch", store, ids, calls, (at, id, number) -> at.touch(id));
    for (String id : ids) requireOk(store.invalidate(id));
  }

  private static void measure(String what, SessionStore store, String[] ids, int calls, Call call) {
    double[] parts = new double[PARTS];
    double[] busy = new double[PARTS];
    for (int part = -2; part < PARTS; ++part) {
      long before = System.nanoTime();
      long busyBefore = THREADS.getCurrentThreadCpuTime();
      for (int i = 0; i < calls; ++i) call.run(store, ids[i % ids.length], i);
      // The first two warm up.
      if (part < 0) continue;
      parts[part] = (double) (System.nanoTime() - before) / calls;
      busy[part] = (double) (THREADS.getCurrentThreadCpuTime() - busyBefore) / calls;
    }
    Arrays.sort(parts);
    Arrays.sort(busy);
    System.out.printf(
        "%-32s %,12.0f ns   fastest %,12.0f ns   of the caller's processor %,12.0f ns%n", what,
        parts[PARTS / 2], parts[0], busy[PARTS / 2]);
  }

  private static void requireOk(SessionResult result) {
    if (!result.ok()) throw new IllegalStateException(result.toString());
  }
}
