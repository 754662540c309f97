package io.cohort;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Applications that are loaded, used and forgotten while the server goes on. */
class ReloadTest {
  private static final int ROUNDS = 20;
  private static final String APPLICATION = "io.cohort.application.";

  /** Has the classes of the application itself, and with {@code library} those of Cohort too. */
  private static final class ApplicationLoader extends URLClassLoader {
    private final String own;

    ApplicationLoader(boolean library) {
      super(library ? new URL[] {whereIs(Group.class), whereIs(ReloadTest.class)}
                    : new URL[] {whereIs(ReloadTest.class)},
          ReloadTest.class.getClassLoader());
      own = library ? "io.cohort." : APPLICATION;
    }

    private static URL whereIs(Class<?> known) {
      return known.getProtectionDomain().getCodeSource().getLocation();
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.startsWith(own)) return super.loadClass(name, resolve);
      synchronized (getClassLoadingLock(name)) {
        Class<?> loaded = findLoadedClass(name);
        return loaded == null ? findClass(name) : loaded;
      }
    }
  }

  private static void awaitCollected(List<WeakReference<ClassLoader>> loaders) {
    Loopback.awaitTrue("loaders that are still held: " + loaders.size(), () -> {
      System.gc();
      loaders.removeIf(each -> each.get() == null);
      return loaders.isEmpty();
    });
  }

  private static WeakReference<ClassLoader> useShop(Group server, List<Object> held)
      throws Exception {
    try (ApplicationLoader loader = new ApplicationLoader(false)) {
      Class<?> shop = loader.loadClass(APPLICATION + "Shop");
      assertSame(loader, shop.getClassLoader());
      held.add(shop.getMethod("inTheGroupOf", Group.class).invoke(null, server));
      return new WeakReference<>(loader);
    }
  }

  @Test
  void anApplicationThatHasClosedItsStoreIsNotHeldByTheServersGroup() throws Exception {
    List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
    // A server may keep the stores that it has closed.
    List<Object> held = new ArrayList<>();
    try (Group server = Group.join(Loopback.options("reload", "a"))) {
      for (int i = 0; i < ROUNDS; ++i) loaders.add(useShop(server, held));
      assertEquals(1, server.view().members().size());
      awaitCollected(loaders);
    }
    assertEquals(ROUNDS, held.size());
  }

  private static boolean somebodyTells() {
    return Thread.getAllStackTraces().keySet().stream().anyMatch(
        thread -> thread.getName().equals("cohort-notices"));
  }

  private static SessionStore openBeforeTheServer(List<WeakReference<ClassLoader>> loaders)
      throws Exception {
    try (ApplicationLoader loader = new ApplicationLoader(false)) {
      loaders.add(new WeakReference<>(loader));
      Class<?> shop = loader.loadClass(APPLICATION + "Shop");
      try (SessionStore first = (SessionStore) shop.getMethod("open").invoke(null)) {
        assertTrue(first.ids(1).isEmpty());
        return SessionStore.open(new SessionStoreOptions("/server"), null);
      }
    }
  }

  @Test
  void theThreadThatAnApplicationWasTheFirstToNeedDoesNotHoldIt() throws Exception {
    List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
    for (int i = 0; i < ROUNDS; ++i) {
      Loopback.awaitTrue("the thread of before ends", () -> !somebodyTells());
      try (SessionStore server = openBeforeTheServer(loaders)) {
        assertTrue(somebodyTells());
        awaitCollected(loaders);
        assertTrue(server.ids(1).isEmpty());
      }
    }
  }

  private static void openAndForget() {
    SessionStore store = SessionStore.open(new SessionStoreOptions("/forgotten"), null);
    store.subscribe(event -> {}, true);
    assertTrue(store.ids(1).isEmpty());
  }

  @Test
  void aStoreThatNobodyClosedIsClosedWhenNobodyCanReachIt() {
    Loopback.awaitTrue("the thread of before ends", () -> !somebodyTells());
    openAndForget();
    assertTrue(somebodyTells());
    Loopback.awaitTrue("the thread ends with the store", () -> {
      System.gc();
      return !somebodyTells();
    });
  }

  private static WeakReference<ClassLoader> useShopWithLibrary(int round) throws Exception {
    try (ApplicationLoader loader = new ApplicationLoader(true)) {
      Class<?> shop = loader.loadClass(APPLICATION + "Shop");
      assertNotSame(Group.class, loader.loadClass("io.cohort.Group"));
      shop.getMethod("withAGroupOfItsOwn", String.class, String.class, String.class)
          .invoke(null, "127.0.0.1", "239.255.78.3:" + (20000 + Loopback.PID % 20000),
              "own" + round + "-" + Loopback.PID);
      return new WeakReference<>(loader);
    }
  }

  @Test
  void anApplicationThatHasTheLibraryItselfIsUnloadedWithIt() throws Exception {
    List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
    for (int i = 0; i < ROUNDS; ++i) loaders.add(useShopWithLibrary(i));
    awaitCollected(loaders);
  }
}
