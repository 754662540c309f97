package io.cohort.connector;

import io.cohort.Event;
import io.cohort.Group;
import io.cohort.GroupListener;
import io.cohort.GroupOptions;
import io.cohort.Member;
import io.cohort.View;
import java.util.List;

/**
 * How an instance joins its group, checked. Equal settings of several applications are one
 * membership.
 *
 * @param group name of the group, 1 to 64 bytes
 * @param nodeName of the instance, unique in the group; empty: host name and port
 * @param bind address, address and port, or interface; empty: the library's default
 * @param multicast address and port; empty: the library's default
 * @param seeds whom to ask
 * @param noMulticast only seeds
 * @param peerCache file; empty: none
 * @param keyFile the group's key; empty: none
 * @param plaintext whether it goes without a key
 */
public record GroupSettings(String group, String nodeName, String bind, String multicast,
    List<String> seeds, boolean noMulticast, String peerCache, String keyFile,
    GroupOptions.Plaintext plaintext) {
  /**
   * Two memberships of one name in one group cannot be.
   *
   * @param group its name
   * @param nodeName the instance's
   */
  public record Identity(String group, String nodeName) {}

  /** Which membership it is. */
  public Identity identity() {
    return new Identity(group, nodeName);
  }

  /** For {@link Group#join}; {@code listener} may be null. */
  public GroupOptions options(GroupListener listener) {
    GroupOptions options = new GroupOptions(group)
                               .name(nodeName)
                               .bind(bind)
                               .seeds(seeds)
                               .noMulticast(noMulticast)
                               .peerCache(peerCache)
                               .plaintext(plaintext)
                               .failureProfile(GroupOptions.FailureProfile.WEB_SESSIONS)
                               .listener(listener);
    // Without a value the library's own default holds.
    if (!multicast.isEmpty()) options.multicast(multicast);
    if (!keyFile.isEmpty()) options.keyFile(keyFile);
    return options;
  }

  /**
   * Joins, and tells the server's log of views and warnings. Blocks.
   *
   * @throws io.cohort.CohortException of {@link Group#join}
   */
  public Group join(ServerLog log) {
    // The threads that begin here must not belong to the application that happens to be the first.
    Thread thread = Thread.currentThread();
    ClassLoader context = thread.getContextClassLoader();
    thread.setContextClassLoader(GroupSettings.class.getClassLoader());
    try {
      return Group.join(options(new Teller(group, log)));
    } finally {
      thread.setContextClassLoader(context);
    }
  }

  private record Teller(String group, ServerLog log) implements GroupListener {
    @Override
    public void onView(View view) {
      List<String> members = view.members().stream().map(Member::name).toList();
      log.info("group " + group + ": members " + members);
    }

    @Override
    public void onEvent(Event event) {
      String line =
          "group " + group + ": " + event.kind() + " " + event.subjectName() + " " + event.text();
      if (event.kind().equals("warning")) {
        log.warn(line);
      } else {
        log.debug(line);
      }
    }
  }
}
