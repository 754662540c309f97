// What a map operation is about: its keys, as the sender keeps them in order (Spec 5.23).
#ifndef COHORT_MAP_SUBJECTS_H_
#define COHORT_MAP_SUBJECTS_H_

#include "base/subjects.h"
#include "map/map_op.h"

namespace cohort::map {

// Of the writes of a caller: their keys, hashed with the map's name; of a CLEAR kEverySubject. None
// for the rest, whose sender says it (kReplicaSubject).
Subjects SubjectsOf(const MapOp& op);

}  // namespace cohort::map

#endif  // COHORT_MAP_SUBJECTS_H_
