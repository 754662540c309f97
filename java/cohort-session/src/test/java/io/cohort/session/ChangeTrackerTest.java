package io.cohort.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

class ChangeTrackerTest {
  private final Map<String, Object> session = new ConcurrentHashMap<>();
  private final List<AttributeReport> reports = new ArrayList<>();
  private final AttributePolicy policy =
      new AttributePolicy("shop", List.of("local.*"), reports::add);
  private ChangeTracker tracker = new ChangeTracker(Codecs.codec(), policy, true);

  private void set(String name, Object value) {
    session.put(name, value);
    tracker.onWritten(name);
  }

  private Object get(String name) {
    Object value = session.get(name);
    tracker.onRead(name, value);
    return value;
  }

  private void remove(String name) {
    session.remove(name);
    tracker.onWritten(name);
  }

  private Changes collect() {
    return tracker.collect(session::get);
  }

  private void addTo(String name, Object item) {
    get(name);
    addToWhatItHas(name, item);
  }

  /** As a request that has got the list before. */
  @SuppressWarnings("unchecked")
  private void addToWhatItHas(String name, Object item) {
    ((List<Object>) session.get(name)).add(item);
  }

  @Test
  void whatWasSetIsCollectedOnceAndDecodesToWhatItIs() {
    set("n", 5);
    Changes changes = collect();
    assertEquals(Set.of("n"), changes.put().keySet());
    assertEquals(5, Codecs.decode(Codecs.codec(), changes.put().get("n")));
    assertTrue(collect().isEmpty());
  }

  @Test
  void whatWasFoundWhenTheApplicationFailedIsCollectedTheNextTime() {
    set("gone", 0);
    collect();
    remove("gone");
    set("n", 5);
    set("fails", 6);
    assertThrows(StackOverflowError.class, () -> tracker.collect(name -> {
      if (name.equals("fails")) throw new StackOverflowError();
      return session.get(name);
    }));
    assertTrue(tracker.isTouched());
    Changes changes = collect();
    assertEquals(Set.of("n", "fails"), changes.put().keySet());
    assertEquals(Set.of("gone"), changes.removed());
  }

  @Test
  void aChangeInPlaceIsFoundThoughNothingWasSet() {
    set("list", new ArrayList<>(List.of("a")));
    collect();
    addTo("list", "b");
    Changes changes = collect();
    assertEquals(List.of("a", "b"), Codecs.decode(Codecs.codec(), changes.put().get("list")));
    get("list");
    assertTrue(collect().isEmpty());
  }

  @Test
  void aChangeInPlaceIsFoundAlsoAfterASaveInTheMiddleOfItsRequest() {
    set("list", new ArrayList<>(List.of("a")));
    collect();
    get("list");
    assertTrue(tracker.collect(session::get, () -> true).isEmpty());
    addToWhatItHas("list", "b");
    assertEquals(Set.of("list"), tracker.collect(session::get, () -> true).put().keySet());
    addToWhatItHas("list", "c");
    assertEquals(Set.of("list"), collect().put().keySet());
    addToWhatItHas("list", "d");
    assertTrue(collect().isEmpty());
  }

  @Test
  void soIsAChangeOfWhatTheRequestHasSet() {
    set("list", new ArrayList<>(List.of("a")));
    assertEquals(Set.of("list"), tracker.collect(session::get, () -> true).put().keySet());
    addToWhatItHas("list", "b");
    assertEquals(Set.of("list"), collect().put().keySet());
  }

  @Test
  void withDetectionOffASaveInTheMiddleKeepsNothing() {
    tracker = new ChangeTracker(Codecs.codec(), policy, false);
    set("list", new ArrayList<>(List.of("a")));
    assertEquals(Set.of("list"), tracker.collect(session::get, () -> true).put().keySet());
    addToWhatItHas("list", "b");
    assertTrue(collect().isEmpty());
  }

  @Test
  void whatWasRefusedIsSentAgainWhenItIsTouchedAgain() {
    set("n", 5);
    collect();
    tracker.onRefused("n");
    tracker.onRefused("never");
    assertTrue(collect().isEmpty());
    set("n", 5);
    remove("never");
    Changes changes = collect();
    assertEquals(Set.of("n"), changes.put().keySet());
    assertEquals(Set.of(), changes.removed());
  }

  @Test
  void withDetectionOffOnlyWhatIsSetIsFound() {
    tracker = new ChangeTracker(Codecs.codec(), policy, false);
    set("list", new ArrayList<>(List.of("a")));
    collect();
    addTo("list", "b");
    assertTrue(collect().isEmpty());
    set("list", session.get("list"));
    assertEquals(Set.of("list"), collect().put().keySet());
  }

  static final class Counting implements Serializable {
    static int written;

    private void writeObject(ObjectOutputStream out) {
      ++written;
    }
  }

  @Test
  void whatWasNotReadIsNotEncodedAgain() {
    set("x", new Counting());
    collect();
    int before = Counting.written;
    collect();
    assertEquals(before, Counting.written);
    get("x");
    get("x");
    collect();
    assertEquals(before + 1, Counting.written);
  }

  @Test
  void settingWhatReplicasAlreadyHaveSendsNothing() {
    set("n", 5);
    collect();
    set("n", 5);
    assertTrue(collect().isEmpty());
  }

