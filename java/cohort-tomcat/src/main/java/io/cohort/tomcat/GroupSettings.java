package io.cohort.tomcat;

import io.cohort.GroupListener;
import io.cohort.GroupOptions;
import java.util.List;

/** How the group is joined. Equal settings of several contexts are one membership. */
record GroupSettings(String group, String nodeName, String bind, String multicast,
    List<String> seeds, boolean noMulticast, String peerCache, String keyFile,
    GroupOptions.Plaintext plaintext) {
  /** Two memberships of one name in one group cannot be. */
  record Identity(String group, String nodeName) {}

  Identity identity() {
    return new Identity(group, nodeName);
  }

  GroupOptions options(GroupListener listener) {
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
}
