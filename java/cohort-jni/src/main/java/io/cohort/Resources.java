package io.cohort;

import java.lang.ref.Cleaner;

/** Closes what somebody has forgotten to close, once nobody can reach it any more. */
final class Resources {
  private static final Cleaner CLEANER = Cleaner.create();

  private Resources() {}

  static void closeWithout(Object owner, Handle handle) {
    CLEANER.register(owner, handle::close);
  }
}
