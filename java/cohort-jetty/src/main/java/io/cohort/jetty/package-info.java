/**
 * Replicated HTTP sessions for Jetty 12 (core and EE 10): {@link
 * io.cohort.jetty.CohortSessionDataStoreFactory} and {@link
 * io.cohort.jetty.CohortSessionCacheFactory} as beans of the server are all it takes; the module
 * {@code session-store-cohort} adds them. docs/jetty.md tells how it is installed and what it
 * promises.
 */
package io.cohort.jetty;
