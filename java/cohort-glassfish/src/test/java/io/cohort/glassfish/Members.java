package io.cohort.glassfish;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.Attributes;
import io.cohort.Group;
import io.cohort.MapKind;
import io.cohort.ReplicatedMap;
import io.cohort.SessionStore;
import io.cohort.SessionStoreOptions;
import io.cohort.WriteOptions;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.glassfish.ha.store.util.SimpleMetadata;

/** Stores of an application, as instances of GlassFish have them, in a group of this process. */
final class Members implements AutoCloseable {
  static final String APPLICATION = CohortManager.NAME_PREFIX + "/shop";
  private static final long PID = ProcessHandle.current().pid();

  /** One instance: its store, and what its manager was told. */
  static final class Member implements CohortStore.Ends, AutoCloseable {
    final List<String> stale = new ArrayList<>();
    final List<String> ended = new ArrayList<>();
    final CohortStore store;
    private final Group group;

    private Member(Group group, SessionStore sessions) {
      this.group = group;
      store = new CohortStore(sessions, this, sessions::close);
    }

    @Override
    public synchronized void onStale(String id) {
      stale.add(id);
    }

    @Override
    public synchronized void onEnded(String id, SimpleMetadata last) {
      ended.add(id + " " + (last == null ? null : text(last)));
    }

    synchronized boolean toldStale(String id) {
      return stale.contains(id);
    }

    synchronized List<String> toldEnded() {
      return List.copyOf(ended);
    }

    @Override
    public void close() {
      store.close();
      if (group != null) group.close();
    }
  }

  private final String name;
  private final List<Member> members = new ArrayList<>();

  /** In a group of this name, which no other process joins by mistake. */
  Members(String name) {
    this.name = name + "-" + PID;
  }

  /** What an administrator sets for an instance of this name. */
  Properties properties(String node) {
    Properties properties = new Properties();
    properties.setProperty("cohort.group", name);
    properties.setProperty("cohort.nodeName", node);
    properties.setProperty("cohort.bind", "127.0.0.1");
    properties.setProperty("cohort.multicast", "239.255.78.5:" + (20000 + PID % 20000));
    properties.setProperty("cohort.allowPlaintext", "loopback");
    return properties;
  }

  Member join(String node) {
    Settings settings = Settings.of(properties(node));
    Group group = Group.join(settings.groupSettings().options(null));
    return add(group, SessionStore.open(settings.storeOptions(APPLICATION), group));
  }

  /** Of the first member, whatever it likes. */
  SessionStore storeOf(String application) {
    return SessionStore.open(new SessionStoreOptions(application), members.get(0).group);
  }

  /** An entry whose record says that it is of a format that nobody knows. */
  void forgeRecord(String id) {
    try (ReplicatedMap map =
             members.get(0).group.openMap("session " + APPLICATION, MapKind.CONVERGENT)) {
      byte[] key = ("s" + id).getBytes(StandardCharsets.UTF_8);
      map.putAttributes(key, new Attributes().add("i", new byte[] {99}), WriteOptions.DEFAULT);
    }
  }

  Member local() {
    Settings settings = Settings.of(properties("local"));
    return add(null, SessionStore.open(settings.storeOptions(APPLICATION), null));
  }

  private Member add(Group group, SessionStore sessions) {
    Member member = new Member(group, sessions);
    members.add(member);
    return member;
  }

  @Override
  public void close() {
    members.forEach(Member::close);
  }

  /** A session as GlassFish gives it: version, and bytes that only GlassFish can read. */
  static SimpleMetadata session(long version, String state) {
    return session(version, state, 1_800_000);
  }

  static SimpleMetadata session(long version, String state, long maxInactiveMs) {
    return new SimpleMetadata(
        version, System.currentTimeMillis(), maxInactiveMs, state.getBytes(StandardCharsets.UTF_8));
  }

  static String text(SimpleMetadata value) {
    return new String(value.getState(), StandardCharsets.UTF_8);
  }

  static void awaitTrue(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + 60_000_000_000L;
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, what);
      LockSupport.parkNanos(2_000_000);
    }
  }
}
