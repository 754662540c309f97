package io.cohort.glassfish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.connector.ConnectorSettings;
import java.util.Properties;
import org.junit.jupiter.api.Test;

class SettingsTest {
  private static final Members MEMBERS = new Members("settings");

  private static String refusal(String... namesAndValues) {
    Properties properties = MEMBERS.properties("n1");
    for (int i = 0; i < namesAndValues.length; i += 2) {
      properties.setProperty(namesAndValues[i], namesAndValues[i + 1]);
    }
    return assertThrows(IllegalArgumentException.class,
        () -> Settings.of(properties).storeOptions("glassfish /shop"))
        .getMessage();
  }

  private static void assertSays(String what, String message) {
    assertTrue(message.contains(what), message);
  }

  @Test
  void whatIsWrongIsToldWithWhatToDo() {
    assertSays("-Dcohort.group is not set: name the group of the instances, as -Dcohort.group=shop",
        refusal("cohort.group", ""));
    assertSays("cohort keygen --out FILE", refusal("cohort.allowPlaintext", "no"));
    assertSays("must be no, loopback or network", refusal("cohort.allowPlaintext", "perhaps"));
    assertSays("needs -Dcohort.seeds", refusal("cohort.noMulticast", "true"));
    assertSays(
        "-Dcohort.noMulticast=yes must be true or false", refusal("cohort.noMulticast", "yes"));
    assertSays("-Dcohort.ack=one must be all or local", refusal("cohort.ack", "one"));
    assertSays("must be a number, at least 0", refusal("cohort.bytesMax", "-1"));
  }

  @Test
  void aSettingThatIsMisspeltIsRefusedWithThoseThereAre() {
    String message = refusal("cohort.keyfile", "/etc/shop.key");
    assertSays("-Dcohort.keyfile is not known", message);
    assertSays("keyFile", message);
  }

  @Test
  void aContextRootThatIsTooLongIsRefused() {
    Settings settings = Settings.of(MEMBERS.properties("n1"));
    String longest = "x".repeat(ConnectorSettings.APPLICATION_BYTES_MAX);
    settings.storeOptions(longest);
    String message =
        assertThrows(IllegalArgumentException.class, () -> settings.storeOptions(longest + "x"))
            .getMessage();
    assertSays("57 bytes, at most 56: give the application a shorter context root", message);
  }

  @Test
  void applicationsOfAnInstanceShareItsMembershipAndTheLastOneLeaves() {
    Settings settings = Settings.of(MEMBERS.properties("shared"));
    Membership.Share shop = Membership.acquire(settings, "glassfish /shop");
    Membership.Share again = Membership.acquire(settings, "glassfish /shop");
    Membership.Share other = Membership.acquire(settings, "glassfish /other");
    assertSame(shop.store(), again.store());
    assertNotSame(shop.store(), other.store());
    shop.close();
    shop.close();
    other.close();
    assertEquals(0, again.store().stats().sessions());
    again.close();
    assertThrows(IllegalStateException.class, () -> again.store().stats());
    // It was left: the same name can join again.
    Membership.acquire(settings, "glassfish /shop").close();
  }
}
