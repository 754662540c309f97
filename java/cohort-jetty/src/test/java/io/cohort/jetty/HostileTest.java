package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.SessionChanges;
import io.cohort.SessionStore;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.net.URL;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a member of the group may write that means harm, and what an application may overdo. */
class HostileTest extends TwoServers {
  private OtherServer intruder;

  /** Does something when it is read. */
  private static final class Gadget implements Serializable {
    private static final long serialVersionUID = 1;
    private static volatile boolean ran;

    private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
      ran = true;
      in.defaultReadObject();
    }
  }

  @Override
  void prepare(Instance instance) {
    instance.factory.setAllowedClasses("java.lang.*;java.util.*;!*");
  }

  @BeforeEach
  void joinAsAMember() {
    intruder = new OtherServer(first);
    user.cookie = "JSESSIONID=" + intruder.beginSession("ann", "buyer") + ".t1";
  }

  @AfterEach
  void leave() {
    intruder.close();
  }

  private String read(String name) throws Exception {
    first.page("/attribute", (request, response) -> attribute(request, name));
    return user.get(first, "/attribute");
  }

  private void assertCounted(String line) {
    assertTrue(first.store().getLocalAttributes().contains(line),
        () -> first.store().getLocalAttributes().toString());
  }

  @Test
  void aForgedRecordIsNoSessionAndNobodyBeginsANewOneUnderIt() throws Exception {
    Browser thief = new Browser();
    thief.cookie = "JSESSIONID=" + intruder.putRubbish() + ".n1";
    var answer = thief.ask(first, "/count");
    assertEquals(503, answer.statusCode());
    assertTrue(answer.headers().firstValue("Set-Cookie").isEmpty());
    assertTrue(first.store().getRefusedRequests() > 0);
    assertEquals("41", read("n"));
  }

  @Test
  void classesThatAreNotAllowedAreNotReadAndTheRestIs() throws Exception {
    Gadget.ran = false;
    Map<URL, String> lookup = new HashMap<>();
    lookup.put(new URL("http://127.0.0.1:1/"), "x");
    intruder.put(user.storeId(), "gadget", OtherServer.serialized(new Gadget()));
    intruder.put(user.storeId(), "lookup", OtherServer.serialized(lookup));
    assertEquals("null", read("gadget"));
    assertEquals("null", read("lookup"));
    assertEquals("41", read("n"));
    assertFalse(Gadget.ran);
    assertCounted("CLASS_REFUSED 2");
  }

  @Test
  void aFewBytesThatWouldBeMuchMemoryAreDropped() throws Exception {
    intruder.put(user.storeId(), "bomb", OtherServer.hugeArray());
    intruder.put(user.storeId(), "broken", new byte[] {1, 16, 0, 0});
    assertEquals("null", read("bomb"));
    assertEquals("41", read("n"));
    assertCounted("LIMIT 1");
    assertCounted("MALFORMED 1");
  }

  @Test
  void aSessionThatIsTooLargeKeepsHereWhatHasNoRoom() throws Exception {
    use(first, "/large", session -> session.setAttribute("large", new byte[600_000]));
    user.get(first, "/large");
    user.get(first, "/count");
    assertFalse(intruder.hasAttribute(user.storeId(), "large"));
    assertEquals("42", user.get(second, "/read"));
    assertTrue(first.store().getLocalAttributes().get(0).startsWith("TOO_LARGE "));
  }

  @Test
  void whatTheSessionHadNoRoomForIsSentWhenThereIsSome() throws Exception {
    use(first, "/first", session -> session.setAttribute("first", new byte[300_000]));
    use(first, "/second", session -> session.setAttribute("second", new byte[300_000]));
    use(first, "/remove", session -> session.removeAttribute("first"));
    user.get(first, "/first");
    user.get(first, "/second");
    assertFalse(intruder.hasAttribute(user.storeId(), "second"));
    user.get(first, "/remove");
    assertTrue(intruder.hasAttribute(user.storeId(), "second"));
  }

  @Test
  void aMemberOfAnotherApplicationHasNothingToDoWithTheSession() throws Exception {
    String id = user.storeId();
    try (SessionStore other = intruder.storeOf("/other")) {
      assertFalse(other.exists(id));
      assertTrue(other.create("THEIRS", new SessionChanges()).ok());
      assertTrue(other.create(id, new SessionChanges().set("n", new byte[9])).ok());
      assertTrue(other.invalidate(id).ok());
    }
    Browser thief = new Browser();
    thief.cookie = "JSESSIONID=THEIRS.n1";
    assertEquals("no session", thief.get(first, "/read"));
    assertEquals("41", read("n"));
    assertEquals(0, first.store().getConflicts());
  }
}
