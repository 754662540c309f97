package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.session.SessionMetadata;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import org.apache.catalina.authenticator.FormAuthenticator;
import org.apache.catalina.authenticator.SingleSignOn;
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
  private static final String LOGIN = "j_username=ann&j_password=secret";

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
    instance.tomcat().getHost().getPipeline().addValve(new SingleSignOn());
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
      pages.addPatternDecoded("/bytes");
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
    HttpResponse<String> answer = user.post(n1, "j_security_check", LOGIN);
    assertTrue(answer.statusCode() < 400, answer.body());
    assertEquals("ann FORM true false", user.get(n1, "user"));
    assertNotEquals(before, user.storeId());
    n1.close();
    assertEquals("ann FORM true false", user.get(n2, "user"));
    assertEquals("none", new Browser().withId(before + ".n2").get(n2, "id"));
  }

  @Test
  void whoIsAtAFormWhenItsInstanceDiesGoesOnToThePageThatWasAskedFor() throws Exception {
    Browser user = new Browser();
    assertEquals("public", user.get(n1, "user?page=2"));
    n1.close();
    HttpResponse<String> answer = user.post(n2, "j_security_check", LOGIN);
    assertEquals(List.of("/shop/user?page=2"), answer.headers().allValues("Location"));
    assertEquals("ann FORM true false", user.get(n2, "user?page=2"));
  }

  @Test
  void aFormThatWasInterruptedIsPostedAfterTheLoginAtTheOtherInstance() throws Exception {
    Browser user = new Browser();
    assertEquals("public", user.post(n1, "bytes", "name=b&value=7").body());
    n1.close();
    user.post(n2, "j_security_check", LOGIN);
    assertEquals("7", user.get(n2, "bytes"));
    assertEquals("7", user.get(n2, "length-of?name=b"));
  }

  @Test
  void whoHasLoggedInAndNotYetSeenThePageSeesItAtTheOtherInstance() throws Exception {
    Browser user = new Browser();
    assertEquals("public", user.post(n1, "bytes", "name=b&value=7").body());
    user.post(n1, "j_security_check", LOGIN);
    n1.close();
    assertEquals("7", user.get(n2, "bytes"));
  }

  @Test
  void afterTheLoginNothingIsKeptOfTheForm() throws Exception {
    Browser user = new Browser();
    user.get(n1, "user");
    user.post(n1, "j_security_check", LOGIN);
    user.get(n1, "user");
    byte[] metadata = n2.manager().store().load(user.storeId()).metadata();
    assertNull(SessionMetadata.decode(metadata).orElseThrow().connectorBytes());
  }

  @Test
  void aFormOfAnotherSessionIsNotAnswered() throws Exception {
    Browser user = new Browser();
    user.get(n1, "set?name=x&value=y");
    HttpResponse<String> answer = user.post(n2, "j_security_check", LOGIN);
    assertEquals(408, answer.statusCode());
  }

  /** What docs/tomcat.md says of it, and no more. */
  @Test
  void singleSignOnIsOfOneInstanceAndWhoIsLoggedInStaysSo() throws Exception {
    Browser user = new Browser();
    user.get(n1, "user");
    user.post(n1, "j_security_check", LOGIN);
    assertNotNull(user.singleSignOn());
    n1.close();
    assertEquals("ann FORM true false", user.get(n2, "user"));
    assertNull(user.singleSignOn());
    assertEquals("ann FORM true false", user.get(n2, "user"));
  }

  @Test
  void whoDidNotLogInIsNotLetIn() throws Exception {
    Browser user = new Browser();
    user.get(n1, "set?name=user&value=ann");
    assertEquals("public", user.get(n2, "user"));
  }
}
