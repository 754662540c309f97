package io.cohort.jetty;

import io.cohort.Group;
import io.cohort.connector.AnswerWaits;
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
  private int waitingThreadsMax = AnswerWaits.THREADS_MAX;

  /** The store of one context; joining and the transfer of its sessions come when it starts. */
  @Override
  public SessionDataStore getSessionDataStore(SessionManager manager) {
    ContextHandler context = ContextHandler.getCurrentContextHandler();
    if (context == null) {
      throw new IllegalStateException("replicated sessions need a context: put the SessionHandler"
          + " into a ContextHandler, also where there is only one");
    }
    AnswerStream.installInto(context);
    return new CohortSessionDataStore(this, JettyUsers.of(context));
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
    joined = groupSettings(workerName).join(new JettyLog(log));
    return joined;
  }

  /** In place of AnswerWaits.THREADS_MAX; before the start. */
  void setWaitingThreadsMax(int value) {
    waitingThreadsMax = value;
  }

  AnswerWaits newWaits() {
    AnswerWaits waits = new AnswerWaits();
    waits.setThreadsMax(waitingThreadsMax);
    allow(waits);
    return waits;
  }

  /** After the contexts, which begin later and so are stopped earlier. */
  @Override
  protected synchronized void doStop() throws Exception {
    super.doStop();
    if (joined == null) return;
    joined.close();
    joined = null;
  }
}
