package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.connector.ConnectorSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What docs/jetty.md and the module say of settings is what there is. */
class DocumentedSettingsTest {
  private static final Path BASE = Path.of("src/main/base");

  /** All but the application, which is the context path. */
  private static Set<String> known() {
    Set<String> names = new TreeSet<>(ConnectorSettings.NAMES);
    names.remove("application");
    return names;
  }

  private static Set<String> find(String pattern, String in) {
    Set<String> found = new TreeSet<>();
    Matcher matcher = Pattern.compile(pattern).matcher(in);
    while (matcher.find()) found.add(matcher.group(1));
    return found;
  }

  @Test
  void theTableHasThemAll() throws IOException {
    String text = Files.readString(Path.of("../../docs/jetty.md"));
    text = text.substring(text.indexOf("## Settings"));
    String columns = text.substring(0, text.indexOf("\n## ", 5))
                         .lines()
                         .filter(line -> line.startsWith("| `"))
                         .map(line -> line.split("\\|")[1])
                         .filter(column -> !column.contains("jetty.cohort"))
                         .collect(Collectors.joining());
    assertEquals(known(), find("`(\\w+)`", columns));
  }

  @Test
  void theModuleSetsThemAllByMethodsThatThereAre() throws IOException {
    String xml = Files.readString(BASE.resolve("etc/sessions/cohort.xml"));
    assertEquals(known(), find("<Set name=\"(\\w+)\" property=\"jetty\\.cohort\\.\\1\"/>", xml));
    Set<String> methods = Arrays.stream(CohortSessionDataStoreFactory.class.getMethods())
                              .map(java.lang.reflect.Method::getName)
                              .collect(Collectors.toSet());
    for (String name : known()) {
      String setter = "set" + Character.toUpperCase(name.charAt(0)) + name.substring(1);
      assertTrue(methods.contains(setter), setter);
    }
  }

  @Test
  void whatIsWrittenForAnAdministratorToFillInHasThemAll() throws IOException {
    String module = Files.readString(BASE.resolve("modules/session-store-cohort.mod"));
    assertEquals(known(), find("# jetty\\.cohort\\.(\\w+)=", module));
  }
}
