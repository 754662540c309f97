package io.cohort;

import static io.cohort.Loopback.bytes;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

/** What docs/java.md shows, word for word (tests/documents compares), and that it does so. */
class ShownTest {
  private final String id = "A1B2";
  private final byte[] metadata = new byte[0];

  /** Not called: it would join a group on this host's network. */
  static byte[] readACart(byte[] id, byte[] name, byte[] bytes) {
    GroupOptions options = new GroupOptions("shop").name("n1").keyFile("/etc/shop.key");
    try (Group group = Group.join(options)) {
      ReplicatedMap sessions = group.openMap("sessions", MapKind.CONVERGENT);
      Attributes attributes = new Attributes().add("cart", bytes);
      sessions.putAttributes(id, attributes, WriteOptions.DEFAULT.withTtlMs(1_800_000));
      byte[] cart = sessions.getAttribute(id, name);
      return cart;
    }
  }

  // Another member writes once between reading and writing.
  private boolean disturbed;
  private SessionStore other;

  private byte[] handle(byte[] request, byte[] cart) {
    if (!disturbed && other != null) {
      disturbed = true;
      SessionChanges changes = new SessionChanges().set("cart", bytes("theirs"));
      assertEquals(Status.OK, other.save(id, changes.fence(other.load(id).fence())).status());
    }
    return cart == null ? request : bytes(Loopback.text(cart) + "+" + Loopback.text(request));
  }

  private byte[] serve(Group group, byte[] request) {
    SessionStore store = SessionStore.open(new SessionStoreOptions("/shop"), group);
    store.create(id, new SessionChanges().maxInactiveMs(1_800_000).metadata(metadata));
    try (store) {
      return change(store, request);
    }
  }

  private byte[] change(SessionStore store, byte[] request) {
    for (;;) {
      Session session = store.load(id);
      // There is none any more: the request gets a new one, or none.
      if (session == null) return null;
      byte[] cart = handle(request, session.attributes().get("cart"));
      SessionChanges changes = new SessionChanges().set("cart", cart).fence(session.fence());
      SessionResult saved = store.save(id, changes);
      if (saved.ok()) return cart;
      if (saved.status() != Status.ABORTED) throw new IllegalStateException(saved.text());
      // Another member has written meanwhile: what is there now is loaded, and changed again.
    }
  }

  @Test
  void whatARequestDoesIsDoneAlsoWhenAnotherMemberWritesMeanwhile() {
    try (Group a = Group.join(Loopback.options("shown", "a"));
        Group b = Group.join(Loopback.options("shown", "b"));
        SessionStore atB = SessionStore.open(new SessionStoreOptions("/shop"), b)) {
      Loopback.awaitTogether(a, b);
      assertArrayEquals(bytes("lamp"), serve(a, bytes("lamp")));
      other = atB;
      SessionStore store = SessionStore.open(new SessionStoreOptions("/shop"), a);
      assertArrayEquals(bytes("theirs+desk"), change(store, bytes("desk")));
      assertNotNull(atB.load(id));
      store.invalidate(id);
      assertNull(change(store, bytes("late")));
    }
  }
}
