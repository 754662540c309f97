package io.cohort.jetty;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.session.SessionHandler;
import org.eclipse.jetty.util.Callback;

/** A Jetty without servlets: handlers of its core, in a context at /shop, a member of a group. */
final class CoreInstance implements AutoCloseable {
  /** What a page does; its text is the answer. */
  interface Page {
    String answer(Request request, Response response) throws Exception;
  }

  private final LoopbackServer loopback;
  private final SessionHandler sessions = new SessionHandler();
  private final Map<String, Page> pages = new ConcurrentHashMap<>();

  CoreInstance(String group, String name) {
    loopback = new LoopbackServer(group, name);
    sessions.setHandler(new Pages());
    loopback.serve(new ContextHandler(sessions, "/shop"));
  }

  CoreInstance page(String path, Page page) {
    pages.put(path, page);
    return this;
  }

  CoreInstance start() throws Exception {
    loopback.server.start();
    return this;
  }

  String uri(String path) {
    return loopback.uri(path);
  }

  CohortSessionDataStore store() {
    return (CohortSessionDataStore) sessions.getSessionCache().getSessionDataStore();
  }

  @Override
  public void close() throws Exception {
    loopback.server.stop();
  }

  private final class Pages extends Handler.Abstract {
    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
      String answer = pages.get(Request.getPathInContext(request)).answer(request, response);
      Content.Sink.write(response, true, answer, callback);
      return true;
    }
  }
}