  @Test
  void removalIsSentOnlyOfWhatReplicasMayHave() {
    set("n", 5);
    remove("n");
    assertTrue(collect().isEmpty());
    set("n", 5);
    collect();
    remove("n");
    remove("never");
    assertEquals(Set.of("n"), collect().removed());
    assertTrue(collect().isEmpty());
  }

  @Test
  void aValueThatStaysLocalTakesTheOlderOneFromTheReplicas() {
    set("cart", "old");
    set("thread", "old");
    collect();
    set("cart", new ArrayList<>(List.of(new Object())));
    set("thread", new Thread());
    set("ok", 1);
    Changes changes = collect();
    assertEquals(Set.of("cart", "thread"), changes.removed());
    assertEquals(Set.of("ok"), changes.put().keySet());
    assertEquals(2, reports.size());
    get("cart");
    get("thread");
    assertTrue(collect().isEmpty());
    assertEquals(2, reports.size());
    set("cart", "new");
    assertEquals(Set.of("cart"), collect().put().keySet());
  }

  @Test
  void excludedNamesAreNeverSent() {
    set("local.x", "x");
    assertTrue(collect().isEmpty());
    assertEquals(1, policy.count(Reason.EXCLUDED));
  }

  @Test
  void whatCouldNotBeSentIsCollectedAgainAsItIsThen() {
    set("a", 1);
    set("b", 1);
    collect();
    set("a", 2);
    remove("b");
    Changes lost = collect();
    set("a", 3);
    tracker.restore(lost);
    Changes again = collect();
    assertEquals(3, Codecs.decode(Codecs.codec(), again.put().get("a")));
    assertEquals(Set.of("b"), again.removed());
    assertTrue(collect().isEmpty());
  }

  @Test
  void whatWasLostAndIsBackAtTheOldValueIsSentAllTheSame() {
    set("a", 1);
    collect();
    set("a", 2);
    Changes lost = collect();
    set("a", 1);
    tracker.restore(lost);
    // Whether replicas have 1 or 2 nobody knows.
    assertEquals(Set.of("a"), collect().put().keySet());
  }

  @Test
  void aLoadedSessionSendsOnlyWhatChangesAfterwards() {
    List<String> list = new ArrayList<>(List.of("a"));
    byte[] bytes = Codecs.encode(Codecs.codec(), list);
    session.put("list", Codecs.decode(Codecs.codec(), bytes));
    tracker.onLoaded("list", bytes);
    get("list");
    assertTrue(collect().isEmpty());
    addTo("list", "b");
    assertEquals(Set.of("list"), collect().put().keySet());
    remove("list");
    assertEquals(Set.of("list"), collect().removed());
  }

  static final class Restless implements Serializable {
    boolean busy = true;

    private void writeObject(ObjectOutputStream out) throws java.io.IOException {
      if (busy) throw new ConcurrentModificationException();
      out.defaultWriteObject();
    }
  }

  @Test
  void whatAnotherRequestIsChangingIsCollectedLaterAndNotTakenFromTheReplicas() {
    set("x", "old");
    collect();
    Restless restless = new Restless();
    set("x", restless);
    assertTrue(collect().isEmpty());
    restless.busy = false;
    assertEquals(Set.of("x"), collect().put().keySet());
    assertEquals(List.of(), reports);
  }

  @Test
  void attributesBeyondTheMostStayLocalAndOneThatGoesMakesRoom() {
    for (int i = 0; i < ChangeTracker.ATTRIBUTES_MAX; ++i) set("n" + i, i);
    assertEquals(ChangeTracker.ATTRIBUTES_MAX, collect().put().size());
    set("more", 1);
    set("n5", "other");
    assertEquals(Set.of("n5"), collect().put().keySet());
    assertEquals(Reason.TOO_MANY, reports.get(0).reason());
    remove("n7");
    collect();
    set("more", 1);
    assertEquals(Set.of("more"), collect().put().keySet());
  }

  @Test
  void twentyParallelRequestsLoseNothing() throws InterruptedException {
    set("n", new int[] {0});
    Map<String, byte[]> replica = new ConcurrentHashMap<>(collect().put());
    Object sendLock = new Object();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 20; ++i) {
      Thread thread = new Thread(() -> {
        for (int round = 0; round < 200; ++round) {
          int[] value = (int[]) get("n");
          synchronized (value) {
            ++value[0];
          }
          synchronized (sendLock) {
            replica.putAll(collect().put());
          }
        }
      });
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) thread.join();
    assertEquals(4000, ((int[]) Codecs.decode(Codecs.codec(), replica.get("n")))[0]);
  }

  @Test
  void hashesTellEveryChangeOfAFewBytesApart() {
    byte[] bytes = new byte[4096];
    long before = ContentHash.of(bytes);
    for (int i = 0; i < bytes.length; ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        bytes[i] ^= (byte) (1 << bit);
        assertFalse(before == ContentHash.of(bytes));
        bytes[i] ^= (byte) (1 << bit);
      }
    }
    assertFalse(before == ContentHash.of(Arrays.copyOf(bytes, 4097)));
    assertEquals(0xe3069283cbf43926L, ContentHash.of("123456789".getBytes()));
  }
}
