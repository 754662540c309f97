package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Applications that are deployed and undeployed, while their server goes on. */
class UndeployTest {
  private static final int ROUNDS = 20;

  // There is a session of 400 KB each time. The JVM itself grows by 2 MiB, whatever the rounds; its
  // second compiler by more, when a loaded machine lets it work after the warm rounds: it is off.
  private static final long GROWN_KIB_MAX = ROUNDS * 300;

  @TempDir private Path temporary;

  @Test
  void twentyApplicationsThatWereUndeployedLeaveNoLoaderNoThreadAndNoMemory() throws Exception {
    List<String> command = List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xms96m", "-Xmx96m",
        "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.io=ALL-UNNAMED",
        "-cp", System.getProperty("java.class.path"), "io.cohort.tomcat.UndeployMain",
        temporary.toString(), "" + ROUNDS);
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String said =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertEquals(0, process.waitFor(), said);
    System.out.println("undeployed " + ROUNDS + " times: " + said);
    assertTrue(said.matches("grown -?\\d+ KiB, 0 threads of cohort"), said);
    assertTrue(Long.parseLong(said.split(" ")[1]) < GROWN_KIB_MAX, said);
  }
}
