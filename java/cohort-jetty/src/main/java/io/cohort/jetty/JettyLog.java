package io.cohort.jetty;

import io.cohort.connector.ServerLog;
import org.slf4j.Logger;

/** Jetty's log, as connectors know it. */
record JettyLog(Logger log) implements ServerLog {
  @Override
  public void info(String line) {
    log.info("{}", line);
  }

  @Override
  public void warn(String line) {
    log.warn("{}", line);
  }

  @Override
  public void debug(String line) {
    log.debug("{}", line);
  }
}
