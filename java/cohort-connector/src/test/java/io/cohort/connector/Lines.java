package io.cohort.connector;

import java.util.ArrayList;
import java.util.List;

/** A log that a test reads. */
final class Lines implements ServerLog {
  final List<String> warnings = new ArrayList<>();
  final List<String> infos = new ArrayList<>();

  @Override
  public synchronized void info(String line) {
    infos.add(line);
  }

  @Override
  public synchronized void warn(String line) {
    warnings.add(line);
  }

  @Override
  public void debug(String line) {}
}
