package io.cohort;

/**
 * A view's name. Both zero: none.
 *
 * @param number grows
 * @param random tells views of several sides of a partition apart
 */
public record ViewId(long number, long random) {}
