package io.cohort.tomcat;

import io.cohort.Attributes;
import io.cohort.Group;
import io.cohort.MapKind;
import io.cohort.ReplicatedMap;
import io.cohort.SessionChanges;
import io.cohort.SessionStore;
import io.cohort.SessionStoreOptions;
import io.cohort.WriteOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A member of the group that is no Tomcat, and writes what it likes. */
final class Intruder implements AutoCloseable {
  private final Group group;

  Intruder(Instance fellow) {
    group = Group.join(fellow.manager().groupSettings().options(null).name("intruder"));
  }

  SessionStore store(String application) {
    return SessionStore.open(new SessionStoreOptions(application), group);
  }

  /** An entry of "/shop" whose record says that it is of a format that nobody knows. */
  void forgeRecord(String id) {
    try (ReplicatedMap map = group.openMap("session /shop", MapKind.CONVERGENT)) {
      byte[] key = ("s" + id).getBytes(StandardCharsets.UTF_8);
      map.putAttributes(key, new Attributes().add("i", new byte[] {99}), WriteOptions.DEFAULT);
    }
  }

  /** Writes into the session as if it were an instance that has it. */
  void put(String id, String name, byte[] bytes) {
    try (SessionStore shop = store("/shop")) {
      SessionChanges changes = new SessionChanges().set(name, bytes).fence(shop.load(id).fence());
      if (!shop.save(id, changes).ok()) throw new AssertionError("not written");
    }
  }

  /** As the codec writes what has no compact form, but whatever it is. */
  static byte[] serialized(Object value) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write(1);
    bytes.write(16);
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(value);
    }
    return bytes.toByteArray();
  }

  /** Few bytes that say they are an array of two thousand million. */
  static byte[] hugeArray() throws IOException {
    byte[] bytes = serialized(new Object[1]);
    int length = bytes.length - 5;
    Arrays.fill(bytes, length, length + 4, (byte) -1);
    bytes[length] = 0x7f;
    return bytes;
  }

  @Override
  public void close() {
    group.close();
  }
}
