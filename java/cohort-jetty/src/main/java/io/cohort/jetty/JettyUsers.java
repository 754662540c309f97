package io.cohort.jetty;

import io.cohort.session.SessionPrincipal;
import java.security.Principal;
import java.util.List;
import javax.security.auth.Subject;
import org.eclipse.jetty.security.AbstractLoginService;
import org.eclipse.jetty.security.RolePrincipal;
import org.eclipse.jetty.security.SecurityHandler;
import org.eclipse.jetty.security.UserIdentity;
import org.eclipse.jetty.security.UserPrincipal;
import org.eclipse.jetty.security.authentication.SessionAuthentication;
import org.eclipse.jetty.server.handler.ContextHandler;

/**
 * Who has logged in by Jetty's own security, between its form, an attribute that has the password
 * in it, and that of all connectors: name, roles and kind of login. Only of login services that
 * keep roles in the user's subject, as all of Jetty's that look a user up do. Any threads.
 */
final class JettyUsers {
  /** The attribute of a session. */
  static final String ATTRIBUTE = SessionAuthentication.AUTHENTICATED_ATTRIBUTE;

  private final ContextHandler context;

  private JettyUsers(ContextHandler context) {
    this.context = context;
  }

  /** Null: this Jetty has no security, whose classes are then not there. */
  static JettyUsers of(ContextHandler context) {
    try {
      Class.forName(
          "org.eclipse.jetty.security.SecurityHandler", false, JettyUsers.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      return null;
    }
    return new JettyUsers(context);
  }

  // Null: none, or none whose users are known.
  private SecurityHandler security() {
    SecurityHandler handler = context.getDescendant(SecurityHandler.class);
    boolean known = handler != null && handler.getIdentityService() != null
        && handler.getLoginService() instanceof AbstractLoginService;
    return known ? handler : null;
  }

  /** Does the context know users? Else those that the session has stay as they are. */
  boolean isActive() {
    return security() != null;
  }

  /** Whom the attribute is for; null: nobody, or nobody who can be replicated. */
  SessionPrincipal principal(Object attribute) {
    if (!(attribute instanceof SessionAuthentication user)) return null;
    UserIdentity identity = user.getUserIdentity();
    if (identity == null || identity.getUserPrincipal() == null) return null;
    List<String> roles = identity.getSubject()
                             .getPrincipals(RolePrincipal.class)
                             .stream()
                             .map(RolePrincipal::getName)
                             .sorted()
                             .toList();
    try {
      return new SessionPrincipal(identity.getUserPrincipal().getName(), roles);
    } catch (IllegalArgumentException beyondItsLimits) {
      return null;
    }
  }

  /** How he has logged in. */
  String authType(Object attribute) {
    return attribute instanceof SessionAuthentication user ? user.getAuthenticationType() : null;
  }

  /** The attribute for a user who has logged in elsewhere; null: the context knows no users. */
  Object attribute(String authType, SessionPrincipal user) {
    SecurityHandler handler = security();
    if (handler == null) return null;
    Subject subject = new Subject();
    Principal principal = new UserPrincipal(user.name(), null);
    subject.getPrincipals().add(principal);
    for (String role : user.roles()) new RolePrincipal(role).configureForSubject(subject);
    subject.setReadOnly();
    UserIdentity identity = handler.getIdentityService().newUserIdentity(
        subject, principal, user.roles().toArray(String[] ::new));
    return new SessionAuthentication(authType, identity, null);
  }
}
