package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.connector.ConnectorSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.catalina.core.StandardContext;
import org.apache.tomcat.util.IntrospectionUtils;
import org.junit.jupiter.api.Test;

/** What docs/tomcat.md says of the element is what the element takes. */
class DocumentedSettingsTest {
  private static final Path DOCUMENT = Path.of("../../docs/tomcat.md");

  private static CohortManager manager() {
    StandardContext context = new StandardContext();
    context.setName("/shop");
    CohortManager manager = new CohortManager();
    manager.setContext(context);
    return manager;
  }

  /** Names in the table, each with its default: what is in backquotes, or nothing. */
  private static Map<String, String> table() throws IOException {
    String text = Files.readString(DOCUMENT);
    text = text.substring(text.indexOf("## What the element may say"));
    text = text.substring(0, text.indexOf("\n## ", 5));
    Map<String, String> found = new TreeMap<>();
    for (String line : text.lines().filter(each -> each.startsWith("| `")).toList()) {
      String[] columns = line.split("\\|");
      String[] defaults = columns[2].split(",");
      Matcher names = Pattern.compile("`(\\w+)`").matcher(columns[1]);
      for (int i = 0; names.find(); ++i) {
        String said = i < defaults.length ? defaults[i] : "";
        found.put(names.group(1), said.contains("`") ? said.replaceAll("[` ]", "") : "");
      }
    }
    return found;
  }

  @Test
  void allSettingsAreInTheTableAndNoOthers() throws IOException {
    assertEquals(ConnectorSettings.NAMES, new TreeSet<>(table().keySet()));
  }

  @Test
  void tomcatSetsEachOfThemByItsName() throws IOException {
    Set<String> flags = Set.of("noMulticast", "evict", "detectChanges", "asyncAnswers");
    Set<String> numbers = Set.of("ackTimeoutMs", "bytesMax", "successorStepMs");
    CohortManager manager = manager();
    for (String name : table().keySet()) {
      String value = flags.contains(name) ? "true" : numbers.contains(name) ? "7" : "x";
      assertTrue(IntrospectionUtils.setProperty(manager, name, value), name);
      assertEquals(value, String.valueOf(IntrospectionUtils.getProperty(manager, name)), name);
    }
  }

  @Test
  void theDefaultsAreThoseOfTheTable() throws IOException {
    CohortManager manager = manager();
    // What the library decides where nothing is said.
    Set<String> notHere = Set.of("nodeName", "multicast", "ackTimeoutMs", "successorStepMs");
    table().forEach((name, value) -> {
      if (value.isEmpty() || notHere.contains(name)) return;
      assertEquals(value, String.valueOf(IntrospectionUtils.getProperty(manager, name)), name);
    });
  }

  @Test
  void theElementThatIsShownNeedsNothingElse() throws Exception {
    Matcher shown = Pattern.compile("<Manager className=\"([\\w.]+)\" (.*?)/>")
                        .matcher(Files.readString(DOCUMENT));
    assertTrue(shown.find());
    assertEquals(CohortManager.class.getName(), shown.group(1));
    CohortManager manager = manager();
    Matcher attributes = Pattern.compile("(\\w+)=\"([^\"]*)\"").matcher(shown.group(2));
    while (attributes.find()) {
      assertTrue(IntrospectionUtils.setProperty(manager, attributes.group(1), attributes.group(2)));
    }
    assertEquals("shop", manager.groupSettings().group());
    assertEquals("/etc/shop.key", manager.groupSettings().keyFile());
  }
}
