/**
 * Groups, maps and session stores of Cohort in a JVM, over its C interface ({@code cohort/c.h},
 * whose headers tell what each call means). {@link io.cohort.Group#join} is where to begin;
 * docs/java.md tells threads, class loaders and limits.
 */
package io.cohort;
