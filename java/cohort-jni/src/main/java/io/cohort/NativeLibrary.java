package io.cohort;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Locale;

/**
 * Loads libcohort_jni out of the jar, once for each class loader that has this class: put the jar
 * where the server's own classes are, so that a JVM has it once and an application that is loaded
 * again finds it there. It is written into a directory that only this user can enter, loaded, and
 * removed: the JVM does not need the file any more.
 *
 * <p>{@code -Dcohort.library=/path/libcohort_jni.so} loads that file instead.
 */
final class NativeLibrary {
  static final String PROPERTY = "cohort.library";
  static final String FILE = "libcohort_jni.so";

  private NativeLibrary() {}

  /** Throws UnsatisfiedLinkError, which says what is missing. */
  static void load() {
    String given = System.getProperty(PROPERTY);
    if (given != null) {
      System.load(Path.of(given).toAbsolutePath().toString());
      return;
    }
    String resource = "/native/" + platform() + "/" + FILE;
    try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new UnsatisfiedLinkError("this jar has no " + resource + "; see docs/java.md");
      }
      loadCopy(in);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot unpack " + resource, e);
    }
  }

  private static void loadCopy(InputStream in) throws IOException {
    // Others must not be able to put another file there between writing and loading.
    Path directory = Files.createTempDirectory("cohort-jni-",
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Path file = directory.resolve(FILE);
    try {
      Files.copy(in, file);
      System.load(file.toString());
    } finally {
      Files.deleteIfExists(file);
      Files.deleteIfExists(directory);
    }
  }

  static String platform() {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String processor = System.getProperty("os.arch");
    return system + "-" + (processor.equals("amd64") ? "x86_64" : processor);
  }
}
