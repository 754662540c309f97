package io.cohort.glassfish;

import io.cohort.SessionStoreOptions;
import io.cohort.connector.ConnectorSettings;
import io.cohort.connector.GroupSettings;
import io.cohort.connector.Wording;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;

/**
 * What the JVM options {@code -Dcohort.NAME=VALUE} of an instance say; docs/glassfish.md tells what
 * each is for. Whatever is wrong is an IllegalArgumentException, which says what to do.
 */
final class Settings {
  static final String PREFIX = "cohort.";

  private static final Wording WORDING =
      new Wording("", "-D" + PREFIX, "", "give the application a shorter context root");

  // Of cohort-jni.
  private static final String LIBRARY = "library";

  // What other connectors have besides.
  private static final Set<String> NOT_HERE = Set.of("application", "replication",
      "excludedAttributes", "allowedClasses", "detectChanges", "asyncAnswers");

  private final ConnectorSettings settings = new ConnectorSettings();

  private Settings() {}

  /** Those of these properties that are for Cohort. */
  static Settings of(Properties properties) {
    Set<String> names = new TreeSet<>(ConnectorSettings.NAMES);
    names.removeAll(NOT_HERE);
    names.add(LIBRARY);
    Settings read = new Settings();
    for (String key : properties.stringPropertyNames()) {
      if (!key.startsWith(PREFIX)) continue;
      String name = key.substring(PREFIX.length());
      if (!names.contains(name)) {
        throw new IllegalArgumentException(
            "-D" + key + " is not known; there are, after -D" + PREFIX + ": " + names);
      }
      if (!name.equals(LIBRARY)) read.settings.set(name, properties.getProperty(key));
    }
    read.groupSettings();
    return read;
  }

  GroupSettings groupSettings() {
    return settings.groupSettings("", WORDING);
  }

  SessionStoreOptions storeOptions(String application) {
    return settings.storeOptions(application, WORDING);
  }
}
