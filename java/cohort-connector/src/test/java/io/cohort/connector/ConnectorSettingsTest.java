package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.GroupOptions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ConnectorSettingsTest {
  private static final Wording WORDING = new Wording("shop: ", "p.", "'", "shorten it");
  private final ConnectorSettings settings = new ConnectorSettings();

  @BeforeEach
  void setWhatIsNeeded() {
    settings.set("group", "shop");
    settings.set("keyFile", "shop.key");
  }

  private void assertRefused(String name, String value, String words) {
    settings.set(name, value);
    String message = assertThrows(IllegalArgumentException.class, () -> {
      settings.groupSettings("n1", WORDING);
      settings.storeOptions("/shop", WORDING);
      settings.startsReplicated(WORDING);
      settings.isOn("detectChanges", WORDING);
    }).getMessage();
    assertEquals("shop: " + words, message);
    settings.set(name, "");
    setWhatIsNeeded();
  }

  @Test
  void eachWrongSettingIsNamedAsTheAdministratorWritesIt() {
    assertRefused(
        "group", " ", "p.group is not set: name the group of the instances, as p.group='shop'");
    assertRefused("keyFile", "",
        "p.keyFile is not set: make a key by `cohort keygen --out FILE`, copy the file to each"
            + " host, and set p.keyFile='FILE'; or p.allowPlaintext='loopback' to try it on one"
            + " host");
    assertRefused("noMulticast", "true", "p.noMulticast='true' needs p.seeds='HOST:PORT,...'");
    Map<String, String> right = Map.of("allowPlaintext", "no, loopback or network", "ack",
        "all or local", "replication", "on or off", "evict", "true or false", "noMulticast",
        "true or false", "detectChanges", "true or false", "ackTimeoutMs", "a number, at least 0",
        "bytesMax", "a number, at least 0", "successorStepMs", "a number, at least 0");
    right.forEach(
        (name, words) -> assertRefused(name, "-1", "p." + name + "='-1' must be " + words));
  }

  @Test
  void aNumberThatDoesNotFitIsRefusedAsOne() {
    assertRefused("bytesMax", "9".repeat(19),
        "p.bytesMax='"
            + "9".repeat(19) + "' must be a number, at least 0");
  }

  @Test
  void aNameThatIsNoSettingIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> settings.set("keyfile", "x"));
  }

  @Test
  void anApplicationsNameHasALimitInBytes() {
    String longest = "é".repeat(ConnectorSettings.APPLICATION_BYTES_MAX / 2);
    settings.storeOptions(longest, WORDING);
    String message = assertThrows(
        IllegalArgumentException.class, () -> settings.storeOptions(longest + "x", WORDING))
                         .getMessage();
    assertTrue(message.endsWith("has 57 bytes, at most 56: shorten it"), message);
  }

  @Test
  void whatIsNotSetHasADefaultAndWhatIsSetIsTaken() {
    GroupSettings plain = settings.groupSettings("n1", WORDING);
    assertEquals(new GroupSettings("shop", "n1", "", "", List.of(), false, "", "shop.key",
                     GroupOptions.Plaintext.NO),
        plain);
    assertTrue(settings.startsReplicated(WORDING));
    assertTrue(settings.isOn("detectChanges", WORDING));
    assertFalse(settings.isOn("evict", WORDING));
    settings.set("nodeName", "other");
    settings.set("seeds", "a:1, ,b:2");
    settings.set("noMulticast", true);
    settings.set("allowPlaintext", "LOOPBACK");
    GroupSettings all = settings.groupSettings("n1", WORDING);
    assertEquals(List.of("a:1", "b:2"), all.seeds());
    assertEquals("other", all.nodeName());
    assertTrue(all.noMulticast());
    assertEquals(GroupOptions.Plaintext.LOOPBACK, all.plaintext());
  }
}
