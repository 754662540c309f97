package io.cohort.jetty;

import io.cohort.Event;
import io.cohort.Group;
import io.cohort.GroupListener;
import io.cohort.Member;
import io.cohort.View;
import java.util.List;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.session.AbstractSessionManager;
import org.eclipse.jetty.session.SessionDataStore;
import org.eclipse.jetty.session.SessionDataStoreFactory;
import org.eclipse.jetty.session.SessionManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives each context with sessions its store. All contexts of the server share one membership in
 * the group, which begins with the first context that needs it and ends with the server.
 *
 * <p>Needs {@link CohortSessionCacheFactory} beside it. Any threads.
 */
public class CohortSessionDataStoreFactory
    extends ConfiguredFactory implements SessionDataStoreFactory {
  private static final Logger log = LoggerFactory.getLogger(CohortSessionDataStoreFactory.class);

  private Group joined;

  /** The store of one context; joining and the transfer of its sessions come when it starts. */
  @Override
  public SessionDataStore getSessionDataStore(SessionManager manager) {
    ContextHandler context = ContextHandler.getCurrentContextHandler();
    if (context == null) {
      throw new IllegalStateException("replicated sessions need a context: put the SessionHandler"
          + " into a ContextHandler, also where there is only one");
    }
    RefusingStream.installInto(context);
    return new CohortSessionDataStore(this);
  }

  private static Server serverOf(SessionManager manager) {
    return ((AbstractSessionManager) manager).getServer();
  }

  /**
   * Joins, or gives the membership that is there. Blocks; contexts that start at once get the same
   * one.
   */
  synchronized Group join(SessionManager manager, String workerName) {
    if (joined != null) return joined;
    if (serverOf(manager).isStopping()) throw new IllegalStateException("the server is stopping");
    // The threads that begin here must not belong to the application that happens to be the first.
    Thread thread = Thread.currentThread();
    ClassLoader context = thread.getContextClassLoader();
    thread.setContextClassLoader(getClass().getClassLoader());
    try {
      joined = Group.join(groupOptions(workerName, new Teller(group())));
    } finally {
      thread.setContextClassLoader(context);
    }
    return joined;
  }

  /** After the contexts, which begin later and so are stopped earlier. */
  @Override
  protected synchronized void doStop() throws Exception {
    super.doStop();
    if (joined == null) return;
    joined.close();
    joined = null;
  }

  /** What the group tells, in the log of the server. */
  private record Teller(String group) implements GroupListener {
    @Override
    public void onView(View view) {
      List<String> members = view.members().stream().map(Member::name).toList();
      log.info("group {}: members {}", group, members);
    }

    @Override
    public void onEvent(Event event) {
      if (event.kind().equals("warning")) {
        log.warn("group {}: {} {}", group, event.subjectName(), event.text());
      } else {
        log.debug("group {}: {} {} {}", group, event.kind(), event.subjectName(), event.text());
      }
    }
  }
}
