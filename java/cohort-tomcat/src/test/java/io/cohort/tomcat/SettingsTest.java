package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.connector.GroupSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.core.StandardContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What may be in the element, and what is said of what may not. */
class SettingsTest {
  @TempDir private Path temporary;

  /** Why an application whose manager has these settings does not start. */
  private String complaint(Consumer<CohortManager> configuration) throws Exception {
    StandardContext context = new StandardContext();
    context.setName("/shop");
    context.setPath("/shop");
    CohortManager manager = Instance.newManager(Instance.PID);
    manager.setContext(context);
    configuration.accept(manager);
    context.setLoader(new org.apache.catalina.loader.WebappLoader());
    return assertThrows(IllegalArgumentException.class, () -> {
      manager.startsReplicated();
      manager.storeOptions();
      manager.groupSettings();
      manager.classRules(getClass().getClassLoader());
    }).getMessage();
  }

  @Test
  void whatIsMissingOrWrongIsNamedWithWhatToDo() throws Exception {
    assertEquals("CohortManager of /shop: group is not set: name the group of the instances, as"
            + " group=\"shop\"",
        complaint(manager -> manager.setGroup(" ")));
    assertTrue(
        complaint(manager -> manager.setAllowPlaintext("no")).contains("`cohort keygen --out"));
    assertTrue(complaint(manager -> manager.setAllowPlaintext("yes"))
            .endsWith("allowPlaintext=\"yes\" must be no, loopback or network"));
    assertTrue(complaint(manager -> manager.setAck("one")).endsWith("must be all or local"));
    assertTrue(complaint(manager -> manager.setReplication("maybe")).endsWith("must be on or off"));
    assertTrue(complaint(manager -> manager.setNoMulticast(true)).contains("needs seeds"));
    assertTrue(complaint(manager -> manager.setApplication("a".repeat(57))).contains("at most 56"));
    assertTrue(complaint(manager -> manager.setAckTimeoutMs(-1))
            .contains("ackTimeoutMs=\"-1\" must be a number"));
  }

  @Test
  void whatIsNotSetHasADefault() throws Exception {
    try (Instance n1 = new Instance(temporary, "n1", manager -> {}).start()) {
      assertEquals("n1", n1.manager().getNodeName());
      assertEquals("/shop", n1.manager().getApplication());
      assertEquals("n1", n1.manager().groupSettings().nodeName());
      assertEquals(List.of("n1", "CohortValve"),
          List.of(n1.manager().checkedRoute(),
              n1.context().getPipeline().getFirst().getClass().getSimpleName()));
    }
  }

  @Test
  void contextsShareOneMembershipAndNeverSessions() throws Exception {
    try (Instance n1 = new Instance(temporary, "n1", manager -> {})) {
      StandardContext other = n1.addApplication("/other", temporary.resolve("n1"));
      CohortManager manager = Instance.newManager(Instance.PID);
      other.setManager(manager);
      n1.start();
      Browser user = new Browser();
      user.get(n1, "set?name=user&value=ann");
      assertEquals(0, new CohortStatus(manager).getSessions());
      Instance.awaitTrue("n1 counts it", () -> n1.status().getSessions() == 1);
      n1.context().stop();
      assertTrue(manager.isReady());
    }
  }

  @Test
  void twoContextsOfOneApplicationOrOfOtherSettingsAreRefused() throws Exception {
    try (Instance n1 = new Instance(temporary, "n1", manager -> {}).start()) {
      GroupSettings settings = n1.manager().groupSettings();
      String twice = assertThrows(
          IllegalArgumentException.class, () -> SharedGroups.acquire(settings, "/shop"))
                         .getMessage();
      assertTrue(twice.contains("set application="), twice);
      CohortManager other = Instance.newManager(Instance.PID);
      other.setNodeName("n1");
      other.setSeeds("127.0.0.1:1");
      String different = assertThrows(IllegalArgumentException.class,
          () -> SharedGroups.acquire(other.groupSettings(), "/other"))
                             .getMessage();
      assertTrue(different.contains("was joined by [/shop] with other settings"), different);
    }
  }

  @Test
  void aRouteWithADotIsRefused() throws Exception {
    try (Instance n1 = new Instance(temporary, "n.1", manager -> {})) {
      n1.tomcat().start();
      assertTrue(!n1.context().getState().isAvailable());
      LifecycleException e =
          assertThrows(LifecycleException.class, () -> n1.manager().startInternal());
      assertTrue(e.getMessage().contains("jvmRoute \"n.1\" has a dot"), e.getMessage());
    }
  }

  @Test
  void anIdIsTheStoresAndARoute() {
    assertEquals("A1", SessionIds.ofStore("A1.n1"));
    assertEquals("A1", SessionIds.ofStore("A1"));
    assertEquals("A1.n2", SessionIds.withRoute("A1", "n2"));
    assertEquals("A1", SessionIds.withRoute("A1", ""));
    for (String bad : new String[] {null, "", ".n1", "é".repeat(200), "A".repeat(257)}) {
      assertEquals(null, SessionIds.ofStore(bad));
    }
  }
}
