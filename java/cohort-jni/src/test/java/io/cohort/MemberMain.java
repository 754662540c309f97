package io.cohort;

import static io.cohort.Loopback.bytes;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** A member in a JVM of its own, for tests that kill it or count its memory. */
final class MemberMain {
  private static final WriteOptions LOCAL = WriteOptions.DEFAULT.withAck(Ack.LOCAL);

  private MemberMain() {}

  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "member" -> beMember(arguments[1], arguments[2], Long.parseLong(arguments[3]));
      case "memory" -> countMemory(Integer.parseInt(arguments[1]));
      case "exit" -> Group.join(Loopback.options("exit", "a"));
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  // Writes every number it is told as an attribute, and says when it is acknowledged.
  private static void beMember(String fullGroup, String name, long pid) throws IOException {
    Group group = Group.join(Loopback.options(fullGroup, name, pid));
    ReplicatedMap map = group.openMap("s", MapKind.CONVERGENT);
    Jvm.say("joined");
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      Attributes attributes = new Attributes().add("n", bytes(line)).add("by", bytes(name));
      map.putAttributes(bytes("session"), attributes, WriteOptions.DEFAULT);
      Jvm.say("acked " + line);
    }
    group.close();
  }

  // As much of each kind of call as `rounds` says, after a tenth of it has warmed all up.
  private static void countMemory(int rounds) throws IOException {
    Group group = Group.join(Loopback.options("memory", "a"));
    ReplicatedMap map = group.openMap("s", MapKind.CONVERGENT);
    map.putAttributes(bytes("read"), new Attributes().add("a", new byte[100]), LOCAL);
    long[] told = new long[1];
    map.subscribe(bytes("w"), new ChangeListener() {
      @Override
      public void onChange(Change change) {
        count(1);
      }

      @Override
      public void onLost(long lost) {
        count(lost);
      }

      private void count(long more) {
        synchronized (told) {
          told[0] += more;
          told.notifyAll();
        }
      }
    });
    use(map, told, rounds / 10);
    System.gc();
    long before = Jvm.residentKib();
    use(map, told, rounds);
    System.gc();
    Jvm.say("grown " + (Jvm.residentKib() - before) + " KiB, lost "
        + group.stats().get("jni.notices_lost"));
    group.close();
  }

  private static void use(ReplicatedMap map, long[] told, int rounds) {
    byte[] read = bytes("read");
    byte[] name = bytes("a");
    byte[] write = bytes("w");
    byte[] absent = bytes("absent");
    byte[] tooLong = new byte[5000];
    long goal = told[0] + rounds;
    for (int i = 0; i < rounds; ++i) {
      if (map.getAttribute(read, name).length != 100) throw new AssertionError();
      if (map.get(absent) != null) throw new AssertionError();
      if (i % 100 == 0) fail(map, tooLong);
      map.put(write, read, LOCAL);
    }
    awaitTold(map, told, goal);
  }

  private static void awaitTold(ReplicatedMap map, long[] told, long goal) {
    long end = System.nanoTime() + 60_000_000_000L;
    synchronized (told) {
      while (told[0] < goal) {
        long leftMs = (end - System.nanoTime()) / 1_000_000;
        if (leftMs <= 0) {
          throw new AssertionError(goal - told[0] + " not told; " + map.group().stats());
        }
        try {
          told.wait(leftMs);
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
    }
  }

  private static void fail(ReplicatedMap map, byte[] key) {
    try {
      map.put(key, key, LOCAL);
      throw new AssertionError("was taken");
    } catch (CohortException expected) {
      if (expected.status() != Status.INVALID_ARGUMENT) throw expected;
    }
  }
}
