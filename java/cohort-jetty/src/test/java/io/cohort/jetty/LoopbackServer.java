package io.cohort.jetty;

import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.session.DefaultSessionIdManager;
import org.junit.jupiter.api.TestInfo;

/**
 * A Jetty on loopback that is a member of a group; what it serves, at /shop, comes from outside.
 */
final class LoopbackServer {
  final Server server = new Server();
  final CohortSessionDataStoreFactory factory = new CohortSessionDataStoreFactory();
  private final ServerConnector connector = new ServerConnector(server);

  LoopbackServer(String group, String name) {
    long pid = ProcessHandle.current().pid();
    factory.setGroup(group + "-" + pid);
    factory.setBind("127.0.0.1");
    factory.setMulticast("239.255.78.4:" + (20000 + pid % 20000));
    factory.setAllowPlaintext("loopback");
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    DefaultSessionIdManager ids = new DefaultSessionIdManager(server);
    ids.setWorkerName(name);
    server.addBean(ids, true);
    server.addBean(factory);
    server.addBean(new CohortSessionCacheFactory());
  }

  /** Before the start. */
  void serve(Handler context) {
    server.setHandler(context);
  }

  String uri(String path) {
    return "http://127.0.0.1:" + connector.getLocalPort() + "/shop" + path;
  }

  /** A test's own group. */
  static String groupOf(TestInfo test) {
    String name = test.getTestMethod().orElseThrow().getName();
    return name.length() > 40 ? name.substring(0, 40) : name;
  }
}
