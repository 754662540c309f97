package io.cohort.jetty;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSessionEvent;
import jakarta.servlet.http.HttpSessionListener;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;

/** A Jetty with one context at /shop, a member of a group on loopback. */
final class Instance implements AutoCloseable {
  /** What a page does; its text is the answer. */
  interface Page {
    String answer(HttpServletRequest request, HttpServletResponse response) throws Exception;
  }

  private final LoopbackServer loopback;
  final Server server;
  final ServletContextHandler context = new ServletContextHandler(ServletContextHandler.SESSIONS);
  final CohortSessionDataStoreFactory factory;
  final AtomicInteger destroyed = new AtomicInteger();
  private final Map<String, Page> pages = new ConcurrentHashMap<>();

  Instance(String group, String name) {
    loopback = new LoopbackServer(group, name);
    server = loopback.server;
    factory = loopback.factory;
    context.setContextPath("/shop");
    context.addServlet(new ServletHolder(new PageServlet()), "/*");
    context.addEventListener(new HttpSessionListener() {
      @Override
      public void sessionDestroyed(HttpSessionEvent event) {
        destroyed.incrementAndGet();
      }
    });
    loopback.serve(context);
  }

  Instance page(String path, Page page) {
    pages.put(path, page);
    return this;
  }

  Instance start() throws Exception {
    server.start();
    return this;
  }

  String uri(String path) {
    return loopback.uri(path);
  }

  CohortSessionCache cache() {
    return (CohortSessionCache) context.getSessionHandler().getSessionCache();
  }

  CohortSessionDataStore store() {
    return (CohortSessionDataStore) cache().getSessionDataStore();
  }

  @Override
  public void close() throws Exception {
    server.stop();
  }

  private final class PageServlet extends HttpServlet {
    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
        throws IOException {
      String answer;
      try {
        answer = pages.get(request.getPathInfo()).answer(request, response);
      } catch (Exception e) {
        throw new IOException(e);
      }
      response.getOutputStream().print(answer);
    }
  }
}
