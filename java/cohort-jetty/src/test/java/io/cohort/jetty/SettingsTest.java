package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.session.DefaultSessionCacheFactory;
import org.junit.jupiter.api.Test;

/** Wrong settings end the start of the context, and say what to do. */
class SettingsTest {
  private static void expect(String words, Instance instance) throws Exception {
    Exception error = assertThrows(Exception.class, instance::start);
    instance.close();
    StringBuilder all = new StringBuilder();
    for (Throwable each = error; each != null; each = each.getCause()) {
      all.append(each.getMessage()).append('\n');
    }
    assertTrue(all.toString().contains(words), all.toString());
  }

  private static Instance instance() {
    return new Instance("settings", "n1");
  }

  @Test
  void aGroupAndItsKeyAreNeeded() throws Exception {
    Instance nameless = instance();
    nameless.factory.setGroup("");
    expect("jetty.cohort.group is not set: name the group", nameless);
    Instance keyless = instance();
    keyless.factory.setAllowPlaintext("no");
    expect("make a key by `cohort keygen", keyless);
  }

  @Test
  void wordsThatAreNoneOfTheKnownOnesAreRefused() throws Exception {
    Instance ack = instance();
    ack.factory.setAck("some");
    expect("jetty.cohort.ack=some must be all or local", ack);
    Instance replication = instance();
    replication.factory.setReplication("maybe");
    expect("jetty.cohort.replication=maybe must be on or off", replication);
    Instance seedless = instance();
    seedless.factory.setNoMulticast(true);
    expect("jetty.cohort.noMulticast=true needs jetty.cohort.seeds=", seedless);
  }

  @Test
  void aContextPathHasToFitIntoTheNameOfAMap() throws Exception {
    Instance deep = instance();
    deep.context.setContextPath("/"
        + "x".repeat(56));
    expect("has 57 bytes, at most 56", deep);
  }

  @Test
  void anotherCacheIsRefused() throws Exception {
    Instance other = instance();
    Server server = other.server;
    server.removeBean(server.getBean(CohortSessionCacheFactory.class));
    server.addBean(new DefaultSessionCacheFactory());
    expect("needs a CohortSessionCacheFactory beside it", other);
  }
}
