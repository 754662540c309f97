package io.cohort;

import static io.cohort.Loopback.bytes;
import static io.cohort.Loopback.options;
import static io.cohort.Loopback.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Members in JVMs of their own. */
class ProcessesTest {
  @TempDir private Path temporary;

  private Process start(List<String> options, String... arguments) throws IOException {
    return Jvm.start(MemberMain.class, temporary, options, arguments);
  }

  @Test
  void whatAKilledJvmHadAcknowledgedIsHere() throws Exception {
    Loopback.Recorder told = new Loopback.Recorder();
    String fullGroup = "kill-" + Loopback.PID;
    try (Group a = Group.join(options("kill", "a").listener(told));
        ReplicatedMap map = a.openMap("s", MapKind.CONVERGENT)) {
      Process other = start(List.of(), "member", fullGroup, "b", "" + Loopback.PID);
      try (BufferedReader from = other.inputReader();
          PrintStream to = new PrintStream(other.getOutputStream(), true)) {
        assertEquals("joined", from.readLine());
        for (int i = 0; i < 200; ++i) {
          to.println(i);
          assertEquals("acked " + i, from.readLine());
        }
        other.destroyForcibly(); // As kill -9.
      }
      View view = told.await(View.class, each -> !each.left().isEmpty());
      assertEquals("b", view.left().get(0).member().name());
      assertEquals("crashed", view.left().get(0).cause());
      assertFalse(view.left().get(0).evidence().isEmpty());
      assertEquals("199", text(map.getAttribute(bytes("session"), bytes("n"))));
      assertEquals("b", text(map.getAttribute(bytes("session"), bytes("by"))));
      WriteResult result = map.putAttributes(
          bytes("session"), new Attributes().add("by", bytes("a")), WriteOptions.DEFAULT);
      assertEquals(1, result.replicas());
      assertEquals(137, other.waitFor());
    }
  }

  @Test
  void aMillionGetsAndNoticesLeaveNoMemoryBehindAndNoComplaintOfTheJvm() throws Exception {
    Process process = start(List.of(), "memory", "1000000");
    String said = Jvm.readAll(process);
    assertEquals(0, process.waitFor(), said);
    assertFalse(said.contains("WARNING"), said);
    assertTrue(said.matches("(?s)grown -?\\d+ KiB, lost \\d+\\s*"), said);
    long grownKib = Long.parseLong(said.replaceAll("(?s)grown (-?\\d+).*", "$1"));
    System.out.println("a million of each: " + said.strip());
    // One forgotten reference in a million calls is 8 MB at least; so is one forgotten buffer.
    assertTrue(grownKib < 7 * 1024, said);
  }

  @Test
  void theLibraryLeavesNoFileBehind() throws Exception {
    Process process = start(List.of(), "exit");
    String said = Jvm.readAll(process);
    assertEquals(0, process.waitFor(), said);
    try (var files = Files.list(temporary)) {
      assertEquals(List.of(), files.filter(file -> file.toString().contains("cohort")).toList());
    }
  }

  @Test
  void anotherLibraryCanBeGivenAndOneThatIsNotThereIsNamed() throws Exception {
    Process process = start(List.of("-Dcohort.library=/nowhere/libcohort_jni.so"), "exit");
    String said = Jvm.readAll(process);
    assertEquals(1, process.waitFor(), said);
    assertTrue(said.contains("/nowhere/libcohort_jni.so"), said);
  }
}
