// Empty: the precompiled headers of CohortPch.cmake belong to a target, and a target needs a source.
