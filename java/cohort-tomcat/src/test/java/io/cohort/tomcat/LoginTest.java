package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.nio.file.Path;
import org.apache.catalina.authenticator.FormAuthenticator;
import org.apache.catalina.core.StandardContext;
import org.apache.tomcat.util.descriptor.web.LoginConfig;
import org.apache.tomcat.util.descriptor.web.SecurityCollection;
import org.apache.tomcat.util.descriptor.web.SecurityConstraint;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Users who log in by Tomcat's own form authentication. */
class LoginTest {
  @TempDir private Path temporary;
  private Instance n1;
  private Instance n2;

  @BeforeEach
  void start() throws Exception {
    n1 = newInstance("n1");
    n2 = newInstance("n2");
  }

  @AfterEach
  void stop() {
    n1.close();
    n2.close();
  }

  private Instance newInstance(String route) throws Exception {
    Instance instance =
        new Instance(temporary, route, Instance.PID, manager -> {}, LoginTest::protect);
    instance.tomcat().addUser("ann", "secret");
    instance.tomcat().addRole("ann", "buyer");
    return instance.start();
  }

  @SuppressWarnings("deprecation") // Tomcat 11 does not have what takes its place in 10.1.
  private static void protect(StandardContext context) {
    context.setLoginConfig(new LoginConfig("FORM", null, "/public", "/public"));
    context.getPipeline().addValve(new FormAuthenticator());
    context.addLifecycleListener(event -> {
      if (!event.getType().equals("configure_start")) return;
      SecurityCollection pages = new SecurityCollection();
      pages.addPatternDecoded("/user");
      SecurityConstraint constraint = new SecurityConstraint();
      constraint.addCollection(pages);
      constraint.addAuthRole("buyer");
      context.addConstraint(constraint);
      context.addSecurityRole("buyer");
    });
  }

  @Test
  void whoLoggedInAtOneIsLoggedInAtTheOtherUnderANewId() throws Exception {
    Browser user = new Browser();
    assertEquals("public", user.get(n1, "user"));
    String before = user.storeId();
    HttpResponse<String> answer =
        user.post(n1, "j_security_check", "j_username=ann&j_password=secret");
    assertTrue(answer.statusCode() < 400, answer.body());
    assertEquals("ann FORM true false", user.get(n1, "user"));
    assertNotEquals(before, user.storeId());
    n1.close();
    assertEquals("ann FORM true false", user.get(n2, "user"));
    assertEquals("none", new Browser().withId(before + ".n2").get(n2, "id"));
  }

  @Test
  void whoDidNotLogInIsNotLetIn() throws Exception {
    Browser user = new Browser();
    user.get(n1, "set?name=user&value=ann");
    assertEquals("public", user.get(n2, "user"));
  }
}
