package io.cohort.tomcat;

import java.io.IOException;

/** The answer of a request that the application has done with, and which waits for its save. */
interface LateAnswer {
  /** It waits from now on: null. Or what became of the save, if that is known already. */
  Saved begin() throws IOException;

  /** What became of the save, once. Any thread, which is not held up. */
  void saved(Saved value);
}
