package io.cohort.application;

import io.cohort.Attributes;
import io.cohort.Group;
import io.cohort.GroupListener;
import io.cohort.GroupOptions;
import io.cohort.MapKind;
import io.cohort.ReplicatedMap;
import io.cohort.SessionChanges;
import io.cohort.SessionListener;
import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.SessionStoreOptions;
import io.cohort.View;
import io.cohort.WriteOptions;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A web application as its class loader sees it: it has listeners of its own, and closes what it
 * has opened. For {@code ReloadTest}, which loads it again and again.
 */
public final class Shop {
  private final CountDownLatch told = new CountDownLatch(3);

  private Shop() {}

  /** A store for who calls. */
  public static SessionStore open() {
    return SessionStore.open(new SessionStoreOptions("/shop"), null);
  }

  /**
   * A store of this application in a group of the server; its subscriptions end with it. It is
   * closed when this returns.
   */
  public static SessionStore inTheGroupOf(Group server) throws InterruptedException {
    Shop shop = new Shop();
    SessionStore store = open();
    try (store) {
      store.subscribe((SessionListener) event -> shop.told.countDown(), true);
      store.subscribeTasks(task -> shop.told.countDown());
      shop.use(store);
      store.awaitTask(store.setReplication(server), 0);
      shop.awaitTold();
    }
    return store;
  }

  /** A group, a map and a store of this application alone. */
  public static void withAGroupOfItsOwn(String bind, String multicast, String name)
      throws InterruptedException {
    Shop shop = new Shop();
    GroupOptions options = new GroupOptions(name)
                               .name("shop")
                               .bind(bind)
                               .multicast(multicast)
                               .plaintext(GroupOptions.Plaintext.LOOPBACK)
                               .listener(new GroupListener() {
                                 @Override
                                 public void onView(View view) {
                                   shop.told.countDown();
                                 }
                               });
    try (Group group = Group.join(options);
        ReplicatedMap map = group.openMap("m", MapKind.CONVERGENT);
        SessionStore store = SessionStore.open(new SessionStoreOptions("/shop"), group)) {
      map.putAttributes(
          new byte[] {1}, new Attributes().add("a", new byte[1]), WriteOptions.DEFAULT);
      store.subscribe(event -> shop.told.countDown(), true);
      shop.use(store);
      shop.awaitTold();
      map.putAsync(new byte[] {1}, new byte[1], WriteOptions.DEFAULT)
          .thenAccept(result -> shop.told.countDown())
          .join();
      save(store);
      // What is thrown comes from native code, which has to know the class.
      failOnPurpose(map);
    }
  }

  private static void save(SessionStore store) {
    CompletableFuture<SessionResult> saved = new CompletableFuture<>();
    store.create("s2", new SessionChanges());
    store.saveAsync("s2", new SessionChanges().set("n", new byte[1]), saved::complete);
    if (!saved.join().ok()) throw new IllegalStateException(saved.join().toString());
  }

  private static void failOnPurpose(ReplicatedMap map) {
    try {
      map.put(new byte[0], new byte[0], WriteOptions.DEFAULT);
    } catch (io.cohort.CohortException expected) {
      return;
    }
    throw new IllegalStateException("an empty key was taken");
  }

  private void use(SessionStore store) {
    SessionResult made = store.create("s1", new SessionChanges().set("n", new byte[1]));
    if (!made.ok()) throw new IllegalStateException(made.toString());
    SessionResult ended = store.invalidate("s1");
    if (!ended.ok()) throw new IllegalStateException(ended.toString());
  }

  private void awaitTold() throws InterruptedException {
    if (!told.await(20, TimeUnit.SECONDS)) throw new IllegalStateException("not told within 20 s");
  }
}
