package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cohort.Attributes;
import io.cohort.CohortException;
import io.cohort.Group;
import io.cohort.GroupOptions;
import io.cohort.MapKind;
import io.cohort.ReplicatedMap;
import io.cohort.SessionChanges;
import io.cohort.SessionStore;
import io.cohort.SessionStoreOptions;
import io.cohort.WriteOptions;
import io.cohort.session.AttributeCodec;
import io.cohort.session.ClassRules;
import io.cohort.session.EncodeResult;
import io.cohort.session.SessionMetadata;
import io.cohort.session.SessionPrincipal;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** A member whose sessions are written by the rules that all connectors share, and no Jetty. */
final class OtherServer implements AutoCloseable {
  private final Group group;
  private final SessionStore store;

  OtherServer(Instance fellow) {
    GroupOptions options = fellow.factory.groupSettings("t1").options(null);
    group = Group.join(options.name("t1"));
    store = SessionStore.open(new SessionStoreOptions("/shop"), group);
  }

  /** Begins a session with a user who has this role, and n = 41. */
  String beginSession(String user, String role) {
    return beginSession(user, role, null);
  }

  /** The same, with what only connectors of its kind can read. */
  String beginSession(String user, String role, byte[] connectorBytes) {
    AttributeCodec codec = new AttributeCodec(ClassRules.of(getClass().getClassLoader()));
    long now = System.currentTimeMillis();
    SessionMetadata metadata = new SessionMetadata(
        now, now, 1800, false, "FORM", new SessionPrincipal(user, List.of(role)), connectorBytes);
    SessionChanges contents = new SessionChanges()
                                  .set("n", ((EncodeResult.Encoded) codec.encode(41)).bytes())
                                  .metadata(metadata.encode())
                                  .maxInactiveMs(1_800_000);
    String id = "A1B2C3D4E5";
    if (!store.create(id, contents).ok()) throw new AssertionError("not created");
    return id;
  }

  /** An entry that is no session, where one should be; returns its id. */
  String putRubbish() {
    String id = "NOSESSION";
    byte[] key = ("s" + id).getBytes(StandardCharsets.UTF_8);
    try (ReplicatedMap map = group.openMap("session /shop", MapKind.CONVERGENT)) {
      // The attribute that holds a session's record, in a format of another release.
      Attributes record = new Attributes().add("i", new byte[] {99});
      map.putAttributes(key, record, WriteOptions.DEFAULT);
    }
    assertThrows(CohortException.class, () -> store.load(id));
    return id;
  }

  SessionStore storeOf(String application) {
    return SessionStore.open(new SessionStoreOptions(application), group);
  }

  /** Writes into the session as if it were an instance that has it. */
  void put(String id, String name, byte[] bytes) {
    SessionChanges changes = new SessionChanges().set(name, bytes).fence(store.load(id).fence());
    if (!store.save(id, changes).ok()) throw new AssertionError("not written");
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

  /** Of another release, so that nobody here can read it. */
  void putUnreadable(String id, String name) {
    store.save(id, new SessionChanges().set(name, new byte[] {99}));
  }

  boolean hasAttribute(String id, String name) {
    return store.load(id).attributes().get(name) != null;
  }

  SessionMetadata metadata(String id) {
    return SessionMetadata.decode(store.load(id).metadata()).orElseThrow();
  }

  SessionPrincipal user(String id) {
    return metadata(id).principal();
  }

  @Override
  public void close() {
    store.close();
    group.close();
  }
}
