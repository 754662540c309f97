/**
 * What the connectors of all web servers do alike: their settings, how they join, what is known on
 * an instance of a session that is in the store, and how it is written and ended. It knows no
 * server, and has nothing of its own but a class loader's worth of code. docs/java.md has more.
 */
package io.cohort.connector;
