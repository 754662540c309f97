package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.SessionChanges;
import io.cohort.SessionStore;
import java.net.URL;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a member of the group may write that means harm, and what an application may overdo. */
class HostileTest {
  @TempDir private Path temporary;
  private Instance n1;
  private Intruder intruder;
  private final Browser user = new Browser();

  @BeforeEach
  void start() throws Exception {
    n1 = new Instance(temporary, "n1", manager -> {}).start();
    intruder = new Intruder(n1);
    user.get(n1, "set?name=user&value=ann");
  }

  @AfterEach
  void stop() {
    intruder.close();
    n1.close();
  }

  /** Writes as an instance that has the session; n1 has been told, and keeps no object of it. */
  private void plant(String name, byte[] bytes) {
    intruder.put(user.storeId(), name, bytes);
    Instance.awaitTrue("n1 lets go of its object", () -> n1.manager().getActiveSessions() == 0);
  }

  private void assertCounted(String line) {
    String[] lines = n1.status().getLocalAttributes();
    assertTrue(Arrays.asList(lines).contains(line), () -> Arrays.toString(lines));
  }

  @Test
  void aForgedRecordIsNoSessionAndNobodyBeginsANewOneUnderIt() throws Exception {
    intruder.forgeRecord("FORGED");
    HttpResponse<String> answer = new Browser().withId("FORGED.n1").ask(n1, "id");
    assertEquals(503, answer.statusCode());
    assertTrue(answer.headers().firstValue("Set-Cookie").isEmpty());
    assertEquals(1, n1.status().getRefusedRequests());
    assertEquals("ann", user.get(n1, "get?name=user"));
  }

  @Test
  void classesThatAreNotTheApplicationsAreNotReadAndTheRestIs() throws Exception {
    Gadget.ran = false;
    plant("gadget", Intruder.serialized(new Gadget()));
    Map<URL, String> lookup = new HashMap<>();
    lookup.put(new URL("http://127.0.0.1:1/"), "x");
    plant("lookup", Intruder.serialized(lookup));
    assertEquals("null", user.get(n1, "get?name=gadget"));
    assertEquals("null", user.get(n1, "get?name=lookup"));
    assertEquals("ann", user.get(n1, "get?name=user"));
    assertFalse(Gadget.ran);
    assertCounted("CLASS_REFUSED 2");
  }

  @Test
  void aFewBytesThatWouldBeMuchMemoryAreDropped() throws Exception {
    plant("bomb", Intruder.hugeArray());
    plant("broken", new byte[] {1, 16, 0, 0});
    assertEquals("ann", user.get(n1, "get?name=user"));
    assertEquals("null", user.get(n1, "get?name=bomb"));
    assertCounted("LIMIT 1");
    assertCounted("MALFORMED 1");
  }

  @Test
  void metadataThatNobodyCanReadLogsNobodyIn() throws Exception {
    try (SessionStore shop = intruder.store("/shop")) {
      shop.save(user.storeId(),
          new SessionChanges()
              .metadata(new byte[] {99, 99})
              .fence(shop.load(user.storeId()).fence()));
    }
    assertEquals("null null false false", user.get(n1, "user"));
    assertEquals("ann", user.get(n1, "get?name=user"));
  }

  @Test
  void aSessionThatIsTooLargeKeepsHereWhatHasNoRoom() throws Exception {
    assertEquals("600000", user.get(n1, "bytes?name=large&value=600000"));
    user.get(n1, "set?name=user&value=bob");
    try (SessionStore shop = intruder.store("/shop")) {
      assertEquals(1, shop.load(user.storeId()).attributes().count());
    }
    assertEquals("600000", user.get(n1, "length-of?name=large"));
    assertTrue(n1.status().getLocalAttributes()[0].startsWith("TOO_LARGE "));
  }

  @Test
  void aMemberOfAnotherApplicationHasNothingToDoWithTheSession() throws Exception {
    try (SessionStore other = intruder.store("/other")) {
      assertFalse(other.exists(user.storeId()));
      assertTrue(other.create("THEIRS", new SessionChanges()).ok());
      assertTrue(other.create(user.storeId(), new SessionChanges().set("user", new byte[9])).ok());
      assertTrue(other.invalidate(user.storeId()).ok());
    }
    assertEquals("none", new Browser().withId("THEIRS.n1").get(n1, "id"));
    assertEquals("ann", user.get(n1, "get?name=user"));
    assertEquals(0, n1.status().getConflicts());
  }
}
