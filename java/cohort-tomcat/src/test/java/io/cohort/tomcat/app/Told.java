package io.cohort.tomcat.app;

import jakarta.servlet.ServletContext;
import jakarta.servlet.http.HttpSession;
import jakarta.servlet.http.HttpSessionAttributeListener;
import jakarta.servlet.http.HttpSessionBindingEvent;
import jakarta.servlet.http.HttpSessionEvent;
import jakarta.servlet.http.HttpSessionIdListener;
import jakarta.servlet.http.HttpSessionListener;
import java.util.ArrayList;
import java.util.List;

/** Writes down, in the attribute "told" of its application, what a session's listeners are told. */
public class Told
    implements HttpSessionListener, HttpSessionAttributeListener, HttpSessionIdListener {
  @SuppressWarnings("unchecked")
  static void tell(HttpSession session, String what) {
    ServletContext context = session.getServletContext();
    synchronized (Told.class) {
      List<String> told = (List<String>) context.getAttribute("told");
      if (told == null) context.setAttribute("told", told = new ArrayList<>());
      synchronized (told) {
        told.add(what);
        told.notifyAll();
      }
    }
  }

  @Override
  public void sessionCreated(HttpSessionEvent event) {
    tell(event.getSession(), "created");
  }

  @Override
  public void sessionDestroyed(HttpSessionEvent event) {
    tell(event.getSession(), "destroyed " + event.getSession().getAttribute("user"));
  }

  @Override
  public void attributeAdded(HttpSessionBindingEvent event) {
    tell(event.getSession(), "added " + event.getName());
  }

  @Override
  public void sessionIdChanged(HttpSessionEvent event, String oldId) {
    tell(event.getSession(), "id changed");
  }
}
