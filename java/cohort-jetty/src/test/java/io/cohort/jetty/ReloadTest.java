package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;

import jakarta.servlet.http.HttpSession;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** An application that is stopped and started again, each time with a loader of its own. */
class ReloadTest extends TwoServers {
  private static final int RELOADS = 20;

  private static final class ApplicationLoader extends URLClassLoader {
    ApplicationLoader() {
      super(new URL[] {ReloadTest.class.getProtectionDomain().getCodeSource().getLocation()},
          ReloadTest.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.equals("io.cohort.jetty.Carried")) return super.loadClass(name, resolve);
      synchronized (getClassLoadingLock(name)) {
        Class<?> loaded = findLoadedClass(name);
        return loaded == null ? findClass(name) : loaded;
      }
    }
  }

  private static Set<String> threads() {
    return Thread.getAllStackTraces()
        .keySet()
        .stream()
        .map(Thread::getName)
        .filter(name -> name.contains("cohort"))
        .collect(Collectors.toSet());
  }

  private static void carry(HttpSession session) throws ReflectiveOperationException {
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    Object was = session.getAttribute("carried");
    if (was != null && was.getClass().getClassLoader() != loader) {
      throw new AssertionError("it is of the application before");
    }
    session.setAttribute("carried",
        loader.loadClass("io.cohort.jetty.Carried").getDeclaredConstructor().newInstance());
    Integer n = (Integer) session.getAttribute("n");
    session.setAttribute("n", n == null ? 1 : n + 1);
  }

  @Test
  void sessionsOutliveReloadsAndNothingOfTheOldApplicationsIsLeft() throws Exception {
    List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
    use(first, "/carry", ReloadTest::carry);
    Set<String> before = threads();
    for (int i = 0; i < RELOADS; ++i) {
      first.context.stop();
      ApplicationLoader loader = new ApplicationLoader();
      first.context.setClassLoader(loader);
      loaders.add(new WeakReference<>(loader));
      loader = null;
      first.context.start();
      user.get(first, "/carry");
    }
    assertEquals("" + RELOADS, user.get(second, "/read"));
    loaders.remove(RELOADS - 1);
    await("all old class loaders go", () -> {
      System.gc();
      return loaders.stream().allMatch(each -> each.get() == null);
    });
    Set<String> after = threads();
    after.removeAll(before);
    assertEquals(Set.of(), after);
  }
}
