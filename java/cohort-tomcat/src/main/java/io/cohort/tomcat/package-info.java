/**
 * Replicated HTTP sessions for Tomcat 10.1 and 11: {@link io.cohort.tomcat.CohortManager} in the
 * {@code <Manager>} element of a context is all it takes. docs/tomcat.md tells how it is installed
 * and what it promises.
 */
package io.cohort.tomcat;
