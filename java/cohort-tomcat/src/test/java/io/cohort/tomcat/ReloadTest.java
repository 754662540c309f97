package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Applications that are loaded again, while their server goes on. */
class ReloadTest {
  private static final int RELOADS = 20;

  @TempDir private Path temporary;

  @Test
  void sessionsOutliveReloadsAndNothingOfTheOldApplicationsIsLeft() throws Exception {
    try (Instance n1 = new Instance(temporary, "n1", manager -> {}).start();
        Instance n2 = new Instance(temporary, "n2", manager -> {}).start()) {
      reload(n1, n2);
    }
  }

  @Test
  void soDoSessionsThatAreOfOneInstanceAlone() throws Exception {
    try (Instance n1 =
             new Instance(temporary, "n1", manager -> manager.setReplication("off")).start()) {
      reload(n1, n1);
    }
  }

  private static void reload(Instance n1, Instance last) throws Exception {
    Browser user = new Browser();
    user.get(n1, "cart?name=cart");
    Set<String> threads = threadNames();
    List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
    for (int i = 0; i < RELOADS; ++i) {
      user.get(n1, "add?name=cart&value=" + i);
      loaders.add(new WeakReference<>(n1.context().getLoader().getClassLoader()));
      n1.context().reload();
    }
    assertEquals(RELOADS, user.get(last, "get?name=cart").split(",").length);
    Instance.awaitTrue("all old class loaders go", () -> {
      System.gc();
      return loaders.stream().allMatch(loader -> loader.get() == null);
    });
    Set<String> after = threadNames();
    after.removeAll(threads);
    assertFalse(after.stream().anyMatch(name -> name.contains("cohort")), after.toString());
  }

  private static Set<String> threadNames() {
    return Thread.getAllStackTraces()
        .keySet()
        .stream()
        .map(Thread::getName)
        .collect(Collectors.toSet());
  }
}
