package io.cohort.glassfish;

import io.cohort.connector.ServerLog;
import java.util.logging.Level;
import java.util.logging.Logger;

/** GlassFish's log, as connectors know it. */
record GlassFishLog(Logger log) implements ServerLog {
  @Override
  public void info(String line) {
    log.log(Level.INFO, () -> line);
  }

  @Override
  public void warn(String line) {
    log.log(Level.WARNING, () -> line);
  }

  @Override
  public void debug(String line) {
    log.log(Level.FINE, () -> line);
  }
}
