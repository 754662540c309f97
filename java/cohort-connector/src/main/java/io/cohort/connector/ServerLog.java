package io.cohort.connector;

/** The log of the server that a connector is in. Any threads. */
public interface ServerLog {
  /** What an administrator may want to know. */
  void info(String line);

  /** What an administrator should look at. */
  void warn(String line);

  /** The rest. */
  void debug(String line);

  /** The same log, for what no administrator need look at. */
  default ServerLog quiet() {
    ServerLog log = this;
    return new ServerLog() {
      @Override
      public void info(String line) {
        log.debug(line);
      }

      @Override
      public void warn(String line) {
        log.debug(line);
      }

      @Override
      public void debug(String line) {
        log.debug(line);
      }
    };
  }
}
