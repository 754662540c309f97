package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.Serializable;
import java.nio.file.Path;
import java.security.Principal;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.apache.catalina.Session;
import org.apache.catalina.realm.GenericPrincipal;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Users of types of their own, as a realm may make them, who are more than a name and roles. */
class OwnUserTest {
  private static final Logger LOGGER = Logger.getLogger(CohortManager.class.getName());

  @TempDir private Path temporary;
  private final List<String> warnings = new CopyOnWriteArrayList<>();
  private final Handler handler = new Handler() {
    @Override
    public void publish(LogRecord line) {
      if (line.getMessage().contains("user")) warnings.add(line.getMessage());
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  };
  private Instance n1;
  private Instance n2;

  /** One who can be serialized. */
  record Customer(String name, int discount) implements Principal, Serializable {
    @Override
    public String getName() {
      return name;
    }
  }

  /** One who cannot. */
  record Guest(String name) implements Principal {
    @Override
    public String getName() {
      return name;
    }
  }

  @BeforeEach
  void listen() {
    LOGGER.addHandler(handler);
  }

  @AfterEach
  void stop() {
    LOGGER.removeHandler(handler);
    n1.close();
    n2.close();
  }

  private void start(Consumer<CohortManager> first, Consumer<CohortManager> second)
      throws Exception {
    n1 = new Instance(temporary, "n1", first).start();
    n2 = new Instance(temporary, "n2", second).start();
  }

  private static void allow(CohortManager manager) {
    manager.setAllowedClasses(Customer.class.getName());
  }

  // A session of this user at the first instance, and what it is at the other one.
  private Session moved(Principal principal) throws Exception {
    Browser user = new Browser();
    user.get(n1, "set?name=x&value=y");
    Session here = n1.manager().findSession(user.id());
    here.setAuthType("OWN");
    here.setPrincipal(principal);
    assertEquals("y", user.get(n1, "get?name=x"));
    assertEquals("y", user.get(n2, "get?name=x"));
    return n2.manager().findSession(user.id());
  }

  @Test
  void whoCanBeSerializedIsAtTheOtherInstanceAsHeIs() throws Exception {
    start(OwnUserTest::allow, OwnUserTest::allow);
    Session there = moved(new Customer("ann", 5));
    assertEquals(new Customer("ann", 5), there.getPrincipal());
    assertEquals("OWN", there.getAuthType());
    assertEquals(List.of(), warnings);
  }

  @Test
  void whomTheApplicationSeesInPlaceOfTomcatsUserIsAtTheOtherInstanceWithHisRoles()
      throws Exception {
    start(OwnUserTest::allow, OwnUserTest::allow);
    Customer shown = new Customer("ann", 5);
    Session there = moved(new GenericPrincipal("ann", List.of("buyer"), shown));
    GenericPrincipal principal = (GenericPrincipal) there.getPrincipal();
    assertEquals(shown, principal.getUserPrincipal());
    assertTrue(principal.hasRole("buyer"));
  }

  @Test
  void whoCannotBeSerializedLogsInAgainWhichIsToldOnceAndTheSessionGoesOn() throws Exception {
    start(manager -> {}, manager -> {});
    assertNull(moved(new Guest("a")).getPrincipal());
    assertNull(moved(new Guest("b")).getPrincipal());
    assertEquals(1, warnings.size(), warnings.toString());
    assertTrue(warnings.get(0).contains("not serializable"), warnings.get(0));
  }

  @Test
  void aUserOfAClassThatIsNotAllowedIsNotReadWhichIsToldOnceAndTheSessionGoesOn() throws Exception {
    start(OwnUserTest::allow, manager -> {});
    for (int i = 0; i < 2; ++i) {
      Session there = moved(new Customer("ann", i));
      assertNull(there.getPrincipal());
      assertNull(there.getAuthType());
    }
    assertEquals(1, warnings.size(), warnings.toString());
    assertTrue(warnings.get(0).contains("class not allowed"), warnings.get(0));
  }
}
