package io.cohort.tomcat;

import java.nio.file.Path;

/** An instance in a JVM of its own, for a test that kills it. */
final class InstanceMain {
  private InstanceMain() {}

  public static void main(String[] arguments) throws Exception {
    Instance instance = new Instance(Path.of(arguments[0]), arguments[1],
        Long.parseLong(arguments[2]), manager -> {}, context -> {})
                            .start();
    System.out.println("port " + instance.port());
    System.in.read();
    System.exit(0);
  }
}
