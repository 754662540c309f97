// Everything of the C++ interface but cohort/asio.h, which needs Asio.
#ifndef COHORT_COHORT_H_
#define COHORT_COHORT_H_

#include "cohort/channel.h"         // IWYU pragma: export
#include "cohort/codec.h"           // IWYU pragma: export
#include "cohort/counter.h"         // IWYU pragma: export
#include "cohort/delivery_class.h"  // IWYU pragma: export
#include "cohort/events.h"          // IWYU pragma: export
#include "cohort/group.h"           // IWYU pragma: export
#include "cohort/ids.h"             // IWYU pragma: export
#include "cohort/lock.h"            // IWYU pragma: export
#include "cohort/options.h"         // IWYU pragma: export
#include "cohort/replicated_map.h"  // IWYU pragma: export
#include "cohort/request.h"         // IWYU pragma: export
#include "cohort/session.h"         // IWYU pragma: export
#include "cohort/session_store.h"   // IWYU pragma: export
#include "cohort/stats.h"           // IWYU pragma: export
#include "cohort/subscription.h"    // IWYU pragma: export
#include "cohort/typed_map.h"       // IWYU pragma: export
#include "cohort/view.h"            // IWYU pragma: export
#include "cohort/write_batch.h"     // IWYU pragma: export

#endif  // COHORT_COHORT_H_
