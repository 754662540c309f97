package io.cohort;

import static io.cohort.Loopback.bytes;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** A store in a JVM of its own, for tests that kill it or count what it leaves. */
final class StoreMain {
  private StoreMain() {}

  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "member" -> beMember(arguments[1], Long.parseLong(arguments[2]));
      case "reopen" -> reopen(Integer.parseInt(arguments[1]));
      case "calls" -> call(Integer.parseInt(arguments[1]));
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  // Begins each session it is told, or writes it again, and says when that is acknowledged.
  private static void beMember(String fullGroup, long pid) throws IOException {
    Group group = Group.join(Loopback.options(fullGroup, "b", pid));
    SessionStore store = SessionStore.open(new SessionStoreOptions("/shop"), group);
    Jvm.say("joined");
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ");
      SessionChanges changes = new SessionChanges().set("n", bytes(words[1]));
      SessionResult made =
          store.exists(words[0]) ? store.save(words[0], changes) : store.create(words[0], changes);
      Jvm.say(made.ok() ? "acked " + line : made.toString());
    }
    store.close();
    group.close();
  }

  // Opens and closes stores of all kinds; a fifth as many before, to warm all up.
  private static void reopen(int rounds) throws IOException {
    try (Group group = Group.join(Loopback.options("reopen", "a"))) {
      for (int i = 0; i < rounds / 5; ++i) openAndClose(group);
      System.gc();
      long kib = Jvm.residentKib();
      long files = Jvm.count("fd");
      long threads = Jvm.count("task");
      for (int i = 0; i < rounds; ++i) openAndClose(group);
      System.gc();
      Jvm.say("grown " + (Jvm.residentKib() - kib) + " KiB, " + (Jvm.count("fd") - files)
          + " files, " + (Jvm.count("task") - threads) + " threads");
    }
  }

  private static void openAndClose(Group group) {
    for (Group in : new Group[] {group, null}) {
      try (SessionStore store = SessionStore.open(new SessionStoreOptions("/shop"), in)) {
        store.subscribe(event -> {}, true);
        store.subscribeTasks(task -> {});
        requireOk(store.create("s1", new SessionChanges().set("x", new byte[100_000])));
        store.awaitTask(store.setReplication(in == null ? group : null), 0);
        if (store.load("s1").attributes().count() != 1) throw new AssertionError();
        requireOk(store.invalidate("s1"));
      }
    }
  }

  // Every kind of call, each as often as `rounds` says, after a tenth of it.
  private static void call(int rounds) throws IOException {
    try (SessionStore store = SessionStore.open(new SessionStoreOptions("/shop"), null)) {
      use(store, rounds / 10);
      System.gc();
      long before = Jvm.residentKib();
      use(store, rounds);
      System.gc();
      Jvm.say("grown " + (Jvm.residentKib() - before) + " KiB");
    }
  }

  private static void use(SessionStore store, int rounds) {
    SessionChanges changes = new SessionChanges();
    byte[] value = new byte[100];
    requireOk(store.create("s", changes));
    for (int i = 0; i < rounds; ++i) {
      requireOk(store.save("s", changes.clear().set("a", value).metadata(value).erase("b")));
      if (store.load("s").attributes().get("a").length != 100) throw new AssertionError();
      if (store.load("absent") != null || store.exists("absent")) throw new AssertionError();
      if (!store.touch("s")) throw new AssertionError();
      if (i % 100 == 0) useSeldom(store);
    }
    requireOk(store.invalidate("s"));
  }

  private static void useSeldom(SessionStore store) {
    if (store.invalidate("absent").status() != Status.NOT_FOUND) throw new AssertionError();
    if (store.ids(10).size() != 1 || store.stats().sessions() != 1) throw new AssertionError();
    requireOk(store.create("t", new SessionChanges()));
    requireOk(store.changeId("t", "u"));
    requireOk(store.invalidate("u"));
    try {
      store.awaitTask(77, 1);
      throw new AssertionError("was awaited");
    } catch (CohortException expected) {
      if (expected.status() != Status.NOT_FOUND) throw expected;
    }
  }

  private static void requireOk(SessionResult result) {
    if (!result.ok()) throw new AssertionError(result);
  }
}
