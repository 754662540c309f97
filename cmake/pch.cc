// Empty: the precompiled headers of CohortPch.cmake need a target, and a target needs a source.
