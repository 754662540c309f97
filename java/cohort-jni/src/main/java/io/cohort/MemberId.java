package io.cohort;

/**
 * A process and how often it has asked to join. All zero: nobody.
 *
 * @param instanceHigh of 128 random bits, drawn when the process started
 * @param instanceLow the other half
 * @param joinNo grows when the member comes back from another side of a partition
 */
public record MemberId(long instanceHigh, long instanceLow, long joinNo) {}
