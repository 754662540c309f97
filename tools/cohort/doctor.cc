// `cohort doctor`: why members do not find each other.
#include <cstdio>

#include "commands.h"

namespace cohort::tools {

int RunDoctor(int, char**) {
  std::fputs(
      "cohort doctor: not part of this build yet; `cohort node` tells in its `started` event which "
      "interface, addresses "
      "and buffers it uses\n",
      stderr);
  return kExitFailed;
}

}  // namespace cohort::tools
