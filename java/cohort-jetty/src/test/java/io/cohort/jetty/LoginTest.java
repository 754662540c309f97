package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.session.SessionPrincipal;
import java.net.http.HttpResponse;
import java.util.List;
import org.eclipse.jetty.ee10.servlet.security.ConstraintMapping;
import org.eclipse.jetty.ee10.servlet.security.ConstraintSecurityHandler;
import org.eclipse.jetty.security.Constraint;
import org.eclipse.jetty.security.HashLoginService;
import org.eclipse.jetty.security.UserStore;
import org.eclipse.jetty.security.authentication.FormAuthenticator;
import org.eclipse.jetty.util.security.Credential;
import org.junit.jupiter.api.Test;

/** Users who log in by Jetty's own form. */
class LoginTest extends TwoServers {
  @Override
  void prepare(Instance instance) {
    protect(instance);
  }

  @Override
  void prepareSecond(Instance instance) {
    protect(instance);
  }

  private static void protect(Instance instance) {
    UserStore users = new UserStore();
    users.addUser("ann", Credential.getCredential("secret"), new String[] {"buyer", "reader"});
    HashLoginService login = new HashLoginService("shop");
    login.setUserStore(users);
    ConstraintMapping mapping = new ConstraintMapping();
    mapping.setPathSpec("/private");
    mapping.setConstraint(Constraint.from("private", Constraint.Authorization.ANY_USER));
    ConstraintSecurityHandler security = new ConstraintSecurityHandler();
    security.addConstraintMapping(mapping);
    security.setLoginService(login);
    security.setAuthenticator(new FormAuthenticator("/form", "/wrong", false));
    instance.context.setSecurityHandler(security);
    instance.page("/private",
        (request, response)
            -> request.getRemoteUser() + " " + request.getAuthType() + " "
            + request.isUserInRole("buyer") + " " + request.isUserInRole("admin"));
    instance.page("/logout", (request, response) -> {
      request.logout();
      return "out";
    });
  }

  private void logIn() throws Exception {
    assertEquals(302, user.ask(first, "/private").statusCode());
    user.ask(first, "/j_security_check?j_username=ann&j_password=secret");
    assertEquals("ann FORM true false", user.get(first, "/private"));
  }

  @Test
  void whoLoggedInAtOneIsLoggedInAtTheOtherUnderANewId() throws Exception {
    user.get(first, "/count");
    String before = user.storeId();
    logIn();
    assertNotEquals(before, user.storeId());
    assertEquals("ann FORM true false", user.get(second, "/private"));
    assertEquals("1", user.get(second, "/read"));
    first.close();
    assertEquals("ann FORM true false", user.get(second, "/private"));
  }

  @Test
  void whoIsAtAFormWhenItsServerDiesGoesOnToThePageThatWasAskedFor() throws Exception {
    assertEquals(302, user.ask(first, "/private?page=2").statusCode());
    first.close();
    HttpResponse<String> answer =
        user.ask(second, "/j_security_check?j_username=ann&j_password=secret");
    String page = answer.headers().firstValue("Location").orElse("");
    assertTrue(page.endsWith("/private?page=2"), page);
    assertEquals("ann FORM true false", user.get(second, "/private?page=2"));
  }

  @Test
  void afterTheLoginNothingIsKeptOfTheForm() throws Exception {
    logIn();
    try (OtherServer other = new OtherServer(first)) {
      assertNull(other.metadata(user.storeId()).connectorBytes());
    }
  }

  @Test
  void whoLogsOutIsNotLoggedInByWhatAnotherServerHasOfHim() throws Exception {
    try (OtherServer other = new OtherServer(first)) {
      String id = other.beginSession("eve", "buyer", new byte[] {'T', 1, 0});
      user.cookie = "JSESSIONID=" + id + ".t1";
      assertEquals("eve FORM true false", user.get(first, "/private"));
      user.get(first, "/logout");
      assertNull(other.metadata(id).principal());
      assertNull(other.metadata(id).connectorBytes());
    }
  }

  @Test
  void whoLogsOutAtOneIsLoggedOutAtTheOther() throws Exception {
    logIn();
    assertEquals("ann FORM true false", user.get(second, "/private"));
    user.get(second, "/logout");
    assertEquals(302, user.ask(first, "/private").statusCode());
    assertEquals(302, user.ask(second, "/private").statusCode());
  }

  @Test
  void nameAndRolesAreReplicatedAndThePasswordIsNot() throws Exception {
    logIn();
    try (OtherServer other = new OtherServer(first)) {
      SessionPrincipal there = other.user(user.storeId());
      assertEquals(new SessionPrincipal("ann", List.of("buyer", "reader")), there);
      assertFalse(other.hasAttribute(user.storeId(), JettyUsers.ATTRIBUTE));
    }
  }

  @Test
  void whoLoggedInAtAServerOfAnotherKindIsLoggedIn() throws Exception {
    try (OtherServer other = new OtherServer(first)) {
      user.cookie = "JSESSIONID=" + other.beginSession("eve", "buyer") + ".t1";
      assertEquals("eve FORM true false", user.get(first, "/private"));
      assertEquals("eve", other.user(user.storeId()).name());
    }
  }

  @Test
  void whoDidNotLogInIsNotLetIn() throws Exception {
    user.get(first, "/count");
    assertEquals(302, user.ask(second, "/private").statusCode());
    try (OtherServer other = new OtherServer(first)) {
      assertNull(other.user(user.storeId()));
    }
  }
}
