package io.cohort.tomcat.app;

import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.Serializable;

/** An attribute that takes long to be read, so that parallel requests meet while it is. */
public class Slow implements Serializable {
  private static final long serialVersionUID = 1;
  private static final long NANOS = 30_000_000;

  private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
    in.defaultReadObject();
    long end = System.nanoTime() + NANOS;
    while (System.nanoTime() < end) Thread.yield();
  }
}
