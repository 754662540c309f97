// COHORT_EXPORT marks what a shared libcohort shows; everything else is hidden. COHORT_HIDDEN marks
// what a class that is shown keeps to itself.
#ifndef COHORT_EXPORT_H_
#define COHORT_EXPORT_H_

#if defined(__GNUC__)
#define COHORT_EXPORT [[gnu::visibility("default")]]
#define COHORT_HIDDEN [[gnu::visibility("hidden")]]
#else
#define COHORT_EXPORT
#define COHORT_HIDDEN
#endif

#endif  // COHORT_EXPORT_H_
