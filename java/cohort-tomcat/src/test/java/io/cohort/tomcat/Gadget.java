package io.cohort.tomcat;

import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.Serializable;

/** A class of the server, not of the application, that does something when it is read. */
final class Gadget implements Serializable {
  private static final long serialVersionUID = 1;
  static volatile boolean ran;

  private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
    ran = true;
    in.defaultReadObject();
  }
}
