package io.cohort.tomcat;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.catalina.core.StandardContext;

/** A server in which an application comes and goes, and which says what is left of it. */
final class UndeployMain {
  private static final int WARM = 10;

  private UndeployMain() {}

  public static void main(String[] arguments) throws Exception {
    Path base = Path.of(arguments[0]);
    int rounds = Integer.parseInt(arguments[1]);
    // The application that stays keeps the membership.
    try (Instance server = new Instance(base, "n1", manager -> {}).start()) {
      List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
      for (int i = 0; i < WARM; ++i) deployAndUndeploy(server, base, loaders);
      awaitCollected(loaders);
      long kib = residentKib();
      long threads = threads();
      for (int i = 0; i < rounds; ++i) deployAndUndeploy(server, base, loaders);
      awaitCollected(loaders);
      System.out.println("grown " + (residentKib() - kib) + " KiB, " + (threads() - threads)
          + " threads of cohort");
    }
    System.exit(0);
  }

  private static void deployAndUndeploy(
      Instance server, Path base, List<WeakReference<ClassLoader>> loaders) throws Exception {
    StandardContext added = server.addApplication("/guest", base.resolve("guest" + loaders.size()));
    CohortManager manager = Instance.newManager(Instance.PID);
    added.setManager(manager);
    // It was started without it, when it was added.
    added.stop();
    added.start();
    loaders.add(new WeakReference<>(added.getLoader().getClassLoader()));
    CohortSession session = (CohortSession) manager.createSession(null);
    session.getSession().setAttribute("x", new byte[400_000]);
    session.endAccess();
    manager.processExpires();
    if (manager.store().stats().sessions() < 1) throw new AssertionError("it was not saved");
    session.getSession().invalidate();
    added.getParent().removeChild(added);
  }

  private static void awaitCollected(List<WeakReference<ClassLoader>> loaders) {
    Instance.awaitTrue("the loaders of applications that are gone go", () -> {
      System.gc();
      return loaders.stream().allMatch(each -> each.get() == null);
    });
  }

  private static long threads() {
    return Thread.getAllStackTraces()
               .keySet()
               .stream()
               .filter(each -> each.getName().contains("cohort"))
               .count()
        + nativeThreads();
  }

  private static long nativeThreads() {
    try (var tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks.filter(UndeployMain::isOurs).count();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static boolean isOurs(Path task) {
    try {
      return Files.readString(task.resolve("comm")).startsWith("cohort-");
    } catch (IOException itHasEnded) {
      return false;
    }
  }

  private static long residentKib() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) return Long.parseLong(line.replaceAll("\\D", ""));
    }
    throw new IOException("no VmRSS");
  }
}
