// COHORT_EXPORT marks what a shared libcohort shows; everything else is hidden.
#ifndef COHORT_EXPORT_H_
#define COHORT_EXPORT_H_

#if defined(__GNUC__)
#define COHORT_EXPORT [[gnu::visibility("default")]]
#else
#define COHORT_EXPORT
#endif

#endif  // COHORT_EXPORT_H_
