package io.cohort.jetty;

import org.eclipse.jetty.session.AbstractSessionCacheFactory;
import org.eclipse.jetty.session.SessionCache;
import org.eclipse.jetty.session.SessionManager;

/**
 * Gives each context its {@link CohortSessionCache}. A session is always saved before its answer
 * begins: what is set by {@link #setFlushOnResponseCommit} and {@link #setSaveOnCreate} does not
 * matter.
 */
public class CohortSessionCacheFactory extends AbstractSessionCacheFactory {
  @Override
  public SessionCache newSessionCache(SessionManager manager) {
    return new CohortSessionCache(manager);
  }
}
