package io.cohort.tomcat;

import io.cohort.connector.ServerLog;
import org.apache.juli.logging.Log;

/** Tomcat's log, as connectors know it. */
record TomcatLog(Log log) implements ServerLog {
  @Override
  public void info(String line) {
    log.info(line);
  }

  @Override
  public void warn(String line) {
    log.warn(line);
  }

  @Override
  public void debug(String line) {
    log.debug(line);
  }
}
